import { describe, expect, it } from 'vitest';
import { firstSeed, isLong } from '../../../test/support/seeded.ts';
import type { Deployment, Lineage, Tombstone } from '../lineage/lineage.ts';
import { testLineage, testSpec } from '../lineage/test-lineages.ts';
import { planLineage } from './plan.ts';
import { atOnceMs } from './schedule.ts';
import { leftToSweep, type SeenLease, wakeOf } from './wake.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.parse('2026-03-01T00:00:00Z');
const at = (ms: number) => new Date(nowMs + ms).toISOString();
const holder = { bootId: 'b', pidNamespace: 'n', pid: 7, startTime: '1' };
const lease = { id: 'l', holder, beat: 0 };
const idle: Lineage = {
  ...testLineage,
  renewal: { at: at(60 * dayMs), source: 'lifetime', checkAfter: at(6 * hourMs) },
};
const failure = { count: 1, at: at(0), code: 'acme/busy', message: '', hint: '' };
const stone: Tombstone = {
  ...{ type: 'dns-01', identifier: 'abc.example.com', token: 't', thumbprint: 'x' },
  ...{ closedAt: at(0), looked: 0 },
};
const work = { directory: '', startedAt: at(0), challenges: [] };
const due = { ...idle, renewal: { at: at(-hourMs), source: 'lifetime' } } as const;
const expiring = { ...idle.current!, facts: { ...idle.current!.facts, notAfter: at(hourMs) } };
const sent = { version: 'v0', receipt: 1, keptAt: at(0) };

describe('wakeOf', () => {
  it.each<[what: string, lineage: Lineage | undefined, expected: number, seen?: SeenLease]>([
    ['a certificate that was never issued', undefined, 0],
    ['the next question about the window', idle, 6 * hourMs],
    ['the renewal', { ...idle, renewal: { ...idle.renewal!, at: at(hourMs) } }, hourMs],
    [
      'the expiry, whatever renewal time is stored',
      { ...idle, renewal: { ...idle.renewal!, checkAfter: at(3 * dayMs) }, current: expiring },
      hourMs,
    ],
    ['the end of the back-off', { ...due, failure: { ...failure, retryAt: at(600_000) } }, 600_000],
    [
      'the end of the CA’s hold',
      { ...due, failure: { ...failure, retryAt: at(600_000), holdUntil: at(hourMs) } },
      hourMs,
    ],
    ['the first look at a tombstone', { ...idle, tombstones: [stone] }, hourMs],
    ['its second look', { ...idle, tombstones: [{ ...stone, closedAt: at(-23 * hourMs), looked: 1 }] }, hourMs],
    ['a removal that failed', { ...idle, tombstones: [{ ...stone, looked: -1 }] }, 0],
    [
      'an upload that something still used',
      {
        ...idle,
        renewal: { ...idle.renewal!, checkAfter: at(3 * dayMs) },
        deployments: { edge: { ...idle.deployments['edge']!, sent: [sent] } },
      },
      dayMs,
    ],
    [
      'the next try at a target',
      { ...idle, deployments: { edge: { version: 'v1', state: 'pending', since: at(-hourMs), retryAt: at(300_000) } } },
      300_000,
    ],
    [
      'a holder that is dead',
      { ...due, work: { ...work, step: 'order', version: 'v2', lease } },
      0,
      { holder: 'dead', silentMs: 0, leaseTtlMs: 60_000 },
    ],
    [
      'a holder that may be alive',
      { ...due, work: { ...work, step: 'order', version: 'v2', lease } },
      45_000,
      { holder: 'unknown', silentMs: 15_000, leaseTtlMs: 60_000 },
    ],
  ])('names the time of %s', (_what, lineage, expected, seen) => {
    const found = wakeOf(testSpec, lineage, { now: new Date(nowMs), lease: seen });
    expect(found && found - nowMs).toBe(expected);
  });

  it('names no time for a certificate that is not declared and owes nothing', () => {
    expect(wakeOf(undefined, idle, { now: new Date(nowMs) })).toBeUndefined();
    expect(wakeOf(undefined, { ...idle, tombstones: [stone] }, { now: new Date(nowMs) })).toBe(nowMs + hourMs);
  });
});

/** Numbers from 0 to 1. */
function chanceOf(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A lineage with random times in everything that a pass may have to do. */
function anyLineage(chance: () => number): Lineage {
  const troubles = chance() < 0.5 ? 1 : 0;
  const maybe = <T>(share: number, make: () => T): T | undefined => (chance() < share ? make() : undefined);
  const trouble = <T>(share: number, make: () => T): T | undefined => maybe(share * troubles, make);
  const some = (spanMs: number, fromMs = -spanMs / 4) => at(Math.floor(fromMs + chance() * spanMs));
  const deployment = (): Deployment => ({
    version: chance() < 1 - 0.3 * troubles ? 'v1' : 'v0',
    state: chance() < 1 - 0.3 * troubles ? 'current' : 'pending',
    since: some(dayMs, -dayMs),
    retryAt: trouble(0.5, () => some(2 * dayMs)),
    sent: trouble(0.4, () => [{ version: 'v0', receipt: 1, keptAt: maybe(0.8, () => some(dayMs, -dayMs)) }]),
  });
  const start = some(2 * dayMs);
  const window = maybe(0.5, () => ({ start, end: new Date(Date.parse(start) + chance() * dayMs).toISOString() }));
  return {
    ...testLineage,
    current: { ...testLineage.current, issuedAt: some(3 * hourMs, -3 * hourMs) },
    renewal: maybe(0.95, () => ({
      at: some(20 * dayMs, -dayMs),
      source: 'ari',
      window,
      checkAfter: maybe(0.9, () => some(dayMs)),
    })),
    failure: trouble(0.4, () => ({
      ...failure,
      at: some(hourMs, -hourMs),
      retryAt: some(2 * dayMs),
      holdUntil: maybe(0.4, () => some(8 * dayMs)),
    })),
    deployments: { edge: deployment() },
    rolledBack: trouble(0.1, () => ({ at: at(-dayMs), until: some(3 * dayMs) })),
    tombstones: trouble(0.3, () => [{ ...stone, closedAt: some(dayMs, -dayMs), looked: chance() < 0.5 ? 0 : 1 }]),
    work: trouble(0.3, () => ({
      ...work,
      ...{ step: chance() < 0.3 ? 'deploy' : chance() < 0.5 ? 'order' : 'close', version: 'v2' },
      lease: maybe(0.6, () => lease),
    })),
  };
}

it('has nothing to do before its time, and something at it', () => {
  let [waiting, never] = [0, 0];
  const count = isLong ? 3_000 : 1_000;
  for (let seed = firstSeed; seed < firstSeed + count; seed += 1) {
    const chance = chanceOf(seed);
    const lineage = anyLineage(chance);
    const [kind, share] = [chance(), chance()];
    const nextRunMs = kind < 0.3 ? Math.floor(share * 10 * dayMs) : kind < 0.6 ? atOnceMs : undefined;
    const shiftMs = chance() < 0.5 ? Math.floor((chance() - 0.5) * 180) * 60_000 : undefined;
    const noQuestionBeforeMs = chance() < 0.3 ? nowMs + Math.floor(chance() * 2 * dayMs) : undefined;
    const checkMs = Math.max(Date.parse(lineage.renewal?.checkAfter ?? '') || 0, noQuestionBeforeMs ?? 0);
    const checkAfter = checkMs > 0 ? new Date(checkMs).toISOString() : undefined;
    const asked = { ...lineage, renewal: lineage.renewal && { ...lineage.renewal, checkAfter } };
    const seen: SeenLease = {
      holder: (['alive', 'dead', 'unknown'] as const)[Math.floor(chance() * 3)]!,
      silentMs: Math.floor(chance() * 90_000),
      leaseTtlMs: 60_000,
    };
    /** What a pass asks before it touches a certificate. */
    const isIdle = (ms: number): boolean => {
      const now = new Date(ms);
      const isHeld = lineage.work?.lease && seen.holder !== 'dead';
      if (isHeld && seen.silentMs + ms - nowMs < seen.leaseTtlMs) return true;
      const plan = planLineage(testSpec, asked, now, { obeyBackoff: true, force: false, nextRunMs, shiftMs });
      return (
        plan.action === 'none' && leftToSweep(lineage, { now, holder: seen.holder, canDeliver: true }) === 'nothing'
      );
    };
    const wake = wakeOf(testSpec, lineage, {
      now: new Date(nowMs),
      lease: seen,
      nextRunMs,
      shiftMs,
      noQuestionBeforeMs,
    });
    const endMs = wake ?? nowMs + 200 * dayMs;
    if (wake === undefined) never += 1;
    else expect(isIdle(wake), `seed ${seed}: something at ${new Date(wake).toISOString()}`).toBe(false);
    if (endMs > nowMs) waiting += 1;
    const before = Array.from({ length: 20 }, () => nowMs + Math.floor(chance() * (endMs - nowMs)));
    for (const ms of [...before, endMs - 1]) {
      if (ms < nowMs || ms >= endMs) continue;
      expect(isIdle(ms), `seed ${seed}: nothing at ${new Date(ms).toISOString()}`).toBe(true);
    }
  }
  expect([waiting > count / 6, never < count / 10]).toEqual([true, true]);
});
