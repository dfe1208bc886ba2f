import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import powerdns from './powerdns.ts';
import { benchOf, connect, testPowerdns } from './test-powerdns.ts';
import { testWorld } from './test-world.ts';

// The same against a real server: test/real/dns-powerdns.test.ts.
describe('with single changes', () => dnsApiContract(it, benchOf(false)));
describe('with whole sets', () => dnsApiContract(it, benchOf(true)));

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

function start({ old = false, options = {} } = {}) {
  const { world, clock, lines, fake } = testWorld((at) => testPowerdns(at, old));
  const provider = connect(world, options);
  const writer = createZoneWriter({
    ...{ provider, clock, traits: powerdns.traits },
    lock: (_resource, over, change) => change(over),
  });
  return {
    ...fake,
    provider,
    clock,
    writer,
    logged: () => lines,
    paths: () => fake.api.calls.map(({ method, path }) => `${method} ${path}`),
  };
}

const zonePath = '/api/v1/servers/localhost/zones/example.test.';

describe('a change', () => {
  it('is one PATCH for all names, and a notice for the secondaries', async () => {
    const { zones, provider, writer, paths } = start();
    const names = ['', 'a.', 'b.'].map((host) => `_acme-challenge.${host}example.test`);
    await Promise.all(names.flatMap((name) => ['x', 'y'].map((v) => writer.add({ ...value, name, value: v }, signal))));
    await provider.close?.();
    expect(paths()).toEqual([`PATCH ${zonePath}`, `PUT ${zonePath}/notify`]);
    expect(zones['example.test.']?.sets).toHaveLength(3);
    expect(zones['example.test.']?.notified).toBe(1);
  });

  it('succeeds if the secondaries cannot be notified', async () => {
    const { api, provider, writer, values, logged } = start();
    api.fault(
      { kind: 'status', status: 422, body: { error: 'no' } },
      { times: 9, on: ({ method }) => method === 'PUT' },
    );
    await writer.add(value, signal);
    await provider.close?.();
    expect(values('example.test')).toHaveLength(1);
    expect(logged().join()).toContain('not notified: PowerDNS refused to change example.test: no');
  });

  it('does not keep the program from ending if a notice is not answered', async () => {
    const { api, clock, provider, writer, logged } = start();
    api.fault({ kind: 'hang' }, { times: 9, on: ({ method }) => method === 'PUT' });
    await writer.add(value, signal);
    const closed = provider.close?.();
    await clock.advance(10_000);
    await closed;
    expect(logged().join()).toContain('the secondaries of example.test were not notified');
  });

  it('is not lost with its answer', async () => {
    const { api, writer, values } = start();
    api.fault({ kind: 'lost' });
    await writer.add(value, signal);
    expect(values('example.test')).toHaveLength(1);
  });
});

describe('an older server', () => {
  it('is asked once for single changes; then sets are read and replaced', async () => {
    const { provider, writer, paths, values } = start({ old: true });
    await writer.add(value, signal);
    await writer.remove(value, undefined, signal);
    await provider.close?.();
    expect(values('example.test')).toEqual([]);
    const [get, patch, put] = [`GET ${zonePath}`, `PATCH ${zonePath}`, `PUT ${zonePath}/notify`];
    expect(paths().filter((one) => one !== put)).toEqual([patch, get, patch, get, patch]);
  });

  it('keeps what others have at the name: TTL, several strings, escapes, a disabled record', async () => {
    const { writer, zones, plant } = start({ old: true });
    const theirs = ['of others '.repeat(30), 'a "b" \\ \r'];
    for (const one of theirs) plant({ ...value, value: one, ttl: 300 });
    plant({ ...value, value: 'off' }, true);
    const before = structuredClone(zones['example.test.']?.sets);
    await writer.add(value, signal);
    await writer.remove(value, undefined, signal);
    expect(zones['example.test.']?.sets).toEqual(before);
  });
});

describe('the check', () => {
  it.each([
    ['a wrong key', { apiKey: new Secret('other') }, 'example.test', 'HTTP 401', 'Check `apiKey`'],
    ['another server id', { server: 'ns1' }, 'example.test', 'HTTP 404', 'Check `endpoint` and `server`'],
    ['a zone that the server lacks', {}, 'example.com', 'HTTP 404', 'that this server has the zone example.com'],
    ['a copy of a zone', {}, 'copy.test', 'kind Slave', 'the API of the zone’s primary server'],
  ])('says what is wrong with %s', async (_what, options, zone, reason, hint) => {
    const { provider, addZone } = start({ options });
    addZone('copy.test', 'Slave');
    await expect(provider.check?.(zone, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
    });
  });

  it.each(['http://127.0.0.1:8081', 'http://127.0.0.1:8081/', 'http://127.0.0.1:8081/api/v1'])(
    'works with the endpoint %s',
    async (at) => {
      const { provider, paths } = start({ options: { endpoint: at } });
      await provider.check?.('example.test', signal);
      expect(paths()).toEqual([`GET ${zonePath}`]);
    },
  );
});
