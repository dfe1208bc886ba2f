import type { RenewalInfo } from '../../../../src/ports/issuer.ts';
import { wholeSeconds } from './authorizations.ts';
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
  return { startMs: wholeSeconds(idealMs - validityMs / 100), endMs: wholeSeconds(idealMs + validityMs / 100) };
}

export function renewalInfo(ca: Ca, ariId: string): RenewalInfo {
  const certificate = ca.state.certificatesByAriId.get(ariId);
  if (!certificate) throw refuse(404, 'malformed', 'Requested certificate was not found');
  const { startMs, endMs } = windowOf(ca, certificate);
  return {
    start: new Date(startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    explanationUrl: certificate.revoked?.explanationUrl,
    // 6 h, give or take a fifth.
    retryAfterMs: wholeSeconds(6 * hourMs * (0.8 + 0.4 * ca.random())),
  };
}
