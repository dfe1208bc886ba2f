import { describe, expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createMemory } from '../memory/memory.ts';
import { newPass } from '../memory/pass.ts';
import { ask } from './ask.ts';

/** Calls that are refused `times` times, each with a Retry-After of so many ms. */
function refusing(times: number, retryAfterMs: number) {
  const clock = fakeClock(undefined, { auto: true });
  const memory = createMemory(clock);
  const asker = {
    engine: { clock, memory, pass: newPass('test', clock, memory) },
    issuer: { directoryUrl: 'https://ca.test/directory' },
    signal: new AbortController().signal,
  };
  let calls = 0;
  const call = async () => {
    calls += 1;
    if (calls > times) return 'done';
    const retryAt = new Date(clock.now().getTime() + retryAfterMs);
    throw fail('acme/busy', { issuer: 'CA', status: 'HTTP 503', what: 'it' }, { retryAt });
  };
  return { clock, answer: () => ask(asker, call), calls: () => calls };
}

describe('ask', () => {
  it.each([
    ['the time that was named', 1, 3_000, [3_000]],
    ['a few milliseconds once, then ever more slowly', 4, 50, [50, 2_000, 4_000, 8_000]],
    ['a second at least where that is no time or over', 4, 0, [1_000, 2_000, 4_000, 8_000]],
    ['and with our clock fast', 2, -600_000, [1_000, 2_000]],
    ['never less than was named', 3, 5_000, [5_000, 5_000, 5_000]],
  ])('waits %s', async (_what, times, named, sleeps) => {
    const { answer, clock } = refusing(times, named);
    expect(await answer()).toBe('done');
    expect(clock.sleeps).toEqual(sleeps);
  });

  it('gives up when the budget is spent, or at once when the time is further off', async () => {
    const forever = refusing(Number.POSITIVE_INFINITY, 0);
    await expect(forever.answer()).rejects.toMatchObject({ code: 'acme/busy' });
    expect(forever.calls()).toBe(10);
    const later = refusing(1, 61_000);
    await expect(later.answer()).rejects.toMatchObject({ code: 'acme/busy' });
    expect(later.calls()).toBe(1);
  });
});
