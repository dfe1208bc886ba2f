import type { CertificateFacts } from '../core/certificate-facts.ts';
import type { Identifier } from '../core/identifier.ts';
import type { Secret } from '../core/secret.ts';

export type { CertificateFacts };

export interface Pki {
  /** A new P-256 private key, PKCS#8 PEM. */
  newKey(): Promise<Secret>;
  /** A certification request (RFC 2986), DER, with every identifier in the SAN and an empty subject. */
  csr(keyPem: Secret, identifiers: readonly Identifier[]): Promise<Uint8Array>;
  /**
   * Splits a PEM chain, leaf first (RFC 8555 §9.1), sorts the rest by issuer where the CA did not, and reads the leaf. Fails with
   * `acme/malformed-answer`-free plain Errors in words; the caller says whose fault it is.
   */
  readChain(chainPem: string): { readonly certificates: readonly string[]; readonly facts: CertificateFacts };
  /** Why this leaf cannot be taken for this key and these identifiers at `now`, or undefined when it fits. */
  mismatch(certPem: string, keyPem: Secret, identifiers: readonly Identifier[], now: Date): string | undefined;
}
