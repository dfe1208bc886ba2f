import type { LineageStatus } from '../../core/plan/status.ts';

/** A certificate in a list. Times are RFC 3339. */
export interface CertificateRow {
  readonly name: string;
  readonly identifiers: readonly string[];
  readonly issuer: string;
  readonly state: LineageStatus['state'];
  readonly notAfter?: string;
  readonly renewAt?: string;
  /** What it is delivered to, targets and endpoints, and how many of them have the current version. */
  readonly targets: readonly string[];
  readonly delivered: number;
  /** The code of the last failure that counts, and when it is tried again. */
  readonly failure?: { readonly code: string; readonly retryAt: string };
  /** The step of the run under way, or of the one that was cut off. */
  readonly step?: string;
  readonly isPaused: boolean;
  /** The revision of its document; empty if it has none yet. */
  readonly revision: string;
}

export interface ListQuery {
  /** Part of its name or of an identifier. */
  readonly search?: string | undefined;
  readonly state?: LineageStatus['state'] | undefined;
  readonly issuer?: string | undefined;
  readonly sort: 'name' | 'expiry' | 'renewal';
  readonly isDescending?: boolean | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface ListPage {
  readonly rows: readonly CertificateRow[];
  /** Where the next page begins; undefined if this is the last one. */
  readonly next?: string;
  /** How many certificates there are in all. */
  readonly total: number;
  /** The number of the last change that the page has. */
  readonly sequence: number;
}

/** Certificates that have changed. */
export interface Changed {
  /** The number of the last of these changes. */
  readonly id: number;
  readonly names: readonly string[];
}
