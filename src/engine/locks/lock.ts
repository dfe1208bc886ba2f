import { createTurnsByKey } from '../../core/async/turns.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { encodeDocument, type Lease } from '../../core/lineage/lineage.ts';
import { decodeLock, type LockDocument } from '../../core/lineage/lock.ts';
import { type ProcessIdentity, processText } from '../../core/lineage/process-identity.ts';
import type { Reporter } from '../../ports/reporter.ts';
import type { Entry } from '../../ports/store.ts';
import { type Waiting, waitingText } from './fence.ts';
import { Held, type Holdable } from './held.ts';
import type { SessionPorts } from './session.ts';
import { createSessions, type Sessions } from './sessions.ts';

/** How long to wait for another process. Its changes at a slow cloud take a minute or two. */
const patienceMs = 10 * 60_000;
/** Most waits are shorter, and no news. */
const tellAfterMs = 2_000;

export interface LockPorts extends SessionPorts {
  readonly limits: { readonly leaseTtlMs: number; readonly shutdownBudgetMs: number };
  /** Told of a long wait. */
  readonly reporter?: Reporter;
}

export interface Locks {
  /**
   * Runs `work` while only this process may change the resource. Callers in this process take turns. If another process
   * has the lease, this one waits until the lease is free: at once if the holder is dead, otherwise after `leaseTtl`.
   * When `work` ends, the lease is released. Fails with `store/busy` after ten minutes.
   *
   * @param begin returns what to write together with the lease; it may be called again
   */
  with<T>(
    resource: string,
    begin: (document: LockDocument) => LockDocument | Promise<LockDocument>,
    work: (held: HeldLock) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /** Like {@link Locks.with}, for a `begin` that plans what `work` does. */
  withPlan<T, P>(
    resource: string,
    begin: (document: LockDocument) => Promise<{ readonly document: LockDocument; readonly plan: P }>,
    work: (held: HeldLock, plan: P) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /**
   * Removes the documents in which nothing is left but the lease of a dead process. The next one to need such a lock
   * would take it at once, but perhaps none ever does.
   */
  removeDead(signal: AbortSignal): Promise<void>;
  /** Returns the current document. */
  read(resource: string, signal: AbortSignal): Promise<LockDocument>;
}

/** A lock that this process holds. */
export interface HeldLock {
  readonly document: LockDocument;
  /** Aborts if another process has taken over. */
  readonly lost: AbortSignal;
  /** Runs one effect, and proves the lease before and after it. */
  effect<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
  /** Changes the document while the lease is held. */
  write(change: (document: LockDocument) => LockDocument, signal: AbortSignal): Promise<void>;
  /** Sets what to write when the lease is released; undefined deletes the document. */
  leave(change: (document: LockDocument) => LockDocument | undefined): void;
}

/** Creates locks on resources that certificates share, each in its own document (`lock/<resource>`). */
export function createLocks(ports: LockPorts, sessions: Sessions = createSessions(ports)): Locks {
  const { store, clock, limits } = ports;
  const turns = createTurnsByKey();
  const keyOf = (resource: string) => ({ kind: 'lock', name: resource }) as const;
  const free: LockDocument = { schema: 1 };

  async function read(resource: string, signal: AbortSignal): Promise<LockDocument> {
    const entry = await store.get(keyOf(resource), signal);
    return entry ? decodeLock(entry.bytes, resource, store.location) : free;
  }

  async function take<P>(
    resource: string,
    begin: (document: LockDocument) => Promise<{ readonly document: LockDocument; readonly plan: P }>,
    signal: AbortSignal,
  ): Promise<{ readonly held: Held<LockDocument>; readonly plan: P }> {
    const sinceMs = clock.monotonicMs();
    let isTold = false;
    for (;;) {
      const entry = await store.get(keyOf(resource), signal);
      const found = entry ? decodeLock(entry.bytes, resource, store.location) : free;
      const waiting = entry && found.lease && (await sessions.others.whyHeld(found.lease, entry, signal));
      if (found.lease && waiting) {
        const waitedMs = clock.monotonicMs() - sinceMs;
        if (waitedMs > patienceMs) throw busy(resource, found.lease.holder);
        if (!isTold && waitedMs > tellAfterMs) {
          tell(resource, found.lease, waiting);
          isTold = true;
        }
        await clock.sleep(Math.min(limits.leaseTtlMs / 10, 250), signal);
        continue;
      }
      const { document: begun, plan } = await begin(found);
      const session = sessions.own.current();
      const taking = { document: { ...begun, lease: session.newLease() }, ifRevision: entry?.revision ?? null };
      const held = await Held.take({ store, session }, holdable(resource), taking, signal);
      if (held) return { held, plan };
    }
  }

  function tell(resource: string, lease: Lease, waiting: Waiting): void {
    const { who, until } = waitingText(clock, lease, waiting);
    const message = `${who} has the lock of ${resource}; waiting for it, or until ${until} if it gives no sign of life`;
    ports.reporter?.report({ v: 1, time: clock.now().toISOString(), level: 'info', event: 'log', message });
  }

  const busy = (resource: string, holder: ProcessIdentity) =>
    fail('store/busy', { holder: `pid ${processText(holder)}`, certificate: resource, seconds: patienceMs / 1000 });

  const holdable = (resource: string): Holdable<LockDocument> => ({
    key: keyOf(resource),
    encode: (document) => ({ document, bytes: encodeDocument(document) }),
    decode: ({ bytes }) => decodeLock(bytes, resource, store.location),
    leaseOf: ({ lease }) => lease,
    left: ({ lease: _left, ...document }) => ifUsed(document),
    lost: (cause) => fail('store/lease-lost', { certificate: resource }, { cause }),
  });

  /** Releases the lease within its own time budget, because the caller's signal may have aborted. */
  async function release(
    held: Held<LockDocument>,
    change: (document: LockDocument) => LockDocument | undefined,
  ): Promise<void> {
    const deadline = clock.deadline(limits.shutdownBudgetMs);
    try {
      await held.write((document) => {
        const { lease: _given, ...rest } = document;
        return change(rest);
      }, deadline.signal);
    } finally {
      deadline.done();
    }
  }

  const isUnused = ({ listeners = {}, hooks = [] }: LockDocument): boolean =>
    Object.keys(listeners).length === 0 && hooks.length === 0;
  const ifUsed = (document: LockDocument): LockDocument | undefined => (isUnused(document) ? undefined : document);

  const withPlan: Locks['withPlan'] = (resource, begin, work, signal) =>
    turns(
      resource,
      async () => {
        const { held, plan } = await take(resource, begin, signal);
        let change = ifUsed;
        const own: HeldLock = {
          get document() {
            return held.document;
          },
          lost: held.lost,
          effect: (s, run) => held.effect(s, run),
          write: (next, s) => held.write(next, s),
          leave: (last) => {
            change = last;
          },
        };
        try {
          return await work(own, plan);
        } finally {
          try {
            if (!held.lost.aborted) await release(held, change);
          } finally {
            held.leave();
          }
        }
      },
      signal,
    );

  /** Reports whether nothing is left in a document but the lease of a dead process. */
  function isLeftByDead({ key, bytes, corrupt }: Entry): boolean {
    try {
      const { lease, ...rest } = decodeLock(bytes, key.name, store.location);
      return !corrupt && lease !== undefined && isUnused(rest) && ports.processes.look(lease.holder) === 'dead';
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      return false; // the next process to need it reports it
    }
  }

  async function removeDead(signal: AbortSignal): Promise<void> {
    for await (const page of store.scan('lock', signal))
      for (const entry of page.filter(isLeftByDead))
        await store.delete(entry.key, { ifRevision: entry.revision, signal }).catch((error: unknown) => {
          if (!isFailure(error, 'store/conflict')) throw error; // another process has taken it
        });
  }

  return {
    read,
    removeDead,
    withPlan,
    with: (resource, begin, work, signal) =>
      withPlan(resource, async (document) => ({ document: await begin(document), plan: undefined }), work, signal),
  };
}
