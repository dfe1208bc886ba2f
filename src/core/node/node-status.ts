import { say } from '../errors/wording.ts';
import type { Lease, Lineage } from '../lineage/lineage.ts';
import type { ProcessIdentity } from '../lineage/process-identity.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { nodeTargets } from '../spec/traits.ts';
import { present } from '../text/present.ts';
import { type Absence, absenceOf } from './missing-nodes.ts';
import {
  hasLookedSince,
  isOfSeveralMachines,
  type Lack,
  type Replica,
  type ReplicaDocument,
  usualIntervalMs,
} from './replica.ts';
import { type Role, type Running, roles } from './running.ts';

/** What `status` reports about one node. */
export interface NodeStatus {
  readonly node: string;
  /** The version of certfleet at its last run. */
  readonly version: string;
  /** When its last run began. RFC 3339. */
  readonly lastRun?: string;
  /** How often it usually runs; undefined if that is not known yet. */
  readonly everyMs?: number;
  /** What keeps running there: `certfleet run`, with its role. */
  readonly running?: readonly RunningThere[];
  /** What kept running there and has ended, unless a run that began later has taken over. */
  readonly stopped?: Stopped;
  /** It has not run since three of its usual intervals, or what kept running there gives no sign of life. */
  readonly missingSince?: string;
  /** What is missing there: `renew` by a schedule, or the role of what kept running. */
  readonly missing?: Absence['what'];
  /** The last sign of life of what is missing. RFC 3339. */
  readonly lastSeen?: string;
  /** Several machines run under its name, so what one of them lacks may be hidden by another. */
  readonly severalMachines?: true;
  /** What it lacks of the current versions of the certificates. */
  readonly lacks: readonly NodeLack[];
  /** How much more it lacks. */
  readonly more?: number;
}

/** A process that kept running on a node, and was stopped or died. */
export interface Stopped {
  readonly role: Role;
  /** Its last sign of life. RFC 3339. */
  readonly since: string;
}

/** A process that keeps running on a node. */
export interface RunningThere extends Pick<Running, 'version' | 'configuration' | 'since'> {
  readonly role: Role;
  /** Its last sign of life. RFC 3339. */
  readonly lastSeen: string;
}

/** What a node lacks. Without a message, it has not run since the version became the current one. */
export type NodeLack = Pick<
  Lack,
  'certificate' | 'target' | 'version' | 'since' | 'code' | 'params' | 'cause' | 'message'
>;

/** A certificate as it is now. */
interface Certificate {
  readonly wanted: StoredSpec;
  readonly lineage: Lineage;
}

/** Returns what a node lacks of one certificate. */
export function lacksOf({ node, document }: Replica, { wanted, lineage }: Certificate): readonly NodeLack[] {
  const { name: certificate, current, deployments } = lineage;
  if (!current) return [];
  const { id: version } = current;
  // It has looked at nothing yet, so it has no targets of its own as far as is known.
  if (document.looked === undefined && document.seen === undefined && document.lacks.length === 0) return [];
  return nodeTargets(wanted).flatMap(({ name: target }): readonly NodeLack[] => {
    const known = document.lacks.find(
      (one) => one.certificate === certificate && one.target === target && one.version === version,
    );
    if (known) {
      const { since, code, params, cause } = known;
      const message = code === undefined ? known.message : say(known, 'en').message;
      return [{ certificate, target, version, since, ...present({ code, params, cause, message }) }];
    }
    const deployment = deployments[target];
    // The lineage itself tells about the node that delivered it last.
    if (!deployment || deployment.node === node || deployment.version !== version) return [];
    return hasLookedSince(document, certificate, { since: deployment.since, version })
      ? []
      : [{ certificate, target, version, since: deployment.since }];
  });
}

interface LifeFacts {
  readonly now: Date;
  /** Reports whether a process is provably dead. */
  readonly isDead: (who: ProcessIdentity) => boolean;
}

export function describeNode(replica: Replica, lacks: readonly NodeLack[], { now, isDead }: LifeFacts): NodeStatus {
  const { node, document } = replica;
  const { runs, version, more } = document;
  const absence = absenceOf(replica, now);
  const running = liveOf(replica, { now, isDead });
  const stopped = absence ? undefined : stoppedOf(document, running);
  return {
    ...{ node, version },
    ...present({
      lastRun: runs.at(-1),
      everyMs: usualIntervalMs(document),
      running: running.length > 0 ? running.map(({ lease: _own, ...shown }) => shown) : undefined,
      stopped,
      missingSince: absence?.since,
      missing: absence?.what,
      lastSeen: absence?.lastSeen,
      severalMachines: isOfSeveralMachines(document) ? (true as const) : undefined,
    }),
    ...{ lacks, ...present({ more }) },
  };
}

/**
 * Returns which processes keep running on a node, and its document without those that have ended: undefined if none has.
 */
export function withoutEnded(
  replica: Replica,
  facts: LifeFacts,
): { readonly live: readonly Role[]; readonly document: ReplicaDocument | undefined } {
  const { running = {} } = replica.document;
  const live = liveOf(replica, facts).map(({ role }) => role);
  const left = live.map((role) => [role, running[role]] as const);
  if (left.length === Object.keys(running).length) return { live, document: undefined };
  return { live, document: { ...replica.document, running: Object.fromEntries(left), missingTold: undefined } };
}

/** Returns what keeps running on a node, as far as is known. */
function liveOf(replica: Replica, { now, isDead }: LifeFacts) {
  const what = absenceOf(replica, now)?.what;
  return runningOf(replica.document).filter(({ role, lease }) => what !== role && !isDead(lease.holder));
}

/** Returns what has ended. A run that began later, as by a schedule, has taken over. */
function stoppedOf(
  { runs, running = {} }: ReplicaDocument,
  live: readonly { readonly role: Role }[],
): Stopped | undefined {
  const lastRunMs = Date.parse(runs.at(-1) ?? '') || 0;
  const ended = roles.flatMap((role): readonly Stopped[] => {
    const { at: since } = running[role] ?? {};
    const isOver = since !== undefined && !live.some((one) => one.role === role);
    return isOver && Date.parse(since) >= lastRunMs ? [{ role, since }] : [];
  });
  return ended[0];
}

function runningOf({ running = {} }: ReplicaDocument): readonly (RunningThere & { readonly lease: Lease })[] {
  return roles.flatMap((role) => {
    const one = running[role];
    if (!one?.lease) return [];
    const { lease, version, configuration, since, at: lastSeen } = one;
    return [{ role, lease, version, configuration, since, lastSeen }];
  });
}
