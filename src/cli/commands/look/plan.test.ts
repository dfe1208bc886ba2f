import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import type { Ahead } from '../../../fleet.ts';

// The command line's clock says 2026-11-24T10:00:00Z.

const days = Array.from({ length: 12 }, (_, i) => ({
  date: new Date(Date.UTC(2026, 10, 24 + i)).toISOString().slice(0, 10),
  orders: [2, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 1][i]!,
}));
const one = { issuer: 'le', notAfter: '2027-02-22T09:00:00Z' };
const quota = '50 certificates for example.com in 7 days';
const ahead: Ahead = {
  from: '2026-11-24T10:00:00.000Z',
  until: '2026-12-05T10:00:00.000Z',
  days,
  certificates: [
    {
      ...{ ...one, certificate: 'later' },
      steps: [
        { at: '2027-01-23T09:00:00.000Z', action: 'renew', why: 'renewal', reason: 'two thirds of its lifetime' },
      ],
    },
    {
      ...{ ...one, certificate: 'waits' },
      steps: [
        {
          ...{ at: '2026-11-29T14:05:00.000Z', action: 'issue', why: 'limit' },
          reason: `rate limited until 2026-11-29T14:05:00.000Z (${quota})`,
        },
      ],
    },
    {
      ...{ issuer: 'le', certificate: 'new' },
      steps: [
        { at: '2026-11-24T10:00:00.000Z', action: 'issue', why: 'due', reason: 'there is no certificate yet' },
        { at: '2026-12-04T10:00:00.000Z', action: 'renew', why: 'renewal', reason: 'x' },
      ],
    },
    {
      ...{ ...one, certificate: 'late', notAfter: '2026-11-28T00:00:00Z' },
      steps: [{ at: '2026-11-29T14:05:00.000Z', action: 'renew', why: 'limit', reason: 'rate limited' }],
    },
    {
      ...{ ...one, certificate: 'gone' },
      steps: [
        {
          at: '2026-12-01T00:00:00Z',
          action: 'none',
          why: 'undeclared',
          reason: 'it is no longer declared, so it expires',
        },
      ],
    },
  ],
};
const answers = { fleet: { plan: ahead } };
const withStep = (step: Ahead['certificates'][number]['steps'][number]) => ({
  ...{ issuer: 'le', certificate: 'abc' },
  steps: [step],
});

describe('plan', () => {
  it.each<Row>([
    {
      what: 'is a table in order of time, then the days with orders',
      argv: 'plan --until 11d',
      ...answers,
      stdout: [
        'WHEN                  CERTIFICATE  WHAT     ORDERS  WHY',
        'now                   new          issue    2       there is no certificate yet',
        `2026-11-29 14:05 UTC  waits        issue    1       rate limited until 2026-11-29 14:05 UTC (${quota})`,
        '2026-11-29 14:05 UTC  late         renew    1       rate limited; it EXPIRES BEFORE, on 2026-11-28 00:00 UTC',
        '2026-12-01 00:00 UTC  gone         expires  -       it is no longer declared, so it expires',
        '4 orders until 2026-12-05. 1 certificate is due later, the first on 2027-01-23 (later).',
        '',
        'DAY         ORDERS',
        '2026-11-24  2',
        '2026-11-29  7',
        '2026-12-05  1',
        '',
      ].join('\n'),
    },
    {
      what: 'draws bars on a terminal',
      argv: 'plan',
      ...{ ...answers, isTerminal: true, columns: 100 },
      says: ['\nOrders a day:\n7 ┤     █\n', '\n0 ┴█    █     █\n'],
      never: ['DAY'],
    },
    {
      what: 'of some certificates has no bars',
      argv: 'plan abc',
      ...answers,
      never: ['DAY'],
    },
    {
      what: 'exits with 7 if a document cannot be read',
      argv: 'plan',
      fleet: { plan: { ...ahead, certificates: [withStep({ action: 'none', why: 'corrupt', reason: 'unreadable' })] } },
      code: 7,
      says: [/^- +abc +- +- +unreadable$/m],
    },
    {
      what: 'has only the beginning of a long reason',
      argv: 'plan',
      fleet: {
        plan: {
          ...ahead,
          certificates: [withStep({ action: 'issue', why: 'back-off', reason: `failed ${'x'.repeat(400)}` })],
        },
      },
      says: [/ failed x{100,160}…$/m],
    },
    { what: 'says that there is nothing to plan', argv: 'plan', stdout: 'There are no certificates yet.\n' },
    ...['90', '0d', '1m', '800d', 'tomorrow', '-3d'].map((until) => ({
      what: `refuses --until ${until}`,
      argv: `plan --until=${until}`,
      code: 2,
      warns: [`--until ${until}`, 'how far to look ahead, from 1h to 731d, such as 90d'],
    })),
  ])('$what', behaves);

  it('shows what fits on a screen, and says how many more there are', async () => {
    const certificates = Array.from({ length: 1_000 }, (_, i) => ({ ...ahead.certificates[2]!, certificate: `n${i}` }));
    const fleet = { plan: { ...ahead, certificates } };
    const seen = await commandLine({ fleet, isTerminal: true, columns: 100 }).run('plan');
    expect(seen.stdout.split('\n').length).toBeLessThan(60);
    expect(seen.stdout).toContain('… and 960 more. `certfleet plan --json` has all of them.');
    expect((await commandLine({ fleet }).run('plan')).stdout.split('\n').length).toBeGreaterThan(1_000);
  });

  it('prints an object for each certificate, then the days, with --json', async () => {
    const done = await commandLine(answers).run('plan', '--json');
    expect(jsonLines(done)).toEqual([
      ...ahead.certificates.map((certificate) => ({ v: 1, object: 'plan', ...certificate })),
      { v: 1, object: 'orders', from: ahead.from, until: ahead.until, days },
    ]);
  });
});
