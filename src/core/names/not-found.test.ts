import { expect, it } from 'vitest';
import { lineageNotFound } from './not-found.ts';

it.each([
  ['www.example.com', '`certfleet issue -d www.example.com --agree-tos`'],
  ['*.example.com', "`certfleet issue -d '*.example.com' --agree-tos`"],
  ['*', undefined],
  ['x/../y', undefined],
  ['a b', undefined],
])('proposes an order for %j only if it is a valid name', (name, command) => {
  const { code, hint } = lineageNotFound(name, []);
  expect(code).toBe('lineage/not-found');
  expect(/`certfleet issue.*?`/.exec(hint)?.[0]).toBe(command);
});
