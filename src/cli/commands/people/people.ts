import type { Access, By } from '../../../access/access.ts';
import { isRole, type Role, roles } from '../../../core/access/role.ts';
import { fail } from '../../../core/errors/errors.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { durationMs, durationPattern } from '../../../core/text/span.ts';
import type { Session } from '../../context.ts';
import { textOf } from '../../flags/values.ts';

/** Opens the users of the store, which a new store of the configuration has none of. */
export async function accessOf(session: Session): Promise<Access> {
  const { storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({ makeStore: storeIsDeclared === true });
  return fleet.access();
}

/** Who types, as far as is known: for the audit log. */
export function typing({ context: { env } }: Session): By {
  const name = env['SUDO_USER'] || env['USER'] || env['LOGNAME'] || 'unknown';
  return { name, via: 'command' };
}

/** Returns the role that --role names. */
export function roleIn({ invocation: { flags } }: Session): Role | undefined {
  const typed = textOf(flags['role']);
  if (typed === undefined || isRole(typed)) return typed;
  const known = `one of ${roles.join(', ')}`;
  throw fail('usage/unknown-value', { typed: `--role ${typed}`, known, nearest: didYouMean(typed, roles) });
}

const minuteMs = 60_000;

/** Returns the milliseconds of a flag, at least a minute. */
export function spanIn({ invocation: { flags } }: Session, flag: string, mostDays: number): number | undefined {
  const text = textOf(flags[flag]);
  if (text === undefined) return undefined;
  const ms = durationPattern.test(text) ? durationMs(text) : 0;
  if (ms >= minuteMs && ms <= mostDays * 86_400_000) return ms;
  throw fail('usage/invalid-value', {
    typed: `--${flag} ${text}`,
    form: `a duration from 1m to ${mostDays}d, such as 30d`,
  });
}
