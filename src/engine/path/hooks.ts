import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteLines } from '../../core/errors/remote-text.ts';
import type { HookUser, LockDocument } from '../../core/lineage/lock.ts';
import { isSameProcess } from '../../core/lineage/process-identity.ts';
import { happenedWithin } from '../../core/lineage/stored-time.ts';
import type { Outcome, RefusedHook } from '../../core/plan/outcome.ts';
import { type AroundOrder, aroundOrder, briefHook, hooksKey } from '../../core/spec/hooks.ts';
import type { Hooks } from '../../core/spec/spec.ts';
import type { ProcessIdentity } from '../../ports/processes.ts';
import { type Engine, report } from '../engine.ts';
import type { HeldLock } from '../locks/lock.ts';
import { postHookVariables } from '../memory/hooks-of-pass.ts';
import type { Run } from '../run/run.ts';

/**
 * Hooks around orders (decision 0030). The document `lock/hooks` lists a run from before its pre-hook until its
 * post-hook has run, so that a later run runs the post-hook of a killed one.
 */
const resource = 'hooks';

/** How long a hook may run; stopping a server that drains its connections takes minutes. */
const timeoutMs = 5 * 60_000;
/** How long the end of a run waits for other processes' hooks, and then for its own. */
const settleMs = 20 * 60_000;
/** How long the journal keeps runs of other machines, and those from before a restart of this machine. */
const foreignMs = 7 * 86_400_000;

/**
 * Runs, before a certificate's order, those of its pre-hooks that have not yet run in this pass, and journals its
 * post-hooks.
 */
export async function beforeOrder({ engine, job, signal }: Run): Promise<void> {
  const { entered, entering } = engine.pass.hooks;
  for (const pair of aroundOrder(job.wanted.hooks ?? {})) {
    const key = hooksKey(pair);
    if (entered.has(key)) continue;
    const entry = async () => {
      await enter(engine, pair, signal);
      entered.add(key);
    };
    await entering(key, entry, signal);
  }
}

async function enter(engine: Engine, pair: AroundOrder, signal: AbortSignal): Promise<void> {
  const { id, hooks } = engine.pass;
  const key = hooksKey(pair);
  const isOurs = (user: HookUser) => user.run === id && hooksKey(user) === key;
  const user: HookUser = { ...pair, by: engine.processes.self(), run: id, since: engine.clock.now().toISOString() };
  await engine.locks.with(
    resource,
    ({ hooks = [], ...document }) => ({ ...document, hooks: [...hooks.filter((one) => !isOurs(one)), user] }),
    async (held) => {
      hooks.owes = true;
      const { pre } = pair;
      const others = usersIn(held).filter((one) => !isOver(engine, one) && engine.processes.look(one.by) === 'alive');
      if (pre === undefined || hooks.ran.has(pre) || others.some((one) => one.pre === pre)) return;
      const change = (running: ProcessIdentity | undefined) => (document: LockDocument) => ({
        ...document,
        hooks: (document.hooks ?? []).map((one) => (isOurs(one) ? { ...one, running } : one)),
      });
      await runHook(engine, ['pre-hook', pre], {}, signal, (who) => held.write(change(who), signal));
      hooks.ran.add(pre);
      held.leave(change(undefined));
    },
    signal,
  );
}

/**
 * Adds to the outcomes the hooks of their certificates that other users could change. Every run checks the hooks, so
 * that a person knows before an order needs them.
 */
export async function withRefusedHooks(
  { connect }: Engine,
  hooksOf: ReadonlyMap<string, Hooks>,
  outcomes: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const looked = new Map<string, Promise<RefusedHook | undefined>>();
  const look = (kind: 'pre-hook' | 'post-hook', command: string) => {
    const key = `${kind} ${command}`;
    const refusal = looked.get(key) ?? refusalOf(connect, kind, command);
    looked.set(key, refusal);
    return refusal;
  };
  const told = async (outcome: Outcome): Promise<Outcome> => {
    const pairs = aroundOrder(hooksOf.get(outcome.certificate) ?? {});
    const looks = pairs.flatMap(({ pre, post }) => [
      ...(pre === undefined ? [] : [look('pre-hook', pre)]),
      ...(post === undefined ? [] : [look('post-hook', post)]),
    ]);
    const refusedHooks = (await Promise.all(looks)).filter((one) => one !== undefined);
    return refusedHooks.length > 0 ? { ...outcome, refusedHooks } : outcome;
  };
  return Promise.all(outcomes.map((outcome) => (hooksOf.has(outcome.certificate) ? told(outcome) : outcome)));
}

async function refusalOf(
  { hooks }: Engine['connect'],
  kind: 'pre-hook' | 'post-hook',
  command: string,
): Promise<RefusedHook | undefined> {
  try {
    await hooks.check(command);
    return undefined;
  } catch (error) {
    if (!isFailure(error, 'config/untrusted-code')) return undefined; // running it will report the error
    return { what: nameOf(kind, command), code: error.code, reason: reasonOf(error), hint: error.hint };
  }
}

const nameOf = (kind: 'pre-hook' | 'post-hook', command: string): string => `the ${kind} ${briefHook(command)}`;

/** Runs, at the end of a run, the post-hooks that the run still has to run. */
export async function afterRun(engine: Engine, signal: AbortSignal): Promise<void> {
  if (engine.pass.hooks.owes) await settleRuns(engine, signal);
}

/**
 * Runs the post-hooks of this run, and of killed runs on this machine. A hook that another run still needs is left to
 * that run. Never fails: before a run, the certificates can still be tried, and at its end they are done.
 */
export async function settleRuns(engine: Engine, signal: AbortSignal): Promise<void> {
  const { clock, locks } = engine;
  // Not the run's signal: a server that a pre-hook has stopped must start again even after Ctrl-C.
  const deadline = clock.deadline(settleMs);
  try {
    const { hooks = [] } = await locks.read(resource, deadline.signal);
    if (!hooks.some((user) => isOver(engine, user))) return;
    await engine.connect.hooks.freePorts(signal);
    await locks.with(
      resource,
      (document) => document,
      (held) => settle(engine, held, deadline.signal),
      deadline.signal,
    );
  } catch (error) {
    const message = `post-hooks: ${reasonOf(error)}; the next run tries again`;
    report(engine, { level: 'alarm', event: 'hook.failed', message });
  } finally {
    deadline.done();
  }
}

async function settle(engine: Engine, held: HeldLock, signal: AbortSignal): Promise<void> {
  const { processes, clock } = engine;
  const users = usersIn(held);
  const over = users.filter((user) => isOver(engine, user));
  const others = users.filter((user) => !over.includes(user));
  const isNeeded = (post: string) => others.some((one) => one.post === post && processes.look(one.by) === 'alive');
  // The pre-hook of a killed run may still be stopping what the post-hook starts.
  for (const { running } of over) if (running) await processes.end(running, signal);
  const posts = new Set(over.flatMap(({ post }) => (post === undefined || isNeeded(post) ? [] : [post])));
  const now = clock.now();
  for (const post of posts) {
    const started = (running: ProcessIdentity) =>
      held.write(
        (document) => ({
          ...document,
          hooks: (document.hooks ?? []).map((one) =>
            one.post === post && isOver(engine, one) ? { ...one, running } : one,
          ),
        }),
        signal,
      );
    await runHook(engine, ['post-hook', post], postHookVariables(engine.pass.hooks), signal, started);
  }
  held.leave(({ hooks: _before, ...document }) => {
    const kept = others.filter(
      (one) => processes.look(one.by) === 'alive' || happenedWithin(foreignMs, one.since, now),
    );
    return kept.length > 0 ? { ...document, hooks: kept } : undefined;
  });
}

/**
 * Reports whether a pass has ended: this one, one of this process that failed to settle, or one that was killed on this
 * machine.
 */
const isOver = ({ processes, memory, pass }: Engine, { by, run }: HookUser): boolean =>
  isSameProcess(by, processes.self()) ? run === pass.id || !memory.passes.has(run) : processes.look(by) === 'dead';

const usersIn = ({ document }: HeldLock): readonly HookUser[] => document.hooks ?? [];

/** Runs a hook once `started` has journalled it (decision 0016). As with certbot, a failure stops nothing. */
async function runHook(
  engine: Engine,
  [kind, command]: readonly ['pre-hook' | 'post-hook', string],
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  started: (who: ProcessIdentity) => Promise<void>,
): Promise<void> {
  const shown = nameOf(kind, command);
  const data = { hook: kind };
  const failed = (why: string) =>
    // A post-hook that fails may leave a server stopped.
    report(engine, {
      level: kind === 'post-hook' ? 'alarm' : 'warn',
      event: 'hook.failed',
      message: `${shown} ${why}`,
      data,
    });
  try {
    await engine.connect.hooks.check(command);
    const { status, stdout, stderr } = await engine.processes.run({
      command: ['/bin/sh', '-c', command],
      env: { ...engine.connect.hooks.environment(), ...variables },
      signal,
      timeoutMs,
      onStart: started,
    });
    if (status === 0) return report(engine, { level: 'info', event: 'hook.ran', message: `${shown} has run`, data });
    failed(`ended with ${status}: ${lastWords(stderr.trim() || stdout)}`);
  } catch (error) {
    signal.throwIfAborted();
    failed(`failed: ${reasonOf(error)}`);
  }
}

/** Returns the end of a hook's output: enough for an error of a service manager, but not a log. */
const lastWords = (output: string): string =>
  remoteLines(output.split('\n').slice(-5).join('\n').slice(-600)) || 'it printed nothing';
