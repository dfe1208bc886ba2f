import { isForEveryHook, isOwnVariable } from '../../core/trust/hook-variables.ts';

// Belongs to the process, like the environment whose secrets it names.
const secretVariables = new Set<string>();

/** Records that a secret was read from this variable, so that no hook gets it. */
export const keepFromHooks = (name: string): void => void secretVariables.add(name);

/** cron provides almost no environment, but a hook needs to find its programs. */
const defaults = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
  LANG: 'C.UTF-8',
};

/**
 * Returns the part of certfleet's own environment that a program started by an adapter gets: the listed variables and
 * those of `passEnvironment`, but never one that may contain a secret of certfleet.
 */
export function hookEnvironment(
  passEnvironment: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const passed: Record<string, string> = { ...defaults };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || isOwnVariable(name) || secretVariables.has(name)) continue;
    if (isForEveryHook(name) || passEnvironment.includes(name)) passed[name] = value;
  }
  return passed;
}
