import { EventEmitter } from 'node:events';
import { onTestFinished } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { LookTimes } from '../../src/core/node/look-times.ts';
import { openFleet } from '../../src/fleet.ts';
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

/** Only endpoints are looked at, and a day is a second. */
export const quickLooks: LookTimes = {
  ...{ everyMs: 1_000, againMs: 500, mostMs: 2_000, silentMs: 5_000, ownMs: 86_400_000 },
};

/** Runs `certfleet run` in this process, with other times of looking than the guide’s, and stops it with the test. */
export function startLooking({ config }: Pick<Home, 'config'>, looks: LookTimes): { readonly said: () => string } {
  let output = '';
  const signals = new EventEmitter();
  const write = (text: string) => (output += text);
  const ended = main(['run', '--json', '--config', config], {
    ...{ env: process.env, isTerminal: false, signals, stdout: { write }, stderr: { write } },
    async openFleet(settings, context) {
      const fleet = await openFleet(settings, context);
      return { ...fleet, run: (request, signal) => fleet.run({ ...request, looks }, signal) };
    },
  });
  onTestFinished(async () => {
    signals.emit('SIGTERM');
    await ended;
  });
  return { said: () => output };
}
