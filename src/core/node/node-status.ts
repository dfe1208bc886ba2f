import type { Lineage } from '../lineage/lineage.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { nodeTargets } from '../spec/traits.ts';
import { present } from '../text/present.ts';
import {
  hasLookedSince,
  isOfSeveralMachines,
  type Lack,
  missingSince,
  type ReplicaDocument,
  usualIntervalMs,
} from './replica.ts';

/** What `status` reports about one node. */
export interface NodeStatus {
  readonly node: string;
  /** The version of certfleet at its last run. */
  readonly version: string;
  /** When its last run began. RFC 3339. */
  readonly lastRun: string;
  /** How often it usually runs; undefined if that is not known yet. */
  readonly everyMs?: number;
  /** It has not run since three of its usual intervals. */
  readonly missingSince?: string;
  /** Several machines run under its name, so what one of them lacks may be hidden by another. */
  readonly severalMachines?: true;
  /** What it lacks of the current versions of the certificates. */
  readonly lacks: readonly NodeLack[];
  /** How much more it lacks. */
  readonly more?: number;
}

/** What a node lacks. Without a message, it has not run since the version became the current one. */
export type NodeLack = Pick<Lack, 'certificate' | 'target' | 'version' | 'since' | 'code' | 'message'>;

/** A known node. */
export interface Replica {
  readonly node: string;
  readonly document: ReplicaDocument;
}

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
  return nodeTargets(wanted).flatMap(({ name: target }): readonly NodeLack[] => {
    const known = document.lacks.find(
      (one) => one.certificate === certificate && one.target === target && one.version === version,
    );
    if (known) {
      const { since, code, message } = known;
      return [{ certificate, target, version, since, ...present({ code, message }) }];
    }
    const deployment = deployments[target];
    // The lineage itself tells about the node that delivered it last.
    if (!deployment || deployment.node === node || deployment.version !== version) return [];
    return hasLookedSince(document, certificate, deployment.since)
      ? []
      : [{ certificate, target, version, since: deployment.since }];
  });
}

/** Describes a node. */
export function describeNode({ node, document }: Replica, lacks: readonly NodeLack[], now: Date): NodeStatus {
  const { runs, version, more } = document;
  return {
    ...{ node, version, lastRun: runs.at(-1) ?? '' },
    ...present({
      everyMs: usualIntervalMs(document),
      missingSince: missingSince(document, now),
      severalMachines: isOfSeveralMachines(document) ? (true as const) : undefined,
    }),
    ...{ lacks, ...present({ more }) },
  };
}
