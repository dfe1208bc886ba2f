import type { Outcome } from '../core/plan/outcome.ts';
import { present } from '../core/text/present.ts';
import { reconcile } from '../engine/pass/reconcile.ts';
import type { Job } from '../engine/run/job.ts';
import type { IssueRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';
import { forStaging } from './staging.ts';
import { declaredOrNamed, type Wanted } from './wanted.ts';

export async function issue(fleet: OpenFleet, request: IssueRequest, signal: AbortSignal): Promise<readonly Outcome[]> {
  const all: readonly Wanted[] = request.adHoc
    ? [{ wanted: request.adHoc, origin: 'command-line' }]
    : await declaredOrNamed(fleet, request.names, signal);
  // A test must always order, because "not due" would prove nothing.
  const force = request.force || request.staging;
  const actsOnPaused = request.adHoc !== undefined || request.names.length > 0;
  const { ignorePreflight = false, newAccount = false } = request;
  const jobs = all.map(({ wanted: real, origin }): Job => {
    const { unattended } = fleet.composed;
    const wanted = request.staging ? forStaging(real) : real;
    const how = { force, insists: ignorePreflight, newAccount, obeyBackoff: false, actsOnPaused, unattended };
    const job = { wanted, origin, ...how };
    if (origin === 'configuration') return job;
    // Only `issue` replaces stored credentials; `renew` may run in any environment.
    const { found } = request;
    return { ...job, ...present({ found }), keepCredentials: (s) => fleet.composed.keepCredentials(wanted, s) };
  });
  return reconcile(fleet.engine, jobs, signal);
}
