import { orAborted } from '../core/async/on-abort.ts';
import { createSingleFlight } from '../core/async/single-flight.ts';
import { createTurns } from '../core/async/turns.ts';
import { isFailure } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Key, Store } from '../ports/store.ts';

/** The content of `token/<token>`, which lets any responder on the same store answer. */
interface TokenDocument {
  readonly keyAuthorization: string;
  /** The lineages that need the token. A CA may give two orders of one account the same pending authorization. */
  readonly lineages: readonly string[];
  /** RFC 3339. From this time on, the token is not answered, and a sweep may remove the document. */
  readonly expires: string;
}

/** The part of a challenge that the document needs. */
export interface TokenClaim {
  readonly token: string;
  readonly keyAuthorization: string;
  readonly lineage: string;
}

export interface TokenDocuments {
  /**
   * Makes every responder on this store answer the token. Can be repeated. Returns false if the document belongs to
   * another challenge.
   */
  publish(claim: TokenClaim, signal: AbortSignal): Promise<boolean>;
  /**
   * Removes this lineage from the document, and the document with its last lineage. Succeeds if the document does not
   * exist.
   */
  withdraw(claim: TokenClaim, signal: AbortSignal): Promise<void>;
  /**
   * Returns the key authorization of a requested token. Rejects if there are too many concurrent requests, or if the
   * store does not respond within 5 s.
   */
  find(token: string): Promise<string | undefined>;
}

// As long as Let's Encrypt keeps a pending authorization. It matters only for forgotten documents.
const lifetimeMs = 7 * 24 * 3_600_000;
// A forgotten exclusive document keeps others from being answered, and no validation takes this long.
const exclusiveLifetimeMs = 3_600_000;
// Only two or three orders share a token, so losing a compare-and-set this often has another cause.
const maxTries = 10;
// Anyone can request tokens that do not exist. This many concurrent look-ups do not overload a store. A file store
// handles about 5,000 per second, so the last one in the queue waits 0.1 s.
const maxLookups = 16;
const maxWaiting = 512;
// Half of the 10 s that Let's Encrypt allows for a whole validation.
const lookupMs = 5_000;

/**
 * Creates access to token documents. Answers are not cached: a positive one could outlive its document, and a negative
 * one does not help, because an attacker requests a different token each time.
 *
 * @param exclusive whether the document of another key authorization stays until it is withdrawn, and is not
 * overwritten
 */
export function createTokenDocuments(
  store: Store,
  clock: Clock,
  { exclusive = false }: { readonly exclusive?: boolean } = {},
): TokenDocuments {
  const lookups = createTurns(maxLookups);
  const share = createSingleFlight<string | undefined>();

  const isAlive = ({ expires }: TokenDocument) => Date.parse(expires) > clock.now().getTime();
  const keyOf = (token: string): Key => ({ kind: 'token', name: token });

  /** Repeats a compare-and-set until it succeeds. */
  const repeat = async <T>(round: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await round();
      } catch (error) {
        if (tries === maxTries || !isFailure(error, 'store/conflict')) throw error;
      }
    }
  };

  const write = (claim: TokenClaim, lineages: readonly string[], ifRevision: string | null, signal: AbortSignal) => {
    const expires = new Date(clock.now().getTime() + (exclusive ? exclusiveLifetimeMs : lifetimeMs)).toISOString();
    const document: TokenDocument = { keyAuthorization: claim.keyAuthorization, lineages, expires };
    return store.put(keyOf(claim.token), encode(document), { ifRevision, signal });
  };

  const lookUp = async (token: string): Promise<string | undefined> => {
    const deadline = clock.deadline(lookupMs);
    try {
      // Raced, because a store that hangs may also ignore its signal.
      const entry = await orAborted(store.get(keyOf(token), deadline.signal), deadline.signal);
      const document = entry && decode(entry.bytes);
      return document && isAlive(document) ? document.keyAuthorization : undefined;
    } finally {
      deadline.done();
    }
  };

  return {
    async publish(claim, signal) {
      // The document rarely exists yet, so this writes without reading first.
      let known = false;
      return repeat(async () => {
        const entry = known ? await store.get(keyOf(claim.token), signal) : undefined;
        known = true;
        const document = entry && decode(entry.bytes);
        const isSame = document?.keyAuthorization === claim.keyAuthorization;
        if (exclusive && document && !isSame && isAlive(document)) return false;
        const others = isSame ? document.lineages : [];
        const lineages = [...others.filter((other) => other !== claim.lineage), claim.lineage];
        await write(claim, lineages, entry?.revision ?? null, signal);
        return true;
      });
    },

    withdraw: (claim, signal) =>
      repeat(async () => {
        const key = keyOf(claim.token);
        const entry = await store.get(key, signal);
        const document = entry && decode(entry.bytes);
        if (!entry || document?.keyAuthorization !== claim.keyAuthorization) return;
        if (!document.lineages.includes(claim.lineage)) return;
        const others = document.lineages.filter((other) => other !== claim.lineage);
        if (others.length === 0) await store.delete(key, { ifRevision: entry.revision, signal });
        else await write(claim, others, entry.revision, signal);
      }),

    find: (token) =>
      share(token, () => {
        if (lookups.waiting >= maxWaiting) throw new Error('too many requests for unknown tokens');
        return lookups.run(() => lookUp(token));
      }),
  };
}

const encode = (document: TokenDocument): Uint8Array => new TextEncoder().encode(JSON.stringify(document));

/**
 * Returns undefined for anything that is not a token document. Such content may be overwritten, and is never answered.
 */
function decode(bytes: Uint8Array): TokenDocument | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  const { keyAuthorization, lineages, expires } = (value ?? {}) as Partial<Record<keyof TokenDocument, unknown>>;
  if (typeof keyAuthorization !== 'string' || typeof expires !== 'string' || !Array.isArray(lineages)) return undefined;
  return { keyAuthorization, expires, lineages: lineages.filter((l): l is string => typeof l === 'string') };
}
