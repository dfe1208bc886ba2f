import { partsOf } from '../errors/stored-error.ts';
import { type StoredError, say } from '../errors/wording.ts';
import { failureThatCounts, heldUntil, type LimitWait } from '../lineage/failure.ts';
import type { Deployment, Failure, Lineage, Renewal, Version } from '../lineage/lineage.ts';
import { pauseText } from '../lineage/pause.ts';
import { overdueMs, plannedMs, renewalByLifetime } from '../lineage/renewal.ts';
import { isHeldBack, isStopped } from '../lineage/revocation.ts';
import { isFromTheFuture } from '../lineage/stored-time.ts';
import { isStagingName } from '../names/identifiers.ts';
import type { Replica } from '../node/replica.ts';
import type { Outcome } from '../plan/outcome.ts';
import { isByHand } from '../spec/by-hand.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { targetsAndEndpoints } from '../spec/spec-parts.ts';
import { present } from '../text/present.ts';
import { shortList } from '../text/short-list.ts';
import type { Alarm } from './alarm.ts';

/** Something that is worth waking a person for, as it is now. An alarm is what is said about it. */
export type Condition = Omit<Alarm, 'since'> & {
  /** When it began, if that is known. RFC 3339. */
  readonly since?: string;
  /** An event of level `alarm` has told it already. */
  readonly isReported?: boolean;
};

/** What the conditions of a certificate depend on, besides its settings and its document. */
export interface ConditionFacts {
  readonly now: Date;
  /** How long a target or endpoint may lack the version. */
  readonly deployTimeoutMs: number;
  /** The rate limit for which its order waits, by our own account. */
  readonly limit?: Partial<LimitWait> | undefined;
}

/** The back-off has tried three times within minutes, so a short fault has passed by then. What needs a person does not pass. */
const failuresUntilAlarm = 3;
/** What expired longer ago and is not renewed is out of use, or its outage is known. */
const abandonedMs = 7 * 24 * 3_600_000;
/** A window moves the renewal time away from the usual one by more than this part of the lifetime only after an incident. */
const movedShare = 1 / 10;

/**
 * Returns what is worth waking a person for about one certificate.
 *
 * @param wanted undefined if it is not renewed: then only its expiry is, where it is still in use
 */
export function conditionsOf(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  facts: ConditionFacts,
): readonly Condition[] {
  if (!lineage || isStopped(lineage)) return [];
  if (!wanted) return abandoned(lineage, facts.now);
  const failure = failureThatCounts(wanted, lineage, {}, facts.now);
  return [
    ...failing(lineage.name, failure),
    ...expiring(wanted, lineage, { ...facts, failure }),
    ...limited(wanted, lineage, facts),
    ...late(wanted, lineage, facts),
    ...incident(wanted, lineage),
  ];
}

/**
 * Returns the next time at which time alone may change the conditions of a certificate, in ms since 1970, or undefined if
 * only a change of the document or the settings can.
 */
export function nextConditionMs(
  wanted: StoredSpec | undefined,
  lineage: Lineage | undefined,
  { now, deployTimeoutMs }: ConditionFacts,
): number | undefined {
  if (!lineage || isStopped(lineage)) return undefined;
  const { current } = lineage;
  if (!wanted) return current && isInUse(lineage) ? nextOf([...abandonedTimes(lineage, current)], now) : undefined;
  const times = [
    ...(current ? [lateRenewalMs(wanted, lineage, current), Date.parse(current.facts.notAfter)] : []),
    ...Object.values(lineage.deployments).flatMap(({ state, since, settlesUntil }) =>
      state === 'current' ? [] : [Date.parse(since) + deployTimeoutMs, Date.parse(settlesUntil ?? '')],
    ),
    ...[lineage.failure?.holdUntil, lineage.rolledBack?.until].map((at) => Date.parse(at ?? '')),
  ];
  return nextOf(times, now);
}

function nextOf(times: readonly number[], now: Date): number | undefined {
  const later = times.filter((ms) => ms > now.getTime());
  return later.length > 0 ? Math.ceil(Math.min(...later)) : undefined;
}

/** Reports whether a target or an endpoint has it. What was given back is renewed by another client, and a test is not in use. */
const isInUse = ({ name, current, deployments, givenBack }: Lineage): boolean =>
  !givenBack && !isStagingName(name) && Object.values(deployments).some(({ version }) => version === current?.id);

/** Returns when the alarm about one that is not renewed begins, and when it ends. */
const abandonedTimes = (lineage: Lineage, current: Version): readonly [number, number] => [
  overdueMs(lineage, current),
  Date.parse(current.facts.notAfter) + abandonedMs,
];

/** One that is not renewed is worth an alarm later than a renewal would ever be: until then, its removal may follow. */
function abandoned(lineage: Lineage, now: Date): readonly Condition[] {
  const { name, current, deployments, settingsLost } = lineage;
  if (!current || !isInUse(lineage)) return [];
  const [fromMs, untilMs] = abandonedTimes(lineage, current);
  if (now.getTime() < fromMs || now.getTime() >= untilMs) return [];
  const { notAfter } = current.facts;
  const where = shortList(Object.keys(deployments));
  const why = settingsLost ? 'its settings were lost' : 'it is no longer declared';
  const expires = Date.parse(notAfter) <= now.getTime() ? 'expired' : 'expires';
  return [
    {
      key: `expiring ${name}`,
      kind: 'expiring',
      certificate: name,
      message: `${name} ${expires} at ${notAfter} and is not renewed, because ${why}, but it is still at ${where}`,
      hint: `Declare it again or, if nothing uses it any more, run \`certfleet delete ${name} --force\`.`,
      since: new Date(fromMs).toISOString(),
    },
  ];
}

function failing(certificate: string, failure: Failure | undefined): readonly Condition[] {
  if (!failure) return [];
  const { code, count, needsPerson, at: since } = failure;
  const { message, hint } = say(failure, 'en');
  const about = { certificate, hint, code, since, failure: reasonOf(failure) };
  const url = code === 'acme/paused' ? pageIn(message) : undefined;
  const isPaused = code === 'acme/paused';
  const isLasting = count >= failuresUntilAlarm || (needsPerson && !isPaused);
  const times = needsPerson ? 'has failed, and only a person can mend that' : `has failed ${count} times`;
  // A failure that leads to a pause is not over.
  return [
    ...(isPaused
      ? [{ ...about, key: `paused ${certificate}`, kind: 'paused' as const, message, ...present({ url }) }]
      : []),
    ...(isLasting
      ? [
          {
            ...about,
            key: `failing ${certificate}`,
            kind: 'failing' as const,
            message: `${certificate} ${times}: ${message}`,
          },
        ]
      : []),
  ];
}

/** Returns the first address in a text of the CA. */
const pageIn = (text: string): string | undefined => /https?:\/\/[^\s<>"']+[^\s<>"'.,;:)\]]/.exec(text)?.[0];

/** Returns when its expiry is worth an alarm. Only a person can renew one by hand, so there the alarm is the reminder. */
const lateRenewalMs = (wanted: StoredSpec, lineage: Lineage, current: Version): number =>
  isByHand(wanted) ? plannedMs(lineage, current) : overdueMs(lineage, current);

function expiring(
  wanted: StoredSpec,
  lineage: Lineage,
  { now, failure }: ConditionFacts & { readonly failure: Failure | undefined },
): readonly Condition[] {
  const { name, current } = lineage;
  if (!current || isHeldBack(lineage, now)) return [];
  const lateMs = lateRenewalMs(wanted, lineage, current);
  const { notAfter } = current.facts;
  const isOver = Date.parse(notAfter) <= now.getTime();
  if (lateMs > now.getTime() && !isOver) return [];
  const byHand = isByHand(wanted);
  const plannedAt = new Date(plannedMs(lineage, current)).toISOString();
  const planned = byHand ? `can be renewed since ${plannedAt}` : `should have been renewed at ${plannedAt}`;
  const isLeft = lineage.paused !== undefined;
  const why = lineage.paused
    ? `; it is ${pauseText(lineage.paused)}`
    : failure
      ? `; its last try failed: ${say(failure, 'en').message}`
      : '';
  const usual = byHand
    ? `Only a person can renew it: run \`certfleet issue ${name}\`.`
    : `Check that \`certfleet run\` or the timer of \`renew\` still runs. \`certfleet show ${name}\` says more.`;
  return [
    {
      key: `expiring ${name}`,
      kind: 'expiring',
      certificate: name,
      message: `${name} ${isOver ? 'expired' : 'expires'} at ${notAfter}, and ${planned}${why}`,
      hint: isLeft ? resumeText(name) : failure ? say(failure, 'en').hint : usual,
      since: new Date(Math.min(lateMs, now.getTime())).toISOString(),
      ...present(isLeft ? {} : { code: failure?.code, failure: failure && reasonOf(failure) }),
    },
  ];
}

const resumeText = (name: string): string =>
  `Until it is resumed (\`certfleet resume ${name}\`), it is neither renewed nor delivered.`;

function limited(wanted: StoredSpec, lineage: Lineage, { now, limit }: ConditionFacts): readonly Condition[] {
  const { name, current, failure, paused } = lineage;
  const held = failure?.code === 'acme/rate-limited' ? heldUntil(wanted, lineage, now) : undefined;
  const until = limit?.until ?? held;
  if (!current || until === undefined || paused) return [];
  const { notAfter } = current.facts;
  if (Date.parse(until) < Date.parse(notAfter)) return [];
  const quota = limit?.quota === undefined ? '' : ` (${limit.quota})`;
  return [
    {
      key: `limited ${name}`,
      kind: 'limited',
      certificate: name,
      message: `${name} is rate limited until ${until}${quota}, but expires at ${notAfter}`,
      hint: '`certfleet limits` shows what has used the limit up. Ask the CA for a higher limit, or use another CA.',
      code: 'acme/limited-too-long',
    },
  ];
}

function late(wanted: StoredSpec, lineage: Lineage, facts: ConditionFacts): readonly Condition[] {
  const { name, current, deployments } = lineage;
  if (!current) return [];
  return targetsAndEndpoints(wanted).flatMap((target): readonly Condition[] => {
    const one = deployments[target];
    if (!one || one.version !== current.id || !isLate(one, lineage, facts)) return [];
    const kind = wanted.endpoints.includes(target) ? 'endpoint' : 'target';
    const { node, since, alarmed } = one;
    const about = { kind, certificate: name, target, since, isReported: alarmed === true } as const;
    return [lateCondition({ ...about, ...present({ node }), lack: one, isPaused: lineage.paused !== undefined })];
  });
}

/** Returns of a document only what it says of a failure. */
const reasonOf = ({ code, params, cause, message, hint }: StoredError): StoredError =>
  present({ code, params, cause, message, hint });

function isLate(one: Deployment, { work }: Lineage, { now, deployTimeoutMs }: ConditionFacts): boolean {
  if (one.state === 'current' || isFromTheFuture(one.since, now)) return false;
  if (one.state === 'intended' && work?.lease) return false;
  // A command that waits for another target adds nothing to what is said about that one.
  if (one.waitsFor && one.code === undefined) return false;
  if (one.settlesUntil !== undefined && Date.parse(one.settlesUntil) > now.getTime()) return false;
  return one.alarmed === true || Date.parse(one.since) + deployTimeoutMs <= now.getTime();
}

/** Returns the condition of a target or endpoint that lacks the version for too long. */
function lateCondition(
  about: Pick<Condition, 'certificate' | 'node' | 'isReported'> & {
    readonly kind: 'target' | 'endpoint';
    readonly certificate: string;
    readonly target: string;
    readonly since: string;
    readonly lack: StoredError;
    readonly isPaused?: boolean;
  },
): Condition {
  const { kind, certificate, target, since, isReported, node, lack, isPaused } = about;
  const { code } = lack;
  const message = code === undefined ? lack.message : say(lack, 'en').message;
  const where = node === undefined ? target : `${target} of node ${node}`;
  const why = message === undefined ? '' : `: ${message}`;
  return {
    key: [kind, certificate, target, ...(node === undefined ? [] : [node])].join(' '),
    ...{ kind, certificate, since },
    message: `${where} has been without the new certificate of ${certificate} since ${since}${why}`,
    hint: isPaused
      ? resumeText(certificate)
      : `certfleet tries it again by itself. To try now, run \`certfleet issue ${certificate}\`.`,
    ...present({ isReported, node, code, failure: code === undefined ? undefined : reasonOf(lack) }),
  };
}

/** A CA that moves windows far from the usual time has a reason, such as a mass revocation, and names its page. */
export function movedPage({
  current,
  renewal,
}: {
  readonly current?: Parameters<typeof renewalByLifetime>[0] | undefined;
  readonly renewal?: Renewal | undefined;
}): string | undefined {
  if (!current || renewal?.source !== 'ari' || renewal.explanationUrl === undefined) return undefined;
  const { notBefore, notAfter } = current.facts;
  const movedMs = Date.parse(renewalByLifetime(current).at) - Date.parse(renewal.at);
  return movedMs > (Date.parse(notAfter) - Date.parse(notBefore)) * movedShare ? renewal.explanationUrl : undefined;
}

function incident({ issuer }: StoredSpec, lineage: Lineage): readonly Condition[] {
  const url = movedPage(lineage);
  return url === undefined ? [] : [incidentCondition(issuer.name, lineage.name, url)];
}

/** One incident concerns many certificates, so it is one condition for each page. */
export const incidentCondition = (issuer: string, certificate: string, url: string): Condition => ({
  key: `ca-incident ${issuer} ${url}`,
  kind: 'ca-incident',
  message: `${issuer} asks to renew certificates early, such as ${certificate}, because of an incident: ${url}`,
  hint: 'certfleet renews them by itself. Read the page: you may have to do more.',
  url,
});

/** Returns what is worth waking a person for about what the nodes lack, and about those that are missing. */
export function conditionsOfNodes(
  replicas: readonly Replica[],
  missing: readonly {
    readonly node: string;
    readonly since: string;
    readonly message: string;
    readonly hint: string;
  }[],
): readonly Condition[] {
  const lacks = replicas.flatMap(({ node, document }) =>
    document.lacks.flatMap((lack) => {
      const { alarmed, certificate, target, since } = lack;
      if (!alarmed) return [];
      const about = { kind: 'target', node, certificate, target, since, isReported: true } as const;
      return [lateCondition({ ...about, lack })];
    }),
  );
  const absent = missing.map(
    (one): Condition => ({ ...one, key: `node-missing ${one.node}`, kind: 'node-missing', isReported: true }),
  );
  return [...lacks, ...absent];
}

/** Returns what a pass has found about a certificate that no document tells; undefined if that is nothing. */
export function conditionsOfOutcome(
  outcome: Outcome,
): { readonly limit?: ConditionFacts['limit']; readonly damaged?: readonly Condition[] } | undefined {
  const { certificate, result, next } = outcome;
  if (result === 'unchanged') return outcome.limited && { limit: outcome.limited };
  if (result !== 'failed') return undefined;
  const { error } = outcome;
  const { code, message, hint } = error;
  if (code === 'acme/limited-too-long') return next === undefined ? undefined : { limit: { until: next } };
  if (code !== 'store/corrupt' && code !== 'store/part-missing') return undefined;
  const text = `${certificate} cannot be renewed: ${message}`;
  const about = { certificate, code, hint, message: text, failure: partsOf(error) };
  return { damaged: [{ key: `failing ${certificate}`, kind: 'failing', ...about }] };
}

/** Returns the condition of a store that this node cannot use. */
export const storeCondition = (
  node: string,
  { code, message, hint }: { readonly code: string; readonly message: string; readonly hint: string },
): Condition => ({
  key: `store ${node}`,
  kind: 'store',
  ...{ node, code, hint },
  message: `node ${node} cannot use the store, so it may renew nothing: ${message}`,
});

/** Returns the condition of a configuration that a running process has refused. */
export const configurationCondition = (
  node: string,
  { since, message, hint }: Required<Pick<Condition, 'since' | 'message' | 'hint'>>,
): Condition => ({
  key: `configuration ${node}`,
  kind: 'configuration',
  ...{ node, since, hint },
  message: `node ${node} has refused its configuration, and goes on with the one of before: ${message}`,
});

/** Returns the condition of a running process that cannot listen where its configuration says. */
export const listenCondition = (
  node: string,
  { since, message }: Required<Pick<Condition, 'since' | 'message'>>,
): Condition => ({
  key: `listen ${node}`,
  kind: 'configuration',
  ...{
    node,
    since,
    hint: 'Free that place, or correct `listen` in the configuration; it tries again every few seconds.',
  },
  message: `node ${node} answers no health checks and metrics where its configuration says: ${message}`,
});
