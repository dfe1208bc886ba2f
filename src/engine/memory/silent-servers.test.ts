import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createSilentServers } from './silent-servers.ts';

it('asks silent servers last, and as before ten minutes later', async () => {
  const clock = fakeClock();
  const silent = createSilentServers(clock);
  const [a, b, c] = ['a', 'b', 'c'].map((address) => ({ address, port: 53 })) as [never, never, never];
  silent.note(a);
  await clock.advance(300_000);
  silent.note(b);
  expect(silent.inOrder([a, b, c])).toEqual([c, a, b]);
  await clock.advance(300_000);
  expect(silent.inOrder([a, b, c])).toEqual([a, c, b]);
});
