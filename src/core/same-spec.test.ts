import { expect, test } from 'vitest';
import { canonical } from './same-spec.ts';

test.each([
  [{ b: 1, a: 'x' }, '{"a":"x","b":1}'],
  [{ z: { d: null, c: true }, a: [{ y: 1, x: 2 }, 'b', 'a'] }, '{"a":[{"x":2,"y":1},"b","a"],"z":{"c":true,"d":null}}'],
  [{ b: undefined, a: 1 }, '{"a":1}'],
  [['b', undefined], '["b",null]'],
  [null, 'null'],
])('canonical text of %j', (value, text) => {
  expect(canonical(value)).toBe(text);
});
