import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './https.ts';
import type { Pebble } from './pebble.ts';

// Pebble answers this within milliseconds, however slow it is configured to be: its sleeps are elsewhere. A client
// waits longer, so that its work has not failed before.
const lockedAfterMs = 15_000;

/**
 * Pebble (2.6 to 2.10) can lock itself up while a client asks for many orders at once: `Authz` holds the lock of an
 * authorization and wants to read the database; `FindValidAuthorization` reads the database and wants that
 * authorization; and a writer that waits between the two stops the first. No client can prevent this. Under load it
 * happens about once in 4,000 certificates.
 *
 * If the database does not answer during the work, this makes Pebble print its goroutines and end, waits until the work
 * has ended, too, and answers `locked`: a new CA is needed. Any other hang is an error.
 */
export async function unlessLocked<T>(pebble: Pebble, work: Promise<T>): Promise<T | 'locked'> {
  const watch = new AbortController();
  const ended = work.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const first = await Promise.race([ended, stopsAnswering(pebble, watch.signal)]).finally(() => watch.abort());
  if (first === 'ended') return work;

  pebble.service.signal('SIGQUIT');
  await Promise.all([pebble.service.ended, ended]);
  const goroutines = pebble.service.log();
  if (/FindValidAuthorization/.test(goroutines) && /RWMutex/.test(goroutines)) return 'locked';
  throw new Error(`the CA hangs, and not in its known way:\n${goroutines.slice(-20_000)}`);
}

async function stopsAnswering({ managementUrl, caFile }: Pebble, signal: AbortSignal): Promise<'stuck' | 'ended'> {
  for (;;) {
    try {
      await ask(`${managementUrl}/cert-status-by-serial/00`, { caFile, timeoutMs: lockedAfterMs });
      await sleep(1_000, undefined, { signal });
    } catch {
      return signal.aborted ? 'ended' : 'stuck';
    }
  }
}
