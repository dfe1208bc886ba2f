import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatListenAddress, isListenPlace, localAddresses, parseListenAddress } from './listen-address.ts';

test.each([
  ['0.0.0.0:80', '0.0.0.0', 80],
  ['127.0.0.1:30080', '127.0.0.1', 30080],
  ['[::]:80', '::', 80],
  ['[::1]:5002', '::1', 5002],
  ['[2001:db8::1]:65535', '2001:db8::1', 65535],
  ['80', '::', 80],
  [':8080', '::', 8080],
])('%s is %s port %i', (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port });
});

test.each([
  '',
  ':',
  '0',
  '0.0.0.0',
  '0.0.0.0:',
  '0.0.0.0:0',
  '0.0.0.0:65536',
  '0.0.0.080',
  '256.0.0.1:80',
  '[::]80',
  '[::]',
  '::80',
  '::1:80',
  '[1::2::3]:80',
  '[:::]:80',
  'localhost:80',
  ' 80',
  '80 ',
  '1.2.3:80',
  '-80',
])('"%s" is not an address to listen on', (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});

test('reads back what it printed', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, (host, port) => {
      expect(parseListenAddress(formatListenAddress({ host, port }))).toEqual({ host, port });
    }),
  );
});

test('accepts or refuses any text, and only valid ports', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const at = parseListenAddress(text);
      if (at) expect(at.port).toBeGreaterThan(0);
    }),
  );
});

test('reaches a wildcard address by loopback', () => {
  expect(localAddresses('0.0.0.0')).toEqual(['127.0.0.1']);
  expect(localAddresses('::')).toEqual(['127.0.0.1', '::1']);
  expect(localAddresses('10.0.0.5')).toEqual(['10.0.0.5']);
});

test.each<[string, boolean]>([
  ['127.0.0.1:9110', true],
  ['unix:/run/certfleet.sock', true],
  ['unix:relative.sock', false],
  [`unix:/${'a'.repeat(106)}`, true],
  [`unix:/${'a'.repeat(107)}`, false],
  [`unix:/${'ä'.repeat(54)}`, false],
])('knows whether `listen` may be %s', (text, expected) => {
  expect(isListenPlace(text)).toBe(expected);
});
