import { orAborted } from '../../core/async/on-abort.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { knowsSent, type Sending } from '../../core/lineage/deployments.ts';
import { sent } from '../../core/lineage/work/delivery.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetOf } from '../../core/spec/spec-parts.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import type { Note } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { forTargets } from '../run/bundles.ts';
import { nameOf, type Run } from '../run/run.ts';

/** A target, and the deployer that delivers certificates to it. */
export interface Destination {
  readonly target: string;
  readonly deployer: Deployer;
}

/** Stages and activates a version on one target, within its deadline. Resolves with the error, if any. */
export async function carry(
  run: Run,
  version: VersionBundle,
  { target, deployer, again }: Destination & { readonly again: boolean },
): Promise<CertfleetError | undefined> {
  const { engine, holding, signal } = run;
  const { deployDeadlineMs } = engine.limits;
  const bundle = forTargets(version, holding.lineage);
  const key = turnOf(engine, run.job.wanted, target);
  const tooLate = () => {
    const seconds = Math.round(deployDeadlineMs / 1000);
    return fail('deploy/too-slow', { target, certificate: nameOf(run), seconds });
  };
  const work = async (locked: Holding['effect']): Promise<CertfleetError | undefined> => {
    if (engine.pass.hung.has(key)) return tooLate();
    const deadline = engine.clock.deadline(deployDeadlineMs, signal);
    const note = (receipt: Parameters<Note>[0]) => {
      deadline.signal.throwIfAborted(); // an abandoned call must not write into a closed document
      return keepReceipt(run, { target, version: bundle.id, receipt });
    };
    const steps = async () => {
      if (!again && (await deployer.look(bundle, deadline.signal)).state === 'current') return;
      const effect = <T>(call: () => Promise<T>) =>
        holding.effect(deadline.signal, () => locked(deadline.signal, call));
      const staged = await effect(() => deployer.stage(bundle, note, deadline.signal));
      await note(staged);
      await effect(() => deployer.activate(bundle, staged, note, deadline.signal));
    };
    try {
      // A target that hangs may ignore the signal; it must not block the lease or the lane.
      await orAborted(steps(), deadline.signal);
      return undefined;
    } catch (error) {
      if (!deadline.expired) throw error;
      engine.pass.hung.add(key);
      return tooLate();
    } finally {
      deadline.done();
    }
  };
  try {
    return await inTurn(engine, { deployer, key }, work, signal);
  } catch (error) {
    signal.throwIfAborted();
    return targetError(run, target, error);
  }
}

/**
 * Journals what a deployer has sent, before the target uses it: after a crash it can be found there, and removed once
 * it is superseded. Without a receipt, nothing is written, because `look` finds out what the target has.
 */
async function keepReceipt({ engine, holding, signal }: Run, sending: Sending): Promise<void> {
  if (sending.receipt === null || knowsSent(holding.lineage, sending)) return;
  await holding.apply(sent({ ...sending, now: engine.clock.now() }), signal);
}

/** Returns the key of a target in this process. Other settings, which may contain secrets, make another key. */
export const turnOf = ({ connect }: Engine, wanted: StoredSpec, target: string): string =>
  `${target} ${connect.digest(targetOf(wanted, target) ?? null)}`;

/**
 * Changes a target while nothing else does: under the lock of its resource, across processes, or in turns with the
 * other certificates of this process.
 */
export function inTurn<T>(
  { memory, locks }: Engine,
  { deployer, key }: { readonly deployer: Deployer; readonly key: string },
  work: (effect: Holding['effect']) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { resource, concurrent } = deployer;
  const alone: Holding['effect'] = (_signal, run) => run();
  if (resource !== undefined)
    return locks.with(
      resource,
      (document) => document,
      (held) => work((s, run) => held.effect(s, run)),
      signal,
    );
  return concurrent ? work(alone) : memory.targetTurns(key, () => work(alone), signal);
}

export const targetError = (run: Run, target: string, error: unknown): CertfleetError =>
  isFailure(error, 'deploy/')
    ? error
    : fail('deploy/target-failed', { target, certificate: nameOf(run), reason: reasonOf(error) }, { cause: error });
