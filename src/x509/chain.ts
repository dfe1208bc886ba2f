import type { KeyObject } from 'node:crypto';
import {
  type Certificate,
  isCa,
  keyIdOf,
  keyIdOfIssuer,
  nameText,
  parseCertificate,
  sameBytes,
} from './certificate.ts';
import { splitPem } from './pem.ts';

/**
 * Reads a PEM chain and orders it: the leaf, then the issuer of each certificate (RFC 8555 §9.1). Certificates that
 * issued none of the others keep their order at the end, where {@link brokenLink} finds them. Repeated ones are
 * dropped. Throws a plain Error if there is no certificate, or one that cannot be read.
 */
export function orderedChain(chainPem: string): readonly [Certificate, ...Certificate[]] {
  const rest = withoutRepeats(splitPem(chainPem).map(parseCertificate));
  // The leaf should come first. If it does not, it is the one that is not a CA.
  const leafAt = Math.max(
    0,
    rest.findIndex((one) => !isCa(one)),
  );
  const [leaf] = rest.splice(leafAt, 1);
  if (!leaf) throw new Error('it contains no certificate');
  const chain: [Certificate, ...Certificate[]] = [leaf];
  for (let last = leaf; ; ) {
    const issuerAt = rest.findIndex((one) => isIssuer(one, last));
    const [issuer] = issuerAt < 0 ? [] : rest.splice(issuerAt, 1);
    if (!issuer) return [...chain, ...rest];
    chain.push(issuer);
    last = issuer;
  }
}

function withoutRepeats(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Map(certificates.map((one) => [Buffer.from(one.der).toString('latin1'), one]));
  return [...seen.values()];
}

/** Reports whether a certificate is the issuer of another one, by name and key. Does not check the signature. */
function isIssuer(issuer: Certificate, certificate: Certificate): boolean {
  const [named, key] = [certificate.fields.issuer, keyIdOfIssuer(certificate)];
  const isNamed = key !== undefined && sameBytes(named, issuer.fields.subject) && sameBytes(key, keyIdOf(issuer));
  // OpenSSL compares names that are encoded differently.
  return isNamed || certificate.x509.checkIssued(issuer.x509);
}

/**
 * Returns why a client would refuse an ordered chain at `now`, or undefined if each certificate is signed by the next
 * one. The last may be signed by a root that is not in the chain, so its own signature is not checked. A leaf alone
 * must be signed by one of `roots`.
 *
 * @param slackMs how far this machine's clock may be behind
 */
export function brokenLink(
  chain: readonly Certificate[],
  { roots, now, slackMs }: { readonly roots: readonly Certificate[]; readonly now: Date; readonly slackMs: number },
): string | undefined {
  const [leaf, ...issuers] = chain;
  if (leaf && issuers.length === 0) {
    if (roots.some((root) => isSignedBy(leaf, root))) return undefined;
    const issuer = nameText(leaf.x509.issuer);
    return `it comes alone, without the certificate of ${issuer} that signed it; if that is the root of a CA of your own, add it to the \`caFile\` of the issuer`;
  }
  for (const [index, issuer] of issuers.entries()) {
    const name = nameText(issuer.x509.subject);
    const signed = chain[index]!;
    if (!isSignedBy(signed, issuer)) {
      const before = index === 0 ? 'the certificate itself' : nameText(signed.x509.subject);
      return `${name}, which follows ${before} in its chain, did not sign it`;
    }
    const { validFrom, validTo } = issuer.x509;
    if (Date.parse(validFrom) > now.getTime() + slackMs)
      return `${name} in its chain is not valid before ${new Date(validFrom).toISOString()}`;
    if (Date.parse(validTo) <= now.getTime())
      return `${name} in its chain expired at ${new Date(validTo).toISOString()}`;
  }
  return undefined;
}

// Verifying takes 0.1 ms and the key 0.1 ms more, and certificates of one CA share their issuers.
const proven = new WeakMap<Certificate, Certificate>();
const keys = new WeakMap<Certificate, KeyObject>();

function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (proven.get(certificate) === issuer) return true;
  // A root of version 1 does not state that it is a CA. Clients that trust it accept it.
  const mayIssue = issuer.x509.ca || issuer.x509.checkIssued(issuer.x509);
  if (!mayIssue || !certificate.x509.checkIssued(issuer.x509)) return false;
  try {
    const key = keys.get(issuer) ?? issuer.x509.publicKey;
    keys.set(issuer, key);
    if (!certificate.x509.verify(key)) return false;
  } catch {
    return false; // a kind of key that OpenSSL does not support
  }
  proven.set(certificate, issuer);
  return true;
}
