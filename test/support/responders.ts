import type { SolverContext } from '../../src/define.ts';
import type { Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import { pki } from '../../src/x509/pki.ts';

/** What compose gives solvers, but with responders of its own for each solver. */
export const respondersOf = (
  world: World,
  store: Store,
): Pick<SolverContext<unknown>, 'responder' | 'alpnResponder'> => ({
  responder: ({ listen }, create) => create({ listen }, { world, store }),
  alpnResponder: (listen, create) => create({ listen }, { world, store, pki }),
});
