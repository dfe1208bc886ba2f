import { orAborted } from '../../core/async/on-abort.ts';
import { fail } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { knowsSent, type Sending } from '../../core/lineage/deployments.ts';
import { sent } from '../../core/lineage/work/delivery.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetOf } from '../../core/spec/spec-parts.ts';
import type { Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
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

/** What a delivery needs of a run. A node that delivers to its own targets holds no lease. */
export interface Courier extends Pick<Run, 'engine' | 'signal'> {
  readonly job: Pick<Run['job'], 'wanted'>;
  readonly holding: Pick<Holding, 'lineage' | 'effect' | 'apply'>;
}

/** The last look at a target may take so long, even if the delivery took all of its time. */
const lastLookMs = 30_000;

/** The calls of a delivery, which together may take as long as one deployment to a target. */
export function callsTo(run: Courier, version: VersionBundle, { target, deployer }: Destination) {
  const { engine, holding, signal } = run;
  const { clock, memory } = engine;
  const { deployDeadlineMs } = engine.limits;
  const receipt = holding.lineage.deployments[target]?.sent?.find((one) => one.version === version.id)?.receipt;
  const bundle = { ...forTargets(version, holding.lineage), ...present({ sent: receipt }) };
  const key = turnOf(engine, run.job.wanted, target);
  let leftMs = deployDeadlineMs;
  const tooLate = () => {
    const seconds = Math.round(deployDeadlineMs / 1000);
    return fail('deploy/too-slow', { target, certificate: nameOf(run), seconds });
  };
  const within = async <T>(work: (until: AbortSignal) => Promise<T>, leastMs = 0): Promise<T> => {
    if (isHung(engine, key)) throw tooLate();
    const beganMs = clock.monotonicMs();
    const deadline = clock.deadline(Math.max(leftMs, leastMs), signal);
    try {
      // A target that hangs may ignore the signal; it must not block the lease or the lane.
      return await orAborted(work(deadline.signal), deadline.signal);
    } catch (error) {
      if (!deadline.expired) throw error;
      memory.hung.set(key, clock.monotonicMs());
      throw tooLate();
    } finally {
      leftMs -= clock.monotonicMs() - beganMs;
      deadline.done();
    }
  };
  const noteBefore =
    (until: AbortSignal): Note =>
    (receipt) => {
      until.throwIfAborted(); // an abandoned call must not write into a closed document
      return keepReceipt(run, { target, version: bundle.id, receipt });
    };
  const effect = <T>(locked: Holding['effect'], until: AbortSignal, call: () => Promise<T>) =>
    holding.effect(until, () => locked(until, call));
  const stage = async (locked: Holding['effect'], until: AbortSignal): Promise<Json> => {
    const staged = await effect(locked, until, () => deployer.stage(bundle, noteBefore(until), until));
    await noteBefore(until)(staged);
    return staged;
  };
  const activate = (locked: Holding['effect'], until: AbortSignal, staged: Json) =>
    effect(locked, until, () => deployer.activate(bundle, staged, noteBefore(until), until));
  const { concurrent, resource, uploads } = deployer;
  const turn = { key, lock: resource, concurrent };
  return {
    key,
    bundle,
    look: () => within((until) => deployer.look(bundle, until), Math.min(lastLookMs, deployDeadlineMs)),
    leftMs: () => leftMs,
    /** @param again even if the target has the version */
    async deliver(again: boolean): Promise<void> {
      if (uploads !== undefined) {
        const staged = await inTurn<Json>(
          engine,
          { ...turn, lock: uploads },
          (locked) => within((until) => stage(locked, until)),
          signal,
        );
        return inTurn(engine, turn, (locked) => within((until) => activate(locked, until, staged)), signal);
      }
      const steps = async (locked: Holding['effect'], until: AbortSignal) => {
        if (!again && (await deployer.look(bundle, until)).state === 'current') return;
        await activate(locked, until, await stage(locked, until));
      };
      return inTurn(engine, turn, (locked) => within((until) => steps(locked, until)), signal);
    },
    /**
     * Stages the version, and resolves with its receipt. Does nothing if the target has the version. Several
     * certificates may do so at the same time, because nothing is reloaded.
     *
     * @param again even if the target has the version
     */
    async stage(again: boolean): Promise<{ readonly receipt: Json } | undefined> {
      const steps = async (until: AbortSignal) => {
        if (!again && (await deployer.look(bundle, until)).state === 'current') return undefined;
        return { receipt: await stage((_signal, run) => run(), until) };
      };
      return engine.memory.stagingTurns(key, () => within(steps), signal);
    },
    activate: (receipt: Json): Promise<void> =>
      inTurn(engine, turn, (locked) => within((until) => activate(locked, until, receipt)), signal),
    /** Changes the target for several certificates. The caller proves their leases. */
    change: <T>(work: (until: AbortSignal) => Promise<T>): Promise<T> =>
      inTurn(engine, turn, () => within(work), signal),
  };
}

/** How long a target that was late holds up no other delivery of this process. */
const hungMs = 3_600_000;

const isHung = ({ memory, clock }: Engine, key: string): boolean =>
  clock.monotonicMs() - (memory.hung.get(key) ?? Number.NEGATIVE_INFINITY) < hungMs;

/**
 * Journals what a deployer has sent, before the target uses it: after a crash it can be found there, and removed once
 * it is superseded. Without a receipt, nothing is written, because `look` finds out what the target has.
 */
async function keepReceipt({ engine, holding, signal }: Courier, sending: Sending): Promise<void> {
  if (sending.receipt === null || knowsSent(holding.lineage, sending)) return;
  if (!isReceipt(sending.receipt))
    throw new Error('what it answered is no ID: it is too long, or has control characters');
  await holding.apply(sent({ ...sending, now: engine.clock.now() }), signal);
}

/** Reports whether a receipt has only what IDs and names look like. A server may answer anything in their place. */
function isReceipt(receipt: Json): boolean {
  if (typeof receipt === 'string') return remoteText(receipt, longestId) === receipt;
  if (typeof receipt !== 'object' || receipt === null) return true;
  return Object.values(receipt).every((one) => one === undefined || isReceipt(one));
}

const longestId = 512;

/** Returns the key of a target in this process. Other settings, which may contain secrets, make another key. */
export const turnOf = ({ connect }: Engine, wanted: StoredSpec, target: string): string =>
  `${target} ${connect.digest(targetOf(wanted, target) ?? null)}`;

/** The lock under which a deployer uploads and removes uploads; undefined if it shares none. */
export const uploadLock = ({ uploads, resource }: Deployer): string | undefined => uploads ?? resource;

/** What a change of a target waits for. */
interface Turn {
  /** The target in this process ({@link turnOf}). */
  readonly key: string;
  readonly lock: string | undefined;
  readonly concurrent: true | undefined;
}

/**
 * Changes a target while nothing else does: under a lock, across processes, or in turns with the other certificates of
 * this process.
 */
export function inTurn<T>(
  { memory, locks }: Engine,
  { key, lock, concurrent }: Turn,
  work: (effect: Holding['effect']) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const alone: Holding['effect'] = (_signal, run) => run();
  if (lock !== undefined)
    return locks.with(
      lock,
      (document) => document,
      (held) => work((s, run) => held.effect(s, run)),
      signal,
    );
  return concurrent ? work(alone) : memory.targetTurns(key, () => work(alone), signal);
}
