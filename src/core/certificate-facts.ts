import type { Identifier } from './identifier.ts';

/** What a certificate says; only what is used. Nothing here needs a CN or a SKID. */
export interface CertificateFacts {
  readonly identifiers: readonly Identifier[];
  readonly notBefore: string;
  readonly notAfter: string;
  /** Lower-case hex of the serial's DER content octets (a leading 00 is kept). */
  readonly serial: string;
  /** SHA-256 over the leaf's DER, lower-case hex. */
  readonly fingerprint: string;
  /** SHA-256 over the subject public key info, lower-case hex. */
  readonly spkiFingerprint: string;
  /** RFC 9773 §4.1, or undefined where the certificate has no authority key identifier. */
  readonly ariId?: string;
  /** The issuer's name as one line, for people. */
  readonly issuerName: string;
}
