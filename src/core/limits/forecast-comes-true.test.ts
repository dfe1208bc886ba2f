import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Declared, forecast, type Waiting } from './forecast.ts';
import { spent } from './gcra.ts';
import {
  type Bucket,
  bucketsAsked,
  bucketsOfFailure,
  bucketsSpent,
  type OrderFacts,
  refusal,
} from './order-buckets.ts';
import { limitsOf } from './rate-limits.ts';

// A forecast is made once, before the first order, as `issue` does. Then passes repeat, each with a forecast of its own,
// and every certificate must come when the first one said.

const startMs = Date.UTC(2026, 10, 29);
const [minuteMs, hourMs] = [60_000, 3_600_000];
const registeredDomain = (value: string) => value.split('.').slice(-2).join('.');

/** The limits of Let's Encrypt, of which a short list meets each. */
const limits = limitsOf('https://ca.test/directory', {
  newOrdersPerAccount: '12/2h',
  certificatesPerDomain: '5/1d',
  certificatesPerSet: '2/7d',
  failedAuthorizations: '2/1h',
  pausingFailures: '4/4d',
});

interface Certificate extends Declared {
  readonly account?: string;
  /** Its validation fails so often, beginning with the first. */
  readonly failures?: number;
  /** It was issued before all others. */
  readonly isIssued?: boolean;
}

const dns = (...names: readonly string[]) => names.map((value) => ({ type: 'dns', value }) as const);
const below = (domain: string, count: number, more: Partial<Certificate> = {}): readonly Certificate[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `${domain}-${at}`,
    identifiers: dns(`n${at}.${domain}.x`),
    ...more,
  }));
const each = (count: number, more: Partial<Certificate> = {}, word = 'own'): readonly Certificate[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `${word}-${at}`,
    identifiers: dns(`www.${word}${at}.x`),
    ...more,
  }));

interface Life {
  readonly foreseenMs: ReadonlyMap<string, number>;
  readonly issuedMs: ReadonlyMap<string, number>;
}

/** @param nextRun when the next pass runs, of which the forecast of this one says when it has something to do */
function live(declared: readonly Certificate[], nextRun: (nowMs: number, wakeMs: number) => number): Life {
  const arrivals = new Map<string, number>();
  const spend = (buckets: readonly Bucket[], nowMs: number) => {
    for (const { key, limit } of buckets) arrivals.set(key, spent(arrivals.get(key), limit, nowMs));
  };
  const facts = ({ account = 'account', identifiers }: Certificate): OrderFacts => ({
    ...{ account, identifiers, isRenewal: false, isExempt: false, registeredDomain },
  });
  const failures = new Map<string, { readonly count: number; readonly retryMs: number }>();
  const foreseenMs = new Map<string, number>();
  const issuedMs = new Map<string, number>();
  for (const one of declared.filter(({ isIssued }) => isIssued)) {
    spend(bucketsSpent(facts(one), limits, 'issued'), startMs);
    issuedMs.set(one.name, startMs);
  }

  const waitingAt = (nowMs: number): readonly Waiting<Certificate>[] =>
    declared
      .filter(({ name }) => !issuedMs.has(name))
      .map((what) => ({
        ...{ what, name: what.name, order: facts(what) },
        hasFailed: failures.has(what.name),
        fromMs: failures.get(what.name)?.retryMs ?? nowMs,
      }));

  function order(what: Certificate, atMs: number): void {
    const { name, account = 'account', identifiers, failures: fails = 0 } = what;
    expect(refusal(bucketsAsked(facts(what), limits), arrivals, atMs), name).toBeUndefined();
    spend(bucketsSpent(facts(what), limits, 'order'), atMs);
    const { count = 0 } = failures.get(name) ?? {};
    if (count < fails) {
      spend(bucketsOfFailure(account, identifiers[0]!.value, limits), atMs);
      failures.set(name, { count: count + 1, retryMs: atMs + Math.min(10 ** count, 100) * minuteMs });
    } else {
      spend(bucketsSpent(facts(what), limits, 'issued'), atMs);
      issuedMs.set(name, atMs);
    }
  }

  for (let nowMs = startMs; ; ) {
    const all = forecast(waitingAt(nowMs), { arrivals, limits, nowMs, declared });
    if (nowMs === startMs) for (const { what, atMs } of all) foreseenMs.set(what.name, atMs);
    const later = all.filter(({ atMs }) => atMs > nowMs + minuteMs);
    for (const { what, atMs } of all) if (atMs <= nowMs + minuteMs) order(what, atMs);
    const retries = [...failures].flatMap(([name, { retryMs }]) => (issuedMs.has(name) ? [] : [retryMs]));
    const wakeMs = Math.min(...later.map(({ atMs }) => atMs), ...retries.filter((ms) => ms > nowMs));
    if (wakeMs === Number.POSITIVE_INFINITY) return { foreseenMs, issuedMs };
    nowMs = nextRun(nowMs, wakeMs);
  }
}

const atEachWake = (nowMs: number, wakeMs: number) => Math.max(wakeMs, nowMs + 1);
const hourly = (nowMs: number) => nowMs + hourMs;

/** Returns how many minutes after their time the certificates came, of those that come at once with success. */
function delays(declared: readonly Certificate[], nextRun = atEachWake): readonly number[] {
  const { foreseenMs, issuedMs } = live(declared, nextRun);
  return declared
    .filter(({ isIssued, failures = 0 }) => !isIssued && failures === 0)
    .map(({ name }) => (issuedMs.get(name)! - foreseenMs.get(name)!) / minuteMs);
}

const shapes: readonly [string, readonly Certificate[]][] = [
  ['one large domain and many of one name', [...below('big', 20), ...each(40)]],
  ['domains of different sizes', [...below('a', 3), ...below('b', 12), ...below('c', 7), ...each(10)]],
  [
    'two accounts with names below one domain',
    [
      ...below('a', 8, { account: 'one' }),
      ...below('b', 8, { account: 'two' }),
      ...each(25, { account: 'one' }, 'one'),
      ...each(14, { account: 'two' }, 'two'),
    ],
  ],
  [
    'some that were issued before, of which others are in the middle',
    [
      ...below('a', 12).map((one, at) => (at % 3 === 1 ? { ...one, isIssued: true } : one)),
      ...below('b', 6).map((one, at) => (at < 4 ? { ...one, isIssued: true } : one)),
      ...each(30).map((one, at) => (at % 5 === 0 ? { ...one, isIssued: true } : one)),
    ],
  ],
  [
    'names that fail, each with a domain of its own',
    [...each(8, { failures: 3 }, 'bad'), ...below('a', 9), ...each(30)],
  ],
  [
    'certificates with names below several domains',
    [
      ...each(20).map((one, at) => ({ ...one, identifiers: [...one.identifiers, ...dns(`n${at}.a.x`)] })),
      ...below('a', 6),
      ...below('b', 9),
    ],
  ],
];

describe('a forecast comes true within a minute if passes run when certificates are due', () => {
  it.each(shapes)('%s', (_what, declared) => {
    for (const delay of delays(declared)) expect(Math.abs(delay)).toBeLessThanOrEqual(1);
  });

  it('in any mixture', () => {
    const certificate = fc.record({
      domain: fc.constantFrom('a', 'a', 'b', 'c', 'd'),
      isOwn: fc.boolean(),
      other: fc.constantFrom('', '', 'a', 'b'),
      account: fc.constantFrom('one', 'two'),
      isIssued: fc.integer({ min: 0, max: 3 }).map((one) => one === 0),
    });
    fc.assert(
      fc.property(fc.array(certificate, { maxLength: 40 }), (drawn) => {
        const declared = drawn.map(({ domain, isOwn, other, account, isIssued }, at) => ({
          name: `n${at}`,
          identifiers: dns(`n${at}.${isOwn ? `own${at}` : domain}.x`, ...(other ? [`n${at}.${other}.x`] : [])),
          ...{ account, isIssued },
        }));
        for (const delay of delays(declared)) expect(Math.abs(delay)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

// Later passes begin with fewer tokens: a bucket that is full gets none until the first is taken. If certificates of
// several accounts or domains wait for one, that can change which of them comes first, and each pass says the new times.
it.each(shapes)('%s come within an hour of their time if passes run hourly', (_what, declared) => {
  for (const delay of delays(declared, hourly)) {
    expect(delay).toBeGreaterThanOrEqual(-1);
    expect(delay).toBeLessThanOrEqual(61);
  }
});

it('names that fail delay no other certificate of their domain', () => {
  const declared = [...below('a', 12).map((one, at) => ({ ...one, failures: at % 3 === 0 ? 4 : 0 })), ...each(20)];
  for (const delay of delays(declared)) expect(delay).toBeLessThanOrEqual(1);
});
