import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Http } from '../../src/ports/http.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const minuteMs = 60_000;
const jobs = Array.from({ length: 100 }, (_, i) => job(simulatedSpec(`c${i}`, [`c${i}.example.com`])));
const ways = ['refuses connections', 'hangs', 'answers 502'] as const;

/** A CA that works until it has accepted two orders, and then dies for some time. */
async function dyingCa(how: (typeof ways)[number], deadMs = Number.POSITIVE_INFINITY) {
  const clock = fakeClock();
  let orders = 0;
  let diedMs = Number.POSITIVE_INFINITY;
  /** When the dead CA was asked, from its death on. */
  const askedMs: number[] = [];
  const between = (honest: Http): Http => ({
    ...honest,
    async request(request) {
      const sinceMs = clock.monotonicMs() - diedMs;
      if (sinceMs >= 0 && sinceMs < deadMs) {
        askedMs.push(sinceMs);
        if (how === 'answers 502') return { status: 502, headers: {}, body: new Uint8Array() };
        if (how === 'hangs') await clock.sleep(30_000, request.signal);
        throw fail('network/failed', { method: request.method, url: request.url, reason: how });
      }
      const answer = await honest.request(request);
      orders += new URL(request.url).pathname === '/new-order' ? 1 : 0;
      if (orders === 2) diedMs = Math.min(diedMs, clock.monotonicMs());
      return answer;
    },
  });
  const world = await createSimulatedWorld({ clock, between });
  const run = async (engine = world.replica(1)) => {
    const outcomes = await passing(clock, reconcile(engine, jobs, signal));
    const which = (result: string) => outcomes.filter((one) => one.result === result).map((one) => one.certificate);
    return { failed: which('failed'), issued: which('issued'), untouched: which('unchanged') };
  };
  return { world, askedMs, run, sinceDeathMs: () => clock.monotonicMs() - diedMs };
}

it.each([
  ['refuses connections', 4 * minuteMs],
  // Each try takes 30 s, and there are up to three.
  ['hangs', 10 * minuteMs],
  ['answers 502', 4 * minuteMs],
] as const)(
  'a CA that dies during a run is probed three times, a minute apart, then the run ends: it %s',
  async (how, mostMs) => {
    const { world, askedMs, run, sinceDeathMs } = await dyingCa(how);
    const { failed, untouched } = await run();
    expect(sinceDeathMs()).toBeLessThan(mostMs);
    expect(askedMs.length, 'requests').toBeLessThan(60);
    // The repeats of one request follow within 3 s of its failure.
    const probesMs = askedMs.filter((ms, i) => i > 0 && ms - (askedMs[i - 1] ?? 0) > 45_000);
    // The first may begin while what was under way still waits for a CA that hangs.
    expect(probesMs.length).toBeGreaterThanOrEqual(how === 'hangs' ? 2 : 3);
    expect(probesMs.length).toBeLessThanOrEqual(3);
    for (const [i, ms] of probesMs.entries()) if (i > 0) expect(ms - probesMs[i - 1]!).toBeGreaterThan(minuteMs);
    expect([failed.length > 3, untouched.length > 25]).toEqual([true, true]);
    for (const name of untouched) expect(await world.readLineage(name)).toBeUndefined();
  },
);

describe('once a dead CA is back', () => {
  it('the run goes on with all certificates that wait', async () => {
    const { run } = await dyingCa('refuses connections', 1.5 * minuteMs);
    const { failed, issued, untouched } = await run();
    expect(untouched).toEqual([]);
    expect(issued.length).toBeGreaterThan(25);
    expect(issued.length + failed.length).toBe(jobs.length);
  });

  it('the next run of the same process gets them', async () => {
    const { world, run } = await dyingCa('hangs', 20 * minuteMs);
    const engine = world.replica(1);
    const { failed, untouched } = await run(engine);
    await world.clock.advance(3 * 60 * minuteMs);
    const later = await run(engine);
    expect(later.issued.sort()).toEqual([...failed, ...untouched].sort());
  });

  it('the next pass of the same process, two minutes later, asks it again, with one certificate', async () => {
    const { world, askedMs, run } = await dyingCa('refuses connections', 20 * minuteMs);
    const engine = world.replica(1);
    const { untouched } = await run(engine);
    await world.clock.advance(2 * minuteMs);
    const before = askedMs.length;
    const later = await run(engine);
    expect(askedMs.length).toBeGreaterThan(before);
    expect(later.failed.length, 'one is a probe').toBe(1);
    expect(later.untouched.length).toBeGreaterThanOrEqual(untouched.length - 1);
  });
});
