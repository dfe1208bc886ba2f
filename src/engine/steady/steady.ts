import { createBell } from '../../core/async/bell.ts';
import { asFailure, isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { type Engine, inPass } from '../engine.ts';
import { type CaHold, holdOf } from '../ledger/ca-hold.ts';
import { askClock } from '../looks/ca.ts';
import { inLanes } from '../pass/lanes.ts';
import { reconcile, reconcileAll } from '../pass/reconcile.ts';
import { sweeperOf } from '../pass/sweep.ts';
import { askWindows } from '../pass/windows.ts';
import type { Job } from '../run/job.ts';
import { createAdmission } from './admission.ts';
import { createClocks } from './clocks.ts';
import { complain } from './complain.ts';
import { createDue } from './due.ts';
import { createLooker } from './looker.ts';
import { gatherMs, restAfter, restMs } from './rest.ts';
import { createSeen, type Declarations } from './seen.ts';
import type { Surroundings } from './surroundings.ts';

/** A store that cannot be read is tried again after this time. */
const pauseMs = 5_000;
/** The wall clock may jump meanwhile. */
const longestSleepMs = 86_400_000;
/** A pass ends with its last certificate, so others that become due meanwhile have passes of their own. */
const mostPasses = 8;
/** How many certificates a pass takes at most. It reads their documents. */
const mostJobs = 2_000;
/** How many it takes that other nodes should have begun, and in how many passes: those nodes may be about to. */
const [mostOthers, mostPassesForOthers] = [32, 4];
/** How many windows it asks for in a second at most. */
const mostQuestions = 50;

/**
 * Takes care of all certificates: first one whole pass, and then, whenever some have something to do, a pass over those.
 * Resolves once the signal has aborted and the passes under way have ended.
 */
export async function keepRunning(world: Surroundings, signal: AbortSignal): Promise<void> {
  const { engine, changes, vitals } = world;
  const { clock, store } = engine;
  const withPass = <T>(work: (pass: Engine) => Promise<T>) => inPass(engine, work, 'run');
  /** What each CA has told all certificates, by directory URL. */
  const holds = new Map<string, CaHold | undefined>();
  let looksAtAll = false;
  const seen = createSeen(engine, {
    ...{ declared: world.declared, rank: world.rank, askEveryMs: world.askEveryMs },
    holdAt: (directory) => holds.get(directory),
    looksAtAll: () => looksAtAll,
    rows: world.rows,
  });
  const due = createDue(engine, seen);
  const done = (outcome: Outcome): void => {
    world.done(outcome);
    world.alarms.done(outcome);
  };
  const { see, look } = createLooker(engine, seen, { done, alarms: world.alarms });
  const admission = createAdmission(engine, vitals);
  const bell = createBell();
  /** The certificates on which a pass works. */
  const busy = new Set<string>();
  /** Those of them that were declared in another way meanwhile. */
  const redeclared = new Set<string>();
  const passes = new Set<Promise<void>>();
  /** The certificates of this node that a pass has, but has not begun. */
  const waiting = new Set<string>();
  let passesForOthers = 0;
  /** Certificates at which it has not looked since they changed. */
  const unseen = new Set<string>();
  let isAsking = false;
  let nextWholeMs = Number.NEGATIVE_INFINITY;
  let nextPassMs = Number.NEGATIVE_INFINITY;
  let declared: Declarations = world.declared();
  /** Why the last turn failed. */
  let complaint: string | undefined;
  const clocks = createClocks(engine, {
    ask: (issuer) => void begin([], () => withPass((pass) => askClock(pass, issuer, signal))),
    lookAgain: () => scan().then(() => schedule(everything())),
  });

  const everything = (): Iterable<string> => new Set([...world.declared().names(), ...seen.names()]);

  /** Looks at what has changed. What cannot be read now is looked at in the next turn. */
  async function lookAtChanged(): Promise<void> {
    for (const name of [...unseen]) {
      // One that cannot be read waits behind the others.
      unseen.delete(name);
      unseen.add(name);
      await look([name], signal);
      unseen.delete(name);
      schedule([name]);
    }
  }

  /** Works out anew when certificates have something to do: what that follows from has changed. */
  function schedule(names: Iterable<string>): void {
    for (const name of names) {
      if (!busy.has(name)) due.set(name);
      world.note(name, seen.watched(name));
    }
  }

  /** Reads what the CAs have told all certificates. What a hold puts off is looked at again when that changes. */
  async function readHolds(): Promise<void> {
    for (const directory of seen.directories) {
      const hold = await holdOf(engine, directory, signal);
      const isNews = hold?.until !== holds.get(directory)?.until;
      holds.set(directory, hold);
      if (isNews) for (const name of seen.held()) unseen.add(name);
    }
  }

  /** Looks again at what is declared in another way. */
  function followDeclarations(): void {
    const before = declared;
    declared = world.declared();
    if (before === declared) return;
    for (const name of seen.declaredAnew()) {
      unseen.add(name);
      if (busy.has(name)) redeclared.add(name);
    }
  }

  /** Runs a pass in which nothing else works on these certificates. A failure of the store puts them off. */
  function begin(names: readonly string[], run: () => Promise<void>): Promise<void> {
    for (const name of names) busy.add(name);
    // A change that the loop has just seen may have made them due.
    for (const name of names) due.leave(name);
    const pass = run()
      .catch((error: unknown) => {
        if (signal.aborted) return;
        vitals.store('write', complain(engine, error));
        admission.failed(names);
        for (const name of names) seen.rest(name, restMs);
      })
      .finally(() => {
        for (const name of names) busy.delete(name);
        for (const name of names) waiting.delete(name);
        // The pass has tried them with the settings of before.
        for (const name of names) if (redeclared.delete(name)) seen.wake(name);
        passes.delete(pass);
        schedule(names);
        bell.ring();
      });
    passes.add(pass);
    return pass;
  }

  function isDue(name: string): boolean {
    const dueMs = seen.dueOf(name);
    // Not a time of before: what is due at once is due from now on.
    return dueMs !== undefined && dueMs <= clock.now().getTime();
  }

  /** Asks for windows where there is nothing else to do. */
  async function ask(names: readonly string[]): Promise<void> {
    const questions = names.flatMap((name) => seen.question(name) ?? []);
    const answers = await withPass((pass) => askWindows(pass, questions, signal));
    vitals.asked(answers.size);
    for (const [name, answer] of answers) if (answer !== 'changed') seen.asked(name, answer.checkAfter);
    const changed = [...answers].flatMap(([name, answer]) => (answer === 'changed' ? [name] : []));
    const found = await look(changed, signal);
    // A window that has moved may be open already. What could not be asked is still to be asked.
    for (const name of changed) if (seen.question(name) && isDue(name)) seen.rest(name, restMs, found.get(name));
  }

  /** Another process that is just working on a certificate changes its document when it ends, and that is seen. */
  const inTurn = (job: Job | undefined): readonly Job[] =>
    job ? [{ ...job, leavesToOthers: true, begins: () => void waiting.delete(job.wanted.name) }] : [];

  /** Does what is due, as the documents say now. */
  async function work(names: readonly string[]): Promise<void> {
    const documents = await look(names, signal);
    const tried = names.filter((name) => isDue(name) && !seen.question(name));
    if (tried.length === 0) return;
    const before = currentOf(tried);
    const jobs = tried.flatMap((name) => inTurn(seen.jobFor(name, documents.get(name))));
    const begun = new Set(jobs.map(({ wanted }) => wanted.name));
    for (const name of names) if (!begun.has(name)) waiting.delete(name);
    const toSweep = tried.filter((name) => seen.isToSweep(documents.get(name)));
    const outcomes = await withPass(async (pass) => {
      const ended = jobs.length > 0 ? await reconcile(pass, jobs, signal) : [];
      const errands = toSweep.map((name) => ({ group: 'sweep', limit: () => 16, run: sweeperOf(pass, name) }));
      await inLanes(pass, errands, signal);
      return ended;
    });
    const found = await look(tried, signal);
    note(outcomes, before);
    for (const name of tried) seen.rest(name, restMs, found.get(name));
    restAfter(outcomes, found, { seen, clock });
  }

  const currentOf = (names: Iterable<string>): ReadonlyMap<string, string | undefined> =>
    new Map([...names].map((name) => [name, seen.current(name)]));

  /** Takes note of which certificates this node has looked at: what its targets lack does not stand in the document. */
  function note(outcomes: readonly Outcome[], before: ReadonlyMap<string, string | undefined>): void {
    vitals.passEnded(outcomes);
    admission.passEnded(outcomes);
    for (const outcome of outcomes) {
      const { certificate, result } = outcome;
      done(outcome);
      const current = before.get(certificate);
      const isLeft = result === 'unchanged' && outcome.isOfOthers;
      if (current !== undefined && result !== 'pending' && result !== 'failed' && !isLeft)
        seen.lookedAtTargets(certificate, current);
    }
  }

  async function scan(): Promise<void> {
    for await (const page of store.scan('lineage', signal))
      for (const entry of page) await see(entry.key.name, entry, signal);
    seen.spread();
  }

  /**
   * Runs the whole pass, which finds what no single lineage shows. Other passes do what the documents show. The first one
   * reads again only the documents in which it has something to look at; later ones find damaged documents, too.
   *
   * @param absent declared certificates without a document, which may be lost
   * @param names those of them that it begins; no other pass works on them
   */
  async function workOnAll(absent: readonly string[], names: ReadonlySet<string>, isFirst: boolean): Promise<void> {
    const { jobOf } = world.declared();
    const jobs = absent.flatMap((name) => inTurn(jobOf(name, undefined)));
    const ofStored = (stored: Lineage) => jobOf(stored.name, stored);
    const leavesDue = isFirst ? seen.quiet : () => undefined;
    const leavesAbsent = (name: string) => !names.has(name);
    const wanted = { jobs, jobOf: ofStored, isWhole: true, leavesDue, leavesAbsent };
    const before = currentOf([...seen.names()].filter((name) => seen.watched(name).hasOwnTargets));
    const outcomes = await withPass((pass) => reconcileAll(pass, wanted, signal));
    note(outcomes, before);
    const found = await look(names, signal);
    for (const name of names) seen.rest(name, restMs, found.get(name));
    restAfter(outcomes, found, { seen, clock });
    for (const { certificate, ...outcome } of outcomes)
      if (outcome.result === 'failed' && isFailure(outcome.error, 'store/lineage-missing'))
        seen.rest(certificate, longestSleepMs);
  }

  /** Begins the whole pass. Until the first one has ended, it looks at the targets of this node. */
  function beginWhole(): void {
    const isFirst = nextWholeMs === Number.NEGATIVE_INFINITY;
    nextWholeMs = clock.monotonicMs() + world.wholeEveryMs;
    const absent = [...world.declared().names()].filter((name) => !seen.has(name) && !busy.has(name));
    // The others become due a little later, if no other node has begun them by then.
    const names = new Set(absent.filter((name) => !seen.isOthers(name)));
    for (const name of names) waiting.add(name);
    looksAtAll = isFirst;
    const pass = begin([...names], () => workOnAll(absent, names, isFirst));
    schedule(everything());
    void pass.finally(() => {
      looksAtAll = false;
      if (isFirst) for (const name of seen.names()) if (!busy.has(name)) due.set(name);
    });
  }

  /** One turn: takes note of what has changed, and begins what is due. Returns for how long to sleep, in ms. */
  async function turn(): Promise<number> {
    await clocks.follow();
    for (const name of changes.take()) unseen.add(name);
    const isWhole = nextWholeMs <= clock.monotonicMs();
    // A turn in which there is nothing to do reads nothing.
    if (isWhole || unseen.size > 0 || hasDue()) await readHolds();
    await clocks.followCas(seen.cas);
    followDeclarations();
    // One document that the store cannot read does not stop the work on others.
    const failure = await lookAtChanged().catch((error: unknown) => ({ error }));
    if (world.hasNewSecrets()) schedule(seen.retryFailed(busy));
    if (isWhole || hasDue() || admission.isInDoubt) {
      const again = await admission.begin(signal);
      if (!again) return pauseMs;
      for (const name of again) seen.wake(name);
      schedule(again);
    }
    if (isWhole) beginWhole();
    if (hasDue()) beginDue();
    if (failure) throw failure.error;
    // The end of a pass rings the bell.
    const nextMs = passes.size < mostPasses ? firstDueMs() : Number.POSITIVE_INFINITY;
    const untilDueMs = Math.max(nextMs - clock.now().getTime(), nextPassMs - clock.monotonicMs());
    const restMs = Math.min(untilDueMs, nextWholeMs - clock.monotonicMs(), longestSleepMs);
    return Math.max(passes.size > 0 ? gatherMs : 0, restMs) + world.lateMs();
  }

  const firstDueMs = (): number => due.firstMs() ?? Number.POSITIVE_INFINITY;
  const hasDue = (): boolean =>
    passes.size < mostPasses && nextPassMs <= clock.monotonicMs() && firstDueMs() <= clock.now().getTime();

  function beginDue(): void {
    const taken = due.take({
      jobs: mostJobs,
      others: passesForOthers < mostPassesForOthers ? mostOthers : 0,
      questions: isAsking ? 0 : mostQuestions,
      isFree: waiting.size === 0,
    });
    // What a pass works on is set anew when that ends.
    const isFree = (name: string) => !busy.has(name);
    const jobs = taken.jobs.filter(isFree);
    const others = taken.others.filter(isFree);
    const questions = taken.questions.filter(isFree);
    if (jobs.length + others.length + questions.length > 0) nextPassMs = clock.monotonicMs() + gatherMs;
    for (const name of jobs) waiting.add(name);
    if (jobs.length > 0) begin(jobs, () => work(jobs));
    if (others.length > 0) {
      passesForOthers += 1;
      void begin(others, () => work(others)).finally(() => (passesForOthers -= 1));
    }
    if (questions.length === 0) return;
    isAsking = true;
    void begin(questions, () => ask(questions)).finally(() => (isAsking = false));
  }

  /** One turn. If the store cannot be read, it is tried again a little later. */
  async function turnOrPause(): Promise<number> {
    vitals.turns();
    const sleepMs = await turn().then(
      (ms) => {
        complaint = undefined;
        vitals.store('one', undefined);
        return ms;
      },
      (error: unknown) => {
        if (signal.aborted) return pauseMs;
        const { message } = asFailure(error);
        // It is the same failure until a turn succeeds.
        vitals.store('one', complaint === message ? message : complain(engine, error));
        complaint = message;
        return pauseMs;
      },
    );
    vitals.turned(sleepMs);
    return sleepMs;
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
