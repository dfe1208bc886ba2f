import { describe, expect, it } from 'vitest';
import { spent } from '../limits/gcra.ts';
import { type Bucket, bucketsAsked } from '../limits/order-buckets.ts';
import { limitsOf } from '../limits/rate-limits.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withNames } from '../lineage/test-lineages.ts';
import { bucketsOfCertificate, createUses, standingOf, withUses } from './bucket-status.ts';

const now = new Date('2026-03-01T00:00:00Z');
const nowMs = now.getTime();
const directory = 'https://ca.test/dir';
const account = 'https://ca.test/a/1';
const limits = limitsOf('https://acme-v02.api.letsencrypt.org/directory');
const registeredDomain = (value: string) => value.split('.').slice(-2).join('.');
const { identifiers } = testSpec;
const facts = { account, identifiers, isRenewal: false, isExempt: false, registeredDomain };
const at = { now, skewMs: 0, isFromTheFuture: false };
const asked = bucketsAsked(facts, limits);
const [orders, domain, set, failed] = (['account', 'domain', 'set', 'name'] as const).map(
  (scope) => asked.find(({ limit }) => limit.scope === scope)!,
) as [Bucket, Bucket, Bucket, Bucket];

describe('standingOf and withUses', () => {
  it('says what is left, when the next one comes, and when all are back', () => {
    const [limit] = [orders.limit];
    let arrivalMs: number | undefined;
    const full = withUses(standingOf(orders, arrivalMs, at), []);
    expect(full).toMatchObject({
      limit: 'newOrdersPerAccount',
      of: account,
      left: 300,
      burst: 300,
      periodSeconds: 10_800,
    });
    expect(full).not.toHaveProperty('nextAt');
    expect(full).not.toHaveProperty('fullAt');
    arrivalMs = spent(arrivalMs, limit, nowMs);
    expect(withUses(standingOf(orders, arrivalMs, at), [])).toMatchObject({
      left: 299,
      usedByUnknown: 1,
      fullAt: '2026-03-01T00:00:36.000Z',
    });
    for (let i = 1; i < 300; i++) arrivalMs = spent(arrivalMs, limit, nowMs);
    const use = { certificate: 'a', what: 'issued', at: '2026-03-01T00:00:00Z' } as const;
    expect(withUses(standingOf(orders, arrivalMs, at), [use, use])).toMatchObject({ usedByUnknown: 298 });
    const empty = { left: 0, nextAt: '2026-03-01T00:00:36.000Z', fullAt: '2026-03-01T03:00:00.000Z' };
    expect(withUses(standingOf(orders, arrivalMs, at), [])).toMatchObject(empty);
  });

  it('shows the times of a CA by this machine’s clock', () => {
    const arrivalMs = nowMs - 60_000 + 3 * 36_000;
    const shown = withUses(standingOf(orders, arrivalMs, { ...at, skewMs: 60_000 }), []);
    expect(shown).toMatchObject({ left: 297, fullAt: '2026-03-01T00:01:48.000Z' });
  });
});

it('finds the buckets of a certificate’s failed names, too', () => {
  const failure = {
    count: 1,
    at: '',
    code: '',
    message: '',
    hint: '',
    retryAt: '',
    validations: { 'x.example.com': ['t'] },
  };
  const keys = bucketsOfCertificate(
    { ...facts, isRenewal: true },
    { lineage: { ...testLineage, failure } },
    limits,
  ).map(({ limit, of }) => `${limit.id} ${of}`);
  expect([...new Set(keys)].sort()).toEqual([
    'certificatesPerDomain example.com',
    'certificatesPerSet abc.example.com',
    'failedAuthorizations abc.example.com',
    'failedAuthorizations x.example.com',
    `newOrdersPerAccount ${account}`,
    'pausingFailures abc.example.com',
    'pausingFailures x.example.com',
  ]);
});

describe('what has used up a limit', () => {
  const issued = (name: string, issuedAt: string, more: Partial<Lineage> = {}) => {
    const spec = withNames({ ...testSpec, name }, [`${name}.example.com`]);
    const { current } = testLineage;
    const facts = { ...current.facts, identifiers: spec.identifiers };
    const lineage: Lineage = { ...testLineage, name, spec, current: { ...current, issuedAt, facts }, ...more };
    return { name, wanted: spec, lineage };
  };
  const yesterday = '2026-02-28T00:00:00Z';
  const a = issued('a', yesterday);
  const renewed = issued('r', yesterday, {
    previous: { ...issued('r', '2026-01-01T00:00:00Z').lineage.current!, id: 'v0' },
  });
  const old = issued('o', '2026-02-01T00:00:00Z');
  const elsewhere = issued('e', yesterday);
  elsewhere.lineage = {
    ...elsewhere.lineage,
    current: { ...elsewhere.lineage.current!, directory: 'https://other.test/' },
  };
  const times = ['2026-02-28T23:30:00Z', '2026-02-28T20:00:00Z'];
  const failing = issued('f', '2026-02-28T22:30:00Z', {
    failure: {
      count: 1,
      at: times[0]!,
      code: '',
      message: '',
      hint: '',
      retryAt: '',
      validations: { 'abc.example.com': times },
    },
  });
  const usesOf = createUses(directory, [a, renewed, old, elsewhere, failing], {
    ...{ now, registeredDomain },
    accountOf: () => account,
  });
  const names = (bucket: Bucket) => usesOf(bucket).map(({ certificate, what }) => `${certificate} ${what}`);

  it.each<[string, Bucket, readonly string[]]>([
    ['a domain: what was issued in the period, but no renewal', domain, ['f issued', 'a issued']],
    ['an account: what was ordered in three hours, also with a failure', orders, ['f failed', 'f issued']],
    ['a set of names: a renewal too', { ...set, of: 'r.example.com' }, ['r issued']],
    ['a name: its failures of an hour', failed, ['f failed']],
  ])('%s', (_what, bucket, expected) => expect(names(bucket)).toEqual(expected));
});
