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

/** A revocation that is to be asked for. */
export interface RevocationIntent extends RevocationRecord {
  /** The id of the version; it may have been replaced meanwhile. */
  readonly version: string;
  /** Who signs the request: the account, or the key of the certificate itself. */
  readonly by: 'account-key' | 'certificate-key';
}

/** The revocation of a version, done or intended. */
export const revocationOf = (
  { revoking = [] }: Pick<Lineage, 'revoking'>,
  { id, revoked }: Version,
): RevocationRecord | undefined => revoked ?? revoking.find(({ version }) => version === id);

/** Whether `renew` gets a certificate in place of one that was revoked for this reason. */
export const isReplaced = (reason: RevocationReason): boolean => reason === 'keyCompromise' || reason === 'superseded';

/** Whether the certificate was revoked for good: only `issue` gets a new one. */
export function isStopped(lineage: Lineage | undefined): boolean {
  if (!lineage?.current || lineage.current.compromised) return false;
  const revocation = revocationOf(lineage, lineage.current);
  return revocation !== undefined && !isReplaced(revocation.reason) && unfinishedWork(lineage) === undefined;
}

/** Why a version must not be delivered again, as the end of a sentence about it; undefined if it may. */
export function whyUnusable(lineage: Lineage, version: Version, now: Date): string | undefined {
  const { facts, compromised } = version;
  if (compromised) return 'has a compromised key';
  const revocation = revocationOf(lineage, version);
  if (revocation) return `was revoked on ${revocation.at.slice(0, 10)} (${revocation.reason})`;
  return Date.parse(facts.notAfter) <= now.getTime() ? `expired on ${facts.notAfter.slice(0, 10)}` : undefined;
}

/** Whether a person went back to the current version, and it is too early to replace it. */
export const isHeldBack = ({ rolledBack }: Lineage, now: Date): boolean =>
  rolledBack !== undefined && Date.parse(rolledBack.until) > now.getTime();
