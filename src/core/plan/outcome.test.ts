import { describe, expect, it } from 'vitest';
import type { Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withNames } from '../lineage/test-lineages.ts';
import { outcomeOfPlan } from './outcome.ts';
import { planLineage } from './plan.ts';

const now = new Date('2026-04-02T00:00:00Z');
const until = '2026-04-02T14:05:00.000Z';
const quota = '50 certificates for example.com in 7 days';
const limit = { until, quota };
const due: Lineage = testLineage;
const notDue: Lineage = { ...testLineage, renewal: { at: '2026-04-20T00:00:00.000Z', source: 'lifetime' } };
const late: Lineage = {
  ...due,
  current: { ...due.current!, facts: { ...due.current!.facts, notAfter: '2026-04-02T12:00:00Z' } },
};
const failure = {
  ...{ count: 1, at: '2026-04-01T00:00:00Z', code: 'acme/busy', message: 'busy', hint: '' },
  retryAt: '2026-04-01T00:10:00.000Z',
};
const failed: Lineage = { ...due, failure };
const changed = withNames(testSpec, ['other.example.com']);
const test = { ...testSpec, name: 'abc~staging' };

type Job = Partial<Parameters<typeof outcomeOfPlan>[0]> & { readonly force?: boolean };
const byFlags = { origin: 'command-line' } as const;
const byPerson = { obeyBackoff: false } as const;

const outcomeOf = (given: Job, lineage: Lineage | undefined) => {
  const job = { wanted: testSpec, origin: 'configuration', obeyBackoff: true, force: false, ...given } as const;
  return outcomeOfPlan(job, lineage, planLineage(job.wanted, lineage, now, { ...job, limit }));
};

describe('a certificate that waits for a rate limit', () => {
  const waits = { result: 'unchanged', limited: limit, next: until, message: `rate limited until ${until} (${quota})` };
  const refused = { result: 'failed', error: { code: 'acme/limited', retryAt: new Date(until) } };

  it.each<[string, Job, Lineage | undefined, object, (readonly string[])?]>([
    ['a declared one that is new', byPerson, undefined, waits],
    ['a declared one that is new, unattended', {}, undefined, waits],
    ['a due one', byPerson, due, { ...waits, notAfter: '2026-05-01T00:00:00Z' }],
    ['one by flags that is stored', { ...byPerson, ...byFlags }, due, waits],
    ['one that failed before, unattended', {}, failed, { ...waits, failing: true }],
    ['one that failed before, for a person', byPerson, failed, { ...refused, next: until }],
    [
      'one that failed before, whose back-off ends later than the limit, for a person',
      byPerson,
      { ...failed, failure: { ...failure, retryAt: '2026-04-03T00:00:00.000Z' } },
      { ...refused, next: '2026-04-03T00:00:00.000Z' },
    ],
    [
      'a first one by flags, of which nothing is stored',
      { ...byPerson, ...byFlags },
      undefined,
      { ...refused, error: { ...refused.error, hint: expect.stringMatching(/^Run it again then\./) } },
      ['next'],
    ],
    [
      'new settings by flags, which are not stored',
      { ...byPerson, ...byFlags, wanted: changed },
      due,
      { ...refused, settingsStay: true },
      ['next'],
    ],
    [
      'one that is not due',
      { ...byPerson, force: true },
      notDue,
      { ...refused, notDue: true, next: notDue.renewal!.at },
    ],
    ['a test', { ...byPerson, wanted: test }, undefined, refused, ['next']],
    [
      'one that expires before',
      {},
      late,
      { result: 'failed', next: until, error: { code: 'acme/limited-too-long', exitCode: 4 } },
      ['limited'],
    ],
  ])('%s', (_what, job, lineage, expected, without = []) => {
    const outcome = outcomeOf(job, lineage);
    expect(outcome).toMatchObject(expected);
    for (const field of without) expect(outcome).not.toHaveProperty(field);
  });
});
