import type { Store } from '../../src/ports/store.ts';
import type { createSimulatedWorld } from './simulated-world.ts';

/**
 * A process that is killed at its gate number `killAt`: each effect passes one before it and one after it. What the
 * process left running never continues.
 */
export function killedAt(
  world: Pick<Awaited<ReturnType<typeof createSimulatedWorld>>, 'dead' | 'store'>,
  pid: () => number,
  killAt: number,
) {
  let passed = 0;
  let kill = () => {};
  const killed = new Promise<'killed'>((resolve) => {
    kill = () => resolve('killed');
  });
  const pass = async (): Promise<void> => {
    passed += 1;
    if (passed === killAt) {
      world.dead.add(pid());
      kill();
    }
    if (world.dead.has(pid())) await new Promise<never>(() => {});
  };
  async function gate<T>(effect: () => Promise<T>): Promise<T> {
    await pass();
    const done = await effect();
    await pass();
    return done;
  }
  const store: Store = {
    ...world.store,
    put: (...args) => gate(() => world.store.put(...args)),
    delete: (...args) => gate(() => world.store.delete(...args)),
  };
  return {
    gate,
    store,
    killed,
    /** How many gates it has passed. */
    passed: () => passed,
  };
}
