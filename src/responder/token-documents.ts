import { isFailure } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { decodeToken, encodeToken, isAlive, type TokenDocument, tokenKey } from './token-document.ts';

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
}

// As long as Let's Encrypt keeps a pending authorization. It matters only for forgotten documents.
const lifetimeMs = 7 * 24 * 3_600_000;
// A forgotten exclusive document keeps others from being answered, and no validation takes this long.
const exclusiveLifetimeMs = 3_600_000;
// Only two or three orders share a token, so losing a compare-and-set this often has another cause.
const maxTries = 10;

/**
 * Creates write access to token documents.
 *
 * @param exclusive whether the document of another key authorization stays until it is withdrawn, and is not
 * overwritten
 */
export function createTokenDocuments(
  store: Store,
  clock: Clock,
  { exclusive = false }: { readonly exclusive?: boolean } = {},
): TokenDocuments {
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
    return store.put(tokenKey(claim.token), encodeToken(document), { ifRevision, signal });
  };

  return {
    async publish(claim, signal) {
      // The document rarely exists yet, so this writes without reading first.
      let known = false;
      return repeat(async () => {
        const entry = known ? await store.get(tokenKey(claim.token), signal) : undefined;
        known = true;
        const document = entry && decodeToken(entry.bytes);
        const isSame = document?.keyAuthorization === claim.keyAuthorization;
        if (exclusive && document && !isSame && isAlive(document, clock.now())) return false;
        const others = isSame ? document.lineages : [];
        const lineages = [...others.filter((other) => other !== claim.lineage), claim.lineage];
        await write(claim, lineages, entry?.revision ?? null, signal);
        return true;
      });
    },

    withdraw: (claim, signal) =>
      repeat(async () => {
        const key = tokenKey(claim.token);
        const entry = await store.get(key, signal);
        const document = entry && decodeToken(entry.bytes);
        if (!entry || document?.keyAuthorization !== claim.keyAuthorization) return;
        if (!document.lineages.includes(claim.lineage)) return;
        const others = document.lineages.filter((other) => other !== claim.lineage);
        if (others.length === 0) await store.delete(key, { ifRevision: entry.revision, signal });
        else await write(claim, others, entry.revision, signal);
      }),
  };
}
