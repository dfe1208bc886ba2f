import { type Lineage, unfinishedWork, type Version } from './lineage.ts';

/** Reasons for a revocation and their codes (RFC 5280 §5.3.1). Let's Encrypt takes all but `affiliationChanged`. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

/** That a version was revoked, and why. */
export interface RevocationRecord {
  readonly at: string;
  readonly reason: RevocationReason;
}

/** Whether `renew` gets a certificate in place of one that was revoked for this reason. */
export const isReplaced = (reason: RevocationReason): boolean => reason === 'keyCompromise' || reason === 'superseded';

/** Whether the certificate was revoked for good: only `issue` gets a new one. */
export function isStopped(lineage: Lineage | undefined): boolean {
  const revoked = lineage?.current?.revoked;
  return revoked !== undefined && !isReplaced(revoked.reason) && unfinishedWork(lineage) === undefined;
}

/** Why a version must not be delivered again, as the end of a sentence about it; undefined if it may. */
export function whyUnusable({ facts, revoked, compromised }: Version, now: Date): string | undefined {
  if (compromised) return 'has a compromised key';
  if (revoked) return `was revoked on ${revoked.at.slice(0, 10)} (${revoked.reason})`;
  return Date.parse(facts.notAfter) <= now.getTime() ? `expired on ${facts.notAfter.slice(0, 10)}` : undefined;
}

/** Whether a person went back to the current version, and it is too early to replace it. */
export const isHeldBack = ({ rolledBack }: Lineage, now: Date): boolean =>
  rolledBack !== undefined && Date.parse(rolledBack.until) > now.getTime();
