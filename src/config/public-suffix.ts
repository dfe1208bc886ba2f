import { parse as parseDomain } from 'tldts';
import { baseName, type Identifier } from '../core/identifier.ts';

// The one module that loads the public suffix list; import it lazily.

/** Whether a host name ends in a suffix of the list's ICANN part. */
export const hasPublicSuffix = (host: string): boolean => parseDomain(host).isIcann === true;

/**
 * Whether a public CA could issue for it: a name below an ICANN suffix, as Boulder's policy checks it. The list's
 * private part (github.io…) needs no look of its own: each of its suffixes is itself below an ICANN suffix, and its
 * owner may well want a certificate for it.
 */
export function isRegistrable(identifier: Identifier): boolean {
  if (identifier.type === 'ip') return true;
  const { domain, isIcann } = parseDomain(baseName(identifier), { allowPrivateDomains: false });
  return isIcann === true && domain !== null;
}
