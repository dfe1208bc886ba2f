import { isFailure } from '../core/errors.ts';
import { orAborted } from '../core/on-abort.ts';
import { createSingleFlight } from '../core/single-flight.ts';
import { createTurns } from '../core/turns.ts';
import type { Clock } from '../ports/clock.ts';
import type { Key, Store } from '../ports/store.ts';

/** What `token/<token>` holds, so that any responder on the same store can answer for it. */
interface TokenDocument {
  readonly keyAuthorization: string;
  /** Who needs it. CAs may give two orders of one account the same pending authorization, so there may be two. */
  readonly lineages: readonly string[];
  /** RFC 3339. Not answered any more after it; a sweep may remove it then. */
  readonly expires: string;
}

/** The part of a challenge that the document is about. */
export interface TokenClaim {
  readonly token: string;
  readonly keyAuthorization: string;
  readonly lineage: string;
}

export interface TokenDocuments {
  /** Makes every responder on this store answer for the token. Repeatable. */
  publish(claim: TokenClaim, signal: AbortSignal): Promise<void>;
  /** Takes the lineage's need back; the last one removes the document. Fine where there is none, or it is another's. */
  withdraw(claim: TokenClaim, signal: AbortSignal): Promise<void>;
  /**
   * The key authorization of a token that the public asked for. Rejects when too many are being asked for at once, or
   * the store does not answer within 5 s.
   */
  find(token: string): Promise<string | undefined>;
}

// As long as Let's Encrypt keeps a pending authorization. It only matters where a document was forgotten.
const lifetimeMs = 7 * 24 * 3_600_000;
// A compare-and-set that loses this often is not losing to other orders of the same token (there are two or three).
const maxTries = 10;
// Anybody may ask for tokens that do not exist. These many look-ups at once keep a store busy without flooding it; a
// file store answers about 5,000 a second, so the last of the queue waits 0.1 s.
const maxLookups = 16;
const maxWaiting = 512;
// Half of what Let's Encrypt gives a whole validation (10 s).
const lookupMs = 5_000;

/**
 * Token documents (house.md §6). No answer is cached: a positive one would outlive its document, and a negative one
 * helps nobody, as an attacker asks for another token each time.
 */
export function createTokenDocuments(store: Store, clock: Clock): TokenDocuments {
  const lookups = createTurns(maxLookups);
  const share = createSingleFlight<string | undefined>();

  const keyOf = (token: string): Key => ({ kind: 'token', name: token });

  /** One compare-and-set round after another until `round` is through. */
  const repeat = async (round: () => Promise<void>): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await round();
      } catch (error) {
        if (tries === maxTries || !isFailure(error, 'store/conflict')) throw error;
      }
    }
  };

  const write = (claim: TokenClaim, lineages: readonly string[], ifRevision: string | null, signal: AbortSignal) => {
    const expires = new Date(clock.now().getTime() + lifetimeMs).toISOString();
    const document: TokenDocument = { keyAuthorization: claim.keyAuthorization, lineages, expires };
    return store.put(keyOf(claim.token), encode(document), { ifRevision, signal });
  };

  const lookUp = async (token: string): Promise<string | undefined> => {
    const deadline = clock.deadline(lookupMs);
    try {
      // Raced, because a store that hangs may not look at its signal either.
      const entry = await orAborted(store.get(keyOf(token), deadline.signal), deadline.signal);
      const document = entry && decode(entry.bytes);
      return document && Date.parse(document.expires) > clock.now().getTime() ? document.keyAuthorization : undefined;
    } finally {
      deadline.done();
    }
  };

  return {
    async publish(claim, signal) {
      // Nearly always there is none yet: one write, no read.
      let known = false;
      await repeat(async () => {
        const entry = known ? await store.get(keyOf(claim.token), signal) : undefined;
        known = true;
        const document = entry && decode(entry.bytes);
        const others = document?.keyAuthorization === claim.keyAuthorization ? document.lineages : [];
        const lineages = [...others.filter((other) => other !== claim.lineage), claim.lineage];
        await write(claim, lineages, entry?.revision ?? null, signal);
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

/** undefined for anything that is no token document: it is nobody's, so it may be overwritten and is never answered. */
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
