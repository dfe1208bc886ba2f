import type { Clock } from '../ports/clock.ts';
import type { World } from '../ports/world.ts';

/** The challenges of other processes that this responder has answered, called guests. */
export interface Guests {
  /** Looks up a token of another process in the store. If found, it is a guest from then on. */
  find(token: string): Promise<string | undefined>;
  /** The number of known guests, some of which may already be done. */
  readonly count: number;
  /** Resolves when no guest is in the store any longer, or when the signal aborts. Never rejects. */
  gone(signal: AbortSignal): Promise<void>;
}

// A daemon answers forever, but only the latest guests can matter when it ends.
const mostRemembered = 1_024;
// Costs one small read per guest, and only affects how long a finished process stays.
const lookEveryMs = 50;

/**
 * Records the tokens of other processes that this responder has answered. If it exited just before the CA requests one
 * of them, it would make the other process's order fail, because that process cannot take the port at the same instant
 * (decision 0015).
 *
 * A token that is looked up for the first time in the last millisecond may be missed. Its process then gets the port
 * within 25 ms (port-claim.ts), which is sooner than the CA can ask.
 *
 * @param find looks up a token in the store; its document is removed when its order is done
 */
export function createGuests(find: (token: string) => Promise<string | undefined>, clock: Clock): Guests {
  const tokens = new Set<string>();
  return {
    async find(token) {
      const found = await find(token);
      if (found === undefined) return undefined;
      tokens.add(token);
      if (tokens.size > mostRemembered) tokens.delete(tokens.values().next().value as string);
      return found;
    },
    get count() {
      return tokens.size;
    },
    async gone(signal) {
      const stop = aborted(signal);
      while (!signal.aborted) {
        for (const token of tokens) {
          if (signal.aborted) return;
          // The store may respond again in a moment, so only the signal ends the wait.
          const isGone = await Promise.race([
            find(token).then(
              (found) => found === undefined,
              () => false,
            ),
            stop,
          ]);
          if (isGone) tokens.delete(token);
        }
        if (tokens.size === 0) return;
        await clock.sleep(lookEveryMs, signal).catch(() => {});
      }
    },
  };
}

// How long a responder that is done stays for challenges of others. Let's Encrypt validates within 10 s, perhaps after a
// queue. A limit is needed because a killed process leaves its token.
const stayMs = 30_000;
// How long to wait in silence. After that, a person wonders why the program does not exit.
const quietMs = 500;

/** Waits at the end of a process until its guests are gone, and reports that if it takes long. */
export async function stayForGuests(
  guests: Guests,
  { world: { clock, log }, address }: { readonly world: Pick<World, 'clock' | 'log'>; readonly address: string },
  signal: AbortSignal,
): Promise<void> {
  if (guests.count === 0) return;
  const deadline = clock.deadline(stayMs, signal);
  // Usually, the guests are done at the first check, and no message is needed.
  const quiet = clock.deadline(quietMs, deadline.signal);
  try {
    await guests.gone(quiet.signal);
    if (guests.count === 0 || deadline.signal.aborted) return;
    log.info(
      `still answering challenges for another certfleet process on ${address}; leaving its port within ${stayMs / 1000} s`,
    );
    await guests.gone(deadline.signal);
  } finally {
    quiet.done();
    deadline.done();
  }
}

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true }));
