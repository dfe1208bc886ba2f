import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors.ts';
import { reconcileAll } from '../../src/engine/reconcile.ts';
import { createSimulatedWorld, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

it('says what became of its certificates where the store cannot be tidied up', async () => {
  const world = await createSimulatedWorld();
  const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
  const store = { ...world.store, tidy: () => Promise.reject(full) };
  const outcomes = await reconcileAll(world.replica(1, { store }), [job(simulatedSpec())], new Map(), signal);
  expect(outcomes).toMatchObject([{ result: 'issued' }]);
});
