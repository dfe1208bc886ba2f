import { describe, expect, it } from 'vitest';
import { askWindows } from '../../src/engine/pass/windows.ts';
import { questionOf } from '../../src/engine/path/window.ts';
import type { Store } from '../../src/ports/store.ts';
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

// Let's Encrypt's six-day certificates: a window of 2 % of the lifetime, 3.2 hours, in the middle. Renewals outside it
// count against its rate limits.
describe('an hourly run renews 160-hour certificates inside the window', () => {
  const settings = { profiles: { classic: { description: '160 hours', validityMs: 160 * hourMs } } };
  it.each(
    [0, 0.3, 0.69, 0.8, 0.95, 0.999].flatMap((drawn) => [1, 17, 38, 59].map((minute) => [drawn, minute] as const)),
  )('drawn at %d of it, at minute %d', async (drawn, minute) => {
    const world = await createSimulatedWorld({ settings });
    await issue(world.replica(1), job(simulatedSpec()), signal);
    const { current, renewal } = (await world.readLineage())!;
    const { start, end } = renewal!.window!;
    const [from, to] = [Date.parse(start), Date.parse(end)];
    expect((to - from) / hourMs).toBeCloseTo(3.2, 1);
    const at = new Date(from + drawn * (to - from)).toISOString();
    await world.editLineage((lineage) => ({ ...lineage, renewal: { ...renewal!, at } }));
    world.clock.set(new Date(from - 2 * hourMs + minute * minuteMs));
    for (let passes = 0; passes < 8; passes += 1) {
      await issue(world.replica(1), job(simulatedSpec()), signal);
      const now = (await world.readLineage())!.current!;
      if (now.id !== current!.id) {
        const issuedAt = Date.parse(now.issuedAt!);
        expect([issuedAt >= from, issuedAt < to]).toEqual([true, true]);
        return;
      }
      world.pass(hourMs);
    }
    throw new Error('it was not renewed');
  });

  it('and one whose window is shorter than an hour before it ends', async () => {
    // From the beginning of the certificate, which is an hour before its issue.
    const window = [50 * hourMs + 20 * minuteMs, 50 * hourMs + 40 * minuteMs] as const;
    const world = await createSimulatedWorld({ settings: { ...settings, windowMs: window } });
    let passes = 0;
    for (; world.ca.state.certificates.size < 2 && passes < 100; passes += 1) {
      await issue(world.replica(1), job(simulatedSpec()), signal);
      world.pass(hourMs);
    }
    const [first, second] = [...world.ca.state.certificates.values()];
    const renewedAt = second!.notBefore.getTime() + hourMs - first!.notBefore.getTime();
    expect([renewedAt > window[0] - hourMs, renewedAt < window[1]]).toEqual([true, true]);
    // The next runs do not order again.
    for (let run = 0; run < 3; run += 1) await issue(world.replica(1), job(simulatedSpec()), signal);
    expect(world.ca.state.certificates.size).toBe(2);
  });
});

describe('the question for the window of a certificate that is not due', () => {
  it.each([
    ['takes no lease and costs one write', undefined, 1],
    ['gives way to another process that writes meanwhile, and then asks again', 'the other', 3],
  ])('%s', async (_what, other, writes) => {
    const world = await createSimulatedWorld();
    const first = world.replica(1);
    await issue(first, job(simulatedSpec()), signal);
    const before = (await world.readLineage())!;
    world.pass(10 * hourMs);
    let puts = 0;
    let rest = other ? 1 : 0;
    const put: Store['put'] = async (key, bytes, options) => {
      if (key.kind !== 'lineage') return world.store.put(key, bytes, options);
      puts += 1;
      expect(JSON.parse(new TextDecoder().decode(bytes))).not.toHaveProperty('work');
      for (; rest > 0; rest -= 1) {
        puts += 1;
        await world.editLineage((lineage) => ({ ...lineage, name: lineage.name }));
      }
      return world.store.put(key, bytes, options);
    };
    const second = world.replica(2, { store: { ...world.store, put } });
    expect(await issue(second, job(simulatedSpec()), signal)).toMatchObject({ result: 'unchanged' });
    const { renewal, last, ...after } = (await world.readLineage())!;
    expect(renewal!.at).toBe(before.renewal!.at);
    expect(Date.parse(renewal!.checkAfter!)).toBeGreaterThan(world.clock.now().getTime());
    expect(last).toEqual({
      at: expect.any(String),
      result: 'unchanged',
      message: 'not due yet',
      version: before.current!.id,
    });
    expect(after).toEqual({ ...before, renewal: undefined, last: undefined });
    expect(puts).toBe(writes);
  });
});

describe('the question of a process that keeps running', () => {
  const moved = [50 * hourMs, 60 * hourMs] as const;
  it.each<[what: string, { readonly window?: typeof moved; readonly other?: true }, number]>([
    ['writes nothing where the window is unchanged', {}, 0],
    ['stores a window that has changed', { window: moved }, 1],
    ['gives way to another process that writes meanwhile', { window: moved, other: true }, 0],
  ])('%s', async (_what, { window, other }, writes) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(10 * hourMs);
    if (window) Object.assign(world.ca.settings, { windowMs: window });
    const before = (await world.readLineage())!;
    const { revision } = (await world.store.get({ kind: 'lineage', name: before.name }, signal))!;
    if (other) await world.editLineage((lineage) => ({ ...lineage, exports: [] }));
    let puts = 0;
    const put: Store['put'] = (key, bytes, options) => {
      puts += 1;
      return world.store.put(key, bytes, options);
    };
    const replica = world.replica(2, { store: { ...world.store, put } });
    const question = questionOf(job(simulatedSpec()), before)!;
    const answers = await askWindows(replica, [{ ...question, revision }], signal);
    const answer = answers.get(before.name);
    const after = (await world.readLineage())!;
    expect(puts).toBe(writes);
    if (window) expect(answer).toBe('changed');
    else expect(answer).toEqual({ checkAfter: expect.any(String) });
    if (typeof answer === 'object') expect(Date.parse(answer.checkAfter)).toBeGreaterThan(world.clock.now().getTime());
    if (other) expect(after).toEqual({ ...before, exports: [] });
    else if (window) expect(after.renewal!.at).not.toBe(before.renewal!.at);
    else expect(after).toEqual(before);
  });
});
