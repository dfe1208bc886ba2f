import { orAborted } from '../../core/async/on-abort.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import { supersededAt, withoutSent } from '../../core/lineage/deployments.ts';
import type { Deployment, Lineage, Sent } from '../../core/lineage/lineage.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import { report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { type Courier, inTurn, turnOf, uploadLock } from './calls-to-target.ts';

type Deployments = Readonly<Record<string, Deployment>>;
interface Worker extends Pick<Courier, 'engine' | 'signal'> {
  readonly holding: Pick<Holding, 'lineage' | 'effect'>;
}

/** A target from which something could not be removed, and why. */
export interface Unretired {
  readonly target: string;
  readonly error: unknown;
}

/**
 * Removes from every target what only older versions needed. A failure is only a warning, because the deployment itself
 * succeeded; uploads with receipts stay journalled, and a sweep tries again.
 *
 * @returns the deployments without the receipts of what was removed
 */
export async function retire(worker: Worker, wanted: StoredSpec, deployments: Deployments): Promise<Deployments> {
  const { lineage } = worker.holding;
  const { previous } = lineage;
  for (const target of targetNames(wanted)) {
    if (deployments[target]?.sent !== undefined || !previous) continue;
    const { error } = await retireAt(worker, { wanted, target }, [{ version: previous.id }]);
    if (error !== undefined) warn(worker, { target, error });
  }
  const { left, deployments: kept } = await retireSent(worker, wanted, { ...lineage, deployments });
  for (const one of left) warn(worker, one);
  return kept;
}

/** Removes from every target the uploads of superseded versions, or those that `which` selects. */
export async function retireSent(
  worker: Worker,
  wanted: StoredSpec,
  lineage: Pick<Lineage, 'current' | 'previous' | 'deployments'>,
  which: (deployments: typeof lineage, target: string) => readonly Sent[] = supersededAt,
): Promise<{ readonly deployments: Deployments; readonly left: readonly Unretired[] }> {
  const deployments: Record<string, Deployment> = { ...lineage.deployments };
  const left: Unretired[] = [];
  for (const [target, deployment] of Object.entries(lineage.deployments)) {
    const all = which(lineage, target);
    if (all.length === 0) continue;
    const { gone, error } = await retireAt(worker, { wanted, target }, all);
    if (error !== undefined) left.push({ target, error });
    deployments[target] = withoutSent(deployment, { tried: all, gone, now: worker.engine.clock.now() });
  }
  return { deployments, left };
}

/** Removes versions from one target, within its deadline. Stops at the first failure. */
async function retireAt<V extends Pick<Sent, 'version'> & Partial<Sent>>(
  { engine, holding, signal }: Worker,
  { wanted, target }: { readonly wanted: StoredSpec; readonly target: string },
  versions: readonly V[],
): Promise<{ readonly gone: readonly V[]; readonly error?: unknown }> {
  const gone: V[] = [];
  try {
    const deployer = await engine.connect.deployer(wanted, target);
    const remove = async (locked: Holding['effect']) => {
      const deadline = engine.clock.deadline(engine.limits.deployDeadlineMs, signal);
      try {
        for (const one of versions) {
          const old = { lineage: wanted.name, id: one.version };
          const run = async () => deployer.retire?.(old, one.receipt, deadline.signal);
          await orAborted(
            holding.effect(deadline.signal, () => locked(deadline.signal, run)),
            deadline.signal,
          );
          gone.push(one);
        }
      } finally {
        deadline.done();
      }
    };
    const key = turnOf(engine, wanted, target);
    const { concurrent } = deployer;
    if (deployer.retire) await inTurn(engine, { key, lock: uploadLock(deployer), concurrent }, remove, signal);
    else gone.push(...versions);
    return { gone };
  } catch (error) {
    signal.throwIfAborted();
    return { gone, error };
  }
}

function warn({ engine, holding }: Worker, { target, error }: Unretired): void {
  const message = `${target}: could not remove older versions: ${reasonOf(error)}`;
  report(engine, { level: 'warn', event: 'log', certificate: holding.lineage.name, message });
}
