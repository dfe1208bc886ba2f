import { expect, it } from 'vitest';
import { canonicalQuery } from './query.ts';

it('sorts and encodes a query', () => {
  expect(canonicalQuery({ b: "!'()*~ /+", A: 'é', a: '' })).toBe('A=%C3%A9&a=&b=%21%27%28%29%2A~%20%2F%2B');
});
