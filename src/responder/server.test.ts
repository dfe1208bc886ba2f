import fc from 'fast-check';
import { expect, test } from 'vitest';
import { challengePath } from '../core/ca/challenge-path.ts';
import { isToken } from '../core/text/encoding.ts';
import { nameIn } from './server.ts';

const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,256}$/);

test('finds a token in each form of request', () => {
  fc.assert(
    fc.property(token, fc.constantFrom('', 'http://a.example', 'HTTP://[::1]:80'), (name, host) => {
      expect(nameIn(`${host}${challengePath}${name}`)).toBe(name);
      expect(nameIn(`${host}${challengePath}${name}?x=1&y=?`)).toBe(name);
    }),
  );
});

test.each([
  '/',
  '*',
  '',
  'a.example:80',
  '/.well-known/acme-challenge',
  '/.well-known//acme-challenge/abc',
  '/.WELL-KNOWN/acme-challenge/abc',
  '//.well-known/acme-challenge/abc',
  '/x/../.well-known/acme-challenge/abc',
  '/%2ewell-known/acme-challenge/abc',
  'https://a.example/.well-known/acme-challenge/abc',
  'ftp://a.example/.well-known/acme-challenge/abc',
  '?/.well-known/acme-challenge/abc',
])('%s is not a challenge', (target) => {
  expect(isToken(nameIn(target))).toBe(false);
});

test.each(['../x', '%2e%2e', '..%2fx', 'a/b', 'a%00', 'a;b', 'a.b', 'a#b', ''])('"%s" is not a token', (name) => {
  expect(isToken(nameIn(`${challengePath}${name}`))).toBe(false);
});

test('accepts only base64url below the exact path, whatever is requested', () => {
  const piece = fc.oneof(
    fc.string(),
    token,
    fc.constantFrom('/', '..', '%2e', challengePath, 'http://h', '?', '#', '\\'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const target = pieces.join('');
      const name = nameIn(target);
      if (isToken(name)) expect(target).toContain(`${challengePath}${name}`);
    }),
  );
});
