import type { Lineage, Step } from '../core/lineage.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { AccountIssuer, Directory, Issuer } from '../ports/issuer.ts';
import type { Solver } from '../ports/solver.ts';
import { type Engine, report } from './engine.ts';
import type { Holding } from './leases/lease.ts';

/** What one pass is to do for one certificate, and by whose word. */
export interface Job {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /** A new certificate even where the current one is not due. */
  readonly force: boolean;
  /** `renew` obeys the back-off, `issue` by hand does not. */
  readonly obeyBackoff: boolean;
  /** Deliver again, to every target. */
  readonly redeploy?: boolean;
  /** A person knows better: what a look proves is tried against the CA all the same. */
  readonly insists?: boolean;
  /** Where the account is deactivated, a new one is opened. */
  readonly newAccount?: boolean;
  /** Hash over the secrets that the adapters were given. */
  readonly credentials?: string;
  /** Keeps the secrets of flags and environment for later runs. */
  readonly keepCredentials?: (signal: AbortSignal) => Promise<void>;
}

/** One certificate being worked on under its lease. */
export interface Run {
  readonly engine: Engine;
  readonly job: Job;
  readonly holding: Holding;
  /** Aborts with the caller, or when the lease is lost. */
  readonly signal: AbortSignal;
  /** What the run learns on its way. */
  readonly learned: {
    /** newOrder may have reached the CA. */
    asked: boolean;
    /** Preflight is done; it is not repeated when the run starts over. */
    isPrepared: boolean;
    /** A proven no of a look is tried against the CA all the same. */
    overruled: boolean;
  };
}

/** A run that talks to its CA. */
export interface OrderRun extends Run {
  readonly issuer: Issuer;
  readonly account: AccountIssuer;
  readonly directory: Directory;
  readonly solver: Solver;
}

export const nameOf = ({ job }: Pick<Run, 'job'>): string => job.wanted.spec.name;

/** Says which step begins, to whoever watches; the crash tests name effects by it. */
export function announce({ engine, job }: Pick<Run, 'engine' | 'job'>, step: Step, message: string): void {
  report(engine, {
    level: 'info',
    event: 'certificate.step',
    certificate: job.wanted.spec.name,
    message,
    data: { step },
  });
}
