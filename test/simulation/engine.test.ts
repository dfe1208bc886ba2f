import { describe, expect, it } from 'vitest';
import { createIssuer } from '../../src/acme/issuer.ts';
import { digestOf } from '../../src/compose/digest.ts';
import { registeredDomain } from '../../src/config/certificates/public-suffix.ts';
import { fail } from '../../src/core/errors/errors.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { decodeLineage, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { pki } from '../../src/x509/pki.ts';
import { createSimulatedCa } from '../support/acme-ca.ts';
import { fakeProcesses } from '../support/fake-processes.ts';
import { engineOf, reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { chanceOf, firstSeed } from '../support/seeded.ts';
import { httpTo, silent } from '../support/simulated-http.ts';
import { issue, simulatedSpec } from '../support/simulated-world.ts';

/**
 * The engine in a simulated world: every port is behind a gate that can fail, lose an answer, or end the process. A
 * seed decides all of this. In every case: one certificate, one finalize, the matching key, nothing left behind.
 */
const seeds = process.env.CERTFLEET_LONG ? 1_000 : 8;
const { signal } = new AbortController();
const foreign = 'somebody-else';

type World = ReturnType<typeof createWorld>;

interface Replica {
  readonly context: Engine;
  /** Rejects if the process was killed; what it left running never continues. */
  readonly killed: Promise<never>;
}

/** @param failing a third name, whose validation fails, and which may be dropped */
function createWorld(seed: number, failing?: string) {
  const chance = chanceOf(seed);
  const clock = fakeClock();
  const store = createMemoryStore();
  const txt = new Set([foreign]);
  const target = { version: '', broken: false };
  const dead = new Set<number>();
  const ca = createSimulatedCa({
    clock,
    random: chance,
    settings: {
      badNoncePercent: 10,
      validate: async ({ value }, _challenge, keyAuthorization) =>
        txt.has(keyAuthorization) && value !== failing
          ? undefined
          : { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 },
    },
  });
  const names = ['example.com', '*.example.com'];
  const spec: StoredSpec = failing
    ? { ...simulatedSpec('abc', [...names, failing]), onFailedName: 'drop' }
    : simulatedSpec('abc', names);

  /** A process. `killAt` is the number of the gate where it dies. */
  function replica(pid: number, killAt: number, faultRate: number): Replica {
    let calls = 0;
    let kill: (reason: Error) => void = () => {};
    const killed = new Promise<never>((_, reject) => {
      kill = reject;
    });
    killed.catch(() => undefined);
    const never = new Promise<never>(() => {});
    const passes = (): Promise<never> | undefined => {
      if (dead.has(pid)) return never;
      calls += 1;
      if (calls !== killAt) return undefined;
      dead.add(pid);
      kill(new Error('killed'));
      return never;
    };
    /** Fails, loses the answer, or dies before or after the call. */
    async function gate<T>(run: () => Promise<T>, faults: 'none' | 'lossy'): Promise<T> {
      await passes();
      const dice = faults === 'lossy' ? chance() / faultRate : 1;
      if (dice < 0.5) throw lost();
      const result = await run();
      await passes();
      if (dice < 1) throw lost();
      return result;
    }
    const lost = () =>
      fail('network/failed', { method: 'POST', url: 'https://ca.test', reason: 'the connection was cut' });

    const direct = httpTo(ca);
    const gatedStore: Store = {
      ...store,
      put: (key, bytes, options) => gate(() => store.put(key, bytes, options), 'none'),
    };
    const http: Http = {
      request: (request) => gate(() => direct.request(request), 'lossy'),
      close: async () => undefined,
    };
    const solver: Solver = {
      type: 'sim',
      answers: ['dns-01'],
      present: (c) =>
        gate(async () => {
          txt.add(c.keyAuthorization);
          return { value: c.keyAuthorization };
        }, 'none'),
      ready: async (c) => (txt.has(c.keyAuthorization) ? { ready: true } : { ready: false, reason: 'not there' }),
      cleanup: (c) =>
        gate(async () => {
          txt.delete(c.keyAuthorization);
        }, 'none'),
    };
    const deployer: Deployer = {
      type: 'sim',
      scope: 'fleet',
      look: async (version) => ({ state: target.version === version.id ? 'current' : 'stale', detail: '' }),
      stage: async () => null,
      activate: (version) =>
        gate(async () => {
          if (target.broken)
            throw fail('deploy/target-failed', { target: 'target', certificate: 'abc', reason: 'broken' });
          target.version = version.id;
        }, 'none'),
    };
    const issuer = createIssuer({
      name: 'sim',
      directoryUrl: spec.issuer.settings.directory,
      http,
      clock,
      random: { bytes: (n) => Uint8Array.from({ length: n }, () => Math.floor(chance() * 256)), number: chance },
      userAgent: 'simulation',
      log: silent,
    });
    const context = engineOf({
      node: 'here',
      store: gatedStore,
      clock,
      random: { bytes: (n) => Uint8Array.from({ length: n }, () => Math.floor(chance() * 256)), number: chance },
      processes: fakeProcesses({ pid, dead }),
      vantage: {
        name: 'here',
        get: () => Promise.reject(fail('network/failed', { method: 'GET', url: '', reason: 'no network here' })),
        handshake: () => Promise.reject(fail('network/failed', { method: 'TLS', url: '', reason: 'no network here' })),
      },
      pki,
      reporter: { report() {} },
      lookup: async () => [],
      loadRegisteredDomain: async () => registeredDomain,
      connect: {
        owner: '0123456789ab',
        balancers: async () => [],
        issuer: () => issuer,
        solver: async () => solver,
        deployer: async () => deployer,
        hooks: { environment: () => ({}), check: async () => {}, freePorts: async () => {} },
        forgetDeployed: async () => {},
        forgetNode: async () => {},
        digest: digestOf,
        credentialsOf: async () => '',
        roots: async () => '',
        externalAccount: async () => undefined,
        looks: () => ({
          asTheCa: true,
          addresses: async () => ({ verdict: 'cannot-tell', ipv4: [], ipv6: [], finding: '' }),
          caa: async () => ({ verdict: 'pass', finding: '' }),
        }),
      },
      limits: { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000, deployTimeoutMs: 120_000, deployDeadlineMs: 60_000 },
    });
    return { context, killed };
  }

  const readLineage = async (): Promise<Lineage | undefined> => {
    const entry = await store.get({ kind: 'lineage', name: 'abc' }, signal);
    return entry && decodeLineage(entry.bytes, 'abc', 'memory');
  };
  return {
    chance,
    ca,
    txt,
    target,
    store,
    spec,
    replica,
    readLineage,
    clock,
    pass: (ms: number) => clock.set(new Date(clock.now().getTime() + ms)),
  };
}

const job = (spec: StoredSpec, obeyBackoff = false) =>
  ({ wanted: spec, origin: 'configuration', force: false, obeyBackoff }) as const;

describe('the engine in a simulated world', () => {
  it.each([
    ['', undefined],
    [', with a name that is dropped', 'fails.test'],
  ])(
    `survives ${seeds} histories of kills and lost answers (first seed ${firstSeed})%s`,
    async (_what, failing) => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        const world = createWorld(seed, failing);
        const kills = Math.floor(world.chance() * 4);
        for (let pid = 1; pid <= kills; pid += 1) {
          const { context, killed } = world.replica(pid, 1 + Math.floor(world.chance() * 60), 0.02);
          const run = Promise.race([reconcile(context, [job(world.spec)], signal), killed]);
          await passing(world.clock, run).catch(() => undefined);
        }
        let result = '';
        for (let attempt = 0; attempt < 10 && !/issued|unchanged/.test(result); attempt += 1) {
          const { context } = world.replica(100 + attempt, Number.POSITIVE_INFINITY, attempt < 4 ? 0.05 : 0);
          result = (await issue(context, job(world.spec), signal)).result;
        }
        const { context } = world.replica(200, Number.POSITIVE_INFINITY, 0);
        await passing(world.clock, sweep(context, signal));

        const where = `CERTFLEET_SEED=${seed}`;
        expect(result, where).toMatch(/issued|unchanged/);
        const lineage = await world.readLineage();
        expect(lineage?.work, where).toBeUndefined();
        expect([...world.txt], where).toEqual([foreign]);
        expect(world.target.version, where).toBe(lineage?.current?.id);
        expect(world.ca.accepted('finalize'), `${where}: certificates bought`).toBe(1);
        expect(await keyFits(world, lineage), `${where}: key and certificate belong together`).toBe(true);
        const { facts, dropped = [] } = lineage?.current ?? {};
        expect(facts?.identifiers, where).toHaveLength(2);
        expect(
          dropped.map(({ identifier }) => identifier),
          where,
        ).toEqual(failing ? [failing] : []);
      }
    },
    300_000,
  );

  it.each([
    ['at once, when the CA breaks over it', {}, ['renewed']],
    [
      'at the next try, when the CA breaks over it and names a time',
      { retryAfter: { seconds: 3_600 } },
      ['failed', 'renewed'],
    ],
  ])('orders without `replaces` %s', async (_title, failure, results) => {
    const world = createWorld(11);
    const process = () => world.replica(1, Number.POSITIVE_INFINITY, 0).context;
    expect(await issue(process(), job(world.spec), signal)).toMatchObject({ result: 'issued' });
    world.pass(80 * 86_400_000);
    world.ca.failNext('newOrder', { status: 500, ...failure });
    for (const result of results) {
      expect(await issue(process(), job(world.spec), signal)).toMatchObject({ result });
      world.pass(3_700_000);
    }
    const orders = world.ca.requests.filter((request) => request.kind === 'newOrder').slice(1);
    expect(orders).toHaveLength(2);
    // The CA that failed has not read the first request.
    expect(orders[1]?.payload).toBeDefined();
    expect(orders[1]?.payload).not.toHaveProperty('replaces');
  });

  it('delivers the current certificate while its renewal is failing, and resumes the renewal afterwards', async () => {
    const world = createWorld(7);
    const process = () => world.replica(1, Number.POSITIVE_INFINITY, 0).context;
    world.target.broken = true;
    expect(await issue(process(), job(world.spec), signal)).toMatchObject({ result: 'pending' });
    const first = (await world.readLineage())?.current?.id;

    // Its renewal is due, and the CA is down for an hour.
    world.pass(80 * 86_400_000);
    world.ca.failNext('finalize', { status: 503, html: 'down', retryAfter: { seconds: 3_600 } });
    expect(await issue(process(), job(world.spec, true), signal)).toMatchObject({ result: 'failed' });
    const parked = (await world.readLineage())?.work;
    expect(parked?.order?.url).toBeDefined();

    world.target.broken = false;
    const before = world.ca.requests.length;
    expect(await issue(process(), job(world.spec, true), signal)).toMatchObject({ result: 'deployed' });
    expect(world.target.version).toBe(first);
    expect(world.ca.requests.length, 'the CA is left alone').toBe(before);
    const after = await world.readLineage();
    expect(after?.work).toMatchObject({ version: parked?.version, order: parked?.order });
    expect(after?.failure?.holdUntil).toBeDefined();

    world.pass(3_700_000);
    expect(await issue(process(), job(world.spec, true), signal)).toMatchObject({ result: 'renewed' });
    expect(world.target.version).toBe(parked?.version);
    expect(world.ca.accepted('newOrder')).toBe(2);
  });

  it('comes back when the CA said, if signing takes longer than a run waits', async () => {
    const world = createWorld(4);
    const process = () => world.replica(1, Number.POSITIVE_INFINITY, 0).context;
    Object.assign(world.ca.settings, { processingPolls: 1, retryAfter: { order: { seconds: 600 } } });
    const failed = await issue(process(), job(world.spec, true), signal);
    expect(failed).toMatchObject({ result: 'failed', error: { code: 'acme/timeout' } });
    const { failure } = (await world.readLineage())!;
    expect(Date.parse(failure?.holdUntil ?? '') - Date.parse(failure?.at ?? '')).toBeGreaterThan(599_000);
    world.pass(601_000);
    world.ca.settings.retryAfter = {};
    expect(await issue(process(), job(world.spec, true), signal)).toMatchObject({ result: 'issued' });
    expect(world.ca.accepted('finalize')).toBe(1);
  });
});

async function keyFits({ store, clock }: World, lineage: Lineage | undefined): Promise<boolean> {
  if (!lineage?.current) return false;
  const read = async (kind: 'key' | 'version') => {
    const entry = await store.get({ kind, name: `abc~${lineage.current?.id}` }, signal);
    return JSON.parse(new TextDecoder().decode(entry?.bytes)) as { keyPem: string; chainPem: string };
  };
  const { keyPem } = await read('key');
  const { chainPem } = await read('version');
  const leaf = pki.readChain(chainPem).certificates[0] ?? '';
  return pki.mismatch(leaf, new Secret(keyPem), lineage.current.facts.identifiers, clock.now()) === undefined;
}
