import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec } from '../lineage/test-lineages.ts';
import { idleOf, outcomeOfIdle } from './idle.ts';
import { outcomeOfPlan } from './outcome.ts';
import { planLineage } from './plan.ts';

const now = new Date('2026-03-01T00:00:00Z');
const hourMs = 3_600_000;

function idle(lineage: Lineage, at: Date, nextRunMs?: number) {
  const rules = { obeyBackoff: true, force: false, unattended: true, node: 'here', nextRunMs };
  const plan = planLineage(testSpec, lineage, at, rules);
  return {
    plan,
    outcome: outcomeOfPlan({ wanted: testSpec, origin: 'configuration', obeyBackoff: true }, lineage, plan),
    found: idleOf(lineage, {
      outcome: outcomeOfPlan({ wanted: testSpec, origin: 'configuration', obeyBackoff: true }, lineage, plan),
      now: at,
      nextRunMs,
    }),
  };
}

describe('what is remembered of a certificate', () => {
  it('holds for a day at most', () => {
    const { found } = idle(testLineage, now);
    expect(found).toMatchObject({ version: 'v1', fingerprint: 'f', fromMs: now.getTime() });
    expect(found!.untilMs - now.getTime()).toBe(24 * hourMs);
  });

  const since = { since: '', state: 'current', version: 'v1' } as const;
  const rows: readonly (readonly [string, object])[] = [
    ['is due', { renewal: { ...testLineage.renewal, at: '2026-02-28T00:00:00Z' } }],
    ['is to be asked about', { renewal: { ...testLineage.renewal, checkAfter: '2026-02-28T00:00:00Z' } }],
    ['has failed', { failure: { count: 0, at: '', code: '', message: '', hint: '', retryAt: '' } }],
    ['is worked on', { work: { step: 'close', version: '', directory: '', startedAt: '', challenges: [] } }],
    ['has tombstones', { tombstones: [] }],
    ['was rolled back', { rolledBack: { at: '', until: '2026-01-01T00:00:00Z' } }],
    ['has records that stay', { kept: [] }],
    ['is to be revoked', { revoking: [] }],
    ['has versions to remove', { retired: ['v0'] }],
    ['lacks a name', { current: { ...testLineage.current, dropped: [] } }],
    ['has places', { deployments: { edge: { ...since, places: { total: 1, lacking: 0, named: [] } } } }],
    ['has uploads', { deployments: { edge: { ...since, sent: [] } } }],
    ['has a field of a newer version', { news: true }],
    [
      'is about to be renewed after an incident',
      { renewal: { ...testLineage.renewal, explanationUrl: 'https://ca.test' } },
    ],
    ['was never asked about', { renewal: { at: '2026-04-01T00:00:00Z', source: 'lifetime' } }],
  ];
  it.each(rows)('is nothing if it %s', (_what, fields) => {
    expect(idle({ ...testLineage, ...fields }, now).found).toBeUndefined();
  });

  it('is what a plan says at any time for which it holds', () => {
    const time = (from: string, to: string) =>
      fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((date) => date.toISOString());
    const lineages = fc.record({
      at: time('2026-02-25T00:00:00Z', '2026-03-10T00:00:00Z'),
      checkAfter: time('2026-02-28T00:00:00Z', '2026-03-04T00:00:00Z'),
      notAfter: time('2026-03-01T00:00:00Z', '2026-03-20T00:00:00Z'),
      issuedAt: time('2026-02-20T00:00:00Z', '2026-03-02T00:00:00Z'),
      end: fc.option(time('2026-02-28T00:00:00Z', '2026-03-08T00:00:00Z')),
      nextRunMs: fc.constantFrom(undefined, hourMs, 24 * hourMs, 7 * 24 * hourMs),
      share: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    let held = 0;
    fc.assert(
      fc.property(lineages, ({ at, checkAfter, notAfter, issuedAt, end, nextRunMs, share }) => {
        const window = end === null ? {} : { window: { start: '2026-02-01T00:00:00Z', end } };
        const { current } = testLineage;
        const lineage: Lineage = {
          ...testLineage,
          current: { ...current, issuedAt, facts: { ...current.facts, notAfter } },
          renewal: { at, source: 'ari', checkAfter, ...window },
        };
        const { found } = idle(lineage, now, nextRunMs);
        if (!found) return;
        held += 1;
        const later = new Date(found.fromMs + Math.floor(share * (found.untilMs - found.fromMs)));
        for (const time of [now, later, new Date(found.untilMs - 1)])
          expect(idle(lineage, time, nextRunMs).outcome).toEqual(outcomeOfIdle('abc', found));
      }),
      { numRuns: 1_000 },
    );
    expect(held).toBeGreaterThan(100);
  });
});
