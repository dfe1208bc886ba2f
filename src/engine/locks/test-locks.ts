import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { createLocks, type Locks } from './lock.ts';

/** Locks for tests, of a process that never dies; those with the same store belong to the same installation. */
export const testLocks = (clock: Clock, store: Store = createMemoryStore(), pid = 1): Locks =>
  createLocks({
    ...{ store, clock },
    random: randomOf(seeded('locks')),
    processes: fakeProcesses({ pid }),
    limits: { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000 },
  });
