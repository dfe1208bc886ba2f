import { expect, it } from 'vitest';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const spec = simulatedSpec();

it('one pass with a clock that is years ahead delays no certificate', async () => {
  const world = await createSimulatedWorld();
  await issue(world.replica(1), job(spec), signal);
  const context = world.replica(2);
  const issuer = context.connect.issuer(spec.spec.issuer, spec.issuer);
  const aheadMs = 1_000 * dayMs;
  const ahead = {
    ...context,
    clock: { ...world.clock, now: () => new Date(world.clock.now().getTime() + aheadMs) },
    connect: {
      ...context.connect,
      issuer: () => ({
        ...issuer,
        directory: async () => ({ ...(await issuer.directory(signal)), clockSkewMs: aheadMs }),
      }),
    },
  };
  expect(await issue(ahead, job(spec), signal)).toMatchObject({ result: 'failed', error: { code: 'acme/clock-skew' } });
  world.pass(80 * dayMs);
  expect(await issue(world.replica(3), job(spec), signal)).toMatchObject({ result: 'renewed' });
  expect((await world.readLineage())?.failure).toBeUndefined();
});

it('a clock that is always wrong leads only to the first step of the back-off', async () => {
  const world = await createSimulatedWorld();
  const context = world.replica(1);
  const issuer = context.connect.issuer(spec.spec.issuer, spec.issuer);
  const skewed = async () => ({ ...(await issuer.directory(signal)), clockSkewMs: dayMs });
  const connect = { ...context.connect, issuer: () => ({ ...issuer, directory: skewed }) };
  for (let pass = 1; pass <= 3; pass += 1) {
    await issue({ ...context, connect }, job(spec), signal);
    world.pass(61_000);
  }
  expect((await world.readLineage())?.failure).toMatchObject({ count: 1, code: 'acme/clock-skew' });
  expect(await issue(context, job(spec), signal)).toMatchObject({ result: 'issued' });
});
