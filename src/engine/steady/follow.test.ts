import { expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { Event } from '../../core/plan/event.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createFollower } from './follow.ts';
import { createVitals } from './vitals.ts';

const { signal } = new AbortController();

it('finds what has changed every few seconds, also after a failure, which it reports once', async () => {
  const clock = fakeClock();
  const inner = createMemoryStore();
  const events: Event[] = [];
  let isBroken = false;
  const store: typeof inner = {
    ...inner,
    changes: (...args) => {
      if (isBroken) throw fail('store/unusable', { path: 'memory', reason: 'the disk is gone', advice: '' });
      return inner.changes(...args);
    },
  };
  const put = (name: string) => inner.put({ kind: 'lineage', name }, new Uint8Array(), { ifRevision: null, signal });
  await put('before');
  const vitals = createVitals(clock);
  const engine = { store, clock, reporter: { report: (event: Event) => void events.push(event) } };
  const follower = await createFollower(engine, vitals, signal);
  let rings = 0;
  follower.onChange(() => (rings += 1));
  const heard: (readonly string[])[] = [];
  follower.hear('replica', (changed) => void heard.push(changed.map(({ key }) => key.name)));
  const stop = new AbortController();
  const following = follower.follow(stop.signal);

  await put('one');
  await inner.put({ kind: 'replica', name: 'web-1' }, new Uint8Array(), { ifRevision: null, signal });
  await clock.advance(5_000);
  expect([rings, follower.take(), follower.take()]).toEqual([1, ['one'], []]);

  isBroken = true;
  await put('two');
  await clock.advance(15_000);
  expect([rings, follower.take(), events.map(({ level }) => level)]).toEqual([1, [], ['error']]);
  expect([vitals.cannotRead, vitals.counts.storeFailures]).toEqual([expect.stringContaining('the disk is gone'), 3]);
  isBroken = false;
  await clock.advance(5_000);
  expect([rings, follower.take(), vitals.cannotRead]).toEqual([2, ['two'], undefined]);
  // Each look that succeeds is heard of, also if nothing has changed.
  expect(heard).toEqual([['web-1'], []]);

  // The machine has slept, or somebody has set its clock.
  clock.set(new Date(clock.now().getTime() - 86_400_000));
  await clock.advance(5_000);
  expect([rings, follower.take()]).toEqual([3, []]);
  await clock.advance(5_000);
  expect(rings).toBe(3);
  // The loop turns while the clock is wrong, and it is set right before the next look.
  clock.set(new Date(clock.now().getTime() + 86_400_000));
  follower.take();
  clock.set(new Date(clock.now().getTime() - 86_400_000));
  await clock.advance(5_000);
  expect([rings, follower.take()]).toEqual([4, []]);

  stop.abort();
  await following;
});
