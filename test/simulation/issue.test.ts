import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { say } from '../../src/core/errors/wording.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { acmeProblem, pauseDetail } from '../support/acme-ca.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const directory = 'https://ca.test/directory';
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

const putHold = (world: World, bytes: Uint8Array) =>
  world.store.put({ kind: 'ledger', name: `${directory}~hold` }, bytes, { ifRevision: null, signal });

/** The CA asked another certificate to wait for eight hours. */
function hold(world: World) {
  const now = world.clock.now().getTime();
  const until = new Date(now + 8 * 3_600_000).toISOString();
  return putHold(world, encodeDocument({ since: new Date(now).toISOString(), until }));
}

/** Issued, and killed before its target had it. */
async function interruptedDelivery(world: World): Promise<string> {
  await issue(world.replica(1), job(simulatedSpec()), signal);
  world.delivered.length = 0;
  await world.editLineage((l) => {
    const version = l.current?.id ?? '';
    const since = l.last?.at ?? '';
    return {
      ...l,
      deployments: { target: { version, state: 'intended', since } },
      work: { step: 'deploy', version, directory, startedAt: since, challenges: [] },
    };
  });
  return (await world.readLineage())?.current?.id ?? '';
}

describe('a CA that is on hold', () => {
  it('does not hold up the delivery of the current version', async () => {
    const world = await createSimulatedWorld();
    await interruptedDelivery(world);
    await hold(world);
    const outcome = await issue(world.replica(2), job(simulatedSpec(), { obeyBackoff: false }), signal);
    expect([outcome.result, world.delivered.length]).toEqual(['deployed', 1]);
  });

  it('is not asked for renewal windows either', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(2 * dayMs);
    await hold(world);
    const before = world.ca.requests.length;
    await issue(world.replica(2), job(simulatedSpec()), signal);
    expect(world.ca.requests.slice(before).map(({ kind }) => kind)).toEqual([]);
  });

  it.each([
    ['is not JSON', new TextEncoder().encode('{"since":')],
    ['has no dates', encodeDocument({ since: '', until: '' })],
  ])('is forgotten if its document %s', async (_how, bytes) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(70 * dayMs);
    await putHold(world, bytes);
    expect((await issue(world.replica(2), job(simulatedSpec()), signal)).result).toBe('renewed');
  });
});

it('with force makes a new certificate, even after an interrupted delivery', async () => {
  const world = await createSimulatedWorld();
  const before = await interruptedDelivery(world);
  const outcome = await issue(world.replica(2), job(simulatedSpec(), { obeyBackoff: false, force: true }), signal);
  expect(outcome.result).toBe('renewed');
  expect((await world.readLineage())?.current?.id).not.toBe(before);
});

it('adopts by flags a certificate that is no longer declared, even if nothing else has changed', async () => {
  const world = await createSimulatedWorld();
  await issue(world.replica(1), job(simulatedSpec()), signal);
  const byFlags = { ...job(simulatedSpec(), { obeyBackoff: false }), origin: 'command-line' as const };
  const outcome = await issue(world.replica(2), byFlags, signal);
  expect([outcome.result, outcome.message]).toEqual(['unchanged', expect.stringContaining('settings are stored')]);
  expect((await world.readLineage())?.origin).toBe('command-line');
  expect((await issue(world.replica(3), byFlags, signal)).message).toBe('not due yet');
});

it('stores a secret from flags at once the first time, and later only after it has worked', async () => {
  const world = await createSimulatedWorld();
  let kept = 0;
  const byFlags = (force: boolean) => ({
    ...job(simulatedSpec(), { force, obeyBackoff: false }),
    origin: 'command-line' as const,
    keepCredentials: async () => {
      kept += 1;
    },
  });
  expect((await issue(world.replica(1), byFlags(false), signal)).result).toBe('issued');
  expect(kept).toBe(1);
  world.ca.failNext('directory', { status: 503, html: 'down', times: 10 });
  expect((await issue(world.replica(2), byFlags(true), signal)).result).toBe('failed');
  expect(kept).toBe(1);
});

it('does not report the result for other names to a process that lost its lease', async () => {
  const world = await createSimulatedWorld();
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let begun = () => {};
  const presenting = new Promise<void>((resolve) => (begun = resolve));
  const frozen: Solver = {
    ...world.solver,
    async present(...args) {
      begun();
      await released;
      return world.solver.present(...args);
    },
  };
  const mine = {
    ...job(simulatedSpec('abc', ['b.example.com']), { obeyBackoff: false }),
    origin: 'command-line' as const,
  };
  const loser = issue(world.replica(1, { solver: frozen }), mine, signal);
  await presenting;
  world.dead.add(1);
  await issue(world.replica(2), job(simulatedSpec('abc', ['a.example.com'])), signal);
  world.dead.delete(1);
  release();
  await loser;
  expect((await world.readLineage())?.current?.facts.identifiers.map(({ value }) => value)).toEqual(['b.example.com']);
});

it('lets a process that waits for the same names obey its own stop', async () => {
  const world = await createSimulatedWorld();
  const stop = new AbortController();
  let begun = () => {};
  const waiting = new Promise<void>((resolve) => (begun = resolve));
  let isThere = false;
  const slow: Solver = {
    ...world.solver,
    async ready() {
      begun();
      return isThere ? { ready: true } : { ready: false, reason: 'not yet' };
    },
  };
  const context = world.replica(1, { solver: slow });
  const first = issue(context, job(simulatedSpec('a')), signal);
  await waiting;
  const second = issue(context, job(simulatedSpec('b')), stop.signal);
  stop.abort(new Error('stopped'));
  await expect(second).rejects.toThrow('stopped');
  isThere = true;
  expect((await first).result).toBe('issued');
});

it('names the certificate in hints', async () => {
  const world = await createSimulatedWorld();
  const detail = pauseDetail('abc.example.com');
  world.ca.failNext('newOrder', { status: 429, problem: acmeProblem('rateLimited', detail) });
  const paused = await issue(world.replica(1), job(simulatedSpec()), signal);
  expect(paused).toMatchObject({ error: { hint: expect.stringContaining('`certfleet issue abc`') } });
  expect(say((await world.readLineage())!.failure!, 'en').hint).toContain('`certfleet issue abc`');
});

it.each(['configuration', 'command-line'] as const)(
  'asks for no profile that the CA does not list (%s)',
  async (origin) => {
    const profile = { description: '', validityMs: 90 * dayMs };
    const world = await createSimulatedWorld({ settings: { profiles: { classic: profile, shortlived: profile } } });
    const spec = simulatedSpec();
    const wanted = { ...spec, profile: 'shortlive' };
    const outcome = await issue(world.replica(1), { ...job(wanted), origin }, signal);
    expect(outcome).toMatchObject({
      result: 'failed',
      error: {
        code: 'config/unknown-profile',
        message: 'the issuer sim has no profile "shortlive"; did you mean "shortlived"?',
        hint: expect.stringContaining('classic, shortlived'),
      },
    });
    expect(world.ca.requests.map(({ kind }) => kind)).not.toContain('newOrder');
  },
);

describe('a delivery', () => {
  it('keeps the stored failure of a renewal', async () => {
    const world = await createSimulatedWorld();
    const target = await world.replica(1).connect.deployer(simulatedSpec(), 'target');
    const deployer: Deployer = { ...target, activate: () => Promise.reject(new Error('full')) };
    await issue(world.replica(1, { deployer }), job(simulatedSpec()), signal);
    world.pass(80 * dayMs);
    const preflight = () => Promise.reject(fail('dns/zone-not-found', { name: 'example.com' }));
    const engine = world.replica(2, { deployer, solver: { ...world.solver, preflight } });
    for (const obeyBackoff of [false, false, true]) await issue(engine, job(simulatedSpec(), { obeyBackoff }), signal);
    const { failure, last } = (await world.readLineage()) ?? {};
    expect([failure?.count, last?.result]).toEqual([2, 'pending']);
  });

  it('removes the probe of the run that it took over from', async () => {
    const world = await createSimulatedWorld();
    await interruptedDelivery(world);
    const at = world.clock.now().toISOString();
    const retryAt = new Date(world.clock.now().getTime() + 3_600_000).toISOString();
    const failure = { count: 1, at, code: 'preflight/no', message: 'no', hint: '', retryAt };
    const work = {
      step: 'lease',
      version: 'v2',
      directory,
      startedAt: at,
      challenges: [],
      order: {},
      probe: 'ours',
    } as const;
    await world.editLineage((lineage) => ({ ...lineage, renewal: { at, source: 'lifetime' }, failure, work }));
    let removed = 0;
    const withdraw = async () => {
      removed += 1;
    };
    const outcome = await issue(
      world.replica(2, { solver: { ...world.solver, withdraw } }),
      job(simulatedSpec()),
      signal,
    );
    expect([outcome.result, removed]).toEqual(['deployed', 1]);
  });
});

describe('a certificate that was not there when it was named', () => {
  const byName = (...names: readonly string[]) => {
    const wanted = { ...job(simulatedSpec('abc', names), { obeyBackoff: false }), origin: 'command-line' as const };
    return { ...wanted, found: [] };
  };

  it('is not changed if it has since got other identifiers', async () => {
    const world = await createSimulatedWorld();
    const outcomes = await Promise.all([
      issue(world.replica(1), byName('a.example.com'), signal),
      issue(world.replica(2), byName('b.example.com'), signal),
    ]);
    expect(outcomes.map((one) => ('error' in one ? one.error.code : one.result)).sort()).toEqual([
      'issued',
      'lineage/name-taken',
    ]);
    const issued = outcomes.findIndex(({ result }) => result === 'issued');
    expect((await world.readLineage())?.spec.identifiers).toEqual(
      [byName('a.example.com'), byName('b.example.com')][issued]?.wanted.identifiers,
    );
    expect(world.ca.accepted('newOrder')).toBe(1);
  });

  it('is one for two processes that want the same identifiers at once', async () => {
    const world = await createSimulatedWorld();
    const outcomes = await Promise.all([1, 2].map((pid) => issue(world.replica(pid), byName('a.example.com'), signal)));
    expect(outcomes.map(({ result }) => result)).toEqual(['issued', 'issued']);
    expect(world.ca.accepted('newOrder')).toBe(1);
  });
});

describe('a process that finds only at its last write that it has lost its lease', () => {
  it('waits for the other, and does what is left', async () => {
    const world = await createSimulatedWorld();
    const problem = { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'later', status: 403 };
    world.ca.failNext('finalize', { problem });
    let isTaken = false;
    const store: Store = {
      ...world.store,
      put: async (key, bytes, options) => {
        if (key.kind === 'lineage' && !isTaken && new TextDecoder().decode(bytes).includes('"result":"failed"')) {
          isTaken = true;
          // It was frozen for longer than its lease, and the other process was killed.
          const holder = { bootId: 'b', pidNamespace: 'n', pid: 7, startTime: '1' };
          world.dead.add(7);
          await world.editLineage((lineage) => ({
            ...lineage,
            work: { ...lineage.work!, lease: { id: 'l', beat: 0, holder } },
          }));
        }
        return world.store.put(key, bytes, options);
      },
    };
    expect(await issue(world.replica(1, { store }), job(simulatedSpec()), signal)).toMatchObject({
      result: 'issued',
    });
    expect(isTaken).toBe(true);
    expect(world.ca.accepted('newOrder')).toBe(1);
  });
});
