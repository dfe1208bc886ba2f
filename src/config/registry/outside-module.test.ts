import { expect, it } from 'vitest';
import { z } from '../../define.ts';
import { definitionIn } from './outside-module.ts';

const traits = { writes: 'value', minTtl: 60, maxConcurrent: 4 };
const definition = { id: 'mine', title: 'Mine', options: z.strictObject({}), traits };
const found = (connected: unknown) =>
  definitionIn({ default: { ...definition, connect: () => connected } }, '/etc/mine.js');
const append = async () => undefined;

it.each([
  { kind: 'values', append, remove: append },
  { kind: 'sets', write: append },
  { kind: 'sets', read: append, write: append },
])('takes what `connect` returns: %j', (provider) => {
  expect(found(provider).connect({} as never)).toBe(provider);
});

it.each([undefined, {}, { kind: 'values', append }, { kind: 'sets', read: append }, { append, remove: append }])(
  'refuses what `connect` returns: %j',
  (provider) => {
    expect(() => found(provider).connect({} as never)).toThrow('/etc/mine.js: `connect` must return `kind: "values"`');
  },
);
