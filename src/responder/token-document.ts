import type { Key } from '../ports/store.ts';

/** The content of `token/<token>`, which lets any responder on the same store answer. */
export interface TokenDocument {
  readonly keyAuthorization: string;
  /** The lineages that need the token. A CA may give two orders of one account the same pending authorization. */
  readonly lineages: readonly string[];
  /** RFC 3339. From this time on, the token is not answered, and a sweep may remove the document. */
  readonly expires: string;
}

export const isAlive = ({ expires }: Pick<TokenDocument, 'expires'>, now: Date): boolean =>
  Date.parse(expires) > now.getTime();

export const tokenKey = (token: string): Key => ({ kind: 'token', name: token });

export const encodeToken = (document: TokenDocument): Uint8Array => new TextEncoder().encode(JSON.stringify(document));

/**
 * Returns undefined for anything that is not a token document. Such content may be overwritten, and is never answered.
 */
export function decodeToken(bytes: Uint8Array): TokenDocument | undefined {
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
