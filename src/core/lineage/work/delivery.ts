import type { StoredSpec } from '../../spec/spec.ts';
import { intended, type Sending, withSent } from '../deployments.ts';
import type { Version } from '../lineage.ts';
import { renewalByLifetime } from '../renewal.ts';
import { withCurrent, withoutProbe } from './parts.ts';
import { type Transition, whileHeld } from './transition.ts';

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
