import { fail } from '../../errors/errors.ts';
import { joined } from '../../spec/joined.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { targetOf } from '../../spec/spec-parts.ts';
import { nodeTargets } from '../../spec/traits.ts';
import { present } from '../../text/present.ts';
import { intended, settingsOf } from '../deployments.ts';
import {
  type Deployment,
  type ExportRecord,
  type Lineage,
  type Renewal,
  unfinishedWork,
  type Version,
} from '../lineage.ts';
import type { Pause } from '../pause.ts';
import { endOfRollback } from '../renewal.ts';
import type { RevocationIntent, RevocationReason } from '../revocation.ts';
import { oneForEach, owedBy, tombstoneOf } from '../tombstones.ts';
import { givenUp, versionsOf, withCurrent, withRetired } from './parts.ts';
import { change, type Held, type Transition, whileHeld } from './transition.ts';

/**
 * Stores a version that another client got, without an order. A lineage that is already stored keeps its settings, and
 * gets the targets that it lacks.
 *
 * @param facts.has targets that already have the version
 * @param facts.node the node on which they have it
 */
export const imported = (facts: {
  readonly wanted: StoredSpec;
  readonly version: Version;
  readonly renewal: Renewal;
  readonly has: readonly string[];
  readonly node?: string;
  /** The configuration says where the certificate is delivered. */
  readonly isDeclared?: boolean;
  readonly now: Date;
}): Transition => ({
  name: 'imported',
  [change]: (lineage) => {
    const { version, renewal, has, node, now } = facts;
    const fresh: Lineage = {
      schema: 1,
      name: facts.wanted.name,
      origin: 'command-line',
      spec: facts.wanted,
      deployments: {},
    };
    const { failure: _before, givenBack: _again, settingsLost: _known, rolledBack, ...stored } = lineage ?? fresh;
    // An undone import leaves the lineage as if the configuration had declared it.
    const before: Lineage = facts.isDeclared
      ? stored
      : { ...stored, origin: 'command-line', spec: joined(stored.spec, facts.wanted) };
    const { spec: wanted } = before;
    const isNew = before.current?.id !== version.id;
    const since = now.toISOString();
    const there = has.filter((target) => targetOf(wanted, target));
    const delivered = there.map((target): [string, Deployment] => {
      const settings = settingsOf(wanted, target);
      const own = nodeTargets(wanted).some(({ name }) => name === target) ? node : undefined;
      return [target, { version: version.id, state: 'current', since, ...present({ node: own }), settings }];
    });
    return {
      ...withCurrent(before, version, now),
      ...present({ rolledBack: rolledBack && !isNew ? rolledBack : undefined }),
      renewal,
      deployments: { ...intended(before, wanted, version.id, now), ...Object.fromEntries(delivered) },
      last: { at: since, result: 'issued', version: version.id, message: 'it was taken over from another client' },
    };
  },
});

/**
 * Rebuilds a lost document from its versions. How the certificate is renewed is unknown, so the document looks as if a
 * configuration had declared it: renewals resume once a configuration declares it, or once it is issued again by flags.
 *
 * @param facts.versions the versions that have their keys, the newest last
 */
export const rebuilt = (facts: {
  readonly wanted: StoredSpec;
  readonly versions: readonly Version[];
  readonly renewal: Renewal;
  readonly isDeclared: boolean;
  readonly now: Date;
}): Transition => ({
  name: 'rebuilt',
  [change]: () => {
    const { wanted, versions, renewal, isDeclared, now } = facts;
    const [current, previous] = [versions.at(-1), versions.at(-2)];
    if (!current) throw fail('bug/unexpected', { reason: `${wanted.name} has no version` });
    return {
      schema: 1,
      name: wanted.name,
      origin: 'configuration',
      spec: wanted,
      current,
      previous,
      renewal,
      settingsLost: isDeclared ? undefined : true,
      deployments: {},
      last: {
        at: now.toISOString(),
        result: 'issued',
        version: current.id,
        message: 'its document was lost, and was made again from this version',
      },
    };
  },
});

/**
 * Gives the certificate's target back to another client, although the store has versions that only certfleet got. They
 * are kept and shown, and the certificate is no longer renewed. Work in progress and failures are dropped; the next
 * sweep removes what they left in the outside world. The lease's holder, if any, must be dead.
 */
export const leftAlone = ({
  target,
  path,
  now,
}: {
  readonly target: string;
  /** The other client's folder. */
  readonly path: string;
  readonly now: Date;
}): Transition => ({
  name: 'leftAlone',
  [change]: (lineage) => {
    if (!lineage) return undefined;
    const { work: _over, failure: _failed, rolledBack: _back, paused: _until, tombstones = [], ...others } = lineage;
    const rest = withRetired(others, versionsOf(unfinishedWork(lineage)));
    const { [target]: _delivered, ...deployments } = rest.deployments;
    const { spec } = rest;
    const owed = owedBy(lineage).map((presented) => tombstoneOf(spec, presented, now, -1));
    const stones = oneForEach([...tombstones, ...owed]);
    return {
      ...rest,
      tombstones: stones.length > 0 ? stones : undefined,
      // Not declared anywhere, so `renew` leaves it alone.
      origin: 'configuration',
      givenBack: { at: now.toISOString(), path },
      spec: { ...spec, targets: spec.targets.filter(({ name }) => name !== target) },
      deployments,
    };
  },
});

/**
 * Journals that versions are about to be revoked. If their key is compromised, unfinished work gets a new version ID,
 * and with it a new key: the stored key may be the same one. Its order is dropped, because it may have been finalized
 * with that key. A compromise that was already journalled stays one.
 */
export const revocationMeant = (facts: {
  readonly versions: readonly string[];
  readonly reason: RevocationReason;
  readonly by: RevocationIntent['by'];
  /** The ID for unfinished work. */
  readonly newId: string;
  readonly now: Date;
}): Transition =>
  whileHeld('revocationMeant', (lineage) => {
    const { versions, reason, by, newId, now } = facts;
    const isCompromised = reason === 'keyCompromise';
    const { current, previous, work, revoking = [] } = lineage;
    const intents = versions.map((version): RevocationIntent => {
      const before = revoking.find((one) => one.version === version);
      return before?.reason === 'keyCompromise' ? { ...before, by } : { version, reason, by, at: now.toISOString() };
    });
    const mark = (version: Version): Version =>
      isCompromised && versions.includes(version.id) ? { ...version, compromised: true } : version;
    const { parked } = work;
    const isUnfinished = work.step !== 'close' && work.step !== 'deploy';
    return {
      ...withRetired(lineage, isCompromised ? versionsOf(unfinishedWork(lineage)) : []),
      ...present({ current: current && mark(current), previous: previous && mark(previous) }),
      revoking: [...revoking.filter(({ version }) => !versions.includes(version)), ...intents],
      work: isCompromised
        ? {
            ...work,
            ...present({
              version: isUnfinished ? newId : undefined,
              order: isUnfinished ? givenUp(work) : undefined,
              parked: parked && { version: newId, order: givenUp(parked) },
            }),
          }
        : work,
    };
  });

const withoutIntent = ({ revoking = [], ...lineage }: Held, id: string): Held => {
  const others = revoking.filter(({ version }) => version !== id);
  return { ...lineage, revoking: others.length > 0 ? others : undefined };
};

/** Records that the CA has revoked a version. If it had been revoked `before`, it keeps its first reason. */
export const revoked = (facts: {
  readonly version: string;
  readonly reason: RevocationReason;
  readonly when: 'now' | 'before';
  readonly now: Date;
}): Transition =>
  whileHeld('revoked', (lineage) => {
    const { version: id, reason, when, now } = facts;
    const mark = (version: Version): Version => {
      const stays = when === 'before' && version.revoked !== undefined;
      return version.id !== id || stays ? version : { ...version, revoked: { at: now.toISOString(), reason } };
    };
    const { current, previous } = lineage;
    return {
      ...withoutIntent(lineage, id),
      ...present({ current: current && mark(current), previous: previous && mark(previous) }),
    };
  });

/** Records that the CA has refused a revocation for good. */
export const revocationRefused = ({ version }: { readonly version: string }): Transition =>
  whileHeld('revocationRefused', (lineage) => withoutIntent(lineage, version));

/** Goes back to the previous version at a person's request; the current version becomes the previous one. */
export const rolledBack = ({ wanted, now }: { readonly wanted: StoredSpec; readonly now: Date }): Transition =>
  whileHeld('rolledBack', (lineage) => {
    const { current, previous, work } = lineage;
    if (!current || !previous) throw fail('bug/unexpected', { reason: `${lineage.name} has no previous version` });
    const until = endOfRollback(previous.facts, lineage.renewal, now);
    return {
      ...lineage,
      current: previous,
      previous: current,
      renewal: { at: until, source: 'lifetime' },
      rolledBack: { at: now.toISOString(), until },
      deployments: intended(lineage, wanted, previous.id, now),
      work: work.step === 'deploy' ? { ...work, version: previous.id } : work,
      // The delivery that follows is not an issuance.
      last: { at: now.toISOString(), result: 'unchanged', version: previous.id, message: 'it was rolled back' },
    };
  });

/** Leaves the certificate alone until it is resumed. What is half done stays as it is. A later pause replaces an earlier one. */
export const paused = (pause: Pause): Transition => ({
  name: 'paused',
  [change]: (lineage) => lineage && { ...lineage, paused: pause },
});

export const resumed = (): Transition => ({
  name: 'resumed',
  [change]: (lineage) => {
    if (!lineage) return undefined;
    const { paused: _over, ...rest } = lineage;
    return rest;
  },
});

/** How many exports a lineage remembers. */
const mostExports = 10;

/** Records that a version's private key is about to leave the store. */
export const exported = (record: ExportRecord): Transition =>
  whileHeld('exported', (lineage) => ({
    ...lineage,
    exports: [...(lineage.exports ?? []), record].slice(-mostExports),
  }));

/** Removes the record of an export that failed: the key did not leave the store. */
export const exportFailed = ({ at, to }: ExportRecord): Transition =>
  whileHeld('exportFailed', ({ exports = [], ...lineage }) => {
    const others = exports.filter((one) => one.at !== at || one.to !== to);
    return { ...lineage, exports: others.length > 0 ? others : undefined };
  });
