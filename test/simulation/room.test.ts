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

// A target that says before the order whether it has room.

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

it('orders if the target cannot tell', async () => {
  const { hooks, issue } = await createWorld();
  hooks.check = () => Promise.reject(fail('balancer/unreachable', { balancer: 'slb', action: 'x', reason: 'y' }));
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
