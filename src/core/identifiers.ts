import { baseName, type Identifier, isWildcard } from './identifier.ts';

/**
 * Rules for identifiers that need no library: the letters of a DNS name (RFC 1034 §3.5, RFC 5890 §2.3.1), the text
 * form of an address, and pairs that CAs refuse. What needs the public suffix list or IDNA is in
 * `config/identifiers.ts`.
 */

/** Most identifiers a certificate may have: Let's Encrypt's limit (25 in some of its profiles; the CA says so then). */
export const mostIdentifiers = 100;

/** Why an ASCII, lower-case name without trailing dot is no DNS name; undefined where it is one. `*.` is allowed in front. */
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
  if (/^\d+$/.test(labels.at(-1)!)) return 'it ends in a number, so it is neither a name nor a whole IP address';
  return undefined;
}

function labelProblem(label: string): string | undefined {
  if (label === '') return 'two dots stand side by side, or it begins with a dot';
  if (label.length > 63)
    return `the part "${label.slice(0, 20)}…" has ${label.length} characters; at most 63 are allowed`;
  if (label.includes('_')) return 'an underscore is not allowed in a name that a certificate is for';
  const odd = /[^a-z0-9-]/u.exec(label);
  if (odd) return `the character "${visible(odd[0])}" is not allowed`;
  if (label.startsWith('-') || label.endsWith('-')) return `the part "${label}" begins or ends with a hyphen`;
  // RFC 5890 §2.3.1: `??--` is reserved; CAs accept only the A-labels of IDNs.
  if (label.slice(2, 4) === '--' && !label.startsWith('xn--'))
    return `the part "${label}" has hyphens as third and fourth character, which only xn-- names may have`;
  return undefined;
}

// Control characters must not reach a terminal through an error message.
const visible = (character: string): string =>
  /[\p{C}\p{Z}]/u.test(character)
    ? `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
    : character;

/** The canonical text of an IP address (RFC 5952 for IPv6), or undefined where the text is none. */
export function canonicalAddress(text: string): string | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  // Leading zeros are refused: some programs read them as octal.
  if (octets) return octets.every((octet) => String(Number(octet)) === octet && Number(octet) < 256) ? text : undefined;
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return undefined;
  // The URL parser's IPv6 serializer compresses as RFC 5952 §4 asks.
  const url = URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`) : undefined;
  return url?.hostname.slice(1, -1);
}

/** Each identifier once, in the order given. */
export function withoutDuplicates(identifiers: readonly Identifier[]): readonly Identifier[] {
  const seen = new Set<string>();
  return identifiers.filter(({ value }) => !seen.has(value) && seen.add(value));
}

/** A name that a wildcard of the same list already covers (Boulder refuses the pair), or undefined. */
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

/** The test lineage beside a real one: journalled like any, never renewed and never deployed. */
export const stagingName = (name: string): string => `${name}~staging`;
export const isStagingName = (name: string): boolean => name.endsWith('~staging');

const longestLineageName = 100;

/** What a lineage may be called; `~staging` is certfleet's own suffix. With a hyphen in front it would be a flag. */
export const isLineageName = (name: string): boolean =>
  /^[a-z0-9._][a-z0-9._-]{0,99}$/.test(name) && name !== '.' && name !== '..'; // they are folders of their own

/**
 * The lineage's name where nobody gave one: the first identifier. A wildcard becomes `wildcard.example.com`, not
 * certbot's `example.com`, so that `-d example.com` and `-d '*.example.com'` are two certificates, not one that
 * replaces the other. One that is too long is cut, and told from others by a digest.
 *
 * @param digest a text's digest, of letters and digits
 */
export function defaultLineageName(identifiers: readonly Identifier[], digest: (text: string) => string): string {
  const first = identifiers[0];
  if (!first) return 'certificate';
  const name = isWildcard(first) ? `wildcard.${baseName(first)}` : first.value;
  // `::1` is `0::1`.
  const safe = name.replace(/^:/, '0:').replaceAll(':', '-');
  return safe.length <= longestLineageName
    ? safe
    : `${safe.slice(0, longestLineageName - 17)}-${digest(safe).slice(0, 16)}`;
}
