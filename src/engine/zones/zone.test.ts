import { describe, expect, it } from 'vitest';
import { isLong } from '../../../test/support/seeded.ts';
import type { Dns } from '../../ports/dns.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type FakeDns, type FakeZone, fakeDns } from '../../testing/fake-dns.ts';
import { createServerPoll } from './server-poll.ts';
import { createZones } from './zone.ts';

// Zones with more name servers and addresses than any real one.

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc' };

/** `ns0000`, `ns0001`…, with these addresses each. */
const serversOf = (count: number, addresses = 1): FakeZone['servers'] =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `ns${String(at).padStart(4, '0')}.example.test`,
      Array.from({ length: addresses }, (_, one) => `10.${at >> 8}.${at & 255}.${one}`),
    ]),
  );

/** Counts how many questions are open at once. */
function counted(dns: FakeDns) {
  const count = { open: 0, most: 0 };
  const query: Dns['query'] = async (...question) => {
    count.open += 1;
    count.most = Math.max(count.most, count.open);
    try {
      return await dns.query(...question);
    } finally {
      count.open -= 1;
    }
  };
  return { dns: { ...dns, query }, count };
}

function setUp(servers: FakeZone['servers']) {
  const clock = fakeClock();
  const fake = fakeDns({ 'example.test': { servers } }, clock);
  const { dns, count } = counted(fake);
  const warnings: string[] = [];
  const log = { warn: (line: string) => void warnings.push(line) };
  const zones = createZones({ dns, clock, log, resolvers: [fake.resolver] });
  return { clock, fake, dns, count, warnings, zones };
}

/** Advances the clock until the promise has settled. */
async function settled<T>(clock: ReturnType<typeof fakeClock>, promise: Promise<T>) {
  const began = clock.monotonicMs();
  let is = false;
  const end = promise.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error }),
  );
  end.then(() => {
    is = true;
  });
  for (let steps = 0; !is && steps < 2_000; steps++) await clock.advance(100);
  return { ...(await end), ms: clock.monotonicMs() - began };
}

describe('the servers of a zone', () => {
  it.each([
    ['13, as the root has', 13, 1, 13, 0],
    ['16', 16, 1, 16, 0],
    ['17', 17, 1, 16, 1],
    ['2,500', 2_500, 1, 16, 1],
    ['one with 16 addresses', 1, 16, 16, 0],
    ['one with 200 addresses', 1, 200, 16, 1],
    ['2,000 with 20 addresses', 2_000, 20, 256, 2],
  ])('%s: no more are asked than 16 names with 16 addresses', async (_what, names, addresses, asked, warned) => {
    const { zones, fake, count, warnings } = setUp(serversOf(names, addresses));
    const servers = await zones.nameservers('example.test', signal);
    expect(servers).toHaveLength(asked);
    expect(fake.questions.length).toBeLessThanOrEqual(1 + 2 * 16);
    expect(count.most).toBeLessThanOrEqual(32);
    expect(warnings).toHaveLength(warned);
  });

  it('are the first ones by name, whatever the order in the answer, and the warning says so', async () => {
    const { zones, warnings } = setUp(Object.fromEntries(Object.entries(serversOf(2_500)).reverse()));
    const servers = await zones.nameservers('example.test', signal);
    expect(servers.map(({ name }) => name)).toEqual(Object.keys(serversOf(16)));
    expect(warnings).toEqual([
      'example.test has 2500 name servers; only the first 16 by name are asked, so a challenge can fail at the others',
    ]);
    await zones.nameservers('example.test', signal);
    expect(warnings).toHaveLength(1);
  });

  it('are named in part where none has an address', async () => {
    const servers = Object.fromEntries(Object.keys(serversOf(900)).map((name) => [name, []]));
    const failed = setUp(servers).zones.nameservers('example.test', signal);
    await expect(failed).rejects.toMatchObject({
      code: 'dns/no-nameserver',
      message: expect.stringContaining('ns0002.example.test and of 13 more was found'),
    });
  });
});

describe('servers that are all silent', () => {
  const silence = ({ fake }: ReturnType<typeof setUp>, names: number, addresses: number) => {
    for (const address of Object.values(serversOf(names, addresses)).flat()) fake.server(address).state = 'silent';
  };

  it('hold a question up for as long as sixteen can, not for their number', async () => {
    const bed = setUp(serversOf(100, 16));
    silence(bed, 100, 16);
    const asking = bed.zones.ask('example.test', { name: 'www.example.test', type: 'A' }, signal);
    const { error, ms } = await settled(bed.clock, asking);
    expect(error).toMatchObject({ code: 'dns/no-nameserver', message: expect.stringContaining('does not answer') });
    expect(ms).toBeLessThanOrEqual(16 * 1_500 + 100);
  });

  it('are polled a few at a time, for a limited time, with few questions open', async () => {
    const bed = setUp(serversOf(100, 16));
    silence(bed, 100, 16);
    const servers = await bed.zones.nameservers('example.test', signal);
    const poll = createServerPoll(bed);
    bed.count.most = 0;
    for (let looks = 0; looks < (isLong ? 4 : 2); looks++) {
      const before = bed.fake.questions.length;
      // Two certificates of one zone at the same time.
      const { result, ms } = await settled(bed.clock, Promise.all([0, 1].map(() => poll(servers, value, signal))));
      expect(result?.map((missing) => missing.length)).toEqual([256, 256]);
      expect(ms).toBeLessThanOrEqual(34_000);
      expect(bed.fake.questions.length - before).toBeLessThanOrEqual(2 * 256 * 6);
    }
    // 32 servers, five questions each; a sixth may just begin.
    expect(bed.count.most).toBeLessThanOrEqual(32 * 6);
  });
});
