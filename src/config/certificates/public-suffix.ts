import { getDomain, parse as parseDomain } from 'tldts';
import { countedNetwork } from '../../core/names/address.ts';
import { baseName, type Identifier } from '../../core/names/identifier.ts';
import { canonicalAddress } from '../../core/names/identifiers.ts';

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

/**
 * Returns by what Let's Encrypt counts an identifier's certificates: its registered domain, also below a private suffix
 * (`b.github.io`), or its network. A suffix counts as itself, and so does a wildcard of one (`*.github.io`).
 */
export function registeredDomain(value: string): string {
  const address = canonicalAddress(value);
  if (address !== undefined) return countedNetwork(address);
  return getDomain(value, { allowPrivateDomains: true, validateHostname: false }) ?? value;
}
