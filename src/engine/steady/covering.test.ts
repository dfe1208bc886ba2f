import { expect, it } from 'vitest';
import { coveringOf } from './covering.ts';

const one = (name: string, identifiers = '', notAfter = 0, state: 'valid' | 'undeclared' = 'valid') => ({
  ...{ name, identifiers, notAfter, state },
});
const all = [
  one('a.example'),
  one('wide', '*.example a.example', 5),
  one('deep', '*.b.example', 9),
  one('old', 'a.example', 20, 'undeclared'),
];

it.each([
  ['a.example', ['wide', 'a.example']],
  ['*.example', ['wide']],
  ['b.example', ['wide']],
  ['x.b.example', ['deep']],
  ['*.b.example', ['deep']],
  ['y.x.b.example', undefined],
  ['example', undefined],
  ['192.0.2.1', undefined],
])('%s is covered by %s', (name, covering) => {
  expect(
    coveringOf(all, [name], 'mine')
      .get(name)
      ?.map((found) => found.name),
  ).toEqual(covering);
});

it('leaves out the certificate itself, and names five', () => {
  const many = Array.from({ length: 9 }, (_, at) => one(`n${at}`, 'a.example', at));
  const found = coveringOf(many, ['a.example', 'a.example'], 'n8').get('a.example');
  expect(found?.map(({ name }) => name)).toEqual(['n7', 'n6', 'n5', 'n4', 'n3']);
});
