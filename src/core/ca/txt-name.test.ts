import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { txtNameOf } from './txt-name.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const identifier = { type: 'dns', value: '*.example.org' } as const;

test('dns-01 needs no account', () => {
  expect(txtNameOf({ type: 'dns-01', identifier }, sha256)).toBe('_acme-challenge.example.org');
});

// Point 18 of the conformance list: the example account of the draft, as in Boulder's tests.
test('conformance 18: the label of dns-account-01 is that of the draft', () => {
  const accountUrl = 'https://example.com/acme/acct/ExampleAccount';
  expect(txtNameOf({ type: 'dns-account-01', identifier, accountUrl }, sha256)).toBe(
    '_ujmmovf2vn55tgye._acme-challenge.example.org',
  );
});

test('a dns-account-01 challenge without its account is a bug, not another name', () => {
  expect(() => txtNameOf({ type: 'dns-account-01', identifier }, sha256)).toThrow('account');
});
