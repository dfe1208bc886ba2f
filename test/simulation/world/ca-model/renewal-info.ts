import type { RenewalInfo } from '../../../../src/ports/issuer.ts';
import { wholeSeconds } from './authorizations.ts';
import { ariIdOf } from './fake-pem.ts';
import { refuse } from './refusal.ts';
import type { Ca, StoredCertificate } from './state.ts';

/** Renewal information (RFC 9773), as Boulder computes it. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const shortMs = 10 * 24 * hourMs;

export function windowOf(ca: Ca, certificate: StoredCertificate): { readonly startMs: number; readonly endMs: number } {
  const chosen = ca.switches.window(certificate);
  if (chosen) return chosen;
  if (certificate.revoked) {
    const now = ca.nowMs();
    return { startMs: wholeSeconds(now - hourMs), endMs: wholeSeconds(now - 30 * minuteMs) };
  }
  const { issuedMs, notAfterMs } = certificate;
  const validityMs = notAfterMs + 1000 - issuedMs;
  const idealMs = notAfterMs - validityMs / (validityMs < shortMs ? 2 : 3);
  const halfMs = (ca.switches.windowMs ?? validityMs / 50) / 2;
  return { startMs: wholeSeconds(idealMs - halfMs), endMs: wholeSeconds(idealMs + halfMs) };
}

/** Returns the certificate with an ARI id. Refuses one of another CA, and one that does not exist. */
export function certificateOf(
  { state, authority }: Ca,
  ariId: string,
  about: string,
  missing: (serial: string) => string,
): StoredCertificate {
  const certificate = state.certificatesByAriId.get(ariId);
  if (certificate) return certificate;
  const [keyId = '', serial = ''] = ariId.split('.');
  if (!ariIdOf({ signedBy: authority.publicKey, serial: '' }).startsWith(`${keyId}.`))
    throw refuse(
      404,
      'malformed',
      `${about} :: path contained an Authority Key Identifier that did not match a known issuer`,
    );
  throw refuse(404, 'malformed', missing(Buffer.from(serial, 'base64url').toString('hex')));
}

export function renewalInfo(ca: Ca, ariId: string): RenewalInfo {
  const certificate = certificateOf(
    ca,
    ariId,
    'While parsing ARI CertID an error occurred',
    () => 'Requested certificate was not found',
  );
  const { startMs, endMs } = windowOf(ca, certificate);
  return {
    start: new Date(startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    explanationUrl: certificate.revoked?.explanationUrl,
    // 6 h, give or take a fifth.
    retryAfterMs: wholeSeconds(6 * hourMs * (0.8 + 0.4 * ca.random())),
  };
}
