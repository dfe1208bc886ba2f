import { onAbort } from '../../../src/core/async/on-abort.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Processes, ProcessIdentity } from '../../../src/ports/processes.ts';
import type { Timeline } from './timeline.ts';

/** One process of a replica: what SIGSTOP and SIGKILL do to it. The engine in it does not know. */
export interface Process {
  readonly replica: string;
  readonly identity: ProcessIdentity;
  readonly isDead: boolean;
  readonly isFrozen: boolean;
  /** Nothing that it waits for ever comes. */
  kill(): void;
  /** It does nothing for a while; what it has sent goes on. */
  freeze(ms: number): void;
  /** Calls `run` in the process, unless it is dead by then, or once it continues. */
  later(ms: number, run: () => void): () => void;
  readonly clock: Clock;
}

/** @param aheadMs how far the wall clock of its machine is ahead */
export function createProcess(
  timeline: Timeline,
  who: { readonly replica: string; readonly host: string; readonly pid: number; readonly aheadMs: () => number },
): Process {
  let isDead = false;
  let frozenUntilMs = 0;
  const identity = { bootId: who.host, pidNamespace: 'n', pid: who.pid, startTime: '1' };

  function later(ms: number, run: () => void): () => void {
    let forget = timeline.later(ms, happen);
    function happen() {
      if (isDead) return;
      const leftMs = frozenUntilMs - timeline.nowMs;
      if (leftMs > 0) forget = timeline.later(leftMs, happen);
      else run();
    }
    return () => forget();
  }

  const clock: Clock = {
    now: () => new Date(timeline.nowMs + who.aheadMs()),
    monotonicMs: () => timeline.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const forgetAbort = onAbort(signal, () => {
          forget();
          reject(signal.reason);
        });
        const forget = later(ms, () => {
          forgetAbort();
          resolve();
        });
      }),
    deadline(ms, parent) {
      const controller = new AbortController();
      let expired = false;
      const forget = later(ms, () => {
        expired = true;
        controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
      });
      const abort = () => {
        forget();
        controller.abort(parent?.reason);
      };
      if (parent?.aborted) abort();
      const forgetAbort = parent ? onAbort(parent, abort) : () => {};
      return {
        signal: controller.signal,
        get expired() {
          return expired;
        },
        done() {
          forget();
          forgetAbort();
        },
      };
    },
  };

  return {
    replica: who.replica,
    identity,
    get isDead() {
      return isDead;
    },
    get isFrozen() {
      return frozenUntilMs > timeline.nowMs;
    },
    kill() {
      isDead = true;
    },
    freeze(ms) {
      frozenUntilMs = Math.max(frozenUntilMs, timeline.nowMs + ms);
    },
    later,
    clock,
  };
}

/** What a process finds out about others: a process of another machine is unknown. */
export function processesOf(self: Process, all: ReadonlyMap<number, Process>): Processes {
  return {
    self: () => self.identity,
    look: ({ bootId, pid }) =>
      bootId !== self.identity.bootId ? 'unknown' : all.get(pid)?.isDead === false ? 'alive' : 'dead',
    run: () => Promise.reject(new Error('no programs here')),
    end: async () => undefined,
  };
}
