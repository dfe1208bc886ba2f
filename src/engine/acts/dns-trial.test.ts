import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { untranslated } from '../../../test/support/chinese.ts';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { noteWrite } from '../../core/async/writes.ts';
import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { DnsProvider, DnsProviderTraits, SetsProvider } from '../../ports/dns-provider.ts';
import type { Reporter } from '../../ports/reporter.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type FakeDns, fakeDns, memoryDnsProvider } from '../../testing/fake-dns.ts';
import { createFooting, type Engine } from '../engine.ts';
import type { Dns01Options } from '../solvers/dns01.ts';
import { createZones } from '../zones/zone.ts';
import { type TrialNews, tryDns } from './dns-trial.ts';

const zone = 'example.com';
const servers = { 'ns1.example.com': ['192.0.2.1'], 'ns2.example.com': ['192.0.2.2'] };
const atOnce: DnsProviderTraits = { writes: 'value', minTtl: 60, maxConcurrent: 4 };

/** A service of record sets, whose list may be late. */
function setsProvider(dns: FakeDns, isLate: () => boolean): SetsProvider {
  const at = (name: string) => dns.values(zone).filter((one) => one.name === name);
  let before: readonly string[] = [];
  return {
    kind: 'sets',
    async read(_zone, names) {
      const [name = ''] = names;
      const values = isLate() ? before : at(name).map(({ value }) => value);
      return new Map(values.length > 0 ? [[name, { values, ttl: 60 }]] : []);
    },
    async write(_zone, changes) {
      for (const { name, after } of changes) {
        before = at(name).map(({ value }) => value);
        for (const { value } of at(name)) dns.remove({ zone, name, value });
        for (const value of after) dns.add({ zone, name, value });
      }
    },
  };
}

const alias = '_acme-challenge.del.example.com';
const otherServers = { 'ns.other.test': ['192.0.2.9'] };

function setUp(
  connect: (dns: FakeDns) => DnsProvider = memoryDnsProvider,
  traits = atOnce,
  more: (dns: FakeDns) => Partial<Dns01Options> = () => ({}),
) {
  const clock = fakeClock();
  const dns = fakeDns(
    {
      [zone]: {
        servers,
        records: [
          ['*.example.com', 'A', '192.0.2.80'],
          [alias, 'CNAME', 'del.other.test'],
        ],
      },
      'other.test': { servers: otherServers },
    },
    clock,
  );
  const store = createMemoryStore();
  const reporter: Reporter = { report: () => {} };
  const random = randomOf(seeded('dns trial'));
  const processes = fakeProcesses();
  const limits = { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000 };
  const footing = createFooting({ store, clock, random, processes, limits });
  const { locks } = footing;
  const engine = { store, clock, random, processes, reporter, limits, ...footing } as unknown as Engine;
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const dns01 = {
    ...{ provider: connect(dns), type: 'memory', traits, locks, dns, clock, log },
    zones: createZones({ dns, clock, resolvers: [dns.resolver] }),
    sha256: (data: string | Uint8Array) => createHash('sha256').update(data).digest(),
    ...more(dns),
  };
  const spec = {
    ...{ name: 'dns', identifiers: [], targets: [], endpoints: [] },
    issuer: { name: '', settings: { directory: '', email: [], agreeToTerms: false, test: false } },
    parts: [{ solver: { name: 'dns', settings: { type: 'dns01' } } }],
    preflight: { resolvers: [], http01Port: 80 },
  };
  const news: TrialNews[] = [];
  const told = (one: TrialNews) => void news.push(one);
  const stop = new AbortController();
  return {
    ...{ clock, dns, stop, news },
    journalled: async () => {
      const names: string[] = [];
      for await (const page of store.scan('lineage', new AbortController().signal))
        for (const { key } of page) names.push(key.name);
      return names;
    },
    async run(record?: string) {
      let isOver = false;
      const running = tryDns(engine, dns01, { spec, below: zone, record, told }, stop.signal).finally(() => {
        isOver = true;
      });
      running.catch(() => {});
      while (!isOver) await clock.advance(100);
      return running;
    },
  };
}
const stepsOf = ({ steps }: { readonly steps: readonly { readonly step: string }[] }) => steps.map(({ step }) => step);

describe('a test of a DNS provider', () => {
  it.each<[string, (dns: FakeDns) => DnsProvider]>([
    ['single values', memoryDnsProvider],
    ['record sets', (dns) => setsProvider(dns, () => false)],
  ])('leaves nothing with %s, also below a wildcard', async (_what, connect) => {
    const { run, dns, journalled } = setUp(connect);
    const report = await run();
    expect(report).not.toHaveProperty('error');
    expect(stepsOf(report)).toEqual(['zone', 'add', 'visible', 'remove', 'gone']);
    expect(untranslated(report.steps.map(({ finding }) => finding))).toEqual([]);
    expect(report.name).toMatch(/^_acme-challenge\.certfleet-test-[0-9a-f]{10}\.example\.com$/);
    expect([dns.values(zone), await journalled()]).toEqual([[], []]);
  });

  it('measures each server, and says what is missing meanwhile', async () => {
    const { run, dns, clock, news } = setUp();
    const slow = dns.server('192.0.2.2');
    slow.held = true;
    void clock.sleep(40_000, new AbortController().signal).then(() => {
      slow.held = false;
    });
    const { visible } = await run();
    const [first, last] = visible?.servers ?? [];
    expect([first?.ms, last?.server]).toEqual([0, 'ns2.example.com (192.0.2.2)']);
    expect(visible?.ms).toBeGreaterThanOrEqual(40_000);
    expect(news).toContainEqual({ waitsFor: 'ns2.example.com (192.0.2.2) does not have it yet' });
  });

  it('removes what never became visible', async () => {
    const { run, dns, journalled } = setUp();
    dns.server('192.0.2.2').held = true;
    const report = await run();
    expect(report.error).toMatchObject({ code: 'dns/not-visible' });
    expect(stepsOf(report)).toEqual(['zone', 'add', 'remove']);
    expect([dns.values(zone), await journalled()]).toEqual([[], []]);
  });

  it.each([
    ['as long as its solver says', 20_000],
    ['2 minutes', undefined],
  ])('waits for a dead server for %s, and says how to ignore it', async (_what, timeoutMs) => {
    const { run, dns, clock, news } = setUp(memoryDnsProvider, atOnce, () => ({ timeoutMs }));
    dns.server('192.0.2.2').state = 'silent';
    const since = clock.monotonicMs();
    const { error } = await run();
    expect(error).toMatchObject({
      code: 'dns/not-visible',
      hint: expect.stringContaining('`ignoreNameservers: [ns2.example.com]`'),
    });
    const ms = clock.monotonicMs() - since;
    expect([ms >= (timeoutMs ?? 120_000), ms < (timeoutMs ?? 120_000) + 5_000]).toEqual([true, true]);
    expect(news).toContainEqual({ waitsFor: expect.stringContaining('`ignoreNameservers: [ns2.example.com]`') });
  });

  it('does not ask a server that its solver ignores', async () => {
    const { run, dns } = setUp(memoryDnsProvider, atOnce, () => ({ ignoreNameservers: ['ns2.example.com'] }));
    dns.server('192.0.2.2').state = 'silent';
    const { error, visible } = await run();
    expect([error, visible?.servers]).toEqual([undefined, [expect.objectContaining({ ms: 0 })]]);
  });

  it('lets the other solver write a zone to which an alias leads', async () => {
    const zones: string[] = [];
    const { run } = setUp(memoryDnsProvider, atOnce, (dns) => {
      const provider = { ...memoryDnsProvider(dns), check: async (at: string) => void zones.push(at) };
      return {
        elsewhere: [
          { provider, type: 'memory', traits: { ...atOnce, minTtl: 300 }, zone: 'other.test', solver: 'second' },
        ],
      };
    });
    const { error, name, ttl, steps } = await run(alias);
    expect([error, name, ttl.sent, zones]).toEqual([undefined, 'del.other.test', 300, ['other.test']]);
    expect(steps[0]?.finding).toContain('the solver second');
  });

  it.each(['check', 'append'] as const)('names `zones` where %s refuses the zone of an alias', async (at) => {
    const { run, journalled } = setUp((dns) => ({
      ...memoryDnsProvider(dns),
      [at]: () => Promise.reject(refused),
    }));
    expect((await run(alias)).error).toMatchObject({
      code: 'dns/delegated',
      hint: expect.stringContaining('`zones: { other.test: SOLVER }`'),
    });
    expect(await journalled()).toEqual([]);
  });

  it('waits for a list that lags', async () => {
    let lagsUntil = Number.POSITIVE_INFINITY;
    const at = setUp((dns) => setsProvider(dns, () => at.clock.monotonicMs() < lagsUntil));
    lagsUntil = at.clock.monotonicMs() + 4_000;
    const { steps, error } = await at.run();
    expect(error).toBeUndefined();
    expect(steps.find(({ step }) => step === 'remove')).toMatchObject({ finding: 'the API no longer lists it' });
  });

  const refused = fail('dns/refused', { provider: 'memory', name: 'x', reason: 'no', advice: 'Check it.' });
  const failed = fail('dns/failed', { provider: 'memory', name: 'x', reason: 'HTTP 500' });
  it.each<[string, CertfleetError, readonly string[]]>([
    ['nothing if nothing was written', refused, []],
    ['what may have been written', failed, ['remove']],
  ])('removes %s', async (_what, error, calls) => {
    const made: string[] = [];
    const { run, journalled } = setUp(() => ({
      kind: 'values',
      append: () => Promise.reject(error),
      remove: async () => void made.push('remove'),
    }));
    expect((await run()).error).toBe(error);
    expect([made, await journalled()]).toEqual([calls, []]);
  });

  it('removes what was written before a refusal', async () => {
    const { run, dns, journalled } = setUp((memory) => {
      const provider = memoryDnsProvider(memory);
      const append: typeof provider.append = async (value, signal) => {
        await provider.append(value, signal);
        noteWrite(signal);
        throw refused;
      };
      return { ...provider, append };
    });
    const { error, steps } = await run();
    expect([error?.code, error?.cause, stepsOf({ steps })]).toEqual(['dns/failed', refused, ['zone', 'remove']]);
    expect([dns.values(zone), await journalled()]).toEqual([[], []]);
  });

  it('says what is left, and keeps it journalled', async () => {
    const at = setUp((dns) => ({ ...memoryDnsProvider(dns), remove: () => Promise.reject(failed) }));
    const report = await at.run();
    expect(report).toMatchObject({ error: failed, left: { zone, reason: failed.message } });
    expect(at.news).toContainEqual({ left: report.left });
    expect(await at.journalled()).toHaveLength(1);
  });

  it('removes the value before it obeys a stop', async () => {
    const { run, dns, stop, journalled } = setUp((memory) => {
      const provider = memoryDnsProvider(memory);
      const append: typeof provider.append = async (value, signal) => {
        const made = await provider.append(value, signal);
        stop.abort(new Error('stopped'));
        return made;
      };
      return { ...provider, append };
    });
    await expect(run()).rejects.toThrow('stopped');
    expect([dns.values(zone), await journalled()]).toEqual([[], []]);
  });

  it('removes nothing at a service that only keeps the last values', async () => {
    const { run, dns } = setUp(memoryDnsProvider, { ...atOnce, keepsLast: 2 });
    const report = await run();
    expect([report.error, dns.values(zone)]).toEqual([undefined, [expect.objectContaining({ name: report.name })]]);
  });
});
