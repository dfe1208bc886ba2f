import { hookEnvironment } from '../lib/processes/hook-environment.ts';
import type { Processes, ProcessResult } from '../ports/processes.ts';

/** nginx's commands take milliseconds. A minute is enough for an overloaded machine. */
const timeoutMs = 60_000;

/** Runs one of nginx's own commands. Returns the command's result if it failed. */
export async function runNginx(
  processes: Processes,
  command: readonly [string, ...string[]],
  { passEnvironment, signal }: { readonly passEnvironment: readonly string[]; readonly signal: AbortSignal },
): Promise<ProcessResult | undefined> {
  // Debian installs nginx in /usr/sbin, which is missing in the PATH of users and of cron.
  const own = hookEnvironment(passEnvironment);
  const env = { ...own, PATH: `${own['PATH']}:/usr/local/sbin:/usr/sbin:/sbin` };
  const result = await processes.run({ command, env, signal, timeoutMs });
  return result.status === 0 ? undefined : result;
}
