import { expect, it } from 'vitest';
import { outcomesOf, readLineage } from '../support/e2e.ts';
import { startMovedClockHome } from '../support/moved-clock-home.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const dayMs = 86_400_000;

it('one pass with a clock 1,300 days ahead orders nothing, and neither does the next one', async () => {
  const { ca, clock, store, names, run } = await startMovedClockHome();
  const orders = ca.accepted('newOrder');
  expect(orders).toBe(3);
  const current = async () => Promise.all(names.map(async (name) => (await readLineage(store, name)).current?.id));
  const before = await current();

  await clock.passTo(new Date(Date.now() + 1_300 * dayMs).toISOString());
  const ahead = await run(['renew', '--json']);
  expect(ahead.status, ahead.stdout).toBe(4);
  expect(outcomesOf(ahead).map(({ code }) => code)).toEqual(names.map(() => 'acme/clock-skew'));
  await clock.reset();

  expect((await run(['status'])).stdout).not.toContain('interrupted');
  const normal = await run(['renew', '--json']);
  expect(normal.status, normal.stdout).toBe(0);
  expect(outcomesOf(normal).map(({ result }) => result)).toEqual(names.map(() => 'unchanged'));
  expect(ca.accepted('newOrder')).toBe(orders);
  expect(await current()).toEqual(before);
});
