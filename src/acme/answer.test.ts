import { describe, expect, test } from 'vitest';
import { readLink, readUrl } from './answer.ts';

describe('readLink', () => {
  test.each([
    ['<https://ca.test/2>;rel="next"', 'https://ca.test/2'],
    ['<https://ca.test/d>;rel="index", <https://ca.test/2>; rel=next', 'https://ca.test/2'],
    ['<https://ca.test/a,b>; title="x, y"; rel="prev next"', 'https://ca.test/a,b'],
    ['<https://ca.test/d>;rel="index"', undefined],
    ['<https://ca.test/d>;rel="nextish"', undefined],
    ['garbage', undefined],
    [undefined, undefined],
  ])('%s', (header, target) => expect(readLink(header, 'next')).toBe(target));
});

describe('readUrl', () => {
  const https = { url: 'https://ca.test/directory' };
  test('keeps the spelling, resolves relative references, allows other hosts', () => {
    expect(readUrl('https://other.test:99/A%2fb', 'it', https)).toBe('https://other.test:99/A%2fb');
    expect(readUrl('/order/1', 'it', https)).toBe('https://ca.test/order/1');
  });

  test('allows only https, unless the CA itself uses http', () => {
    expect(() => readUrl('http://ca.test/o', 'it', https)).toThrow('not an https URL');
    expect(() => readUrl('file:///etc/passwd', 'it', https)).toThrow('not an https URL');
    expect(readUrl('http://127.0.0.1:1/o', 'it', { url: 'http://127.0.0.1:1/d' })).toBe('http://127.0.0.1:1/o');
    expect(() => readUrl(7, 'it', https)).toThrow('it is not a URL');
  });
});
