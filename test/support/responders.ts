import type { SolverContext } from '../../src/define.ts';
import type { Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';

/** What compose gives solvers, but with a responder of its own for each solver. */
export const respondersOf =
  (world: World, store: Store): SolverContext<unknown>['responder'] =>
  ({ listen }, create) =>
    create({ listen }, { world, store });
