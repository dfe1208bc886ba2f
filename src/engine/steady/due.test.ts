import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createDue } from './due.ts';
import type { SeenLineages } from './seen.ts';

const none = { jobs: 0, questions: 0 };

/** Certificates by name: when each has something to do, from now on, and when it expires, if it is stored. */
function dueOf(all: Readonly<Record<string, { inMs: number | undefined; expiry?: number; asks?: true }>>) {
  const clock = fakeClock();
  const startMs = clock.now().getTime();
  const one = (name: string) => all[name]!;
  const seen: Pick<SeenLineages, 'dueOf' | 'notAfterMs' | 'question'> = {
    dueOf: (name) => (one(name).inMs === undefined ? undefined : startMs + one(name).inMs!),
    notAfterMs: (name) => one(name).expiry ?? Number.NaN,
    question: (name) => (one(name).asks ? ({} as ReturnType<SeenLineages['question']>) : undefined),
  };
  const due = createDue(clock, seen as SeenLineages);
  for (const name of Object.keys(all)) due.set(name);
  return { due, all, clock, startMs };
}

it('takes the soonest expiry first, and one that is not stored last; the others stay due', () => {
  const { due } = dueOf({
    late: { inMs: -9, expiry: 30 },
    unknown: { inMs: -8 },
    soon: { inMs: -1, expiry: 10 },
    next: { inMs: -5, expiry: 20 },
  });
  expect(due.take({ jobs: 2, questions: 0 })).toEqual({ jobs: ['soon', 'next'], questions: [] });
  expect(due.take({ jobs: 1, questions: 0 }).jobs).toEqual(['late']);
  expect(due.take({ jobs: 1, questions: 0 }).jobs).toEqual(['unknown']);
  expect(due.firstMs()).toBeUndefined();
});

it('takes questions and jobs apart, and not before their time', async () => {
  const { due, clock, startMs } = dueOf({
    job: { inMs: 0, expiry: 1 },
    question: { inMs: 0, expiry: 1, asks: true },
    later: { inMs: 1_000, expiry: 1, asks: true },
    never: { inMs: undefined },
  });
  expect(due.take({ ...none, jobs: 5 })).toEqual({ jobs: ['job'], questions: [] });
  expect(due.firstMs()).toBe(startMs);
  expect(due.take({ jobs: 5, questions: 5 })).toEqual({ jobs: [], questions: ['question'] });
  expect(due.firstMs()).toBe(startMs + 1_000);
  await clock.advance(999);
  expect(due.take({ jobs: 5, questions: 5 })).toEqual({ jobs: [], questions: [] });
  await clock.advance(1);
  expect(due.take({ jobs: 5, questions: 5 }).questions).toEqual(['later']);
});

it('leaves alone what has been put off since, or for ever', async () => {
  const { due, all, clock, startMs } = dueOf({ rests: { inMs: 0 }, gone: { inMs: 0 } });
  all['rests']!.inMs = 500;
  all['gone']!.inMs = undefined;
  expect(due.take({ jobs: 5, questions: 5 }).jobs).toEqual([]);
  expect(due.firstMs()).toBe(startMs + 500);
  await clock.advance(500);
  expect(due.take({ jobs: 5, questions: 5 }).jobs).toEqual(['rests']);
});
