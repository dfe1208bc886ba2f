import { loadSettings } from '../../src/config/file/load.ts';
import { isFailure } from '../../src/core/errors/errors.ts';
import { openFleet } from '../../src/fleet.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import { type TraceOptions, traceWorld } from './trace.ts';

/**
 * The process that the crash tests stop: one `issue` (or `renew`, `sweep`) with a configuration file, in a traced
 * world. The command line's messages and exit codes are tested elsewhere.
 *
 * Arguments: one JSON object, see {@link RunnerRequest}. The last line on stdout is its JSON answer.
 */
export interface RunnerRequest {
  readonly config: string;
  readonly command: 'issue' | 'renew' | 'sweep';
  /** Certificates; all if there are none. */
  readonly names?: readonly string[];
  readonly force?: boolean;
  readonly stopAt?: string;
  readonly how?: TraceOptions['how'];
  /** Where it dies after it was stopped at `stopAt` and continued. */
  readonly killAt?: string;
  /** Instead of `command`: arguments of the real command line, which runs in the traced world. */
  readonly argv?: readonly string[];
  readonly untraced?: readonly string[];
  readonly record?: string;
  readonly folders: Readonly<Record<string, string>>;
}

const request = JSON.parse(process.argv[2] ?? '{}') as RunnerRequest;
const quiet = {
  debug() {},
  info() {},
  warn(message: string) {
    process.stderr.write(`${message}\n`);
  },
};
const env = { ...process.env };
const trace = traceWorld(createWorld({ env, log: quiet }), {
  stopAt: request.stopAt,
  how: request.how ?? 'SIGKILL',
  killAt: request.killAt,
  untraced: request.untraced,
  record: request.record,
  folders: request.folders,
});
const observe = (reporter: Reporter): Reporter => ({
  report(event) {
    if (event.event === 'certificate.step' && typeof event.data?.step === 'string') trace.step(event.data.step);
    reporter.report(event);
  },
});
const { signal } = new AbortController();
void (request.argv ? runCommandLine(request.argv) : runCommand());

/** The command line as in src/cli/index.ts, but with the traced world. */
async function runCommandLine(argv: readonly string[]): Promise<void> {
  const { main } = await import('../../src/cli/main.ts');
  const code = await main(argv, {
    env,
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: false,
    signals: process,
    exit: (exitCode) => process.exit(exitCode),
    world: trace.world,
    openFleet: (settings, context) => openFleet(settings, { ...context, reporter: observe(context.reporter) }),
  });
  process.exitCode = code;
  // The command line does not close a world that it was given.
  await trace.world.close();
  if (code >= 128) process.stdout.write('', () => process.exit(code));
}

async function runCommand(): Promise<void> {
  const { names = [] } = request;
  try {
    const settings = await loadSettings({ file: request.config, files: trace.world.files, env });
    const fleet = await openFleet(settings, {
      world: trace.world,
      env,
      reporter: observe({ report: (event) => void process.stderr.write(`${JSON.stringify(event)}\n`) }),
    });
    const result =
      request.command === 'issue'
        ? await fleet.issue({ names, force: request.force ?? false, staging: false }, signal)
        : request.command === 'renew'
          ? await fleet.renew({ names, force: request.force ?? false }, signal)
          : await fleet.sweep(signal);
    process.stdout.write(`${JSON.stringify({ result })}\n`);
    await fleet.close(signal);
  } catch (error) {
    process.stdout.write(
      `${JSON.stringify({ error: isFailure(error) ? error.code : String(error), message: String(error) })}\n`,
    );
    process.exitCode = 1;
  }
}
