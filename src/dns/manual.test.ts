import { describe, expect, it } from 'vitest';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { World } from '../ports/world.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import manual from './manual.ts';

const { signal } = new AbortController();
const value = (host: string, text: string): DnsValue => ({
  ...{ zone: 'example.com', name: `_acme-challenge${host}.example.com`, value: text, ttl: 60 },
});
const [apex, wildcard, www] = [value('', 'a1'), value('', 'a2'), value('.www', 'w1')];

function setUp(isThere = true) {
  const clock = fakeClock();
  const [told, warned]: [string[], string[]] = [[], []];
  const world = {
    clock,
    log: { warn: (text: string) => warned.push(text) },
    person: isThere ? { tell: (text: string) => told.push(text) } : undefined,
  } as unknown as World;
  const connect = () => manual.connect({ name: 'dns', options: {}, world });
  /** Lets those who wait for others go on. */
  const settle = <T>(calls: readonly Promise<T>[]) => clock.advance(1_000).then(() => Promise.all(calls));
  return { told, warned, connect, settle, clock };
}

describe('a person as DNS provider', () => {
  it('gets all records of an order at once, and what to remove afterwards', async () => {
    const { told, connect, settle } = setUp();
    const provider = connect();
    await provider.check('example.com');
    const all = [apex, wildcard, www];
    await settle(all.map((one) => provider.append(one, signal)));
    expect(told).toEqual([
      `Add these 3 TXT records where the DNS of example.com is managed:

  name   _acme-challenge.example.com
  value  a1

  name   _acme-challenge.example.com
  value  a2

  name   _acme-challenge.www.example.com
  value  w1

Records of the same name are separate records: add each, and keep the others.
certfleet waits until every name server has them, and then goes on by itself.`,
    ]);
    await settle(all.map((one) => provider.remove(one, undefined, signal)));
    expect(told[1]).toMatch(/^You can now remove these 3 TXT records:\n\n {2}name {3}_acme-challenge\.example\.com\n/);
    expect(told).toHaveLength(2);
  });

  it('says what to remove that an earlier process asked for', async () => {
    const { told, connect, settle } = setUp();
    await settle([connect().remove(apex, undefined, signal)]);
    expect(told).toEqual([expect.stringMatching(/^You can now remove this TXT record:\n\n.*\n {2}value {2}a1\n$/)]);
  });

  it('need not remove what was never shown', async () => {
    const { told, connect, settle } = setUp();
    const provider = connect();
    const stopping = new AbortController();
    const adding = provider.append(apex, stopping.signal);
    stopping.abort(new Error('stopped'));
    await expect(adding).rejects.toThrow('stopped');
    await settle([provider.remove(apex, undefined, signal)]);
    expect(told).toEqual([]);
  });

  it('must be there to add a record, and a warning says what is left without', async () => {
    const { connect, warned } = setUp(false);
    await expect(connect().check('example.com')).rejects.toMatchObject({ code: 'dns/needs-person' });
    await expect(connect().append(apex, signal)).rejects.toMatchObject({ code: 'dns/needs-person' });
    await connect().remove(apex, undefined, signal);
    expect(warned).toEqual([expect.stringContaining('_acme-challenge.example.com with the value a1')]);
  });
});
