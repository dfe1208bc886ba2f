import { expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createVitals } from './vitals.ts';

it('knows by when the loop turns again, and how late it was', async () => {
  const clock = fakeClock();
  const vitals = createVitals(clock);
  const beganMs = clock.monotonicMs();
  vitals.turns();
  expect([vitals.turnByMs - beganMs, vitals.lateMs]).toEqual([60_000, 0]);
  vitals.turned(10_000);
  expect(vitals.turnByMs - beganMs).toBe(10_000);
  await clock.advance(10_700);
  vitals.turns();
  expect(vitals.lateMs).toBe(700);
  vitals.turned(10_000);
  await clock.advance(1_000); // something changed
  vitals.turns();
  expect([vitals.lateMs, vitals.counts.turns]).toEqual([0, 3]);
});

it('counts what passes end with, and takes a write of the store for failed until one succeeds', async () => {
  const clock = fakeClock();
  const vitals = createVitals(clock);
  const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
  const failed = (error = full): Outcome => ({ certificate: 'a', result: 'failed', message: error.message, error });
  const lost = fail('store/lineage-missing', { name: 'c' });
  const unchanged: Outcome = { certificate: 'b', result: 'unchanged', message: '' };
  const renewed: Outcome = { certificate: 'a', result: 'renewed', notAfter: '', message: '' };

  vitals.passEnded([failed(), renewed]);
  expect(vitals.cannotWrite).toContain('no space left on the disk');
  const sinceMs = clock.monotonicMs();
  await clock.advance(60_000);
  vitals.store('read', 'it is gone');
  vitals.store('read', undefined);
  vitals.passEnded([unchanged, failed(lost)]);
  expect(vitals.cannotWrite).toContain('no space left on the disk');
  expect(vitals.storeFailsSinceMs).toBe(sinceMs);
  vitals.passEnded([renewed, renewed]);
  expect([vitals.cannotWrite, vitals.storeFailsSinceMs]).toEqual([undefined, undefined]);
  expect(vitals.counts).toEqual({ turns: 0, passes: 3, windows: 0, storeFailures: 2 });
  expect([[...vitals.outcomes], [...vitals.errors]]).toEqual([
    [
      ['failed', 2],
      ['renewed', 3],
      ['unchanged', 1],
    ],
    [
      ['store/unusable', 1],
      ['store/lineage-missing', 1],
    ],
  ]);
});
