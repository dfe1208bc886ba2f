import { onAbort } from '../core/async/on-abort.ts';
import type { Clock } from '../ports/clock.ts';

/** Settings with their secrets read: everything that a connection needs. */
export interface Prepared<T> {
  /** A digest that changes with the settings and the secrets. Contains no secret. */
  readonly stamp: string;
  connect(): Connected<T>;
}

export interface Connected<T> {
  readonly value: T;
  /** How long it is kept without a user, in ms, if it has something that others need, like a port. */
  readonly keepMs?: number;
  /** Releases ports, processes and sockets. With a signal, it may first wait for other processes that rely on them. */
  close(signal: AbortSignal | undefined): Promise<void>;
}

/** Connections that passes share, each counted by its users. */
export interface Pool<T> {
  /**
   * Returns the connection at a place, and creates it unless there is one with this stamp. Replaces a connection with
   * another stamp, or one that has grown old; it is closed once its last user is done.
   */
  use(place: string, prepared: Prepared<T>): Use<T>;
  /** Closes connections that have had no user for this long, and waits for everything that is being closed. */
  closeUnused(forMs: number, signal?: AbortSignal): Promise<void>;
  /** Closes all connections. */
  close(signal: AbortSignal | undefined): Promise<void>;
}

export interface Use<T> {
  readonly value: T;
  /** Ends this use of the connection. */
  end(): void;
}

interface Entry<T> {
  readonly place: string;
  readonly key: string;
  readonly connected: Connected<T>;
  users: number;
  unusedSinceMs: number;
}

/**
 * @param longestMs how old a connection gets that something always uses: what it remembers of each version that it has
 *   delivered, or of each rule, would grow for as long
 */
export function createPool<T>(
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  longestMs = Number.POSITIVE_INFINITY,
): Pool<T> {
  const all = new Map<string, Entry<T>>();
  /** The connection that the next user of each place gets. */
  const latest = new Map<string, Entry<T>>();
  const closing = new Set<Promise<void>>();
  /** Aborts when connections that are being closed must no longer wait for other processes. */
  const hurry = new AbortController();

  const closeOne = (entry: Entry<T>, signal: AbortSignal | undefined): void => {
    all.delete(entry.key);
    if (latest.get(entry.place) === entry) latest.delete(entry.place);
    const closed = entry.connected.close(signal).catch(() => undefined); // there is nothing else to do with it
    closing.add(closed);
    void closed.then(() => closing.delete(closed));
  };
  /** Ends the waits of {@link closeSoon}. */
  const over = new AbortController();
  const closeSoon = async (entry: Entry<T>, keepMs: number): Promise<void> => {
    await clock.sleep(keepMs, over.signal);
    if (all.get(entry.key) === entry && isUnused(entry, keepMs)) closeOne(entry, hurry.signal);
  };
  const isUnused = (entry: Entry<T>, forMs: number): boolean =>
    entry.users === 0 && clock.monotonicMs() - entry.unusedSinceMs >= forMs;
  const allClosed = () => Promise.all(closing);

  return {
    use(place, prepared) {
      const key = `${place} ${prepared.stamp} ${Math.floor(clock.monotonicMs() / longestMs)}`;
      const entry = all.get(key) ?? { place, key, connected: prepared.connect(), users: 0, unusedSinceMs: 0 };
      all.set(key, entry);
      entry.users += 1;
      const before = latest.get(place);
      latest.set(place, entry);
      if (before && before !== entry && before.users === 0) closeOne(before, hurry.signal);
      let isOver = false;
      return {
        value: entry.connected.value,
        end() {
          if (isOver) return;
          isOver = true;
          entry.users -= 1;
          entry.unusedSinceMs = clock.monotonicMs();
          if (entry.users > 0 || all.get(key) !== entry) return;
          const { keepMs } = entry.connected;
          if (latest.get(place) !== entry) closeOne(entry, hurry.signal);
          else if (keepMs !== undefined) closeSoon(entry, keepMs).catch(() => {}); // everything is closed now
        },
      };
    },
    async closeUnused(forMs, signal = hurry.signal) {
      for (const entry of [...all.values()]) if (isUnused(entry, forMs)) closeOne(entry, signal);
      await allClosed();
    },
    async close(signal) {
      over.abort();
      const forget = signal ? onAbort(signal, () => hurry.abort(signal.reason)) : () => {};
      if (!signal || signal.aborted) hurry.abort(signal?.reason);
      for (const entry of [...all.values()]) closeOne(entry, signal);
      await allClosed();
      forget();
    },
  };
}
