import { describe, expect, it } from 'vitest';
import { freeName, meantBy, numberedName } from './default-name.ts';
import { isLineageName } from './identifiers.ts';

const ids = (text: string) => text.split(' ').map((value) => ({ type: 'dns' as const, value }));
const member = (text: string) => {
  const [name = '', ...identifiers] = text.split(' ');
  return { name, identifiers: identifiers.map((value) => ({ type: 'dns' as const, value })) };
};

describe('the certificate that is meant by identifiers without a name', () => {
  it.each([
    ['a', [], 'new', 'a'],
    ['a', ['a a'], 'same', 'a'],
    ['a b', ['a b a'], 'same', 'a'],
    ['a b', ['a a'], 'part', 'a'],
    ['a', ['a a b'], 'more', 'a'],
    ['a c', ['a a b'], 'more', 'a'],
    ['a', ['a *.x'], 'new', 'a-0001'],
    ['a', ['a *.x', 'a-0001 c'], 'new', 'a-0002'],
    ['a', ['a *.x', 'a-0001 a'], 'same', 'a-0001'],
    // A copy that a person named, beside the certificate that has more.
    ['a', ['a a b', 'a-0001 a'], 'same', 'a-0001'],
    ['a c', ['a a b', 'a-0001 a'], 'part', 'a-0001'],
    // One was deleted, and one cannot be read.
    ['a', ['a-0002 a'], 'same', 'a-0002'],
    ['a', ['a-0001 x'], 'new', 'a'],
    ['a', ['a x', 'a-0001'], 'new', 'a-0002'],
  ])('%s beside %j: %s %s', (wanted, members, is, name) => {
    expect(meantBy(ids(wanted), 'a', members.map(member))).toMatchObject({ is, name });
  });

  it('has a name that is short enough', () => {
    const long = 'x'.repeat(100);
    const free = freeName(long, [{ name: long }]);
    expect([free, isLineageName(free)]).toEqual([`${'x'.repeat(95)}-0001`, true]);
    expect(numberedName('a', 0)).toBe('a');
  });
});
