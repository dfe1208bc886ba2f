import { createBell } from '../../core/async/bell.ts';
import type { Lease } from '../../core/lineage/lineage.ts';
import type { EngineProcess } from '../engine.ts';

/** Certificates that have changed. */
export interface Changed {
  /** The number of the last of these changes. */
  readonly id: number;
  readonly names: readonly string[];
}

/** Which certificates have changed, also because a process that worked on them has come to its end without a word. */
export interface News {
  /** The number of the last change. */
  readonly sequence: number;
  /** Takes note of a change. */
  note(name: string): void;
  /** Takes note of the lease in the document of a certificate. */
  holds(name: string, lease: Lease | undefined): void;
  /** Reports whether the holder of a lease may still be at work. */
  isAtWork(lease: Lease): boolean;
  isWorkedOn(name: string): boolean;
  /** Returns what changes after a change; undefined if not all of that is known any longer. */
  follow(since: number, signal: AbortSignal): AsyncIterable<Changed> | undefined;
}

/** So many changes are remembered, for those who come back after a while. */
const mostChanges = 4_096;
/** How often those who follow learn that a process has come to its end without a word. */
const leasesMs = 2_000;
/** What changes within this time is told together: hundreds may follow a fleet in which much happens. */
const togetherMs = 1_000;
/**
 * The part of `leaseTtl` for which a process of another node may be silent: one at work beats twice in that time. Its work
 * is shown as interrupted before another process takes it over.
 */
const silentPart = 2 / 3;

/** @param watch called when somebody begins to follow; returns what to call when they end */
export function createNews(
  { clock, processes, sessions, limits }: Pick<EngineProcess, 'clock' | 'processes' | 'sessions' | 'limits'>,
  watch: () => () => void,
): News {
  const changes: { readonly id: number; readonly name: string }[] = [];
  const followers = new Set<() => void>();
  const leases = new Map<string, Lease>();
  /** Whether those who follow have heard that a process works on a certificate. */
  const told = new Map<string, boolean>();
  let sequence = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;

  function note(name: string): void {
    sequence++;
    changes.push({ id: sequence, name });
    if (changes.length > mostChanges * 2) changes.splice(0, mostChanges);
    for (const tell of followers) tell();
  }

  const isAtWork = (lease: Lease): boolean =>
    processes.look(lease.holder) !== 'dead' && sessions.others.silentMs(lease) < limits.leaseTtlMs * silentPart;

  /** Reads the signs of life of the processes of other nodes that are at work, if nobody has read them just now. */
  async function lookForLife(signal: AbortSignal): Promise<void> {
    for (const lease of leases.values())
      if (lease.session && processes.look(lease.holder) === 'unknown')
        await sessions.others.look(lease, undefined, signal).catch(() => undefined);
  }

  /** Takes note of the certificates whose processes have come to their ends without a word, or have come back. */
  async function noteEnds(signal: AbortSignal): Promise<void> {
    const nowMs = clock.monotonicMs();
    // All who follow share a look.
    if (nowMs - lookedMs < leasesMs) return;
    lookedMs = nowMs;
    await lookForLife(signal);
    for (const name of told.keys()) if (!leases.has(name)) told.delete(name);
    for (const [name, lease] of leases) {
      const isNow = isAtWork(lease);
      if (told.has(name) && told.get(name) !== isNow) note(name);
      told.set(name, isNow);
    }
  }

  async function* follow(since: number, signal: AbortSignal): AsyncIterable<Changed> {
    const bell = createBell();
    followers.add(bell.ring);
    const endWatch = watch();
    let known = since;
    try {
      while (!signal.aborted) {
        await noteEnds(signal);
        const begin = changes.findLastIndex(({ id }) => id <= known) + 1;
        const names = new Set(changes.slice(begin).map(({ name }) => name));
        known = sequence;
        if (names.size > 0) {
          yield { id: known, names: [...names] };
          await clock.sleep(togetherMs, signal).catch(() => undefined);
        }
        await bell.orAfter(leasesMs, clock, signal);
      }
    } finally {
      followers.delete(bell.ring);
      endWatch();
    }
  }

  return {
    get sequence() {
      return sequence;
    },
    note,
    holds(name, lease) {
      if (lease) leases.set(name, lease);
      else leases.delete(name);
    },
    isAtWork,
    isWorkedOn(name) {
      const lease = leases.get(name);
      return lease !== undefined && isAtWork(lease);
    },
    follow(since, signal) {
      const isKnown =
        since === sequence || (changes[0] !== undefined && since >= changes[0].id - 1 && since < sequence);
      return isKnown ? follow(since, signal) : undefined;
    },
  };
}
