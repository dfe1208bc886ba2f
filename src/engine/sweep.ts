import type { ErrorCode } from '../core/error-table.ts';
import { asFailure, type CertfleetError, isFailure, reasonOf } from '../core/errors.ts';
import { decodeLineage, type Lineage, type Tombstone, unfinishedWork } from '../core/lineage.ts';
import { canonical } from '../core/same-spec.ts';
import type { StoredSpec } from '../core/spec.ts';
import {
  isDue,
  nameOfPresented,
  owedBy,
  owesCleanup,
  type Presented,
  presentedIn,
  specOfPresenter,
} from '../core/tombstones.ts';
import { dueStones, leased, swept } from '../core/work.ts';
import type { Entry } from '../ports/store.ts';
import { type Engine, report } from './engine.ts';
import { inLanes } from './lanes.ts';
import { type Busy, firstSight, giveBack, type Holding, isBusy, takeLease } from './leases/lease.ts';
import { cleanUp, type Unremoved } from './steps/clean-up.ts';
import { together } from './wait.ts';

export interface Swept {
  readonly cleaned: readonly string[];
  readonly failed: readonly NotSwept[];
  /** Tombstones that will be checked later. */
  readonly waiting: number;
}

export interface NotSwept {
  readonly what: string;
  readonly reason: string;
  /** The error's code; undefined if the solver or its provider ran out of time. */
  readonly code?: ErrorCode;
}

export type Done = Omit<Swept, 'waiting'>;

const nothing: Done = { cleaned: [], failed: [] };

/** How many lineages are swept at once. */
const atOnce = 16;

/**
 * Removes what dead processes left in the outside world: journalled challenges without a living holder, tombstones that
 * are due, and expired token documents. It does not issue certificates; the next run resumes that work.
 */
export async function sweep(engine: Engine, signal: AbortSignal): Promise<Swept> {
  const unreadable: NotSwept[] = [];
  const lineages: Lineage[] = [];
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const found = lineageOf(engine, entry);
      if (found instanceof Error) unreadable.push(notSwept(entry.key.name, found));
      else lineages.push(found);
    }
  const errands = lineages
    .filter((lineage) => whatIsLeft(engine, lineage) !== 'nothing')
    .map(({ name }) => ({ group: '', limit: () => atOnce, run: sweeperOf(engine, name) }));
  const done = [...(await inLanes(engine, errands, signal)), await sweepTokens(engine, signal)];
  await engine.store.tidy(signal);
  const now = engine.clock.now();
  return {
    cleaned: done.flatMap(({ cleaned }) => cleaned),
    failed: [...unreadable, ...done.flatMap(({ failed }) => failed)],
    waiting: lineages.flatMap(({ tombstones = [] }) => tombstones).filter((stone) => !isDue(stone, now)).length,
  };
}

/** A lineage of a scan. Fails with `store/corrupt`. */
export function readLineage({ store }: Pick<Engine, 'store'>, { key, bytes, corrupt }: Entry): Lineage {
  if (corrupt) throw corrupt;
  return decodeLineage(bytes, key.name, store.location);
}

/** Like {@link readLineage}, but returns the error. */
export function lineageOf(engine: Pick<Engine, 'store'>, entry: Entry): Lineage | CertfleetError {
  try {
    return readLineage(engine, entry);
  } catch (error) {
    return asFailure(error);
  }
}

const notSwept = (what: string, error: unknown): NotSwept => ({
  what,
  reason: reasonOf(error),
  code: asFailure(error).code,
});

/** Whether a lineage needs a sweep; `doubtful` means only if its holder is frozen or gone. */
export function whatIsLeft({ clock, processes }: Engine, lineage: Lineage): 'nothing' | 'left' | 'doubtful' {
  const { work } = lineage;
  const owes = owesCleanup(work);
  const hasDue = dueStones(lineage, clock.now()).length > 0;
  if (!work?.lease) return owes || hasDue ? 'left' : 'nothing';
  // A lease without work is never resumed, so the sweep releases it.
  const isBare = unfinishedWork(lineage) === undefined;
  if (processes.look(work.lease.holder) === 'dead') return owes || hasDue || isBare ? 'left' : 'nothing';
  return owes || isBare ? 'doubtful' : 'nothing';
}

/**
 * Sweeps one lineage, in several tries if its holder may be alive. If the document changes, the holder is alive and the
 * sweep is done; if it does not change for `leaseTtl`, the sweep takes the lease.
 */
export function sweeperOf(engine: Engine, name: string): (signal: AbortSignal) => Promise<Done | Busy> {
  const sight = { ...firstSight(engine, name), isReported: true };
  return async (signal) => {
    try {
      const seen = sight.revision;
      const taken = await takeLease(
        engine,
        sight,
        // Another process may have swept it already.
        (lineage, claim) => (lineage && whatIsLeft(engine, lineage) !== 'nothing' ? leased(claim) : undefined),
        signal,
      );
      if (isBusy(taken)) return seen === '' || seen === sight.revision ? taken : nothing;
      if (!taken || 'finished' in taken) return nothing;
      return await clearHeld(engine, taken.holding, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { cleaned: [], failed: [notSwept(name, error)] };
    }
  };
}

async function clearHeld(engine: Engine, holding: Holding, signal: AbortSignal): Promise<Done> {
  const stop = holding.keepAlive();
  try {
    return await clear(engine, holding, signal);
  } catch (error) {
    await giveBack(engine, holding);
    throw error;
  } finally {
    stop();
  }
}

/** Removes what one lineage left, and releases it in one write. */
async function clear(engine: Engine, holding: Holding, signal: AbortSignal): Promise<Done> {
  const { lineage, work } = holding;
  const now = engine.clock.now();
  const due = dueStones(lineage, now);
  const { left, leftStones } = await removeOwed(engine, holding, due, signal);
  const looked = new Map(due.map((stone) => [stone, leftStones.find(({ presented }) => presented === stone)?.stone]));
  await holding.apply(swept({ looked, left: left.map(({ stone }) => stone), now }), signal);

  const gone = presentedIn(work).filter(({ token }) => !left.some(({ stone }) => stone.token === token));
  const what = (presented: Presented) => `${lineage.name}: ${nameOfPresented(presented)}`;
  const failed = [...left, ...leftStones].map(({ presented, error }) => ({
    what: what(presented),
    reason: `${reasonOf(error)}; the next sweep tries again`,
    ...(isFailure(error) ? { code: error.code } : {}),
  }));
  return reported(engine, { cleaned: gone.map(what), failed });
}

/** Removes everything journalled and these tombstones' values, all at once. Resolves with what could not be removed. */
export async function removeOwed(
  engine: Engine,
  holding: Holding,
  stones: readonly Tombstone[],
  signal: AbortSignal,
): Promise<{ readonly left: readonly Unremoved[]; readonly leftStones: readonly Unremoved[] }> {
  const { lineage } = holding;
  const options = { holding, signal };
  const [left, leftStones] = await together([
    cleanUp(engine, lineage.spec, owedBy(lineage), options),
    together(bySolver(lineage, stones).map(([spec, theirs]) => cleanUp(engine, spec, theirs, options))),
  ]);
  return { left, leftStones: leftStones.flat() };
}

function reported(engine: Engine, done: Done): Done {
  for (const what of done.cleaned)
    report(engine, { level: 'info', event: 'sweep.cleaned', message: `removed ${what}` });
  return done;
}

/** Groups tombstones by the spec whose solver presented them. */
function bySolver(lineage: Lineage, stones: readonly Tombstone[]): readonly (readonly [StoredSpec, Tombstone[]])[] {
  const groups = new Map<string, readonly [StoredSpec, Tombstone[]]>();
  for (const stone of stones) {
    const key = canonical(stone.by ?? null);
    const group = groups.get(key) ?? ([specOfPresenter(lineage.spec, stone.by), []] as const);
    group[1].push(stone);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Deletes expired token documents, which no lineage refers to. */
export async function sweepTokens(engine: Engine, signal: AbortSignal): Promise<Done> {
  const { store, clock } = engine;
  const cleaned: string[] = [];
  const failed: NotSwept[] = [];
  const now = clock.now().getTime();
  for await (const page of store.scan('token', signal)) {
    for (const { key, bytes, revision } of page) {
      const expires = expiryOf(bytes);
      if (expires === undefined || expires > now) continue;
      const what = `the expired token ${key.name}`;
      try {
        await store.delete(key, { ifRevision: revision, signal });
        cleaned.push(what);
      } catch (error) {
        signal.throwIfAborted();
        // Another process has removed it, or is using it again.
        if (!isFailure(error, 'store/conflict')) failed.push(notSwept(what, error));
      }
    }
  }
  return reported(engine, { cleaned, failed });
}

function expiryOf(bytes: Uint8Array): number | undefined {
  try {
    const { expires } = JSON.parse(new TextDecoder().decode(bytes)) as { expires?: string };
    const time = Date.parse(expires ?? '');
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}
