import { describe, expect, it } from 'vitest';
import { untranslatedIn } from '../../../test/support/chinese.ts';
import { challengePath } from '../../core/ca/challenge-path.ts';
import { fail } from '../../core/errors/errors.ts';
import type { ListenerState, LockDocument } from '../../core/lineage/lock.ts';
import { nameWithMark } from '../../core/request-path/own-mark.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { present } from '../../core/text/present.ts';
import type { Balancer, Inspection, ListenerRule } from '../../ports/balancer.ts';
import type { Responder } from '../../ports/responder.ts';
import type { Locks } from '../locks/lock.ts';
import { describeForwardRule } from './forward-rule-path.ts';

const owner = 'aaaaaaaaaaaa';
const expires = new Date('2027-01-01T00:00:00Z');
const own = nameWithMark({ owner, expires, id: '000000000001' });
const others = (at: Date) => nameWithMark({ owner: 'bbbbbbbbbbbb', expires: at, id: '000000000002' });
const other = others(new Date('2026-11-26T00:00:00Z'));
const host = 'abc.example.test';
const probe = { path: `${challengePath}health`, body: 'proof' };

const rule = (name: string, at: { readonly host?: string; readonly path?: string } = {}): ListenerRule => ({
  name,
  action: `forwards to ${name}`,
  ...at,
});

const held: ListenerState = {
  users: { abc: { since: '2026-11-25T00:00:00Z', hosts: [host], backend: { server: 'i-1', port: 30_080 } } },
  rules: [{ name: own, lineage: 'abc', path: challengePath }],
  group: { name: own, lineage: 'abc' },
  receipt: 'r',
};

interface Given {
  readonly rules?: readonly ListenerRule[];
  readonly inspection?: Partial<Inspection>;
  readonly balancer?: Partial<Balancer>;
  readonly state?: ListenerState;
  readonly responder?: Error;
  readonly rights?: readonly Right[];
  /** The balancer leads to a port where no responder answers. */
  readonly isElsewhere?: true;
}

const right = (action: string, state: Right['state']): Right => ({ action: `slb:${action}`, state });

async function described({ rules = [], inspection, balancer, state, responder, rights, isElsewhere }: Given) {
  const asked: unknown[] = [];
  const made = {
    ...{ type: 'test', resource: 'lb', listener: '80', mode: 'forward' },
    backend: async () => ({ server: 'i-1', port: 30_080 }),
    hasServer: async () => true,
    state: async (wanted: unknown, receipt: unknown) => {
      asked.push([wanted, receipt]);
      return { ready: true };
    },
    ...balancer,
  } as unknown as Balancer;
  const document: LockDocument = { schema: 1, ...present({ listeners: state && { '80': state } }) };
  const path = await describeForwardRule(
    {
      balancer: made,
      responder: {
        address: '0.0.0.0:30080',
        probe: async () => {
          if (responder) throw responder;
          return probe;
        },
        reachedAt: async () => !isElsewhere,
      } as unknown as Responder,
      locks: { read: async () => document } as unknown as Locks,
      owner,
      now: new Date('2026-11-25T00:00:00Z'),
      newId: () => '000000000009',
      inspect: async () => ({ matching: 'host-first', rules, rulesLeft: 40 - rules.length, ...inspection }),
      rights: async () => rights,
    },
    host,
    new AbortController().signal,
  );
  return {
    ...path,
    asked,
    states: path.hops.map(({ at, state: so, reason }) => [at, so, ...(reason ? [reason] : [])]),
  };
}

const listener = ['listener', 'well'];
const responder = ['responder', 'well'];

describe('the path through a forward rule', () => {
  it.each<[string, Given, readonly (readonly string[])[]]>([
    ['no rule', {}, [['rule', 'well'], ['group', 'well'], responder]],
    [
      'a rule of others has the path',
      { rules: [rule('theirs', { host, path: challengePath })] },
      [['rule', 'broken', 'rule-of-others'], responder],
    ],
    [
      'another installation has the path',
      { rules: [rule(other, { path: challengePath })] },
      [['rule', 'cannot-tell', 'rule-of-others'], responder],
    ],
    [
      'another installation keeps the path',
      { rules: [rule(others(expires), { path: challengePath })] },
      [['rule', 'broken', 'rule-of-others'], responder],
    ],
    [
      'a key that may only read',
      { rights: [right('CreateRules', 'denied'), right('SetRule', 'doubtful')] },
      [['rights', 'broken', 'missing-right'], ['rule', 'well'], ['group', 'well'], responder],
    ],
    [
      'a key whose policy names objects',
      { rights: [right('CreateRules', 'allowed'), right('SetRule', 'doubtful')] },
      [['rights', 'cannot-tell', 'missing-right'], ['rule', 'well'], ['group', 'well'], responder],
    ],
    [
      'a key that may do everything',
      {
        rights: [
          ...['DescribeRules', 'CreateRules', 'SetRule'].map((action) => right(action, 'allowed')),
          right('TagResources', 'untried'),
        ],
      },
      [['rights', 'well'], ['rule', 'well'], ['group', 'well'], responder],
    ],
    [
      'a key of which only the rights to read can be tried',
      { rights: [right('DescribeRules', 'allowed'), right('CreateRules', 'untried'), right('SetRule', 'untried')] },
      [['rights', 'cannot-tell'], ['rule', 'well'], ['group', 'well'], responder],
    ],
    [
      'a port on which no responder listens',
      { isElsewhere: true },
      [['rule', 'well'], ['group', 'well'], responder, ['responder', 'cannot-tell', 'other-port']],
    ],
    ['no room', { inspection: { rulesLeft: 0 } }, [['rule', 'broken', 'no-room'], responder]],
    [
      'a left-over',
      { rules: [rule(own, { path: challengePath })] },
      [['rule', 'well'], ['group', 'cannot-tell'], responder],
    ],
    [
      'a rule of the host excludes certfleet’s',
      { rules: [rule(own, { path: challengePath }), rule('shop', { host, path: '/shop' })], state: held },
      [['rule', 'broken', 'rule-of-others'], ['group', 'well'], responder],
    ],
    [
      'a server that the balancer does not know yet',
      { balancer: { hasServer: async () => false } },
      [['rule', 'well'], ['group', 'cannot-tell'], responder],
    ],
    [
      'a balancer that cannot say which servers there are',
      { balancer: { hasServer: undefined! } },
      [['rule', 'well'], ['group', 'cannot-tell'], responder],
    ],
    [
      'a balancer that fails when it is asked for the server',
      {
        balancer: {
          hasServer: () => Promise.reject(fail('balancer/failed', { balancer: 'lb', action: 'x', reason: 'y' })),
        },
      },
      [['rule', 'well'], ['group', 'broken'], responder],
    ],
    [
      'an answer of the balancer itself',
      { balancer: { mode: 'fixed-response' }, inspection: { matching: 'best' } },
      [['rule', 'well'], responder],
    ],
    [
      'a port that is taken',
      { responder: fail('solver/port-taken', { address: '0.0.0.0:30080', holder: 'nginx' }) },
      [
        ['rule', 'well'],
        ['group', 'well'],
        ['responder', 'broken'],
      ],
    ],
    [
      'a backend that is not known',
      {
        balancer: {
          backend: () => Promise.reject(fail('balancer/failed', { balancer: 'lb', action: 'x', reason: 'y' })),
        },
      },
      [['rule', 'well'], ['group', 'broken'], responder],
    ],
  ])('%s', async (_what, given, expected) => {
    const { states, probe: now, healthy, hops } = await described(given);
    expect(states).toEqual([listener, ...expected]);
    expect(untranslatedIn(hops)).toEqual([]);
    // Only a rule of certfleet's leads to the responder now.
    expect(now !== undefined).toBe(given.rules?.some(({ name }) => name === own) === true);
    expect(healthy).toBeUndefined();
  });

  it('asks the balancer about the health of what is there', async () => {
    const { states, healthy, asked, hops } = await described({
      rules: [rule(own, { path: challengePath })],
      state: held,
    });
    expect(states).toEqual([listener, ['rule', 'well'], ['group', 'well'], responder]);
    expect(hops[2]?.finding).toBe(`${own}: i-1:30080, for 1 certificate`);
    expect(await healthy?.(new AbortController().signal)).toEqual({ ready: true });
    expect(asked).toMatchObject([[{ owner, rules: [{ name: own }], group: { name: own } }, 'r']]);
  });
});
