import type { ErrorCode } from '../errors/error-table.ts';
import type { CertfleetError } from '../errors/errors.ts';
import { cut } from '../errors/remote-text.ts';
import { errorOf, storedError } from '../errors/stored-error.ts';
import type { StoredError } from '../errors/wording.ts';
import { canonical } from '../spec/same-spec.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { targetNames, targetOf, targetsAndEndpoints } from '../spec/spec-parts.ts';
import { nodeTargets } from '../spec/traits.ts';
import type { Json } from '../text/json.ts';
import { present } from '../text/present.ts';
import { type Deployment, type Lineage, type Sent, unfinishedWork } from './lineage.ts';
import type { KeptPlaces } from './places.ts';
import { happenedWithin, isToCome } from './stored-time.ts';

const minuteMs = 60_000;

/** How long `renew` waits before it tries a version again on a target whose handshake it broke. */
export const breakAgainMs = 24 * 60 * minuteMs;

const dayMs = 24 * 60 * minuteMs;

const longestPauseMs = 60 * minuteMs;

/** The maximum length of what is stored of a target's failure; a certificate may have many targets. */
const longestOfTarget = 1_000;

/** Returns why a target lacks a version, as it is stored. What to do depends on when it is shown. */
export function storedReason(error: CertfleetError): Omit<StoredError, 'hint'> {
  const { hint: _later, ...reason } = storedError(error, longestOfTarget);
  return reason;
}

/**
 * Returns when `renew` tries a pending target again; undefined means at the next pass. The pause is a tenth of the time
 * for which the target has been pending, so a full disk or a closed socket that is fixed within minutes costs no pause
 * at all.
 */
export function nextTryAt(since: Date, now: Date): string | undefined {
  const pauseMs = Math.min((now.getTime() - since.getTime()) / 10, longestPauseMs);
  return pauseMs < minuteMs ? undefined : new Date(now.getTime() + pauseMs).toISOString();
}

/**
 * Returns when `renew` reloads again for an endpoint that does not serve the version that its targets have. The next
 * pass reloads once more; after that, pauses of 1, 10 and 60 minutes follow, but no pause extends past `lateAt`, when
 * the alarm is raised.
 */
export function nextReloadAt(tries: number, lateAt: Date, now: Date): string | undefined {
  if (tries < 2) return undefined;
  const pauseMs = Math.min(minuteMs * 10 ** (tries - 2), longestPauseMs);
  const untilLateMs = lateAt.getTime() - now.getTime();
  return new Date(now.getTime() + (untilLateMs > 0 ? Math.min(pauseMs, untilLateMs) : pauseMs)).toISOString();
}

/** An endpoint that serves another certificate although its targets have the version gets these reloads, and no more. */
const reloadsOfDrifted = { firstTry: 2, lastTry: 4 };

/**
 * Reports whether a reload may help an endpoint that has drifted although each target says that it has the version: after
 * a minute, in which other nodes mend theirs, and a few times more.
 */
export const isWorthReload = ({ tries = 0 }: Deployment): boolean =>
  reloadsOfDrifted.firstTry <= tries && tries <= reloadsOfDrifted.lastTry;

/** Returns the deployment of an endpoint that has served its version, and no longer does. */
export const driftedFrom = ({ version, sent }: Deployment, { error, since }: Drift): Deployment => ({
  ...{ version, state: 'pending', since, ...storedReason(error) },
  ...{ tries: 0, drifted: true },
  ...present({ sent }),
});

/** What a look at an endpoint has found. */
export interface Drift {
  readonly error: CertfleetError;
  /** RFC 3339. */
  readonly since: string;
}

/** Returns a target's settings, with those of its balancer, as text for comparison, or undefined for an endpoint. */
export function settingsOf(stored: StoredSpec, target: string): string | undefined {
  const found = targetOf(stored, target);
  if (!found) return undefined;
  const { settings, uses } = found;
  return canonical(uses ? { settings, uses } : settings);
}

/** Reports whether a target got its version with other settings. An endpoint has no settings. */
export const hasOtherSettings = (wanted: StoredSpec, target: string, { settings }: Deployment): boolean =>
  settings !== undefined && settings !== settingsOf(wanted, target);

/** Reports whether a target is known to have the current version. */
export const hasCurrent = ({ current, deployments }: Lineage, target: string): boolean =>
  deployments[target]?.state === 'current' && deployments[target].version === current?.id;

/**
 * Reports whether the current version is known to have broken a handshake: it was taken back, or is to be. It is then
 * left to the node that delivered it, and is never a version to go back to.
 */
export const hasBroken = (wanted: StoredSpec, { current, deployments }: Lineage): boolean =>
  targetsAndEndpoints(wanted).some((target) => {
    const { version, broke, code } = deployments[target] ?? {};
    return version !== undefined && version === current?.id && (broke === true || code === 'deploy/handshake-failed');
  });

/** Reports whether the current version broke a handshake and was delivered by other nodes than this one. */
function isLeftToOthers(wanted: StoredSpec, lineage: Lineage, node: string | undefined): boolean {
  if (node === undefined || !hasBroken(wanted, lineage)) return false;
  const nodes = nodeTargets(wanted).flatMap(({ name }) => {
    const deployment = lineage.deployments[name];
    return deployment?.node !== undefined && deployment.version === lineage.current?.id ? [deployment.node] : [];
  });
  return nodes.length > 0 && !nodes.includes(node);
}

/**
 * Returns the targets and endpoints that are not known to have the current version, or got it with other settings.
 *
 * @param rules.drifted further targets that lack it, as a look at them has shown
 * @param rules.node if given, without the targets of other nodes
 */
export function targetsToDeploy(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  { drifted = [], node }: { readonly drifted?: readonly string[] | undefined; readonly node?: string | undefined } = {},
): readonly string[] {
  if (!lineage?.current) return [];
  const { id } = lineage.current;
  const isOfOther = (one: Deployment | undefined) =>
    node !== undefined && one?.node !== undefined && one.node !== node && one.version === id;
  return targetsAndEndpoints(wanted).filter((target) => {
    const deployment = lineage.deployments[target];
    if (isOfOther(deployment)) return false;
    if (!deployment || drifted.includes(target)) return true;
    return !hasCurrent(lineage, target) || hasOtherSettings(wanted, target, deployment);
  });
}

/**
 * Returns those of {@link targetsToDeploy} to try now: none while only another node may go back. `renew` skips a target until its next try, and a command that
 * waits for other targets until one of them may change. `issue` tries all.
 */
export function targetsToTry(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  now: Date,
  rules: {
    readonly obeyBackoff: boolean;
    readonly drifted?: readonly string[] | undefined;
    readonly node?: string | undefined;
  },
): readonly string[] {
  const { obeyBackoff } = rules;
  const lacking = targetsToDeploy(wanted, lineage, rules);
  if (lineage && isLeftToOthers(wanted, lineage, rules.node)) return [];
  if (!obeyBackoff || !lineage) return lacking;
  const isPaused = (target: string): boolean => {
    const deployment = lineage.deployments[target];
    if (!deployment || hasOtherSettings(wanted, target, deployment)) return false; // new, or its settings were corrected
    return deployment.retryAt !== undefined && isToCome(deployment.retryAt, breakAgainMs, now);
  };
  const ready = lacking.filter((target) => !isPaused(target));
  return ready.filter((target) => {
    const waitsFor = lineage.deployments[target]?.waitsFor;
    return !waitsFor || waitsFor.some((other) => ready.includes(other) || hasCurrent(lineage, other));
  });
}

/** Step 11: returns an intent for every target, except those whose result for this version is already known. */
export function intended(
  { deployments }: Lineage,
  spec: StoredSpec,
  version: string,
  now: Date,
): Readonly<Record<string, Deployment>> {
  return Object.fromEntries(
    targetsAndEndpoints(spec).map((target) => {
      const before = deployments[target];
      if (before?.version === version && before.state !== 'intended') return [target, before];
      const { took, sent, places } = before ?? {};
      const intent = { version, state: 'intended', since: now.toISOString() } as const;
      // Which places lack this version is not known yet.
      const unknown = places && { total: places.total, lacking: places.total, named: [] };
      return [target, { ...intent, took, sent, places: unknown }];
    }),
  );
}

/** What a deployer has sent to a target, with the receipt that identifies it there. */
export interface Sending extends Sent {
  readonly target: string;
}

/** Reports whether a receipt is already in the document. */
export const knowsSent = ({ deployments }: Lineage, { target, version, receipt }: Sending): boolean =>
  deployments[target]?.sent?.some((one) => one.version === version && sameReceipt(one, { receipt })) ?? false;

/** How many uploads a target remembers while none can be removed; `sweep --lost` finds older ones by their mark. */
const mostSent = 16;

/**
 * Adds a receipt to a deployment. It replaces an earlier receipt for the version, and an equal receipt: that upload now
 * has this version (a certificate that was imported again in place).
 */
export function withSent(before: Deployment | undefined, { version, receipt }: Sent, now: Date): Deployment {
  const intent: Deployment = before ?? { version, state: 'intended', since: now.toISOString() };
  const others = (intent.sent ?? []).filter((one) => one.version !== version && !sameReceipt(one, { receipt }));
  return { ...intent, sent: [...others, { version, receipt }].slice(-mostSent) };
}

const sameReceipt = (a: { readonly receipt: Json }, b: { readonly receipt: Json }): boolean =>
  canonical(a.receipt) === canonical(b.receipt);

/**
 * Returns what was sent to the target for versions that it no longer needs. The version before the current one stays.
 */
export const supersededAt = (
  { current, previous, deployments }: Pick<Lineage, 'current' | 'previous' | 'deployments'>,
  target: string,
): readonly Sent[] =>
  (deployments[target]?.sent ?? []).filter(({ version }) => version !== current?.id && version !== previous?.id);

/** Returns what was sent to the target but is not in use there, according to the document. */
export const unusedAt = ({ deployments }: Pick<Lineage, 'deployments'>, target: string): readonly Sent[] => {
  const { state, version: used, sent = [] } = deployments[target] ?? {};
  return sent.filter(({ version }) => state !== 'current' || version !== used);
};

/**
 * Reports whether every target has the current version while some still have superseded ones. A failed removal is
 * repeated after a day, because the upload may stay in use indefinitely.
 */
export const hasSuperseded = (lineage: Lineage, now: Date): boolean =>
  unfinishedWork(lineage) === undefined &&
  lineage.spec.targets.every(({ name: target }) => hasCurrent(lineage, target)) &&
  Object.keys(lineage.deployments).some((target) =>
    supersededAt(lineage, target).some(({ keptAt }) => keptAt === undefined || !happenedWithin(dayMs, keptAt, now)),
  );

/** Returns a deployment without what has been removed at the target (`gone`). The rest of `tried` is marked as kept. */
export function withoutSent(
  { sent = [], ...deployment }: Deployment,
  facts: { readonly tried: readonly Sent[]; readonly gone: readonly Sent[]; readonly now: Date },
): Deployment {
  const isIn = (list: readonly Sent[], { version }: Sent) => list.some((one) => one.version === version);
  const left = sent
    .filter((one) => !isIn(facts.gone, one))
    .map((one) => (isIn(facts.tried, one) ? { ...one, keptAt: facts.now.toISOString() } : one));
  return left.length > 0 ? { ...deployment, sent: left } : deployment;
}

/** Returns the targets of the lineage's last spec that are no longer wanted. */
export const targetsDropped = ({ spec: before }: Lineage, spec: StoredSpec): readonly string[] =>
  targetNames(before).filter((target) => !targetOf(spec, target));

/** The result of a run for one target or endpoint. */
export interface DeliveryResult {
  readonly error?: CertfleetError | undefined;
  /** Why it does not have the version yet although nothing has failed (`deploy/settling`). */
  readonly settling?: CertfleetError | undefined;
  /** As in {@link Deployment}. */
  readonly settlesUntil?: string | undefined;
  /** As in {@link Deployment}. */
  readonly places?: KeptPlaces | undefined;
  /** As in {@link Deployment}. */
  readonly broke?: true | undefined;
  /** As in {@link Deployment}, for a command. */
  readonly waitsFor?: readonly string[] | undefined;
  readonly took?: Readonly<Record<string, string>> | undefined;
}

/** Returns the deployment to store for a target that a run tried. */
export function deploymentAfter(
  { error, settling, settlesUntil, places, broke, waitsFor, took }: DeliveryResult,
  facts: {
    readonly old: Deployment | undefined;
    /** The version's ID. */
    readonly version: string;
    /** The target's settings, as text; undefined for an endpoint. */
    readonly settings: string | undefined;
    /** The node that tried it, if each node has its own target. */
    readonly node?: string | undefined;
    readonly now: Date;
    /** How long a target may lack the version before an alarm is raised. */
    readonly deployTimeoutMs: number;
    /** The version broke a handshake: whether the previous one was restored on a target. */
    readonly wentBack: 'done' | 'failed' | undefined;
  },
): Deployment {
  const { old, version, settings, node, now, wentBack } = facts;
  const isSame = old?.version === version;
  const sent = old?.sent;
  const hasIt = !error && !waitsFor && !settling;
  const shared = {
    version,
    ...present({
      ...{ node, settings, took, sent },
      broke: broke ?? (isSame && !hasIt && wentBack !== 'done' ? old.broke : undefined),
      drifted: isSame && !hasIt && wentBack === undefined ? old.drifted : undefined,
      places: places ?? (isSame ? old.places : undefined),
      settlesUntil: settlesUntil !== undefined && Date.parse(settlesUntil) > now.getTime() ? settlesUntil : undefined,
    }),
  };
  // Other nodes compare it with their last look, so that changed settings count as new.
  const hasOthers = hasIt && old?.settings !== settings;
  const since = isSame && (old.state === 'current') === hasIt && !hasOthers ? old.since : now.toISOString();
  if (waitsFor && !error)
    return {
      ...shared,
      state: 'pending',
      since,
      waitsFor,
      message: cut(`waiting for ${waitsFor.join(', ')}`, longestOfTarget),
    };
  if (settling && !error)
    return {
      ...shared,
      state: 'pending',
      since,
      ...storedReason(settling),
      ...present({ tries: isSame ? old.tries : undefined, alarmed: isSame ? old.alarmed : undefined }),
    };
  if (!error) return { ...shared, state: 'current', since };
  const lateAt = new Date(Date.parse(since) + facts.deployTimeoutMs);
  const tries = (isSame ? (old.tries ?? 0) : 0) + 1;
  const pausedUntil = settings === undefined ? nextReloadAt(tries, lateAt, now) : nextTryAt(new Date(since), now);
  const tomorrow = new Date(now.getTime() + breakAgainMs).toISOString();
  // Going back does not wait.
  const retryAt = broke ? undefined : wentBack === 'done' ? tomorrow : pausedUntil;
  return {
    ...shared,
    state: 'pending',
    since,
    ...storedReason(error),
    tries,
    retryAt,
    alarmed: wentBack !== undefined || lateAt <= now || old?.alarmed ? true : undefined,
  };
}

/** Returns why a target is pending. One that waits for others, or went back with another one, has no failure of its own. */
export const whyPending = ({ code, params, cause, message }: Partial<Deployment>): StoredError =>
  code === undefined
    ? { code: 'deploy/handshake-failed', message: message ?? 'a target went back to the previous version' }
    : present({ code, params, cause, message });

/**
 * Returns the error of a delivery that an earlier run has stored.
 *
 * @param otherwise the code, if none is stored or another version of certfleet made it
 */
export function storedFailure(
  { retryAt, ...reason }: StoredError & { readonly retryAt?: string | undefined },
  otherwise: ErrorCode,
): CertfleetError {
  const hint = retryAt === undefined ? '' : `\`certfleet renew\` tries it again after ${retryAt}.`;
  return errorOf(reason, otherwise, hint);
}
