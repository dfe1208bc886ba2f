import type { CertfleetError } from '../../core/errors/errors.ts';
import { isFailure } from '../../core/errors/errors.ts';
import type { Lease } from '../../core/lineage/lineage.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Processes } from '../../ports/processes.ts';
import type { Random } from '../../ports/random.ts';
import type { Key, Store } from '../../ports/store.ts';

/** What a held document needs from the engine. */
export interface HeldPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: { readonly leaseTtlMs: number };
}

export interface Holdable<T> {
  readonly key: Key;
  /** Encodes the document for the store, and may omit what does not fit. */
  encode(document: T): { readonly document: T; readonly bytes: Uint8Array };
  /** Returns the document after a sign of life, which gives it a new revision. */
  beaten(document: T): T;
  /** Returns the error for a holder that has lost its lease. */
  lost(cause: unknown): CertfleetError;
}

/**
 * A document whose lease this process holds ("Leases" in docs/architecture.md).
 *
 * Every write is a compare-and-set on the revision that this process wrote last, so it fails once another process has
 * taken the lease. Every effect on the outside world is preceded and followed by `check`, which costs nothing if the
 * last write is recent, and otherwise (after a SIGSTOP, say) proves the lease by a write.
 */
export class Held<T> {
  readonly #engine: HeldPorts;
  readonly #what: Holdable<T>;
  readonly #lost = new AbortController();
  #document: T;
  #revision: string;
  #confirmedMs: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    engine: HeldPorts,
    what: Holdable<T>,
    taken: { readonly document: T; readonly revision: string; readonly atMs: number },
  ) {
    this.#engine = engine;
    this.#what = what;
    this.#document = taken.document;
    this.#revision = taken.revision;
    this.#confirmedMs = taken.atMs;
  }

  get document(): T {
    return this.#document;
  }

  /** Aborts with the error of {@link Holdable.lost} if another process has taken over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Writes one change of the document, or deletes it if the change returns none. */
  write(change: (document: T) => T | undefined, signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const changed = change(this.#document);
      const next = changed === undefined ? undefined : this.#what.encode(changed);
      const { store, clock } = this.#engine;
      const { key } = this.#what;
      const startMs = clock.monotonicMs();
      try {
        if (next) this.#revision = await store.put(key, next.bytes, { ifRevision: this.#revision, signal });
        else await store.delete(key, { ifRevision: this.#revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        const lost = this.#what.lost(error);
        this.#lost.abort(lost);
        throw lost;
      }
      if (next) this.#document = next.document;
      this.#confirmedMs = startMs;
    });
  }

  /** Proves that this process still holds the lease. Writes only if the last write is older than half of `leaseTtl`. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    const { clock, limits } = this.#engine;
    const isOld = () => clock.monotonicMs() - this.#confirmedMs >= limits.leaseTtlMs / 2;
    // If the process was stopped during the write, that proves nothing about now.
    while (isOld()) await this.#beat(signal);
  }

  /** Runs one effect on the outside world, and proves the lease before and after it. */
  async effect<R>(signal: AbortSignal, run: () => Promise<R>): Promise<R> {
    await this.check(signal);
    // An abandoned effect (a target past its deadline) may end long after the lease was released.
    signal.throwIfAborted();
    const result = await run();
    await this.check(signal);
    return result;
  }

  /**
   * Gives signs of life until the returned function is called, so that a long wait does not look like a dead process.
   */
  keepAlive(): () => void {
    const { clock, limits } = this.#engine;
    const stop = new AbortController();
    const restMs = () => limits.leaseTtlMs / 3 - (clock.monotonicMs() - this.#confirmedMs);
    const beats = async () => {
      while (!this.#lost.signal.aborted) {
        // After a failed write, try again sooner, before the lease runs out.
        await clock.sleep(Math.max(restMs(), limits.leaseTtlMs / 12), stop.signal);
        // `lost` reports a lost lease, and the next write reports a failing store; an error here must not end the
        // process.
        if (restMs() <= 0) await this.#beat(stop.signal).catch(() => undefined);
      }
    };
    beats().catch(() => undefined); // stopped
    // Node's default reason would be an exception with a stack, which takes 65 µs.
    return () => stop.abort('the work has ended');
  }

  #beat(signal: AbortSignal): Promise<void> {
    return this.write((document) => this.#what.beaten(document), signal);
  }

  #enqueue<R>(run: () => Promise<R>): Promise<R> {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

export const newLease = ({ random, processes }: { readonly random: Random; readonly processes: Processes }): Lease => ({
  id: Buffer.from(random.bytes(9)).toString('base64url'),
  holder: processes.self(),
  beat: 0,
});
