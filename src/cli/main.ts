import { asFailure } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { CliContext, Invocation, LogFile, Run, StopSignal } from './context.ts';
import { failureData, failureText, stackOf } from './failure.ts';
import { wholePathOf } from './flag-values.ts';
import { parseArguments } from './program.ts';
import { type OpenSession, openSession } from './session.ts';
import { styleOf } from './text.ts';

/** Why the run's signal was aborted. */
export class Stopped extends Error {
  readonly signalName: StopSignal;
  constructor(signalName: StopSignal) {
    super(`stopped by ${signalName}`);
    this.name = 'Stopped';
    this.signalName = signalName;
  }
}

const exitOfSignal = { SIGINT: 130, SIGTERM: 143 } as const satisfies Record<StopSignal, number>;

/** Before the configuration is read, its `shutdownBudget` is not known: its default. */
const defaultShutdownBudgetMs = 8_000;

/**
 * The command line: runs one command and answers its exit code (docs/reference/exit-codes.md). Never throws: the one
 * catcher of everything a command throws is here.
 *
 * @param argv the arguments, without node and script
 */
export async function main(argv: readonly string[], context: CliContext): Promise<number> {
  let session: OpenSession | undefined;
  try {
    const typed = parseArguments(argv, context);
    if ('exitCode' in typed) return typed.exitCode;
    const stop = new AbortController();
    session = openSession(context, typed.invocation, stop.signal, await openLog(typed.invocation, context));
    const run = await typed.command.load();
    return await interruptible(runAndClose(run, session), session, stop);
  } catch (error) {
    // What cannot even be parsed has no session yet; its failure is told in one, so that an event has its time.
    session ??= openSession(
      context,
      { args: [], flags: { json: argv.includes('--json') } },
      new AbortController().signal,
    );
    session.stopProgress();
    return await tell(error, session);
  } finally {
    if (session) await closeSoon(session);
  }
}

async function openLog({ flags }: Invocation, context: CliContext): Promise<LogFile | undefined> {
  const { logFile } = flags;
  if (typeof logFile !== 'string') return undefined;
  // biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it opens its own log
  const open = context.openLogFile ?? (await import('../lib/log-file.ts')).openLogFile;
  return open(wholePathOf('--log-file ', logFile, context.env));
}

/** Closing belongs to the run: it may stay for other processes (decision 0015), which a signal ends. */
async function runAndClose(run: Run, session: OpenSession): Promise<number> {
  const code = await run(session);
  await session.close();
  return code;
}

/** After a stop nothing is waited for longer than this: a store that hangs while it is opened would never let go. */
const closeBudgetMs = 1_000;

/** Its work is done; what cannot be closed ends with the process. */
async function closeSoon(session: OpenSession): Promise<void> {
  const closing = session.close().catch(() => undefined);
  const clock = session.openedWorld()?.clock;
  if (!session.signal.aborted || !clock) return closing;
  const over = new AbortController();
  const late = clock.sleep(closeBudgetMs, over.signal).catch(() => undefined);
  await Promise.race([closing, late]);
  over.abort();
}

/**
 * Waits for a run. The first SIGINT or SIGTERM aborts it and gives it `shutdownBudget` to clean up; what is left then
 * is journalled. The second ends the process at once. What was done all the same (the signal came too late) has its own
 * code, as its `run.finished` says.
 */
async function interruptible(running: Promise<number>, session: OpenSession, stop: AbortController): Promise<number> {
  const { signals, exit } = session.context;
  if (!signals) return running;
  const over = new AbortController();
  const stopped = new Promise<number>((resolve) => {
    const handle = (name: StopSignal) => () => {
      session.stopProgress();
      if (stop.signal.aborted) {
        exit?.(reportStopped(session, name));
        return;
      }
      stop.abort(new Stopped(name));
      const budgetMs = session.loaded()?.shutdownBudgetMs ?? defaultShutdownBudgetMs;
      const again = name === 'SIGINT' ? 'Press Ctrl-C again' : 'Send it again';
      session.note(
        `\nStopping: cleaning up for at most ${Math.ceil(budgetMs / 1_000)} s. ${again} to stop immediately.`,
      );
      const clock = session.openedWorld()?.clock;
      const budget = clock ? clock.sleep(budgetMs, over.signal).catch(() => undefined) : Promise.resolve();
      void budget.then(() => {
        if (over.signal.aborted) return;
        session.note('What is left is journalled; the next run or `certfleet sweep` finishes it.');
        resolve(reportStopped(session, name));
      });
    };
    const handlers = { SIGINT: handle('SIGINT'), SIGTERM: handle('SIGTERM') };
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      signals.on(name, handlers[name]);
      over.signal.addEventListener('abort', () => signals.off(name, handlers[name]));
    }
  });
  try {
    return await Promise.race([running, stopped]);
  } finally {
    over.abort();
  }
}

async function tell(error: unknown, session: OpenSession): Promise<number> {
  const { context, signal } = session;
  if (signal.reason instanceof Stopped) {
    session.note('Stopped. What was begun is cleaned up or journalled; the next run goes on with it.');
    return reportStopped(session, signal.reason.signalName);
  }
  const failure = asFailure(error);
  // Opens the world, whose clock the events need, where there is anybody to read them.
  if (session.json || session.verbose || session.invocation.flags['logFile'] !== undefined)
    await session.now().catch(() => undefined);
  session.debug(stackOf(error));
  reportEnd(session, failure.message, failure.exitCode, failureData(failure));
  if (!session.json) {
    const style = styleOf(context);
    context.stderr.write(`${failureText(failure, style, context.stderr.columns ?? 100, 'certfleet')}\n`);
  }
  return failure.exitCode;
}

function reportStopped(session: OpenSession, name: StopSignal): number {
  const code = exitOfSignal[name];
  reportEnd(session, `stopped by ${name}; what was begun is cleaned up or journalled`, code);
  return code;
}

/** The last event of a run that did not come to its own end. */
function reportEnd(session: OpenSession, message: string, exitCode: number, more: JsonObject = {}): void {
  const time = session.openedWorld()?.clock.now().toISOString();
  const end = { level: 'error', event: 'run.finished', message, data: { exitCode, ...more } } as const;
  if (time === undefined) session.printJson(end);
  else session.reporter.report({ v: 1, time, ...end });
}
