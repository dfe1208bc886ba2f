import { identifierSet } from './identifier.ts';
import { type Deployment, type Lineage, unfinishedWork } from './lineage.ts';
import { longestRetryAfterMs } from './retry-after.ts';
import type { StoredSpec } from './spec.ts';
import { isFromTheFuture, isToCome } from './stored-time.ts';

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
  /** It is due, but the CA wants no call before this time; `--force` cannot change that. */
  readonly heldUntil?: string;
  /** It is due, but it failed before and waits for its next try. */
  readonly failing?: boolean;
}

/** Whether two specs ask for the same certificate: names, CA and profile. */
export function sameCertificate(lineage: Lineage, wanted: StoredSpec): boolean {
  const current = lineage.current;
  if (!current) return false;
  const has = identifierSet(current.facts.identifiers);
  const wants = identifierSet(wanted.spec.identifiers);
  return has === wants && current.directory === wanted.issuer.directory && current.profile === wanted.spec.profile;
}

/** Whether anything a user wrote has changed: it clears the back-off. */
export const sameSpec = (a: StoredSpec, b: StoredSpec): boolean => canonical(a) === canonical(b);

/** JSON with sorted keys: two specs that mean the same give the same text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * The pure answer to «what now» for one lineage: a function of what is wanted, what is there, and the time.
 *
 * @param wanted undefined: nobody declares it any more; it is left alone
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
    /** Until when the CA wants no call from anybody. */
    readonly caHold?: string;
    /** Every target gets the current version again, and nothing is ordered. */
    readonly redeploy?: boolean;
  },
): Plan {
  if (!wanted) return { action: 'none', reason: 'it is no longer declared' };
  if (options.redeploy) return planRedeploy(wanted, lineage);
  const failure = failureThatCounts(wanted, lineage, options.credentials, now);
  const hold = laterOf(heldUntil(wanted, lineage, now), options.caHold);
  const waitsUntil = laterOf(hold, options.obeyBackoff ? failure?.retryAt : undefined);
  const waits = waitsUntil !== undefined && Date.parse(waitsUntil) > now.getTime();

  const due = whyDue(wanted, lineage, now, options.force);
  if (due && waits) {
    // What there is must not wait for what there is not: a target that lacks the current version gets it all the same.
    const delivers = options.obeyBackoff || lineage?.work?.step === 'deploy';
    const lacking = delivers ? targetsToTry(wanted, lineage, now, options.obeyBackoff) : [];
    if (lacking.length > 0)
      return { action: 'deploy', reason: `${lacking.join(', ')} has not taken it yet`, wakeAt: waitsUntil };
    const reason = failure ? `it failed: ${failure.message}` : 'the CA wants no call before then';
    const why = { ...(hold === undefined ? {} : { heldUntil: hold }), ...(failure ? { failing: true } : {}) };
    return { action: 'none', reason, wakeAt: waitsUntil, ...why };
  }
  if (due) return due;

  // From here on there is a current certificate that is not due.
  const renewal = lineage?.renewal;
  const wakeAt = earlierOf(renewal?.at, renewal?.checkAfter);
  const undeployed = targetsToTry(wanted, lineage, now, options.obeyBackoff);
  if (undeployed.length > 0)
    return { action: 'deploy', reason: `${undeployed.join(', ')} has not taken it yet`, ...(wakeAt ? { wakeAt } : {}) };
  const [broken] = targetsToDeploy(wanted, lineage).map((target) => lineage?.deployments[target]);
  if (broken) {
    const { code = 'deploy/handshake-failed', message = 'a target has the version before again', retryAt } = broken;
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

function whyDue(wanted: StoredSpec, lineage: Lineage | undefined, now: Date, force: boolean): Plan | undefined {
  if (lineage?.work?.step === 'deploy') return { action: 'resume', reason: 'its deployment was interrupted' };
  if (!lineage?.current) {
    if (unfinishedWork(lineage)) return { action: 'resume', reason: 'a run before was interrupted' };
    return { action: 'issue', reason: 'there is no certificate yet' };
  }
  if (!sameCertificate(lineage, wanted)) return { action: 'renew', reason: 'what it is to contain has changed' };
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

/** Targets whose deployment is not known to be the current version's, or was made with other settings. */
export function targetsToDeploy(wanted: StoredSpec, lineage: Lineage | undefined): readonly string[] {
  const current = lineage?.current;
  if (!current) return [];
  return [...wanted.spec.deploy, ...wanted.spec.endpoints].filter((target) => {
    const deployment = lineage.deployments[target];
    if (deployment?.state !== 'current' || deployment.version !== current.id) return true;
    return hasOtherSettings(wanted, target, deployment);
  });
}

/** How long a version that broke a target's handshake is not tried there again by itself. */
export const breakAgainMs = 24 * 3_600_000;

/** Of those, the ones to try now: what broke a target and was taken back waits for its time, unless a person asks. */
export function targetsToTry(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  now: Date,
  obeyBackoff: boolean,
): readonly string[] {
  return targetsToDeploy(wanted, lineage).filter((target) => {
    const deployment = lineage?.deployments[target];
    if (!obeyBackoff || deployment?.retryAt === undefined || !isToCome(deployment.retryAt, breakAgainMs, now))
      return true;
    // Somebody has mended something.
    return hasOtherSettings(wanted, target, deployment);
  });
}

/** The settings of a target as text that can be compared; an endpoint has none. */
export function settingsOf({ deployers }: StoredSpec, target: string): string | undefined {
  const settings = deployers[target];
  return settings && canonical(settings);
}

/** A deployment of before the settings were kept counts as made with these. */
const hasOtherSettings = (wanted: StoredSpec, target: string, { settings }: Deployment): boolean =>
  settings !== undefined && settings !== settingsOf(wanted, target);

/**
 * The failure that still holds: none once the spec or the credentials are others than those that failed, or where it
 * was written by a clock that was ahead.
 */
export function failureThatCounts(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  credentials: string | undefined,
  now: Date,
) {
  const failure = lineage?.failure;
  if (!failure || failure.count === 0 || isFromTheFuture(failure.at, now) || !sameSpec(lineage.spec, wanted))
    return undefined;
  if (credentials !== undefined && lineage.credentials !== undefined && credentials !== lineage.credentials)
    return undefined;
  return failure;
}

/**
 * Until when the CA wants no call for this certificate, where that is still to come. A Retry-After holds for
 * everybody, whatever deployer, solver or credential is changed meanwhile. A rate limit counts names, so that other
 * names are another request (which Let's Encrypt itself advises); a CA that is busy is busy for any.
 */
export function heldUntil(wanted: StoredSpec, lineage: Lineage | undefined, now: Date): string | undefined {
  const { failure } = lineage ?? {};
  if (!lineage || failure?.holdUntil === undefined || isFromTheFuture(failure.at, now)) return undefined;
  const hold = failure.holdUntil;
  if (!isToCome(hold, longestRetryAfterMs, now)) return undefined;
  const isLimit = failure.code === 'acme/rate-limited';
  const isSame = isLimit
    ? sameRequest(lineage.spec, wanted)
    : lineage.spec.issuer.directory === wanted.issuer.directory;
  return isSame ? hold : undefined;
}

/** Whether two specs ask the same CA for the same: one's order is the other's. */
export const sameRequest = (a: StoredSpec, b: StoredSpec): boolean =>
  a.issuer.directory === b.issuer.directory &&
  a.spec.profile === b.spec.profile &&
  identifierSet(a.spec.identifiers) === identifierSet(b.spec.identifiers);

/** The later of two times, where there are two. */
export const laterOf = (a: string | undefined, b: string | undefined) =>
  a === undefined || (b !== undefined && Date.parse(b) > Date.parse(a)) ? b : a;
const earlierOf = (a: string | undefined, b: string | undefined) =>
  a === undefined || (b !== undefined && Date.parse(b) < Date.parse(a)) ? b : a;
