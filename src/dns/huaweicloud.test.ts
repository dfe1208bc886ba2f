import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { World } from '../ports/world.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import huaweicloud from './huaweicloud.ts';
import bench, { fakeHuawei, rightKeys } from './test-huaweicloud.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

function start() {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeHuawei(clock, { pendingMs: 2_000 });
  const log = { debug() {}, info() {}, warn() {} };
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const world = { clock, random, log, http: () => fake.api.http } as unknown as World;
  const provider = huaweicloud.connect({
    name: 'dns',
    world,
    options: huaweicloud.options.parse({
      accessKeyId: new Secret(rightKeys.id),
      secretAccessKey: new Secret(rightKeys.secret),
    }),
  });
  const writer = createZoneWriter({
    ...{ provider, clock, traits: huaweicloud.traits },
    lock: (_resource, over, change) => change(over),
  });
  const zone = fake.zones.find(({ name, type }) => name === 'example.test' && type === 'public')!;
  return { ...fake, clock, provider, writer, zone };
}

describe('a change', () => {
  it('waits until an earlier one of the set is done', async () => {
    const { writer, values, clock } = start();
    for (const one of ['a', 'b', 'c']) await writer.add({ ...value, value: one }, signal);
    expect(values('example.test').map((one) => one.value)).toEqual(['a', 'b', 'c']);
    expect(clock.sleeps.length).toBeGreaterThan(1);
  });

  it('of a set that is being deleted creates a new one', async () => {
    const { writer, values, zone } = start();
    await writer.add(value, signal);
    await writer.remove(value, undefined, signal);
    expect([...zone.sets.values()].map(({ pending }) => pending?.status)).toEqual(['PENDING_DELETE']);
    await writer.add(value, signal);
    expect(values('example.test')).toEqual([{ name: value.name, value: 'abc' }]);
  });

  it('keeps TTL and values of others word for word', async () => {
    const { writer, zone } = start();
    const theirs = ['"one" "two"', String.raw`"a \"b\" \\"`];
    zone.sets.set('s1', { id: 's1', name: value.name, type: 'TXT', ttl: 300, records: theirs });
    await writer.add(value, signal);
    expect(zone.sets.get('s1')).toMatchObject({ ttl: 300, records: [...theirs, '"abc"'] });
    await writer.remove(value, undefined, signal);
    expect(zone.sets.get('s1')).toMatchObject({ ttl: 300, records: theirs });
  });

  it('of a set that another program has created or deleted meanwhile is a conflict', async () => {
    const { provider, plant } = start();
    const change = { name: value.name, add: ['abc'], remove: [], ttl: 60 };
    const write = (before: { values: string[]; tag: string } | undefined, after: string[]) =>
      provider.write('example.test', [{ ...change, before, after }], signal);
    await expect(write({ values: ['theirs'], tag: 'gone' }, ['abc'])).rejects.toMatchObject({ code: 'dns/conflict' });
    await write({ values: ['theirs'], tag: 'gone' }, []);
    plant({ ...value, value: 'theirs' });
    await expect(write(undefined, ['abc'])).rejects.toMatchObject({ code: 'dns/conflict' });
  });

  it.each([
    ['a CNAME', { type: 'CNAME', records: ['x.test.'] }, 'conflicts with Record Set', 'Look at the records'],
    ['a set for one line', { type: 'TXT', records: ['"x"'], line: 'Dianxin' }, 'for certain lines only', 'Remove them'],
  ])('is refused where %s is', async (_what, set, reason, hint) => {
    const { writer, zone } = start();
    zone.sets.set('s1', { id: 's1', name: value.name, ttl: 60, ...set });
    await expect(writer.add(value, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
    });
  });
});

it('refuses a zone that is private, or another’s', async () => {
  const { provider, addZone } = start();
  addZone('private.test', 'private');
  for (const zone of ['private.test', 'other.test'])
    await expect(provider.check?.(zone, signal)).rejects.toMatchObject({
      message: expect.stringContaining(`no public zone ${zone}`),
      hint: expect.stringContaining('`accessKeyId`'),
    });
});

it('says that the clock is wrong', async () => {
  const { provider, api, clock } = start();
  const date = new Date(clock.now().getTime() - 20 * 60_000).toUTCString();
  const body = { error_code: 'APIGW.0301', error_msg: 'Incorrect IAM authentication information' };
  api.fault({ kind: 'status', status: 401, headers: { date }, body });
  await expect(provider.check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
});
