import { asFailure } from '../core/errors/errors.ts';
import { loadLanguage } from '../core/errors/wording.ts';
import type { JsonObject } from '../core/text/json.ts';
import { mayBeCertbots, splitAtCertbot } from '../migrate/other-clients.ts';
import type { CliContext, Invocation, LogFile, Output, Run, StopSignal } from './context.ts';
import { languageTyped } from './flags/language.ts';
import { wholePathOf } from './flags/values.ts';
import { guarded } from './guard.ts';
import { detailOf, failureData, failureText, printingOf } from './output/failure.ts';
import { parseArguments, type Typed } from './program.ts';
import { registryOf } from './registry.ts';
import { type OpenSession, openSession } from './session.ts';

/** The reason of the abort signal after SIGINT or SIGTERM. */
export class Stopped extends Error {
  readonly signalName: StopSignal;
  /** Whether a person was being asked, so that nothing had begun. */
  readonly isAtQuestion: boolean;
  constructor(signalName: StopSignal, isAtQuestion: boolean) {
    super(`stopped by ${signalName}`);
    this.name = 'Stopped';
    this.signalName = signalName;
    this.isAtQuestion = isAtQuestion;
  }
}

const exitOfSignal = { SIGINT: 130, SIGTERM: 143 } as const satisfies Record<StopSignal, number>;

/** The default of `shutdownBudget`, used until the configuration has been read. */
const defaultShutdownBudgetMs = 8_000;

/**
 * The command line: runs one command, and resolves with its exit code (docs/reference/exit-codes.md). Catches
 * everything that a command throws, so it never rejects.
 *
 * @param argv the arguments, without node and script
 */
export async function main(argv: readonly string[], given: CliContext): Promise<number> {
  const context = { ...given, stdout: sized(given.stdout), stderr: sized(given.stderr) };
  let session: OpenSession | undefined;
  try {
    await loadLanguage(languageTyped(argv, context.env));
    const { typed, inOwnWords } = await parse(argv, context);
    if ('exitCode' in typed) return typed.exitCode;
    const stop = new AbortController();
    const { asksPerson, ifStopped, isService } = typed.command;
    const log = await openLog(typed.invocation, context);
    session = openSession(context, typed.invocation, stop.signal, { log, asksPerson, ifStopped, isService });
    if (inOwnWords !== undefined) session.noteWhole(inOwnWords);
    const run = await typed.command.load((words) => parseArguments(words, context));
    return await interruptible(runAndClose(run, session), session, stop);
  } catch (error) {
    // If the arguments cannot be parsed, there is no session yet. Open one, so that the error's event has a time.
    session ??= openSession(
      context,
      { args: [], flags: { json: argv.includes('--json') } },
      new AbortController().signal,
      { language: languageTyped(argv, context.env) },
    );
    session.stopProgress();
    return await tell(error, session);
  } finally {
    if (session) await closeSoon(session);
  }
}

/**
 * Gives a terminal without a size 80 columns. A terminal whose size was never set, such as below `script`, reports 0
 * columns.
 */
const sized = (output: Output): Output =>
  output.columns === 0 ? { write: (text) => output.write(text), columns: 80, rows: 24 } : output;

/** Parses the arguments. Translates certbot's flags, and prints them once as certfleet's own. */
async function parse(
  argv: readonly string[],
  context: CliContext,
): Promise<{ readonly typed: Typed; readonly inOwnWords?: string }> {
  const split = splitAtCertbot(argv);
  if (split) return { typed: withArguments(parseArguments(split.own, context), split.theirs) };
  const shown = async () =>
    `certfleet ${await (await import('./certbot/shown-words.ts')).shownOf(argv, {}, await registryOf({ context }))}`;
  if (!mayBeCertbots(argv)) return { typed: withShown(parseArguments(argv, context), shown) };
  const { inOwnWords, translate, withTranslated } = await import('./certbot/translate.ts');
  const translated = await translate(argv, await registryOf({ context }));
  const typed = withShown(parseArguments(translated.argv, context), async () => `certfleet ${translated.shown}`);
  if ('exitCode' in typed || translated.first === '') return { typed };
  const invocation = withTranslated(typed, translated);
  return { typed: { ...typed, invocation }, inOwnWords: inOwnWords(typed, translated) };
}

const withShown = (typed: Typed, shown: () => Promise<string>): Typed =>
  'exitCode' in typed ? typed : { ...typed, invocation: { ...typed.invocation, shown } };

/** Adds the words after `certfleet certbot`, which certfleet's parser leaves alone. `renew` never asks. */
function withArguments(typed: Typed, args: readonly string[]): Typed {
  if ('exitCode' in typed) return typed;
  const { asksPerson: _, ...unattended } = typed.command;
  const command = args.includes('renew') ? unattended : typed.command;
  return { command, invocation: { ...typed.invocation, args } };
}

async function openLog({ flags }: Invocation, context: CliContext): Promise<LogFile | undefined> {
  const { logFile } = flags;
  if (typeof logFile !== 'string') return undefined;
  // biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it opens its own log
  const open = context.openLogFile ?? (await import('../lib/files/log-file.ts')).openLogFile;
  return open(wholePathOf('--log-file ', logFile, context.env));
}

/**
 * Runs the command and closes the session, which belongs to the run: closing may keep answering for other processes
 * (decision 0015) until a signal ends it.
 */
async function runAndClose(run: Run, session: OpenSession): Promise<number> {
  const code = await run(session);
  await session.close();
  return code;
}

/**
 * How long to wait for the session to close after a stop. A store that hangs while it is being opened would never
 * close.
 */
const closeBudgetMs = 1_000;

/** Closes the session. After a stop, gives up after {@link closeBudgetMs}, because the process ends anyway. */
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
 * Waits for a run. The first SIGINT or SIGTERM aborts the run and gives it `shutdownBudget` to clean up; what remains
 * is journalled. The second signal ends the process at once. A run that had already finished keeps its own exit code.
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
      const isAtQuestion = session.isAsking();
      stop.abort(new Stopped(name, isAtQuestion));
      const budgetMs = session.loaded()?.shutdownBudgetMs ?? defaultShutdownBudgetMs;
      const again = name === 'SIGINT' ? 'Press Ctrl-C again' : 'Send it again';
      if (isAtQuestion) session.note('');
      else
        session.note(
          `\nStopping: cleaning up for at most ${Math.ceil(budgetMs / 1_000)} s. ${again} to stop immediately.`,
        );
      const clock = session.openedWorld()?.clock;
      const budget = clock ? clock.sleep(budgetMs, over.signal).catch(() => undefined) : Promise.resolve();
      void budget.then(() => {
        if (over.signal.aborted) return;
        session.note(`Out of time. ${unfinished(session).outOfTime}`);
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
  const { signal } = session;
  if (signal.reason instanceof Stopped) {
    session.note(
      signal.reason.isAtQuestion ? 'Stopped. Nothing was changed.' : `Stopped. ${unfinished(session).stopped}`,
    );
    return reportStopped(session, signal.reason.signalName);
  }
  const failure = guarded(asFailure(error));
  // Events need the world's clock; open it only if someone will read them.
  if (session.json || session.verbose || session.invocation.flags['logFile'] !== undefined)
    await session.now().catch(() => undefined);
  session.debug(detailOf(error));
  reportEnd(session, failure.message, failure.exitCode, failureData(failure));
  session.complain(failureText(failure, 'certfleet', printingOf(session)));
  return failure.exitCode;
}

/** Describes what a command leaves that a signal stops: if its time ran out, if it ended in time, and in short. */
function unfinished(session: OpenSession): {
  readonly outOfTime: string;
  readonly stopped: string;
  readonly brief: string;
} {
  const own = session.ifStopped;
  if (own !== undefined) {
    const text = `${own[0]?.toUpperCase() ?? ''}${own.slice(1)}.`;
    return { outOfTime: text, stopped: text, brief: own };
  }
  if (session.isInMemory())
    return {
      outOfTime: 'There is no store, so nothing is journalled: remove what is left yourself.',
      stopped: 'Nothing is journalled, because there is no store.',
      brief: 'nothing is journalled',
    };
  return {
    outOfTime: 'The rest is journalled; the next run or `certfleet sweep` cleans it up.',
    stopped: 'Unfinished work was cleaned up or journalled; the next run continues it.',
    brief: 'unfinished work was cleaned up or journalled',
  };
}

function reportStopped(session: OpenSession, name: StopSignal): number {
  const code = exitOfSignal[name];
  const { reason } = session.signal;
  const rest = reason instanceof Stopped && reason.isAtQuestion ? 'nothing was changed' : unfinished(session).brief;
  reportEnd(session, `stopped by ${name}; ${rest}`, code);
  return code;
}

/** Reports the last event of a run that failed or was stopped. */
function reportEnd(session: OpenSession, message: string, exitCode: number, more: JsonObject = {}): void {
  const time = session.openedWorld()?.clock.now().toISOString();
  const end = { level: 'error', event: 'run.finished', message, data: { exitCode, ...more } } as const;
  if (time === undefined) session.printJson(end);
  else session.reporter.report({ v: 1, time, ...end });
}
