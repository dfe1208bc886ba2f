import { describe, expect, it } from 'vitest';
import { knownIssuers } from '../ca/known-issuers.ts';
import { type LimitId, limitIds, limitOfAnchor, limitsOf, quotaProblem, quotaText } from './rate-limits.ts';

const production = knownIssuers['letsencrypt']!.directory;
const staging = knownIssuers['letsencrypt-staging']!.directory;

describe('limitsOf', () => {
  it('has the published limits of Let’s Encrypt', () => {
    const figures = (directory: string) => limitsOf(directory).map(({ burst, intervalMs }) => [burst, intervalMs]);
    const [minute, hour] = [60_000, 3_600_000];
    expect(limitsOf(production).map(({ id }) => id)).toEqual(limitIds);
    // One token in 36 seconds, 12 minutes, 202 minutes, 34 hours, and a day.
    expect(figures(production)).toEqual([
      [300, 36_000],
      [5, 12 * minute],
      [50, 12_096_000],
      [5, 33.6 * hour],
      [1152, 24 * hour],
    ]);
    expect(figures(staging).map(([burst]) => burst)).toEqual([1500, 200, 30_000, 30_000, 3600]);
  });

  it('replaces single limits, and takes those of a CA that is not known', () => {
    const newOrdersPerAccount = '3000/3h';
    const [orders, ...others] = limitsOf(production, { newOrdersPerAccount });
    expect(orders).toMatchObject({ burst: 3000, intervalMs: 3600, scope: 'account' });
    expect(others).toEqual(limitsOf(production).slice(1));
    expect(limitsOf('https://acme.example/directory')).toEqual([]);
    expect(limitsOf('https://acme.example/directory', { newOrdersPerAccount })).toEqual([orders]);
  });
});

it.each<[LimitId | undefined, string]>([
  ['newOrdersPerAccount', 'see https://letsencrypt.org/docs/rate-limits/#new-orders-per-account'],
  ['certificatesPerDomain', 'https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain'],
  ['certificatesPerSet', 'https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers'],
  ['certificatesPerSet', 'https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-hostnames'],
  [
    'failedAuthorizations',
    'https://letsencrypt.org/docs/rate-limits/#authorization-failures-per-identifier-per-account',
  ],
  ['failedAuthorizations', 'https://letsencrypt.org/docs/rate-limits/#authorization-failures-per-hostname-per-account'],
  ['pausingFailures', 'https://x.test/rate-limits#consecutive-authorization-failures-per-hostname-per-account.'],
  [undefined, 'https://letsencrypt.org/docs/rate-limits/#new-registrations-per-ip-address'],
  [undefined, 'https://letsencrypt.org/docs/rate-limits/'],
  [undefined, 'Please visit: https://x.test/sfe/v1/unpause?jwt=x'],
])('limitOfAnchor: %s of %s', (id, text) => expect(limitOfAnchor(text)).toBe(id));

it('says what a limit is', () => {
  expect(limitsOf(production).map((limit) => quotaText(limit, 'x.test'))).toEqual([
    '300 new orders of this account in 3 hours',
    '5 failed validations of x.test in 60 minutes',
    '50 certificates for x.test in 7 days',
    '5 certificates for exactly these names in 7 days',
    '1152 failed validations of x.test without a success, at which the CA pauses it',
  ]);
});

it.each([
  ['3000/3h', undefined],
  ['1/36500d', undefined],
  ['999999999/1s', undefined],
  ['', /a whole number and a duration, like/],
  ['3000', /a whole number and a duration, like/],
  ['3000/3', /a whole number and a duration, like/],
  ['-1/3h', /a whole number and a duration, like/],
  ['1.5/3h', /a whole number and a duration, like/],
  ['3000 / 3h', /a whole number and a duration, like/],
  ['3000/3 weeks', /a whole number and a duration, like/],
  ['99999999999999999999/3h', /^must have numbers up to 999999999$/],
  ['5/99999999999999999999h', /^must have numbers up to 999999999$/],
  ['99999999999999999999/3 weeks', /a whole number and a duration, like/],
  ['0/3h', /at least one/],
  ['5/0h', /from 1s to 36500d, not 0h/],
  ['5/999ms', /from 1s to 36500d, not 999ms/],
  ['5/36501d', /from 1s to 36500d, not 36501d/],
])('quotaProblem of %j', (text, problem) => {
  if (problem) expect(quotaProblem(text)).toMatch(problem);
  else {
    const [limit] = limitsOf('https://ca.test', { newOrdersPerAccount: text });
    expect([quotaProblem(text), limit && limit.intervalMs > 0]).toEqual([undefined, true]);
  }
});
