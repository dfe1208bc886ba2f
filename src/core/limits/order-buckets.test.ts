import { describe, expect, it } from 'vitest';
import { registeredDomain } from '../../config/certificates/public-suffix.ts';
import { knownIssuers } from '../ca/known-issuers.ts';
import { canonicalAddress } from '../names/identifiers.ts';
import { refilledUntil } from './gcra.ts';
import {
  type Bucket,
  bucketsAsked,
  bucketsOfFailure,
  bucketsSpent,
  type OrderFacts,
  refusal,
  sinceIssue,
} from './order-buckets.ts';
import { limitsOf } from './rate-limits.ts';

const limits = limitsOf(knownIssuers['letsencrypt']!.directory);
const account = 'https://ca.test/acct/1';

const order = (values: readonly string[], facts: Partial<OrderFacts> = {}): OrderFacts => ({
  account,
  identifiers: values.map((value) => ({ type: canonicalAddress(value) ? 'ip' : 'dns', value })),
  ...{ isRenewal: false, isExempt: false, registeredDomain },
  ...facts,
});

const shown = (buckets: readonly Bucket[]) => buckets.map(({ limit, of }) => [limit.id, of]);

const names = ['b.example.com', '*.example.com', 'x.b.github.io'];
const [orders, set] = [
  ['newOrdersPerAccount', account],
  ['certificatesPerSet', '*.example.com b.example.com x.b.github.io'],
];
const failures = ['*.example.com', 'b.example.com', 'x.b.github.io'].map((name) => ['failedAuthorizations', name]);
const domains = ['b.github.io', 'example.com'].map((domain) => ['certificatesPerDomain', domain]);

describe('the buckets of an order', () => {
  it.each([
    [
      'a first issue',
      {},
      { asked: [orders, ...failures, ...domains, set], order: [orders], issued: [...domains, set] },
    ],
    ['a renewal', { isRenewal: true }, { asked: [...failures, set], order: [], issued: [set] }],
    ['an exempt order', { isExempt: true }, { asked: [], order: [], issued: [set] }],
  ])('%s', (_what, facts, expected) => {
    const one = order(names, facts);
    expect({
      asked: shown(bucketsAsked(one, limits)),
      order: shown(bucketsSpent(one, limits, 'order')),
      issued: shown(bucketsSpent(one, limits, 'issued')),
    }).toEqual(expected);
  });

  it.each([
    ['a.example.com', 'example.com'],
    ['*.a.co.uk', 'a.co.uk'],
    ['co.uk', 'co.uk'],
    ['b.github.io', 'b.github.io'],
    ['github.io', 'github.io'],
    // Boulder reads `*` as the label below a suffix.
    ['*.github.io', '*.github.io'],
    ['x.compute.amazonaws.com', 'x.compute.amazonaws.com'],
    ['www.ck', 'www.ck'],
    ['a.unknown-suffix', 'a.unknown-suffix'],
    ['64.112.117.1', '64.112.117.1/32'],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::ffff:4070:7501', '::/64'],
  ])('certificates for %s are counted by %s', (value, domain) => {
    expect(shown(bucketsAsked(order([value]), limits))).toContainEqual(['certificatesPerDomain', domain]);
  });

  it('looks at names before addresses, as Boulder does', () => {
    const asked = bucketsAsked(order(['64.112.117.1', 'b.example.com', 'a.example.com'], { isRenewal: true }), limits);
    expect(asked.map(({ of }) => of).slice(0, 3)).toEqual(['a.example.com', 'b.example.com', '64.112.117.1']);
  });

  it('counts each failure twice, for the account and the name', () => {
    expect(shown(bucketsOfFailure(account, '*.example.com', limits))).toEqual([
      ['failedAuthorizations', '*.example.com'],
      ['pausingFailures', '*.example.com'],
    ]);
  });

  it('has a key for each bucket', () => {
    const all = [
      ...bucketsAsked(order(['example.com']), limits),
      ...bucketsAsked(order(['example.com'], { account: 'https://ca.test/acct/2' }), limits),
      ...bucketsOfFailure(account, 'example.com', limits),
    ].map(({ key }) => key);
    // The domain and the set are the same for both accounts, and the failures of `account` appear twice.
    expect(all).toHaveLength(10);
    expect(new Set(all).size).toBe(7);
  });
});

describe('refusal', () => {
  const now = Date.UTC(2026, 10, 29);
  const asked = bucketsAsked(order(['example.com', 'example.org']), limits);
  const until = (waits: Readonly<Record<string, number>>) => {
    const arrivals = asked.flatMap(({ key, of, limit }) => {
      const waitMs = waits[of];
      return waitMs === undefined ? [] : [[key, refilledUntil(limit, now + waitMs)] as const];
    });
    const found = refusal(asked, new Map(arrivals), now);
    return found && [found.by.limit.id, found.by.of, found.untilMs - now];
  };
  const set = 'example.com example.org';
  it.each([
    ['none', {}, undefined],
    ['a token that comes now', { [account]: 0, [set]: 0 }, undefined],
    ['one', { [account]: 1 }, ['newOrdersPerAccount', account, 1]],
    ['the longest', { [account]: 5, 'example.com': 3 }, ['newOrdersPerAccount', account, 5]],
    ['the last of two equal ones', { 'example.com': 5, 'example.org': 5 }, ['certificatesPerDomain', 'example.org', 5]],
    ['an equal set', { 'example.com': 5, [set]: 5 }, ['certificatesPerSet', set, 5]],
  ])('%s', (_what, waits, expected) => expect(until(waits)).toEqual(expected));
});

describe('the set of a certificate that was issued', () => {
  const [issuedMs, hourMs] = [1_000_000_000_000, 3_600_000];
  const sets = bucketsAsked(order(['a.example.com']), limits).filter(({ limit }) => limit.scope === 'set');
  const usedMs = issuedMs + sets[0]!.limit.intervalMs;
  it.each([
    ['which was not written down', undefined, issuedMs, usedMs],
    ['after an earlier one, which was', issuedMs - hourMs, issuedMs, usedMs],
    ['which was written down', usedMs, issuedMs, usedMs],
    ['by another certificate', usedMs, undefined, usedMs],
    ['never', undefined, undefined, undefined],
  ])('%s', (_what, storedMs, issuedAtMs, expected) => {
    expect(sinceIssue(sets[0]!, storedMs, issuedAtMs)).toBe(expected);
  });
});
