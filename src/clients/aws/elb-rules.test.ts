import { describe, expect, it } from 'vitest';
import { markIn, nameWithMark } from '../../core/request-path/own-mark.ts';
import { firstMatch, mayMatchSame, overlap, priorityFor } from '../http/priority-rules.ts';
import { type ElbRule, groupName, nameOfGroup } from './elb-rules.ts';

const rule = (priority: number, more: Partial<ElbRule> = {}): ElbRule => ({
  arn: `arn:rule/${priority}`,
  priority,
  hosts: undefined,
  paths: undefined,
  hasOtherConditions: false,
  action: 'forwards to web',
  groups: [],
  ...more,
});
const wanted = { host: 'www.example.com', path: '/.well-known/acme-challenge/*' };

describe('rules of an Application Load Balancer', () => {
  it.each([
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'ab', false],
    ['*', '', true],
    ['*', '*', true],
    ['a*', '*b', true],
    ['a*c', 'ab*d', false],
    ['a*c', 'ab*', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*.example.com', 'www.example.com', true],
    ['*.example.com', 'example.com', false],
    ['/.well-known/*', '/.well-known/acme-challenge/*', true],
    ['/*.php', '/.well-known/acme-challenge/*', true],
    ['/api/*', '/.well-known/acme-challenge/*', false],
    ['/.well-known/acme-challenge/abc', '/.well-known/acme-challenge/*', true],
    ['/\\*', '/b', true],
    [`${'*a'.repeat(64)}`, `${'*b'.repeat(64)}`, false],
  ])('%s and %s overlap: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });

  it('compares hosts without case and paths with it', () => {
    expect(mayMatchSame(rule(1, { hosts: ['WWW.Example.com'] }), wanted)).toBe(true);
    expect(mayMatchSame(rule(1, { paths: ['/.WELL-KNOWN/*'] }), wanted)).toBe(false);
  });

  it('takes conditions that it does not know for ones that may match', () => {
    expect(mayMatchSame(rule(1, { hasOtherConditions: true }), wanted)).toBe(true);
    expect(mayMatchSame(rule(1, { hosts: ['x.test'] }), { ...wanted, host: undefined })).toBe(true);
  });

  it.each([
    ['no rules', [], { priority: 1 }],
    [
      'rules that cannot match the same',
      [rule(1, { hosts: ['api.example.com'] }), rule(3, { paths: ['/api/*'] })],
      { priority: 2 },
    ],
    ['a redirect of everything', [rule(10)], { priority: 1 }],
    ['no number below it', [rule(1, { hosts: ['x.test'] }), rule(2)], { blocker: rule(2) }],
    ['the first number itself', [rule(1)], { blocker: rule(1) }],
  ])('chooses a number: %s', (_name, others, expected) => {
    expect(priorityFor(wanted, others, new Set(others.map(({ priority }) => priority)))).toEqual(expected);
  });

  it('finds the rule that wins', () => {
    expect(firstMatch(wanted, [rule(9), rule(4), rule(1, { hosts: ['x.test'] })])?.priority).toBe(4);
    expect(firstMatch(wanted, [])).toBeUndefined();
  });

  it('shortens a name for a target group so that its mark can be read again', () => {
    const mark = { owner: '0123456789ab', expires: new Date('2026-11-26T00:00:00Z'), id: 'fedcba987654' };
    const name = nameWithMark(mark);
    const short = groupName(name);
    expect(short).toMatch(/^[a-z0-9]{1,32}$/);
    expect(nameOfGroup(short)).toBe(name);
    expect(markIn(nameOfGroup(short) ?? '')).toEqual(mark);
    for (const foreign of ['web', 'cf-web', name, `${short}0`, short.slice(1)])
      expect(nameOfGroup(foreign)).toBeUndefined();
    expect(() => groupName('web')).toThrow('has no mark');
  });
});
