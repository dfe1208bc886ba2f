import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import { spent } from '../limits/gcra.ts';
import type { RateLimit } from '../limits/rate-limits.ts';
import { limitsOf } from '../limits/rate-limits.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withNames, withSolver } from '../lineage/test-lineages.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import { type Horizon, type Known, planAhead } from './ahead.ts';

const now = new Date('2026-03-01T00:00:00Z');
const [hourMs, dayMs] = [3_600_000, 86_400_000];
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';
const registeredDomain = (value: string) => value.split('.').slice(-2).join('.');

const horizon = (days: number, limits: readonly RateLimit[] = [], arrivals = new Map<string, number>()): Horizon => {
  const known = { limits, arrivals, skewMs: 0 };
  return { now, untilMs: now.getTime() + days * dayMs, limitsAt: () => known, registeredDomain, declared: [] };
};

const known = (more: Partial<Known> = {}): Known => ({
  name: 'abc',
  wanted: testSpec,
  lineage: testLineage,
  account: 'https://ca.test/a/1',
  ...more,
});

const stepsOf = (one: Known, days = 100, limits: readonly RateLimit[] = []) =>
  planAhead([one], horizon(days, limits)).certificates[0]!.steps.map(({ at, action, why }) =>
    [at?.slice(0, 10) ?? '-', action, why].join(' '),
  );

const at = (directory: string, profile?: string): StoredSpec => ({
  ...testSpec,
  issuer: { name: 'le', settings: { ...testSpec.issuer.settings, directory } },
  ...present({ profile }),
});

const failure = {
  count: 1,
  at: '2026-02-28T23:00:00Z',
  code: 'acme/busy',
  message: 'busy',
  hint: '',
  retryAt: '2026-03-02T00:00:00.000Z',
};
const due: Lineage = { ...testLineage, renewal: { at: '2026-02-28T00:00:00.000Z', source: 'lifetime' } };
const byHand = withSolver(testSpec, { type: 'dns01' }, 'dns', { person: 'each order' });
const revoked = { at: '2026-02-20T00:00:00Z', reason: 'cessationOfOperation' } as const;

describe('planAhead', () => {
  it.each<[string, Known, readonly string[]]>([
    ['a valid certificate', known(), ['2026-04-01 renew renewal', '2026-05-30 renew renewal']],
    [
      'a first issue, by the lifetime of its profile',
      known({ lineage: undefined, wanted: at(letsEncrypt, 'tlsserver') }),
      ['2026-03-01 issue due', '2026-03-31 renew renewal', '2026-04-30 renew renewal', '2026-05-30 renew renewal'],
    ],
    [
      'a first issue at an unknown CA',
      known({ lineage: undefined }),
      ['2026-03-01 issue due', '2026-04-30 renew renewal'],
    ],
    [
      'a first issue of certificates for as long as is asked for',
      known({ lineage: undefined, wanted: { ...testSpec, validity: { notAfter: '60d' } } }),
      ['2026-03-01 issue due', '2026-04-10 renew renewal', '2026-05-20 renew renewal'],
    ],
    ['a due one', known({ lineage: due }), ['2026-03-01 renew due', '2026-04-29 renew renewal']],
    [
      'one whose last try failed',
      known({ lineage: { ...due, failure } }),
      ['2026-03-02 renew back-off', '2026-04-30 renew renewal'],
    ],
    [
      'one whose CA asked us to wait',
      known({ lineage: due, caHold: '2026-03-01T10:00:00.000Z' }),
      ['2026-03-01 renew hold', '2026-04-29 renew renewal'],
    ],
    [
      'one that requires a person',
      known({ wanted: byHand, lineage: { ...testLineage, spec: byHand } }),
      ['2026-04-01 none by-hand'],
    ],
    ['one that is not declared', known({ wanted: undefined }), ['2026-05-01 none undeclared']],
    [
      'a revoked one',
      known({ lineage: { ...testLineage, current: { ...testLineage.current, revoked } } }),
      ['- none revoked'],
    ],
    [
      'one whose document is damaged',
      known({ lineage: undefined, corrupt: fail('store/corrupt', { key: 'k', file: 'f', reason: 'r' }) }),
      ['- none corrupt'],
    ],
  ])('says what happens to %s', (_what, one, expected) => expect(stepsOf(one)).toEqual(expected));

  it('knows that Let’s Encrypt’s certificates get shorter', () => {
    const steps = stepsOf(known({ lineage: undefined, wanted: at(letsEncrypt) }), 430);
    expect(steps.slice(-3)).toEqual([
      '2026-12-26 renew renewal',
      '2027-02-24 renew renewal',
      '2027-04-07 renew renewal',
    ]);
  });

  it('counts the orders of each day of the horizon', () => {
    const { days, until } = planAhead([known(), known({ name: 'new', lineage: undefined })], horizon(61));
    expect([until, days.length, days[0]?.date, days.at(-1)?.date]).toEqual([
      '2026-05-01T00:00:00.000Z',
      62,
      '2026-03-01',
      '2026-05-01',
    ]);
    expect(days.filter(({ orders }) => orders > 0)).toEqual([
      { date: '2026-03-01', orders: 1 },
      { date: '2026-04-01', orders: 1 },
      { date: '2026-04-29', orders: 1 },
    ]);
  });

  it('makes new names wait for the limits of their CA, renewals first, and no renewal in its window', () => {
    const limits = limitsOf(letsEncrypt).map((limit) => ({ ...limit, burst: 2, intervalMs: limit.periodMs / 2 }));
    const spec = at(letsEncrypt);
    const fresh = (name: string) =>
      known({ name, lineage: undefined, wanted: { ...withNames(spec, [`${name}.example.com`]), name } });
    const other = { ...testLineage, spec, current: { ...testLineage.current, directory: letsEncrypt } };
    const renewed = known({ wanted: spec, lineage: { ...other, renewal: due.renewal } });
    const all = [...['a', 'b', 'c', 'd'].map(fresh), renewed];
    const { certificates } = planAhead(all, horizon(30, limits));
    const seen = certificates.map(({ certificate, steps: [first] }) => [certificate, first?.at, first?.why]);
    const start = now.toISOString();
    expect(seen).toEqual([
      ['a', start, 'due'],
      ['b', start, 'due'],
      ['c', new Date(now.getTime() + 3.5 * dayMs).toISOString(), 'limit'],
      ['d', new Date(now.getTime() + 7 * dayMs).toISOString(), 'limit'],
      ['abc', start, 'due'],
    ]);
    expect(certificates[2]?.steps[0]?.reason).toBe(
      'rate limited until 2026-03-04T12:00:00.000Z (2 certificates for example.com in 7 days)',
    );
  });

  it('knows what earlier orders have used up', () => {
    const limits = limitsOf(letsEncrypt).filter(({ id }) => id === 'newOrdersPerAccount');
    const [limit] = limits as [RateLimit];
    const one = known({ lineage: undefined, wanted: at(letsEncrypt), account: 'acct' });
    const arrivals = new Map([
      [`${limit.id} acct`, spent(undefined, { ...limit, burst: 1 }, now.getTime() + limit.burst * limit.intervalMs)],
    ]);
    const [step] = planAhead([one], horizon(1, limits, arrivals)).certificates[0]!.steps;
    expect(step).toMatchObject({ why: 'limit', at: expect.stringMatching(/^2026-03-01T00:0/) });
  });

  it('shows a name that its CA has paused as such, with the page that ends the pause if it is known', () => {
    const limits = limitsOf(letsEncrypt).filter(({ id }) => id === 'pausingFailures');
    const [limit] = limits as [RateLimit];
    const wanted = withNames(at(letsEncrypt), ['a.example.com']);
    const paused = { ...failure, code: 'acme/paused', message: 'visit https://le.test/unpause', retryAt: failure.at };
    const lineage: Lineage = { ...due, spec: wanted, failure: paused };
    const usedUp = now.getTime() + limit.burst * limit.intervalMs;
    const reasonAt = (arrivalMs: number, one: Partial<Known>) => {
      const arrivals = new Map([[`${limit.id} acct a.example.com`, arrivalMs]]);
      const { certificates } = planAhead([known({ wanted, account: 'acct', ...one })], horizon(1, limits, arrivals));
      const [step] = certificates[0]!.steps;
      return `${step!.at} ${step!.reason}`;
    };
    const until = '2026-03-02T00:00:00.000Z';
    const quota = '1152 failed validations of a.example.com without a success, at which the CA pauses it';
    expect(reasonAt(usedUp, { lineage })).toBe(`${until} failed earlier: visit https://le.test/unpause`);
    expect(reasonAt(usedUp, { lineage: undefined })).toBe(`${until} rate limited until ${until} (${quota})`);
    expect(reasonAt(usedUp - limit.intervalMs, { lineage: undefined })).toMatch(/^2026-03-01T00:00:00.000Z /);
  });

  it('plans 10,000 certificates over 90 days in a moment', () => {
    const limits = limitsOf(letsEncrypt);
    const all = Array.from({ length: 10_000 }, (_, i): Known => {
      const name = `n${i}`;
      const spec = { ...withNames(at(letsEncrypt), [`${name}.d${i % 2_000}.example`]), name };
      const renewAt = new Date(now.getTime() + ((i * 13) % 60) * dayMs + hourMs).toISOString();
      const { current } = testLineage;
      const facts = { ...current.facts, identifiers: spec.identifiers };
      const lineage: Lineage = {
        ...{ ...testLineage, name, spec, current: { ...current, directory: letsEncrypt, facts } },
        renewal: { at: renewAt, source: 'ari' },
      };
      return known({ name, wanted: spec, lineage: i % 4 === 0 ? undefined : lineage });
    });
    const started = performance.now();
    const { days } = planAhead(all, horizon(90, limits));
    expect(days.reduce((sum, { orders }) => sum + orders, 0)).toBeGreaterThan(10_000);
    // It takes half a second (`npm run bench -- plan`), but this machine may have other work. A quadratic loop takes minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
  }, 60_000);
});
