import { isFailure } from '../../../src/core/errors/errors.ts';
import type { LookTimes } from '../../../src/core/node/look-times.ts';
import type { Outcome } from '../../../src/core/plan/outcome.ts';
import { atOnceMs } from '../../../src/core/plan/schedule.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { EngineProcess } from '../../../src/engine/engine.ts';
import { createAlarmWatch } from '../../../src/engine/steady/alarm-watch.ts';
import { joinPeers, type Membership } from '../../../src/engine/steady/peers.ts';
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
  /** What it gives its signs of life with. */
  readonly ofPeers: Parameters<typeof joinPeers>[0];
  readonly done: (outcome: Outcome) => void;
  /** How often it looks at what is served, if it does. */
  readonly looks: LookTimes | undefined;
}

/** How often it looks for alarms that time alone brings: a world has too many minutes. */
const lookEveryMs = 10 * 60_000;

/** How often it gives a sign of life, for the same reason. */
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
  let peers: Membership | undefined;
  const isMine = (key: string) => peers?.isMine(key) ?? false;
  const alarms = createAlarmWatch(engine, {
    ...{ declared, vitals, lookEveryMs },
    ...{
      peers: { isMine, known: () => peers?.known() ?? [], missing: () => peers?.missing() },
      refused: () => undefined,
      generation: () => generation,
    },
  });
  const { looks } = world;
  const watch = looks && createWatch({ engine, declared, isMine, times: looks });
  const over = new AbortController();
  // It joins beside its work, so that this changes nothing for what else happens. The store may fail meanwhile.
  const stay = async () => {
    const joining = { vitals, everyMs: beatEveryMs, configuration: () => '' };
    while (!over.signal.aborted)
      try {
        peers ??= await joinPeers(world.ofPeers, { ...joining, role: 'node' }, over.signal);
        return await peers.stay(over.signal);
      } catch (error) {
        if (over.signal.aborted) return;
        if (!isFailure(error, 'store/unusable', 'store/conflict')) throw error;
        await engine.clock.sleep(60_000, over.signal).catch(() => undefined);
      }
  };
  const beside = Promise.all([alarms.run(over.signal), watch?.look(over.signal), stay()]);
  const running = keepRunning(
    {
      ...{ engine, vitals, alarms, declared },
      ...{ isMine: () => true, askEveryMs: world.askEveryMs, wholeEveryMs: Number.POSITIVE_INFINITY },
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
