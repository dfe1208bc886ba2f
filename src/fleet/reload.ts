import { type ConfigurationSource, createReload, type Reload } from '../daemon/reload.ts';
import type { RunningFleet } from './run.ts';

export interface FleetReload extends Reload {
  /** Reports whether secrets have changed since the last call. */
  takeNewSecrets(): boolean;
  /** Returns how often settings or secrets have changed. */
  generation(): number;
}

/**
 * Lets a process follow its configuration and the files that it reads.
 *
 * @param wake wakes the loop
 */
export function reloadOf(
  { composed, world, settings, sources }: RunningFleet,
  source: ConfigurationSource,
  wake: () => void,
): FleetReload {
  let areNew = false;
  let generation = 0;
  const reload = createReload({
    ...{ source, world, first: settings(), reporter: composed.process.reporter },
    async declare(next) {
      await sources.useFile(next);
      generation += 1;
      wake();
    },
    async lacking(of) {
      const found = await composed.secretProblems(of);
      // The store is open, and an account that is open needs no key.
      const needed = found.filter(({ path: [group] }) => group !== 'store' && group !== 'issuers');
      return needed.map(({ path, message }) => `${path.join('.')}: ${message}`);
    },
    changed() {
      composed.readRootsAgain();
      areNew = true;
      generation += 1;
      wake();
    },
  });
  composed.onFile(reload.note);
  return {
    ...reload,
    generation: () => generation,
    takeNewSecrets() {
      const before = areNew;
      areNew = false;
      return before;
    },
  };
}
