import { systemClock } from '../../src/lib/clock.ts';
import { createFiles } from '../../src/lib/files.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { World } from '../../src/ports/world.ts';

/** What a store needs of the world, real unless replaced; the rest is not there, so that a store that reaches for it fails. */
export function storeWorld(replaced: Partial<World> = {}): World {
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  return { clock: systemClock, random: systemRandom, files: createFiles(), log, ...replaced } as World;
}
