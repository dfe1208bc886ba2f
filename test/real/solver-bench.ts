import type { Json } from '../../src/core/text/json.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { atEnd, temporaryFolder } from '../support/service.ts';

// Shared by the tests of the three leaf solvers: the real world, a store, challenges.

export const storeId = '5f0d3c6a1b2e4d7f';

export interface Bench {
  readonly world: World;
  readonly store: Store;
  readonly logged: string[];
  readonly folder: string;
  /** Closes the solver at the end. */
  readonly keep: (solver: Solver) => Solver;
  readonly stop: () => Promise<void>;
}

export async function makeBench(): Promise<Bench> {
  const logged: string[] = [];
  const add = (line: string) => void logged.push(line);
  const world = createWorld({ env: {}, log: { debug: add, info: add, warn: add } });
  const solvers: Solver[] = [];
  const stop = async () => {
    for (const solver of solvers.splice(0)) await solver.close?.();
    await world.close();
  };
  atEnd(stop);
  return {
    world,
    store: createMemoryStore(),
    logged,
    folder: await temporaryFolder('solver'),
    keep: (solver) => {
      solvers.push(solver);
      return solver;
    },
    stop,
  };
}

let counter = 0;

export function makeChallenge(more: Partial<SolverChallenge> = {}): SolverChallenge {
  const number = String(++counter).padStart(4, '0');
  const identifier = { type: 'dns', value: `n${number}.example.test` } as const;
  const token = more.token ?? `LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAj${number}`;
  return {
    type: 'http-01',
    identifier,
    token,
    keyAuthorization: `${token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`,
    lineage: 'web',
    allIdentifiers: [identifier],
    remaining: 0,
    ...more,
  };
}

export const signal = (): AbortSignal => new AbortController().signal;
export const ignore = async (_receipt: Json): Promise<void> => {};
