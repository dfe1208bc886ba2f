import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { fewAddresses } from '../../core/names/address.ts';
import { coversName } from '../../core/names/covers-name.ts';
import {
  type AddressVerdict,
  type EndpointVerdict,
  judgeEndpoint,
  judgeFingerprint,
  parseEndpoint,
} from '../../core/names/endpoint.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import { present } from '../../core/text/present.ts';
import type { CertificateFacts, Pki } from '../../ports/pki.ts';
import type { Vantage } from '../../ports/vantage.ts';

export interface EndpointLook {
  /** As written in the spec: `host:port`. */
  readonly endpoint: string;
  /** SHA-256 of the version that should be served, lower-case hex. */
  readonly expectFingerprint: string;
  /** SHA-256 of the previous version. */
  readonly previousFingerprint?: string;
  /**
   * The name to send as SNI if the endpoint is an IP address: a name of the certificate, so that a node behind a load
   * balancer can be checked by its address. Without it, no SNI is sent.
   */
  readonly serverName?: string;
  readonly now: Date;
  readonly vantage: Pick<Vantage, 'handshake'>;
  readonly pki: Pick<Pki, 'readChain'>;
  /** Returns all addresses of a name, A and AAAA, or an IP address itself. */
  readonly resolve: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
}

/**
 * Finds out what an endpoint really serves, on at most 16 addresses of its name. Whatever the endpoint does is a
 * verdict. Rejects only on abort, or if the endpoint cannot be parsed, which the configuration has checked.
 */
export async function lookAtEndpoint(look: EndpointLook, signal: AbortSignal): Promise<EndpointVerdict> {
  const { host, port } = parseEndpoint(look.endpoint);
  let few: ReturnType<typeof fewAddresses>;
  try {
    const found = [...new Set(await look.resolve(host, signal))];
    few = fewAddresses(
      found.filter((address) => !address.includes(':')),
      found.filter((address) => address.includes(':')),
    );
  } catch (error) {
    signal.throwIfAborted();
    return { endpoint: look.endpoint, state: 'unreachable', words: wordsOf(error), addresses: [] };
  }
  const serverName = isAddress(host) ? (look.serverName ?? '') : host;
  const verdicts = await Promise.all(
    [...few.ipv4, ...few.ipv6].map((address) => lookAtAddress(look, { address, port, serverName }, signal)),
  );
  return mention(few.left, judgeEndpoint(look.endpoint, verdicts));
}

/** Returns the verdict, with the number of addresses that were not checked in its words. */
export const mention = (left: number, verdict: EndpointVerdict): EndpointVerdict =>
  left === 0 ? verdict : { ...verdict, words: `${verdict.words}; ${left} more addresses were not checked` };

async function lookAtAddress(
  look: EndpointLook,
  at: Parameters<Vantage['handshake']>[0],
  signal: AbortSignal,
): Promise<AddressVerdict> {
  const { address } = at;
  let certificateDer: Uint8Array;
  try {
    ({ certificateDer } = await look.vantage.handshake(at, signal));
  } catch (error) {
    signal.throwIfAborted();
    return { address, ...failureOf(error) };
  }
  try {
    const { facts } = look.pki.readChain(pemOf(certificateDer));
    const state = judgeFingerprint(facts.fingerprint, look.expectFingerprint, look.previousFingerprint);
    const words = remoteText(describeCertificate(facts), mostWords);
    const isValid = state === 'other' && isValidFor(facts, at.serverName, look.now);
    return { address, state, words, ...present({ isValid: isValid ? (true as const) : undefined }) };
  } catch (error) {
    // A certificate that certfleet cannot read is not one of its own.
    return { address, state: 'other', words: `a certificate that cannot be read (${wordsOf(error)})` };
  }
}

function isValidFor({ identifiers, notBefore, notAfter }: CertificateFacts, name: string, now: Date): boolean {
  const isInTime = Date.parse(notBefore) <= now.getTime() && now.getTime() < Date.parse(notAfter);
  return isInTime && coversName(identifiers.map(identifierKey), name);
}

/** Any server may have created the certificate; a real one's names, serial and issuer are shorter. */
const mostWords = 1_000;

const wordsOf = (error: unknown): string => remoteText(reasonOf(error), mostWords);

// Error codes about this machine's routes, not about the endpoint.
const noRouteHere: readonly unknown[] = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

function failureOf(error: unknown): Pick<AddressVerdict, 'state' | 'words'> {
  // The cause is a ConnectionFailure of lib/vantage.ts; without one, the endpoint counts as unreachable.
  const cause = (isFailure(error) ? error.cause : undefined) as { phase?: unknown; code?: unknown } | undefined;
  const words = wordsOf(cause instanceof Error ? cause.message : error);
  if (cause?.phase === 'exchange') return { state: 'handshake-failed', words };
  return { state: noRouteHere.includes(cause?.code) ? 'cannot-tell' : 'unreachable', words };
}

/** Returns `www.example.com, example.com; serial 03ab…; not after 2027-01-01T00:00:00Z; from Example CA`. */
function describeCertificate(facts: CertificateFacts): string {
  const names = facts.identifiers.map(identifierKey);
  // Three names are enough to recognise a certificate.
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
  return `${shown || 'no names'}; serial ${facts.serial}; not after ${facts.notAfter}; from ${facts.issuerName}`;
}

const isAddress = (host: string): boolean => host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);

function pemOf(der: Uint8Array): string {
  const base64 = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}
