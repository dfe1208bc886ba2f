import type { Clock } from '../ports/clock.ts';

/** What a responder owes to other processes of the store: challenges that it has answered although they are not its own. */
export interface Guests {
  /** What the store says of a token that is not this process's own; one that it knows is a guest from then on. */
  find(token: string): Promise<string | undefined>;
  /** How many are known; some of them may be done by now. */
  readonly count: number;
  /** Resolves, and never rejects, once none of them is in the store any more, or when the signal aborts. */
  gone(signal: AbortSignal): Promise<void>;
}

// A daemon answers for ever; only the latest can still matter when it ends.
const mostRemembered = 1_024;
// One small read for each guest; it only decides how long a process that is done stays.
const lookEveryMs = 50;

/**
 * Remembers whom this responder has answered for: a process that leaves while the CA is about to ask for one of these
 * tokens would fail somebody else's order, since whoever waits for the port cannot have it at the very same instant.
 *
 * A token that is looked up for the first time in the last millisecond may be missed. Its process then has the port
 * within 25 ms (port-claim.ts), which is less than it takes to make the CA ask.
 *
 * @param find looks a token up in the store; the document goes when its order is done
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
          // A store that does not answer now may answer the CA in a moment: the signal is the end of it.
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

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true }));
