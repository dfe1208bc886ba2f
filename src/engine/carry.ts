import { settingsOf } from '../core/deployments.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors.ts';
import { orAborted } from '../core/on-abort.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import { nameOf, type Run } from './run.ts';

/** Stages and activates a version on one target, within its deadline. Resolves with the error, if any. */
export async function carry(
  run: Run,
  bundle: VersionBundle,
  { target, deployer, again }: { readonly target: string; readonly deployer: Deployer; readonly again: boolean },
): Promise<CertfleetError | undefined> {
  const { engine, holding, signal } = run;
  const { deployDeadlineMs } = engine.limits;
  /** A target with other settings counts as another target. */
  const key = `${target} ${settingsOf(run.job.wanted, target) ?? ''}`;
  const tooLate = () => {
    const seconds = Math.round(deployDeadlineMs / 1000);
    return fail('deploy/too-slow', { target, certificate: nameOf(run), seconds });
  };
  const work = async (): Promise<CertfleetError | undefined> => {
    if (engine.memory.hung.has(key)) return tooLate();
    const deadline = engine.clock.deadline(deployDeadlineMs, signal);
    const steps = async () => {
      if (!again && (await deployer.look(bundle, deadline.signal)).state === 'current') return;
      // Checkpoints need not be stored: after a crash, `look` finds out what the target has, and calls are repeatable.
      const note = async () => undefined;
      const staged = await holding.effect(deadline.signal, () => deployer.stage(bundle, note, deadline.signal));
      await holding.effect(deadline.signal, () => deployer.activate(bundle, staged, note, deadline.signal));
    };
    try {
      // A target that hangs may ignore the signal; it must not keep the lease or the lane.
      await orAborted(steps(), deadline.signal);
      return undefined;
    } catch (error) {
      if (!deadline.expired) throw error;
      engine.memory.hung.add(key);
      return tooLate();
    } finally {
      deadline.done();
    }
  };
  try {
    return await (deployer.concurrent ? work() : engine.memory.targetTurns(key, work, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'store/lease-lost')) throw error;
    return targetError(run, target, error);
  }
}

export const targetError = (run: Run, target: string, error: unknown): CertfleetError =>
  isFailure(error, 'deploy/')
    ? error
    : fail('deploy/target-failed', { target, certificate: nameOf(run), reason: reasonOf(error) }, { cause: error });
