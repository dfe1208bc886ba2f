import { reasonOf } from '../core/errors.ts';
import { type AroundOrder, aroundOrder, briefHook, hooksKey } from '../core/hooks.ts';
import type { HookUser, LockDocument } from '../core/lock.ts';
import { remoteLines } from '../core/remote-text.ts';
import { happenedWithin } from '../core/stored-time.ts';
import type { ProcessIdentity } from '../ports/processes.ts';
import { type Engine, report } from './engine.ts';
import { forgetRun, postHookVariables } from './hooks-of-run.ts';
import type { HeldLock } from './leases/lock.ts';
import type { Run } from './run.ts';

/**
 * Hooks around orders (decision 0030). A run stands in the document `lock/hooks` from before its pre-hook until its
 * post-hook has run, so that a later run runs the post-hook of one that was killed.
 */
const resource = 'hooks';

/** How long a hook may run; stopping a server that drains its connections takes minutes. */
const timeoutMs = 5 * 60_000;
/** How long the end of a run waits for the hooks of other processes, and then for its own. */
const settleMs = 20 * 60_000;
/** For how long the journal keeps runs of other machines, or from before this one was restarted. */
const foreignMs = 7 * 86_400_000;

/** Before the order of a certificate: runs its pre-hook, if this run has not yet, and journals the post-hook. */
export async function beforeOrder({ engine, job, signal }: Run): Promise<void> {
  const pair = aroundOrder(job.wanted.spec.hooks ?? {});
  if (pair.pre === undefined && pair.post === undefined) return;
  const { entered, entering } = engine.memory.hooks;
  const key = hooksKey(pair);
  if (entered.has(key)) return;
  const entry = async () => {
    await enter(engine, pair, signal);
    entered.add(key);
  };
  await entering(key, entry, signal);
}

async function enter(engine: Engine, pair: AroundOrder, signal: AbortSignal): Promise<void> {
  const key = hooksKey(pair);
  const by = engine.processes.self();
  const isOurs = (user: HookUser) => sameProcess(user.by, by) && hooksKey(user) === key;
  const user: HookUser = { ...pair, by, since: engine.clock.now().toISOString() };
  await engine.locks.with(
    resource,
    ({ hooks = [], ...document }) => ({ ...document, hooks: [...hooks.filter((one) => !isOurs(one)), user] }),
    async (held) => {
      engine.memory.hooks.owes = true;
      const others = usersIn(held).filter((one) => !isOurs(one) && engine.processes.look(one.by) === 'alive');
      if (pair.pre === undefined || others.some(({ pre }) => pre === pair.pre)) return;
      const change = (running: ProcessIdentity | undefined) => (document: LockDocument) => ({
        ...document,
        hooks: (document.hooks ?? []).map((one) => (isOurs(one) ? { ...one, running } : one)),
      });
      await runHook(engine, ['pre-hook', pair.pre], {}, signal, (who) => held.write(change(who), signal));
      held.leave(change(undefined));
    },
    signal,
  );
}

/**
 * At the end of a run: runs the post-hooks that it owes, and those that runs owe which were killed on this machine. A
 * hook that another run still needs is left to that run. Never fails, because the certificates are done.
 *
 * @param alsoOthers whether to look for killed runs, if this run owes nothing
 */
export async function afterRun(engine: Engine, alsoOthers: boolean, signal: AbortSignal): Promise<void> {
  const { memory, clock, locks } = engine;
  if (!memory.hooks.owes && !alsoOthers) return;
  // Not the run's signal: a server that a pre-hook has stopped must start again after Ctrl-C, too.
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
    const message = `hooks after the run: ${reasonOf(error)}; the next run tries again`;
    report(engine, { level: 'alarm', event: 'hook.failed', message });
  } finally {
    deadline.done();
    forgetRun(memory.hooks);
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
    await runHook(engine, ['post-hook', post], postHookVariables(engine.memory.hooks), signal, started);
  }
  held.leave(({ hooks: _before, ...document }) => {
    const kept = others.filter(
      (one) => processes.look(one.by) === 'alive' || happenedWithin(foreignMs, one.since, now),
    );
    return kept.length > 0 ? { ...document, hooks: kept } : undefined;
  });
}

/** Whether a run is at its end: this one, or one that was killed on this machine. */
const isOver = ({ processes }: Engine, { by }: HookUser): boolean =>
  sameProcess(by, processes.self()) || processes.look(by) === 'dead';

const usersIn = ({ document }: HeldLock): readonly HookUser[] => document.hooks ?? [];

const sameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId && a.pidNamespace === b.pidNamespace;

/** Runs a hook once `started` has journalled it (decision 0016). As with certbot, its failure stops nothing. */
async function runHook(
  engine: Engine,
  [kind, command]: readonly ['pre-hook' | 'post-hook', string],
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  started: (who: ProcessIdentity) => Promise<void>,
): Promise<void> {
  const shown = `the ${kind} ${briefHook(command)}`;
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

/** The end of what a hook printed: an error of a service manager, not a log. */
const lastWords = (output: string): string =>
  remoteLines(output.split('\n').slice(-5).join('\n').slice(-600)) || 'it printed nothing';
