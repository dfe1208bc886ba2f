import { longestRetryAfterMs } from '../ca/retry-after.ts';
import { type StoredError, say } from '../errors/wording.ts';
import { targetsToDeploy, targetsToTry, whyPending } from '../lineage/deployments.ts';
import { type LimitWait, type Means, type Wait, waitOf } from '../lineage/failure.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { waitOfPause } from '../lineage/pause.ts';
import { isHeldBack, isStopped, revocationOf } from '../lineage/revocation.ts';
import type { Rollover } from '../lineage/rollover.ts';
import { isToCome } from '../lineage/stored-time.ts';
import { isByHand } from '../spec/by-hand.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { targetsAndEndpoints } from '../spec/spec-parts.ts';
import { whyDue } from './due.ts';
import { notDue } from './not-due.ts';
import type { Early } from './schedule.ts';

/** What one pass does about one lineage, and when the next pass will have something to do. */
export interface Plan {
  /** `resume` finishes what a dead or stopped run began; `ask` only fetches the CA's renewal window. */
  readonly action: 'issue' | 'renew' | 'resume' | 'deploy' | 'ask' | 'none';
  /** Why, in words for display. */
  readonly reason: string;
  /** RFC 3339; undefined if only a change of the spec can give it something to do. */
  readonly wakeAt?: string | undefined;
  /** Why a target still lacks the current version, if this pass does nothing about it. */
  readonly pending?: StoredError;
  /** Why it waits although it is due. */
  readonly wait?: Wait;
  /** Set if it is renewed before its time because the next run comes too late. */
  readonly early?: Early;
  /** It is due, but requires a person. */
  readonly byHand?: true;
}

/**
 * Decides what to do now for one lineage: a pure function of spec, lineage and time.
 *
 * @param wanted undefined if it is no longer declared; it is then left alone
 * @param options.obeyBackoff false for `issue` by hand and `--force`
 */
export function planLineage(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  now: Date,
  options: Means & {
    readonly obeyBackoff: boolean;
    readonly force: boolean;
    /** RFC 3339: until when the CA asked us to wait with every certificate. */
    readonly caHold?: string;
    /** Targets with places of which a look has shown that one lacks the current version. */
    readonly drifted?: readonly string[] | undefined;
    /** Deliver the current version to every target again, and order nothing. */
    readonly redeploy?: boolean;
    /** Whether another certificate of this run has found that the CA is down. */
    readonly isDown?: boolean;
    /** The rollover of its account that is in progress, if its challenges depend on the key. */
    readonly rollover?: Rollover;
    /** The CA's rate limit that an order would exceed now. */
    readonly limit?: LimitWait;
    /** The interval until the next run. What cannot wait for that run is renewed now. */
    readonly nextRunMs?: number | undefined;
    /** How far this machine's clock is ahead of the CA's, if that is known: the CA's window is by its clock. */
    readonly shiftMs?: number | undefined;
    /** No person is present to add records by hand. */
    readonly unattended?: boolean | undefined;
    /** A person has asked for this certificate by name, so that it is paused stops nothing. */
    readonly actsOnPaused?: boolean | undefined;
    /** This node. It leaves the targets of other nodes to them. */
    readonly node?: string | undefined;
  },
): Plan {
  if (!wanted) return { action: 'none', reason: 'it is no longer declared' };
  if (lineage?.paused && !options.actsOnPaused) {
    const wait = waitOfPause(lineage.paused, now);
    return { action: 'none', reason: wait.reason, wait };
  }
  if (options.redeploy) return planRedeploy(wanted, lineage);
  if (options.obeyBackoff && lineage?.current && isStopped(lineage)) {
    const { reason } = revocationOf(lineage, lineage.current)!;
    return { action: 'none', reason: `it was revoked (${reason}), so it is not renewed` };
  }
  const due = whyDue(wanted, lineage, now, options);
  const wait = due && waitOf(wanted, lineage, { now, ...options });
  if (wait) {
    // Deliver the current version even while renewal is on hold.
    const delivers = options.obeyBackoff || lineage?.work?.step === 'deploy';
    const lacking = delivers ? targetsToTry(wanted, lineage, now, options) : [];
    if (lacking.length > 0) return { ...deliveryTo(lacking), wakeAt: wait.until };
    return { action: 'none', reason: wait.reason, wakeAt: wait.until, wait };
  }
  if (due && options.unattended && isByHand(wanted) && lineage?.work?.step !== 'deploy') {
    const lacking = lineage?.current ? targetsToTry(wanted, lineage, now, options) : [];
    if (lacking.length > 0) return deliveryTo(lacking);
    return { action: 'none', reason: due.reason, byHand: true };
  }
  if (due) return due;

  // From here on, there is a current certificate that is not due.
  const renewal = lineage?.renewal;
  const wakeAt = earlierOf(renewal?.at, renewal?.checkAfter);
  const lacking = targetsToDeploy(wanted, lineage, options);
  const toTry = lacking.length === 0 ? [] : targetsToTry(wanted, lineage, now, options);
  if (toTry.length > 0) return { ...deliveryTo(toTry), wakeAt };
  const waiting = lacking.flatMap((target) => lineage?.deployments[target] ?? []);
  // A roll-out is the reason only if nothing has failed.
  const paused = waiting.find(({ code }) => code !== undefined && code !== 'deploy/settling') ?? waiting[0];
  if (paused) {
    const pending = whyPending(paused);
    const next = earlierOf(renewal?.at, paused.retryAt);
    return { action: 'none', reason: say(pending, 'en').message, pending, wakeAt: next };
  }
  if (lineage && isHeldBack(lineage, now))
    return { action: 'none', reason: 'it was rolled back, and is not due yet', wakeAt };
  if (renewal?.checkAfter === undefined || !isToCome(renewal.checkAfter, longestRetryAfterMs, now))
    return { action: 'ask', reason: 'time to ask the CA for its renewal window', wakeAt };
  return { action: 'none', reason: notDue, wakeAt };
}

/** Plans `renew --redeploy`, which ignores whether the certificate is due; another pass handles that. */
function planRedeploy(spec: StoredSpec, lineage: Lineage | undefined): Plan {
  const at = lineage?.renewal?.at;
  if (!lineage?.current) return { action: 'none', reason: 'there is no certificate to deliver yet' };
  const targets = targetsAndEndpoints(spec);
  if (targets.length === 0) return { action: 'none', reason: 'it has no target to deliver to', wakeAt: at };
  return { action: 'deploy', reason: `delivering it again to ${targets.join(', ')}`, wakeAt: at };
}

const deliveryTo = (targets: readonly string[]): Pick<Plan, 'action' | 'reason'> => ({
  action: 'deploy',
  reason: `${targets.join(', ')} ${targets.length === 1 ? 'does' : 'do'} not have it yet`,
});

const earlierOf = (a: string | undefined, b: string | undefined) =>
  a === undefined || (b !== undefined && Date.parse(b) < Date.parse(a)) ? b : a;
