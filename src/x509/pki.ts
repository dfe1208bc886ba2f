import { longestSkewMs } from '../core/ca/clock-skew.ts';
import { type Identifier, identifierKey } from '../core/names/identifier.ts';
import type { CertificateFacts, Pki } from '../ports/pki.ts';
import { answersAlpn, makeAlpnCertificate } from './alpn.ts';
import { commonName, factsOf, parseCertificate, sha256 } from './certificate.ts';
import { brokenLink, orderedChain } from './chain.ts';
import { makeCsr } from './csr.ts';
import { keyTypeOf, makeAccountKey, makeKey, spkiOf } from './key.ts';
import { splitPem, toPem } from './pem.ts';

/**
 * With a slow clock, a certificate issued now is not valid yet. Allows one minute more, because the skew was measured
 * earlier in the run.
 */
const slowClockMs = longestSkewMs + 60_000;

/** Keys and certificates, implemented with node:crypto. */
export const pki: Pki = {
  newKey: makeKey,
  newAccountKey: makeAccountKey,

  keyType: keyTypeOf,

  isFor({ spkiFingerprint }, keyPem) {
    try {
      return sha256(spkiOf(keyPem)) === spkiFingerprint;
    } catch {
      return false;
    }
  },

  async csr(keyPem, identifiers) {
    return makeCsr(keyPem, identifiers);
  },

  alpnCertificate: (keyPem, answer, now) => makeAlpnCertificate(keyPem, answer, now),

  answersAlpn,

  readChain(chainPem) {
    const chain = orderedChain(chainPem);
    return { certificates: chain.map(({ der }) => toPem(der)), facts: factsOf(chain[0]) };
  },

  async pkcs12(request) {
    const { makePkcs12 } = await import('./pkcs12.ts');
    return makePkcs12(request);
  },

  issuerNames(certificates) {
    const chain = certificates.flatMap((pem) => splitPem(pem).map(parseCertificate));
    return [...new Set(chain.map(({ x509 }) => commonName(x509.issuer)))];
  },

  mismatch(certPem, keyPem, identifiers, now) {
    let facts: CertificateFacts;
    let isOurs: boolean;
    try {
      const [leaf] = orderedChain(certPem);
      facts = factsOf(leaf);
      isOurs = sha256(spkiOf(keyPem)) === facts.spkiFingerprint;
    } catch (error) {
      return (error as Error).message;
    }
    if (!isOurs) return 'it is for another key';
    return wrongNames(facts.identifiers, identifiers) ?? wrongTime(facts, now);
  },

  brokenChain(certificates, rootsPem, now) {
    const read = (pem: string) => splitPem(pem).map(parseCertificate);
    try {
      return brokenLink(certificates.flatMap(read), { roots: read(rootsPem), now, slackMs: slowClockMs });
    } catch (error) {
      return (error as Error).message;
    }
  },
};

function wrongNames(inside: readonly Identifier[], wanted: readonly Identifier[]): string | undefined {
  const [has, wants] = [new Set(inside.map(identifierKey)), new Set(wanted.map(identifierKey))];
  const missing = [...wants].filter((name) => !has.has(name));
  const extra = [...has].filter((name) => !wants.has(name));
  if (missing.length > 0) return `it does not name ${missing.join(', ')}`;
  if (extra.length > 0) return `it also names ${extra.join(', ')}`;
  return undefined;
}

function wrongTime({ notBefore, notAfter }: CertificateFacts, now: Date): string | undefined {
  if (Date.parse(notBefore) > now.getTime() + slowClockMs) return `it is not valid before ${notBefore}`;
  if (Date.parse(notAfter) <= now.getTime()) return `it expired at ${notAfter}`;
  return undefined;
}
