import type { StoredError } from '../errors/wording.ts';
import type { Step } from '../lineage/lineage.ts';

/** What began a run. */
export type Trigger =
  | 'issue'
  | 'renew'
  | 'run'
  | 'dry-run'
  | 'revoke'
  | 'rollback'
  | 'export'
  | 'import'
  | 'sweep'
  | 'delete'
  | 'account';

/** Something that a run did to a certificate. */
export type Act = 'issued' | 'renewed' | 'delivered' | 'revoked' | 'rolled-back' | 'exported' | 'imported' | 'cleaned';

/** One run of one certificate that did something. Code and parameters, or a message, say how it ended. */
export interface RunEntry extends Omit<StoredError, 'hint'> {
  /** Of the run; a later write of the same run replaces it. */
  readonly id: string;
  readonly trigger: Trigger;
  /** The certificate was not due, but a person asked for a new one. */
  readonly forced?: true | undefined;
  readonly node: string;
  /** Whether the process keeps running. */
  readonly process: 'command' | 'daemon';
  /** When it began and ended, by the wall clock of its machine. RFC 3339. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** How long it took, by the monotonic clock. */
  readonly ms: number;
  readonly result: 'done' | 'pending' | 'failed' | 'stopped';
  /** What it did, in this order. */
  readonly did: readonly Act[];
  /** The version that it issued, or went back to. */
  readonly version?: string | undefined;
  /** The steps that it reached, and how long each took. */
  readonly steps: readonly StepTime[];
  readonly targets: readonly TargetResult[];
  /** How many more targets there were. */
  readonly moreTargets?: number | undefined;
  /** The work of an earlier run that it continued. */
  readonly continued?: Continued | undefined;
  /** The CA's own words. */
  readonly caSays?: string | undefined;
  /** How many runs in a row failed in the same way; this is the last one. */
  readonly count?: number | undefined;
  /** When the first of them began. */
  readonly since?: string | undefined;
}

export interface StepTime {
  readonly step: Step;
  readonly ms: number;
}

export interface TargetResult extends Omit<StoredError, 'hint'> {
  readonly target: string;
  /** The node that it belongs to, if each node has its own. */
  readonly node?: string | undefined;
  readonly result: 'delivered' | 'pending';
}

/** An earlier run that did not end by itself, or that left something to do. */
export interface Continued {
  readonly startedAt: string;
  readonly step: Step;
  /** The process that was cut off, as `32 on node-a`; undefined if it had released its lease. */
  readonly cutOff?: string | undefined;
}
