import { shiftMsOf } from '../../core/ca/clock-skew.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Means } from '../../core/lineage/failure.ts';
import { isOnlyOwing, type Lineage } from '../../core/lineage/lineage.ts';
import { renewalMs } from '../../core/lineage/renewal.ts';
import { type Identifier, sameIdentifiers } from '../../core/names/identifier.ts';
import { isStagingName } from '../../core/names/identifiers.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Plan } from '../../core/plan/plan.ts';
import { whyNow } from '../../core/plan/schedule.ts';
import { type RunHooks, withHooks } from '../../core/spec/hooks.ts';
import { sameLimits, sameResult, sameSpec } from '../../core/spec/same-spec.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';

/** What a pass should do for one certificate. */
export interface Job extends Means {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /**
   * `wanted` was read from the store. If it has since changed there, the change counts; if it was deleted, it stays
   * deleted.
   */
  readonly isStored?: true;
  /** The identifiers that the lineage had when `wanted` was created; empty if it did not exist. */
  readonly found?: readonly Identifier[];
  /** Get a new certificate even if the current one is not due. */
  readonly force: boolean;
  /**
   * The ID of the version that was current when the command started; null if there was none. `force` no longer holds
   * once another process has replaced it. Undefined: `force` always holds.
   */
  readonly replacing?: string | null | undefined;
  /** Another process has obtained the new certificate that `force` asks for. */
  readonly isForestalled?: true;
  /** `renew` obeys the back-off, but `issue` does not. */
  readonly obeyBackoff: boolean;
  /** A person has asked for this certificate by name, so it is acted on even while it is paused. */
  readonly actsOnPaused?: boolean;
  /** Deliver to every target again. */
  readonly redeploy?: boolean;
  /** Deliver to these targets, too: a look has shown that one of their places lacks the current version. */
  readonly drifted?: readonly string[] | undefined;
  /** Deliver to these targets only: a sweep leaves another node's targets alone. */
  readonly only?: readonly string[];
  /** The interval until the next run; `atOnceMs` for a process that keeps running. */
  readonly nextRunMs?: number | undefined;
  /** How far this machine's clock is ahead of the CA's, if that is known (`atCa`). */
  readonly shiftMs?: number | undefined;
  /** Called when its turn in the pass has come. */
  readonly begins?: () => void;
  /** Does not wait for another process that is working on the certificate. */
  readonly leavesToOthers?: true;
  /** No person is present to add records by hand. */
  readonly unattended?: boolean | undefined;
  /** The hooks of this run, in place of the certificate's own (`renew --deploy-hook`). */
  readonly hooks?: RunHooks | undefined;
  /** `wanted` has this run's hooks in place of those that the configuration declares. */
  readonly replacesDeclaredHooks?: true;
  /** Ignore the preflight's definite "no" (`--ignore-preflight`). */
  readonly insists?: boolean;
  /** Open a new account if the current one is deactivated. */
  readonly newAccount?: boolean;
  /** Stores the secrets from flags and environment for later runs. */
  readonly keepCredentials?: (signal: AbortSignal) => Promise<void>;
}

/** Returns the job with what is known of the CA's clock. */
export const atCa = ({ memory }: Pick<Engine, 'memory'>, job: Job): Job => {
  const shiftMs = shiftMsOf(memory.skews.get(job.wanted.issuer.settings.directory));
  return shiftMs === 0 && !job.shiftMs ? job : { ...job, shiftMs };
};

/** Returns the job with the currently stored settings, or undefined if the certificate was deleted. */
export function jobOfToday(given: Job, lineage: Lineage | undefined): Job | undefined {
  const job = isReplaced(given, lineage) ? { ...given, force: false, isForestalled: true as const } : given;
  if (!job.isStored) return withHooksOfBefore(job, lineage);
  return lineage?.origin === job.origin ? { ...job, wanted: lineage.spec } : undefined;
}

/** Reports whether another process has renewed the certificate since the command started. A rollback does not count. */
const isReplaced = ({ force, replacing }: Job, lineage: Lineage | undefined): boolean =>
  force &&
  replacing !== undefined &&
  lineage?.current !== undefined &&
  lineage.rolledBack === undefined &&
  lineage.current.id !== replacing;

/** Returns the job with the version that `force` is to replace, according to the document at the command's start. */
export const replacingCurrent = (job: Job, lineage: Lineage | undefined): Job =>
  // A test must order by itself, because another's certificate would prove nothing.
  job.force && !isStagingName(job.wanted.name) ? { ...job, replacing: lineage?.current?.id ?? null } : job;

/** Adds to an outcome that another process did what `force` asks for. */
export const forestalled = ({ isForestalled }: Job, outcome: Outcome): Outcome =>
  isForestalled && outcome.result === 'unchanged'
    ? { ...outcome, message: 'another process has renewed it since this command started' }
    : outcome;

/** Fails with `lineage/name-taken` if another process has since given the lineage other identifiers. */
export function refuseOthers({ found, wanted: spec }: Job, lineage: Lineage | undefined): void {
  if (!found || !lineage || isOnlyOwing(lineage)) return;
  const { identifiers } = lineage.spec;
  if ([found, spec.identifiers].some((one) => sameIdentifiers(one, identifiers))) return;
  throw fail('lineage/name-taken', { name: spec.name });
}

/**
 * Returns the job with the run's hooks as those of the certificate that it renews, so that a killed deploy hook runs
 * again later.
 */
export function withHooksOfRun(job: Job): Job {
  if (!job.hooks) return job;
  const isDeclared = job.origin === 'configuration';
  const wanted = withHooks(job.wanted, job.hooks);
  return { ...job, wanted, ...present({ replacesDeclaredHooks: isDeclared || undefined }) };
}

/** Returns the job with the run's hooks, if an earlier run worked on the certificate with the same ones. */
export function withHooksOfBefore(job: Job, lineage: Lineage | undefined): Job {
  if (!job.hooks || !lineage) return job;
  const hooked = withHooksOfRun(job);
  return sameSpec(lineage.spec, hooked.wanted) ? hooked : job;
}

/** Returns what to take the lease for, or undefined if there is nothing to do. */
export function aimOf(job: Job, lineage: Lineage | undefined, plan: Plan): 'certificate' | 'delivery' | undefined {
  if (plan.action === 'deploy' || plan.action === 'ask') return 'delivery';
  if (plan.action !== 'none') return 'certificate';
  // New flags for a certificate that is not due: store them now, because `renew` needs them later.
  const isNew = job.origin === 'command-line' && lineage?.current !== undefined && !plan.wait && !keeps(job, lineage);
  return isNew ? 'delivery' : undefined;
}

/** Reports whether the job changes a certificate's stored settings by flags. */
export const changesSettings = ({ origin, wanted }: Job, lineage: Lineage): boolean =>
  origin === 'command-line' && !sameSpec(lineage.spec, wanted);

const keeps = ({ origin, wanted }: Job, lineage: Lineage): boolean =>
  lineage.origin === origin && sameSpec(lineage.spec, wanted) && sameLimits(lineage.spec, wanted);

/**
 * Reports whether another process's result answers this job: it must have worked on the same settings and, with `force`
 * or a late next run, have tried to get a new certificate.
 */
export function answers({ spec, last }: Lineage, { wanted, origin, force, redeploy, nextRunMs }: Job): boolean {
  if (redeploy) return false; // the other process may not have delivered to every target
  if (!sameSpec(spec, wanted) && !(origin === 'configuration' && sameResult(spec, wanted))) return false;
  return (!force && !nextRunMs) || last?.result === 'issued' || last?.result === 'renewed' || last?.result === 'failed';
}

/** Reports whether a successful turn has not yet done what the job asks for. */
export function isHalfDone(
  { force, nextRunMs, shiftMs }: Job,
  turn: {
    readonly found: Lineage | undefined;
    readonly now: Lineage;
    readonly outcome: Outcome;
    readonly at: Date;
  },
): boolean {
  const { found, now, outcome, at } = turn;
  if (outcome.result === 'failed') return false;
  // The CA's renewal window turned out to be in the past: renew now (RFC 9773 §4.2).
  const isPast = outcome.next !== undefined && Date.parse(outcome.next) <= at.getTime();
  const isDue = isPast && (renewalMs(now, shiftMs) ?? 0) <= at.getTime();
  // The renewal may also have turned out to be unable to wait for the next run.
  const isEarly = whyNow(now, at, { nextRunMs, shiftMs }) !== undefined;
  if (outcome.result === 'unchanged' && (isDue || isEarly)) return true;
  // This turn only finished an interrupted deployment, but `force` asks for a new certificate.
  return force && now.current?.id === found?.current?.id;
}

export function withNewSettings(job: Job, found: Lineage | undefined, outcome: Outcome): Outcome {
  if (outcome.result !== 'unchanged' || !found || keeps(job, found)) return outcome;
  return { ...outcome, message: 'its new settings are stored; the certificate itself is not due yet' };
}
