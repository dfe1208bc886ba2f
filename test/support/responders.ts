import type { SolverContext } from '../../src/define.ts';
import type { Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import { createResponderParts } from '../../src/responder/parts.ts';
import { pki } from '../../src/x509/pki.ts';

/** What compose gives solvers, but with responders of its own for each solver. */
export const respondersOf = (
  world: World,
  store: Store,
): Pick<SolverContext<unknown>, 'responder' | 'alpnResponder'> => {
  const parts = createResponderParts({ world, store });
  return {
    responder: ({ listen }, create) => create({ listen }, parts),
    alpnResponder: (listen, create) => create({ listen }, { ...parts, pki }),
  };
};
