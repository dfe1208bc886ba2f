import type { EngineProcess } from '../engine.ts';
import { complain } from './complain.ts';
import type { Changes } from './steady.ts';

/** How often a process looks for what others have changed. */
const everyMs = 5_000;

/** Follows the lineages of a store. */
export interface Follower extends Changes {
  /** Looks for changes until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

/** Begins to follow the store: it finds all that is changed from now on. */
export async function createFollower(
  engine: Pick<EngineProcess, 'store' | 'clock' | 'reporter'>,
  signal: AbortSignal,
): Promise<Follower> {
  const { store, clock } = engine;
  const names = new Set<string>();
  let ring = () => {};
  let { cursor } = await store.changes('lineage', undefined, signal);
  let hasFailed = false;

  async function look(until: AbortSignal): Promise<void> {
    try {
      const found = await store.changes('lineage', cursor, until);
      cursor = found.cursor;
      hasFailed = false;
      for (const { key } of found.entries) names.add(key.name);
      if (names.size > 0) ring();
    } catch (error) {
      if (until.aborted || hasFailed) return;
      hasFailed = true;
      complain(engine, error);
    }
  }

  return {
    take() {
      const taken = [...names];
      names.clear();
      return taken;
    },
    onChange(run) {
      ring = run;
    },
    async follow(until) {
      while (!until.aborted) {
        await clock.sleep(everyMs, until).catch(() => undefined);
        if (!until.aborted) await look(until);
      }
    },
  };
}
