import { baseName, type Identifier, isWildcard } from './identifier.ts';

/**
 * Rules for identifiers: the characters of a DNS name (RFC 1034 §3.5, RFC 5890 §2.3.1), the text form of an address,
 * and pairs that CAs refuse. Rules that need a library (public suffixes, IDNA) are in `config/certificates/identifiers.ts`.
 */

/**
 * The maximum number of identifiers per certificate: Let's Encrypt's limit. Some of its profiles allow 25, which the CA
 * checks.
 */
export const mostIdentifiers = 100;

/**
 * Returns why a lower-case ASCII name without a trailing dot is not a DNS name, or undefined if it is one. `*.` may
 * precede it.
 */
export function dnsNameProblem(name: string): string | undefined {
  const base = name.startsWith('*.') ? name.slice(2) : name;
  if (base === '' || base === '*') return 'a wildcard needs a domain: *.example.com';
  if (base.includes('*')) return 'the wildcard * may only stand alone as the first label: *.example.com';
  // RFC 1035 §2.3.4 allows 255 octets on the wire, which is 253 characters of text.
  if (name.length > 253) return `it has ${name.length} characters; a DNS name has at most 253`;
  const labels = base.split('.');
  for (const label of labels) {
    const problem = labelProblem(label);
    if (problem !== undefined) return problem;
  }
  if (/^\d+$/.test(labels.at(-1)!)) return 'it ends in a number, so it is neither a DNS name nor a complete IP address';
  return undefined;
}

function labelProblem(label: string): string | undefined {
  if (label === '') return 'it begins with a dot or has two dots in a row';
  if (label.length > 63)
    return `the part "${label.slice(0, 20)}…" has ${label.length} characters; at most 63 are allowed`;
  if (label.includes('_')) return 'a certificate’s name may not contain an underscore';
  const odd = /[^a-z0-9-]/u.exec(label);
  if (odd) return `the character "${visible(odd[0])}" is not allowed`;
  if (label.startsWith('-') || label.endsWith('-')) return `the part "${label}" begins or ends with a hyphen`;
  // RFC 5890 §2.3.1: `??--` is reserved; CAs accept only the A-labels of IDNs.
  if (label.slice(2, 4) === '--' && !label.startsWith('xn--'))
    return `the part "${label}" has hyphens as its third and fourth characters, which only xn-- names may have`;
  return undefined;
}

// An error message must not send control characters to a terminal.
const visible = (character: string): string =>
  /[\p{C}\p{Z}]/u.test(character)
    ? `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
    : character;

/** Returns the canonical text of an IP address (RFC 5952 for IPv6), or undefined if it is not an address. */
export function canonicalAddress(text: string): string | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  // Leading zeros are rejected, because some programs read them as octal.
  if (octets) return octets.every((octet) => String(Number(octet)) === octet && Number(octet) < 256) ? text : undefined;
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return undefined;
  // The URL parser writes IPv6 addresses as RFC 5952 §4 requires.
  const url = URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`) : undefined;
  return url?.hostname.slice(1, -1);
}

/** Returns each identifier once, in the order given. */
export function withoutDuplicates(identifiers: readonly Identifier[]): readonly Identifier[] {
  const seen = new Set<string>();
  return identifiers.filter(({ value }) => !seen.has(value) && seen.add(value));
}

/** Returns a name that a wildcard in the same list covers (Boulder refuses such a pair), or undefined. */
export function coveredByWildcard(
  identifiers: readonly Identifier[],
): { readonly value: string; readonly wildcard: string } | undefined {
  const wildcards = new Set(identifiers.filter(isWildcard).map(baseName));
  for (const identifier of identifiers) {
    if (identifier.type !== 'dns' || isWildcard(identifier)) continue;
    const parent = identifier.value.slice(identifier.value.indexOf('.') + 1);
    if (wildcards.has(parent) && parent !== identifier.value)
      return { value: identifier.value, wildcard: `*.${parent}` };
  }
  return undefined;
}

/** Returns the name of the test lineage (`issue --staging`) beside a real one. It is never renewed or deployed. */
export const stagingName = (name: string): string => `${name}~staging`;
export const isStagingName = (name: string): boolean => name.endsWith('~staging');
/** Returns the name of the real certificate that a test certificate belongs to. */
export const nameOfReal = (name: string): string => name.slice(0, -stagingName('').length);

export const longestLineageName = 100;

/**
 * Reports whether a lineage may have this name. A leading hyphen would make it a flag; `~staging` is reserved for
 * certfleet.
 */
export const isLineageName = (name: string): boolean =>
  /^[a-z0-9._][a-z0-9._-]{0,99}$/.test(name) && !reservedNames.has(name);

export const lineageNameRule =
  'a name is 1 to 100 of a-z 0-9 . _ -, does not begin with a hyphen, and is none of the words . .. __proto__ constructor';

/** Names of folders, also in the path of a URL, and properties of every JavaScript object. */
const reservedNames: ReadonlySet<string> = new Set(['.', '..', '__proto__', 'constructor']);

/** Reports whether a store may have a lineage of this name, including test lineages and those of `dns test` and `balancer test`. */
export const isStoredName = (name: string): boolean =>
  isLineageName(isStagingName(name) ? nameOfReal(name) : name) || /^~(dns|balancer)-test-[\w-]{1,99}$/.test(name);

/** The name of an imported lineage whose own name has no usable characters. */
export const unnamed = 'imported';

/**
 * Returns the name for a lineage that another client called `name`, with the characters that names cannot have
 * replaced.
 */
export function importedName(name: string): string {
  if (isLineageName(name)) return name;
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, 90);
  return isLineageName(plain) ? plain : unnamed;
}

/**
 * Returns the default name of a lineage: its first identifier. A wildcard becomes `wildcard.example.com`, not
 * `example.com` as in certbot, so that `-d example.com` and `-d '*.example.com'` do not replace each other. A name that
 * is too long is cut, and a digest keeps it unique.
 *
 * @param digest returns a digest of a text in letters and digits
 */
export function defaultLineageName(identifiers: readonly Identifier[], digest: (text: string) => string): string {
  const first = identifiers[0];
  if (!first) return 'certificate';
  const name = isWildcard(first) ? `wildcard.${baseName(first)}` : first.value;
  // A name cannot begin with a hyphen, so `::1` becomes `0--1`.
  const safe = name.replace(/^:/, '0:').replaceAll(':', '-');
  return safe.length <= longestLineageName
    ? safe
    : `${safe.slice(0, longestLineageName - 17)}-${digest(safe).slice(0, 16)}`;
}
