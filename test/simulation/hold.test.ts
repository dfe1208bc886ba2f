import { expect, it } from 'vitest';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

it('a busy CA that names a time behind the end of the certificate holds its renewal for half of what is left', async () => {
  const world = await createSimulatedWorld();
  const spec = simulatedSpec();
  await issue(world.replica(1), job(spec), signal);
  world.pass(88 * dayMs);
  const notAfter = Date.parse((await world.readLineage())?.current?.facts.notAfter ?? '');
  const leftMs = notAfter - world.clock.now().getTime();
  world.ca.failNext('newOrder', { status: 503, html: 'down', retryAfter: { seconds: 31_536_000 }, times: 10 });
  await issue(world.replica(1), job(spec), signal);
  const { holdUntil = '', retryAt } = (await world.readLineage())?.failure ?? {};
  expect(retryAt).toBe(holdUntil);
  expect((notAfter - Date.parse(holdUntil)) / leftMs).toBeCloseTo(0.5, 2);
});
