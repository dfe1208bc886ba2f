import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { LimitsStatus } from '../../../fleet.ts';

const bucket = {
  limit: 'newOrdersPerAccount',
  title: 'new orders per account',
  of: 'https://ca.test/acct/1',
  quota: '300 new orders of this account in 3 hours',
  burst: 300,
  periodSeconds: 10_800,
  left: 297,
  fullAt: '2026-11-24T10:01:48Z',
  usedBy: ['a', 'b', 'b', 'c'].map(
    (certificate) => ({ certificate, what: 'issued', at: '2026-11-24T09:00:00Z' }) as const,
  ),
  usedByUnknown: 0,
} as const;
const domain = {
  limit: 'certificatesPerDomain',
  title: 'new certificates per registered domain',
  of: 'example.com',
  quota: '50 certificates for example.com in 7 days',
  burst: 50,
  periodSeconds: 604_800,
  left: 0,
  nextAt: '2026-11-24T14:05:00Z',
  fullAt: '2026-12-01T10:00:00Z',
  usedBy: [],
  usedByUnknown: 50,
} as const;
const known: LimitsStatus = {
  issuers: ['le'],
  directory: 'https://ca.test/directory',
  isKnown: true,
  accounts: [{ name: 'default', url: 'https://ca.test/acct/1' }],
  buckets: [bucket, domain],
};
const unknown: LimitsStatus = { ...known, issuers: ['own'], isKnown: false, accounts: [], buckets: [] };
const answers = (...limits: readonly LimitsStatus[]) => ({ fleet: { limits } });

describe('limits', () => {
  it.each<Row>([
    {
      what: 'is a table for each CA, and one sentence for a CA without known limits',
      argv: 'limits',
      ...answers(known, unknown),
      stdout: [
        'le: https://ca.test/directory',
        'LIMIT                                   FOR          LEFT                   NEXT                  FULL AGAIN            USED BY',
        'new orders per account                  the account  297 of 300 in 3 hours  now                   2026-11-24 10:01 UTC  a, b, c',
        'new certificates per registered domain  example.com  0 of 50 in 7 days      2026-11-24 14:05 UTC  2026-12-01 10:00 UTC  50 unknown',
        '',
        'own: certfleet knows no rate limits of https://ca.test/directory, so no order waits for one. If it has some, set `limits` of the issuer.',
        '',
      ].join('\n'),
    },
    {
      what: 'adds up, although the store does not have all that used a limit',
      argv: 'limits',
      ...answers({ ...known, buckets: [{ ...bucket, left: 290, usedByUnknown: 6 }] }),
      says: [/ 290 of 300 .* a, b, c; 6 unknown\n/],
    },
    {
      what: 'names the accounts, if there are several',
      argv: 'limits',
      ...answers({ ...known, accounts: [...known.accounts, { name: 'tenant', url: 'https://ca.test/acct/2' }] }),
      says: [/^new orders per account +default +297 of 300/m],
    },
    {
      what: 'says which times a wrong clock has written',
      argv: 'limits',
      ...answers({ ...known, buckets: [{ ...domain, isFromTheFuture: true }] }),
      says: [
        'new certificates per registered domain (example.com): the store has a time that only a wrong clock can have written, so it counts as used up until 2026-11-24 14:05 UTC. The CA’s next answer corrects it.\n',
      ],
    },
    {
      what: 'says how a test directory gets limits',
      argv: 'limits',
      ...answers({ ...unknown, issuers: ['own (staging)'] }),
      says: [/`limits` of an issuer do not apply to its `testDirectory`\. .* `test: true` and `limits`\./],
      never: ['set `limits` of the issuer'],
    },
    { what: 'needs no store', argv: 'limits', stdout: 'There are no certificates and no issuers yet.\n' },
    {
      what: 'refuses a CA that is not known',
      argv: 'limits --issuer letsencryp',
      code: 2,
      warns: [/--issuer letsencryp: .* did you mean "letsencrypt"/],
    },
  ])('$what', behaves);

  it('prints an object for each CA with --json', async () => {
    const done = await commandLine(answers(known, unknown)).run('limits', '--json');
    expect(jsonLines(done)).toEqual([known, unknown].map((one) => ({ v: 1, object: 'limits', ...one })));
  });

  it('asks for a CA, for certificates or for all', async () => {
    const { calls } = await commandLine().run('limits', 'abc', '--all', '--ca', 'letsencrypt');
    expect(calls).toMatchObject([{ names: ['abc'], all: true, issuer: { name: 'letsencrypt' } }]);
  });

  it('looks at an empty store if there is none, but not in place of the one that is named', async () => {
    const absent = () => {
      throw fail('store/absent', { path: '/x' });
    };
    let opened = 0;
    const open = () => (opened++ === 0 ? absent() : undefined);
    expect(await commandLine({ fleet: { open } }).run('limits')).toMatchObject({ code: 0 });
    opened = 0;
    expect(await commandLine({ fleet: { open } }).run('limits', '--store', '/x')).toMatchObject({ code: 7 });
  });
});
