import { createBell } from '../../core/async/bell.ts';
import { orAborted } from '../../core/async/on-abort.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { encodeDocument, type Lease } from '../../core/lineage/lineage.ts';
import { decodeSession, documentOf, type Session, type SessionRef } from '../../core/lineage/session.ts';
import { toBase64url } from '../../core/text/encoding.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Processes } from '../../ports/processes.ts';
import type { Random } from '../../ports/random.ts';
import type { Store } from '../../ports/store.ts';

/** What sessions and leases need from the engine. */
export interface SessionPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly processes: Processes;
  readonly limits: { readonly leaseTtlMs: number };
}

/** Where a process keeps its session. */
export interface SessionPlace {
  refOf(id: string): SessionRef;
  /**
   * Writes a sign of life. Resolves with false if the session is no longer there: it has been fenced. Only a new one may
   * be written where there is none.
   */
  write(session: Session, isNew: boolean, signal: AbortSignal): Promise<boolean>;
  /** Removes the session, if it is there. */
  remove(session: Session, signal: AbortSignal): Promise<void>;
}

/** A lease that this process holds, as its session sees it. */
export interface RestingLease {
  /** Nobody works under it any longer, but it may still stand in its document. */
  readonly isLeft: boolean;
  /** The session has been fenced, so another process may have the lease. */
  lose(): void;
  /** Removes a lease that was left from its document. */
  release(signal: AbortSignal): Promise<void>;
}

/**
 * One session of this process, from its first sign of life until it is fenced or ends.
 *
 * A recent sign of life is the only proof of all leases that rest on it. Another process that has not seen one for
 * `leaseTtl` removes the session first, and then takes the leases; so this process, if it was only stopped, finds with
 * its next sign of life that it has lost them.
 */
export class OwnSession {
  readonly ref: SessionRef;
  readonly #ports: SessionPorts;
  readonly #place: SessionPlace;
  readonly #leases = new Set<RestingLease>();
  readonly #bell = createBell();
  readonly #over = new AbortController();
  #session: Session;
  #isNew = true;
  /** When the last sign of life that succeeded was begun. */
  #provedMs = Number.NEGATIVE_INFINITY;
  #queue: Promise<unknown> = Promise.resolve();
  #isBeating = false;

  /** @param atMs of a session that was written already: when that was begun */
  constructor(ports: SessionPorts, place: SessionPlace, session: Session, atMs?: number) {
    this.#ports = ports;
    this.#place = place;
    this.#session = session;
    this.ref = place.refOf(session.id);
    if (atMs === undefined) return;
    this.#provedMs = atMs;
    this.#isNew = false;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** How long ago its last sign of life was begun. */
  get ageMs(): number {
    return this.#ports.clock.monotonicMs() - this.#provedMs;
  }

  /** Returns a lease that rests on it. */
  newLease(): Lease {
    return { id: newId(this.#ports), holder: this.#session.holder, session: this.ref };
  }

  /**
   * Gives a sign of life, unless the last one is less than half of `leaseTtl` old, or `withinMs`. Resolves with false if
   * the session is over. While the store fails, nothing is proved.
   */
  async prove(signal: AbortSignal, withinMs = this.#ports.limits.leaseTtlMs / 2): Promise<boolean> {
    // If the process was stopped during the write, that proves nothing about now.
    while (!this.isOver && this.ageMs >= withinMs) {
      const write = this.#queue.then(() => this.#write(withinMs, signal));
      this.#queue = write.catch(() => undefined);
      await write;
    }
    return !this.isOver;
  }

  /** From now on, the lease rests on this session, which gives signs of life as long as any does. */
  join(lease: RestingLease): void {
    this.#leases.add(lease);
    if (!this.#isBeating) void this.#keepAlive();
  }

  leave(lease: RestingLease): void {
    if (this.#leases.delete(lease) && this.#leases.size === 0) this.#bell.ring();
  }

  /** Releases a lease that its holder has left, unless that is done. */
  hurry(lease: RestingLease): void {
    if (this.#leases.has(lease)) this.#bell.ring();
  }

  /** Ends it. The leases that still rest on it are lost. */
  async end(signal: AbortSignal): Promise<void> {
    this.#lose();
    await orAborted(this.#queue, signal);
    // The first write may have succeeded although its answer was lost.
    if (this.#session.beat > 0 || !this.#isNew) await this.#place.remove(this.#session, signal);
  }

  async #write(withinMs: number, signal: AbortSignal): Promise<void> {
    if (this.isOver || this.ageMs < withinMs) return;
    const startMs = this.#ports.clock.monotonicMs();
    this.#session = { ...this.#session, beat: this.#session.beat + 1 };
    if (!(await this.#place.write(this.#session, this.#isNew, signal))) return this.#lose();
    this.#isNew = false;
    this.#provedMs = startMs;
  }

  #lose(): void {
    this.#over.abort('the session is over');
    for (const lease of this.#leases) lease.lose();
    this.#leases.clear();
    this.#bell.ring();
  }

  async #keepAlive(): Promise<void> {
    const { clock, limits } = this.#ports;
    const { signal } = this.#over;
    const restMs = () => limits.leaseTtlMs / 3 - this.ageMs;
    // After a failure, it tries again sooner, before the session runs out.
    const soonMs = limits.leaseTtlMs / 12;
    let isStuck = false;
    this.#isBeating = true;
    while (this.#leases.size > 0) {
      await this.#bell.orAfter(isStuck ? soonMs : Math.max(restMs(), soonMs), clock, signal);
      if (this.#leases.size === 0) break;
      // The next effect reports a store that fails; an error here must not end the process.
      await this.prove(signal, limits.leaseTtlMs / 3).catch(() => undefined);
      isStuck = !(await this.#releaseLeft(signal));
    }
    this.#isBeating = false;
  }

  /** Reports whether no lease that was left remains. */
  async #releaseLeft(signal: AbortSignal): Promise<boolean> {
    for (const lease of [...this.#leases].filter(({ isLeft }) => isLeft))
      try {
        await lease.release(signal);
        this.leave(lease);
      } catch {
        return false;
      }
    return true;
  }
}

/** The sessions of this process: one at a time, and after it was fenced, the next one. */
export class OwnSessions {
  readonly #ports: SessionPorts;
  #place: SessionPlace;
  #current: OwnSession | undefined;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.#place = ownDocument(ports.store);
  }

  /** Returns the session on which new leases rest. It is not written before the first of them needs a proof. */
  current(): OwnSession {
    if (!this.#current || this.#current.isOver)
      this.#current = new OwnSession(this.#ports, this.#place, newSession(this.#ports));
    return this.#current;
  }

  /** Like {@link OwnSession.prove}, but begins another session if this one was fenced. */
  async prove(signal: AbortSignal, withinMs?: number): Promise<void> {
    while (!(await this.current().prove(signal, withinMs)));
  }

  /**
   * The session is in another place from now on, where it was just written. A process that keeps running calls this
   * before it takes a lease.
   *
   * @param atMs when the write was begun
   */
  async moveTo(place: SessionPlace, session: Session, atMs: number, signal: AbortSignal): Promise<void> {
    await this.end(signal);
    this.#place = place;
    this.#current = new OwnSession(this.#ports, place, session, atMs);
  }

  /** Ends the session, as a process does that ends in order. Nothing may be done under a lease any longer. */
  async end(signal: AbortSignal): Promise<void> {
    const ending = this.#current;
    this.#current = undefined;
    await ending?.end(signal);
  }
}

const newId = ({ random }: Pick<SessionPorts, 'random'>): string => toBase64url(random.bytes(9));

export const newSession = (ports: Pick<SessionPorts, 'random' | 'processes'>): Session => ({
  id: newId(ports),
  holder: ports.processes.self(),
  beat: 0,
});

export const sessionKey = (id: string) => ({ kind: 'session', name: id }) as const;

/** Keeps each session in a document of its own, as every process does that does not keep running for a node. */
const ownDocument = (store: Store): SessionPlace => ({
  refOf: (id) => ({ id }),
  async write(session, isNew, signal) {
    const key = sessionKey(session.id);
    const bytes = encodeDocument(documentOf(session));
    for (let isFirst = isNew; ; isFirst = false) {
      const entry = isFirst ? undefined : await store.get(key, signal);
      const isThere = entry !== undefined && decodeSession(entry.bytes, session.id, store.location) !== undefined;
      if (!isThere && !isNew) return false;
      try {
        await store.put(key, bytes, { ifRevision: entry?.revision ?? null, signal });
        return true;
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
    }
  },
  async remove({ id }, signal) {
    for (;;) {
      const entry = await store.get(sessionKey(id), signal);
      if (!entry) return;
      try {
        return await store.delete(entry.key, { ifRevision: entry.revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
    }
  },
});
