import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { decodeLineage, encodeDocument, type Lease, type Lineage, type Work } from '../../core/lineage.ts';
import { after, beaten, type Claim, released, type Transition } from '../../core/work.ts';
import type { Entry } from '../../ports/store.ts';
import { type Engine, report } from '../engine.ts';

/** How long another process is waited for before its holder is named to the user. A whole DNS wait fits in. */
const patienceMs = 15 * 60_000;

/**
 * The right to work on one lineage, together with the document it protects (house.md §5, Leases).
 *
 * Every write is a compare-and-set on the revision this process wrote last: the moment another process takes the
 * lease, the next write here fails. `check` is called before and after every effect on the outside world; it costs
 * nothing while the last write is recent and proves the lease by a write when it is not, as after a SIGSTOP.
 */
export class Holding {
  readonly #engine: Engine;
  readonly #lost = new AbortController();
  #lineage: Lineage;
  #revision: string;
  #confirmedMs: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, taken: { readonly lineage: Lineage; readonly revision: string; readonly atMs: number }) {
    this.#engine = engine;
    this.#lineage = taken.lineage;
    this.#revision = taken.revision;
    this.#confirmedMs = taken.atMs;
  }

  get lineage(): Lineage {
    return this.#lineage;
  }

  /** The work in flight; it is there as long as the lease is held. */
  get work(): Work {
    const work = this.#lineage.work;
    if (!work) throw fail('bug/unexpected', { reason: `the work of ${this.#lineage.name} is closed` });
    return work;
  }

  /** Aborts with `store/lease-lost` when another process has taken over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Makes one change of the document durable; a change that leaves no document deletes it. Fails with
   * `store/lease-lost` when another process has written meanwhile.
   */
  apply(transition: Transition, signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const next = after(this.#lineage, transition);
      const { store, clock } = this.#engine;
      const { name } = this.#lineage;
      const key = { kind: 'lineage', name } as const;
      const startMs = clock.monotonicMs();
      try {
        if (next) this.#revision = await store.put(key, encodeDocument(next), { ifRevision: this.#revision, signal });
        else await store.delete(key, { ifRevision: this.#revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        const lost = fail('store/lease-lost', { certificate: name }, { cause: error });
        this.#lost.abort(lost);
        throw lost;
      }
      if (next) this.#lineage = next;
      this.#confirmedMs = startMs;
    });
  }

  /** Proves that the lease still holds; a write only when the last one is older than half its time to live. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    const ageMs = this.#engine.clock.monotonicMs() - this.#confirmedMs;
    if (ageMs >= this.#engine.limits.leaseTtlMs / 2) await this.#beat(signal);
  }

  /** One effect on the outside world, with the lease proven before and after it. */
  async effect<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    await this.check(signal);
    // What was abandoned (a target past its deadline) may come back here long after the lease was given back.
    signal.throwIfAborted();
    const result = await run();
    await this.check(signal);
    return result;
  }

  /** Gives signs of life until the returned function is called, so that a long wait does not look like death. */
  keepAlive(): () => void {
    const { clock, limits } = this.#engine;
    const stop = new AbortController();
    const restMs = () => limits.leaseTtlMs / 3 - (clock.monotonicMs() - this.#confirmedMs);
    const beats = async () => {
      while (!this.#lost.signal.aborted) {
        // After a write that failed, a shorter rest: the store may be well again, and there is a lease to lose.
        await clock.sleep(Math.max(restMs(), limits.leaseTtlMs / 12), stop.signal);
        // A lost lease is known by `lost`, a store that fails by the next write: neither may end the process from here.
        if (restMs() <= 0) await this.#beat(stop.signal).catch(() => undefined);
      }
    };
    beats().catch(() => undefined); // stopped
    // With a reason of its own: node's default is an exception with a stack, at 65 µs each.
    return () => stop.abort('the work has ended');
  }

  #beat(signal: AbortSignal): Promise<void> {
    return this.apply(beaten(), signal);
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** Gives the lease back on a time budget of its own: the caller's signal may be what ended the work. */
export async function giveBack(engine: Engine, holding: Holding): Promise<void> {
  if (holding.lost.aborted) return;
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    await holding.apply(released(), deadline.signal);
  } catch (error) {
    // The next run finds that the holder is gone.
    const message = `could not release the lease: ${reasonOf(error)}`;
    report(engine, { level: 'warn', event: 'log', certificate: holding.lineage.name, message });
  } finally {
    deadline.done();
  }
}

/** Another process works on the lineage: come back after a pause. */
export interface Busy {
  readonly busy: true;
  readonly pauseMs: number;
}

export const isBusy = (value: object | undefined): value is Busy => value !== undefined && 'busy' in value;

/** What one process has seen of a lineage over several tries to take its lease. */
export interface Sight {
  readonly name: string;
  readonly sinceMs: number;
  /** The revision that was seen last, and when it was new. */
  revision: string;
  movedMs: number;
  /** Set by the first try: when the last run had ended by then. */
  lastAt: string | undefined;
  isFirst: boolean;
  /** Another process was at work: what it came to may be the answer. */
  hasWaited: boolean;
  isReported: boolean;
}

export function firstSight({ clock }: Engine, name: string): Sight {
  const sinceMs = clock.monotonicMs();
  const unseen = { revision: '', movedMs: sinceMs, lastAt: undefined };
  return { name, sinceMs, ...unseen, isFirst: true, hasWaited: false, isReported: false };
}

/** The sight of a process that has lost its lease: the other one's result is the answer, once there is one. */
export const sightOfLoser = (engine: Engine, { name, last }: Lineage): Sight => ({
  ...firstSight(engine, name),
  lastAt: last?.at,
  isFirst: false,
  hasWaited: true,
  isReported: true,
});

export type Taken =
  | { readonly holding: Holding }
  /** Another process did the work while this one waited. */
  | { readonly finished: Lineage }
  | Busy;

/**
 * Tries once to take the lease of a lineage, by one compare-and-set that is also the first journal entry of the work.
 * Never waits for another process: the caller has other work, and comes back.
 *
 * @param begin what to write, from what is there; undefined when there is nothing to do
 */
export async function takeLease(
  engine: Engine,
  sight: Sight,
  begin: (lineage: Lineage | undefined, claim: Claim) => Transition | undefined,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  const { clock, store, processes } = engine;
  const { name } = sight;
  for (;;) {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    const lineage = entry && decodeLineage(entry.bytes, name, store.location);
    const lease = lineage?.work?.lease;
    if (sight.isFirst) sight.lastAt = lineage?.last?.at;
    sight.isFirst = false;
    if (entry && lease && !mayTake(engine, sight, lease, entry)) return wait(engine, sight, lease);
    // A sweep leaves no result of its own, and a run that was stopped leaves the work: then it is done here.
    const { at, result } = lineage?.last ?? {};
    if (sight.hasWaited && lineage && !lease && at !== sight.lastAt && result !== 'stopped')
      return { finished: lineage };
    const isDoubtful = lease !== undefined && processes.look(lease.holder) !== 'dead';
    const transition = begin(lineage, { lease: newLease(engine), isDoubtful, now: clock.now() });
    const next = transition && after(lineage, transition);
    if (!next) return undefined;
    const atMs = clock.monotonicMs();
    try {
      const revision = await store.put({ kind: 'lineage', name }, encodeDocument(next), {
        ifRevision: entry?.revision ?? null,
        signal,
      });
      return { holding: new Holding(engine, { lineage: next, revision, atMs }) };
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
      // Another process was quicker by a moment: what it comes to is this one's result too.
      sight.hasWaited = true;
    }
  }
}

const newLease = ({ random, processes }: Engine): Lease => ({
  id: Buffer.from(random.bytes(9)).toString('base64url'),
  holder: processes.self(),
  beat: 0,
});

function wait(engine: Engine, sight: Sight, { holder }: Lease): Busy {
  const { clock, limits } = engine;
  const { name } = sight;
  sight.hasWaited = true;
  if (!sight.isReported) {
    const message = `process ${holder.pid} is working on it; waiting for its result`;
    report(engine, { level: 'info', event: 'certificate.waiting', certificate: name, message });
  }
  sight.isReported = true;
  if (clock.monotonicMs() - sight.sinceMs > patienceMs) {
    const seconds = patienceMs / 1000;
    throw fail('store/busy', { holder: `process ${holder.pid}`, certificate: name, seconds });
  }
  // A tenth of the lease's time, so that a short lease (tests) is taken soon and a long one costs few reads.
  return { busy: true, pauseMs: Math.min(limits.leaseTtlMs / 10, 250) };
}

/**
 * Whether somebody else's lease may be taken: at once when its holder is provably dead, else when its document has
 * not moved for a whole time to live on this process's own monotonic clock.
 */
function mayTake(engine: Engine, sight: Sight, lease: Lease, entry: Entry): boolean {
  if (engine.processes.look(lease.holder) === 'dead') return true;
  const nowMs = engine.clock.monotonicMs();
  if (sight.revision !== entry.revision) {
    sight.revision = entry.revision;
    sight.movedMs = nowMs;
    return false;
  }
  return nowMs - sight.movedMs > engine.limits.leaseTtlMs;
}
