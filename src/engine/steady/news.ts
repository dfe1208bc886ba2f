import { createBell } from '../../core/async/bell.ts';
import { onAbort } from '../../core/async/on-abort.ts';
import type { Lease } from '../../core/lineage/lineage.ts';
import type { EngineProcess } from '../engine.ts';

/** A message to a follower. */
export interface Changed {
  /** The number of the last change. */
  readonly id: number;
  /** The certificates that have changed, if any; undefined if not all of them are known any longer. */
  readonly names: readonly string[] | undefined;
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
  /** Yields what has changed after a change, at once and then at least every two seconds, until the signal aborts. */
  follow(since: number, signal: AbortSignal): AsyncIterable<Changed>;
}

/** So many changes are remembered, for those who come back after a while. */
const mostChanges = 4_096;
/** How often followers get a message, and hear of processes that ended without notice. */
const beatMs = 2_000;
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
  /** Wakes each of those who follow. */
  const followers = new Set<() => void>();
  const leases = new Map<string, Lease>();
  /** Whether those who follow have heard that a process works on a certificate. */
  const told = new Map<string, boolean>();
  /**
   * Certificates that changed while nothing worked on them, and when. A run is stored a little after it ends, so they are
   * sent once more.
   */
  const ended = new Map<string, number>();
  let sequence = 0;
  /** The last message: most followers get the same one. */
  let last: { readonly since: number; readonly changed: Changed } | undefined;
  let untilNone = new AbortController();
  let ring = () => {};

  function add(name: string): void {
    sequence++;
    changes.push({ id: sequence, name });
    if (changes.length > mostChanges * 2) changes.splice(0, mostChanges);
    ring();
  }

  function note(name: string): void {
    if (followers.size > 0 && !leases.has(name)) ended.set(name, clock.monotonicMs());
    add(name);
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
    await lookForLife(signal);
    for (const name of told.keys()) if (!leases.has(name)) told.delete(name);
    for (const [name, lease] of leases) {
      const isNow = isAtWork(lease);
      if (told.has(name) && told.get(name) !== isNow) note(name);
      told.set(name, isNow);
    }
    const nowMs = clock.monotonicMs();
    for (const [name, sinceMs] of ended)
      if (nowMs - sinceMs >= beatMs) {
        ended.delete(name);
        add(name);
      }
  }

  /** Sends to all followers at the same times, because there may be hundreds. */
  async function tellAll(signal: AbortSignal): Promise<void> {
    const endWatch = watch();
    const bell = createBell();
    ({ ring } = bell);
    let [toldOf, lookedMs] = [sequence, Number.NEGATIVE_INFINITY];
    while (!signal.aborted) {
      if (clock.monotonicMs() - lookedMs >= beatMs) {
        lookedMs = clock.monotonicMs();
        await noteEnds(signal);
      }
      const isNews = toldOf !== sequence;
      toldOf = sequence;
      for (const wake of followers) wake();
      if (isNews) await clock.sleep(togetherMs, signal).catch(() => undefined);
      await bell.orAfter(beatMs, clock, signal);
    }
    endWatch();
  }

  function since(known: number): Changed {
    if (last?.since === known && last.changed.id === sequence) return last.changed;
    const isKnown = known === sequence || (changes[0] !== undefined && known >= changes[0].id - 1 && known < sequence);
    const names = isKnown
      ? new Set(changes.slice(changes.findLastIndex(({ id }) => id <= known) + 1).map(({ name }) => name))
      : undefined;
    last = { since: known, changed: { id: sequence, names: names && [...names] } };
    return last.changed;
  }

  async function* follow(from: number, signal: AbortSignal): AsyncIterable<Changed> {
    let known = from;
    let isTold = false;
    let wake = () => {};
    const tell = () => {
      isTold = true;
      wake();
    };
    const forget = onAbort(signal, tell);
    followers.add(tell);
    if (followers.size === 1) {
      untilNone = new AbortController();
      void tellAll(untilNone.signal);
    }
    try {
      while (!signal.aborted) {
        isTold = false;
        const changed = since(known);
        known = changed.id;
        yield changed;
        if (!isTold) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      forget();
      followers.delete(tell);
      if (followers.size === 0) {
        untilNone.abort();
        ended.clear();
      }
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
    follow,
  };
}
