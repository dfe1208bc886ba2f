import type { SolverContext } from '../../src/define.ts';
import type { Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import { createResponder } from '../../src/responder/responder.ts';

/** What compose gives solvers, but with a responder of its own for each solver. */
export const respondersOf =
  (world: World, store: Store): SolverContext<unknown>['responder'] =>
  ({ listen }) =>
    createResponder({ listen }, { world, store });
