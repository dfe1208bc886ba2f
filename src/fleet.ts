import type { CertfleetError } from './core/errors.ts';
import type { CertificateSpec, StoredSpec } from './core/spec.ts';

/**
 * The one application interface that the command line (later API and library) calls. It works on the settings it was
 * opened with; each method is one pass and never throws for what happened to one certificate: that is in its outcome.
 */
export interface Fleet {
  /**
   * Issues now, back-off or not: the certificates named, or every declared one that has no current certificate or is due.
   * `adHoc` is a certificate made of flags alone; its whole spec is kept in its lineage.
   */
  issue(request: IssueRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /** One pass over every declared and every stored certificate: issue, renew, deploy what is due. */
  renew(request: RenewRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /** Without names: all. Reads the store only. */
  status(names: readonly string[], signal: AbortSignal): Promise<readonly LineageStatus[]>;
  /** Finishes what dead processes left: challenges, tokens, probes, child processes. */
  sweep(signal: AbortSignal): Promise<SweepReport>;
  close(): Promise<void>;
}

export interface IssueRequest {
  readonly names: readonly string[];
  readonly adHoc?: StoredSpec;
  /** Issue even where a current certificate is not due. */
  readonly force: boolean;
  /** Work on `<name>~staging` with the issuer's test directory; never deployed. */
  readonly staging: boolean;
}

export interface RenewRequest {
  readonly names: readonly string[];
  readonly force: boolean;
}

export type Outcome = {
  readonly certificate: string;
  /** When certfleet acts next of its own accord in a `renew`: RFC 3339. */
  readonly next?: string;
} & (
  | { readonly result: 'issued' | 'renewed' | 'deployed'; readonly notAfter: string; readonly message: string }
  | { readonly result: 'unchanged'; readonly notAfter?: string; readonly message: string }
  | { readonly result: 'pending'; readonly notAfter: string; readonly message: string; readonly error: CertfleetError }
  | { readonly result: 'failed'; readonly message: string; readonly error: CertfleetError }
);

export interface LineageStatus {
  readonly name: string;
  readonly origin: 'command-line' | 'configuration';
  readonly identifiers: readonly string[];
  readonly issuer: string;
  /** `valid`, `due` (renewal time passed), `expired`, `missing` (none issued yet), `failing`, `working`, `pending` (deployment), `corrupt`. */
  readonly state: 'valid' | 'due' | 'expired' | 'missing' | 'failing' | 'working' | 'pending' | 'corrupt';
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly serial?: string;
  readonly issuerName?: string;
  /** When `renew` will act, and why then. */
  readonly renewAt?: string;
  readonly renewalSource?: 'ari' | 'lifetime';
  readonly explanationUrl?: string;
  readonly deployments: readonly { readonly target: string; readonly state: 'current' | 'pending' | 'intended'; readonly version: string }[];
  readonly failure?: { readonly count: number; readonly message: string; readonly hint: string; readonly retryAt: string };
  readonly work?: { readonly step: string; readonly holder: string };
  readonly spec?: CertificateSpec;
}

export interface SweepReport {
  readonly cleaned: readonly string[];
  readonly failed: readonly { readonly what: string; readonly reason: string }[];
  /** Looked at again later: tombstones whose time has not come. */
  readonly waiting: number;
}
