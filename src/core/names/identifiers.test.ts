import { describe, expect, it } from 'vitest';
import type { Identifier } from './identifier.ts';
import {
  canonicalAddress,
  coveredByWildcard,
  defaultLineageName,
  dnsNameProblem,
  isLineageName,
  withoutDuplicates,
} from './identifiers.ts';

const dns = (...values: string[]): Identifier[] => values.map((value) => ({ type: 'dns', value }));

describe('dnsNameProblem', () => {
  it.each([
    'example.com',
    '*.example.com',
    'a-b.example.com',
    'xn--mnchen-3ya.de',
    'localhost',
    '1a.2b.test',
    `${'a'.repeat(63)}.com`,
  ])('takes %s', (name) => {
    expect(dnsNameProblem(name)).toBeUndefined();
  });

  it.each([
    ['a_b.com', 'underscore'],
    ['-a.com', 'hyphen'],
    ['a-.com', 'hyphen'],
    ['a..com', 'two dots'],
    ['.com', 'two dots'],
    ['ab--c.com', 'third and fourth'],
    [`${'a'.repeat(64)}.com`, '64 characters'],
    [Array.from({ length: 64 }, () => 'abc').join('.'), '255 characters'],
    ['*.*.com', 'wildcard'],
    ['a.*.com', 'wildcard'],
    ['*a.com', 'wildcard'],
    ['*.', 'needs a domain'],
    ['1.2.3', 'ends in a number'],
    ['a b.com', 'U+0020'],
    ['a\u001bb.com', 'U+001B'],
  ])('refuses %j: %s', (name, reason) => {
    expect(dnsNameProblem(name)).toContain(reason);
  });
});

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['192.0.2.01', undefined],
    ['192.0.2.256', undefined],
    ['192.0.2', undefined],
    ['2001:db8::1%eth0', undefined],
    ['fe80::1::2', undefined],
    ['example.com', undefined],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });
});

const digest = (text: string) => `len${text.length}`.padEnd(64, '0');

describe('lists and names', () => {
  it('keeps the first of duplicates', () => {
    expect(withoutDuplicates(dns('a.com', 'b.com', 'a.com'))).toEqual(dns('a.com', 'b.com'));
  });

  it('finds a name beside its wildcard, but not the apex and not a deeper name', () => {
    expect(coveredByWildcard(dns('www.x.com', '*.x.com'))).toEqual({ value: 'www.x.com', wildcard: '*.x.com' });
    expect(coveredByWildcard(dns('x.com', 'a.b.x.com', '*.x.com'))).toBeUndefined();
  });

  it.each([
    [dns('www.example.com', 'example.com'), 'www.example.com'],
    [dns('*.example.com'), 'wildcard.example.com'],
    [[{ type: 'ip', value: '2001:db8::1' } as const], '2001-db8--1'],
    // A name with a hyphen in front would be read as a flag.
    [[{ type: 'ip', value: '::1' } as const], '0--1'],
    // Two long names that begin alike are two certificates.
    [dns(`${'a'.repeat(60)}.${'b'.repeat(60)}.com`), `${'a'.repeat(60)}.${'b'.repeat(22)}-len125${'0'.repeat(10)}`],
    [dns(`${'a'.repeat(60)}.${'b'.repeat(60)}.info`), `${'a'.repeat(60)}.${'b'.repeat(22)}-len126${'0'.repeat(10)}`],
  ])('calls a lineage by its first identifier', (identifiers, name) => {
    expect(defaultLineageName(identifiers, digest)).toBe(name);
    expect(isLineageName(name)).toBe(true);
  });

  it.each(['', 'A', 'a/b', 'a~staging', '..%', '.', '..', '-a', '--1', 'a'.repeat(101)])(
    'refuses the lineage name %j',
    (name) => {
      expect(isLineageName(name)).toBe(false);
    },
  );
});
