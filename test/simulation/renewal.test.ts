import { expect, it } from 'vitest';
import { createSimulatedWorld, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const [minuteMs, hourMs] = [60_000, 3_600_000];

/** Runs `renew` every quarter of an hour and returns how many certificates it ordered. */
async function boughtIn(world: Awaited<ReturnType<typeof createSimulatedWorld>>, passes: number): Promise<number> {
  for (let pass = 0; pass < passes; pass += 1) {
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(15 * minuteMs);
  }
  return world.ca.state.certificates.size;
}

it('a window that ended before the certificate began is ignored: the lifetime decides', async () => {
  const world = await createSimulatedWorld({ settings: { windowMs: [-3 * hourMs, -2 * hourMs] } });
  expect(await boughtIn(world, 12)).toBe(1);
  expect((await world.readLineage())?.renewal).toMatchObject({ source: 'lifetime' });
});

it('a window that is always in the past leads to at most one certificate an hour', async () => {
  const world = await createSimulatedWorld({ settings: { windowMs: [-hourMs, 1] } });
  expect(await boughtIn(world, 3)).toBe(1);
  expect(await boughtIn(world, 4)).toBe(2);
});
