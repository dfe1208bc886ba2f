import { describe, expect, it } from 'vitest';
import { createTurnsByKey } from '../core/async/turns.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts';
import desec from './desec.ts';
import bench, { connect, testDesec, tokens } from './test-desec.ts';
import { encodedTxt } from './test-txt.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const zone = 'example.test';
const at = (host: string, value = 'abc'): DnsValue => ({
  zone,
  name: `_acme-challenge.${host}${zone}`,
  value,
  ttl: 3600,
});

function start({ limited = false, clock }: { limited?: boolean; clock?: FakeClock } = {}) {
  const made = testWorld((auto) => testDesec(clock ?? auto, limited));
  const world = clock ? { ...made.world, clock } : made.world;
  const turns = createTurnsByKey();
  /** Dns01 with this provider, as in one of several processes. */
  const writerOf = (provider = connect(world)) =>
    createZoneWriter({
      ...{ provider, clock: world.clock, traits: desec.traits },
      lock: (resource, over, change) => turns(resource, () => change(over), over),
    });
  return { ...made.fake, world, writerOf };
}

describe('the requests', () => {
  it('are one list and one write for all names', async () => {
    const { api, domains, writerOf } = start();
    const { add, remove } = writerOf();
    const values = [at(''), at('', 'def'), at('a.'), at('b.c.')];
    await Promise.all(values.map((value) => add(value, signal)));
    expect(domains[zone]?.sets).toEqual([
      { subname: '_acme-challenge.b.c', type: 'TXT', ttl: 3600, records: ['"abc"'] },
      { subname: '_acme-challenge.a', type: 'TXT', ttl: 3600, records: ['"abc"'] },
      { subname: '_acme-challenge', type: 'TXT', ttl: 3600, records: ['"abc"', '"def"'] },
    ]);
    await Promise.all(values.map((value) => remove(value, undefined, signal)));
    expect(domains[zone]?.sets).toEqual([]);
    const path = '/api/v1/domains/example.test/rrsets/';
    expect(api.calls.map(({ name }) => name)).toEqual([`GET ${path}`, `PATCH ${path}`, `GET ${path}`, `PATCH ${path}`]);
  });

  it('find a set on the third page, and keep what others have there', async () => {
    const { api, domains, plant, writerOf } = start();
    const { add, remove } = writerOf();
    const long = 'of others '.repeat(30);
    for (const host of ['', 'a.']) plant(at(host, long));
    for (let n = 0; n < 1_200; n += 1) plant({ ...at(''), name: `n${n}.${zone}` });
    const before = structuredClone(domains[zone]?.sets);
    await Promise.all([add(at(''), signal), add(at('a.'), signal)]);
    expect(domains[zone]?.sets.at(-1)?.records).toEqual([encodedTxt(long), '"abc"']);
    await Promise.all([remove(at(''), undefined, signal), remove(at('a.'), undefined, signal)]);
    expect(domains[zone]?.sets).toEqual(before);
    expect(api.calls.filter(({ method }) => method === 'GET')).toHaveLength(6);
  });
});

describe('within its limits (2 writes a second, 15 a minute, 100 an hour, 300 a day)', () => {
  const values = Array.from({ length: 40 }, (_, n) => at(`n${n}.`));

  it('40 names at once take one write to add and one to remove', async () => {
    const { api, values: there, writerOf } = start({ limited: true });
    const { add, remove } = writerOf();
    await Promise.all(values.map((value) => add(value, signal)));
    expect(there(zone)).toHaveLength(40);
    await Promise.all(values.map((value) => remove(value, undefined, signal)));
    expect(there(zone)).toEqual([]);
    expect(api.calls.filter(({ method }) => method === 'PATCH').map(({ result }) => result)).toEqual([200, 200]);
  });

  it('40 names one after another, in two processes, lose no value and take a few minutes', async () => {
    const clock = fakeClock();
    const { api, values: there, writerOf } = start({ limited: true, clock });
    api.fault({ kind: 'delay', ms: 300 }, { times: Number.POSITIVE_INFINITY });
    const processes = [writerOf(), writerOf()];
    const inTurn = async (change: (value: DnsValue, of: number) => Promise<unknown>) => {
      const done: Promise<unknown>[] = [];
      for (const [n, value] of values.entries()) {
        done.push(change(value, n % 2));
        await clock.advance(500);
      }
      let isDone = false;
      const all = Promise.all(done).finally(() => {
        isDone = true;
      });
      while (!isDone) await clock.advance(1_000);
      return all;
    };
    await inTurn((value, of) => processes[of]!.add(value, signal));
    expect(
      there(zone)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(values.map(({ name }) => name).sort());
    await inTurn((value, of) => processes[1 - of]!.remove(value, undefined, signal));
    expect(there(zone)).toEqual([]);
    expect(clock.monotonicMs()).toBeLessThan(5 * 60_000);
    expect(api.calls.filter(({ method, result }) => method === 'PATCH' && result === 200).length).toBeLessThan(60);
  });

  it('says when the limit of a day ends', async () => {
    const { world, writerOf } = start({ limited: true });
    const { add, remove } = writerOf();
    const change = async () => {
      for (let n = 0; n < 200; n += 1) {
        await add(at(''), signal);
        await remove(at(''), undefined, signal);
      }
    };
    await expect(change()).rejects.toMatchObject({ code: 'dns/limited', retryAt: expect.any(Date) });
    const error = await change().catch((thrown: { retryAt: Date }) => thrown);
    expect(error?.retryAt.getTime()).toBeGreaterThan(world.clock.now().getTime() + 60_000);
  });
});

describe('a refusal', () => {
  it.each([
    ['a wrong token', { token: tokens.wrong }, zone, 'Invalid token', 'Check `token`'],
    ['a domain that the account lacks', {}, 'example.com', 'Not found', 'has no domain example.com'],
    ['a token that may not write', { token: tokens.readOnly }, zone, 'Insufficient token permissions', 'a policy'],
  ])('names what to mend: %s', async (_what, options, of, reason, hint) => {
    const { world, writerOf } = start();
    const value = { ...at(''), zone: of, name: `_acme-challenge.${of}` };
    await expect(writerOf(connect(world, options)).add(value, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: `deSEC refused to change ${value.name}: ${reason}`,
      hint: expect.stringContaining(hint),
    });
  });

  it('says which part of a write is wrong', async () => {
    const { writerOf } = start();
    await expect(writerOf().add({ ...at(''), ttl: 60 }, signal)).rejects.toMatchObject({
      message: expect.stringContaining('ttl: Ensure this value is greater than or equal to 3600'),
    });
  });
});

it.each([{ file: 'dns_desec_token = abcd\n' }, { env: { DESEC_TOKEN: 'abcd' } }, { env: { DEDYN_TOKEN: 'abcd' } }])(
  'the token as other clients have it: %o',
  async (from) => {
    expect(await optionsFrom(desec, from)).toEqual({ token: 'abcd' });
  },
);
