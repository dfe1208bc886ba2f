import { isFailure } from '../../../src/core/errors/errors.ts';
import type { LookTimes } from '../../../src/core/node/look-times.ts';
import type { Outcome } from '../../../src/core/plan/outcome.ts';
import { atOnceMs } from '../../../src/core/plan/schedule.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { EngineProcess } from '../../../src/engine/engine.ts';
import { createAlarmWatch } from '../../../src/engine/steady/alarm-watch.ts';
import { type Joining, joinPeers, type Membership } from '../../../src/engine/steady/peers.ts';
import type { Declarations } from '../../../src/engine/steady/seen.ts';
import { keepRunning } from '../../../src/engine/steady/steady.ts';
import { createVitals } from '../../../src/engine/steady/vitals.ts';
import { createWatch } from '../../../src/engine/steady/watch.ts';
import type { Chance } from './chance.ts';
import type { Process } from './process.ts';

/** What a replica that keeps running needs from its world. */
interface World {
  readonly engine: EngineProcess;
  readonly process: Process;
  readonly chance: Chance;
  readonly signal: AbortSignal;
  /** The specs that are declared now. */
  readonly wanted: () => ReadonlyMap<string, StoredSpec>;
  /** How often the configuration has changed. */
  readonly generation: () => number;
  /** Takes the names of the certificates whose document or spec has changed since the last call. */
  readonly takeChanged: () => readonly string[];
  /** Calls `wake` once a document or the configuration changes. */
  readonly onChange: (wake: () => void) => void;
  readonly askEveryMs: number;
  readonly done: (outcome: Outcome) => void;
  /** How often it looks at what is served, if it does. */
  readonly looks: LookTimes | undefined;
}

/** How often it looks for alarms that time alone brings: a world has too many minutes. */
const lookEveryMs = 10 * 60_000;

/** How often it gives a sign of life while it holds no lease, for the same reason. */
const beatEveryMs = 3_600_000;

/** A process notices the changes of others after some seconds. */
const noticeMs = 15_000;

/** Runs the loop of a replica. Replicas that all woke at once would only wait for each other, which some of them do. */
export async function live({ engine, process, chance, signal, wanted, takeChanged, ...world }: World): Promise<void> {
  const declaredNow = (): Declarations => ({
    names: () => wanted().keys(),
    jobOf(name) {
      const spec = wanted().get(name);
      const usual = { origin: 'configuration', force: false, obeyBackoff: true, unattended: true } as const;
      return spec && { wanted: spec, ...usual, nextRunMs: atOnceMs };
    },
  });
  let [generation, declarations] = [world.generation(), declaredNow()];
  let isNoticing = false;
  takeChanged();
  const declared = () => {
    if (generation !== world.generation()) [generation, declarations] = [world.generation(), declaredNow()];
    return declarations;
  };
  const vitals = createVitals(engine.clock);
  const peers = await join(engine, { role: 'node', vitals, everyMs: beatEveryMs, configuration: () => '' }, signal);
  if (!peers) return;
  const { isMine, rank } = peers;
  const alarms = createAlarmWatch(engine, {
    ...{ declared, vitals, lookEveryMs },
    ...{ peers, refused: () => undefined, generation: () => generation },
  });
  const { looks } = world;
  const watch = looks && createWatch({ engine, declared, isMine, times: looks });
  const over = new AbortController();
  const beside = Promise.all([alarms.run(over.signal), watch?.look(over.signal), peers.stay(over.signal)]);
  const running = keepRunning(
    {
      ...{ engine, vitals, alarms, declared },
      ...{ rank, askEveryMs: world.askEveryMs, wholeEveryMs: Number.POSITIVE_INFINITY },
      ...{ ready() {}, done: world.done, hasNewSecrets: () => false },
      note: (name, watched) => watch?.note(name, watched),
      changes: {
        take: () => (isNoticing ? [] : takeChanged()),
        onChange: (ring) =>
          world.onChange(() => {
            if (isNoticing) return;
            isNoticing = true;
            process.later(noticeMs, () => {
              isNoticing = false;
              ring();
            });
          }),
      },
      lateMs: () => (chance() < 0.15 ? chance.between(0, 3_000) : chance.between(0, 600_000)),
    },
    signal,
  );
  const end = async () => {
    over.abort();
    await beside;
  };
  return running.finally(end);
}

/** The store may fail when a process begins. */
async function join(engine: EngineProcess, joining: Joining, signal: AbortSignal): Promise<Membership | undefined> {
  while (!signal.aborted)
    try {
      return await joinPeers(engine, joining, signal);
    } catch (error) {
      if (signal.aborted) break;
      if (!isFailure(error, 'store/unusable', 'store/conflict')) throw error;
      await engine.clock.sleep(60_000, signal).catch(() => undefined);
    }
  return undefined;
}
