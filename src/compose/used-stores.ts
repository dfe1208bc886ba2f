import { hash } from 'node:crypto';
import type { Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';

/** The name in the cache under which this machine remembers that it has used the store at a place. */
const nameFor = (location: string): string => `store-${hash('sha256', location).slice(0, 32)}`;

/** Remembers that there is a store at a place, for as long as the cache lasts. */
export async function rememberStore({ cache }: Pick<World, 'cache'>, { location }: Store): Promise<void> {
  if (location !== 'memory') await cache?.write(nameFor(location), new TextEncoder().encode(location));
}

/** Reports whether this machine remembers a store at a place. */
export const isRemembered = async ({ cache }: Pick<World, 'cache'>, { location }: Store): Promise<boolean> =>
  (await cache?.read(nameFor(location))) !== undefined;
