import { fail } from '../../core/errors/errors.ts';
import { differences } from '../../core/lineage/differences.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { whyUnusable } from '../../core/lineage/revocation.ts';
import { rolledBack } from '../../core/lineage/work/acts.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { type Engine, report } from '../engine.ts';
import { underLease } from '../leases/bare.ts';
import { forTargets, readBundle } from '../run/bundles.ts';

/**
 * Makes the previous version the current one, with an intent for every target; a delivery follows. Fails with
 * `lineage/no-way-back`, with the store's error if that version or its key is missing, or with a target's own error if
 * it would refuse the version. After a failure, nothing is changed.
 *
 * @returns undefined if there is no such lineage
 */
export const rollBack = (
  engine: Engine,
  { name, wanted }: { readonly name: string; readonly wanted: StoredSpec },
  signal: AbortSignal,
): Promise<'done' | undefined> =>
  underLease(
    engine,
    { name },
    async (holding, held) => {
      const now = engine.clock.now();
      const reason = whyNoWayBack(holding.lineage, wanted, now);
      if (reason !== undefined) throw fail('lineage/no-way-back', { name, reason });
      // Without its key, it could be neither delivered nor exported.
      const bundle = await readBundle(engine, { lineage: name, id: holding.lineage.previous!.id }, held);
      await askTargets(engine, forTargets(bundle, holding.lineage), wanted, held);
      await holding.apply(rolledBack({ wanted, now }), held);
      const { current, previous } = holding.lineage;
      const message = `went back from version ${previous?.id} to ${current?.id}`;
      const data = { from: previous?.id ?? '', to: current?.id ?? '' };
      report(engine, { level: 'warn', event: 'certificate.rolled-back', certificate: name, message, data });
      return 'done' as const;
    },
    signal,
  );

/** Asks the targets whether they accept the version. An unreachable target is skipped; the delivery will report it. */
async function askTargets(
  engine: Engine,
  bundle: VersionBundle,
  wanted: StoredSpec,
  signal: AbortSignal,
): Promise<void> {
  for (const target of targetNames(wanted)) {
    const deployer = await engine.connect.deployer(wanted, target).catch(() => undefined);
    await deployer?.admit?.(bundle, signal);
  }
}

function whyNoWayBack(lineage: Lineage, wanted: StoredSpec, now: Date): string | undefined {
  const { previous } = lineage;
  if (!previous) return 'the store has no previous version';
  const why = whyUnusable(lineage, previous, now);
  if (why !== undefined) return `the previous version ${why}`;
  // `renew` would replace it at once.
  const differing = differences(previous, wanted);
  if (differing.length === 0) return undefined;
  return `the previous version differs from the current settings in its ${differing.join(', ')}`;
}
