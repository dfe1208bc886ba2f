import type { CertfleetError } from '../../core/errors/errors.ts';
import { isFailure } from '../../core/errors/errors.ts';
import type { Lease } from '../../core/lineage/lineage.ts';
import type { Entry, Key, Store } from '../../ports/store.ts';
import type { OwnSession, RestingLease } from './session.ts';

/** A document with a lease. */
export interface Holdable<T> {
  readonly key: Key;
  /** Encodes the document for the store, and may omit what does not fit. */
  encode(document: T): { readonly document: T; readonly bytes: Uint8Array };
  decode(entry: Entry): T;
  leaseOf(document: T): Lease | undefined;
  /** Returns the document without a lease whose holder no longer works, which may have been in the middle of something. */
  left(document: T): T | undefined;
  /** Returns the error for a holder that has lost its lease. */
  lost(cause: unknown): CertfleetError;
}

/**
 * A document whose lease this process holds ("Leases" in docs/architecture.md).
 *
 * Every write is a compare-and-set on the revision that this process wrote last, so it fails once another process has
 * taken the lease. Every effect on the outside world is preceded and followed by `check`, which costs nothing if the last
 * sign of life of the session is recent, and otherwise (after a SIGSTOP, say) gives one.
 */
export class Held<T> implements RestingLease {
  readonly #store: Store;
  readonly #session: OwnSession;
  readonly #what: Holdable<T>;
  readonly #leaseId: string | undefined;
  readonly #lost = new AbortController();
  #document: T;
  #revision = '';
  #isLeft = false;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(store: Store, session: OwnSession, what: Holdable<T>, document: T) {
    this.#store = store;
    this.#session = session;
    this.#what = what;
    this.#leaseId = what.leaseOf(document)?.id;
    this.#document = document;
  }

  /**
   * Takes a lease with one compare-and-set, which writes the document in which it stands.
   *
   * @returns undefined if another process was faster
   */
  static async take<T>(
    { store, session }: { readonly store: Store; readonly session: OwnSession },
    what: Holdable<T>,
    taking: { readonly document: T; readonly ifRevision: string | null },
    signal: AbortSignal,
  ): Promise<Held<T> | undefined> {
    if (!(await session.prove(signal))) return undefined;
    const { document, bytes } = what.encode(taking.document);
    const held = new Held(store, session, what, document);
    session.join(held);
    try {
      held.#revision = await store.put(what.key, bytes, { ifRevision: taking.ifRevision, signal });
      return held;
    } catch (error) {
      // It may have been written all the same.
      held.leave();
      if (!isFailure(error, 'store/conflict')) throw error;
      return undefined;
    }
  }

  get document(): T {
    return this.#document;
  }

  /** Aborts with the error of {@link Holdable.lost} if another process has taken over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** Writes one change of the document, or deletes it if the change returns none. Without the lease in it, it is over. */
  write(change: (document: T) => T | undefined, signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const changed = change(this.#document);
      const next = changed === undefined ? undefined : this.#what.encode(changed);
      const { key } = this.#what;
      try {
        if (next) this.#revision = await this.#store.put(key, next.bytes, { ifRevision: this.#revision, signal });
        else await this.#store.delete(key, { ifRevision: this.#revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        this.lose(error);
        // If a write of its own was in the way, whose answer was lost, the lease is still there.
        this.leave();
        throw this.#lost.signal.reason;
      }
      if (next) this.#document = next.document;
      if (!next || !this.#what.leaseOf(next.document)) this.#session.leave(this);
    });
  }

  /** Proves that this process still holds the lease, by a sign of life unless there was one lately. */
  async check(signal: AbortSignal): Promise<void> {
    if (!this.#lost.signal.aborted && (await this.#session.prove(signal))) return;
    this.lose();
    throw this.#lost.signal.reason;
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
   * Ends the work under the lease. If the lease still stands in the document, because the write that should have released
   * it has failed, the session releases it as soon as it can: it would last as long as the process.
   */
  leave(): void {
    this.#isLeft = true;
    this.#session.hurry(this);
  }

  lose(cause?: unknown): void {
    if (!this.#lost.signal.aborted) this.#lost.abort(this.#what.lost(cause));
  }

  release(signal: AbortSignal): Promise<void> {
    return this.#enqueue(async () => {
      const { key, decode, encode, leaseOf, left } = this.#what;
      const entry = await this.#store.get(key, signal);
      const document = entry && decode(entry);
      if (!document || leaseOf(document)?.id !== this.#leaseId) return;
      const next = left(document);
      const ifRevision = entry.revision;
      if (next) await this.#store.put(key, encode(next).bytes, { ifRevision, signal });
      else await this.#store.delete(key, { ifRevision, signal });
    });
  }

  #enqueue<R>(run: () => Promise<R>): Promise<R> {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
