import { describe, expect, it } from 'vitest';
import { withLetters } from '../config/identifiers.ts';
import { certificateNames } from './names.ts';

describe('names as people type them', () => {
  it.each([
    ['www.example.com', 'www.example.com'],
    ['my_shop', 'my_shop'],
    ['a.test~staging', 'a.test~staging'],
    ['中国.test', 'xn--fiqs8s.test'],
    ['中国.test~staging', 'xn--fiqs8s.test~staging'],
    ['*.中国.test', 'wildcard.xn--fiqs8s.test'],
    ['WWW.Example.com', 'www.example.com'],
    ['2001:DB8::1', '2001-db8--1'],
    ['::1', '0--1'],
    // What is no name of anything stays as it was typed, for the message.
    ['a b', 'a b'],
    ['中国.test/', '中国.test/'],
  ])('%s is the certificate %s', (typed, name) => {
    expect(certificateNames([typed])).toEqual([name]);
  });

  it('keeps each once', () => {
    expect(certificateNames(['中国.test', 'b', 'xn--fiqs8s.test'])).toEqual(['xn--fiqs8s.test', 'b']);
  });

  it.each([
    ['www.example.com', 'www.example.com'],
    ['2001-db8--1', '2001-db8--1'],
    ['1.2.3', '1.2.3'],
    ['xn--fiqs8s.test', 'xn--fiqs8s.test (中国.test)'],
    ['*.xn--fiqs8s.test', '*.xn--fiqs8s.test (*.中国.test)'],
    ['wildcard.xn--fiqs8s.test~staging', 'wildcard.xn--fiqs8s.test~staging (wildcard.中国.test~staging)'],
    ['xn--a.com', 'xn--a.com'],
  ])('%s is shown as %s', (name, shown) => {
    expect(withLetters(name)).toBe(shown);
  });
});
