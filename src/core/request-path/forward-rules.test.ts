import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ListenerRule } from '../../ports/balancer.ts';
import { challengePath } from '../ca/challenge-path.ts';
import type { ListenerState, RuleUser } from '../lineage/lock.ts';
import { present } from '../text/present.ts';
import { type PlanContext, planRules, safeForm } from './forward-rules.ts';
import { nameWithMark } from './own-mark.ts';

const owner = '0123456789ab';
const now = new Date('2026-11-25T12:00:00Z');
const rule = (name: string, host?: string, path?: string): ListenerRule => ({
  name,
  action: 'forwards to rsp-web',
  ...present({ host, path }),
});
const marked = (by: string) => nameWithMark({ owner: by, expires: now, id: 'aaaaaaaaaaaa' });

describe('the safe form of a rule', () => {
  const path = challengePath;
  test.each<[string, 'host-first' | 'best', readonly ListenerRule[], object]>([
    ['for every host without rules, if the host has none', 'host-first', [], { form: { path } }],
    ['the same, beside rules of other hosts', 'host-first', [rule('x', 'b.example.com')], { form: { path } }],
    ['the same, beside rules for any host', 'host-first', [rule('x', undefined, '/api')], { form: { path } }],
    [
      'beside the rules of its host',
      'host-first',
      [rule('x', 'a.example.com', '/api')],
      { form: { path, host: 'a.example.com' } },
    ],
    [
      'beside those of the closest wildcard that captures the host',
      'host-first',
      [rule('x', '*.example.com'), rule('y', '*.com')],
      { form: { path, host: '*.example.com' } },
    ],
    [
      'not made by rules of certfleet',
      'host-first',
      [rule(marked('ba9876543210'), 'a.example.com', path)],
      { form: { path } },
    ],
    [
      'refused where somebody else has the very rule',
      'host-first',
      [rule('mine', undefined, path)],
      { refused: expect.stringContaining('rule mine'), by: rule('mine', undefined, path) },
    ],
    [
      'waited for where another installation has it',
      'host-first',
      [rule(marked('ba9876543210'), undefined, path)],
      { wait: `the path ${path} of hosts without rules`, behind: marked('ba9876543210') },
    ],
    ['that of its own earlier run', 'host-first', [rule(marked(owner), undefined, path)], { form: { path } }],
    [
      'its host and path, where the closest rule wins',
      'best',
      [rule('x', '*.example.com')],
      { form: { path, host: 'a.example.com' } },
    ],
  ])('%s (%s)', (_what, matching, rules, expected) => {
    expect(safeForm('a.example.com', { path }, { rules, matching, owner })).toEqual(expected);
  });
});

describe('the safe form where each rule names a host', () => {
  const path = challengePath;
  const rules = [
    rule('x', 'a.example.com', '/'),
    rule('y', '*.shop.example.com', '/'),
    rule('z', 'www.example.*', '/'),
  ];
  test.each<[string, string, string | null, object]>([
    [
      'at the default host, for a host without rules',
      'b.example.com',
      'a.example.com',
      { form: { path, host: 'a.example.com' } },
    ],
    ['beside the rules of its host', 'a.example.com', 'x.test', { form: { path, host: 'a.example.com' } }],
    ['beside a wildcard’s', 'b.shop.example.com', 'x.test', { form: { path, host: '*.shop.example.com' } }],
    ['beside those of a wildcard at the end', 'www.example.net', 'x.test', { form: { path, host: 'www.example.*' } }],
    [
      'refused without a default host',
      'b.example.com',
      null,
      { refused: expect.stringContaining('no default domain') },
    ],
    [
      'that needs no default host, if the host has rules',
      'a.example.com',
      null,
      { form: { path, host: 'a.example.com' } },
    ],
  ])('%s', (_what, host, defaultHost, expected) => {
    expect(safeForm(host, { path }, { rules, matching: 'host-first', defaultHost, owner })).toEqual(expected);
  });

  test('two hosts without rules share the one at the default host', () => {
    const users = { a: user(['b.example.com']), b: user(['c.example.com']) };
    const inspection = { matching: 'host-first', rules, rulesLeft: 47, defaultHost: 'a.example.com' } as const;
    const { wanted } = planRules({ ...empty, users }, context({ inspection }));
    expect(wanted.rules.map(({ host, path: at }) => [host, at])).toEqual([['a.example.com', path]]);
  });
});

const user = (hosts: readonly string[], since = 1): RuleUser => ({
  since: new Date(now.getTime() + since).toISOString(),
  hosts,
  backend: { server: 'i-node1', port: 30080 },
});
let ids = 0;
const context = (over: Partial<PlanContext> = {}): PlanContext => ({
  owner,
  mode: 'forward',
  inspection: { matching: 'host-first', rules: [], rulesLeft: 40 },
  now,
  newId: () => (ids++).toString(16).padStart(12, '0'),
  ...over,
});
const empty: ListenerState = { users: {}, rules: [] };

describe('the plan of a listener', () => {
  test('fifty names without rules of their own share one rule and one group', () => {
    const users = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, user([`c${i}.example.com`])]));
    const { wanted, waiting } = planRules({ ...empty, users }, context());
    expect(wanted.rules).toHaveLength(1);
    expect(wanted.group?.backends).toEqual([{ server: 'i-node1', port: 30080 }]);
    expect(waiting.size).toBe(0);
  });

  test('who finds no room waits, and the first come first', () => {
    const users = { late: user(['b.example.com'], 2), early: user(['a.example.com'], 1) };
    const full = context({ inspection: { matching: 'best', rules: [rule('x')], rulesLeft: 1 } });
    const { wanted, waiting, after } = planRules({ ...empty, users }, full);
    expect(wanted.rules.map(({ host }) => host)).toEqual(['a.example.com']);
    expect([...waiting.keys()]).toEqual(['late']);
    expect(Object.keys(after.users)).toEqual(['early', 'late']);
  });

  test('a user that is refused leaves nothing in the state', () => {
    const rules = [rule('mine', undefined, challengePath)];
    const { after, refused, wanted } = planRules(
      { ...empty, users: { a: user(['a.example.com']) } },
      context({ inspection: { matching: 'host-first', rules, rulesLeft: 39 } }),
    );
    expect([...refused.keys()]).toEqual(['a']);
    expect(after).toEqual(empty);
    expect(wanted.rules).toEqual([]);
  });

  test('a fixed response has a rule for each token, and no group', () => {
    const answers = ['t1', 't2'].map((token) => ({ host: 'a.example.com', token, keyAuthorization: `${token}.k` }));
    const { wanted } = planRules(
      { ...empty, users: { a: { ...user(['a.example.com']), answers } } },
      context({ mode: 'fixed-response', inspection: { matching: 'best', rules: [], rulesLeft: 40 } }),
    );
    expect(wanted.group).toBeUndefined();
    expect(wanted.rules.map(({ host, path, answer }) => [host, path, answer])).toEqual([
      ['a.example.com', `${challengePath}t1`, 't1.k'],
      ['a.example.com', `${challengePath}t2`, 't2.k'],
    ]);
  });

  test('whatever comes and goes: what is at the balancer is in the document before, during and after', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.record({ lineage: name, joins: fc.boolean(), dies: fc.boolean(), own: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 0, max: 3 }), (steps, rulesLeft) => {
        let state = empty;
        let there: readonly string[] = [];
        for (const { lineage, joins, dies, own } of steps) {
          const { [lineage]: _old, ...others } = state.users;
          const users = joins ? { ...others, [lineage]: user([`${lineage}.example.com`]) } : others;
          const foreign = own ? [rule('x', `${lineage}.example.com`, '/api')] : [];
          const listed = [...foreign, ...there.map((one) => rule(one, undefined, challengePath))];
          const left = Math.max(0, rulesLeft - there.length);
          const plan = planRules(
            { ...state, users },
            context({ inspection: { matching: 'host-first', rules: listed, rulesLeft: left } }),
          );
          const names = plan.wanted.rules.map((one) => one.name);
          const during = plan.during.rules.map((one) => one.name);
          // Before the call, after it, and in between, the journal has all that is there.
          for (const one of [...there, ...names]) expect(during).toContain(one);
          expect(new Set(names).size).toBe(names.length);
          expect(names.length).toBeLessThanOrEqual(there.length + left);
          state = dies ? plan.during : plan.after;
          there = dies ? [...new Set([...there, ...names.slice(0, 1)])] : names;
          if (Object.keys(plan.after.users).length === 0) expect(plan.wanted).toEqual({ owner, rules: [] });
        }
      }),
    );
  });
});
