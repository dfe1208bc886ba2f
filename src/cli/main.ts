import { asFailure } from '../core/errors.ts';
import type { CliContext, StopSignal } from './context.ts';
import { failureData, failureText, stackOf } from './failure.ts';
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
    session = openSession(context, typed.invocation, stop.signal);
    const run = await typed.command.load();
    return await interruptible(run(session), session, stop);
  } catch (error) {
    session?.stopProgress();
    return await tell(error, argv, context, session);
  } finally {
    await session?.close().catch(() => undefined); // its work is done; what cannot be closed ends with the process
  }
}

/**
 * Waits for a run. The first SIGINT or SIGTERM aborts it and gives it `shutdownBudget` to clean up; what is left then
 * is journalled. The second ends the process at once.
 */
async function interruptible(running: Promise<number>, session: OpenSession, stop: AbortController): Promise<number> {
  const { signals, exit } = session.context;
  if (!signals) return running;
  const over = new AbortController();
  const stopped = new Promise<number>((resolve) => {
    const handle = (name: StopSignal) => () => {
      session.stopProgress();
      if (stop.signal.aborted) {
        exit?.(exitOfSignal[name]);
        return;
      }
      stop.abort(new Stopped(name));
      const budgetMs = session.loaded()?.shutdownBudgetMs ?? defaultShutdownBudgetMs;
      session.note(`\nStopping: cleaning up for at most ${Math.ceil(budgetMs / 1_000)} s. Once more ends it at once.`);
      const code = exitOfSignal[name];
      const clock = session.openedWorld()?.clock;
      const budget = clock ? clock.sleep(budgetMs, over.signal).catch(() => undefined) : Promise.resolve();
      void budget.then(() => {
        if (!over.signal.aborted)
          session.note('What is left is journalled; the next run or `certfleet sweep` finishes it.');
        resolve(code);
      });
    };
    const handlers = { SIGINT: handle('SIGINT'), SIGTERM: handle('SIGTERM') };
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      signals.on(name, handlers[name]);
      over.signal.addEventListener('abort', () => signals.off(name, handlers[name]));
    }
  });
  try {
    const code = await Promise.race([running, stopped]);
    const reason: unknown = stop.signal.reason;
    return reason instanceof Stopped ? exitOfSignal[reason.signalName] : code;
  } finally {
    over.abort();
  }
}

async function tell(
  error: unknown,
  argv: readonly string[],
  context: CliContext,
  session: OpenSession | undefined,
): Promise<number> {
  const stopped = session?.signal.reason;
  if (stopped instanceof Stopped) {
    session?.note('Stopped. What was begun is cleaned up or journalled; the next run goes on with it.');
    return exitOfSignal[stopped.signalName];
  }
  const failure = asFailure(error);
  if (session?.json ?? argv.includes('--json')) {
    const now = session?.openedWorld()?.clock.now().toISOString();
    const event = {
      v: 1,
      ...(now ? { time: now } : {}),
      level: 'error',
      event: 'run.finished',
      message: failure.message,
    };
    context.stdout.write(
      `${JSON.stringify({ ...event, data: { exitCode: failure.exitCode, ...failureData(failure) } })}\n`,
    );
  } else {
    const style = styleOf(context);
    context.stderr.write(`${failureText(failure, style, context.stderr.columns ?? 100, 'certfleet')}\n`);
  }
  if (context.env['CERTFLEET_DEBUG'] === '1') context.stderr.write(`${stackOf(error)}\n`);
  return failure.exitCode;
}
