import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { decodeHistory } from '../../src/core/history/history.ts';
import type { RunEntry, Trigger } from '../../src/core/history/run-entry.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import { revokeVersions } from '../../src/engine/acts/revoke.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { readHistory } from '../../src/engine/history/stored-history.ts';
import { reconcile } from '../../src/engine/pass/reconcile.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { killedAt } from '../support/killed-at.ts';
import { inNewPass } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  simulatedJob as job,
  type ReplicaOptions,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const spec = simulatedSpec();
const key = { kind: 'history', name: 'abc' } as const;

async function worldWith(options: Parameters<typeof createSimulatedWorld>[0] = {}) {
  const world = await createSimulatedWorld(options);
  const within = <T>(engine: Engine, work: (engine: Engine) => Promise<T>, trigger?: Trigger) =>
    passing(world.clock, inNewPass({ ...engine, declared: () => [spec] }, work, trigger));
  const runs = () => readHistory(world, 'abc', signal);
  /** One pass of a process, and what became of the certificate. */
  const renew = async (own: Partial<Job> = {}, engine = world.replica(1), trigger: Trigger = 'renew') => {
    const [outcome] = await within(engine, (e) => reconcile(e, [{ ...job(spec), ...own }], signal), trigger);
    return outcome;
  };
  return { ...world, within, runs, renew, last: async () => (await runs()).at(-1) };
}

const shape = (runs: readonly RunEntry[]) =>
  runs.map(({ trigger, result, did, count }) => [trigger, result, did.join(' '), ...(count ? [count] : [])]);

/** A store with other answers for histories. */
const changed = (store: Store, own: Partial<Pick<Store, 'get' | 'put'>>): Store => ({
  ...store,
  ...(own.get && { get: (k, s) => (k.kind === 'history' ? own.get!(k, s) : store.get(k, s)) }),
  ...(own.put && { put: (k, b, o) => (k.kind === 'history' ? own.put!(k, b, o) : store.put(k, b, o)) }),
});

describe('the history of a certificate', () => {
  it('says what a run did, step by step', async () => {
    const world = await worldWith();
    await world.renew({}, world.replica(1, { node: 'node-a' }), 'issue');
    const version = (await world.readLineage())?.current?.id;
    expect(await world.runs()).toMatchObject([
      {
        ...{
          trigger: 'issue',
          node: 'node-a',
          process: 'command',
          result: 'done',
          did: ['issued', 'delivered'],
          version,
        },
        targets: [{ target: 'target', result: 'delivered' }],
      },
    ]);
    const [entry] = await world.runs();
    expect(entry?.steps.map(({ step }) => step)).toEqual([
      ...['lease', 'order', 'challenges', 'validate', 'finalize', 'deploy'],
    ]);
    expect(entry?.steps.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(entry!.ms, -1);
  });

  it('takes one put for a run that acts, and none for one that does not', async () => {
    const world = await worldWith();
    const puts: string[] = [];
    const put: Store['put'] = async (k, bytes, options) => {
      puts.push(k.kind);
      return world.store.put(k, bytes, options);
    };
    const engine = world.replica(1, { store: { ...world.store, put } });
    await world.renew({}, engine);
    expect(puts.filter((kind) => kind === 'history')).toHaveLength(1);
    puts.length = 0;
    await world.renew({}, engine);
    await world.within(engine, (e) => sweep(e, signal), 'sweep');
    expect(puts).toEqual([]);
    await world.renew({ force: true }, engine, 'run');
    expect(puts.filter((kind) => kind === 'history')).toHaveLength(1);
    expect(await world.last()).toMatchObject({
      trigger: 'run',
      process: 'daemon',
      forced: true,
      did: ['renewed', 'delivered'],
    });
  });

  it('counts failures that repeat, with the words of the CA', async () => {
    let isRefused = true;
    const problem = { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 };
    const world = await worldWith({ settings: { validate: async () => (isRefused ? problem : undefined) } });
    for (let times = 0; times < 3; times += 1) {
      await world.renew({ obeyBackoff: false });
      world.pass(dayMs);
    }
    isRefused = false;
    await world.renew();
    expect(shape(await world.runs())).toEqual([
      ['renew', 'failed', '', 3],
      ['renew', 'done', 'issued delivered'],
    ]);
    const [failed] = await world.runs();
    expect(failed).toMatchObject({
      ...{ code: 'acme/invalid-authorization', params: { identifier: 'example.com', detail: 'no such value' } },
      caSays: 'urn:ietf:params:acme:error:dns; no such value',
    });
    expect(Date.parse(failed!.startedAt) - Date.parse(failed!.since!)).toBeGreaterThan(2 * dayMs - 1);
  });

  it('tells which of several targets lacks a version', async () => {
    const world = await worldWith();
    const broken: Deployer = { ...world.deployer, activate: async () => Promise.reject(new Error('no reload')) };
    const deployer = (_spec: unknown, target: string) => (target === 'two' ? broken : world.deployer);
    const wanted = { ...spec, targets: targetsOf('one', 'two') };
    await world.renew({ wanted }, world.replica(1, { deployer }));
    expect(await world.last()).toMatchObject({
      ...{ result: 'pending', did: ['issued', 'delivered'], code: 'deploy/target-failed' },
      targets: [
        { target: 'two', result: 'pending' },
        { target: 'one', result: 'delivered' },
      ],
    });
  });

  it('names revocations and rollbacks', async () => {
    const world = await worldWith();
    await world.renew();
    await world.renew({ force: true });
    await world.within(
      world.replica(2),
      async (e) => {
        await rollBack(e, { name: 'abc', wanted: spec }, signal);
        await reconcile(e, [{ ...job(spec), redeploy: true }], signal);
      },
      'rollback',
    );
    const wish = { reason: 'superseded', by: 'account-key' } as const;
    await world.within(
      world.replica(2),
      (e) => revokeVersions(e, { name: 'abc', which: undefined }, wish, signal),
      'revoke',
    );
    expect(shape(await world.runs())).toEqual([
      ['renew', 'done', 'issued delivered'],
      ['renew', 'done', 'renewed delivered'],
      ['rollback', 'done', 'rolled-back delivered'],
      ['revoke', 'done', 'revoked'],
    ]);
  });

  it('shows a run that was cut off in the next one', async () => {
    const world = await worldWith();
    const kill = killedAt(world, () => 1, 8);
    const solver = {
      ...world.solver,
      present: (...args: Parameters<typeof world.solver.present>) => kill.gate(() => world.solver.present(...args)),
    };
    const dying = world.renew({}, world.replica(1, { store: kill.store, solver }));
    expect(await Promise.race([dying, passing(world.clock, kill.killed)])).toBe('killed');
    const { work } = (await world.readLineage())!;
    await world.renew({}, world.replica(2));
    expect(await world.runs()).toMatchObject([
      {
        did: ['issued', 'delivered'],
        continued: { cutOff: '1', step: work?.step, startedAt: work?.startedAt },
      },
    ]);
  });

  it('says that a run was stopped', async () => {
    const world = await worldWith();
    const stop = new AbortController();
    const solver = {
      ...world.solver,
      ready: async () => {
        stop.abort(new Error('stopped'));
        return { ready: false, reason: '' } as const;
      },
    };
    const engine = world.replica(1, { solver });
    const stopped = world.within(engine, (e) => reconcile(e, [job(spec)], stop.signal), 'run');
    await expect(stopped).rejects.toThrow('stopped');
    expect(await world.runs()).toMatchObject([{ trigger: 'run', result: 'stopped', did: [] }]);
  });

  const unwell: Record<string, (store: Store) => Partial<Pick<Store, 'get' | 'put'>>> = {
    'refuses a write': () => ({
      put: async () => Promise.reject(fail('store/unusable', { path: '', reason: 'full', advice: '' })),
    }),
    'refuses a read': () => ({ get: async () => Promise.reject(new Error('EIO')) }),
    'never answers': () => ({
      get: (_k, s) => new Promise((_done, no) => s.addEventListener('abort', () => no(s.reason))),
    }),
    'does not even end': () => ({ get: () => new Promise(() => {}) }),
  };
  it.each(Object.entries(unwell))('costs nothing if the store %s', async (_what, own) => {
    const world = await worldWith();
    const startMs = world.clock.monotonicMs();
    let closedMs = 0;
    const put: Store['put'] = async (k, bytes, options) => {
      closedMs = world.clock.monotonicMs();
      return world.store.put(k, bytes, options);
    };
    const store = changed({ ...world.store, put }, own(world.store));
    expect(await world.renew({}, world.replica(1, { store }))).toMatchObject({ result: 'issued' });
    expect(await world.runs()).toEqual([]);
    expect((await world.readLineage())?.work).toBeUndefined();
    // The last write does not wait, and the pass waits for no longer than a quarter of its time to stop.
    expect(world.clock.monotonicMs() - Math.max(closedMs, startMs)).toBeLessThanOrEqual(2_000);
  });

  it.each([
    ['that is no JSON', '{'],
    ['of another format', '{"schema":9,"runs":[]}'],
    ['whose runs are none', '{"schema":1,"runs":7}'],
  ])('replaces a document %s', async (_what, text) => {
    const world = await worldWith();
    await world.store.put(key, Buffer.from(text), { ifRevision: null, signal });
    await world.renew();
    expect(shape(await world.runs())).toEqual([['renew', 'done', 'issued delivered']]);
  });

  it('merges with a run that another process stores meanwhile', async () => {
    const world = await worldWith();
    await world.renew();
    const other = { ...(await world.last())!, id: 'other' };
    let isFirst = true;
    const put: Store['put'] = async (k, bytes, options) => {
      if (isFirst) {
        isFirst = false;
        const { revision, bytes: before } = (await world.store.get(key, signal))!;
        const all = { schema: 1, runs: [...decodeHistory(before, 'abc', '').runs, other] };
        await world.store.put(key, Buffer.from(JSON.stringify(all)), { ifRevision: revision, signal });
      }
      return world.store.put(k, bytes, options);
    };
    await world.renew({ force: true }, world.replica(1, { store: changed(world.store, { put }) }));
    const found = await world.runs();
    expect(found.map(({ id }) => id === 'other')).toEqual([false, true, false]);
  });

  it('counts a run once whose answer was lost', async () => {
    const world = await worldWith();
    let isFirst = true;
    const put: Store['put'] = async (k, bytes, options) => {
      const revision = await world.store.put(k, bytes, options);
      if (!isFirst) return revision;
      isFirst = false;
      throw fail('store/conflict', { key: 'history/abc' });
    };
    await world.renew({}, world.replica(1, { store: changed(world.store, { put }) }));
    expect(shape(await world.runs())).toEqual([['renew', 'done', 'issued delivered']]);
  });

  it('goes with its certificate, and does not come back', async () => {
    const world = await worldWith();
    await world.renew();
    let deleted: Promise<unknown> | undefined;
    // The certificate is deleted between the end of a run and the write of its history.
    const put: Store['put'] = async (k, bytes, options) => {
      deleted ??= world.within(world.replica(2), (e) => forget(e, 'abc', { force: true }, signal), 'delete');
      await deleted;
      return world.store.put(k, bytes, options);
    };
    const own: ReplicaOptions = { store: changed(world.store, { put }) };
    await world.renew({ force: true }, world.replica(1, own));
    expect(deleted).toBeDefined();
    expect([await world.store.get(key, signal), await world.readLineage()]).toEqual([undefined, undefined]);
  });

  it('is not kept of a first issue that leaves no certificate', async () => {
    const world = await worldWith();
    const unusable = fail('dns/zone-not-found', { name: 'example.com' });
    await world.renew({ unusable, origin: 'command-line' });
    expect([await world.readLineage(), await world.store.get(key, signal)]).toEqual([undefined, undefined]);
  });
});
