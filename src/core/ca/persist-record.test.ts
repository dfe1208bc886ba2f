import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accountUriOf, parsePersistRecord, permits, printPersistRecord } from './persist-record.ts';

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
const account = {
  url: 'https://ca.example/acct/123',
  thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
};

describe('conformance 17: dns-persist-01', () => {
  it.each([
    ['example.com', '5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw'],
    ['*', 'NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug'],
  ])('hashes the account for %s as in the test vectors of draft 02', (name, hash) => {
    const hashPrefix = 'https://ca.example/account-hash/';
    expect(accountUriOf({ ...account, hashPrefix }, name, sha256)).toBe(
      `https://ca.example/account-hash/sha-256/${hash}`,
    );
  });

  it('hashes the length of a long name as one octet', () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`;
    const hashed = Buffer.concat([Buffer.from([139]), Buffer.from(name + account.thumbprint + account.url)]);
    expect(accountUriOf({ ...account, hashPrefix: 'p/' }, name, sha256)).toBe(
      `p/sha-256/${createHash('sha256').update(hashed).digest('base64url')}`,
    );
  });

  it('has the URL of the account up to draft 01', () => {
    expect(accountUriOf(account, 'example.com', sha256)).toBe(account.url);
    const stated = 'http://ca.example/acct/123';
    expect(accountUriOf({ ...account, stated }, 'example.com', sha256)).toBe(stated);
  });

  it.each([
    [{}, 'authority.example; accounturi=https://ca.example/acct/123'],
    [{ wildcard: true }, 'authority.example; accounturi=https://ca.example/acct/123; policy=wildcard'],
    [
      { wildcard: true, until: new Date('2026-01-01T00:00:00Z') },
      'authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=1767225600',
    ],
  ])('writes %j, and reads it', (more, value) => {
    const record = { issuer: 'authority.example', accountUri: account.url, wildcard: false, ...more };
    expect(printPersistRecord(record)).toBe(value);
    expect(parsePersistRecord(value)).toEqual(record);
  });
});

const wanted = { issuers: ['other.example', 'authority.example'], accountUri: account.url, wildcard: false };
const now = new Date('2026-11-24T12:00:00Z');
const good = 'authority.example; accounturi=https://ca.example/acct/123';

describe('a record permits an account', () => {
  it.each([
    ['as certfleet writes it', good],
    ['with other blanks and letters', ' authority.example ;\tAccountURI = https://ca.example/acct/123 '],
    ['with a parameter that is not known yet', `${good}; new=thing`],
    ['for wildcards, too', `${good}; policy=WILDCARD`],
    ['with another policy', `${good}; policy=other`],
    ['until later', `${good}; persistUntil=4102444800`],
  ])('%s', (_how, value) => {
    expect(permits(value, wanted, now)).toBe(true);
  });

  it.each([
    ['of another CA', 'evil.example; accounturi=https://ca.example/acct/123'],
    ['of another account', `${good}4`],
    ['without an account', 'authority.example; policy=wildcard'],
    ['without a CA', '; accounturi=https://ca.example/acct/123'],
    ['whose time is over', `${good}; persistUntil=1767225600`],
    ['whose end is not a number', `${good}; persistUntil=soon`],
    ['with a parameter twice', `${good}; accounturi=https://ca.example/acct/9`],
    ['with a semicolon at its end', `${good};`],
    ['with a parameter without a value', `${good}; policy`],
    ['with a blank in a value', 'authority.example; accounturi=https://ca.example/acct/123 x'],
    ['of something else', 'v=spf1 -all'],
  ])('not one %s', (_what, value) => {
    expect(permits(value, wanted, now)).toBe(false);
  });

  it('for a wildcard only with the policy', () => {
    expect(permits(good, { ...wanted, wildcard: true }, now)).toBe(false);
    expect(permits(`${good}; policy=wildcard`, { ...wanted, wildcard: true }, now)).toBe(true);
  });
});
