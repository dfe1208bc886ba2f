import { orAborted } from '../core/async/on-abort.ts';
import { createSingleFlight } from '../core/async/single-flight.ts';
import { createTurns } from '../core/async/turns.ts';
import type { Clock } from '../ports/clock.ts';
import type { TokenLookup } from '../ports/responder.ts';
import type { Store } from '../ports/store.ts';
import { createLiveTokens } from './live-tokens.ts';
import { decodeToken, isAlive, tokenKey } from './token-document.ts';

// Anyone can request tokens that do not exist. This many concurrent look-ups do not overload a store. A file store
// handles about 5,000 per second, so the last one in the queue waits 0.1 s.
const maxLookups = 16;
const maxWaiting = 512;
// Half of the 10 s that Let's Encrypt allows for a whole validation.
const lookupMs = 5_000;
/** No token has this name. */
const unusedName = '~';

/**
 * Finds tokens in the store. Where its changes are cheap, requests share a look at them (`live-tokens.ts`). Elsewhere,
 * each token is read, and nothing is remembered: an answer could outlive its document, and who invents tokens requests
 * another one each time.
 */
export function createTokenLookup(store: Store, clock: Clock): TokenLookup {
  const direct = createDirectLookup(store, clock);
  return store.hasCheapChanges ? createSharedLookup(direct, store, clock) : direct;
}

function createDirectLookup(store: Store, clock: Clock): TokenLookup {
  const lookups = createTurns(maxLookups);
  const share = createSingleFlight<string | undefined>();

  async function lookUp(token: string): Promise<string | undefined> {
    const deadline = clock.deadline(lookupMs);
    try {
      // Raced, because a store that hangs may also ignore its signal.
      const entry = await orAborted(store.get(tokenKey(token), deadline.signal), deadline.signal);
      const document = entry && decodeToken(entry.bytes);
      return document && isAlive(document, clock.now()) ? document.keyAuthorization : undefined;
    } finally {
      deadline.done();
    }
  }

  return {
    find: (token) =>
      share(token, () => {
        if (lookups.waiting >= maxWaiting) throw new Error('too many requests for unknown tokens');
        return lookups.run(() => lookUp(token));
      }),
    look: async () => void (await lookUp(unusedName)),
  };
}

function createSharedLookup(direct: TokenLookup, store: Store, clock: Clock): TokenLookup {
  const tokens = createLiveTokens(store, clock);
  let looking: Promise<void> | undefined;

  /** Resolves once a look that began after the call has ended. */
  function look(): Promise<void> {
    if (looking) return looking;
    const deadline = clock.deadline(lookupMs);
    const begun = () => {
      if (looking === mine) looking = undefined;
    };
    const mine = orAborted(tokens.look(begun), deadline.signal).finally(deadline.done);
    looking = mine;
    return mine;
  }

  return {
    look,
    async find(token) {
      let failure: unknown;
      try {
        await look();
      } catch (error) {
        failure = error;
      }
      const known = tokens.get(token);
      // While the store does not answer, what it had is better than nothing: the CA may be asking just now.
      if (known !== undefined || (failure === undefined && tokens.areAll)) return known;
      if (failure !== undefined) throw failure;
      return direct.find(token);
    },
  };
}
