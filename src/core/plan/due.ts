import { hasWanted } from '../lineage/differences.ts';
import { type Failure, type Lineage, unfinishedWork } from '../lineage/lineage.ts';
import { renewalMs } from '../lineage/renewal.ts';
import { isHeldBack, revocationOf } from '../lineage/revocation.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { type Early, whyNow } from './schedule.ts';

/** What is to be done for a certificate now, other than a delivery or a question to the CA. */
export interface Due {
  /** `resume` finishes what a dead or stopped run began. */
  readonly action: 'issue' | 'renew' | 'resume';
  /** Why, in words for display. */
  readonly reason: string;
  /** Set if it is renewed before its time because the next run comes too late. */
  readonly early?: Early;
}

/** Returns why there is something to do for a certificate now, or undefined if it is not due. */
export function whyDue(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  now: Date,
  {
    force,
    nextRunMs,
    shiftMs,
  }: {
    readonly force: boolean;
    readonly nextRunMs?: number | undefined;
    /** How far this machine's clock is ahead of the CA's, if that is known. */
    readonly shiftMs?: number | undefined;
  },
): Due | undefined {
  if (lineage?.work?.step === 'deploy') return { action: 'resume', reason: 'its deployment was interrupted' };
  if (!lineage?.current) {
    if (unfinishedWork(lineage)) return { action: 'resume', reason: 'an earlier run was interrupted' };
    return { action: 'issue', reason: 'there is no certificate yet' };
  }
  if (!hasWanted(lineage, wanted))
    return { action: 'renew', reason: 'its names, CA, key type, profile, dates or chain changed' };
  if (lineage.current.compromised) return { action: 'renew', reason: 'its key is compromised' };
  const revocation = revocationOf(lineage, lineage.current);
  if (revocation) return { action: 'renew', reason: `it was revoked (${revocation.reason})` };
  if (force) return { action: 'renew', reason: 'it was forced' };
  if (unfinishedWork(lineage) && !isHeldBack(lineage, now))
    return { action: 'resume', reason: 'an earlier run was interrupted' };
  const at = lineage.renewal?.at;
  if (at === undefined) return { action: 'renew', reason: 'its renewal time is not known' };
  if (renewalMs(lineage, shiftMs)! <= now.getTime()) return { action: 'renew', reason: `its renewal time was ${at}` };
  const { notAfter } = lineage.current.facts;
  if (Date.parse(notAfter) <= now.getTime()) return { action: 'renew', reason: `it expired at ${notAfter}` };
  const early = whyNow(lineage, now, { nextRunMs, shiftMs });
  return early && { action: 'renew', reason: early.reason, early };
}

/**
 * Reports whether `renew` tries again before the renewal time after a failure. It does not if the certificate is not
 * due and only a person asked for a new one.
 */
export const isRetried = (
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  { retryAt, shiftMs }: Pick<Failure, 'retryAt'> & { readonly shiftMs?: number | undefined },
  now: Date,
): boolean => {
  const at = Math.max(Date.parse(retryAt) || 0, now.getTime());
  return whyDue(wanted, lineage, new Date(at), { force: false, shiftMs }) !== undefined;
};

/**
 * Returns when `renew` tries again after a failure: after the back-off, or at the renewal time if only a person asked
 * for a new certificate. RFC 3339.
 */
export function nextTry(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  { retryAt }: Pick<Failure, 'retryAt'>,
): string {
  const isDue = whyDue(wanted, lineage, new Date(retryAt), { force: false }) !== undefined;
  return isDue ? retryAt : (lineage?.renewal?.at ?? retryAt);
}
