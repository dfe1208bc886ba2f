import { parse as parseDomain } from 'tldts';
import { baseName, type Identifier } from '../../core/names/identifier.ts';

// The only module that loads the public suffix list. It must be imported lazily.

/** Reports whether a host name ends in a suffix of the list's ICANN part. */
export const hasPublicSuffix = (host: string): boolean => parseDomain(host).isIcann === true;

/**
 * Reports whether a public CA could issue for the identifier: an address, or a name below an ICANN suffix, as in
 * Boulder's policy. The list's private part (github.io…) does not matter: its suffixes are below ICANN suffixes, and
 * their owners may want certificates for them.
 */
export function isRegistrable(identifier: Identifier): boolean {
  if (identifier.type === 'ip') return true;
  const { domain, isIcann } = parseDomain(baseName(identifier), { allowPrivateDomains: false });
  return isIcann === true && domain !== null;
}
