import { untilAny } from '../../core/async/on-abort.ts';
import type { Removal } from '../../core/async/writes.ts';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { hasSuperseded, targetsToTry } from '../../core/lineage/deployments.ts';
import type { Lineage, Tombstone } from '../../core/lineage/lineage.ts';
import { dueAt, isRule, nameOfPresented, owedBy, type Presented } from '../../core/lineage/tombstones.ts';
import { swept } from '../../core/lineage/work/end.ts';
import { leased } from '../../core/lineage/work/lease.ts';
import { dueStones } from '../../core/lineage/work/parts.ts';
import { after } from '../../core/lineage/work/transition.ts';
import { leftToSweep } from '../../core/plan/wake.ts';
import { targetOf } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import { retireSent } from '../delivery/retire.ts';
import { type Done, merged, type NotSwept, nothing, notSwept, reported, type Swept } from '../delivery/sweep-report.ts';
import { removeSentTooLate } from '../delivery/unjournalled.ts';
import type { Engine } from '../engine.ts';
import { forgetHistory } from '../history/stored-history.ts';
import { type Busy, firstSight, giveBack, type Holding, isBusy, type Sight, takeLease } from '../leases/lease.ts';
import { settleRuns } from '../path/hooks.ts';
import { cleanJournalled, cleanUp, hasFailed, type Unremoved } from '../path/steps/clean-up.ts';
import { closeDone } from '../path/steps/close.ts';
import { deploy } from '../path/steps/deploy.ts';
import { removeRetired } from '../path/steps/keys-and-versions.ts';
import type { Run } from '../run/run.ts';
import { deleteDocument, lineageNamed, lineageOf, readLineage } from '../run/stored-lineage.ts';
import { together } from '../run/wait.ts';
import { sweepTokens } from './expired-tokens.ts';
import { inLanes } from './lanes.ts';
import { finishRevocations } from './revocations.ts';

/** How many lineages are swept at once. */
const atOnce = 16;

/**
 * Finishes what dead processes left in the outside world. It removes journalled challenges without a living holder,
 * tombstones that are due, superseded uploads and expired token documents. It also finishes interrupted deployments and
 * revocations. It does not issue certificates; the next run resumes that work.
 */
export async function sweep(engine: Engine, signal: AbortSignal): Promise<Swept> {
  const { lineages, unreadable } = await lineagesOf(engine, signal);
  const toSweep = new Set(lineages.filter((one) => whatIsLeft(engine, one) !== 'nothing').map(({ name }) => name));
  const errands = [...toSweep].map((name) => ({ group: '', limit: () => atOnce, run: sweeperOf(engine, name) }));
  // A delivery may need the server that a killed run has stopped.
  await settleRuns(engine, signal);
  const done = [...(await inLanes(engine, errands, signal)), await sweepTokens(engine, signal)];
  await engine.locks.removeDead(signal);
  await engine.sessions.others.removeDead(signal);
  await engine.store.tidy(signal);
  // Only the swept lineages are read again, for the tombstones that this sweep has left.
  const others = lineages.filter(({ name }) => !toSweep.has(name));
  const rest = await Promise.all([...toSweep].map((name) => lineageNamed(engine, name, signal)));
  // The sweep has reported one that cannot be read.
  const looks = [...others, ...rest.flatMap((one) => (one === undefined || one instanceof Error ? [] : one))]
    .flatMap(({ tombstones = [] }) => tombstones.map(dueAt))
    .filter((at) => Number.isFinite(at));
  return {
    ...merged(done),
    failed: [...unreadable, ...merged(done).failed],
    waiting: looks.length,
    ...present({ nextLook: looks.length > 0 ? new Date(Math.min(...looks)).toISOString() : undefined }),
  };
}

/** Returns all lineages, and what to report about those that cannot be read. */
async function lineagesOf(
  engine: Engine,
  signal: AbortSignal,
): Promise<{ readonly lineages: readonly Lineage[]; readonly unreadable: readonly NotSwept[] }> {
  const lineages: Lineage[] = [];
  const unreadable: NotSwept[] = [];
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const found = lineageOf(engine, entry);
      if (found instanceof Error) unreadable.push(notSwept(entry.key.name, found));
      else lineages.push(found);
    }
  return { lineages, unreadable };
}

/**
 * Reports whether a lineage needs a sweep. `doubtful` means only if its holder is frozen or gone.
 *
 * @param canDeliver whether this process may deliver to one of the targets that lack the version
 */
export function whatIsLeft(
  { clock, processes }: Pick<Engine, 'clock' | 'processes'>,
  lineage: Lineage,
  canDeliver = true,
) {
  const { lease } = lineage.work ?? {};
  return leftToSweep(lineage, { now: clock.now(), holder: lease ? processes.look(lease.holder) : 'dead', canDeliver });
}

/**
 * Returns the targets to which a sweep delivers when it finishes an interrupted deployment: those that all nodes share,
 * or all targets if the process died on this machine. The document does not say where a process ran that has released
 * its lease.
 */
async function targetsToFinish(engine: Engine, lineage: Lineage): Promise<readonly string[]> {
  const { work, spec, paused } = lineage;
  if (work?.step !== 'deploy' || paused) return [];
  const isOfThisNode = work.lease !== undefined && engine.processes.look(work.lease.holder) === 'dead';
  const due = targetsToTry(spec, lineage, engine.clock.now(), { obeyBackoff: true, node: engine.node });
  const lacking = due.filter((target) => targetOf(spec, target));
  const scopes = await Promise.all(
    lacking.map((target) =>
      engine.connect.deployer(spec, target).then(
        ({ scope }) => scope,
        () => 'node', // `renew` reports why it cannot be used
      ),
    ),
  );
  return lacking.filter((_target, index) => isOfThisNode || scopes[index] === 'fleet');
}

/**
 * Returns a function that sweeps one lineage, in several tries if its holder may be alive. If the holder gives a sign of
 * life, the sweep is done; if it gives none for `leaseTtl`, the sweep takes the lease.
 */
export function sweeperOf(engine: Engine, name: string): (signal: AbortSignal) => Promise<Done | Busy> {
  const sight: Sight = { ...firstSight(engine, name), isSweep: true };
  const done: Done[] = [];
  const all = (last: Done): Done => merged([...done, last]);
  return async (signal) => {
    try {
      for (;;) {
        let before: Lineage | undefined;
        const seen = sight.sign;
        const found = await engine.store.get({ kind: 'lineage', name }, signal);
        const targets = found ? await targetsToFinish(engine, readLineage(engine, found)) : [];
        const isLeft = (lineage: Lineage) => whatIsLeft(engine, lineage, targets.length > 0) !== 'nothing';
        const taken = await takeLease(
          engine,
          sight,
          // Another process may have swept it already.
          (lineage, claim) => {
            before = lineage;
            return lineage && isLeft(lineage) ? leased(claim) : undefined;
          },
          signal,
        );
        if (isBusy(taken)) return seen === '' || seen === sight.sign ? taken : all(nothing);
        if (!taken || 'finished' in taken) return all(nothing);
        const { holding } = taken;
        engine.pass.runs.began(name, { found: before, step: holding.work.step, forced: false });
        const finishes = holding.work.step === 'deploy' && targets.length > 0 && !holding.lineage.paused;
        const ended = await whileHeld(engine, holding, () =>
          finishes ? finish(engine, holding, targets, signal) : clear(engine, holding, signal),
        );
        if (!finishes) return all(ended);
        done.push(ended); // tombstones may be due
      }
    } catch (error) {
      signal.throwIfAborted();
      return all({ ...nothing, failed: [notSwept(name, error)] });
    }
  };
}

async function whileHeld(engine: Engine, holding: Holding, work: () => Promise<Done>): Promise<Done> {
  try {
    return await work();
  } catch (error) {
    await giveBack(engine, holding);
    throw error;
  } finally {
    holding.leave();
  }
}

/** Does steps 12 to 14 of a deployment that a dead process left, without any request to the CA. */
const finish = (engine: Engine, holding: Holding, targets: readonly string[], signal: AbortSignal): Promise<Done> =>
  untilAny([signal, holding.lost], (over) => finishUntil(engine, holding, targets, { signal, over }));

async function finishUntil(
  engine: Engine,
  holding: Holding,
  targets: readonly string[],
  { signal, over }: { readonly signal: AbortSignal; readonly over: AbortSignal },
): Promise<Done> {
  const { name, origin, spec: wanted } = holding.lineage;
  const run: Run = {
    engine,
    holding,
    job: { wanted, origin, isStored: true, force: false, obeyBackoff: true, only: targets },
    caHold: undefined,
    signal: over,
    learned: { asked: false, isPrepared: false, isResumed: false, isLimited: false, overruled: false },
  };
  const [deployed, left] = await together([deploy(run, undefined), cleanJournalled(run, wanted)]).catch(
    async (error: unknown) => {
      if (holding.lost.aborted) await removeSentTooLate(engine, wanted, signal);
      throw error;
    },
  );
  const { errors = [], settling = [], deployments = {} } = deployed ?? {};
  const { retired: all = [] } = holding.lineage;
  const isDelivered = errors.length === 0 && settling.length === 0;
  const retired = isDelivered ? await removeRetired(engine, holding.lineage, run.signal) : all;
  await closeDone(run, { deployed, left, renewal: undefined, retired });
  const has = targets.filter((target) => deployments[target]?.state === 'current');
  return {
    ...nothing,
    delivered: has.length > 0 ? [`${name} to ${has.join(', ')}`] : [],
    failed: errors
      .filter(({ code }) => code !== 'deploy/other-node')
      .map((error) => ({ ...notSwept(name, error), verb: 'deliver' })),
  };
}

/** Removes what one lineage left, after finishing its revocations, and releases it in one write. */
async function clear(engine: Engine, holding: Holding, signal: AbortSignal): Promise<Done> {
  const revocations = await finishRevocations(engine, holding, signal);
  const { lineage } = holding;
  const now = engine.clock.now();
  const due = dueStones(lineage, now);
  const { owed, left, leftStones, removals } = await removeOwed(engine, holding, due, signal);
  const retired = hasSuperseded(lineage, now)
    ? await retireSent({ engine, holding, signal }, lineage.spec, lineage)
    : undefined;
  const looked = new Map(due.map((stone) => [stone, leftStones.find(({ presented }) => presented === stone)?.stone]));
  const deployments = retired ? { deployments: retired.deployments } : {};
  const end = swept({ looked, left: left.map(({ stone }) => stone), ...deployments, now });
  // The credentials were kept only for this.
  if (after(lineage, end) === undefined) {
    await deleteDocument(engine, 'credential', lineage.name, signal);
    engine.pass.runs.forgot(lineage.name);
    await forgetHistory(engine, lineage.name, signal);
  }
  await holding.apply(end, signal);

  // A person need not know about a probe.
  const isShown = (one: Presented) => !one.probe || isRule(one, lineage.spec);
  const stuck = [...left, ...leftStones].filter(hasFailed).map(({ presented }) => presented);
  const missed = [...left, ...leftStones].filter((one) => !hasFailed(one)).map(({ presented }) => presented);
  // A check for late effects usually finds nothing, and some solvers cannot tell.
  const isGone = (one: Presented) => {
    const removal = removals.get(one);
    if (removal !== undefined || stuck.includes(one)) return removal === 'removed';
    return !missed.includes(one) && !('looked' in one && one.looked !== -1);
  };
  const gone = [...owed, ...due].filter((one) => isShown(one) && isGone(one));
  const nameOf = (presented: Presented) => nameOfPresented(presented, lineage.spec);
  const of = (what: string) => `${lineage.name}: ${what}`;
  const kept = retired?.left ?? [];
  const unremoved = [
    ...[...left, ...leftStones].filter(hasFailed).map(({ presented, error }) => ({ what: nameOf(presented), error })),
    ...kept.map(({ target, error }) => ({ what: `superseded versions at ${target}`, error })),
  ].map(({ what, error }) => ({
    what: of(what),
    reason: `${reasonOf(error)}; the next sweep tries again`,
    ...present({ code: isFailure(error) ? error.code : undefined }),
  }));
  const unrevoked = revocations.failed.map(({ version, error }) => ({
    ...notSwept(of(`version ${version}`), error),
    verb: 'revoke' as const,
  }));
  const cleaned = gone.map((presented) => of(nameOf(presented)));
  const unsure = missed.filter((one) => !isGone(one)).map((presented) => of(nameOf(presented)));
  if (retired && kept.length === 0) cleaned.push(of('superseded versions'));
  if (cleaned.length > 0) engine.pass.runs.acted(lineage.name, 'cleaned', `removed ${cleaned.join(', ')}`);
  const revoked = revocations.done.map(({ serial }) => `${lineage.name} (serial ${serial})`);
  return reported(engine, { ...nothing, cleaned, unsure, revoked, failed: [...unremoved, ...unrevoked] });
}

/**
 * Removes everything journalled and the values of these tombstones, all at once. Resolves with what could not be
 * removed.
 */
export async function removeOwed(
  engine: Engine,
  holding: Holding,
  stones: readonly Tombstone[],
  signal: AbortSignal,
): Promise<{
  readonly owed: readonly Presented[];
  readonly left: readonly Unremoved[];
  readonly leftStones: readonly Unremoved[];
  readonly removals: ReadonlyMap<Presented, Removal>;
}> {
  const { lineage } = holding;
  const owed = owedBy(lineage);
  const removals = new Map<Presented, Removal>();
  const told = (presented: Presented, removal: Removal) => void removals.set(presented, removal);
  const options = { holding, signal, told };
  const [left, leftStones] = await together([
    cleanUp(engine, lineage.spec, owed, options),
    cleanUp(engine, lineage.spec, stones, options),
  ]);
  return { owed, left, leftStones, removals };
}
