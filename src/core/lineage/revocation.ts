import { type Lineage, unfinishedWork, type Version } from './lineage.ts';

/** Revocation reasons and their codes (RFC 5280 §5.3.1). Let's Encrypt accepts all but `affiliationChanged`. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

/** When and why a version was revoked. */
export interface RevocationRecord {
  readonly at: string;
  readonly reason: RevocationReason;
}

/** A revocation that is to be requested. */
export interface RevocationIntent extends RevocationRecord {
  /** The version's ID. The version may have been replaced since. */
  readonly version: string;
  /** Who signs the request: the account, or the key of the certificate itself. */
  readonly by: 'account-key' | 'certificate-key';
}

/** Returns the revocation of a version, done or intended. */
export const revocationOf = (
  { revoking = [] }: Pick<Lineage, 'revoking'>,
  { id, revoked }: Version,
): RevocationRecord | undefined => revoked ?? revoking.find(({ version }) => version === id);

/** Reports whether `renew` replaces a certificate that was revoked for this reason. */
export const isReplaced = (reason: RevocationReason): boolean => reason === 'keyCompromise' || reason === 'superseded';

/** Reports whether the certificate was revoked for good, so that only `issue` gets a new one. */
export function isStopped(lineage: Lineage | undefined): boolean {
  if (!lineage?.current || lineage.current.compromised) return false;
  const revocation = revocationOf(lineage, lineage.current);
  return revocation !== undefined && !isReplaced(revocation.reason) && unfinishedWork(lineage) === undefined;
}

/** Returns why a version must not be delivered again, as the end of a sentence about it, or undefined if it may be. */
export function whyUnusable(lineage: Lineage, version: Version, now: Date): string | undefined {
  const { facts, compromised } = version;
  if (compromised) return 'has a compromised key';
  const revocation = revocationOf(lineage, version);
  if (revocation) return `was revoked on ${revocation.at.slice(0, 10)} (${revocation.reason})`;
  return Date.parse(facts.notAfter) <= now.getTime() ? `expired on ${facts.notAfter.slice(0, 10)}` : undefined;
}

/** Reports whether a person rolled back to the current version, and it is too early to replace it. */
export const isHeldBack = ({ rolledBack }: Pick<Lineage, 'rolledBack'>, now: Date): boolean =>
  rolledBack !== undefined && Date.parse(rolledBack.until) > now.getTime();
