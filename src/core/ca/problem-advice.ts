import { profileAdvice } from './profiles.ts';

const acmeErrors = 'urn:ietf:params:acme:error:';

/**
 * Returns the type of the ACME problem document behind an error, without the namespace of RFC 8555 §6.7
 * (`accountDoesNotExist`). A type of another namespace is returned whole. Returns undefined if there is no problem
 * document.
 */
export function problemType(error: unknown): string | undefined {
  const problem = (error as { readonly problem?: unknown } | null | undefined)?.problem;
  const type = (problem as { readonly type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? shortType(type) : undefined;
}

/** Returns a problem's type without the ACME namespace. */
export const shortType = (type: string): string => (type.startsWith(acmeErrors) ? type.slice(acmeErrors.length) : type);

/**
 * What a person can do about a problem (RFC 8555 §6.7, RFC 9773 §7, draft-ietf-acme-profiles), by its short type, in
 * one sentence. A type that needs no action has no entry.
 */
const advice = {
  accountDoesNotExist: 'The CA does not know this account key; the next attempt registers it again.',
  alreadyReplaced: 'Another order has already renewed this certificate; the next attempt omits `replaces`.',
  badCSR:
    'The CA does not accept this certificate request; its message names the identifier or key that it objects to.',
  badPublicKey:
    'The CA does not accept this kind of key: choose another with --key-type, or with `keyType` in certfleet.yaml.',
  badSignatureAlgorithm:
    'The CA does not accept the algorithm of this account key; ES256 is accepted by all known CAs.',
  compound: 'The CA’s message gives the reason for each identifier.',
  connection: 'The CA could not connect: open the port to the whole internet, over both IPv4 and IPv6.',
  dns: 'The CA could not look up the name: check the delegation, DNSSEC, and that every name server of its zone answers.',
  externalAccountRequired:
    'Get an EAB key ID and key from the CA, and give them with --eab-kid and --eab-hmac-key, or as `eab` on the issuer.',
  incorrectResponse:
    'The CA received a response that does not match the challenge: check which server answers for this name.',
  invalidContact: 'The CA does not accept this e-mail address: correct `email` on the issuer, or leave it out.',
  invalidProfile: 'The CA does not offer this `profile`: leave it out, or choose one that its directory lists.',
  malformed: 'The CA did not understand the request; if its message names an identifier, correct that one.',
  orderNotReady: 'The order was not ready to be finalized; the next attempt checks it again.',
  rateLimited: 'Wait until the limit resets.',
  rejectedIdentifier: 'The CA’s policy excludes this identifier: remove the identifier, or use another CA for it.',
  serverInternal: 'The CA had an internal error; the next attempt may succeed.',
  tls: 'The CA could not complete a TLS handshake with this name: check what listens on port 443.',
  unauthorized:
    'If a validation failed, check that the name points to the server that answers the challenge; otherwise, the account is not allowed to do this.',
  unsupportedContact: 'The CA does not accept this kind of contact: correct `email` on the issuer, or leave it out.',
  unsupportedIdentifier: 'The CA does not issue for this kind of identifier.',
  userActionRequired: 'You must act: read the page that the CA names, for example its new terms of service.',
} as const satisfies Readonly<Record<string, string>>;

/** The problem types that certfleet knows, without the ACME namespace. */
export type ProblemType = keyof typeof advice | 'caa';

/**
 * Returns the advice for a problem type, short or with its namespace, and general advice for an unknown type.
 *
 * @param caaIdentities the CA's names in CAA records, from its directory
 */
export function adviceFor(type: string, caaIdentities: readonly string[] = []): string {
  const short = shortType(type);
  if (short === 'caa')
    return `A CAA record forbids this CA from issuing: add ${caaRecord(caaIdentities)} to the existing records.`;
  return (
    (advice as Readonly<Record<string, string>>)[short] ??
    'See the CA’s message; its documentation explains this kind of refusal.'
  );
}

const caaRecord = (caaIdentities: readonly string[]): string =>
  caaIdentities.length === 0
    ? 'an `issue` record with the CA’s name (its documentation gives it)'
    : caaIdentities.map((name) => `\`0 issue "${name}"\``).join(' or ');

/** Returns the advice after a refused newOrder, including which profile accepts these identifiers. */
export function adviceOnOrder(
  type: string,
  order: Parameters<typeof profileAdvice>[0] & { readonly notBefore?: string; readonly notAfter?: string },
  directory: { readonly caaIdentities: readonly string[]; readonly profiles: Readonly<Record<string, string>> },
): string {
  const short = shortType(type);
  const profiles = Object.keys(directory.profiles);
  if (short === 'malformed' && (order.notBefore ?? order.notAfter) !== undefined)
    return 'This CA may not accept orders that set when a certificate begins or ends: leave out `notBefore` and `notAfter` (--not-before none, --not-after none).';
  const mayBeProfile = ['malformed', 'rejectedIdentifier', 'unsupportedIdentifier'].includes(short);
  return (mayBeProfile ? profileAdvice(order, profiles) : undefined) ?? adviceFor(type, directory.caaIdentities);
}
