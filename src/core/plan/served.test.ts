import { expect, it } from 'vitest';
import { servedAt } from './served.ts';

const current = { state: 'current' } as const;
const pending = (code: string, params: Readonly<Record<string, string>> = {}) =>
  ({ state: 'pending', code, params }) as const;

it.each([
  [[], {}, { state: 'none', endpoints: 0, current: 0 }],
  [['a'], {}, { state: 'unseen', endpoints: 1, current: 0 }],
  [['a', 'b'], { a: current, b: current }, { state: 'current', endpoints: 2, current: 2 }],
  [['a', 'b'], { a: current, b: { state: 'intended' } }, { state: 'changing', endpoints: 2, current: 1 }],
  [['a'], { a: pending('deploy/settling') }, { state: 'changing', endpoints: 1, current: 0 }],
  [
    ['a', 'b'],
    { a: pending('deploy/drifted', { served: 'serial 1' }), b: current },
    { state: 'stale', endpoints: 2, current: 1, words: 'a: serial 1' },
  ],
  [
    ['a', 'b'],
    { a: pending('deploy/still-old', { served: 'old' }), b: pending('deploy/foreign', { served: 'theirs' }) },
    { state: 'foreign', endpoints: 2, current: 0, words: 'b: theirs' },
  ],
  [
    ['a', 'b'],
    {
      a: pending('deploy/no-handshake', { reason: 'alert 40' }),
      b: pending('deploy/no-answer', { reason: 'refused' }),
    },
    { state: 'broken', endpoints: 2, current: 0, words: 'a: alert 40' },
  ],
  [['a'], { a: pending('deploy/no-answer') }, { state: 'silent', endpoints: 1, current: 0 }],
  // What is stored of targets is not looked at.
  [['a'], { t: pending('deploy/failed'), a: current }, { state: 'current', endpoints: 1, current: 1 }],
] as const)('of %j with %j it is %j', (endpoints, deployments, served) => {
  expect(servedAt(endpoints, deployments)).toEqual(served);
});
