import type { LimitWait } from '../../../src/core/lineage/failure.ts';
import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import type { Outcome } from '../../../src/core/plan/outcome.ts';
import { planLineage } from '../../../src/core/plan/plan.ts';
import { wakeOf } from '../../../src/core/plan/wake.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { nodeTargets } from '../../../src/core/spec/traits.ts';
import { present } from '../../../src/core/text/present.ts';
import { type Engine, type EngineProcess, inPass } from '../../../src/engine/engine.ts';
import { type CaHold, endOfCaHold, holdOf } from '../../../src/engine/ledger/ca-hold.ts';
import { inLanes } from '../../../src/engine/pass/lanes.ts';
import { reconcile, reconcileAll } from '../../../src/engine/pass/reconcile.ts';
import { sweeperOf, whatIsLeft } from '../../../src/engine/pass/sweep.ts';
import { askWindows } from '../../../src/engine/pass/windows.ts';
import type { Answer } from '../../../src/engine/path/window.ts';
import type { Entry } from '../../../src/ports/store.ts';
import type { Chance } from './chance.ts';
import { lineageIn } from './documents.ts';
import { createWakes } from './wakes.ts';

/** What this process has seen of a lineage. */
interface Seen {
  readonly lineage: Lineage;
  readonly revision: string;
  readonly sinceMs: number;
  /** When this process last asked for the window of its certificate, or found that another one has. */
  readonly askedMs: number;
  /** When to ask again, in ms since 1970, if this process has asked and stored nothing. */
  readonly checkAfterMs: number;
}

/** What a replica that keeps running needs from its world. */
export interface Surroundings {
  readonly engine: EngineProcess;
  readonly chance: Chance;
  readonly signal: AbortSignal;
  /** The specs that are declared now. */
  readonly wanted: () => ReadonlyMap<string, StoredSpec>;
  /** Takes the names of the certificates whose document or spec has changed since the last call. */
  readonly takeChanged: () => readonly string[];
  /** Calls `wake` once a document or the configuration changes. */
  readonly onChange: (wake: () => void) => void;
  /** How seldom it asks for the renewal window: a world need not try each question. */
  readonly askEveryMs: number;
  readonly done: (outcome: Outcome) => void;
}

/** A certificate that could not be finished is not tried again at once. */
const pauseMs = 60_000;
/** A process notices the changes of others after some seconds. */
const noticeMs = 15_000;
/** Others may use less than was foretold. */
const longestWaitMs = 3_600_000;
const longestMs = 7 * 86_400_000;
/** The wall clock may jump meanwhile. */
const longestSleepMs = 86_400_000;

/**
 * What a process does that keeps running: one whole pass, and then, whenever a lineage has something to do, a pass over
 * those that have. It ends when its signal aborts.
 */
export async function live(world: Surroundings): Promise<void> {
  const { engine, chance, signal } = world;
  const { clock, node, store, limits, processes } = engine;
  const seen = new Map<string, Seen>();
  const notBefore = new Map<string, number>();
  /** The current versions at which it looked at its own targets. */
  const lookedAt = new Map<string, string>();
  const wakes = createWakes();
  /** What each CA has told all of its certificates, by its directory. */
  let holds: ReadonlyMap<string, CaHold | undefined> = new Map();
  /** How far the wall clock was ahead of the monotonic one. */
  let clockAheadMs = clock.now().getTime() - clock.monotonicMs();

  const job = (wanted: StoredSpec) =>
    ({ wanted, origin: 'configuration', force: false, obeyBackoff: true, unattended: true }) as const;

  async function look(name: string): Promise<void> {
    see(name, await store.get({ kind: 'lineage', name }, signal));
  }

  function see(name: string, entry: Entry | undefined): void {
    if (!entry) return void seen.delete(name);
    const before = seen.get(name);
    if (before?.revision === entry.revision) return;
    const lineage = lineageIn(entry.bytes, name);
    const nowMs = clock.monotonicMs();
    const isAsked = before !== undefined && before.lineage.renewal?.checkAfter !== lineage.renewal?.checkAfter;
    const askedMs = isAsked ? nowMs : (before?.askedMs ?? Number.NEGATIVE_INFINITY);
    const isSame = before?.lineage.current?.id === lineage.current?.id;
    const checkAfterMs = isSame ? (before?.checkAfterMs ?? 0) : 0;
    seen.set(name, { lineage, revision: entry.revision, sinceMs: nowMs, askedMs, checkAfterMs });
  }

  /** Works out anew when it has something to do for certificates: what that follows from has changed. */
  function schedule(names: Iterable<string>): void {
    const now = clock.now();
    for (const name of names) wakes.set(name, dueOf(name, now));
  }

  /** Takes the certificates for which there is something to do now. */
  function takeDue(): readonly string[] {
    const now = clock.now();
    return wakes.takeDue(now.getTime()).filter((name) => {
      const one = seen.get(name);
      // Only a lease that lives, and a question that is put off, move with the time.
      if (!one?.lineage.work?.lease && (!one || withLaterQuestion(one, now) === one.lineage)) return true;
      const dueMs = dueOf(name, now);
      if (dueMs !== undefined && dueMs <= now.getTime()) return true;
      wakes.set(name, dueMs);
      return false;
    });
  }

  /** When it has something to do for a certificate, in ms since 1970, but not directly after a try. */
  function dueOf(name: string, now: Date): number | undefined {
    const dueMs = dueByDocument(name, now);
    const pauseMs = (notBefore.get(name) ?? 0) - clock.monotonicMs();
    return dueMs === undefined ? undefined : Math.max(dueMs, now.getTime() + pauseMs);
  }

  function dueByDocument(name: string, now: Date): number | undefined {
    const nowMs = clock.monotonicMs();
    const wanted = world.wanted().get(name);
    const one = seen.get(name);
    const lineage = one && withLaterQuestion(one, now);
    const holder = lineage?.work?.lease?.holder;
    const lease = one &&
      holder && {
        holder: processes.look(holder),
        unchangedMs: nowMs - one.sinceMs,
        leaseTtlMs: limits.leaseTtlMs,
      };
    const isNews = wanted && lineage && isToLook(wanted, lineage);
    const caHold = endOfCaHold(holds.get(wanted?.issuer.settings.directory ?? ''), lineage, now);
    return isNews ? now.getTime() : wakeOf(wanted, lineage, { now, node, lease, ...present({ caHold }) });
  }

  /** Reports whether this node has targets at which it has not looked since the current version is there. */
  const isToLook = (wanted: StoredSpec, { name, current }: Lineage): boolean =>
    current !== undefined && nodeTargets(wanted).length > 0 && lookedAt.get(name) !== current.id;

  function withLaterQuestion({ lineage, askedMs, checkAfterMs }: Seen, now: Date): Lineage {
    const { renewal } = lineage;
    if (!renewal) return lineage;
    const restMs = askedMs + world.askEveryMs - clock.monotonicMs();
    const laterMs = Math.max(checkAfterMs, restMs > 0 ? now.getTime() + Math.min(restMs, longestMs) : 0);
    if (laterMs <= (Date.parse(renewal.checkAfter ?? '') || 0)) return lineage;
    return { ...lineage, renewal: { ...renewal, checkAfter: new Date(laterMs).toISOString() } };
  }

  /** Asks for the windows of those for which there is nothing else to do. */
  async function ask(pass: Engine, names: readonly string[]): Promise<ReadonlyMap<string, Answer>> {
    const wanted = world.wanted();
    const questions = names.flatMap((name) => {
      const [spec, one] = [wanted.get(name), seen.get(name)];
      const isIdle = spec && one && !isToLook(spec, one.lineage) && !isToSweep(name);
      return isIdle ? { ...one, job: job(spec) } : [];
    });
    const answers = await askWindows(pass, questions, signal);
    for (const [name, answer] of answers) {
      const one = seen.get(name);
      if (!one || typeof answer === 'string') continue;
      const checkAfterMs = Date.parse(answer.checkAfter);
      seen.set(name, { ...one, askedMs: clock.monotonicMs(), checkAfterMs });
      wakes.set(name, dueOf(name, clock.now()));
    }
    return answers;
  }

  async function work(names: readonly string[]): Promise<void> {
    const before = currentOf(names);
    const { outcomes, tried } = await inPass(engine, async (pass) => {
      const answers = await ask(pass, names);
      const left = names.filter((name) => (answers.get(name) ?? 'not asked') === 'not asked');
      const ready = left.flatMap((name) => toReconcile(name) ?? []);
      const ended = ready.length > 0 ? await reconcile(pass, ready.map(job), signal) : [];
      const errands = left
        .filter((name) => isToSweep(name))
        .map((name) => ({ group: 'sweep', limit: () => 16, run: sweeperOf(pass, name) }));
      await inLanes(pass, errands, signal);
      return { outcomes: ended, tried: names.filter((name) => typeof answers.get(name) !== 'object') };
    });
    const touched = new Set([...tried, ...world.takeChanged()]);
    for (const name of touched) await look(name);
    note(outcomes, before);
    for (const name of tried) notBefore.set(name, clock.monotonicMs() + pauseMs);
    for (const outcome of outcomes) if (outcome.result === 'unchanged' && outcome.limited) notBeforeToken(outcome);
    schedule(touched);
  }

  function toReconcile(name: string): StoredSpec | undefined {
    const spec = world.wanted().get(name);
    if (!spec) return undefined;
    const lineage = seen.get(name)?.lineage;
    const plan = planLineage(spec, lineage, clock.now(), { obeyBackoff: true, force: false, node });
    return plan.action !== 'none' || lineage?.work !== undefined || nodeTargets(spec).length > 0 ? spec : undefined;
  }

  /** A certificate that waits for a rate limit stores nothing: its wake is the time that the pass told. */
  function notBeforeToken({ certificate, limited }: Outcome & { readonly limited?: LimitWait }): void {
    const waitMs = Date.parse(limited?.until ?? '') - clock.now().getTime();
    notBefore.set(certificate, clock.monotonicMs() + Math.max(pauseMs, Math.min(waitMs, longestWaitMs)));
  }

  function isToSweep(name: string): boolean {
    const { lineage } = seen.get(name) ?? {};
    return lineage !== undefined && whatIsLeft({ clock, processes }, lineage) !== 'nothing';
  }

  const currentOf = (names: Iterable<string>): ReadonlyMap<string, string | undefined> =>
    new Map([...names].map((name) => [name, seen.get(name)?.lineage.current?.id]));

  /** Notes which certificates this node has looked at: what its own targets lack does not stand in the document. */
  function note(outcomes: readonly Outcome[], before: ReadonlyMap<string, string | undefined>): void {
    for (const outcome of outcomes) {
      const { certificate, result } = outcome;
      world.done(outcome);
      const current = before.get(certificate);
      if (current !== undefined && result !== 'pending' && result !== 'failed') lookedAt.set(certificate, current);
    }
  }

  async function workOnAll(): Promise<void> {
    const wanted = [...world.wanted().values()];
    const all = { jobs: wanted.map(job), jobOf: () => undefined, isWhole: true, remembers: {} };
    const outcomes = await inPass(engine, (pass) => reconcileAll(pass, all, signal));
    const before = currentOf(seen.keys());
    for await (const page of store.scan('lineage', signal)) for (const entry of page) see(entry.key.name, entry);
    note(outcomes, before);
  }

  async function holdsOf(): Promise<ReadonlyMap<string, CaHold | undefined>> {
    const directories = new Set([...world.wanted().values()].map(({ issuer }) => issuer.settings.directory));
    const found = new Map<string, CaHold | undefined>();
    for (const directory of directories) found.set(directory, await holdOf(engine, directory, signal));
    return found;
  }

  const everything = (): Iterable<string> => new Set([...world.wanted().keys(), ...seen.keys()]);

  world.takeChanged();
  await workOnAll();
  schedule(everything());
  for (;;) {
    const changed = world.takeChanged();
    for (const name of changed) await look(name);
    const held = await holdsOf();
    const aheadMs = clock.now().getTime() - clock.monotonicMs();
    // What a clock has put off that was wrong may be due at once.
    const hasJumped = Math.abs(aheadMs - clockAheadMs) > 1_000;
    const isToldAnew = [...held].some(([directory, one]) => one?.until !== holds.get(directory)?.until);
    holds = held;
    clockAheadMs = aheadMs;
    schedule(hasJumped || isToldAnew ? everything() : changed);
    const due = takeDue();
    if (due.length > 0) {
      await work(due);
      continue;
    }
    // Replicas that all woke at once would only wait for each other, which some of them do.
    const lateMs = chance() < 0.15 ? chance.between(0, 3_000) : chance.between(0, 600_000);
    const restMs = (wakes.firstMs() ?? Number.POSITIVE_INFINITY) - clock.now().getTime();
    const change = new AbortController();
    world.onChange(() => change.abort('something has changed'));
    const stop = () => change.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    await clock.sleep(Math.min(restMs, longestSleepMs) + lateMs, change.signal).catch(() => undefined);
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
    if (change.signal.aborted) await clock.sleep(noticeMs, signal);
  }
}
