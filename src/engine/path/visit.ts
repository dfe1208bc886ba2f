import type { LimitWait } from '../../core/lineage/failure.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Engine } from '../engine.ts';
import { type EarlyRead, firstSight, type Sight } from '../leases/lease.ts';
import type { Job } from '../run/job.ts';

/** One job over several tries, because another process may be working on the certificate at first. */
export interface Visit {
  job: Job;
  sight: Sight;
  /** Settings that `issue` changes have been checked. */
  isChecked?: true;
  /** The job found that its account's key is being changed. */
  hasMetRollover?: true;
  /** Stores its credentials. Removed if they go with the lineage, so that they are stored again. */
  kept?: Promise<void>;
  /** The rate limit of the CA that its order met. */
  limit?: LimitWait;
  /** Until when a short wait for the CA's limits is waited for within this pass, in monotonic ms. */
  patienceEndMs?: number;
  /** What this process was doing when it lost its lease. It is undone once the new holder has finished. */
  lost?: Lineage;
}

/** @param early the document, if it was read a moment ago */
export function newVisit(engine: Engine, job: Job, early?: EarlyRead): Visit {
  const isReported = job.leavesToOthers === true;
  const sight: Sight = { ...firstSight(engine, job.wanted.name), early, isReported };
  const visit: Visit = { job, sight };
  const { keepCredentials } = job;
  if (keepCredentials) visit.job = { ...job, keepCredentials: (signal) => (visit.kept ??= keepCredentials(signal)) };
  return visit;
}
