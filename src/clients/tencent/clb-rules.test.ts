import { expect, it } from 'vitest';
import { challengePath } from '../../core/ca/challenge-path.ts';
import { nameWithMark } from '../../core/request-path/own-mark.ts';
import type { ClbRule, ClbTarget } from './clb-listener.ts';
import { isOwn, nameOf, type Receipt } from './clb-rules.ts';

const owner = 'aaaaaaaaaaaa';
const marked = (by: string) => nameWithMark({ owner: by, expires: new Date('2027-01-01'), id: '000000000001' });
const rule = (over: Partial<ClbRule> = {}): ClbRule => ({
  ...{ id: 'loc-1', domains: ['www.example.test'], url: challengePath, isDefault: false },
  ...{ checkHost: 'www.example.test', action: 'forwards', certificate: undefined },
  ...over,
});
const target = (port: number): ClbTarget => ({ type: 'CVM', instance: 'ins-1', addresses: ['10.0.0.1'], port });
const receipt: Receipt = {
  listener: 'lbl-1',
  rules: [{ name: marked(owner), id: 'loc-1', host: 'www.example.test', path: challengePath, ports: [30_080] }],
};
const own = `${marked(owner)}.certfleet.invalid`;

it.each<[string, boolean, ClbRule, readonly ClbTarget[], Receipt | undefined]>([
  ['the owner’s mark', true, rule({ checkHost: own }), [target(30_080)], undefined],
  ['the mark, before it has servers', true, rule({ checkHost: own }), [], undefined],
  ['another owner’s mark', false, rule({ checkHost: `${marked('bbbbbbbbbbbb')}.certfleet.invalid` }), [], receipt],
  ['the mark on another path', false, rule({ checkHost: own, url: '/' }), [target(30_080)], undefined],
  ['the mark in a domain of someone', false, rule({ checkHost: `${marked(owner)}.example.test` }), [], undefined],
  ['the same domain, path and port, made by hand', false, rule({ id: 'loc-2' }), [target(30_080)], receipt],
  ['neither mark nor receipt', false, rule(), [target(30_080)], undefined],
  ['no mark, but all that the receipt says', true, rule(), [target(30_080)], receipt],
  ['no mark, and another port', false, rule(), [target(30_080), target(80)], receipt],
  ['no mark, and another domain', false, rule({ domains: ['shop.example.test'] }), [target(30_080)], receipt],
  ['no mark, and another path', false, rule({ url: `${challengePath}x/` }), [target(30_080)], receipt],
])('%s: own is %s', (_what, expected, one, targets, known) => {
  expect(isOwn(one, targets, { owner, receipt: known })).toBe(expected);
});

it('the mark is a host name that every health check accepts', () => {
  expect(nameOf(rule({ checkHost: own }))).toBe(marked(owner));
  expect(own).toMatch(/^[a-z0-9.-]{1,80}$/);
});
