import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { decodeLineage, type Lease, type Lineage, type Work } from '../../core/lineage/lineage.ts';
import { processText } from '../../core/lineage/process-identity.ts';
import { storable } from '../../core/lineage/storable.ts';
import { abandoned, type Claim, released } from '../../core/lineage/work/lease.ts';
import { after, type Transition } from '../../core/lineage/work/transition.ts';
import type { Entry } from '../../ports/store.ts';
import { type Engine, report } from '../engine.ts';
import { type Waiting, waitingText } from '../locks/fence.ts';
import { Held, type Holdable } from '../locks/held.ts';
import { isHeld } from '../locks/held-leases.ts';
import type { OwnSession } from '../locks/session.ts';

/** How long to wait for another process before giving up with `store/busy`. Long enough for any DNS wait. */
const patienceMs = 15 * 60_000;
const leastPauseMs = 250;
const mostPauseMs = 2_000;

/** The right to work on one lineage, together with its document. */
export class Holding {
  readonly #held: Held<Lineage>;

  constructor(held: Held<Lineage>) {
    this.#held = held;
  }

  get lineage(): Lineage {
    return this.#held.document;
  }

  /** The work in progress. It exists as long as the lease is held. */
  get work(): Work {
    const { work } = this.lineage;
    if (!work) throw fail('bug/unexpected', { reason: `the work of ${this.lineage.name} is closed` });
    return work;
  }

  /** Aborts with `store/lease-lost` if another process has taken over. */
  get lost(): AbortSignal {
    return this.#held.lost;
  }

  /**
   * Writes one change of the document, or deletes it if the change returns none. Fails with `store/lease-lost` if
   * another process has written to it.
   */
  apply(transition: Transition, signal: AbortSignal): Promise<void> {
    return this.#held.write((lineage) => after(lineage, transition), signal);
  }

  /** Like {@link Held.check}, {@link Held.effect} and {@link Held.leave}. */
  check(signal: AbortSignal): Promise<void> {
    return this.#held.check(signal);
  }

  effect<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    return this.#held.effect(signal, run);
  }

  leave(): void {
    this.#held.leave();
  }
}

const holdable = ({ store, clock }: Engine, name: string): Holdable<Lineage> => ({
  key: { kind: 'lineage', name },
  encode(changed) {
    const { lineage: document, bytes } = storable(changed);
    return { document, bytes };
  },
  decode: ({ bytes }) => decodeLineage(bytes, name, store.location),
  leaseOf: ({ work }) => work?.lease,
  left: (lineage) => after(lineage, abandoned(clock.now())),
  lost: (cause) => fail('store/lease-lost', { certificate: name }, { cause }),
});

/** Releases the lease within its own time budget, because the caller's signal may have aborted. */
export async function giveBack(engine: Engine, holding: Holding): Promise<void> {
  if (holding.lost.aborted) return holding.leave();
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    await holding.apply(released(), deadline.signal);
  } catch (error) {
    // It is tried again for as long as the process lives.
    const message = `could not release the lease: ${reasonOf(error)}`;
    report(engine, { level: 'warn', event: 'log', certificate: holding.lineage.name, message });
  } finally {
    deadline.done();
    holding.leave();
  }
}

/** Another process is working on the lineage: try again after a pause. */
export interface Busy {
  readonly busy: true;
  readonly pauseMs: number;
}

export const isBusy = (value: object | undefined): value is Busy => value !== undefined && 'busy' in value;

/** What this process has seen of a lineage while trying to take its lease. */
export interface Sight {
  readonly name: string;
  readonly sinceMs: number;
  /** The last sign of life of another process that was working on it. */
  sign: string;
  /** Set by the first try: when the lineage's last run ended. */
  lastAt: string | undefined;
  isFirst: boolean;
  /** Another process was working on it, so its result may be the one to return. */
  hasWaited: boolean;
  isReported: boolean;
  /** The caller only cleans up if the holder is gone, and needs no result. */
  isSweep?: true;
  /** The document as the pass has read it for its plan. The first look takes it instead of reading it again at once. */
  early?: EarlyRead | undefined;
}

export interface EarlyRead {
  readonly entry: Entry | undefined;
  /** Monotonic. */
  readonly atMs: number;
}

/** How old such a document may be. If another process writes meanwhile, the compare-and-set of the lease fails. */
const earlyMs = 1_000;

async function read({ clock, store }: Engine, sight: Sight, signal: AbortSignal): Promise<Entry | undefined> {
  const { name, early } = sight;
  sight.early = undefined;
  if (early && clock.monotonicMs() - early.atMs < earlyMs) return early.entry;
  return store.get({ kind: 'lineage', name }, signal);
}

export function firstSight({ clock }: Engine, name: string): Sight {
  const sinceMs = clock.monotonicMs();
  return { name, sinceMs, sign: '', lastAt: undefined, isFirst: true, hasWaited: false, isReported: false };
}

/** Returns what a process that lost its lease has seen: it waits for the new holder's result. */
export const sightOfLoser = (engine: Engine, { name, last }: Lineage): Sight => ({
  ...firstSight(engine, name),
  lastAt: last?.at,
  isFirst: false,
  hasWaited: true,
  isReported: true,
});

/** The result of one look at a lineage's document. */
type Seen = Busy | Finished | Free;

/** Another process did the work while this one waited. */
interface Finished {
  readonly finished: Lineage;
}

/** No process that may be alive is working on the lineage, so its lease can be taken. */
export interface Free {
  readonly sight: Sight;
  readonly lineage: Lineage | undefined;
  readonly revision: string | null;
  /** What taking the lease would add to the document. */
  readonly claim: Claim;
  /** The session of this process on which it would rest. */
  readonly session: OwnSession;
}

/** Checks once whether a lineage's lease can be taken. Never waits for another process. */
export async function lookAt(engine: Engine, sight: Sight, signal: AbortSignal): Promise<Seen> {
  const { clock, store, processes, sessions } = engine;
  const { name } = sight;
  const entry = await read(engine, sight, signal);
  const lineage = entry && decodeLineage(entry.bytes, name, store.location);
  const lease = lineage?.work?.lease;
  if (sight.isFirst) sight.lastAt = lineage?.last?.at;
  sight.isFirst = false;
  const waiting = entry && lease && (await sessions.others.whyHeld(lease, entry, signal));
  if (waiting) return wait(engine, sight, { lease, waiting });
  // After a sweep, which leaves no result, or a stopped run, this process does the work itself.
  const { at, result } = lineage?.last ?? {};
  if (sight.hasWaited && lineage && !lease && at !== sight.lastAt && result !== 'stopped') return { finished: lineage };
  const isDoubtful = lease !== undefined && processes.look(lease.holder) !== 'dead';
  const session = sessions.own.current();
  const claim = { lease: session.newLease(), isDoubtful, now: clock.now() };
  return { sight, lineage, revision: entry?.revision ?? null, claim, session };
}

/**
 * Takes the lease of a lineage that was free, with one compare-and-set that also begins the journal of the work.
 *
 * @returns undefined if another process was faster; the caller checks again
 */
export async function take(
  engine: Engine,
  { sight, lineage, revision: ifRevision, session }: Omit<Free, 'claim'>,
  begin: Transition,
  signal: AbortSignal,
): Promise<Holding | undefined> {
  const document = changed(lineage, begin, sight);
  const what = holdable(engine, sight.name);
  const held = await Held.take({ store: engine.store, session }, what, { document, ifRevision }, signal);
  // The other process's result may be the one to return.
  if (!held) sight.hasWaited = true;
  return held && new Holding(held);
}

/**
 * Changes the document of a lineage that was free, with one compare-and-set.
 *
 * @returns undefined if another process was faster; the caller checks again
 */
export async function changeFree(
  { store }: Engine,
  { sight, lineage, revision: ifRevision }: Pick<Free, 'sight' | 'lineage' | 'revision'>,
  transition: Transition,
  signal: AbortSignal,
): Promise<{ readonly lineage: Lineage; readonly revision: string } | undefined> {
  const next = storable(changed(lineage, transition, sight));
  try {
    const revision = await store.put({ kind: 'lineage', name: sight.name }, next.bytes, { ifRevision, signal });
    return { lineage: next.lineage, revision };
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
    // The other process's result may be the one to return.
    sight.hasWaited = true;
    return undefined;
  }
}

function changed(lineage: Lineage | undefined, transition: Transition, { name }: Sight): Lineage {
  const next = after(lineage, transition);
  if (!next) throw fail('bug/unexpected', { reason: `${name} is gone, so there is nothing to work on` });
  return next;
}

/**
 * Combines {@link lookAt} and {@link take}, for a caller that needs nothing in between.
 *
 * @param begin decides from the current document what to write; returns undefined if there is nothing to do
 */
export async function takeLease(
  engine: Engine,
  sight: Sight,
  begin: (lineage: Lineage | undefined, claim: Claim) => Transition | undefined,
  signal: AbortSignal,
): Promise<{ readonly holding: Holding } | Finished | Busy | undefined> {
  for (;;) {
    const seen = await lookAt(engine, sight, signal);
    if (!('claim' in seen)) return seen;
    const transition = begin(seen.lineage, seen.claim);
    if (!transition) return undefined;
    const holding = await take(engine, seen, transition, signal);
    if (holding) return { holding };
  }
}

function wait(
  engine: Engine,
  sight: Sight,
  { lease, waiting }: { readonly lease: Lease; readonly waiting: Waiting },
): Busy {
  const { clock } = engine;
  const { name } = sight;
  sight.hasWaited = true;
  sight.sign = waiting.sign;
  if (!sight.isReported) {
    const { who, until } = waitingText(clock, lease, waiting);
    const message = sight.isSweep
      ? `${who} may be working on it; waiting until ${until} to see whether it is alive`
      : `${who} is working on it; waiting for its result, or until ${until} if it gives no sign of life`;
    report(engine, { level: 'info', event: 'certificate.waiting', certificate: name, message });
  }
  sight.isReported = true;
  if (clock.monotonicMs() - sight.sinceMs > patienceMs) {
    const seconds = patienceMs / 1000;
    throw fail('store/busy', { holder: `pid ${processText(lease.holder)}`, certificate: name, seconds });
  }
  return { busy: true, pauseMs: pauseOf(engine, sight, waiting) };
}

/**
 * Returns when to look again. A pause adds at most a quarter to the whole wait, so that neither a short wait gets much
 * longer nor a long one reads the document often. It ends with the lease.
 */
function pauseOf({ clock, limits: { leaseTtlMs } }: Engine, { sinceMs }: Sight, { untilMs }: Waiting): number {
  const nowMs = clock.monotonicMs();
  const grownMs = Math.min(Math.max(leastPauseMs, (nowMs - sinceMs) / 4), mostPauseMs);
  const leaseMs = untilMs + 1 - nowMs;
  // A fraction of `leaseTtl`, so that tests with short leases are fast.
  return Math.max(1, Math.min(grownMs, leaseMs, leaseTtlMs / 10));
}

/** Fails with `store/held` if another process may be working on it. */
export async function refuseHeld(engine: Engine, { name, work }: Lineage, signal: AbortSignal): Promise<void> {
  const lease = work?.lease;
  if (lease && (await isHeld(lease, engine, signal)))
    throw fail('store/held', { holder: `pid ${processText(lease.holder)}`, certificate: name });
}
