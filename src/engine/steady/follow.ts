import type { EngineProcess } from '../engine.ts';
import { createTrouble } from './complain.ts';
import type { Changes } from './surroundings.ts';
import type { VitalsLog } from './vitals.ts';
import { aheadMsOf, isJump } from './wall-clock.ts';

/** How often a process looks for what others have changed, unless the store says otherwise. */
const everyMs = 5_000;

/** Follows the lineages of a store, and the wall clock. */
export interface Follower extends Changes {
  /** Wakes the loop for a change of something else than the store. */
  wake(): void;
  /** Looks for changes until the signal aborts. It wakes the loop, which may sleep for hours, if the wall clock has jumped. */
  follow(signal: AbortSignal): Promise<void>;
}

/** Begins to follow the store: it finds all that is changed from now on. */
export async function createFollower(
  engine: Pick<EngineProcess, 'store' | 'clock' | 'reporter'>,
  vitals: Pick<VitalsLog, 'store'>,
  signal: AbortSignal,
): Promise<Follower> {
  const { store, clock } = engine;
  const names = new Set<string>();
  let ring = () => {};
  let { cursor } = await store.changes('lineage', undefined, signal);
  const trouble = createTrouble(engine);
  /** How far the wall clock was ahead of the monotonic one when the loop last turned. */
  let takenAheadMs = aheadMsOf(clock);

  async function look(until: AbortSignal): Promise<void> {
    try {
      const found = await store.changes('lineage', cursor, until);
      cursor = found.cursor;
      trouble.succeeded();
      vitals.store('read', undefined);
      for (const { key } of found.entries) names.add(key.name);
      if (names.size > 0) ring();
    } catch (error) {
      if (until.aborted) return;
      vitals.store('read', trouble.failed(error));
    }
  }

  return {
    take() {
      takenAheadMs = aheadMsOf(clock);
      const taken = [...names];
      names.clear();
      return taken;
    },
    onChange(run) {
      ring = run;
    },
    wake: () => ring(),
    async follow(until) {
      while (!until.aborted) {
        await clock.sleep(store.followMs ?? everyMs, until).catch(() => undefined);
        if (until.aborted) return;
        if (isJump(takenAheadMs, aheadMsOf(clock))) ring();
        await look(until);
      }
    },
  };
}
