import { reverseName } from '../names/address.ts';
import type { Identifier } from '../names/identifier.ts';
import { canonicalAddress } from '../names/identifiers.ts';

/** The ALPN protocol in which a TLS-ALPN-01 challenge is answered (RFC 8737 §4). */
export const challengeProtocol = 'acme-tls/1';

/** Returns the name that the CA sends as SNI: for an IP address, the name of its reverse record (RFC 8738 §6). */
export const serverNameOf = ({ type, value }: Identifier): string => (type === 'dns' ? value : reverseName(value));

/** Returns the identifier that a TLS server name stands for: a reverse DNS name stands for an IP address. */
export function identifierOf(serverName: string): Identifier {
  const [, octets, digits] = /^(?:([0-9.]+)\.in-addr|([0-9a-f.]+)\.ip6)\.arpa$/.exec(serverName) ?? [];
  const ipv4 = octets?.split('.').reverse().join('.');
  const groups = digits?.split('.').reverse().join('').match(/.{4}/g)?.join(':');
  const value = canonicalAddress(ipv4 ?? groups ?? '');
  return value !== undefined && reverseName(value) === serverName
    ? { type: 'ip', value }
    : { type: 'dns', value: serverName };
}
