import { createBell } from '../../core/async/bell.ts';
import type { Cursor, Entry, Gone, Kind } from '../../ports/store.ts';
import type { EngineProcess } from '../engine.ts';
import { createTrouble } from './complain.ts';
import type { Changes } from './surroundings.ts';
import type { VitalsLog } from './vitals.ts';
import { aheadMsOf, isJump } from './wall-clock.ts';

/** How often a process looks for what others have changed, unless the store says otherwise. */
const everyMs = 5_000;
/** How often while somebody watches. */
const watchedMs = 1_000;

/** What a process follows besides the lineages. */
type OtherKind = (typeof otherKinds)[number];
const otherKinds = ['replica', 'alarm'] as const satisfies readonly Kind[];

type Told = (changed: readonly (Entry | Gone)[]) => void;

/** How the parts of a process hear of what is not about certificates. */
export interface Hearing {
  /** Calls `told` at each look with what has changed of a kind since the last one, which may be nothing. */
  hear(kind: OtherKind, told: Told): void;
}

/** Follows a store, and the wall clock. All kinds are looked at together, which is one statement for a database. */
export interface Follower extends Changes, Hearing {
  /** Lets others look at the same times, so that their looks are part of that statement. They never fail. */
  together(look: (signal: AbortSignal) => Promise<void>): void;
  /** Looks more often from now on, for somebody who watches. Returns what ends that. */
  watch(): () => void;
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
  const addNames: Told = (changed) => {
    for (const { key } of changed) names.add(key.name);
  };
  let watchers = 0;
  const watched = createBell();
  const others: ((signal: AbortSignal) => Promise<void>)[] = [];
  const listeners = new Map<Kind, Told>([['lineage', addNames]]);
  const cursors = new Map<Kind, Cursor>();
  const changesOf = (until: AbortSignal) =>
    Promise.all(
      (['lineage', ...otherKinds] as const).map(async (kind) => {
        return { kind, ...(await store.changes(kind, cursors.get(kind), until)) };
      }),
    );
  for (const { kind, cursor } of await changesOf(signal)) cursors.set(kind, cursor);
  const trouble = createTrouble(engine);
  /** How far the wall clock was ahead of the monotonic one when the loop last turned. */
  let takenAheadMs = aheadMsOf(clock);

  async function look(until: AbortSignal): Promise<void> {
    try {
      const [found] = await Promise.all([changesOf(until), ...others.map((other) => other(until))]);
      trouble.succeeded();
      vitals.store('read', undefined);
      for (const { kind, cursor, entries } of found) {
        cursors.set(kind, cursor);
        listeners.get(kind)?.(entries);
      }
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
    hear: (kind, told) => void listeners.set(kind, told),
    together: (other) => void others.push(other),
    watch() {
      watchers++;
      watched.ring();
      return () => void watchers--;
    },
    wake: () => ring(),
    async follow(until) {
      while (!until.aborted) {
        const usualMs = store.followMs ?? everyMs;
        await watched.orAfter(watchers > 0 ? Math.min(usualMs, watchedMs) : usualMs, clock, until);
        if (until.aborted) return;
        if (isJump(takenAheadMs, aheadMsOf(clock))) ring();
        await look(until);
      }
    },
  };
}
