import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import {
  decodeLineage,
  encodeDocument,
  type Lease,
  type Lineage,
  unfinishedWork,
  type Work,
} from '../../core/lineage.ts';
import type { StoredSpec } from '../../core/spec.ts';
import type { Entry } from '../../ports/store.ts';
import { type EngineContext, report } from '../engine.ts';

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
  readonly #context: EngineContext;
  readonly #lost = new AbortController();
  readonly id: string;
  #lineage: Lineage;
  #revision: string;
  #confirmedMs: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(context: EngineContext, id: string, lineage: Lineage, revision: string, confirmedMs: number) {
    this.#context = context;
    this.id = id;
    this.#lineage = lineage;
    this.#revision = revision;
    this.#confirmedMs = confirmedMs;
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

  /** Changes the document durably. Fails with `store/lease-lost` when another process has written meanwhile. */
  update(change: (lineage: Lineage) => Lineage, signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const next = change(this.#lineage);
      const startMs = this.#context.clock.monotonicMs();
      try {
        this.#revision = await this.#context.store.put({ kind: 'lineage', name: next.name }, encodeDocument(next), {
          ifRevision: this.#revision,
          signal,
        });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        throw this.#lose(next.name, error);
      }
      this.#lineage = next;
      this.#confirmedMs = startMs;
    });
  }

  /** Deletes the document, and the lease with it. Fails with `store/lease-lost` as `update` does. */
  remove(signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const { name } = this.#lineage;
      try {
        await this.#context.store.delete({ kind: 'lineage', name }, { ifRevision: this.#revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        throw this.#lose(name, error);
      }
    });
  }

  /** Proves that the lease still holds; a write only when the last one is older than half its time to live. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    const ageMs = this.#context.clock.monotonicMs() - this.#confirmedMs;
    if (ageMs >= this.#context.limits.leaseTtlMs / 2) await this.#beat(signal);
  }

  /** One effect on the outside world, with the lease proven before and after it. */
  async effect<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    await this.check(signal);
    const result = await run();
    await this.check(signal);
    return result;
  }

  /** Gives signs of life until the returned function is called, so that a long wait does not look like death. */
  keepAlive(): () => void {
    const { clock, limits } = this.#context;
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
    return this.update((lineage) => {
      const lease = lineage.work?.lease;
      if (!lineage.work || !lease) return lineage;
      return { ...lineage, work: { ...lineage.work, lease: { ...lease, beat: lease.beat + 1 } } };
    }, signal);
  }

  #lose(certificate: string, cause: unknown): CertfleetError {
    const lost = fail('store/lease-lost', { certificate }, { cause });
    this.#lost.abort(lost);
    return lost;
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** What takes a lease without wanting a certificate: nothing that a later run would go on with. */
export const bareWork = (context: EngineContext, spec: StoredSpec): Work => ({
  step: 'close',
  version: '',
  directory: spec.issuer.directory,
  startedAt: context.clock.now().toISOString(),
  challenges: [],
});

/**
 * Gives the lease back and leaves the work as it was found, on a time budget of its own: the caller's signal may be
 * what ended it. Where even that fails, the next one finds that its holder is gone.
 */
export async function giveBack(context: EngineContext, holding: Holding): Promise<void> {
  if (holding.lost.aborted) return;
  const deadline = context.clock.deadline(context.limits.shutdownBudgetMs);
  try {
    await holding.update((lineage) => {
      const { work: _closed, ...rest } = lineage;
      const work = unfinishedWork(lineage);
      if (!work) return rest;
      const { lease: _given, ...left } = work;
      return { ...rest, work: left };
    }, deadline.signal);
  } catch (error) {
    const what = `its lease could not be given back: ${reasonOf(error)}`;
    report(context, 'warn', 'log', holding.lineage.name, what);
  } finally {
    deadline.done();
  }
}

export type Taken =
  | { readonly holding: Holding; readonly stolen: boolean }
  /** Another process did the work while this one waited. */
  | { readonly finished: Lineage };

/**
 * Takes the lease of a lineage by one compare-and-set, which is also the first journal entry of the work.
 *
 * @param begin makes the document to write from what is there: with the `work` this process wants, without a lease;
 *   undefined when there turns out to be nothing to do
 */
export async function takeLease(
  context: EngineContext,
  name: string,
  begin: (lineage: Lineage | undefined) => Lineage | undefined,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  const { clock, store } = context;
  const since = clock.monotonicMs();
  const watch = { revision: '', movedMs: since };
  let waited = false;
  let said = false;
  let told: string | undefined;
  for (let first = true; ; first = false) {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    const lineage = entry && decodeLineage(entry.bytes, name, store.location);
    const lease = lineage?.work?.lease;
    if (first) told = lineage?.last?.at;
    if (lease && entry && !mayTake(context, lease, entry, watch)) {
      if (!said)
        report(
          context,
          'info',
          'certificate.waiting',
          name,
          `process ${lease.holder.pid} is working on it; waiting for its result`,
        );
      said = true;
      waited = true;
      if (clock.monotonicMs() - since > patienceMs)
        throw fail('store/busy', {
          holder: `process ${lease.holder.pid}`,
          certificate: name,
          seconds: patienceMs / 1000,
        });
      // A tenth of the lease's time, so that a short lease (tests) is taken soon and a long one costs few reads.
      await clock.sleep(Math.min(context.limits.leaseTtlMs / 10, 250), signal);
      continue;
    }
    // A sweep leaves no result of its own, and one that was stopped leaves the work: then it is done here.
    const { at, result } = lineage?.last ?? {};
    if (waited && lineage && !lease && at !== told && result !== 'stopped') return { finished: lineage };
    const wanted = begin(lineage);
    if (!wanted?.work) return undefined;
    const own: Lease = {
      id: Buffer.from(context.random.bytes(9)).toString('base64url'),
      holder: context.processes.self(),
      beat: 0,
    };
    const next: Lineage = {
      ...wanted,
      work: {
        ...wanted.work,
        lease: own,
        ...(lease && context.processes.look(lease.holder) !== 'dead' ? { takenOver: true } : {}),
      },
    };
    const startMs = clock.monotonicMs();
    try {
      const revision = await store.put({ kind: 'lineage', name }, encodeDocument(next), {
        ifRevision: entry?.revision ?? null,
        signal,
      });
      return { holding: new Holding(context, own.id, next, revision, startMs), stolen: lease !== undefined };
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
      // Another process was quicker by a moment: what it comes to is this one's result too.
      waited = true;
    }
  }
}

/**
 * Whether somebody else's lease may be taken: at once when its holder is provably dead, else when its document has
 * not moved for a whole time to live on this process's own monotonic clock.
 */
function mayTake(
  context: EngineContext,
  lease: Lease,
  entry: Entry,
  watch: { revision: string; movedMs: number },
): boolean {
  if (context.processes.look(lease.holder) === 'dead') return true;
  const nowMs = context.clock.monotonicMs();
  if (watch.revision !== entry.revision) {
    watch.revision = entry.revision;
    watch.movedMs = nowMs;
    return false;
  }
  return nowMs - watch.movedMs > context.limits.leaseTtlMs;
}
