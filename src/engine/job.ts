import type { Lineage } from '../core/lineage.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Plan } from '../core/plan.ts';
import { sameResult, sameSpec } from '../core/same-spec.ts';
import type { StoredSpec } from '../core/spec.ts';

/** What one pass is to do for one certificate, and by whose word. */
export interface Job {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /** `wanted` was read from the store: what has changed there meanwhile counts, and what is gone stays gone. */
  readonly isStored?: true;
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

/** The job as the store has it by now; undefined: it is gone. */
export function jobOfToday(job: Job, lineage: Lineage | undefined): Job | undefined {
  if (!job.isStored) return job;
  return lineage?.origin === job.origin ? { ...job, wanted: lineage.spec } : undefined;
}

/** What the lease is taken for; undefined: nothing is to be done. */
export function aimOf(job: Job, lineage: Lineage | undefined, plan: Plan): 'certificate' | 'delivery' | undefined {
  if (plan.action === 'deploy' || plan.action === 'ask') return 'delivery';
  if (plan.action !== 'none') return 'certificate';
  // Flags may say something new of a certificate that is not due: what `renew` needs in two months is kept today.
  const isNew = job.origin === 'command-line' && lineage?.current !== undefined && !plan.wait && !keeps(job, lineage);
  return isNew ? 'delivery' : undefined;
}

const keeps = ({ origin, wanted }: Job, lineage: Lineage): boolean =>
  lineage.origin === origin && sameSpec(lineage.spec, wanted);

/**
 * Whether what another process came to is this one's result too: it wanted the same, and where a new certificate is
 * asked for by force, it tried to get one.
 */
export function answers({ spec, last }: Lineage, { wanted, origin, force, redeploy }: Job): boolean {
  if (redeploy) return false; // what another process delivered need not be everything
  if (!sameSpec(spec, wanted) && !(origin === 'configuration' && sameResult(spec, wanted))) return false;
  return !force || last?.result === 'issued' || last?.result === 'renewed' || last?.result === 'failed';
}

/** Whether a turn that went well leaves the job to be done. */
export function isHalfDone(
  { force }: Job,
  turn: {
    readonly found: Lineage | undefined;
    readonly now: Lineage;
    readonly outcome: Outcome;
    readonly at: Date;
  },
): boolean {
  const { found, now, outcome, at } = turn;
  if (outcome.result === 'failed') return false;
  // The CA's window was asked for and lies in the past: now is the time (RFC 9773 §4.2).
  const isDue = outcome.next !== undefined && Date.parse(outcome.next) <= at.getTime();
  if (outcome.result === 'unchanged' && isDue) return true;
  // A deployment that was interrupted came first; what is asked for by force is a new certificate.
  return force && now.current?.id === found?.current?.id;
}

export function withNewSettings(job: Job, found: Lineage | undefined, outcome: Outcome): Outcome {
  if (outcome.result !== 'unchanged' || !found || keeps(job, found)) return outcome;
  return { ...outcome, message: 'its new settings are stored; the certificate itself is not due yet' };
}
