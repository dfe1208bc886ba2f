/**
 * A subject of a certificate in the ACME sense (RFC 8555 §9.7.7, RFC 8738): a DNS name, possibly a wildcard, or an IP
 * address. Values are canonical: DNS names as lower-case A-labels without a trailing dot, IP addresses in the text form
 * of RFC 5952 (IPv6) or dotted decimal (IPv4).
 */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/**
 * Returns an identifier as a map key, which is also its display text. The value is enough: a DNS name never looks like
 * an IP address.
 */
export const identifierKey = (identifier: Pick<Identifier, 'value'>): string => identifier.value;

export const isWildcard = (identifier: Identifier): boolean =>
  identifier.type === 'dns' && identifier.value.startsWith('*.');

/** Returns the name that is validated: for a wildcard, the name without `*.` (RFC 8555 §7.1.3). */
export const baseName = (identifier: Identifier): string =>
  isWildcard(identifier) ? identifier.value.slice(2) : identifier.value;

/** Returns a set of identifiers as text, regardless of order: an ACME order is for a set (RFC 8555 §7.1.3). */
export const identifierSet = (identifiers: readonly Pick<Identifier, 'value'>[]): string =>
  identifiers.map(identifierKey).sort().join(' ');

/** Reports whether two lists are the same set. A list compared with its own copy, the usual case, needs no sorting. */
export const sameIdentifiers = (
  a: readonly Pick<Identifier, 'value'>[],
  b: readonly Pick<Identifier, 'value'>[],
): boolean =>
  a.length === b.length && (a.every(({ value }, i) => value === b[i]?.value) || identifierSet(a) === identifierSet(b));
