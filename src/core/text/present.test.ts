import { expect, it } from 'vitest';
import { present } from './present.ts';

it('leaves out what is undefined, and nothing else', () => {
  const found = present({ a: undefined, b: '', c: 0, d: false, e: null, f: { g: undefined } });
  expect(Object.entries(found)).toEqual([
    ['b', ''],
    ['c', 0],
    ['d', false],
    ['e', null],
    ['f', { g: undefined }],
  ]);
});

it('overrides with what is there alone', () => {
  const [listen, port]: [string | undefined, number | undefined] = [undefined, 0];
  const before = { listen: 'a', port: 80 };
  expect({ ...before, ...present({ listen, port }) }).toStrictEqual({ listen: 'a', port: 0 });
});

it('types what may be undefined as optional, exactly', () => {
  const listen = ((): string | undefined => undefined)();
  const made: { readonly type: 'a'; readonly listen?: string; readonly kind: 'drop' } = {
    type: 'a',
    ...present({ listen, kind: 'drop' }),
  };
  expect(made).toStrictEqual({ type: 'a', kind: 'drop' });
});
