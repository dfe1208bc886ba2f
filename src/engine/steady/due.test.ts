import { expect, it } from 'vitest';
import { scoreOf } from '../../core/node/rendezvous.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createDue } from './due.ts';
import type { SeenLineages } from './seen.ts';

const none = { jobs: 0, others: 0, questions: 0, isFree: true };
const some = { ...none, jobs: 5, others: 5, questions: 5 };

interface One {
  inMs: number | undefined;
  readonly expiry?: number;
  readonly asks?: true;
  /** Another node should begin it. */
  readonly isOthers?: true;
  isLate?: boolean;
}

/** Certificates by name: when each has something to do, from now on, and when it expires, if it is stored. */
function dueOf(all: Readonly<Record<string, One>>) {
  const clock = fakeClock();
  const startMs = clock.now().getTime();
  const one = (name: string) => all[name]!;
  const seen: Pick<SeenLineages, 'dueOf' | 'notAfterMs' | 'question' | 'isOthers' | 'isLate'> = {
    dueOf: (name) => (one(name).inMs === undefined ? undefined : startMs + one(name).inMs!),
    notAfterMs: (name) => one(name).expiry ?? Number.NaN,
    question: (name) => (one(name).asks ? ({} as ReturnType<SeenLineages['question']>) : undefined),
    isOthers: (name) => one(name).isOthers === true,
    isLate: (name) => one(name).isLate === true,
  };
  const due = createDue({ clock, node: 'here' }, seen as SeenLineages);
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
  expect(due.take({ ...none, jobs: 2 })).toEqual({ jobs: ['soon', 'next'], others: [], questions: [] });
  expect(due.take({ ...none, jobs: 1 }).jobs).toEqual(['late']);
  expect(due.take({ ...none, jobs: 1 }).jobs).toEqual(['unknown']);
  expect(due.firstMs()).toBeUndefined();
});

it('takes questions and jobs apart, and not before their time', async () => {
  const { due, clock, startMs } = dueOf({
    job: { inMs: 0, expiry: 1 },
    question: { inMs: 0, expiry: 1, asks: true },
    later: { inMs: 1_000, expiry: 1, asks: true },
    never: { inMs: undefined },
  });
  expect(due.take({ ...none, jobs: 5 })).toEqual({ jobs: ['job'], others: [], questions: [] });
  expect(due.firstMs()).toBe(startMs);
  expect(due.take(some)).toEqual({ jobs: [], others: [], questions: ['question'] });
  expect(due.firstMs()).toBe(startMs + 1_000);
  await clock.advance(999);
  expect(due.take(some)).toEqual({ jobs: [], others: [], questions: [] });
  await clock.advance(1);
  expect(due.take(some).questions).toEqual(['later']);
});

it('leaves alone what has been put off since, or for ever', async () => {
  const { due, all, clock, startMs } = dueOf({ rests: { inMs: 0 }, gone: { inMs: 0 } });
  all['rests']!.inMs = 500;
  all['gone']!.inMs = undefined;
  expect(due.take(some).jobs).toEqual([]);
  expect(due.firstMs()).toBe(startMs + 500);
  await clock.advance(500);
  expect(due.take(some).jobs).toEqual(['rests']);
});

it('takes what others should have begun once it has nothing of its own left, or they leave it for long', async () => {
  const names = Array.from({ length: 9 }, (_, at) => `other ${at}`);
  const { due, all, clock, startMs } = dueOf({
    own: { inMs: 0 },
    ...Object.fromEntries(names.map((name) => [name, { inMs: 0, isOthers: true } as const])),
  });
  // Something of its own is due at the same time.
  expect(due.take(some)).toEqual({ jobs: ['own'], others: [], questions: [] });
  // A pass has not begun it yet.
  const look = async (most: Partial<typeof some>) => {
    expect(due.firstMs()).toBe(startMs + 5_000 * looks);
    await clock.advance(5_000);
    looks += 1;
    return due.take({ ...some, ...most }).others;
  };
  let looks = 1;
  expect(await look({ isFree: false })).toEqual([]);
  all['other 3']!.isLate = true;
  expect(await look({ isFree: false })).toEqual(['other 3']);
  const first = await look({ others: 4 });
  const rest = await look({});
  expect([first.length, rest.length]).toEqual([4, 4]);
  // In an order of its own.
  const order = names.filter((name) => name !== 'other 3').toSorted((a, b) => scoreOf(b, 'here') - scoreOf(a, 'here'));
  expect([...first, ...rest]).toEqual(order);
  expect(due.firstMs()).toBeUndefined();
});

it('takes all that is due from now on, although now moves on meanwhile', () => {
  let ms = 0;
  const clock = { ...fakeClock(), now: () => new Date(ms++) };
  const seen: Pick<SeenLineages, 'dueOf' | 'notAfterMs' | 'question' | 'isOthers' | 'isLate'> = {
    dueOf: () => clock.now().getTime(),
    notAfterMs: () => Number.NaN,
    question: () => undefined,
    isOthers: () => false,
    isLate: () => false,
  };
  const due = createDue({ clock, node: 'here' }, seen as SeenLineages);
  const names = Array.from({ length: 100 }, (_, at) => `n${at}`);
  for (const name of names) due.set(name);
  expect(due.take({ ...none, jobs: 100 }).jobs).toEqual(names);
});
