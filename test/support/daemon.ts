import { onTestFinished } from 'vitest';
import type { Home, Ran, RunOptions } from './e2e.ts';
import { until } from './service.ts';

/** A `certfleet run` of a test, which ends in order with the test. */
export interface Daemon {
  /** Waits until it has said a text so many times. */
  saw(text: string, times?: number): Promise<void>;
  /** Returns all it has said since the last call. */
  said(): string;
  stop(): Promise<Ran>;
}

export function startDaemon(
  home: Pick<Home, 'certfleet'>,
  options: Pick<RunOptions, 'env' | 'inside' | 'clock'> = {},
): Daemon {
  let output = '';
  let from = 0;
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const ended = home.certfleet(['run', '--json'], {
    ...options,
    seen: (all) => (output = all),
    killWhen: stopped,
    killWith: 'SIGTERM',
  });
  onTestFinished(async () => {
    stop();
    await ended;
  });
  return {
    async saw(text, times = 1) {
      await until(async () => output.split(text).length > times, { what: `it says ${text}: ${output.slice(-2_000)}` });
    },
    said() {
      const before = from;
      from = output.length;
      return output.slice(before);
    },
    stop() {
      stop();
      return ended;
    },
  };
}
