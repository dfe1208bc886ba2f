import { createBatches } from '../../core/async/batches.ts';
import { onAbort } from '../../core/async/on-abort.ts';
import type { Clock } from '../../ports/clock.ts';

/** How long to wait for the next certificate. A slow order must not delay the reload of all others for long. */
const quietMs = 20_000;

/** How long to wait in all while certificates keep arriving. */
const longestMs = 120_000;

/** How many certificates share a reload at most, so that a distant node can switch the files of all in time. */
export const mostTogether = 100;

/** A certificate that has arrived at a target, and the directory URL of its CA. */
export interface Arrived {
  readonly certificate: string;
  readonly directory: string;
}

/** Makes the certificates of a pass that arrive at the same target share a reload. */
export interface Reloads {
  /** Records the targets at which a certificate may still arrive, in place of those recorded before. */
  expect(certificate: string, targets: readonly string[]): void;
  /** Records that a certificate will not arrive at a target, or not again. */
  expectNoMore(certificate: string, target: string): void;
  /**
   * Runs `work` for all certificates that have arrived at a target, and returns this one's result. It begins once no
   * other certificate is expected there, once {@link mostTogether} have arrived, once none has arrived for 20 s, or 2 min
   * after the first one arrived.
   */
  share<T extends Arrived, R>(
    target: string,
    arrived: T,
    work: (all: readonly T[], signal: AbortSignal) => Promise<readonly R[]>,
    signal: AbortSignal,
  ): Promise<R>;
  /** Returns how many certificates of a CA are waiting for others, up to {@link mostTogether}. */
  waiting(directory: string): number;
  /** Calls `run` whenever a certificate begins to wait, until the returned function is called. */
  onWait(run: () => void): () => void;
}

interface Target {
  /** The certificates that may still arrive. */
  readonly expected: Set<string>;
  /** Those that wait for the next reload, and when the first and the last of them arrived. */
  readonly arrived: Set<Arrived>;
  firstMs: number;
  lastMs: number;
  /** Begins the next reload if nothing is left to wait for. */
  look(): void;
  ask?: (arrived: Arrived, signal: AbortSignal) => Promise<unknown>;
}

export function createReloads(clock: Pick<Clock, 'monotonicMs' | 'sleep'>): Reloads {
  const targets = new Map<string, Target>();
  const expectedAt = new Map<string, readonly string[]>();
  /** The waiting certificates by CA, each with the number of targets at which it waits. */
  const waiting = new Map<string, Map<string, number>>();
  const listeners = new Set<() => void>();

  function targetOf(key: string): Target {
    const known = targets.get(key);
    if (known) return known;
    const made: Target = { expected: new Set(), arrived: new Set(), firstMs: 0, lastMs: 0, look() {} };
    targets.set(key, made);
    return made;
  }

  /** Resolves when the next reload at a target may begin. */
  const ready = (target: Target, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const over = new AbortController();
      const begin = () => {
        target.look = () => {};
        forget();
        over.abort('the reload begins');
        resolve();
      };
      const forget = onAbort(signal, begin);
      target.look = () => {
        if (target.expected.size === 0 || target.arrived.size >= mostTogether) begin();
      };
      const whileTheyArrive = async () => {
        for (;;) {
          const endMs = Math.min(target.lastMs + quietMs, target.firstMs + longestMs);
          const leftMs = endMs - clock.monotonicMs();
          if (leftMs <= 0) return begin();
          await clock.sleep(leftMs, over.signal);
        }
      };
      target.look();
      whileTheyArrive().catch(() => {}); // it has begun
    });

  function count({ directory, certificate }: Arrived, by: 1 | -1): void {
    const all = waiting.get(directory) ?? new Map<string, number>();
    waiting.set(directory, all);
    const now = (all.get(certificate) ?? 0) + by;
    if (now > 0) all.set(certificate, now);
    else all.delete(certificate);
  }

  function expectNoMore(certificate: string, key: string): void {
    const target = targets.get(key);
    if (target?.expected.delete(certificate)) target.look();
  }

  return {
    expect(certificate, keys) {
      const before = expectedAt.get(certificate) ?? [];
      if (keys.length > 0) expectedAt.set(certificate, keys);
      else expectedAt.delete(certificate);
      for (const key of keys) targetOf(key).expected.add(certificate);
      for (const key of before) if (!keys.includes(key)) expectNoMore(certificate, key);
    },
    expectNoMore,

    async share<T extends Arrived, R>(
      key: string,
      arrived: T,
      work: (all: readonly T[], signal: AbortSignal) => Promise<readonly R[]>,
      signal: AbortSignal,
    ): Promise<R> {
      const target = targetOf(key);
      target.ask ??= createBatches<Arrived, unknown>(
        (all, signal) => {
          for (const one of all) target.arrived.delete(one);
          return work(all as readonly T[], signal);
        },
        (signal) => ready(target, signal),
      );
      target.lastMs = clock.monotonicMs();
      if (target.arrived.size === 0) target.firstMs = target.lastMs;
      target.arrived.add(arrived);
      count(arrived, 1);
      try {
        const result = target.ask(arrived, signal);
        expectNoMore(arrived.certificate, key);
        target.look();
        for (const run of listeners) run();
        return (await result) as R;
      } finally {
        target.arrived.delete(arrived);
        count(arrived, -1);
      }
    },

    waiting: (directory) => Math.min(waiting.get(directory)?.size ?? 0, mostTogether),
    onWait(run) {
      listeners.add(run);
      return () => void listeners.delete(run);
    },
  };
}
