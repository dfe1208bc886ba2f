import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lettersOf, withLetters } from './letters.ts';

it.each([
  ['xn--fiq228c.example.com', '中文.example.com'],
  ['*.xn--mnchen-3ya.de', '*.münchen.de'],
  ['xn--r8jz45g.xn--zckzah www.example.com', '例え.テスト www.example.com'],
  ['xn--mgbh0fb.xn--kgbechtv', 'مثال.إختبار'],
  ['xn--a', 'xn--a'],
  // Two letters with an invisible one between them.
  ['xn--ab-m1t', 'xn--ab-m1t'],
  ['xn--999999999999', 'xn--999999999999'],
  ['axn--fiq228c.example', 'axn--fiq228c.example'],
  ['www.example.com', 'www.example.com'],
])('%s is %s', (name, letters) => {
  expect(lettersOf(name)).toBe(letters);
});

it('throws for no text', () => {
  fc.assert(fc.property(fc.string(), (text) => void lettersOf(`xn--${text}`)));
});

it('stands behind the name', () => {
  expect([withLetters('xn--fiq228c.cn'), withLetters('a.cn')]).toEqual(['xn--fiq228c.cn (中文.cn)', 'a.cn']);
});
