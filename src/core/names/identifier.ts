/**
 * What a certificate is for, in the ACME sense (RFC 8555 §9.7.7, RFC 8738): a DNS name, possibly a wildcard, or an
 * IP address. Values are canonical: DNS names as lower-case A-labels without a trailing dot, IP addresses in the
 * text form of RFC 5952 (IPv6) or dotted decimal (IPv4).
 */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** An identifier as a map key and for people. Its value is enough: a DNS name never looks like an IP address. */
export const identifierKey = (identifier: Pick<Identifier, 'value'>): string => identifier.value;

export const isWildcard = (identifier: Identifier): boolean =>
  identifier.type === 'dns' && identifier.value.startsWith('*.');

/** The name that is validated: a wildcard's without `*.` (RFC 8555 §7.1.3). */
export const baseName = (identifier: Identifier): string =>
  isWildcard(identifier) ? identifier.value.slice(2) : identifier.value;

/** A set of identifiers as text, whatever their sequence: an ACME order is for a set (RFC 8555 §7.1.3). */
export const identifierSet = (identifiers: readonly Pick<Identifier, 'value'>[]): string =>
  identifiers.map(identifierKey).sort().join(' ');

/** Whether two lists are the same set; a list compared with its own copy, as most are, needs no sorting. */
export const sameIdentifiers = (
  a: readonly Pick<Identifier, 'value'>[],
  b: readonly Pick<Identifier, 'value'>[],
): boolean =>
  a.length === b.length && (a.every(({ value }, i) => value === b[i]?.value) || identifierSet(a) === identifierSet(b));
