import { type KnownIssuer, knownIssuerAt, knownIssuers } from '../../core/ca/known-issuers.ts';
import { canonicalAddress } from '../../core/names/identifiers.ts';
import type { IssuerSettings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';

/** Finds an issuer by short name or directory URL. Returns undefined if the text is neither. */
export function directoryOf(text: string): { readonly directory: string; readonly known?: KnownIssuer } | undefined {
  const named = Object.hasOwn(knownIssuers, text) ? knownIssuers[text] : undefined;
  if (named) return { directory: named.directory, known: named };
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  // RFC 8555 §6.1: HTTPS only.
  if (url.protocol !== 'https:' || hasCredentials(text)) return undefined;
  const known = knownIssuerAt(text);
  return { directory: text, ...present({ known }) };
}

/** Reports whether a URL has a user or a password in it. */
export function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

/** Returns the name of an issuer that was given as a URL: its short name if it has one, or else host and path. */
export function issuerNameOf(text: string): string {
  if (Object.hasOwn(knownIssuers, text)) return text;
  const known = Object.entries(knownIssuers).find(([, { directory }]) => directory === text);
  if (known) return known[0];
  const url = new URL(text);
  return `${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/**
 * Reports whether the rules of public CAs (names under a public suffix) apply to an issuer. Known public CAs are
 * public. Others are private if they are marked `test`, have a `caFile`, or use an address or a name without public
 * suffix.
 */
export async function isPublicIssuer(issuer: IssuerSettings): Promise<boolean> {
  if (issuer.test) return false;
  if (knownIssuerAt(issuer.directory)) return true;
  if (issuer.caFile !== undefined || !URL.canParse(issuer.directory)) return false;
  const host = new URL(issuer.directory).hostname;
  if (canonicalAddress(host.replace(/^\[|\]$/g, '')) !== undefined) return false;
  const { hasPublicSuffix } = await import('./public-suffix.ts');
  return hasPublicSuffix(host);
}
