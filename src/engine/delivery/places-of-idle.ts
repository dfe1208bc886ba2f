import { orAborted } from '../../core/async/on-abort.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import { hasCurrent } from '../../core/lineage/deployments.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import { type Engine, report } from '../engine.ts';
import { forTargets, readBundle } from '../run/bundles.ts';
import { together } from '../run/wait.ts';

/** A new place waits no longer than this for its certificate in a process that keeps running. */
const everyMs = 10 * 60_000;

/**
 * Returns the targets of a certificate that is not due whose places are to be looked at, because a user may have added
 * one: at each pass, but in one process only every ten minutes.
 */
export function targetsToLookAt({ memory, clock }: Engine, wanted: StoredSpec, lineage: Lineage): readonly string[] {
  const targets = targetNames(wanted).filter(
    (target) => lineage.deployments[target]?.places !== undefined && hasCurrent(lineage, target),
  );
  if (targets.length === 0) return targets;
  const last = memory.lookedAtPlaces.get(lineage.name);
  return last !== undefined && clock.monotonicMs() < last + everyMs ? [] : targets;
}

/**
 * Looks at targets with places, without a lease, and returns those of which a place lacks the current version. A look
 * that fails is only a warning: the certificate was delivered.
 */
export async function driftedTargets(
  engine: Engine,
  {
    wanted,
    lineage,
    targets,
  }: { readonly wanted: StoredSpec; readonly lineage: Lineage; readonly targets: readonly string[] },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { name, current } = lineage;
  if (!current) return [];
  engine.memory.lookedAtPlaces.set(name, engine.clock.monotonicMs());
  const deadline = engine.clock.deadline(engine.limits.deployDeadlineMs, signal);
  const isDrifted = async (target: string): Promise<boolean> => {
    try {
      const deployer = await engine.connect.deployer(wanted, target);
      const bundle = forTargets(await readBundle(engine, { lineage: name, id: current.id }, signal), lineage);
      const look = await orAborted(deployer.look(bundle, deadline.signal), deadline.signal);
      return look.state !== 'current';
    } catch (error) {
      signal.throwIfAborted();
      const message = `could not look whether ${target} still has it: ${reasonOf(error)}`;
      report(engine, { level: 'warn', event: 'log', certificate: name, message });
      return false;
    }
  };
  try {
    const found = await together(targets.map(async (target) => ((await isDrifted(target)) ? [target] : [])));
    return found.flat();
  } finally {
    deadline.done();
  }
}
