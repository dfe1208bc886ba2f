import { createHash } from 'node:crypto';
import { domainToASCII, domainToUnicode } from 'node:url';
import { type ChallengeType, isOverDns } from '../../core/ca/challenge-type.ts';
import { fail } from '../../core/errors/errors.ts';
import { type Identifier, isWildcard } from '../../core/names/identifier.ts';
import {
  canonicalAddress,
  coveredByWildcard,
  defaultLineageName,
  dnsNameProblem,
  mostIdentifiers,
  withoutDuplicates,
} from '../../core/names/identifiers.ts';
import type { IssuerSettings } from '../../core/spec/spec.ts';
import { isPublicIssuer } from './issuer-directory.ts';

/**
 * Parses an identifier as people write it. Makes upper case, a trailing dot, an international name in its own letters
 * and an address in brackets canonical. Fails with `identifier/invalid`.
 */
export function parseIdentifier(text: string): Identifier {
  const typed = text.trim();
  const invalid = (reason: string) => fail('identifier/invalid', { value: shown(typed), reason });
  if (typed === '') throw invalid('it is empty');
  if (typed === '.') throw invalid('it is the root of the DNS, for which no CA issues');
  if (typed.length > 1_000) throw invalid(`it has ${typed.length} characters`);
  const address = canonicalAddress(typed.startsWith('[') && typed.endsWith(']') ? typed.slice(1, -1) : typed);
  if (address !== undefined) return { type: 'ip', value: address };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(typed)) throw invalid(`it is a URL; write the name alone${nameInUrl(typed)}`);
  if (typed.includes('@')) throw invalid('it is an e-mail address; write the domain alone');
  if (/^[^:/]+:\d+$/.test(typed)) throw invalid('a certificate is for a name, not for a port; leave out the port');
  if (typed.includes('/')) throw invalid('a certificate is for a name, not for a path or a network');
  const name = toAscii(withoutLastDot(typed));
  if (name === undefined) throw invalid('it is not a valid international domain name (IDNA)');
  const problem = dnsNameProblem(name);
  if (problem !== undefined) throw invalid(problem);
  return { type: 'dns', value: name };
}

/**
 * Returns a host or a zone as people write it in canonical form, as {@link parseIdentifier} does, or undefined if the
 * text is neither. Underscores are allowed, because they are in names of zones.
 */
export function parseHost(text: string): string | undefined {
  const typed = text.trim();
  if (typed.length > 1_000 || canonicalAddress(typed) !== undefined) return undefined;
  const name = toAscii(withoutLastDot(typed));
  if (name === undefined || name.startsWith('*.')) return undefined;
  return dnsNameProblem(name.replaceAll('_', 'x')) === undefined ? name : undefined;
}

/** Returns the default name of a certificate. */
export const lineageNameOf = (identifiers: readonly Identifier[]): string =>
  defaultLineageName(identifiers, (text) => createHash('sha256').update(text).digest('hex'));

/** The dots of other scripts are those that IDNA takes for one (UTS 46). */
const withoutLastDot = (name: string): string => name.replace(/[.。．｡]$/, '');

/**
 * Returns the name in lower case, with labels in other scripts as A-labels (xn--…), or undefined if IDNA forbids it.
 */
export function toAscii(name: string): string | undefined {
  const lower = name.toLowerCase();
  const ascii = /^[\x21-\x7e]*$/.test(lower);
  if (ascii && !lower.includes('xn--')) return lower;
  const wildcard = lower.startsWith('*.');
  const base = wildcard ? lower.slice(2) : lower;
  // domainToASCII would decode %61 and cut at these characters. dnsNameProblem words these errors better.
  if (/[\x00-\x20%#/:<>?@[\\\]^|*\x7f]/.test(base)) return lower;
  const converted = domainToASCII(base);
  return converted === '' || !isDecodable(converted) ? undefined : `${wildcard ? '*.' : ''}${converted}`;
}

/** Reports whether every xn-- label is valid. Newer versions of Node accept `xn--a`, which has no meaning. */
function isDecodable(ascii: string): boolean {
  const unicode = domainToUnicode(ascii).split('.');
  return ascii.split('.').every((label, at) => !label.startsWith('xn--') || /[^\x00-\x7f]/.test(unicode[at] ?? ''));
}

const nameInUrl = (text: string): string => {
  const host = URL.canParse(text) ? new URL(text).hostname : '';
  return host === '' ? '' : `: ${host}`;
};

// Makes a text safe for messages: without control characters, and not too long.
const shown = (text: string): string => {
  const clean = text.replace(/\p{C}/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
};

/**
 * Parses a certificate's list of identifiers, without repetitions: at least one, at most 100.
 *
 * @param certificate the certificate's name in the message
 */
export function parseIdentifiers(texts: readonly string[], certificate: string): readonly Identifier[] {
  const identifiers = withoutDuplicates(texts.filter((text) => text.trim() !== '').map(parseIdentifier));
  if (identifiers.length === 0) throw fail('identifier/empty-list', { certificate });
  if (identifiers.length > mostIdentifiers)
    throw fail('identifier/too-many', { count: identifiers.length, limit: mostIdentifiers });
  return identifiers;
}

export interface IdentifierUse {
  readonly identifiers: readonly Identifier[];
  readonly issuer: { readonly name: string; readonly settings: IssuerSettings };
  /** Returns the solver of an identifier: the challenge types that it supports, and its name. */
  solverOf(identifier: Identifier): { readonly name: string; readonly answers: readonly ChallengeType[] };
}

/**
 * Checks that this issuer and these solvers can handle the identifiers. Fails with an `identifier/…` otherwise. Loads
 * the public suffix list (24 ms) only for a public CA.
 */
export async function checkIdentifiers({ identifiers, issuer, solverOf }: IdentifierUse): Promise<void> {
  const covered = coveredByWildcard(identifiers);
  if (covered) throw fail('identifier/covered-by-wildcard', covered);
  for (const identifier of identifiers) {
    const { value } = identifier;
    const solver = solverOf(identifier);
    if (isWildcard(identifier) && !solver.answers.some(isOverDns))
      throw fail('identifier/wildcard-needs-dns', {
        value,
        solver: solver.name,
        answers: solver.answers.join(' and '),
      });
    if (identifier.type === 'ip' && solver.answers.every(isOverDns)) throw fail('identifier/ip-needs-http', { value });
  }
  if (!(await isPublicIssuer(issuer.settings))) return;
  const { isRegistrable } = await import('./public-suffix.ts');
  const unregistrable = identifiers.find((identifier) => !isRegistrable(identifier));
  if (unregistrable) throw fail('identifier/no-public-suffix', { value: unregistrable.value, issuer: issuer.name });
}
