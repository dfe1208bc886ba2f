import { spanText } from '../text/span.ts';
import { type Replica, type ReplicaDocument, storable, usualIntervalMs } from './replica.ts';
import { commandsOf, missingAfterMs, type Role, type Running } from './running.ts';

/** A node that has not given a sign of life, for an alarm. */
export interface MissingNode {
  readonly node: string;
  /** Since when it has been missing. RFC 3339. */
  readonly since: string;
  /** One sentence for a person. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** What of a node is missing. */
export interface Absence {
  /** What should run there: `renew` by a schedule, or a process that keeps running. */
  readonly what: 'renew' | Role;
  /** Since when it has been missing. RFC 3339. */
  readonly since: string;
  /** Its last sign of life. RFC 3339. */
  readonly lastSeen: string;
}

/** Reports whether a process that keeps running has given a sign of life lately, whatever the clocks say. */
export type IsLive = (node: string, role: Role) => boolean;

/** Of a node that ran only once, the schedule is unknown. It may be monthly. */
const longestScheduleMs = 31 * 24 * 3_600_000;

/** How many of its usual intervals a node may be silent. */
const missedRuns = 3;

const dayMs = 24 * 3_600_000;

/** A node that has been silent for so long is forgotten, a day after the alarm at the earliest. */
const unseenMs = 7 * dayMs;

/** Returns what of a node is missing; undefined if nothing is. */
export function absenceOf({ node, document }: Replica, now: Date, isLive: IsLive = () => false): Absence | undefined {
  const isMissing = ({ what, since }: Absence) =>
    Date.parse(since) <= now.getTime() && (what === 'renew' || !isLive(node, what));
  return expectedOf(document).find(isMissing);
}

/** Returns what is expected of a node, and when it is missing unless there is another sign of life. */
function expectedOf(document: ReplicaDocument): readonly Absence[] {
  const { runs, running: { node, responder } = {} } = document;
  const lastRun = runs.at(-1);
  const absence = (what: Absence['what'], lastSeen: string, forMs: number): readonly Absence[] => [
    { what, lastSeen, since: new Date(Date.parse(lastSeen) + forMs).toISOString() },
  ];
  const process = (role: Role, running: Running) => absence(role, running.at, missingAfterMs(running));
  // A later run is that of a schedule that has taken over.
  const isSteady = node && !(Date.parse(lastRun ?? '') > Date.parse(node.at) + missingAfterMs(node));
  const scheduleMs = missedRuns * (usualIntervalMs(document) ?? longestScheduleMs);
  const main = isSteady ? process('node', node) : lastRun === undefined ? [] : absence('renew', lastRun, scheduleMs);
  return [...main, ...(responder ? process('responder', responder) : [])];
}

/** Returns the nodes that are missing. */
export const missingNodes = (replicas: readonly Replica[], now: Date, isLive?: IsLive): readonly MissingNode[] =>
  replicas.flatMap((replica) => {
    const absence = absenceOf(replica, now, isLive);
    return absence ? [{ node: replica.node, since: absence.since, ...wordsOf(replica, absence) }] : [];
  });

/** Says how to forget what has ended on a node on which something goes on. */
export const toForgetEnded = (node: string): string =>
  `run \`certfleet node forget ${node}\`, which forgets only what has ended`;

/** Describes an absence for a person. */
export function wordsOf(
  { node, document }: Replica,
  { what, lastSeen }: Absence,
): Pick<MissingNode, 'message' | 'hint'> {
  const gone = `or, if the node is gone for good, run \`certfleet node forget ${node}\``;
  if (what === 'renew') {
    const everyMs = usualIntervalMs(document);
    const usual = everyMs === undefined ? '' : `, and it usually runs every ${spanText(everyMs)}`;
    const message = `the node ${node} is missing: its last run began at ${lastSeen}${usual}`;
    return { message, hint: `Start \`certfleet renew\` there again ${gone}.` };
  }
  if (what === 'responder' && document.running?.node?.lease) {
    const message = `\`certfleet run --role responder\` is missing on the node ${node}, where \`certfleet run\` goes on: its last sign of life was at ${lastSeen}`;
    return { message, hint: `Start it there again or, if it is not needed there any more, ${toForgetEnded(node)}.` };
  }
  const command = commandsOf[what];
  const message = `the node ${node} is missing: \`${command}\` gave its last sign of life there at ${lastSeen}`;
  return { message, hint: `Start \`${command}\` there again ${gone}.` };
}

/** Returns the document of a missing node once an alarm has told so; undefined if one had already. */
export const toldMissing = (document: ReplicaDocument, { what }: Absence, now: Date): ReplicaDocument | undefined =>
  isTold(document, what) ? undefined : storable({ ...document, missingTold: { what, at: now.toISOString() } });

export const isTold = ({ missingTold }: ReplicaDocument, what: Absence['what']): boolean => missingTold?.what === what;

/** Reports whether it is time to forget a missing node: it has been unseen for a week, and an alarm told a day ago. */
export function isToForget(document: ReplicaDocument, now: Date): boolean {
  const { missingTold } = document;
  const seen = expectedOf(document).map(({ lastSeen }) => Date.parse(lastSeen));
  const isPast = (ms: number, forMs: number) => ms + forMs <= now.getTime();
  return missingTold !== undefined && isPast(Date.parse(missingTold.at), dayMs) && isPast(Math.max(...seen), unseenMs);
}
