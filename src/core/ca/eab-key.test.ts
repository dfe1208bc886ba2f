import { describe, expect, test } from 'vitest';
import { Secret } from '../errors/secret.ts';
import { adviceOnEabKey, openEabKey } from './eab-key.ts';

// Bytes whose encodings differ in every way: both special characters, and padding.
const bytes = Buffer.from([0xfb, 0xff, 0xbf, 0x3e, 0x3f, ...Array.from({ length: 27 }, (_, i) => 200 + i)]);
const standard = bytes.toString('base64');

describe('an EAB key', () => {
  test.each([
    ['base64url', bytes.toString('base64url')],
    ['base64url with padding, as Actalis has it', standard.replaceAll('+', '-').replaceAll('/', '_')],
    ['base64', standard],
    ['base64 without padding', standard.replace(/=+$/, '')],
    ['with line breaks and spaces', ` ${standard.slice(0, 20)}\r\n${standard.slice(20)}\n`],
  ])('is read as %s', (_how, text) => {
    expect(Buffer.from(openEabKey(new Secret(text)))).toEqual(bytes);
  });

  test('of hexadecimal digits is base64url as well, and is read as that', () => {
    const text = 'deadbeef'.repeat(8);
    expect(openEabKey(new Secret(text))).toHaveLength(48);
  });

  test.each([
    ['', 'it is empty'],
    ['  \n', 'it is empty'],
    ['abc$defg', 'a character that base64 does not have'],
    ['"c2VjcmV0"', 'a character that base64 does not have'],
    ['abcde', 'a part of it is missing'],
  ])('that is %j is refused, without showing it', (text, reason) => {
    expect(() => openEabKey(new Secret(text))).toThrow(expect.objectContaining({ code: 'config/eab-key' }));
    expect(() => openEabKey(new Secret(text))).toThrow(reason);
    const shown = (() => {
      try {
        openEabKey(new Secret(text));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    if (text.trim().length > 0) expect(shown).not.toContain(text);
  });
});

describe('the advice on a refused EAB key', () => {
  test.each([
    ['hexadecimal', 'deadbeef'.repeat(8), 'hexadecimal'],
    ['encoded twice', Buffer.from(bytes.toString('base64url')).toString('base64'), 'encoded twice'],
    ['any other', bytes.toString('base64url'), 'one account'],
  ])('%s', (_what, text, words) => {
    expect(adviceOnEabKey(new Secret(text))).toContain(words);
  });
});
