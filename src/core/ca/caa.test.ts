import { expect, test } from 'vitest';
import { pinningRecords } from './caa.ts';
import type { ChallengeType } from './challenge-type.ts';

const one = (value: string, ...methods: readonly ChallengeType[]) => ({
  identifier: { type: /^[0-9.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value },
  methods,
});
const accountUrl = 'https://ca.example/acct/1';
const of = (...identifiers: readonly ReturnType<typeof one>[]) =>
  Object.fromEntries(
    [...pinningRecords(identifiers, { identity: 'ca.example', accountUrl })].map(([name, records]) => [
      name,
      records.map(({ tag, value }) => `${tag} "${value}"`),
    ]),
  );
const http = `issue "ca.example; accounturi=${accountUrl}; validationmethods=http-01"`;
const dns = `issue "ca.example; accounturi=${accountUrl}; validationmethods=dns-01"`;

test.each([
  ['a name', of(one('a.test', 'http-01')), { 'a.test': [http] }],
  ['a wildcard alone', of(one('*.a.test', 'dns-01')), { 'a.test': [dns] }],
  ['both with one challenge', of(one('*.a.test', 'dns-01'), one('a.test', 'dns-01')), { 'a.test': [dns] }],
  [
    'both with different challenges',
    of(one('a.test', 'http-01'), one('*.a.test', 'dns-01')),
    { 'a.test': [http, dns.replace('issue', 'issuewild')] },
  ],
  ['an address', of(one('192.0.2.1', 'http-01'), one('a.test', 'http-01')), { 'a.test': [http] }],
  [
    'several challenges',
    of(one('a.test', 'dns-persist-01', 'dns-01')),
    { 'a.test': [http.replace('http-01', 'dns-persist-01,dns-01')] },
  ],
])('%s', (_what, records, expected) => expect(records).toEqual(expected));

test('without an account, only the CA and the challenge are pinned', () => {
  const records = pinningRecords([one('a.test', 'http-01')], { identity: 'ca.example', accountUrl: undefined });
  expect(records.get('a.test')).toEqual([
    { name: 'a.test', tag: 'issue', value: 'ca.example; validationmethods=http-01' },
  ]);
});
