import type { Identifier } from '../names/identifier.ts';

/**
 * The parts of a certificate that certfleet uses. A certificate needs neither a common name nor a subject key
 * identifier.
 */
export interface CertificateFacts {
  readonly identifiers: readonly Identifier[];
  readonly notBefore: string;
  readonly notAfter: string;
  /** Lower-case hex of the serial's DER content octets, with a leading 00 if there is one. */
  readonly serial: string;
  /** SHA-256 over the leaf's DER, lower-case hex. */
  readonly fingerprint: string;
  /** SHA-256 over the subject public key info, lower-case hex. */
  readonly spkiFingerprint: string;
  /** RFC 9773 §4.1; undefined if the certificate has no authority key identifier. */
  readonly ariId?: string;
  /** The issuer's name on one line, for display. */
  readonly issuerName: string;
}
