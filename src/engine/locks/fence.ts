import { createBoundedMap } from '../../core/async/bounded-map.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { encodeDocument, type Lease } from '../../core/lineage/lineage.ts';
import { processText } from '../../core/lineage/process-identity.ts';
import { decodeSession, documentOf, type Session, type SessionRef } from '../../core/lineage/session.ts';
import { fenced, sessionIn } from '../../core/node/claim.ts';
import { decodeReplica, emptyReplica } from '../../core/node/replica.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entry } from '../../ports/store.ts';
import { placeOf } from './held-leases.ts';
import type { SessionPorts } from './session.ts';

/** Why a lease cannot be taken now. */
export interface Waiting {
  /** Changes whenever the holder gives a sign of life. */
  readonly sign: string;
  /** When the lease is free unless there is another sign of life. Monotonic, in ms. */
  readonly untilMs: number;
}

/** Says who has a lease, and when it is free without another sign of life, as ISO time. */
export function waitingText(clock: Clock, { holder, session }: Lease, { untilMs }: Waiting) {
  const node = session?.node === undefined ? '' : ` (node ${remoteText(session.node)})`;
  const until = new Date(clock.now().getTime() + untilMs - clock.monotonicMs()).toISOString();
  return { who: `process ${processText(holder)}${node}`, until };
}

/** A session as this process has seen it, on its own monotonic clock. */
interface Sighting {
  /** Undefined once the session is gone, which is for good. */
  readonly sign: string | undefined;
  /** When the sign of life appeared first. */
  readonly sinceMs: number;
  readonly lookedMs: number;
}

/** A session as it stands in the store, and what ends it there unless it was written meanwhile. */
interface Found {
  readonly sign: string | undefined;
  /** Fails with `store/conflict`. */
  readonly end: () => Promise<unknown>;
}

const mostSightings = 10_000;

/** What this process has seen of the sessions of others, and the fence that ends them. */
export class OtherSessions {
  readonly #ports: SessionPorts;
  /** By the ID of the session; a lease without one beats by itself. */
  readonly #sightings = createBoundedMap<Sighting>(mostSightings);

  constructor(ports: SessionPorts) {
    this.#ports = ports;
  }

  /**
   * Returns undefined if a lease is free, because the session of its holder is gone. If the holder is provably dead, or
   * its session has given no sign of life for `leaseTtl`, this fences it first: the holder may only have been stopped, and
   * must find that out before it does anything more.
   *
   * @param entry the document in which the lease stands, by which one of an older version is proved
   */
  async whyHeld(lease: Lease, entry: Entry | undefined, signal: AbortSignal): Promise<Waiting | undefined> {
    const { processes, clock, limits } = this.#ports;
    const isDead = processes.look(lease.holder) === 'dead';
    if (isDead && !lease.session) return undefined;
    const { sign, sinceMs } = await this.look(lease, entry, signal);
    if (sign === undefined) return undefined;
    const untilMs = sinceMs + limits.leaseTtlMs;
    if (!isDead && clock.monotonicMs() <= untilMs) return { sign, untilMs };
    if (!lease.session || (await this.#fence(lease.session, sign, signal))) return undefined;
    return this.whyHeld(lease, entry, signal);
  }

  /** Returns what is known of the holder of a lease. A session that it has just read, it does not read again. */
  async look(lease: Lease, entry: Entry | undefined, signal: AbortSignal): Promise<Sighting> {
    const { session } = lease;
    if (!session) return this.#note(lease.id, entry?.revision);
    const known = this.#sightings.get(session.id);
    const { clock, limits } = this.#ports;
    const isFresh = known && clock.monotonicMs() - known.lookedMs < limits.leaseTtlMs / 12;
    if (known && (isFresh || known.sign === undefined)) return known;
    const { sign } = await this.#read(session, signal);
    if (sign !== undefined) return this.#note(session.id, sign);
    await this.#fence(session, undefined, signal);
    return this.#sightings.get(session.id)!;
  }

  /** Returns for how long the holder of a lease has given no sign of life, as far as is known; for ever once it is gone. */
  silentMs(lease: Lease): number {
    const known = this.#sightings.get(lease.session?.id ?? lease.id);
    if (!known) return 0;
    return known.sign === undefined ? Number.POSITIVE_INFINITY : this.#ports.clock.monotonicMs() - known.sinceMs;
  }

  /** Takes note of a session that somebody has just read. */
  saw({ id, beat }: Session): void {
    const known = this.#sightings.get(id);
    if (!known || known.sign !== undefined) this.#note(id, signOf(beat));
  }

  /** Removes the sessions of processes that have not removed theirs: those that are dead, or silent for `leaseTtl`. */
  async removeDead(signal: AbortSignal): Promise<void> {
    const { store, clock, processes, limits } = this.#ports;
    for await (const page of store.scan('session', signal))
      for (const entry of page) {
        const session = entry.corrupt ? undefined : sessionOf(entry, store.location);
        if (!session) continue;
        this.saw(session);
        const { sign, sinceMs } = this.#sightings.get(session.id)!;
        const isSilent = clock.monotonicMs() - sinceMs > limits.leaseTtlMs;
        if (isSilent || processes.look(session.holder) === 'dead') await this.#fence({ id: session.id }, sign, signal);
      }
  }

  /**
   * Ends a session, unless it has given another sign of life. Resolves with whether it is gone. A compare-and-set says
   * so, also of one that is not there: a folder on a network may show an old state.
   */
  async #fence(ref: SessionRef, sign: string | undefined, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const found = await this.#read(ref, signal);
      if (found.sign !== undefined && found.sign !== sign) {
        this.#note(ref.id, found.sign);
        return false;
      }
      try {
        await found.end();
        this.#note(ref.id, undefined);
        return true;
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        // Otherwise, something else in the document of a node may have changed.
        if (found.sign !== undefined) continue;
        this.#note(ref.id, 'unknown');
        return false;
      }
    }
  }

  async #read(ref: SessionRef, signal: AbortSignal): Promise<Found> {
    const { store } = this.#ports;
    const { id, node } = ref;
    const key = placeOf(ref);
    const put = (document: object, ifRevision: string | null) =>
      store.put(key, encodeDocument(document), { ifRevision, signal });
    try {
      const entry = await store.get(key, signal);
      if (!entry) {
        const proof = node === undefined ? documentOf(null) : emptyReplica;
        const end = async () => store.delete(key, { ifRevision: await put(proof, null), signal });
        return { sign: undefined, end };
      }
      const { revision } = entry;
      if (node === undefined) {
        const session = decodeSession(entry.bytes, id, store.location);
        return {
          sign: session && signOf(session.beat),
          end: () => store.delete(key, { ifRevision: revision, signal }),
        };
      }
      const document = decodeReplica(entry.bytes, node, store.location);
      const session = sessionIn(document, id);
      return { sign: session && signOf(session.beat), end: () => put(fenced(document, id), revision) };
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      // Its process cannot prove anything by it, either.
      return { sign: 'damaged', end: async () => undefined };
    }
  }

  #note(id: string, sign: string | undefined): Sighting {
    const nowMs = this.#ports.clock.monotonicMs();
    const before = this.#sightings.get(id);
    const sinceMs = before && before.sign === sign ? before.sinceMs : nowMs;
    const sighting = { sign, sinceMs, lookedMs: nowMs };
    this.#sightings.set(id, sighting);
    return sighting;
  }
}

const signOf = (beat: number): string => String(beat);

function sessionOf({ key, bytes }: Entry, location: string): Session | undefined {
  try {
    return decodeSession(bytes, key.name, location);
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return undefined;
  }
}
