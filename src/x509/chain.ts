import { type Certificate, parseCertificate } from './certificate.ts';
import { splitPem } from './pem.ts';

/**
 * Reads a PEM chain and orders it: the leaf, then each one's issuer (RFC 8555 §9.1). Certificates that issued none of
 * the others keep their order at the end; repeated ones are dropped. Throws a plain Error if there is no certificate,
 * or one that cannot be read.
 */
export function orderedChain(chainPem: string): readonly [Certificate, ...Certificate[]] {
  const rest = withoutRepeats(splitPem(chainPem).map(parseCertificate));
  // The leaf should come first. If it does not, it is the one that is not a CA.
  const leafAt = Math.max(
    0,
    rest.findIndex(({ x509 }) => !x509.ca),
  );
  const [leaf] = rest.splice(leafAt, 1);
  if (!leaf) throw new Error('it contains no certificate');
  const chain: [Certificate, ...Certificate[]] = [leaf];
  for (let last = leaf; ; ) {
    const issuerAt = rest.findIndex(({ x509 }) => last.x509.checkIssued(x509));
    const [issuer] = issuerAt < 0 ? [] : rest.splice(issuerAt, 1);
    if (!issuer) return [...chain, ...rest];
    chain.push(issuer);
    last = issuer;
  }
}

function withoutRepeats(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Set<string>();
  return certificates.filter(({ x509 }) => !seen.has(x509.fingerprint256) && seen.add(x509.fingerprint256));
}
