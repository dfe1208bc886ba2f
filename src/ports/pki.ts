import type { CertificateFacts } from '../core/ca/certificate-facts.ts';
import type { Secret } from '../core/errors/secret.ts';
import type { Identifier } from '../core/names/identifier.ts';
import type { AccountKeyType } from '../core/spec/account-key.ts';
import type { KeyType } from '../core/spec/key-type.ts';

export type { CertificateFacts };

export interface Pki {
  /** Generates a private key as PKCS#8 PEM: P-256, unless a type is given. */
  newKey(type?: KeyType): Promise<Secret>;
  /** Generates an account key as PKCS#8 PEM: ES256, unless another type is given. */
  newAccountKey(type?: AccountKeyType): Promise<Secret>;
  /** Returns the type of a key, or undefined for any other kind. Throws Node's own error if the key cannot be read. */
  keyType(keyPem: Secret): KeyType | undefined;
  /** Reports whether a certificate with these facts is for this key. Returns false for an unreadable key. */
  isFor(facts: CertificateFacts, keyPem: Secret): boolean;
  /** Creates a certification request (RFC 2986) as DER, with all identifiers in the SAN and an empty subject. */
  csr(keyPem: Secret, identifiers: readonly Identifier[]): Promise<Uint8Array>;
  /** Creates the self-signed certificate that answers a TLS-ALPN-01 challenge (RFC 8737 §3), as PEM. */
  alpnCertificate(
    keyPem: Secret,
    answer: { readonly identifier: Identifier; readonly keyAuthorization: string },
    now: Date,
  ): string;
  /** Reports whether a certificate is such an answer. */
  answersAlpn(certificateDer: Uint8Array, identifier: Identifier, keyAuthorization: string): boolean;
  /**
   * Splits a PEM chain, puts the leaf first and each issuer after its certificate (RFC 8555 §9.1), and reads the leaf.
   * Throws a plain Error that says what is wrong; the caller decides who is to blame.
   */
  readChain(chainPem: string): { readonly certificates: readonly string[]; readonly facts: CertificateFacts };
  /** Returns the common names of these certificates' issuers, each once; the whole name of an issuer without one. */
  issuerNames(certificates: readonly string[]): readonly string[];
  /** Returns why this leaf cannot be used with this key and these identifiers at `now`, or undefined if it can. */
  mismatch(certPem: string, keyPem: Secret, identifiers: readonly Identifier[], now: Date): string | undefined;
  /**
   * Creates a PKCS#12 file with the key and its chain, leaf first: with AES-256 and SHA-256, or, if `isLegacy`, with
   * what old programs can read (3DES and SHA-1).
   */
  pkcs12(request: Pkcs12Request): Promise<Uint8Array>;
  /**
   * Returns why clients would refuse this chain of {@link readChain} at `now`, or undefined if each certificate is
   * signed by the next one and all are valid. The last may be signed by a root that is not in the chain. A leaf alone
   * must be signed by one of the PEM certificates in `roots`.
   */
  brokenChain(certificates: readonly string[], roots: string, now: Date): string | undefined;
}

export interface Pkcs12Request {
  /** For people who choose from a list of certificates. */
  readonly friendlyName: string;
  readonly keyPem: Secret;
  /** PEM, with the leaf first. */
  readonly certificates: readonly string[];
  readonly password: Secret;
  readonly isLegacy: boolean;
}
