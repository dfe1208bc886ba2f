import type { RunEntry } from '../core/history/run-entry.ts';
import type { LineageStatus } from '../core/plan/status.ts';
import type { OpenAlarms } from '../engine/alarms/open.ts';
import type { CertificateRow, Changed, ListPage, ListQuery } from '../engine/steady/rows.ts';
import type { LimitsStatus } from './limits.ts';

export type { CertificateRow, Changed, ListPage, ListQuery };

/**
 * What a process that keeps running shows of the fleet. It knows all certificates, so lists and counts take no read of
 * the store.
 */
export interface FleetView {
  /** Returns one page of the certificates. Fails with `usage/invalid-value` if the cursor is not one of a page before. */
  list(query: ListQuery): ListPage;
  /** Returns how many certificates are in each state, and what runs or needs a person. */
  overview(): Overview;
  /** Returns all that is known of a certificate; undefined if there is none of that name. Takes at most three reads. */
  certificate(name: string, signal: AbortSignal): Promise<CertificateView | undefined>;
  /** Returns what is left of each CA's rate limits. It may be half a minute old. */
  limits(signal: AbortSignal): Promise<readonly LimitsStatus[]>;
  /** Returns the open alarms. They may be a few seconds old. Fails with `store/corrupt`. */
  alarms(signal: AbortSignal): Promise<OpenAlarms>;
  /**
   * Yields what has changed after a number of an earlier change, as it happens, until the signal aborts. Undefined if it
   * does not know all of that any longer: whoever asks must read everything again.
   */
  follow(since: number, signal: AbortSignal): AsyncIterable<Changed> | undefined;
  /** The number of the last change. */
  readonly sequence: number;
}

/** All certificates at a glance. */
export interface Overview {
  readonly total: number;
  readonly byState: Readonly<Record<LineageStatus['state'], number>>;
  /** The certificates that need a person or have failed, at most 50 of them, those that expire first at the front. */
  readonly troubled: readonly CertificateRow[];
  /** The certificates on which a process works, at most 50. */
  readonly running: readonly CertificateRow[];
  /** How many renewals are planned on each day in UTC, from today on. The first day has those that are due, too. */
  readonly days: readonly { readonly date: string; readonly renewals: number; readonly expiries: number }[];
  readonly nodes: readonly NodeRow[];
  /** The name of the node that answers. */
  readonly node: string;
  readonly issuers: readonly string[];
  readonly sequence: number;
}

/** A node that shares the store. */
export interface NodeRow {
  readonly node: string;
  /** `unknown`: it has given no sign of life since this process began. */
  readonly state: 'running' | 'missing' | 'stopped' | 'unknown';
  /** RFC 3339. */
  readonly seenAt?: string;
  readonly version?: string;
  /** How many certificates have not reached this node. */
  readonly lacks: number;
}

/** One certificate. */
export interface CertificateView {
  readonly row: CertificateRow;
  readonly status: LineageStatus;
  /** The revision of its document; an action that names an older one is refused. */
  readonly revision: string;
  /** What the last runs did, the latest first. */
  readonly runs: readonly RunEntry[];
  /** The run under way, or the one that was cut off. */
  readonly run?: {
    readonly step: string;
    readonly startedAt: string;
    /** The process that works on it, as `32 on node-a`; undefined if it has released its lease. */
    readonly holder?: string;
    readonly isCutOff: boolean;
  };
  /** Why the last try failed, as it is stored. */
  readonly failure?: {
    readonly code: string;
    readonly params?: Readonly<Record<string, string>>;
    readonly message: string;
    readonly hint: string;
    readonly count: number;
    readonly at: string;
    readonly retryAt: string;
  };
  /** Where its settings stand: `file` declarations are read-only on pages. */
  readonly declaredIn: 'file' | 'store' | 'command-line' | 'nowhere';
  /** When the window of the CA opens and closes. */
  readonly window?: { readonly start: string; readonly end: string };
  readonly isPaused: boolean;
}
