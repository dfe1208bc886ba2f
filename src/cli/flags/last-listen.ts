import { resolve } from 'node:path';
import type { Session } from '../context.ts';
import { configurationPath } from './configuration-path.ts';

type Given = Pick<Session, 'invocation' | 'context' | 'world'>;

/** The name in the cache under which this machine remembers where `certfleet run` listens for each configuration. */
const name = 'listen';

/** Remembers where the valid configuration said to listen, for `certfleet health` while it is broken. */
export async function rememberListen(session: Given, address: string | undefined): Promise<void> {
  const { cache } = await session.world();
  const places = await remembered(session);
  const path = resolve(configurationPath(session));
  if (places[path] === address) return;
  const { [path]: _, ...others } = places;
  const next = address === undefined ? others : { ...others, [path]: address };
  await cache?.write(name, new TextEncoder().encode(JSON.stringify(next)));
}

/** Returns where it said so last, if this machine remembers. */
export const lastListen = async (session: Given): Promise<string | undefined> =>
  (await remembered(session))[resolve(configurationPath(session))];

async function remembered(session: Given): Promise<Readonly<Record<string, string>>> {
  const bytes = await (await session.world()).cache?.read(name);
  return bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>) : {};
}
