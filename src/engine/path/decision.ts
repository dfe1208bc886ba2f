import type { LimitWait } from '../../core/lineage/failure.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Rollover } from '../../core/lineage/rollover.ts';
import { type Plan, planLineage } from '../../core/plan/plan.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import { type CaHold, endOfCaHold } from '../ledger/ca-hold.ts';
import { aimOf, changesSettings, type Job, jobOfToday, withHooksOfRun } from '../run/job.ts';

/** What to do now about one certificate. `job` is the job with today's settings. */
export type Decision =
  | ({ readonly action: 'nothing' } & Planned)
  /** Its CA is not accepting orders, and this run may try the CA again. */
  | ({ readonly action: 'wait' } & Planned)
  | ({ readonly action: 'take-lease'; readonly aim: 'certificate' | 'delivery' } & Planned)
  | AskWindow
  | AskFirst;

interface Planned {
  readonly job: Job;
  readonly plan: Plan;
}

/** Ask the CA for its renewal window. One write stores the answer, so this takes no lease. */
export interface AskWindow extends Planned {
  readonly action: 'ask-window';
  readonly lineage: Lineage;
}

/** Something that must be found out before the lease is taken. */
export type AskFirst =
  /** The URL of its account: a failure caused by a deactivated account ends when the account changes. */
  | { readonly action: 'ask-first'; readonly about: 'account' }
  /** Whether settings that `issue` changes can be used. */
  | { readonly action: 'ask-first'; readonly about: 'settings'; readonly job: Job; readonly before: StoredSpec };

/** What is known when the decision is made. */
export interface Known {
  readonly lineage: Lineage | undefined;
  /** The settings that `issue` changes have been checked. */
  readonly isChecked: boolean;
  readonly caHold: CaHold | undefined;
  /** Whether another certificate of this run has found that the CA is down. */
  readonly isDown: boolean;
  readonly rollover: Rollover | undefined;
  /** The CA's rate limit that an order would exceed. */
  readonly limit: LimitWait | undefined;
  readonly node: string;
  readonly now: Date;
}

/** Decides what to do now about one certificate: a pure function of its job, its document and other known facts. */
export function decide(given: Job, known: Known): Decision {
  const { lineage } = known;
  const job = jobOfToday(given, lineage);
  if (!job) return { action: 'nothing', job: given, plan: { action: 'none', reason: 'it is no longer there' } };
  if (lineage?.failure?.account !== undefined && job.account === undefined)
    return { action: 'ask-first', about: 'account' };
  const plan = planFor(job, known);
  const aim = aimOf(job, lineage, plan);
  if (!aim) return { action: plan.wait?.why === 'down' ? 'wait' : 'nothing', job, plan };
  if (lineage && plan.action === 'ask' && isUntouched(lineage, job))
    return { action: 'ask-window', lineage, job, plan };
  const hooked = aim === 'certificate' ? withHooksOfRun(job) : job;
  if (lineage && !known.isChecked && changesSettings(hooked, lineage))
    return { action: 'ask-first', about: 'settings', job, before: lineage.spec };
  return { action: 'take-lease', aim, job: hooked, plan };
}

/** Reports whether a run would store nothing else in the document, and has nothing to remove. */
export function isUntouched(lineage: Lineage, { wanted, origin, credentials, unusable }: Job): boolean {
  const { work, failure, tombstones, retired, givenBack, settingsLost } = lineage;
  return (
    [work, failure, tombstones, retired, givenBack, settingsLost, unusable].every((one) => one === undefined) &&
    lineage.last?.version === lineage.current?.id &&
    lineage.origin === origin &&
    (credentials === undefined || credentials === lineage.credentials) &&
    (lineage.spec === wanted || textOf(lineage.spec) === textOf(wanted))
  );
}

/** Certificates are asked about with the same specs. */
const texts = new WeakMap<StoredSpec, string>();

function textOf(spec: StoredSpec): string {
  const text = texts.get(spec) ?? JSON.stringify(spec);
  texts.set(spec, text);
  return text;
}

function planFor(job: Job, { lineage, caHold, isDown, rollover, limit, node, now }: Known): Plan {
  const held = endOfCaHold(caHold, lineage, now);
  const waits = present({ caHold: held, rollover, limit });
  return planLineage(job.wanted, lineage, now, { ...job, isDown, node, ...waits });
}
