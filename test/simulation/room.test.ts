import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { drawTargets } from '../../src/engine/looks/targets.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue as issueIn,
  simulatedJob,
  simulatedSpec,
} from '../support/simulated-world.ts';

// A target that says before the order whether it exists and has room.

const { signal } = new AbortController();
const noRoom = fail('balancer/no-room', { target: 'slb', certificate: 'abc', reason: '3 of 3', advice: 'Merge.' });

async function createWorld() {
  const reported: string[] = [];
  const reporter = {
    report: ({ level, message }: { level: string; message: string }) => void reported.push(`${level} ${message}`),
  };
  const world = await createSimulatedWorld({ reporter });
  const hooks = { check: async (): Promise<string> => 'room' };
  const asked: unknown[] = [];
  const deployer: Deployer = {
    ...world.deployer,
    check: (wanted) => {
      asked.push(wanted);
      return hooks.check();
    },
  };
  const engine = world.replica(1, { deployer });
  const issue = (job: object = {}) =>
    passing(world.clock, issueIn(engine, { ...simulatedJob(simulatedSpec()), ...job }, signal));
  const orders = () => world.ca.accepted('newOrder');
  return { ...world, engine, hooks, asked, issue, orders, reported };
}

it('orders nothing for a new certificate without room', async () => {
  const { hooks, issue, orders, asked, readLineage } = await createWorld();
  hooks.check = () => Promise.reject(noRoom);
  expect(await issue()).toMatchObject({ result: 'failed', error: { code: 'balancer/no-room' } });
  expect(orders()).toBe(0);
  expect(asked[0]).toEqual({ lineage: 'abc', names: ['example.com'] });
  expect((await readLineage())?.current).toBeUndefined();
  expect(await issue({ insists: true, obeyBackoff: false })).toMatchObject({ result: 'issued' });
});

it('says in doctor what is wrong, not that an order or a delivery failed', async () => {
  const { hooks, engine } = await createWorld();
  const cause = new Error('the site has no such zone');
  const words = { target: 'edge', certificate: 'abc', reason: cause.message };
  hooks.check = () => Promise.reject(fail('deploy/target-failed', words, { cause }));
  const hopsOf = async () => (await drawTargets(engine, simulatedSpec(), signal)).flatMap(({ hops }) => hops);
  expect(await hopsOf()).toMatchObject([{ at: 'room', state: 'broken', finding: cause.message }]);
  hooks.check = () => Promise.reject(noRoom);
  const [hop] = await hopsOf();
  expect(hop).toMatchObject({
    at: 'room',
    reason: 'no-room',
    advice: noRoom.hint.replace('Nothing was ordered. ', ''),
  });
  expect(hop?.advice).not.toContain('Nothing was ordered');
});

const missing = fail('balancer/not-found', { balancer: 'slb', what: 'a listener', reason: 'it has none' });
const wrapped = (cause: Error) =>
  fail('deploy/target-failed', { target: 'slb', certificate: 'abc', reason: cause.message }, { cause });

it.each([
  ['the target says so', missing],
  ['its delivery says so', wrapped(missing)],
])('orders nothing for a new certificate if there is no target: %s', async (_what, error) => {
  const { hooks, issue, orders, pass, reported, engine } = await createWorld();
  hooks.check = () => Promise.reject(error);
  const told = { code: 'balancer/no-target', message: expect.stringContaining(missing.message) };
  expect(await issue()).toMatchObject({ result: 'failed', error: told });
  expect(orders()).toBe(0);
  const hops = (await drawTargets(engine, simulatedSpec(), signal)).flatMap((drawn) => drawn.hops);
  expect(hops).toMatchObject([{ state: 'broken', finding: missing.message }]);
  expect(await issue({ insists: true, obeyBackoff: false })).toMatchObject({ result: 'issued' });
  pass(80 * dayMs);
  expect(await issue()).toMatchObject({ result: 'renewed' });
  expect(reported.filter((line) => line.startsWith('warn') && line.includes(missing.message))).toHaveLength(2);
});

const unreachable = fail('balancer/unreachable', { balancer: 'slb', action: 'x', reason: 'y' });
const denied = fail('balancer/refused', { balancer: 'slb', action: 'x', reason: 'y', advice: 'z' });

it.each([
  ['it is down', unreachable],
  ['it is down, says its delivery', wrapped(unreachable)],
  ['the key may not read', denied],
  ['the key may not read, says its delivery', wrapped(new Error(denied.message, { cause: denied }))],
])('orders if the target cannot tell: %s', async (_what, error) => {
  const { hooks, issue } = await createWorld();
  hooks.check = () => Promise.reject(error);
  expect(await issue()).toMatchObject({ result: 'issued' });
});

it('renews with a warning', async () => {
  const { hooks, issue, pass, reported } = await createWorld();
  await issue();
  hooks.check = () => Promise.reject(noRoom);
  pass(80 * dayMs);
  expect(await issue()).toMatchObject({ result: 'renewed' });
  expect(reported).toContain(`warn ${noRoom.message}`);
});
