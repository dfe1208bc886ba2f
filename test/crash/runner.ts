import { loadSettings } from '../../src/config/load.ts';
import { isFailure } from '../../src/core/errors.ts';
import { openFleet } from '../../src/fleet.ts';
import { createWorld } from '../../src/lib/world.ts';
import { traceWorld } from './trace.ts';

/**
 * The process that the crash tests stop: one `issue` (or `renew`, `sweep`) by a configuration file, on a traced world.
 * What the command line adds (words, exit codes) has tests of its own.
 *
 * Arguments: one JSON object, see {@link RunnerRequest}. The last line on stdout is its JSON answer.
 */
export interface RunnerRequest {
  readonly config: string;
  readonly command: 'issue' | 'renew' | 'sweep';
  readonly force?: boolean;
  readonly stopAt?: string;
  readonly how?: 'SIGKILL' | 'SIGSTOP';
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
  record: request.record,
  folders: request.folders,
});
const { signal } = new AbortController();
try {
  const settings = await loadSettings({ file: request.config, files: trace.world.files, env });
  const fleet = await openFleet(settings, {
    world: trace.world,
    env,
    reporter: {
      report(event) {
        if (event.event === 'certificate.step' && typeof event.data?.step === 'string') trace.step(event.data.step);
        process.stderr.write(`${JSON.stringify(event)}\n`);
      },
    },
  });
  const result =
    request.command === 'issue'
      ? await fleet.issue({ names: [], force: request.force ?? false, staging: false }, signal)
      : request.command === 'renew'
        ? await fleet.renew({ names: [], force: request.force ?? false }, signal)
        : await fleet.sweep(signal);
  await fleet.close();
  process.stdout.write(`${JSON.stringify({ result })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: isFailure(error) ? error.code : String(error), message: String(error) })}\n`,
  );
  process.exitCode = 1;
}
