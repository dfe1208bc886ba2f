import { isAbsolute, resolve } from 'node:path';
import { checkOptions } from '../../config/options.ts';
import { type AdapterKind, adapterEntry, type Registry } from '../../config/registry.ts';
import { fail } from '../../core/errors/errors.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import type { Environment, FlagValue, Session } from '../context.ts';

export type Flags = Session['invocation']['flags'];

export const listOf = (value: FlagValue | undefined): readonly string[] =>
  Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
export const textOf = (value: FlagValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

export const cutAt = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};

/**
 * A command of certfleet that is suggested, with the flags in force that it needs to work when it is pasted: which
 * configuration and store, with its key, and that the terms were agreed to.
 */
export function withPlaces(command: string, { invocation: { flags } }: Pick<Session, 'invocation'>): string {
  const [, of = ''] = /^certfleet (\S+(?: check)?)/.exec(command) ?? [];
  if (placeless.test(of)) return command;
  const named = (['config', 'store', 'storeKey'] as const).flatMap((name) => {
    const flag = name === 'storeKey' ? '--store-key' : `--${name}`;
    if ((of === 'config check' && name !== 'config') || command.includes(` ${flag}`)) return [];
    return listOf(flags[name]).flatMap((value) => [flag, shellWord(value)]);
  });
  const isOrder = /^certfleet (issue -d|account open)/.test(command) && !command.includes(' --agree-tos');
  const agreed = isOrder && flags['agreeTos'] === true ? ['--agree-tos'] : [];
  // What follows `certbot` is certbot's.
  const [first, rest] = of === 'certbot' ? ['certfleet', command.slice('certfleet'.length)] : [command, ''];
  return `${[first, ...agreed, ...named].join(' ')}${rest}`;
}
// These read neither a configuration nor a store.
const placeless = /^(explain|providers|completion|config|--.*)$/;

/** A text whose commands (in backticks, perhaps wrapped) are completed by {@link withPlaces}. */
export const textWithPlaces = (text: string, session: Pick<Session, 'invocation'>): string =>
  text.replace(/`(certfleet\s[^`]+)`/g, (whole, typed: string) => {
    const command = typed.replaceAll(/\s*\n\s*/g, ' ');
    const completed = withPlaces(command, session);
    return completed === command ? whole : `\`${completed}\``;
  });

/** Replaces a leading `~` by the user's home folder, because a shell does not expand it in `files:~/certs`. */
export function expandHome(flag: string, path: string, env: Environment): string {
  const refused = (why: string) => fail('usage/invalid', { what: `${flag}${path}: ${why}; write an absolute path` });
  if (!path.startsWith('~')) return path;
  if (path !== '~' && !path.startsWith('~/')) throw refused('~ can only stand for your own home folder');
  const home = env['HOME'];
  if (!home) throw refused('the variable HOME is not set');
  return resolve(home, path.slice(2));
}

/** The absolute path: cron has another working directory. */
export const wholePathOf = (flag: string, path: string, env: Environment): string =>
  resolve(expandHome(flag, path, env));

/** {@link wholePathOf} for a path that is stored. Says what a relative path became. */
export function keptPath(flag: string, path: string, session: Session): string {
  const whole = wholePathOf(flag, path, session.context.env);
  if (!isAbsolute(path)) session.note(`${flag}${path} means ${whole}`);
  return whole;
}

/** Fails with `usage/invalid`, naming the flag, if an adapter does not accept these options. */
export async function checkAdapter(
  flag: string,
  kind: AdapterKind,
  options: AdapterSettings,
  session: Session,
  registry: Registry,
): Promise<void> {
  const entry = adapterEntry(registry, kind, options.type);
  if (!entry) throw fail('usage/invalid', { what: `${flag}: there is no ${kind} "${options.type}"` });
  // resolveOptions reports a missing option of a DNS provider, and names its environment variable as well.
  const problems = checkOptions(await entry.load(), options, session.context.env, { base: [] }).filter(
    ({ missing }) => kind !== 'dns' || missing !== true,
  );
  if (problems.length > 0)
    throw fail('usage/invalid', { what: `${flag}: ${problems.map(({ message }) => message).join('; ')}` });
}

/** The values of a flag, if it was given; `none` removes the stored ones. */
export function given(flags: Flags, name: string): readonly string[] | undefined {
  if (flags[name] === undefined) return undefined;
  const values = listOf(flags[name]);
  return values.length === 1 && values[0] === 'none' ? [] : values;
}
