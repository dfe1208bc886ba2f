import type { StoredSpec } from '../../spec/spec.ts';
import { type Drift, driftedFrom, hasCurrent, intended, type Sending, withSent } from '../deployments.ts';
import type { Version } from '../lineage.ts';
import { renewalByLifetime } from '../renewal.ts';
import { withCurrent, withoutProbe } from './parts.ts';
import { change, type Transition, whileHeld } from './transition.ts';

/** Step 11: makes a version the current one, with an intent for every target. */
export const madeCurrent = (facts: {
  readonly wanted: StoredSpec;
  readonly version: Version;
  readonly now: Date;
}): Transition =>
  whileHeld('madeCurrent', (lineage) => {
    const { version, wanted, now } = facts;
    const { order: _done, before: _replaced, ...work } = withoutProbe(lineage.work, wanted);
    const { rolledBack: _over, ...rest } = lineage;
    return {
      ...withCurrent(rest, version, now),
      renewal: renewalByLifetime(version),
      deployments: intended(lineage, wanted, version.id, now),
      work: { ...work, version: version.id, step: 'deploy' },
    };
  });

/**
 * Step 12: records what a deployer has sent to a target, before the target uses it. Only deployers with receipts need
 * this.
 */
export const sent = ({ target, version, receipt, now }: Sending & { readonly now: Date }): Transition =>
  whileHeld('sent', (lineage) => ({
    ...lineage,
    deployments: {
      ...lineage.deployments,
      [target]: withSent(lineage.deployments[target], { version, receipt }, now),
    },
  }));

/**
 * Marks endpoints that have served the current version, and no longer do. The next run delivers the version again to the
 * targets that lack it.
 */
export const drifted = (endpoints: ReadonlyMap<string, Drift>): Transition => ({
  name: 'drifted',
  [change]: (lineage) => {
    if (!lineage) return undefined;
    const lost = [...endpoints].flatMap(([endpoint, drift]) =>
      hasCurrent(lineage, endpoint) ? [[endpoint, driftedFrom(lineage.deployments[endpoint]!, drift)] as const] : [],
    );
    return { ...lineage, deployments: { ...lineage.deployments, ...Object.fromEntries(lost) } };
  },
});
