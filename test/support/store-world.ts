import { systemClock } from '../../src/lib/clock.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { World } from '../../src/ports/world.ts';

/** The parts of the world that a store needs, real unless replaced. Others are missing, so that using them fails. */
export function storeWorld(replaced: Partial<World> = {}): World {
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  return {
    clock: systemClock,
    random: systemRandom,
    files: createFiles(),
    log,
    hostName: () => 'here',
    ...replaced,
  } as World;
}
