import { canonicalAddress } from '../core/names/identifiers.ts';
import { hex } from './der.ts';

/** Returns an IP address as in a certificate (RFC 5280 §4.2.1.6): 4 or 16 octets. */
export function addressOctets(address: string): Uint8Array {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) throw new Error(`${address} is not an IP address`);
  if (!canonical.includes(':')) return Uint8Array.from(canonical.split('.'), Number);
  // Canonical text has only groups and at most one `::`, never a dotted IPv4 part.
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string | undefined) => (text ? text.split(':') : []);
  const [front, back] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  const text = [...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join('');
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Returns the canonical text of 4 or 16 octets, or undefined for any other number. */
export function addressText(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return undefined;
  return canonicalAddress((hex(octets).match(/.{4}/g) ?? []).join(':'));
}
