import { expect, it } from 'vitest';
import { coversName } from './covers-name.ts';

it('compares wildcards as TLS clients do', () => {
  const covers = (name: string) => coversName(['*.a.test', 'b.test'], name);
  expect(['x.a.test', '*.a.test', 'b.test'].map(covers)).toEqual([true, true, true]);
  expect(['a.test', 'x.y.a.test', '*.b.test', 'xa.test'].map(covers)).toEqual([false, false, false, false]);
});
