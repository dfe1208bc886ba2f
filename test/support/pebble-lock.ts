import { setTimeout as sleep } from 'node:timers/promises';
import type { AcmeProxy } from './acme-proxy.ts';
import type { Pebble } from './pebble.ts';

// Pebble answers every request within milliseconds, even if it is configured to be slow: its sleeps are elsewhere.
const lockedAfterMs = 20_000;

/**
 * Debian's Pebble 2.6 takes a read lock twice in `makeAuthorizations`; a writer between the two blocks it for ever, about
 * once in 4,000 certificates of many orders at once. No client can prevent this. If the CA has not answered a request
 * for 20 s, this makes it print its goroutines; if they show that lock, the result is `locked`, and a new CA is needed.
 * Any other hang is an error.
 */
export async function unlessLocked<T>(
  { pebble, proxy }: { readonly pebble: Pebble | undefined; readonly proxy: AcmeProxy },
  work: Promise<T>,
): Promise<T | 'locked'> {
  if (!pebble) return work;
  const done = new AbortController();
  const locked = async (): Promise<'locked'> => {
    const isStuck = () =>
      proxy.requests.some((r) => r.status === undefined && performance.now() - r.atMs > lockedAfterMs);
    while (!isStuck()) await sleep(500, undefined, { signal: done.signal });
    pebble.service.signal('SIGQUIT');
    await pebble.service.ended;
    const goroutines = pebble.service.log();
    if (/makeAuthorizations/.test(goroutines) && /RWMutex/.test(goroutines)) return 'locked';
    throw new Error(`the CA hangs, and not in its known way:\n${goroutines.slice(-20_000)}`);
  };
  try {
    return await Promise.race([work, locked()]);
  } finally {
    done.abort();
  }
}
