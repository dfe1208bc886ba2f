import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createPace, createPaces } from './pace.ts';

/** A pace, and the answers of a CA to as many requests at once as it allows, or to some. */
function bench() {
  let nowMs = 0;
  const pace = createPace({ monotonicMs: () => nowMs });
  const during = (ms: number, answers: number, happen: (askedMs: number) => void) => {
    const askedMs = nowMs;
    nowMs += ms;
    for (let i = 0; i < answers; i++) happen(askedMs);
    return pace.limit();
  };
  const round = (ms: number, answers = pace.limit()) => during(ms, answers, pace.answered);
  return { pace, during, round };
}

describe('how many certificates a CA is given at once', () => {
  it('doubles with each round of good answers, up to 256', () => {
    const { pace, round } = bench();
    expect([pace.limit(), round(50), round(60), round(40), round(50)]).toEqual([32, 64, 128, 256, 256]);
  });

  it('halves once for a round of slow answers, however many were under way', () => {
    const { round } = bench();
    round(50);
    expect(round(50)).toBe(128);
    expect(round(900, 1_000)).toBe(64);
    expect([round(900), round(50)]).toEqual([32, 64]);
  });

  it('halves once where many are refused at once, and never below 4', () => {
    const { pace, during } = bench();
    expect(during(50, 100, pace.strained)).toBe(16);
    expect([during(50, 100, pace.strained), during(50, 1, pace.strained), during(50, 1, pace.strained)]).toEqual([
      8, 4, 4,
    ]);
  });

  it('takes a rise of some ms for no sign, nor what was asked before the number changed', () => {
    const { pace, during, round } = bench();
    round(5);
    expect(round(110), 'three times slower, but only 100 ms').toBe(128);
    during(1_000, 1, pace.strained);
    expect(pace.limit()).toBe(64);
    for (let i = 0; i < 500; i += 1) pace.answered(0);
    for (let i = 0; i < 500; i += 1) pace.strained(0);
    expect(pace.limit()).toBe(64);
  });

  it('reports that it has grown, until that no longer helps', () => {
    const { pace, during, round } = bench();
    let told = 0;
    const forget = pace.onGrowth(() => {
      told += 1;
    });
    round(50);
    during(50, 1, pace.strained);
    expect(told).toBe(1);
    forget();
    round(50);
    expect(told).toBe(1);
  });
});

it('forgets its best round once the CA has not answered for an hour', () => {
  const { pace, during, round } = bench();
  round(5);
  expect(round(900), 'far slower than the best').toBe(32);
  during(3_600_000, 0, pace.answered);
  expect(round(900)).toBe(64);
});

it('is that of one CA', () => {
  const paces = createPaces(fakeClock());
  paces('https://a.test/').strained(0);
  expect(['https://a.test/', 'https://b.test/'].map((directory) => paces(directory).limit())).toEqual([16, 32]);
});
