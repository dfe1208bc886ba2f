import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { knownIssuers } from '../ca/known-issuers.ts';
import { type Declared, type Forecast, forecast, type Waiting } from './forecast.ts';
import { look, refilledUntil, spent } from './gcra.ts';
import { bucketsAsked, bucketsSpent, type OrderFacts, refusal } from './order-buckets.ts';
import { limitsOf, type RateLimit } from './rate-limits.ts';

const now = Date.UTC(2026, 10, 29);
const [minute, day] = [60_000, 86_400_000];

/** Fewer tokens than any real CA has, so that a short list meets every limit. */
const small = limitsOf('https://ca.test/directory', {
  newOrdersPerAccount: '3/30m',
  certificatesPerDomain: '2/2h',
  certificatesPerSet: '1/1d',
  failedAuthorizations: '2/1h',
});

const order = (names: string, facts: Partial<OrderFacts> = {}): OrderFacts => ({
  account: 'account',
  identifiers: names.split(' ').map((value) => ({ type: 'dns', value })),
  ...{ isRenewal: false, isExempt: false },
  registeredDomain: (value) => value.split('.').slice(-2).join('.'),
  ...facts,
});

const waits = (names: string, rest: Partial<Waiting<string>> = {}, facts?: Partial<OrderFacts>): Waiting<string> => ({
  what: names,
  name: names,
  order: order(names, facts),
  ...rest,
});

const declaredOf = (waiting: readonly Waiting<unknown>[]): readonly Declared[] =>
  waiting.map(({ name, order: { identifiers } }) => ({ name, identifiers }));

const foretold = <T>(
  waiting: readonly Waiting<T>[],
  limits: readonly RateLimit[],
  arrivals = new Map<string, number>(),
) => forecast(waiting, { arrivals, limits, nowMs: now, declared: declaredOf(waiting) });

const shown = (answers: readonly Forecast<string>[]) =>
  answers.map(({ what, atMs, by }) => `${what} ${(atMs - now) / minute}${by ? ` ${by.of}` : ''}`);

describe('forecast', () => {
  it.each<[what: string, waiting: readonly Waiting<string>[], expected: readonly string[]]>([
    ['nothing', [], []],
    [
      'an account with 3 tokens, and one more in 10 minutes',
      ['a.a1', 'a.a2', 'a.a3', 'a.a4', 'a.a5'].map((name) => waits(name)),
      ['a.a1 0', 'a.a2 0', 'a.a3 0', 'a.a4 10 account', 'a.a5 20 account'],
    ],
    [
      'a domain whose limit delays no other domain',
      ['1.a.x', '2.a.x', '3.a.x', '4.a.x', 'b.x', 'c.x'].map((name) => waits(name)),
      ['1.a.x 0', 'b.x 0', 'c.x 0', '2.a.x 10 account', '3.a.x 60 a.x', '4.a.x 120 a.x'],
    ],
    [
      'existing certificates first, by expiry',
      [waits('new.x'), waits('b.x', { expiresAtMs: now + 2 }), waits('a.x', { expiresAtMs: now + 1 })],
      ['a.x 0', 'b.x 0', 'new.x 0'],
    ],
    [
      'equals by name',
      ['a10.x', 'b.x', 'a02.x', 'a2.x'].map((name) => waits(name)),
      ['a02.x 0', 'a2.x 0', 'a10.x 0', 'b.x 10 account'],
    ],
    [
      'one of each domain in turn',
      ['1.a.x', '2.a.x', '1.b.x', '2.b.x', '1.c.x'].map((name) => waits(name)),
      ['1.a.x 0', '1.b.x 0', '1.c.x 0', '2.a.x 10 account', '2.b.x 20 account'],
    ],
    [
      'what has failed comes last, in turn',
      [
        ...['1.a.x', '2.a.x'].map((name) => waits(name, { hasFailed: true })),
        waits('old.a.x', { hasFailed: true, expiresAtMs: now }),
        waits('1.c.x', { hasFailed: true }),
        waits('b.x'),
      ],
      ['b.x 0', 'old.a.x 0', '1.c.x 0', '1.a.x 10 account', '2.a.x 60 a.x'],
    ],
    [
      'another account, which does not wait',
      [...['a.x', 'b.x', 'c.x', 'd.x'].map((name) => waits(name)), waits('e.x', {}, { account: 'other' })],
      ['a.x 0', 'b.x 0', 'c.x 0', 'e.x 0', 'd.x 10 account'],
    ],
    [
      'what needs no token of the account or the domain',
      [
        ...['1.a.x', '2.a.x', '3.a.x'].map((name) => waits(name)),
        waits('4.a.x', {}, { isRenewal: true }),
        waits('5.a.x', {}, { isExempt: true }),
      ],
      ['1.a.x 0', '2.a.x 0', '4.a.x 0', '5.a.x 0', '3.a.x 60 a.x'],
    ],
    [
      'what is ordered already, which still costs a token of the domain',
      [waits('1.a.x', { isOrdered: true }), ...['2.a.x', '3.a.x', '1.b.x', '2.b.x'].map((name) => waits(name))],
      ['1.a.x 0', '1.b.x 0', '2.a.x 0', '2.b.x 0', '3.a.x 60 a.x'],
    ],
    [
      'the same set twice',
      [waits('b.x a.x'), { ...waits('a.x b.x'), what: 'again', name: 'c' }],
      ['b.x a.x 0', 'again 1440 a.x b.x'],
    ],
    [
      'what is due later takes no token before, and goes before what ranks lower',
      [
        ...['1.a.x', '2.a.x', '3.a.x', '4.a.x'].map((name) => waits(name)),
        waits('old.a.x', { expiresAtMs: now + day, fromMs: now + 30 * minute }),
        waits('late.b.x', { fromMs: now + day }),
      ],
      ['1.a.x 0', '2.a.x 0', 'old.a.x 60 a.x', '3.a.x 120 a.x', '4.a.x 180 a.x', 'late.b.x 1440'],
    ],
  ])('%s', (_what, waiting, expected) => {
    expect(shown(foretold(waiting, small))).toEqual(expected);
  });

  it('begins at the levels of the ledger', () => {
    const limit = small.find(({ id }) => id === 'failedAuthorizations')!;
    const arrivals = new Map([['failedAuthorizations account a.x', refilledUntil(limit, now + 7 * minute)]]);
    expect(shown(foretold([waits('a.x'), waits('b.x')], small, arrivals))).toEqual(['b.x 0', 'a.x 7 a.x']);
  });

  it('needs no limits', () => {
    expect(shown(foretold([waits('a.x'), waits('b.x')], []))).toEqual(['a.x 0', 'b.x 0']);
  });
});

/** Orders of two accounts for one or two names below four domains. */
const anyWaiting = fc.array(
  fc.record({
    names: fc.uniqueArray(fc.constantFrom<string[]>('1.a.x', '2.a.x', '1.b.x', '2.b.x', '1.c.x', 'd.x'), {
      minLength: 1,
      maxLength: 2,
    }),
    isRenewal: fc.boolean(),
    account: fc.constantFrom('one', 'two'),
    fromMs: fc.option(
      fc.integer({ min: 0, max: 200 }).map((minutes) => now + minutes * minute),
      { nil: undefined },
    ),
    expiresAtMs: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    hasFailed: fc.boolean(),
  }),
  { maxLength: 40 },
);
type Drawn = typeof anyWaiting extends fc.Arbitrary<infer A> ? A : never;

/** The second has 7 in an hour, which is no whole number of milliseconds. */
const anyLimits = fc.constantFrom(
  small,
  limitsOf('https://ca.test', {
    newOrdersPerAccount: '7/1h',
    certificatesPerDomain: '3/1h',
    certificatesPerSet: '2/50m',
  }),
);

const waitingOf = (drawn: Drawn) =>
  drawn.map(({ names, isRenewal, account, ...rest }, what) => ({
    what,
    name: String(what),
    order: order(names.join(' '), { isRenewal, account }),
    ...rest,
  }));

describe('any forecast', () => {
  it('spends no token twice, and leaves none free while an order is due that can use it', () => {
    fc.assert(
      fc.property(anyWaiting, anyLimits, (drawn, limits) => {
        const waiting = waitingOf(drawn);
        const answers = foretold(waiting, limits);
        expect(answers.map(({ what }) => what).sort((a, b) => a - b)).toEqual(waiting.map(({ what }) => what));
        const levels = new Map<string, number>();
        const pending = new Set(waiting);
        const earliest = ({ order, fromMs = now }: (typeof waiting)[number], atMs: number) => {
          const from = Math.max(fromMs, atMs);
          return refusal(bucketsAsked(order, limits), levels, from)?.untilMs ?? from;
        };
        for (const { what, atMs, by } of answers) {
          const { order } = waiting[what]!;
          // Nothing that still waits could have gone before.
          for (const one of pending) expect(earliest(one, now)).toBeGreaterThanOrEqual(atMs);
          expect(refusal(bucketsAsked(order, limits), levels, atMs)).toBeUndefined();
          expect(by !== undefined).toBe(atMs > (waiting[what]!.fromMs ?? now));
          for (const { key, limit } of [
            ...bucketsSpent(order, limits, 'order'),
            ...bucketsSpent(order, limits, 'issued'),
          ]) {
            expect(look(levels.get(key), limit, atMs).left).toBeGreaterThan(0);
            levels.set(key, spent(levels.get(key), limit, atMs));
          }
          pending.delete(waiting[what]!);
        }
      }),
    );
  });

  it('lets no account’s wait delay another account', () => {
    fc.assert(
      fc.property(anyWaiting, anyLimits, (drawn, limits) => {
        // Nothing but the account's limit is shared if each has its own domains.
        const apart = drawn.map((one) => ({
          ...one,
          names: one.names.map((name) => name.replace(/\.x$/, `.${one.account}`).replace(/^(.)\.(.)\./, '$1.$2-')),
        }));
        const times = (waiting: ReturnType<typeof waitingOf>) =>
          foretold(waiting, limits)
            .filter(({ what }) => drawn[what]!.account === 'two')
            .map(({ what, atMs }) => [what, atMs]);
        const all = waitingOf(apart);
        expect(times(all)).toEqual(times(all.filter(({ what }) => drawn[what]!.account === 'two')));
      }),
    );
  });
});

it('forecasts 10,000 orders without a loop over all of them for each', () => {
  const limits = limitsOf(knownIssuers['letsencrypt']!.directory);
  const many = (count: number, names: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => waits(names(i)));
  // Half have a domain in common besides their own. The others leave them no token of the account.
  const waiting = [...many(5000, (i) => `a.d${i} ${i}.shop.x`), ...many(5000, (i) => `a.e${i}`)];
  const began = performance.now();
  const answers = foretold(waiting, limits);
  // It takes half a second of CPU time. A quadratic one would take minutes.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(answers).toHaveLength(10_000);
  expect(answers.filter(({ atMs }) => atMs === now)).toHaveLength(300);
  // 50 of the shared domain at once, then one in 201.6 minutes.
  expect(answers.at(-1)!.atMs).toBe(now + 4950 * 201.6 * minute);
});
