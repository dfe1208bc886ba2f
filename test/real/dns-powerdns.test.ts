import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import powerdns from '../../src/dns/powerdns.ts';
import { testLocks } from '../../src/engine/locks/test-locks.ts';
import { createZoneWriter } from '../../src/engine/solvers/zone-writer.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { DnsValue } from '../../src/ports/dns-provider.ts';
import type { Http } from '../../src/ports/http.ts';
import type { World } from '../../src/ports/world.ts';
import { type DnsProviderBench, dnsProviderContract } from '../../src/testing/dns-provider-contract.ts';
import { drawnExcept } from '../support/drawn.ts';
import { type Powerdns, powerdnsPrograms, startPowerdns } from '../support/powerdns.ts';
import { isLong, sampled } from '../support/seeded.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const zones = ['example.test', 'sub.example.test', ...Array.from({ length: 20 }, (_, at) => `zone${at}.test`)];
const lines: string[] = [];

describeWith(powerdnsPrograms, 'powerdns on PowerDNS', () => {
  let server: Powerdns;
  let world: World;
  const notified = createSocket('udp4');
  let notices = 0;

  beforeAll(async () => {
    notified.bind(0, '127.0.0.1').on('message', () => {
      notices += 1;
    });
    await once(notified, 'listening');
    const log = (line: string) => void lines.push(line);
    world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
    server = await startPowerdns({ zones, alsoNotify: `127.0.0.1:${notified.address().port}` });
  });
  afterAll(async () => {
    notified.close();
    await world.close();
  });

  /** @param old the server answers as one before 4.9.12 */
  const connect = ({ endpoint = server.endpoint, apiKey = server.apiKey, old = false } = {}) =>
    powerdns.connect({
      name: 'dns',
      world: old ? { ...world, http: () => withoutSingleChanges(world.http()) } : world,
      options: { endpoint, server: 'localhost', apiKey: new Secret(apiKey) },
    });

  for (const old of sampled([false, true], 1, 'forms of a change'))
    describe(old ? 'with whole sets' : 'with single changes', () => {
      dnsProviderContract(drawnExcept(/is there after append/), async (): Promise<DnsProviderBench> => {
        lines.length = 0;
        const nobody = await freePort();
        return {
          ...{ traits: powerdns.traits, zone: 'example.test', subZone: 'sub.example.test', clock: world.clock },
          connect: () => connect({ old }),
          connectRefused: () => connect({ old, apiKey: 'another-key' }),
          connectUnreachable: () => connect({ old, endpoint: `http://127.0.0.1:${nobody}` }),
          values: (zone) => server.txt(zone),
          plant: async ({ zone, name, value, ttl }) => {
            const quoted = `"${value}"`.replaceAll("'", "''");
            await server.sql(
              `insert into records (domain_id, name, type, content, ttl) select id, '${name}', 'TXT', '${quoted}', ${ttl} from domains where name = '${zone}';`,
            );
          },
          secrets: [server.apiKey, 'another-key'],
          logged: () => lines,
          stop: async () => void (await server.sql("delete from records where type = 'TXT';")),
        };
      });
    });

  const many = isLong ? 200 : 60;
  it.each(sampled([false, true], 1, 'forms of many changes'))(
    `${many} names over 20 zones at once, from two processes (whole sets: %s)`,
    async (old) => {
      const locks = testLocks(world.clock);
      const processes = [0, 1].map(() => {
        const provider = connect({ old });
        return createZoneWriter({
          ...{ provider, traits: powerdns.traits, clock: world.clock },
          lock: (resource, over, change) =>
            locks.with(
              `dns powerdns ${resource}`,
              (document) => document,
              (held) => held.effect(over, () => change(over)),
              over,
            ),
        });
      });
      const values = Array.from({ length: many }, (_, at): DnsValue => {
        const zone = `zone${at % 20}.test`;
        return { zone, name: `_acme-challenge.n${at}.${zone}`, value: `value-${at}`, ttl: 60 };
      });
      const began = performance.now();
      // Apex and wildcard have their values at the same name.
      const pairs = values.flatMap((value) => [value, { ...value, value: `${value.value}-wildcard` }]);
      await Promise.all(pairs.map((value, at) => processes[at % 2]!.add(value, signal)));
      const there = (await Promise.all(zones.slice(2).map((zone) => server.txt(zone)))).flat();
      expect(there.map(({ value }) => value).sort()).toEqual(pairs.map(({ value }) => value).sort());
      await Promise.all(pairs.map((value, at) => processes[(at + 1) % 2]!.remove(value, undefined, signal)));
      expect((await Promise.all(zones.slice(2).map((zone) => server.txt(zone)))).flat()).toEqual([]);
      // Seconds on a quiet machine: 400 changes of 200 names one after another take minutes.
      expect(performance.now() - began).toBeLessThan(90_000);
    },
  );

  it('notifies the secondaries at once', async () => {
    const before = notices;
    const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };
    const provider = connect();
    const change = { name: value.name, before: undefined, ttl: 60 };
    await provider.write('example.test', [{ ...change, add: ['abc'], remove: [], after: ['abc'] }], signal);
    await until(() => notices > before, { what: 'a NOTIFY', deadlineMs: 20_000 });
    await provider.write('example.test', [{ ...change, add: [], remove: ['abc'], after: [] }], signal);
    expect(await server.txt('example.test')).toEqual([]);
  });

  it('keeps several strings, escapes and the TTL of a set that it replaces', async () => {
    const name = '_acme-challenge.example.test';
    for (const content of ['"one" "two"', String.raw`"a \"b\" \\ \013"`])
      await server.sql(
        `insert into records (domain_id, name, type, content, ttl) values (1, '${name}', 'TXT', '${content}', 300);`,
      );
    const select = "select ttl, content from records where type = 'TXT' order by content;";
    const before = await server.sql(select);
    const writer = createZoneWriter({
      ...{ provider: connect({ old: true }), traits: powerdns.traits, clock: world.clock },
      lock: (_resource, over, change) => change(over),
    });
    const value = { zone: 'example.test', name, value: 'abc', ttl: 60 };
    await writer.add(value, signal);
    expect(await server.sql(select)).toContain('300|"abc"');
    await writer.remove(value, undefined, signal);
    expect(await server.sql(select)).toBe(before);
    await server.sql("delete from records where type = 'TXT';");
  });

  it.each([
    ['another key', () => connect({ apiKey: 'wrong' }), 'example.test', 'Check `apiKey`'],
    ['a zone that the server lacks', () => connect(), 'example.com', 'this server has the zone'],
    ['a secondary zone', () => connect(), 'zone1.test', 'the API of the zone’s primary server'],
  ])('the check says what is wrong with %s', async (_what, provider, zone, hint) => {
    await server.sql("update domains set type = 'SLAVE' where name = 'zone1.test';");
    await provider()
      .check?.('example.test', signal)
      .catch(() => {});
    await expect(provider().check?.(zone, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringContaining(hint),
    });
  });
});

/** Answers as servers before EXTEND and PRUNE do. */
const withoutSingleChanges = (http: Http): Http => ({
  close: () => http.close(),
  async request(request) {
    if (!/"changetype":"(EXTEND|PRUNE)"/.test(String(request.body ?? ''))) return http.request(request);
    const { status, body } = await http.request({
      ...request,
      body: String(request.body).replaceAll(/"changetype":"(EXTEND|PRUNE)"/g, '"changetype":"OTHER"'),
    });
    return { status, headers: {}, body };
  },
});
