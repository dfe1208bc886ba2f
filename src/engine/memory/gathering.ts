import { untilAny } from '../../core/async/on-abort.ts';
import type { Clock } from '../../ports/clock.ts';

/** So many share a write, twenty on average, since none waits longer than this for others. */
const [enough, patienceMs] = [25, 1_000];

/**
 * Lets orders that come at about the same time share a durable write: the first ones wait for those that are on their
 * way. An order that comes alone waits for none.
 */
export interface Gathering {
  /** An order is on its way. */
  expect(name: string): void;
  /** It comes now, or will not come. */
  gone(name: string): void;
  /** Records that one more waits. */
  came(): void;
  /** Records that all who wait are being served. */
  served(): void;
  /** Resolves once enough wait, none is on its way, or the first has waited long enough. */
  ready(signal: AbortSignal): Promise<void>;
}

export function createGathering(clock: Pick<Clock, 'monotonicMs' | 'sleep'>): Gathering {
  const expected = new Set<string>();
  let waiting = 0;
  let bell = new AbortController();
  const ring = () => {
    bell.abort('one came, or will not come');
    bell = new AbortController();
  };
  return {
    expect: (name) => void expected.add(name),
    gone(name) {
      if (expected.delete(name)) ring();
    },
    came() {
      waiting += 1;
      ring();
    },
    served() {
      waiting = 0;
    },
    async ready(signal) {
      const endMs = clock.monotonicMs() + patienceMs;
      while (waiting < enough && expected.size > 0) {
        const leftMs = endMs - clock.monotonicMs();
        if (leftMs <= 0 || signal.aborted) return;
        await untilAny([signal, bell.signal], (either) => clock.sleep(leftMs, either)).catch(() => undefined);
      }
    },
  };
}
