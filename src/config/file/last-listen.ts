import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Cache } from '../../ports/cache.ts';

/** The name in the cache under which this machine remembers where `certfleet run` listens for a configuration. */
const nameFor = (configuration: string): string =>
  `listen-${createHash('sha256').update(resolve(configuration)).digest('hex').slice(0, 32)}`;

/** Remembers where a valid configuration said to listen, for `certfleet health` while it is broken. */
export async function rememberListen(
  cache: Cache | undefined,
  configuration: string,
  address: string | undefined,
): Promise<void> {
  if ((await lastListen(cache, configuration)) === address) return;
  await cache?.write(nameFor(configuration), new TextEncoder().encode(address));
}

/** Returns where the configuration at a path said so last, if it did and this machine remembers. */
export async function lastListen(cache: Cache | undefined, configuration: string): Promise<string | undefined> {
  return new TextDecoder().decode(await cache?.read(nameFor(configuration))) || undefined;
}
