import { coversName } from '../../core/names/covers-name.ts';

/** A domain that a CDN accelerates. */
export interface CdnDomain {
  /** As in a certificate: `*.example.com`. Most APIs write `.example.com`. */
  readonly name: string;
  /** The API's word for its state, for messages. */
  readonly status: string;
  /**
   * `serving`; `changing`: an earlier change is being rolled out, and it takes no other one; `failed`: the last roll-out
   * failed; `resting`: it serves nothing.
   */
  readonly phase: 'serving' | 'changing' | 'failed' | 'resting';
  /** Whether HTTPS is switched on. */
  readonly https: boolean;
  readonly certificate: CdnCertificate | undefined;
}

/** The certificate that is set for a domain. */
export interface CdnCertificate {
  /** Tells versions apart: an ID, a fingerprint or a unique name. */
  readonly id: string;
  readonly name: string;
}

/** Returns the name of a domain in the form of certificates. */
export const certificateForm = (name: string): string => name.toLowerCase().replace(/^\./, '*.');

/** Returns why a domain that is listed cannot get the certificate. */
export function whyNot(found: CdnDomain | undefined, covers: readonly string[]): string | undefined {
  if (!found) return 'the account has no such domain';
  return whyNeverOn(found, covers) ?? (found.https ? undefined : 'HTTPS is off, and certfleet does not switch it on');
}

/** As {@link whyNot}, whether HTTPS is on or not. */
export function whyNeverOn({ name, phase, status }: CdnDomain, covers: readonly string[]): string | undefined {
  if (!coversName(covers, name)) return 'the certificate does not cover it';
  return phase === 'resting' ? `its status is ${status}` : undefined;
}
