import { createBell } from '../../core/async/bell.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Entry } from '../../ports/store.ts';
import { type Engine, type EngineProcess, inPass } from '../engine.ts';
import { type CaHold, holdOf } from '../ledger/ca-hold.ts';
import { inLanes } from '../pass/lanes.ts';
import { reconcile, reconcileAll } from '../pass/reconcile.ts';
import { sweeperOf } from '../pass/sweep.ts';
import { askWindows } from '../pass/windows.ts';
import type { AlarmSigns } from './alarm-watch.ts';
import { complain } from './complain.ts';
import { createSeen, type Declarations } from './seen.ts';
import type { VitalsLog } from './vitals.ts';
import { createWakes } from './wakes.ts';

/** What the loop needs besides the engine. */
export interface Surroundings {
  readonly engine: EngineProcess;
  readonly declared: () => Declarations;
  readonly changes: Changes;
  readonly vitals: VitalsLog;
  readonly alarms: AlarmSigns;
  /** Reports whether a secret may have changed since the last call. */
  readonly hasNewSecrets: () => boolean;
  /** How much later than needed it wakes, in ms, drawn for each sleep. */
  readonly lateMs: () => number;
  /** How seldom it asks for a renewal window, even if the CA wants to be asked more often. */
  readonly askEveryMs: number;
  /** How often it runs a whole pass, which finds what no single lineage shows. */
  readonly wholeEveryMs: number;
  readonly ready: () => void;
  readonly done: (outcome: Outcome) => void;
  /** Takes note of certificates that are new, or may have changed. */
  readonly note: (names: Iterable<string>) => void;
}

/** How the loop finds out what others have changed. */
export interface Changes {
  /** Takes the names of the certificates whose document or declaration has changed since the last call. */
  take(): readonly string[];
  /** Sets what to call once there is something to take. */
  onChange(ring: () => void): void;
}

/** A certificate that could not be finished is not tried again at once. */
const restMs = 60_000;
/** A store that cannot be read is tried again after this time. */
const pauseMs = 5_000;
/** Others may use less of a rate limit than was foretold. */
const longestWaitMs = 3_600_000;
/** The wall clock may jump meanwhile. */
const longestSleepMs = 86_400_000;
/** A pass ends with its last certificate, so others that become due meanwhile have passes of their own. */
const mostPasses = 8;
/** What becomes due so soon after a pass has begun shares the next one. */
const gatherMs = 1_000;

/**
 * Takes care of all certificates: first one whole pass, and then, whenever some have something to do, a pass over those.
 * Resolves once the signal has aborted and the passes under way have ended.
 */
export async function keepRunning(world: Surroundings, signal: AbortSignal): Promise<void> {
  const { engine, changes, vitals } = world;
  const { clock, store } = engine;
  const withPass = <T>(work: (pass: Engine) => Promise<T>) => inPass(engine, work, 'run');
  const seen = createSeen(engine, world.declared, world.askEveryMs);
  const wakes = createWakes();
  const bell = createBell();
  /** The certificates on which a pass works. */
  const busy = new Set<string>();
  const passes = new Set<Promise<void>>();
  /** Changed certificates at which it has not looked yet. */
  const unseen = new Set<string>();
  /** What each CA has told all certificates, by directory URL. */
  const holds = new Map<string, CaHold | undefined>();
  let nextWholeMs = Number.NEGATIVE_INFINITY;
  let nextPassMs = Number.NEGATIVE_INFINITY;
  let declared: Declarations | undefined;
  /** How far the wall clock was ahead of the monotonic one. */
  let clockAheadMs = clock.now().getTime() - clock.monotonicMs();

  const everything = (): Iterable<string> => new Set([...world.declared().names(), ...seen.names()]);
  const directoryOf = (name: string): string =>
    world.declared().jobOf(name, seen.lineage(name))?.wanted.issuer.settings.directory ?? '';
  const dueOf = (name: string): number | undefined => seen.dueOf(name, holds.get(directoryOf(name)));

  const see = (name: string, entry: Entry | undefined): void => world.alarms.see(name, seen.see(name, entry));

  async function look(names: Iterable<string>): Promise<void> {
    for (const name of names) see(name, await store.get({ kind: 'lineage', name }, signal));
  }

  /** Looks at what has changed. What cannot be read now is looked at in the next turn. */
  async function lookAtChanged(): Promise<readonly string[]> {
    for (const name of changes.take()) unseen.add(name);
    const names = [...unseen];
    await look(names);
    for (const name of names) unseen.delete(name);
    return names;
  }

  let ofDeclared: { readonly declared: Declarations; readonly directories: ReadonlySet<string> } | undefined;
  function directories(): ReadonlySet<string> {
    const declared = world.declared();
    if (ofDeclared?.declared !== declared)
      ofDeclared = { declared, directories: new Set([...everything()].map(directoryOf)) };
    return ofDeclared.directories;
  }

  /** Works out anew when certificates have something to do: what that follows from has changed. */
  function schedule(names: Iterable<string>): void {
    for (const name of names) if (!busy.has(name)) wakes.set(name, dueOf(name));
    world.note(names);
  }

  /** Reads what the CAs have told all certificates. Reports whether that is news. */
  async function readHolds(): Promise<boolean> {
    let isNews = false;
    for (const directory of directories()) {
      const hold = await holdOf(engine, directory, signal);
      isNews ||= hold?.until !== holds.get(directory)?.until;
      holds.set(directory, hold);
    }
    return isNews;
  }

  /** Reports whether the wall clock has jumped: what a wrong clock has put off may be due at once. */
  function hasJumped(): boolean {
    const aheadMs = clock.now().getTime() - clock.monotonicMs();
    const isFar = Math.abs(aheadMs - clockAheadMs) > 1_000;
    clockAheadMs = aheadMs;
    return isFar;
  }

  function isDeclaredAnew(): boolean {
    const before = declared;
    declared = world.declared();
    return before !== declared;
  }

  function takeDue(): readonly string[] {
    const nowMs = clock.now().getTime();
    return wakes.takeDue(nowMs).filter((name) => {
      if (!seen.mayMove(name)) return true;
      const dueMs = dueOf(name);
      if (dueMs !== undefined && dueMs <= nowMs) return true;
      wakes.set(name, dueMs);
      return false;
    });
  }

  /** Runs a pass in which nothing else works on these certificates. A failure of the store puts them off. */
  function begin(names: readonly string[], run: () => Promise<void>): void {
    for (const name of names) busy.add(name);
    const pass = run()
      .catch((error: unknown) => {
        if (signal.aborted) return;
        vitals.store('write', complain(engine, error));
        for (const name of names) seen.rest(name, restMs);
      })
      .finally(() => {
        for (const name of names) busy.delete(name);
        passes.delete(pass);
        schedule(names);
        bell.ring();
      });
    passes.add(pass);
  }

  /** Asks for windows where there is nothing else to do, and does everything else that is due. */
  async function work(names: readonly string[]): Promise<void> {
    const before = currentOf(names);
    const { outcomes, tried } = await withPass(async (pass) => {
      const answers = await askWindows(
        pass,
        names.flatMap((name) => seen.question(name) ?? []),
        signal,
      );
      vitals.asked([...answers.values()].filter((answer) => answer !== 'not asked').length);
      for (const [name, answer] of answers) if (typeof answer !== 'string') seen.asked(name, answer.checkAfter);
      const left = names.filter((name) => (answers.get(name) ?? 'not asked') === 'not asked');
      const jobs = left.flatMap((name) => seen.jobFor(name) ?? []);
      const ended = jobs.length > 0 ? await reconcile(pass, jobs, signal) : [];
      const errands = left
        .filter((name) => seen.isToSweep(name))
        .map((name) => ({ group: 'sweep', limit: () => 16, run: sweeperOf(pass, name) }));
      await inLanes(pass, errands, signal);
      return { outcomes: ended, tried: names.filter((name) => typeof answers.get(name) !== 'object') };
    });
    await look(tried);
    note(outcomes, before);
    for (const name of tried) seen.rest(name, restMs);
    for (const outcome of outcomes)
      if (outcome.result === 'unchanged' && outcome.limited) {
        // A certificate that waits for a rate limit stores nothing: it is due at the time that the pass told.
        const waitMs = Date.parse(outcome.limited.until) - clock.now().getTime();
        seen.rest(outcome.certificate, Math.max(restMs, Math.min(waitMs, longestWaitMs)));
      }
  }

  const currentOf = (names: Iterable<string>): ReadonlyMap<string, string | undefined> =>
    new Map([...names].map((name) => [name, seen.lineage(name)?.current?.id]));

  /** Takes note of which certificates this node has looked at: what its targets lack does not stand in the document. */
  function note(outcomes: readonly Outcome[], before: ReadonlyMap<string, string | undefined>): void {
    vitals.passEnded(outcomes);
    for (const outcome of outcomes) {
      const { certificate, result } = outcome;
      world.done(outcome);
      world.alarms.done(outcome);
      const current = before.get(certificate);
      if (current !== undefined && result !== 'pending' && result !== 'failed')
        seen.lookedAtTargets(certificate, current);
    }
  }

  async function scan(): Promise<void> {
    for await (const page of store.scan('lineage', signal))
      for (const entry of page) if (!entry.corrupt) see(entry.key.name, entry);
  }

  /** Runs the whole pass, which also finds what no single lineage shows. */
  async function workOnAll(): Promise<void> {
    const { names, jobOf } = world.declared();
    const jobs = [...names()].flatMap((name) => jobOf(name, seen.lineage(name)) ?? []);
    const ofStored = (stored: Parameters<typeof jobOf>[1] & {}) => jobOf(stored.name, stored);
    const all = { jobs, jobOf: ofStored, isWhole: true, remembers: {} };
    const outcomes = await withPass((pass) => reconcileAll(pass, all, signal));
    const before = currentOf(seen.names());
    await scan();
    note(outcomes, before);
  }

  /** One turn: takes note of what has changed, and begins what is due. Returns for how long to sleep, in ms. */
  async function turn(): Promise<number> {
    const changed = await lookAtChanged();
    const isNews = (await readHolds()) || isDeclaredAnew() || hasJumped();
    schedule(isNews ? everything() : changed);
    if (world.hasNewSecrets()) schedule(seen.retryFailed(busy));
    if (passes.size === 0 && nextWholeMs <= clock.monotonicMs()) {
      nextWholeMs = clock.monotonicMs() + world.wholeEveryMs;
      begin([...everything()], workOnAll);
    }
    const due = passes.size < mostPasses && nextPassMs <= clock.monotonicMs() ? takeDue() : [];
    if (due.length > 0) {
      nextPassMs = clock.monotonicMs() + gatherMs;
      begin(due, () => work(due));
    }
    // The end of a pass rings the bell.
    const nextMs = (passes.size < mostPasses ? wakes.firstMs() : undefined) ?? Number.POSITIVE_INFINITY;
    const untilDueMs = Math.max(nextMs - clock.now().getTime(), nextPassMs - clock.monotonicMs());
    const restMs = Math.min(untilDueMs, nextWholeMs - clock.monotonicMs(), longestSleepMs);
    return Math.max(passes.size > 0 ? 1_000 : 0, restMs) + world.lateMs();
  }

  /** One turn. If the store cannot be read, it is tried again a little later. */
  async function turnOrPause(): Promise<number> {
    vitals.turns();
    const restMs = await turn().catch((error: unknown) => {
      if (!signal.aborted) vitals.store('read', complain(engine, error));
      return pauseMs;
    });
    vitals.turned(restMs);
    return restMs;
  }

  vitals.know(() => seen.known(everything()));
  changes.onChange(bell.ring);
  try {
    await scan();
    vitals.ready();
    world.ready();
    while (!signal.aborted) await bell.orAfter(await turnOrPause(), clock, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.allSettled(passes);
  }
}
