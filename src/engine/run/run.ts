import type { LimitWait } from '../../core/lineage/failure.ts';
import type { Step } from '../../core/lineage/lineage.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { type PartSpec, partsOf } from '../../core/spec/spec-parts.ts';
import type { AccountIssuer, Directory, Issuer } from '../../ports/issuer.ts';
import type { Solver, SolverAccount } from '../../ports/solver.ts';
import { type Engine, report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import type { CaHold } from '../ledger/ca-hold.ts';
import type { Job } from './job.ts';
import { together } from './wait.ts';

/** The work on one certificate under its lease. */
export interface Run {
  readonly engine: Engine;
  readonly job: Job;
  readonly holding: Holding;
  /** The CA's hold, as stored when the run began. */
  readonly caHold: CaHold | undefined;
  /** Aborts with the caller's signal, or if the lease is lost. */
  readonly signal: AbortSignal;
  /** What the run learns along the way. */
  readonly learned: {
    /** newOrder may have reached the CA. */
    asked: boolean;
    /** The CA may have issued the certificate; undefined until the run has seen the order. */
    mayBeIssued?: boolean;
    /** The preflight is done; it is not repeated when the run starts over. */
    isPrepared: boolean;
    /** The run continues an earlier run's order, whose answers it has removed. */
    isResumed: boolean;
    /** newOrder was refused by a rate limit of the CA of which we know nothing. */
    isLimited: boolean;
    /** newOrder was not sent, or was refused, because of this rate limit. */
    limit?: LimitWait;
    /** A definite "no" of the preflight is ignored. */
    overruled: boolean;
  };
}

/** A run that talks to its CA. */
export interface OrderRun extends Run {
  readonly issuer: Issuer;
  readonly account: AccountIssuer;
  readonly directory: Directory;
  readonly parts: readonly Part[];
}

/** A solver of the certificate, and the certificate as the solver sees it: with the identifiers that it answers. */
export interface Part {
  readonly spec: PartSpec;
  readonly solver: Solver;
}

/** Returns an open account as solvers see it. */
export const solverAccount = ({ accountUrl, thumbprint }: AccountIssuer): SolverAccount => ({
  url: accountUrl,
  thumbprint,
});

/** Connects the solvers of a spec. */
export const connectParts = ({ connect }: Engine, spec: StoredSpec): Promise<readonly Part[]> =>
  together(partsOf(spec).map(async (part) => ({ spec: part, solver: await connect.solver(part) })));

export const nameOf = ({ job }: { readonly job: Pick<Job, 'wanted'> }): string => job.wanted.name;

/** Reports that a step begins. The crash tests name effects by this. */
export function announce({ engine, job }: Pick<Run, 'engine' | 'job'>, step: Step, message: string): void {
  report(engine, {
    level: 'info',
    event: 'certificate.step',
    certificate: job.wanted.name,
    message,
    data: { step },
  });
}
