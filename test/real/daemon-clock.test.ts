import { expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { readLineage, rewriteLineage } from '../support/e2e.ts';
import { startMovedClockHome } from '../support/moved-clock-home.ts';
import { until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const dayMs = 86_400_000;

it('orders nothing while its clock is a day ahead or behind, and at once what is due when it is right again', async () => {
  const { ca, clock, store, names, run } = await startMovedClockHome();
  const daemon = startDaemon({ certfleet: run }, { clock });
  await daemon.saw('"run.ready"');
  const dueAt = (name: string, ms: number) =>
    rewriteLineage(store, name, (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date(ms).toISOString() },
    }));
  const idOf = async (name: string) => (await readLineage(store, name)).current?.id;
  const before = await Promise.all(names.map(idOf));

  const atMs = Date.now() + 3_000;
  await dueAt('b', atMs);
  await clock.passTo(new Date(Date.now() - dayMs).toISOString());
  await until(() => Date.now() > atMs + 1_000, { what: 'it is due' });
  expect(ca.accepted('newOrder')).toBe(names.length);
  await clock.reset();
  await until(async () => (await idOf('b')) !== before[1], { what: 'it is renewed', deadlineMs: 30_000 });

  // By the wrong clock, `a` is due. Without a look at the clock, the process would sleep until then.
  await dueAt('a', Date.now() + dayMs / 2);
  await clock.passTo(new Date(Date.now() + dayMs).toISOString());
  await daemon.saw('"acme/clock-skew"');
  await clock.reset();

  expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
  expect(ca.accepted('newOrder')).toBe(names.length + 1);
  expect([await idOf('a'), await idOf('c')]).toEqual([before[0], before[2]]);
  for (const name of names) expect((await readLineage(store, name)).work?.lease).toBeUndefined();
});
