import { hookEnvironment } from '../lib/hook-environment.ts';
import type { Processes, ProcessResult } from '../ports/processes.ts';

/** Its commands take milliseconds; a minute is for an overloaded machine. */
const timeoutMs = 60_000;

/** Runs one of nginx's own commands, and returns its result if it failed. */
export async function runNginx(
  processes: Processes,
  command: readonly [string, ...string[]],
  { passEnvironment, signal }: { readonly passEnvironment: readonly string[]; readonly signal: AbortSignal },
): Promise<ProcessResult | undefined> {
  // Debian keeps nginx in /usr/sbin, which the PATH of users and of cron lacks.
  const own = hookEnvironment(passEnvironment);
  const env = { ...own, PATH: `${own['PATH']}:/usr/local/sbin:/usr/sbin:/sbin` };
  const result = await processes.run({ command, env, signal, timeoutMs });
  return result.status === 0 ? undefined : result;
}
