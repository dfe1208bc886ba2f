import { targetsToDeploy, targetsToTry } from './deployments.ts';
import { type Wait, waitOf } from './failure.ts';
import { type Lineage, unfinishedWork } from './lineage.ts';
import { longestRetryAfterMs } from './retry-after.ts';
import { hasWanted } from './same-spec.ts';
import type { StoredSpec } from './spec.ts';
import { isToCome } from './stored-time.ts';

/** What one pass does about one lineage, and when the next pass has something to do. */
export interface Plan {
  /** `resume` finishes what a dead or stopped run began; `ask` fetches the CA's renewal window only. */
  readonly action: 'issue' | 'renew' | 'resume' | 'deploy' | 'ask' | 'none';
  /** Why, in words for a person. */
  readonly reason: string;
  /** RFC 3339; undefined when only a change of the spec can bring something to do. */
  readonly wakeAt?: string;
  /** Nothing is done now, but a target still lacks the current version: why. */
  readonly pending?: { readonly code: string; readonly message: string };
  /** It is due, but waits for this. */
  readonly wait?: Wait;
}

/**
 * What to do now for one lineage: a pure function of what is wanted, what is there, and the time.
 *
 * @param wanted undefined: it is no longer declared, and left alone
 * @param options.obeyBackoff false for `issue` by hand and `--force`
 */
export function planLineage(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  now: Date,
  options: {
    readonly obeyBackoff: boolean;
    readonly force: boolean;
    readonly credentials?: string;
    /** RFC 3339: until when the CA asked everybody to wait. */
    readonly caHold?: string;
    /** Every target gets the current version again, and nothing is ordered. */
    readonly redeploy?: boolean;
    /** Whether another certificate of this run has found the CA down. */
    readonly isDown?: boolean;
  },
): Plan {
  if (!wanted) return { action: 'none', reason: 'it is no longer declared' };
  if (options.redeploy) return planRedeploy(wanted, lineage);
  const wait = waitOf(wanted, lineage, { now, ...options });
  const due = whyDue(wanted, lineage, now, options.force);
  if (due && wait) {
    // Deliver the current version even while renewal is on hold.
    const delivers = options.obeyBackoff || lineage?.work?.step === 'deploy';
    const lacking = delivers ? targetsToTry(wanted, lineage, now, options.obeyBackoff) : [];
    if (lacking.length > 0) return { ...deliveryTo(lacking), wakeAt: wait.until };
    return { action: 'none', reason: wait.reason, wakeAt: wait.until, wait };
  }
  if (due) return due;

  // From here on there is a current certificate that is not due.
  const renewal = lineage?.renewal;
  const wakeAt = earlierOf(renewal?.at, renewal?.checkAfter);
  const undeployed = targetsToTry(wanted, lineage, now, options.obeyBackoff);
  if (undeployed.length > 0) return { ...deliveryTo(undeployed), ...(wakeAt ? { wakeAt } : {}) };
  const [paused] = targetsToDeploy(wanted, lineage).map((target) => lineage?.deployments[target]);
  if (paused) {
    const { code = 'deploy/handshake-failed', message = 'a target has the version before again', retryAt } = paused;
    const next = earlierOf(wakeAt, retryAt);
    return { action: 'none', reason: message, pending: { code, message }, ...(next ? { wakeAt: next } : {}) };
  }
  if (renewal?.checkAfter === undefined || !isToCome(renewal.checkAfter, longestRetryAfterMs, now))
    return { action: 'ask', reason: 'the CA is to be asked for its renewal window', ...(wakeAt ? { wakeAt } : {}) };
  return { action: 'none', reason: 'it is not due', ...(wakeAt ? { wakeAt } : {}) };
}

/** `renew --redeploy`: whether it is due is another pass's affair. */
function planRedeploy({ spec }: StoredSpec, lineage: Lineage | undefined): Plan {
  const at = lineage?.renewal?.at;
  const wakeAt = at === undefined ? {} : { wakeAt: at };
  if (!lineage?.current) return { action: 'none', reason: 'there is no certificate yet to deliver' };
  const targets = [...spec.deploy, ...spec.endpoints];
  if (targets.length === 0) return { action: 'none', reason: 'it has no target to deliver to', ...wakeAt };
  return { action: 'deploy', reason: `it is delivered again to ${targets.join(', ')}`, ...wakeAt };
}

const deliveryTo = (targets: readonly string[]): Pick<Plan, 'action' | 'reason'> => ({
  action: 'deploy',
  reason: `${targets.join(', ')} ${targets.length === 1 ? 'does' : 'do'} not have it yet`,
});

function whyDue(wanted: StoredSpec, lineage: Lineage | undefined, now: Date, force: boolean): Plan | undefined {
  if (lineage?.work?.step === 'deploy') return { action: 'resume', reason: 'its deployment was interrupted' };
  if (!lineage?.current) {
    if (unfinishedWork(lineage)) return { action: 'resume', reason: 'a run before was interrupted' };
    return { action: 'issue', reason: 'there is no certificate yet' };
  }
  if (!hasWanted(lineage, wanted)) return { action: 'renew', reason: 'what it is to contain has changed' };
  if (force) return { action: 'renew', reason: 'it was forced' };
  if (unfinishedWork(lineage)) return { action: 'resume', reason: 'a run before was interrupted' };
  const at = lineage.renewal?.at;
  if (at === undefined || Date.parse(at) <= now.getTime())
    return {
      action: 'renew',
      reason: at === undefined ? 'no renewal time is known' : `its renewal time ${at} has come`,
    };
  return undefined;
}

const earlierOf = (a: string | undefined, b: string | undefined) =>
  a === undefined || (b !== undefined && Date.parse(b) < Date.parse(a)) ? b : a;
