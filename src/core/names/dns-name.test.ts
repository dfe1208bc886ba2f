import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, isDnsName, isWithin, parentName, parseServerAddress, printServerAddress } from './dns-name.ts';

const label = fc.stringMatching(/^[a-z0-9_*-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));

describe('names', () => {
  it('walk up to the root, one label at a time', () => {
    fc.assert(
      fc.property(name, (start) => {
        const up: string[] = [];
        for (let at: string | undefined = start; at !== undefined; at = parentName(at)) up.push(at);
        expect(up).toHaveLength(start.split('.').length + 1);
        expect(up.at(-1)).toBe('');
        for (const above of up) expect(isWithin(start, above)).toBe(true);
      }),
    );
  });

  it('are within a zone label by label', () => {
    fc.assert(
      fc.property(name, name, (child, zone) => {
        expect(isWithin(`${child}.${zone}`, zone)).toBe(true);
        expect(isWithin(`x${zone}`, zone)).toBe(false);
        expect(isWithin(zone, `${child}.${zone}`)).toBe(false);
      }),
    );
    expect(isWithin('badexample.com', 'example.com')).toBe(false);
    expect(isWithin('example.com', '')).toBe(true);
  });

  it('are canonical once and for all', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(canonicalName(`${text.toUpperCase()}.`)).toBe(text);
        expect(canonicalName(canonicalName(text))).toBe(text);
        expect(isDnsName(text)).toBe(true);
      }),
    );
    expect(canonicalName('.')).toBe('');
  });

  it.each([
    'a..b',
    '.a',
    'a.',
    'ü.example',
    'a b',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}a`,
    'a\0b',
    'a\nb',
    'a\\046b.example',
  ])('%j does not fit on the wire', (text) => {
    expect(isDnsName(text)).toBe(false);
  });
});

describe('server addresses', () => {
  it.each([
    ['192.0.2.53', '192.0.2.53', 53],
    ['192.0.2.53:5353', '192.0.2.53', 5353],
    ['2001:db8::53', '2001:db8::53', 53],
    ['[2001:db8::53]', '2001:db8::53', 53],
    ['[2001:db8::53]:5353', '2001:db8::53', 5353],
    ['fe80::1%eth0', 'fe80::1%eth0', 53],
  ])('%s', (text, address, port) => {
    expect(parseServerAddress(text)).toEqual({ address, port });
    expect(parseServerAddress(printServerAddress({ address, port }))).toEqual({ address, port });
  });

  it.each([
    '',
    'ns1.example.com',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    '[::1',
    '::1]:53',
    'a:53',
  ])('%j is none', (text) => {
    expect(parseServerAddress(text)).toBeUndefined();
  });

  it('are read back as they were printed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
        expect(parseServerAddress(printServerAddress({ address, port }))).toEqual({ address, port });
      }),
    );
  });
});
