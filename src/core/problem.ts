import { profileAdvice } from './profiles.ts';

const acmeErrors = 'urn:ietf:params:acme:error:';

/**
 * The type of the ACME problem document behind an error, without the namespace of RFC 8555 §6.7
 * (`accountDoesNotExist`); a type of another namespace is answered whole, and undefined where there is no problem.
 */
export function problemType(error: unknown): string | undefined {
  const problem = (error as { readonly problem?: unknown } | null | undefined)?.problem;
  const type = (problem as { readonly type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? shortType(type) : undefined;
}

/** A problem's type without the ACME namespace. */
export const shortType = (type: string): string => (type.startsWith(acmeErrors) ? type.slice(acmeErrors.length) : type);

/**
 * What a person can do about a problem (RFC 8555 §6.7, RFC 9773 §7, draft-ietf-acme-profiles), by its short type.
 * One sentence each; types that need nothing from anybody have none.
 */
const advice: Readonly<Record<string, string>> = {
  accountDoesNotExist: 'The CA does not know this account key: certfleet registers it anew at the next try.',
  alreadyReplaced: 'Another order has already renewed this certificate; the next try goes without `replaces`.',
  badCSR: 'The CA does not take this certificate request; see its words above for the name or key it dislikes.',
  badPublicKey: 'The CA does not take keys of this kind; certfleet makes P-256 keys.',
  badSignatureAlgorithm: 'The CA does not take this account key’s algorithm; certfleet makes P-256 accounts (ES256).',
  compound: 'Each identifier’s own reason is named above.',
  connection: 'The CA could not connect: open the port for the whole internet, over IPv4 and IPv6 alike.',
  dns: 'The CA could not look the name up: check that every name server of its zone answers, the delegation and DNSSEC.',
  externalAccountRequired: 'The CA wants an external account binding, which this version of certfleet cannot give.',
  incorrectResponse: 'The CA got another answer than the challenge’s: check what serves this name.',
  invalidContact: 'The CA does not take this e-mail address: correct `email` on the issuer, or leave it out.',
  invalidProfile: 'The CA does not offer this `profile`; leave it out, or choose one that its directory names.',
  malformed: 'The CA did not understand the request; where it names an identifier, correct that one.',
  orderNotReady: 'The order was not ready to be finalized; the next try looks at it again.',
  rateLimited: 'Wait until the time the CA named.',
  rejectedIdentifier: 'The CA’s policy excludes this identifier: remove it, or use another CA for it.',
  serverInternal: 'The CA failed inside; the next try may work.',
  tls: 'The CA got no good TLS answer from this name: check what listens on port 443.',
  unauthorized:
    'If a validation failed, check that the name points at what answers the challenge; else the account may not do this.',
  unsupportedContact: 'The CA takes no contact of this kind: correct `email` on the issuer, or leave it out.',
  unsupportedIdentifier: 'The CA does not issue for identifiers of this kind.',
  userActionRequired: 'A person must act: read the page the CA names, for instance its new terms of service.',
};

/**
 * The advice for a problem type, whole or short; general words where none is known.
 *
 * @param caaIdentities the names of the CA in CAA records, as its directory gives them
 */
export function adviceFor(type: string, caaIdentities: readonly string[] = []): string {
  const short = shortType(type);
  if (short === 'caa') return `A CAA record forbids this CA: add ${caaRecord(caaIdentities)} beside the records there.`;
  return advice[short] ?? 'See the CA’s own words above; its documentation explains this kind of refusal.';
}

const caaRecord = (caaIdentities: readonly string[]): string =>
  caaIdentities.length === 0
    ? 'an `issue` record with the CA’s name (its documentation gives it)'
    : caaIdentities.map((name) => `\`0 issue "${name}"\``).join(' or ');

/** The advice where newOrder was refused: also which profile takes these identifiers. */
export function adviceOnOrder(
  type: string,
  order: Parameters<typeof profileAdvice>[0],
  directory: { readonly caaIdentities: readonly string[]; readonly profiles: Readonly<Record<string, string>> },
): string {
  const short = shortType(type);
  const profiles = Object.keys(directory.profiles);
  const mayBeProfile = ['malformed', 'rejectedIdentifier', 'unsupportedIdentifier'].includes(short);
  return (mayBeProfile ? profileAdvice(order, profiles) : undefined) ?? adviceFor(type, directory.caaIdentities);
}
