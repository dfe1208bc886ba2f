import { expect, it } from 'vitest';
import { knownIssuers } from '../../core/ca/known-issuers.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import type { Wishes } from '../../core/spec/spec.ts';
import { checkOrder } from './order-limits.ts';

const names = (count: number): readonly Identifier[] =>
  Array.from({ length: count }, (_, n) => ({ type: 'dns', value: `n${n}.example.com` }));
const addresses = ['192.0.2.1', '2001:db8::1'].map((value): Identifier => ({ type: 'ip', value }));
const now = new Date('2026-11-24T12:00:00Z');

const check = (name: string, identifiers: readonly Identifier[], wishes: Wishes) => {
  const { directory } = knownIssuers[name] ?? { directory: 'https://ca.example.com/directory' };
  const settings = { directory, email: [], agreeToTerms: true, test: false };
  return () => checkOrder({ identifiers, issuer: { name, settings }, wishes }, now);
};

it.each<[string, string, readonly Identifier[], Wishes, string, RegExp]>([
  [
    'conformance 12: 26 names with tlsserver',
    ...(['letsencrypt', names(26), { profile: 'tlsserver' }] as const),
    'with the profile tlsserver, the issuer letsencrypt accepts at most 25 identifiers',
    /^Use `--profile classic`/,
  ],
  [
    '26 names with shortlived at staging',
    ...(['letsencrypt-staging', names(26), { profile: 'shortlived' }] as const),
    'with the profile shortlived, the issuer letsencrypt-staging accepts at most 25 identifiers',
    /^Use `--profile classic`/,
  ],
  [
    'conformance 13: an address without shortlived',
    ...(['letsencrypt', addresses, {}] as const),
    'with the profile classic, the issuer letsencrypt accepts no IP addresses',
    /^Use `--profile shortlived`.*including IP addresses/,
  ],
  [
    'an address and 25 names',
    ...(['letsencrypt', [...names(25), ...addresses], { profile: 'tlsserver' }] as const),
    'with the profile tlsserver, the issuer letsencrypt accepts at most 25 identifiers and no IP addresses',
    /split them across several certificates/,
  ],
  [
    'conformance 22: notAfter at Let’s Encrypt',
    ...(['letsencrypt', names(1), { validity: { notAfter: '30d' } }] as const),
    'the issuer letsencrypt does not accept orders that set when a certificate begins or ends',
    /To choose a lifetime, choose one of its profiles/,
  ],
  [
    'a notAfter that has passed',
    ...(['elsewhere', names(1), { validity: { notAfter: '2026-11-01T00:00:00Z' } }] as const),
    'a certificate with notAfter 2026-11-01T00:00:00Z cannot be ordered: that time has passed',
    /--not-after/,
  ],
])('%s is refused beforehand', (_what, name, identifiers, wishes, message, hint) => {
  expect(check(name, identifiers, wishes)).toThrow(
    expect.objectContaining({ message, hint: expect.stringMatching(hint), retry: 'never' }),
  );
});

it.each<[string, string, readonly Identifier[], Wishes]>([
  ['25 names with tlsserver', 'letsencrypt', names(25), { profile: 'tlsserver' }],
  ['addresses with shortlived', 'letsencrypt', addresses, { profile: 'shortlived' }],
  ['a profile that is not known yet', 'letsencrypt', names(100), { profile: 'next' }],
  ['another CA, of which nothing is known', 'elsewhere', [...names(30), ...addresses], { profile: 'tlsserver' }],
  ['dates at another CA', 'elsewhere', names(1), { validity: { notBefore: '-1h', notAfter: '30d' } }],
])('%s passes', (_what, name, identifiers, wishes) => {
  expect(check(name, identifiers, wishes)).not.toThrow();
});

it.each<[Wishes['validity'], string]>([
  [{ notAfter: '-30d' }, 'that time has passed'],
  [{ notAfter: '1h' }, 'at least two hours ahead'],
  [{ notBefore: '30d', notAfter: '10d' }, 'would not be valid yet'],
])('a duration is wrong at any time, so it is checked without a clock: %j', (validity, words) => {
  const settings = { directory: 'https://ca.example.com/directory', email: [], agreeToTerms: true, test: false };
  const order = { identifiers: names(1), issuer: { name: 'own', settings }, wishes: { validity } as Wishes };
  expect(() => checkOrder(order)).toThrow(words);
  const dated = { ...order, wishes: { validity: { notAfter: '2000-01-01T00:00:00Z' } } };
  expect(() => checkOrder(dated)).not.toThrow();
});
