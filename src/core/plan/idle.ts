import type { Deployment, Lineage, Version } from '../lineage/lineage.ts';
import { notDue } from './not-due.ts';
import type { Outcome } from './outcome.ts';
import { earliestReasonMs } from './schedule.ts';

/** What a pass may remember of a certificate that is not due, to leave its document unread for a while. */
export interface Idle {
  /** From this time on, until {@link untilMs}, a pass comes to the same result. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly version: string;
  readonly fingerprint: string;
  readonly notAfter: string;
  readonly next: string;
}

/** A document is read once a day at least, so that damage is found before the day on which it is due. */
const longestMs = 86_400_000;

// Whether a document with this field may stay unread. With anything that a pass may have to finish, tell or try again,
// it is read. A field that is not in these tables is a newer version's.
const fields: Readonly<Record<keyof Lineage, boolean>> = {
  schema: true,
  name: true,
  origin: true,
  spec: true,
  credentials: true,
  current: true,
  previous: true,
  retired: false,
  renewal: true,
  failure: false,
  deployments: true,
  work: false,
  tombstones: false,
  kept: false,
  rolledBack: false,
  paused: false,
  givenBack: false,
  settingsLost: false,
  exports: true,
  revoking: false,
  last: true,
};

const fieldsOfVersion: Readonly<Record<keyof Version, boolean>> = {
  id: true,
  facts: true,
  compromised: false,
  revoked: false,
  profile: true,
  validity: true,
  keyType: true,
  preferredChain: true,
  directory: true,
  accountUrl: true,
  chain: true,
  dropped: false,
  issuedAt: true,
};

const fieldsOfDeployment: Readonly<Record<keyof Deployment, boolean>> = {
  version: true,
  state: true,
  since: true,
  node: true,
  settings: true,
  message: false,
  params: false,
  cause: false,
  code: false,
  retryAt: false,
  tries: false,
  waitsFor: false,
  took: true,
  settlesUntil: false,
  places: false,
  broke: false,
  drifted: false,
  alarmed: false,
  sent: false,
};

const fieldsOfOutcome = new Set(['certificate', 'result', 'message', 'notAfter', 'next']);

/**
 * Returns what to remember of a certificate for which this pass had nothing to do, or undefined if the next pass must
 * read its document.
 *
 * @param pass.outcome what this pass came to from the document and the settings alone
 */
export function idleOf(
  lineage: Lineage,
  pass: { readonly outcome: Outcome; readonly now: Date; readonly nextRunMs: number | undefined },
): Idle | undefined {
  const { current, renewal, deployments } = lineage;
  const { outcome, now, nextRunMs } = pass;
  if (!current || !renewal?.checkAfter || outcome.result !== 'unchanged' || outcome.message !== notDue)
    return undefined;
  // An incident of the CA is reported for as long as its page is there.
  if (renewal.explanationUrl !== undefined) return undefined;
  const mayRest =
    hasOnly(lineage, fields) &&
    hasOnly(current, fieldsOfVersion) &&
    Object.values(deployments).every((one) => hasOnly(one, fieldsOfDeployment)) &&
    Object.keys(outcome).every((field) => fieldsOfOutcome.has(field));
  const { notAfter, next } = outcome;
  if (!mayRest || notAfter === undefined || next === undefined) return undefined;
  const fromMs = now.getTime();
  const { at, checkAfter } = renewal;
  const times = [at, current.facts.notAfter, checkAfter].map((text) => Date.parse(text));
  const changes = [...times, earliestReasonMs(lineage, { nextRunMs })];
  const untilMs = Math.min(fromMs + longestMs, ...changes);
  if (!(untilMs > fromMs)) return undefined;
  return { fromMs, untilMs, version: current.id, fingerprint: current.facts.fingerprint, notAfter, next };
}

/** Returns the result of a pass for a certificate that it remembers. */
export const outcomeOfIdle = (certificate: string, { notAfter, next }: Pick<Idle, 'notAfter' | 'next'>): Outcome => ({
  certificate,
  result: 'unchanged',
  message: notDue,
  notAfter,
  next,
});

const hasOnly = (object: object, allowed: Readonly<Record<string, boolean>>): boolean => {
  for (const field in object)
    if (allowed[field] !== true && (object as Record<string, unknown>)[field] !== undefined) return false;
  return true;
};
