import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/plan/event.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// `renew --next-run`: runs at an interval on a moved clock, with the engine and a CA that has renewal windows.

const { signal } = new AbortController();
const hourMs = 3_600_000;

/** A world whose CA issues certificates of this lifetime. */
async function worldOf(days: number, windowMs?: readonly [number, number]) {
  const events: Event[] = [];
  const profiles = { default: { description: `${days} days`, validityMs: days * dayMs } };
  const world = await createSimulatedWorld({
    settings: { profiles, ...(windowMs ? { windowMs } : {}) },
    reporter: { report: (event) => events.push(event) },
  });
  const run = (nextRunMs?: number) =>
    issue(world.replica(1), { ...job(simulatedSpec()), ...(nextRunMs === undefined ? {} : { nextRunMs }) }, signal);
  return { ...world, events, run };
}

describe('runs at an interval that holds the lifetime', () => {
  it.each([
    { days: 90, interval: 31, runs: 12, renewed: 12 },
    { days: 64, interval: 31, runs: 12, renewed: 12 },
    { days: 45, interval: 7, runs: 13, renewed: 3 },
    { days: 90, interval: 1, runs: 61, renewed: 1 },
    { days: 64, interval: 1, runs: 44, renewed: 1 },
    { days: 45, interval: 1, runs: 31, renewed: 1 },
    { days: 160 / 24, interval: 1, runs: 20, renewed: 6 },
    { days: 160 / 24, interval: 0.5, runs: 40, renewed: 6 },
  ])('$days days, every $interval days: $renewed of $runs runs renew, and it never expires', async (row) => {
    const world = await worldOf(row.days);
    const interval = row.interval * dayMs;
    const results = [(await world.run(interval)).result];
    for (let run = 0; run < row.runs; run += 1) {
      world.pass(interval);
      const { current } = (await world.readLineage())!;
      expect(Date.parse(current!.facts.notAfter)).toBeGreaterThan(world.clock.now().getTime());
      results.push((await world.run(interval)).result);
    }
    const renewed = results.filter((result) => result === 'renewed').length;
    expect(results).toEqual([
      'issued',
      ...Array.from({ length: row.runs }, () => expect.stringMatching(/^(renewed|unchanged)$/)),
    ]);
    // The CA draws its windows, so a renewal may fall into the run before or after.
    expect(Math.abs(renewed - row.renewed)).toBeLessThanOrEqual(1);
    expect(world.ca.state.certificates.size).toBe(1 + renewed);
    expect(world.delivered).toHaveLength(1 + renewed);
    expect(world.txt.size).toBe(0);
  });
});

describe('one run', () => {
  it('renews nothing early without --next-run, and the same certificate with it', async () => {
    const world = await worldOf(90);
    await world.run();
    world.pass(31 * dayMs);
    expect(await world.run()).toMatchObject({ result: 'unchanged' });
    expect(world.events.some(({ event }) => event === 'renewal.early')).toBe(false);
    expect(await world.run(31 * dayMs)).toMatchObject({ result: 'renewed' });
    const { renewal } = (await world.readLineage())!;
    expect(world.events.filter(({ event }) => event === 'renewal.early')).toEqual([
      expect.objectContaining({
        level: 'warn',
        certificate: 'abc',
        message: expect.stringMatching(
          /^renewing it early: it is due at .*, before the next run \(in 31 days\); that is outside the CA’s window \(.*\), so the CA’s rate limits count it$/,
        ),
        data: { start: expect.any(String), end: expect.any(String) },
      }),
    ]);
    // The same run by hand again does nothing.
    expect(await world.run(31 * dayMs)).toMatchObject({ result: 'unchanged', next: renewal?.at });
    expect(world.ca.state.certificates.size).toBe(2);
  });

  it('renews in the same run where the CA’s window turns out to be before the next one', async () => {
    const world = await worldOf(90, [80 * dayMs, 81 * dayMs]);
    await world.run();
    world.pass(20 * dayMs);
    expect(await world.run(7 * dayMs)).toMatchObject({ result: 'unchanged' });
    world.pass(6 * hourMs);
    world.ca.settings.windowMs = [22 * dayMs, 23 * dayMs];
    expect(await world.run(7 * dayMs)).toMatchObject({ result: 'renewed' });
  });

  it('says nothing of the CA’s limits inside its window', async () => {
    const world = await worldOf(90, [30 * dayMs, 60 * dayMs]);
    await world.run();
    await world.editLineage((lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date(world.clock.now().getTime() + 40 * dayMs).toISOString() },
    }));
    world.pass(35 * dayMs);
    expect(await world.run(7 * dayMs)).toMatchObject({ result: 'renewed' });
    expect(world.events.filter(({ event }) => event === 'renewal.early')).toEqual([
      expect.objectContaining({ level: 'info', message: expect.not.stringContaining('limits') }),
    ]);
  });

  it('orders only once if two runs start at once', async () => {
    const world = await worldOf(90);
    await world.run();
    world.pass(31 * dayMs);
    const late = { ...job(simulatedSpec()), nextRunMs: 31 * dayMs };
    const outcomes = await Promise.all([1, 2].map((pid) => issue(world.replica(pid), late, signal)));
    expect(outcomes.map(({ result }) => result)).toEqual(['renewed', 'renewed']);
    expect(world.ca.state.certificates.size).toBe(2);
  });

  it('tries again at the next run what failed, and keeps the old certificate until then', async () => {
    const world = await worldOf(64);
    await world.run(31 * dayMs);
    world.pass(31 * dayMs);
    world.ca.settings.blocked = ['example.com'];
    expect(await world.run(31 * dayMs)).toMatchObject({ result: 'failed' });
    world.pass(31 * dayMs);
    const { current } = (await world.readLineage())!;
    expect(Date.parse(current!.facts.notAfter)).toBeGreaterThan(world.clock.now().getTime());
    world.ca.settings.blocked = [];
    expect(await world.run(31 * dayMs)).toMatchObject({ result: 'renewed' });
    expect(world.ca.state.certificates.size).toBe(2);
  });
});
