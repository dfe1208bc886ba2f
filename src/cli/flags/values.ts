import { isAbsolute, resolve } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
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
 * Completes a suggested certfleet command with the present flags that it needs to work when it is pasted: the
 * configuration, the store and its key, and the agreement to the terms.
 */
export function withPlaces(command: string, { invocation: { flags } }: Pick<Session, 'invocation'>): string {
  const [, of = ''] = /^certfleet (\S+(?: check| move)?)/.exec(command) ?? [];
  if (placeless.test(of)) return command;
  const named = (['config', 'store', 'storeKey', 'node'] as const).flatMap((name) => {
    const flag = name === 'storeKey' ? '--store-key' : `--${name}`;
    if (
      (of === 'config check' && name !== 'config') ||
      (name === 'node' && !ofNode.test(of)) ||
      (of === 'store move' && name !== 'config') ||
      command.includes(` ${flag}`)
    )
      return [];
    return listOf(flags[name]).flatMap((value) => [flag, shellWord(value)]);
  });
  const isOrder = /^certfleet (issue -d|account open)/.test(command) && !command.includes(' --agree-tos');
  const agreed = isOrder && flags['agreeTos'] === true ? ['--agree-tos'] : [];
  // The flags after `certbot` are certbot's.
  const [first, rest] = of === 'certbot' ? ['certfleet', command.slice('certfleet'.length)] : [command, ''];
  return `${[first, ...agreed, ...named].join(' ')}${rest}`;
}
// These commands deliver, or run where a timer has them deliver.
const ofNode = /^(issue|renew|rollback|revoke|install-timer)$/;
// These commands read neither a configuration nor a store.
const placeless = /^(explain|providers|completion|config|--.*)$/;

/** Completes all commands in a text (in backticks, perhaps wrapped) with {@link withPlaces}. */
export const textWithPlaces = (text: string, session: Pick<Session, 'invocation'>): string =>
  text.replace(/`(certfleet\s[^`]+)`/g, (whole, typed: string) => {
    const command = typed.replaceAll(/\s*\n\s*/g, ' ');
    const completed = withPlaces(command, session);
    return completed === command ? whole : `\`${completed}\``;
  });

/** Replaces a leading `~` by the user's home folder, because a shell does not expand it in `files:~/certs`. */
export function expandHome(flag: string, path: string, env: Environment): string {
  const refused = (why: string) =>
    fail('usage/invalid-value', { typed: `${flag}${path}`, form: `an absolute path, because ${why}` });
  if (!path.startsWith('~')) return path;
  if (path !== '~' && !path.startsWith('~/')) throw refused('~ can only stand for your own home folder');
  const home = env['HOME'];
  if (!home) throw refused('the variable HOME is not set');
  return resolve(home, path.slice(2));
}

/** Returns the absolute path, because cron has another working directory. */
export const wholePathOf = (flag: string, path: string, env: Environment): string =>
  resolve(expandHome(flag, path, env));

/** Like {@link wholePathOf}, for a path that is stored. Prints what a relative path became. */
export function keptPath(flag: string, path: string, session: Session): string {
  const whole = wholePathOf(flag, path, session.context.env);
  if (!isAbsolute(path)) session.note(`${flag}${path} means ${whole}`);
  return whole;
}

export const isReference = (typed: string): boolean => /^(file|env):/.test(typed);

/** Returns a value that may be `file:PATH` or `env:NAME` in the form to store. A secret must be such a reference. */
export function referenceIn(
  typed: string,
  { flag, sign, isSecret }: { readonly flag: string; readonly sign: ' ' | '='; readonly isSecret: boolean },
  session: Session,
): string {
  if (typed.startsWith('file:')) return `file:${keptPath(`${flag}${sign}file:`, typed.slice(5), session)}`;
  if (!isSecret || isReference(typed)) return typed;
  const key = sign === '=' ? `${flag.split(' ').at(-1)}=` : '';
  throw fail('usage/secret-visible', { flag, form: `${key}file:/path or ${key}env:NAME` });
}

/** Returns `--key-type` for `keyType`. */
export const flagName = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * Returns the values of a flag, if it was given. `none` removes the stored ones. Fails with `usage/flags-exclude` for
 * `none` beside values.
 */
export function given(flags: Flags, name: string): readonly string[] | undefined {
  if (flags[name] === undefined) return undefined;
  const values = listOf(flags[name]);
  if (!values.includes('none')) return values;
  const other = values.find((one) => one !== 'none');
  if (other === undefined) return [];
  const flag = flagName(name);
  throw fail('usage/flags-exclude', {
    one: `${flag} none`,
    other: `${flag} ${other}`,
    reason: 'none removes them all',
  });
}
