import { expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const spec = simulatedSpec();

/** The same process with a clock that is ahead of the CA's. */
function aheadOf(engine: Engine, ms: number): Engine {
  const issuer = engine.connect.issuer(spec.issuer.name, spec.issuer.settings);
  const directory = async () => ({ ...(await issuer.directory(signal)), clockSkewMs: ms });
  return {
    ...engine,
    clock: { ...engine.clock, now: () => new Date(engine.clock.now().getTime() + ms) },
    connect: { ...engine.connect, issuer: () => ({ ...issuer, directory }) },
  };
}

it('one pass with a clock that is years ahead delays no certificate', async () => {
  const world = await createSimulatedWorld();
  await issue(world.replica(1), job(spec), signal);
  const ahead = aheadOf(world.replica(2), 1_000 * dayMs);
  expect(await issue(ahead, job(spec), signal)).toMatchObject({
    result: 'failed',
    error: { code: 'acme/clock-skew', message: expect.stringMatching(/ by 1000 days$/) },
  });
  world.pass(80 * dayMs);
  expect(await issue(world.replica(3), job(spec), signal)).toMatchObject({ result: 'renewed' });
  expect((await world.readLineage())?.failure).toBeUndefined();
});

it.each([
  ['by cron', { obeyBackoff: true }],
  ['by hand', { obeyBackoff: false }],
])('a pass %s that is refused for its clock leaves no work, and the next one renews nothing', async (_how, rules) => {
  const world = await createSimulatedWorld();
  await issue(world.replica(1), job(spec), signal);
  const before = await world.readLineage();
  const ahead = aheadOf(world.replica(2), 1_300 * dayMs);
  expect(await issue(ahead, job(spec, rules), signal)).toMatchObject({ error: { code: 'acme/clock-skew' } });
  const after = await world.readLineage();
  expect(after).toMatchObject({ current: before?.current, renewal: before?.renewal });
  expect(after?.work).toBeUndefined();

  const seen = world.ca.requests.length;
  // It may ask for the renewal window again, but it orders nothing.
  expect(await issue(world.replica(3), job(spec), signal)).toMatchObject({ result: 'unchanged' });
  expect(world.ca.requests.slice(seen).map(({ kind }) => kind)).not.toContain('newOrder');
  expect((await world.readLineage())?.current).toEqual(before?.current);
  expect(world.delivered).toEqual([before?.current?.id]);
});

it('a clock that is always wrong leads only to the first step of the back-off', async () => {
  const world = await createSimulatedWorld();
  const engine = world.replica(1);
  // Only the CA knows that it is wrong: the passes follow each other.
  const skewed = { ...aheadOf(engine, dayMs), clock: engine.clock };
  for (let pass = 1; pass <= 3; pass += 1) {
    await issue(skewed, job(spec), signal);
    world.pass(61_000);
  }
  expect((await world.readLineage())?.failure).toMatchObject({ count: 1, code: 'acme/clock-skew' });
  expect(await issue(engine, job(spec), signal)).toMatchObject({ result: 'issued' });
});
