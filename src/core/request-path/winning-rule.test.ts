import { expect, it } from 'vitest';
import type { ListenerRule } from '../../ports/balancer.ts';
import { present } from '../text/present.ts';
import { winningRule } from './winning-rule.ts';

const rule = (name: string, host?: string, path?: string): ListenerRule => ({
  name,
  action: 'forwards',
  ...present({ host, path }),
});
const path = '/.well-known/acme-challenge/';

it.each<[string, 'host-first' | 'best', readonly ListenerRule[], string | undefined]>([
  ['nothing', 'host-first', [], undefined],
  ['another host', 'host-first', [rule('a', 'b.test')], undefined],
  ['the whole host', 'host-first', [rule('a', 'a.b.test'), rule('all', undefined, path)], 'a'],
  [
    'another path of the host excludes all',
    'host-first',
    [rule('a', 'a.b.test', '/shop'), rule('all', undefined, path)],
    undefined,
  ],
  ['the longest path', 'host-first', [rule('a', 'a.b.test', '/'), rule('b', 'a.b.test', path)], 'b'],
  ['the closest wildcard', 'host-first', [rule('a', '*.test'), rule('b', '*.b.test')], 'b'],
  ['a wildcard before all hosts', 'host-first', [rule('a', undefined, path), rule('b', '*.b.test')], 'b'],
  ['all hosts', 'host-first', [rule('a', undefined, path)], 'a'],
  [
    'the first that matches',
    'best',
    [rule('x', 'c.test'), rule('a', '*.b.test', '/*'), rule('b', 'a.b.test', path)],
    'a',
  ],
  ['patterns', 'best', [rule('a', undefined, '/shop*'), rule('b', undefined, `${path}*`)], 'b'],
])('%s (%s)', (_what, matching, rules, name) => {
  expect(winningRule({ host: 'a.b.test', path }, { rules, matching })?.name).toBe(name);
});

it('the default host’s rules take a host without rules', () => {
  const rules = [rule('a', 'a.b.test', '/'), rule('b', 'a.b.test', path), rule('c', 'www.b.*', path)];
  const winner = (host: string) =>
    winningRule({ host, path }, { rules, matching: 'host-first', defaultHost: 'a.b.test' })?.name;
  expect([winner('x.test'), winner('www.b.test'), winner('a.b.test')]).toEqual(['b', 'c', 'b']);
});

it('certfleet’s own rule wins where the best does', () => {
  const own = rule('cf', 'a.b.test', path);
  const rules = [rule('x', undefined), own];
  expect(winningRule({ host: 'a.b.test', path }, { rules, matching: 'best' }, own)).toBe(own);
});
