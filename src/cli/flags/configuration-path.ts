import type { LoadRequest } from '../../config/file/load.ts';
import { defaultPaths } from '../../config/settings/defaults.ts';
import { present } from '../../core/text/present.ts';
import type { Session } from '../context.ts';
import { expandHome, textOf } from './values.ts';

type Given = Pick<Session, 'invocation' | 'context'>;

/** Returns the path of the configuration file, which need not exist. */
export const configurationPath = (session: Given): string =>
  namedPath(session) ?? defaultPaths(session.context.env).configuration;

/** Returns how to read the configuration of a command. */
export async function configurationRequest(session: Given & Pick<Session, 'world'>): Promise<LoadRequest> {
  const { env, registry } = session.context;
  const { files } = await session.world();
  return { files, env, ...present({ file: namedPath(session), registry }) };
}

function namedPath({ invocation, context }: Given): string | undefined {
  const typed = textOf(invocation.flags['config']);
  return typed === undefined ? undefined : expandHome('--config ', typed, context.env);
}
