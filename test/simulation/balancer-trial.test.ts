import { describe, expect, it } from 'vitest';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { tryBalancer } from '../../src/engine/acts/balancer-trial.ts';
import type { ForwardRuleOptions } from '../../src/engine/solvers/http01-forward-rule.ts';
import type { Balancer, WantedRules } from '../../src/ports/balancer.ts';
import type { Responder } from '../../src/ports/responder.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedSpec } from '../support/simulated-world.ts';

// `certfleet balancer test` waits as long as an order does.

const { signal } = new AbortController();

async function tryIt({
  healthyMs = 0,
  visibleMs = 0,
  timeoutMs = 60_000,
}: {
  readonly healthyMs?: number;
  readonly visibleMs?: number;
  readonly timeoutMs?: number;
}) {
  const world = await createSimulatedWorld();
  const { clock } = world;
  let rules: WantedRules['rules'] = [];
  let addedMs = 0;
  const hasLasted = (ms: number) => rules.length > 0 && clock.monotonicMs() - addedMs >= ms;
  const balancer: Balancer = {
    ...{ type: 'sim', resource: 'sim lb-1', listener: '80', mode: 'forward' },
    backend: async () => ({ server: 'here', port: 30_080 }),
    inspect: async () => ({
      ...{ matching: 'best', rulesLeft: 9, addresses: ['192.0.2.9'] },
      rules: rules.map(({ name, path }) => ({ name, path, action: 'forwards' })),
    }),
    async apply(wanted) {
      if (rules.length === 0) addedMs = clock.monotonicMs();
      rules = wanted.rules;
      return null;
    },
    state: async () => (hasLasted(healthyMs) ? { ready: true } : { ready: false, reason: 'health check' }),
    owned: async () => [],
    removeOwned: async () => {},
  };
  let body = '';
  const responder: Responder = {
    ...{ address: '0.0.0.0:30080', patienceMs: 1_000 },
    probe: async () => ({ path: '/', body: '' }),
    reachedAt: async () => true,
    async answer({ keyAuthorization }) {
      body = keyAuthorization;
      return null;
    },
    ready: async () => ({ ready: true }),
    withdraw: async () => {},
    serve: async () => {},
    close: async () => {},
  };
  const replica = world.replica(1);
  const get = async () =>
    hasLasted(visibleMs)
      ? { status: 200, location: undefined, body }
      : { status: 404, location: undefined, body: 'the rule is not there yet' };
  const engine = { ...replica, vantage: { ...replica.vantage, get } };
  const { locks, random } = engine;
  const rule: ForwardRuleOptions = {
    ...{ balancer, name: 'lb', responder, locks, owner: '0123456789ab', clock, random, keep: false, timeoutMs },
  };
  const spec: StoredSpec = { ...simulatedSpec(), targets: [] };
  const request = { spec, host: undefined, told: () => {} };
  const report = await passing(clock, tryBalancer(engine, rule, request, signal));
  expect(rules).toEqual([]);
  return report;
}

describe('the test of a balancer', () => {
  it.each([
    ['a rule that takes 50 s to be in effect everywhere', { visibleMs: 50_000 }],
    ['a health check that takes as long as the solver allows', { healthyMs: 170_000, timeoutMs: 180_000 }],
  ])('waits for %s', async (_what, slow) => {
    const { error, steps } = await tryIt(slow);
    expect([error, steps.map(({ step }) => step)]).toEqual([
      undefined,
      ['listener', 'responder', 'add', 'healthy', 'answer', 'remove'],
    ]);
  });

  it.each([
    ['a rule', { visibleMs: 90_000 }, 'preflight/no'],
    ['a health check', { healthyMs: 90_000 }, 'solver/not-ready'],
  ])('does not wait for ever for %s', async (_what, slow, code) => {
    expect((await tryIt(slow)).error).toMatchObject({ code });
  });
});
