import { isAbsolute, resolve } from 'node:path';
import { checkOptions } from '../config/options.ts';
import { type AdapterKind, adapterEntry, type Registry } from '../config/registry.ts';
import { fail } from '../core/errors.ts';
import type { AdapterSettings } from '../core/spec.ts';
import type { Environment, FlagValue, Session } from './context.ts';

export type Flags = Session['invocation']['flags'];

export const listOf = (value: FlagValue | undefined): readonly string[] =>
  Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
export const textOf = (value: FlagValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

export const cutAt = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};

/** A path with its `~`, which a shell leaves as it is in `files:~/certs`, replaced by the user's home folder. */
export function expandHome(flag: string, path: string, env: Environment): string {
  const refused = (why: string) => fail('usage/invalid', { what: `${flag}${path}: ${why}; write the whole path` });
  if (!path.startsWith('~')) return path;
  if (path !== '~' && !path.startsWith('~/')) throw refused('~ stands for your own home folder only');
  const home = env['HOME'];
  if (!home) throw refused('the variable HOME is not set');
  return resolve(home, path.slice(2));
}

/** A path that does not depend on the working directory: cron has another one. */
export const wholePathOf = (flag: string, path: string, env: Environment): string =>
  resolve(expandHome(flag, path, env));

/** {@link wholePathOf} for what is kept, said where something else was typed. */
export function keptPath(flag: string, path: string, session: Session): string {
  const whole = wholePathOf(flag, path, session.context.env);
  if (!isAbsolute(path)) session.note(`${flag}${path} is ${whole}`);
  return whole;
}

/** Fails with `usage/invalid`, which names the flag, where an adapter does not take these options. */
export async function checkAdapter(
  flag: string,
  kind: AdapterKind,
  options: AdapterSettings,
  session: Session,
  registry: Registry,
): Promise<void> {
  const entry = adapterEntry(registry, kind, options.type);
  if (!entry) throw fail('usage/invalid', { what: `${flag}: this certfleet has no ${kind} "${options.type}"` });
  // A missing option that has a variable is told by resolveOptions, which names that too.
  const problems = checkOptions(await entry.load(), options, session.context.env, []).filter(
    ({ missing }) => kind !== 'dns' || missing !== true,
  );
  if (problems.length > 0)
    throw fail('usage/invalid', { what: `${flag}: ${problems.map(({ message }) => message).join('; ')}` });
}
