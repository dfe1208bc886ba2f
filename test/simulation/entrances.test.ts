import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fail, isFailure } from '../../src/core/errors/errors.ts';
import type { FoundCertificate } from '../../src/core/lineage/found.ts';
import { pauseOf } from '../../src/core/lineage/pause.ts';
import { owedBy } from '../../src/core/lineage/tombstones.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { knownAccounts } from '../../src/engine/accounts/accounts.ts';
import { rollover } from '../../src/engine/accounts/change.ts';
import { adopt } from '../../src/engine/acts/adopt.ts';
import { changePause } from '../../src/engine/acts/pause.ts';
import { revokeVersions } from '../../src/engine/acts/revoke.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import { readBundle, readKey, readVersion } from '../../src/engine/run/bundles.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { pki } from '../../src/x509/pki.ts';
import { declaredOf } from '../support/declared.ts';
import { killedAt } from '../support/killed-at.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { chanceOf, firstSeed } from '../support/seeded.ts';
import { httpTo } from '../support/simulated-http.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  type ReplicaOptions,
  simulatedJob,
  simulatedSpec,
} from '../support/simulated-world.ts';

/**
 * A random walk over everything that changes a certificate's document. Each step is a process, which a seed kills at one
 * of its effects or not. The CA refuses nonces, and some of its answers are lost. After each step: the current and the previous version are whole and not retired, the document
 * names every value in the zone, and no key has two valid certificates. In the end all is issued, delivered and clean.
 */
const seeds = process.env.CERTFLEET_LONG ? 150 : 4;
const steps = 12;
/** A twentieth of the requests is lost, or its answer. */
const lossRate = 0.05;
const { signal } = new AbortController();
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

/** An import takes no version that is older than certfleet's own, so every other walk begins without orders. */
const opening = { steps: 7, entrances: ['import', 'rollback', 'deliver'] };

const names = (all: readonly string[], onFailedName?: 'drop'): StoredSpec => ({
  ...simulatedSpec('abc', all),
  ...(onFailedName ? { onFailedName } : {}),
});
const wishes = [names(['a.test', 'b.test']), names(['a.test', 'b.test', 'fails.test'], 'drop'), names(['a.test'])];

const der = { type: 'spki', format: 'der' } as const;
const later = { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'later' };

/** Certificates for a.test that another client gets at the same CA, one a day. */
async function certificatesOf(other: World): Promise<readonly FoundCertificate[]> {
  const found: FoundCertificate[] = [];
  for (let day = 0; day < 2; day += 1) {
    await issue(other.replica(1), simulatedJob(wishes[0]!, { force: true }), signal);
    const { current } = (await other.readLineage())!;
    const bundle = await readBundle(other.replica(1), { lineage: 'abc', id: current!.id }, signal);
    const { issuer, solver, deployers, preflight } = declaredOf(simulatedSpec());
    found.push({
      ...{ name: 'abc', from: '/old/abc', keyPem: bundle.keyPem, chainPem: bundle.fullchainPem, remarks: [] },
      settings: {
        ...{ solver: 'sim', solverOf: {}, solvers: { sim: solver }, deployers, wishes: {}, preflight },
        issuer: { name: 'sim', settings: issuer },
      },
    });
    other.pass(dayMs);
  }
  return found;
}

async function createWalk(seed: number) {
  const chance = chanceOf(seed);
  const zones: Set<string>[] = [];
  const world = await createSimulatedWorld({
    chance,
    settings: {
      badNoncePercent: 10,
      validate: async ({ value }, _challenge, keyAuthorization) =>
        zones.some((txt) => txt.has(keyAuthorization)) && value !== 'fails.test'
          ? undefined
          : { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 },
    },
  });
  const other = await createSimulatedWorld({ chance, clock: world.clock, between: () => httpTo(world.ca) });
  zones.push(world.txt, other.txt);
  const theirs = await certificatesOf(other);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(chance() * all.length)]!;
  const trace: string[] = [];
  let pid = 10;
  let wanted = wishes[0]!;

  /** A process; it dies at its gate number `killAt`. */
  function begin(killAt: number): { readonly engine: Engine; readonly killed: Promise<'killed'> } {
    pid += 1;
    const self = pid;
    const { gate, store, killed } = killedAt(world, () => self, killAt);
    const solver: Solver = {
      ...world.solver,
      present: (...args) => gate(() => world.solver.present(...args)),
      cleanup: (...args) => gate(() => world.solver.cleanup(...args)),
    };
    const deployer: ReplicaOptions['deployer'] = {
      ...world.deployer,
      activate: (...args) => gate(() => world.deployer.activate(...args)),
    };
    const between: ReplicaOptions['between'] = (honest) => ({
      ...honest,
      async request(request) {
        const dice = chance() / lossRate;
        const lost = () => fail('network/failed', { ...request, reason: 'the connection was cut' });
        if (dice < 0.5) throw lost();
        const answer = await gate(() => honest.request(request));
        if (dice < 1) throw lost();
        return answer;
      },
    });
    return { engine: world.replica(self, { store, solver, deployer, between }), killed };
  }

  const order = (spec: StoredSpec, rules: object = {}) => [
    { ...simulatedJob(spec, { obeyBackoff: false }), actsOnPaused: true, ...rules },
  ];
  const entrances: Readonly<Record<string, (engine: Engine) => Promise<unknown>>> = {
    issue: (engine) => reconcile(engine, order(wanted), signal),
    renew: (engine) => reconcile(engine, order(wanted, { force: true }), signal),
    'issue others': (engine) => {
      wanted = pick(wishes);
      return reconcile(engine, order(wanted), signal);
    },
    deliver: (engine) => reconcile(engine, order(wanted, { redeploy: true }), signal),
    sweep: (engine) => sweep(engine, signal),
    import: (engine) => {
      const found = { accounts: [], certificates: [pick(theirs)], remarks: [] };
      return adopt(engine, found, { dryRun: false }, signal);
    },
    rollback: async (engine) => {
      if ((await world.readLineage())?.previous) await rollBack(engine, { name: 'abc', wanted }, signal);
    },
    rollover: async (engine) => {
      const [account] = (await knownAccounts(engine, {}, signal)).filter(({ stored }) => stored.document.url);
      if (account) await rollover(engine, account, undefined, signal);
    },
    pause: (engine) =>
      changePause(engine, { name: 'abc', pause: pauseOf('ada', undefined, world.clock.now()), by: 'ada' }, signal),
    resume: (engine) => changePause(engine, { name: 'abc', pause: undefined, by: 'ada' }, signal),
    'a pass without a person': async (engine) => {
      const [before, delivered] = [await world.readLineage(), world.delivered.length];
      await reconcile(engine, [simulatedJob(wanted)], signal);
      if (!before?.paused) return;
      const after = await world.readLineage();
      expect([after?.current?.id, after?.paused, world.delivered.length], 'it is paused').toEqual([
        ...[before.current?.id, before.paused, delivered],
      ]);
    },
    'revoke as compromised': (engine) => revokeAs(engine, 'keyCompromise'),
    'revoke as superseded': (engine) => revokeAs(engine, 'superseded'),
    'the CA refuses': async () =>
      world.ca.failNext(pick(['finalize', 'newOrder', 'challenge']), {
        problem: { ...later, status: 403 },
        status: 403,
      }),
    'a month passes': async () => world.pass(31 * dayMs),
  };
  const revokeAs = (engine: Engine, reason: 'keyCompromise' | 'superseded') =>
    revokeVersions(engine, { name: 'abc', which: undefined }, { reason, by: 'certificate-key' }, signal);

  /** One entrance, which may refuse; but it never fails with a bug, nor says that the store is damaged. */
  async function enter(name: string, killAt = Number.POSITIVE_INFINITY): Promise<void> {
    const { engine, killed } = begin(killAt);
    trace.push(`${name}${killAt < 1_000 ? `, killed at ${killAt}` : ''}`);
    const end = await passing(world.clock, Promise.race([entrances[name]!(engine), killed])).catch((error) => error);
    const errors = [end, ...(Array.isArray(end) ? end.map(({ error }) => error) : [])];
    for (const error of errors) if (isFailure(error, 'bug/', 'store/corrupt')) throw error;
    await check();
  }

  async function check(): Promise<void> {
    const lineage = await world.readLineage();
    const engine = world.replica(1);
    for (const version of [lineage?.current, lineage?.previous]) {
      if (!version) continue;
      const ref = { lineage: 'abc', id: version.id };
      const [keyPem, stored] = [await readKey(engine, ref, signal), await readVersion(engine, ref, signal)];
      expect([version.id, keyPem !== undefined, stored !== undefined]).toEqual([version.id, true, true]);
      expect(lineage?.retired ?? []).not.toContain(version.id);
    }
    const known = lineage ? [...owedBy(lineage), ...(lineage.tombstones ?? [])] : [];
    const values = known.map(({ token, thumbprint }) => `${token}.${thumbprint}`);
    for (const value of world.txt) expect(values).toContain(value);
    // A certificate that had expired before it was downloaded is refused, and its key used again.
    const bought = [...world.ca.state.certificates.values()].filter((one) => one.notAfter > world.clock.now());
    const keys = bought.map(({ chainPem }) => new X509Certificate(chainPem).publicKey.export(der).toString('hex'));
    expect(new Set(keys).size).toBe(keys.length);
  }

  async function walk(): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      const isKilled = chance() < 0.5;
      const isOpening = seed % 2 === 1 && step < opening.steps;
      const next = pick(isOpening ? opening.entrances : Object.keys(entrances));
      await enter(next, isKilled ? 1 + Math.floor(chance() * 60) : undefined);
    }
    await end();
  }

  /** From here on all goes well. */
  async function end(): Promise<void> {
    trace.push('all goes well');
    await enter('resume');
    // Forced, because work that failed before its time waits for the renewal.
    const all: string[] = [];
    while (all.length < 12 && all.at(-1) !== 'unchanged') {
      const force = !all.some((one) => /issued|renewed/.test(one));
      world.pass(3_700_000);
      pid += 1;
      all.push((await issue(world.replica(pid), order(wanted, { force })[0]!, signal)).result);
      await check();
    }
    expect(all.at(-1), all.join()).toBe('unchanged');
    for (const hours of [0, 1, 25]) {
      world.pass(hours * 3_600_000);
      await passing(world.clock, sweep(world.replica(pid), signal));
    }
    await check();
    const lineage = await world.readLineage();
    expect([lineage?.work, lineage?.tombstones, [...world.txt]]).toEqual([undefined, undefined, []]);
    expect(world.delivered.at(-1)).toBe(lineage?.current?.id);
    const version = { lineage: 'abc', id: lineage!.current!.id };
    const { keyPem, fullchainPem } = await readBundle(world.replica(1), version, signal);
    const [leaf = ''] = pki.readChain(fullchainPem).certificates;
    const { identifiers } = lineage!.current!.facts;
    expect(pki.mismatch(leaf, keyPem, identifiers, world.clock.now())).toBeUndefined();
  }

  /** All that the CA was asked; the same for the same seed. */
  const asked = () => world.ca.requests.map(({ kind, problem }) => `${kind} ${problem ?? ''}`);
  return { walk, trace, asked };
}

describe('every entrance to a certificate, in a simulated world', () => {
  it(`loses no key, and leaves nothing behind, in ${seeds} walks (first seed ${firstSeed})`, async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const { walk, trace } = await createWalk(seed);
      await walk().catch((error: unknown) => {
        throw new Error(`CERTFLEET_SEED=${seed}: ${trace.join('; ')}`, { cause: error });
      });
    }
  }, 600_000);

  it('plays the same walk again for the same seed', async () => {
    const walks = [await createWalk(firstSeed), await createWalk(firstSeed)];
    for (const { walk } of walks) await walk();
    expect(walks[1]!.trace).toEqual(walks[0]!.trace);
    expect(walks[1]!.asked()).toEqual(walks[0]!.asked());
  });
});
