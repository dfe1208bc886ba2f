import { defaultPaths } from '../../config/settings/defaults.ts';
import type { Session } from '../context.ts';
import { expandHome, textOf } from './values.ts';

/** Returns the path of the configuration file, which need not exist. */
export function configurationPath({ invocation, context: { env } }: Pick<Session, 'invocation' | 'context'>): string {
  const typed = textOf(invocation.flags['config']);
  return typed === undefined ? defaultPaths(env).configuration : expandHome('--config ', typed, env);
}
