import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import type { LineageStatus, NodeStatus } from '../../../fleet.ts';
import { failing, valid } from './test-statuses.ts';

const statuses = (...status: LineageStatus[]) => ({ fleet: { status } });
const undeclared: LineageStatus = { ...valid, state: 'undeclared', origin: 'configuration' };
const test: LineageStatus = { ...valid, state: 'test', name: 'abc~staging' };
const pending: LineageStatus = {
  ...valid,
  state: 'pending',
  deployments: [
    { target: 'edge', state: 'pending', version: 'v1', message: 'no such socket' },
    { target: 'web', state: 'current', version: 'v1', message: 'of yesterday' },
  ],
};
const rollingOut: LineageStatus = {
  ...valid,
  state: 'pending',
  deployments: [
    {
      ...{ target: 'cdn', state: 'pending', version: 'v1', message: 'still being rolled out at cdn', settling: true },
      places: {
        ...{ total: 100, lacking: 25 },
        named: [
          { place: 'a.example.com', state: 'stale', reason: 'refused' },
          { place: 'c.example.com', state: 'stale', reason: 'refused' },
          { place: 'b.example.com', state: 'changing', reason: '' },
        ],
      },
    },
  ],
};
const held: LineageStatus = {
  ...failing,
  failure: { ...failing.failure, retryAt: '2026-11-24T13:00:00Z' },
  heldUntil: '2026-11-24T13:00:00Z',
};
const rateLimit = { until: '2026-11-24T14:05:00.000Z', quota: '50 certificates for example.com in 7 days' };
const { notBefore: _from, notAfter: _until, renewAt: _at, renewalSource: _by, ...unissued } = valid;
const limited: LineageStatus = { ...unissued, state: 'missing', deployments: [], rateLimit };
const forced = { ...failing.failure, count: 1, retryAt: '2027-01-23T09:00:00Z', notDue: true } as const;
const lacking: LineageStatus = { ...valid, dropped: [{ identifier: 'xn--fiqs8s.test', reason: 'no TXT record' }] };
const international = { ...valid, name: 'xn--fiqs8s.test', identifiers: ['xn--fiqs8s.test', '*.xn--fiqs8s.test'] };
const another = 'it is still rolling out another change';
const busy: LineageStatus = {
  ...rollingOut,
  deployments: rollingOut.deployments.map((one) => ({
    ...one,
    places: { total: 3, lacking: 2, named: ['a', 'b'].map((place) => ({ place, state: 'busy', reason: another })) },
  })),
};

const corrupt: LineageStatus = {
  ...{ name: 'abc', origin: 'configuration', identifiers: [], issuer: '', deployments: [], state: 'corrupt' },
  failure: { count: 1, message: 'it is spoiled', hint: 'Restore it.', retryAt: '2026-11-24T10:00:00Z' },
};

const there = (role: 'node' | 'responder') => ({
  ...{ role, version: '1.0.0', configuration: 'c', since: '2026-11-20T09:00:00Z', lastSeen: '2026-11-24T09:00:00Z' },
});

const node = (name: string, own: Partial<NodeStatus> = {}): NodeStatus => ({
  ...{ node: name, version: '1.0.0', lastRun: '2026-11-24T09:00:00Z', everyMs: 43_200_000, lacks: [] },
  ...own,
});
const lack = { certificate: 'abc', target: 'files', version: 'v2', since: '2026-11-24T08:00:00Z' };
const elsewhere: LineageStatus = {
  ...{ ...valid, state: 'pending' },
  lackingAt: [{ node: 'b', target: 'files', version: 'v2', since: '2026-11-24T08:00:00Z' }],
};

const ending = '2026-12-10T00:00:00.000Z';

/** Failed alike, but at another minute, and perhaps with another name in the message. */
const alike = (count: number, message: (n: number) => string): readonly LineageStatus[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ ...failing, name: `c${n}` },
    failure: {
      ...{ count: 1, message: message(n), hint: `Look at c${n}.` },
      retryAt: `2026-11-24T11:${String(n % 60).padStart(2, '0')}:00Z`,
    },
  }));
const hidden = (n: number) => `www${n}.example.com exists only through the wildcard record *.example.com`;

describe('status', () => {
  it.each<Row>([
    {
      what: 'fails if what is known of rate limits is damaged',
      argv: 'status',
      fleet: { status: [valid], damagedLedger: ['the document ledger/x~00 cannot be read: it is not JSON'] },
      code: 7,
      warns: ['the document ledger/x~00 cannot be read: it is not JSON. It is about the CA’s limits, and'],
    },
    {
      what: 'tells a roll-out from a failure',
      argv: 'status',
      ...statuses(rollingOut),
      says: ['cdn (rolling out)', '\nabc: still being rolled out at cdn\n'],
    },
    {
      what: 'warns of two machines with one name',
      argv: 'status',
      fleet: { status: [valid], nodes: [node('web-1', { severalMachines: true })] },
      says: [
        '\nSeveral machines run as the node web-1, so what one of them lacks may not be shown.\n' +
          '  Give each a name of its own: `node` in the configuration, or `--node`.\n',
      ],
    },
    {
      what: 'tells a roll-out from a wait for another one',
      argv: 'status',
      ...statuses(busy),
      says: ['cdn (waiting)'],
    },
    {
      what: 'says once what is alike of many, with an example',
      argv: 'status',
      ...statuses(...alike(100, hidden)),
      says: [
        [
          '',
          'c0, c1, c2 and 97 more failed once: www0.example.com exists only through the wildcard record *.example.com',
          '  Look at c0.',
          '  `certfleet renew` tries again after 2026-11-24 11:00 UTC; `certfleet renew --force c0` tries now.',
          '  The others read the same, with their own names.',
          '',
        ].join('\n'),
      ],
      never: ['www1.example.com'],
    },
    {
      what: 'but of few each, and what is not alike',
      argv: 'status',
      ...statuses(...alike(5, hidden), ...alike(1, () => 'no DNS zone')),
      says: [
        ...Array.from({ length: 5 }, (_, n) => `c${n} failed once: ${hidden(n)}\n`),
        'c0 failed once: no DNS zone\n',
      ],
    },
    {
      what: 'is a table with what comes next',
      argv: 'status',
      ...statuses(valid, failing),
      stdout: [
        'NAME             STATE    VALID UNTIL  LEFT     RENEWAL               DEPLOYED TO',
        'abc              valid    2027-02-22   89 days  2027-01-23 (CA)       edge',
        'bad.example.com  failing  -            -        retry in 100 minutes  files (pending)',
        '',
        'bad.example.com failed 3 times: no DNS zone\ufffd[31m',
        '  Check it.',
        '  `certfleet renew` tries again after 2026-11-24 11:40 UTC; `certfleet renew --force bad.example.com` tries now.',
        '',
        'Next: `certfleet renew` renews abc around 2027-01-23 (in 59 days).',
        '',
      ].join('\n'),
    },
    {
      what: 'shows a valid certificate as such, although a new one that was forced failed',
      argv: 'status',
      ...statuses({
        ...valid,
        failure: { count: 1, message: 'no DNS zone', hint: 'Check it.', retryAt: '2027-01-23T09:00:00Z', notDue: true },
      }),
      stdout: [
        'NAME  STATE  VALID UNTIL  LEFT     RENEWAL          DEPLOYED TO',
        'abc   valid  2027-02-22   89 days  2027-01-23 (CA)  edge',
        '',
        'abc is valid, but the last try to get a new one failed: no DNS zone',
        '  Check it.',
        '  It is not due before 2027-01-23; `certfleet renew --force abc` tries now.',
        '',
        'Next: `certfleet renew` renews abc around 2027-01-23 (in 59 days).',
        '',
      ].join('\n'),
    },
    {
      what: 'says what a certificate has left outside',
      argv: 'status',
      ...statuses({ ...valid, left: [{ what: 'the forward rule', code: 'balancer/refused', reason: 'not allowed' }] }),
      says: [
        /^abc +valid /m,
        '\nabc: could not remove the forward rule: not allowed\n  Fix the problem, or remove it by hand; `certfleet renew` and `certfleet sweep` try again.\n',
      ],
    },
    {
      what: 'says which names were dropped',
      argv: 'status',
      ...statuses(lacking),
      says: [
        /^abc +valid /m,
        '\nabc lacks xn--fiqs8s.test (中国.test): no TXT record\n  The next renewal asks for it again; `certfleet renew --force abc` asks now.\n',
      ],
    },
    {
      what: 'says what a person must renew',
      argv: 'status',
      ...statuses({ ...valid, byHand: true }),
      says: [
        /^abc +valid .* by hand 2027-01-23 /m,
        '\nabc is renewed by hand: run `certfleet issue abc` at a terminal, from 2027-01-23 on.\n',
      ],
      never: ['Next:'],
    },
    {
      what: 'says which TXT records end soon',
      argv: 'status',
      ...statuses(
        {
          ...valid,
          records: [
            { name: 'x.test', value: 'v' },
            { name: 'a.test', value: 'v', until: ending, ends: 'renewal' },
          ],
        },
        {
          ...{ ...valid, name: 'hand' },
          records: ['b.test', 'c.test'].map((name) => ({ name, value: 'v', until: ending, ends: 'person' })),
        },
      ),
      says: [
        '\nabc: the TXT record at a.test ends on 2026-12-10; the next renewal writes a new one.\n',
        '\nhand: the TXT record at b.test, and 1 more, end on 2026-12-10; run `certfleet issue hand --force` at a terminal to add the next one.\n',
      ],
      never: ['x.test'],
    },
    {
      what: 'advises nothing that the CA has refused',
      argv: 'status',
      ...statuses(held),
      says: [
        /^bad\.example\.com +failing /m,
        '\n  The CA asked us to wait until 2026-11-24 13:00 UTC, which `--force` does not override; then `certfleet renew` tries again.\n',
      ],
      never: ['--force bad', 'tries now', 'Next:'],
    },
    {
      what: 'says until when a rate limit makes a certificate wait, and no other time',
      argv: 'status',
      ...statuses(limited),
      stdout: [
        'NAME  STATE    VALID UNTIL  LEFT  RENEWAL     DEPLOYED TO',
        'abc   missing  -            -     in 4 hours  -',
        '',
        'abc: rate limited until 2026-11-24 14:05 UTC (50 certificates for example.com in 7 days); then `certfleet renew` orders it.',
        '',
      ].join('\n'),
    },
    {
      what: 'names the first and the last time of many that wait for a limit',
      argv: 'status',
      ...statuses(
        ...['14:05', '14:09', '14:07', '14:06', '14:08', '14:10'].map((time, i) => ({
          ...limited,
          name: `c${i}`,
          rateLimit: { ...rateLimit, until: `2026-11-24T${time}:00.000Z` },
        })),
      ),
      says: [
        '\nc0, c1, c2 and 3 more: rate limited, the first until 2026-11-24 14:05 UTC, the last until 2026-11-24 14:10 UTC (50 certificates for example.com in 7 days); then `certfleet renew` orders each.\n',
      ],
    },
    {
      what: 'says the same of one that failed, in place of its own back-off',
      argv: 'status',
      ...statuses({ ...failing, failure: { ...failing.failure, retryAt: rateLimit.until }, rateLimit }),
      says: [
        /^bad\.example\.com +failing .* retry in 4 hours /m,
        'bad.example.com failed 3 times',
        '\n  It is rate limited until 2026-11-24 14:05 UTC (50 certificates for example.com in 7 days); then `certfleet renew` orders it.\n',
      ],
      never: ['tries now', 'Next:'],
    },
    {
      what: 'warns of a certificate that expires before its limit ends',
      argv: 'status',
      ...statuses({ ...valid, state: 'due', notAfter: '2026-11-24T12:00:00Z', rateLimit }),
      says: [
        'abc: rate limited until 2026-11-24 14:05 UTC (50 certificates for example.com in 7 days), but it EXPIRES BEFORE, on 2026-11-24 12:00 UTC: ask the CA for a higher limit',
      ],
      never: ['Next:'],
    },
    {
      what: 'names one time for the next try, which may come later than the CA asked',
      argv: 'status',
      ...statuses({ ...held, failure: { ...held.failure!, retryAt: '2026-11-25T09:00:00Z' } }),
      says: [
        'retry in 23 hours',
        'until 2026-11-24 13:00 UTC, which `--force` does not override; `certfleet renew` tries again after 2026-11-25 09:00 UTC.\n',
      ],
      never: ['then `certfleet renew`'],
    },
    {
      what: 'says that a forced try has to wait, too, and when the certificate is due',
      argv: 'status',
      ...statuses({ ...valid, failure: forced, heldUntil: '2026-11-24T13:00:00Z' }),
      says: [
        /^abc +valid .* 2027-01-23 \(CA\) /m,
        'not due before 2027-01-23; the CA asked us to wait until 2026-11-24 13:00 UTC, which `--force` does not override.\n',
      ],
      never: ['tries now', 'retry'],
    },
    {
      what: 'says that a busy CA holds up what is due',
      argv: 'status',
      ...statuses({ ...valid, state: 'due', heldUntil: '2026-11-24T13:00:00Z' }),
      says: [
        /^abc +due .* in 3 hours /m,
        'abc: the CA asked us to wait until 2026-11-24 13:00 UTC, which `--force` does not override',
      ],
      never: ['works on abc'],
    },
    {
      what: 'shows that a certificate has expired, and that it fails',
      argv: 'status',
      ...statuses({ ...failing, state: 'expired', notAfter: '2026-11-20T10:00:00Z' }),
      says: [
        /^bad\.example\.com +expired +2026-11-20 .*none +retry in 100 minutes /m,
        'bad.example.com failed 3 times:',
      ],
      never: ['works on bad'],
    },
    {
      what: 'names what is due',
      argv: 'status',
      ...statuses({ ...valid, state: 'due' }, valid),
      says: ['Next: `certfleet renew` works on abc.'],
    },
    {
      what: 'goes on with what was interrupted',
      argv: 'status',
      ...statuses({ ...valid, state: 'interrupted' }),
      says: [/^abc +interrupted /m, 'Next: `certfleet renew` works on abc.'],
    },
    {
      what: 'names a revocation that was interrupted',
      argv: 'status',
      ...statuses({
        ...{ ...valid, state: 'interrupted' },
        revoking: [{ version: 'v1', reason: 'keyCompromise', by: 'account-key', at: '2026-11-23T10:00:00Z' }],
      }),
      says: [
        'abc: the revocation of version v1 (keyCompromise), begun on 2026-11-23 10:00 UTC, is not finished; the next `certfleet renew` asks the CA again.',
      ],
    },
    {
      what: 'says that another client renews what was given back to it, and nothing of a rollback',
      argv: 'status',
      ...statuses({
        ...undeclared,
        givenBack: { at: '2026-11-24T10:00:00Z', path: '/etc/letsencrypt' },
        rolledBack: { at: '2026-11-24T10:00:00Z', until: '2027-01-23T10:00:00Z' },
      }),
      says: [
        '\nabc was given back to certbot in /etc/letsencrypt by `import --undo` on 2026-11-24 10:00 UTC, so it is not renewed here; what the store has expires on 2027-02-22.\n',
      ],
      never: ['declared it', 'Declare it', 'rolled back', 'Next:'],
    },
    {
      what: 'promises no renewal of what is not declared any more, or was a test',
      argv: 'status',
      ...statuses(undeclared, test),
      says: [
        /^abc +undeclared +2027-02-22 +89 days +never /m,
        /^abc~staging +test +2027-02-22 +89 days +never /m,
        '\nabc is no longer declared, so it is not renewed; it expires on 2027-02-22.\n  Declare it again, name the configuration that declares it with --config, or run `certfleet delete abc`.\n',
      ],
      never: ['Next:'],
    },
    {
      what: 'says how to get a real certificate after a test',
      argv: 'status',
      ...statuses(test),
      says: ['Next: `certfleet issue` without --staging gets a real certificate.'],
    },
    {
      what: 'says why a target does not have it yet',
      argv: 'status',
      ...statuses(pending),
      says: ['\n\nabc: edge does not have it yet: no such socket\n\nNext: `certfleet renew` works on abc.\n'],
    },
    {
      what: 'names the nodes and what each lacks, and says that one is missing',
      argv: 'status',
      fleet: {
        status: [elsewhere],
        nodes: [
          node('a'),
          node('b', {
            lacks: [lack, { ...lack, certificate: 'xyz', code: 'deploy/target-failed', message: 'disk full' }],
          }),
          node('c', { lastRun: '2026-11-20T09:00:00Z', missingSince: '2026-11-21T21:00:00Z', more: 2 }),
        ],
      },
      says: [
        /^NODE +STATE +LAST RUN +EVERY +LACKS$/m,
        /^a +well +2026-11-24 09:00 UTC +12 hours +nothing$/m,
        /^b +behind +2026-11-24 09:00 UTC +12 hours +2$/m,
        /^c +missing +2026-11-20 09:00 UTC +12 hours +2$/m,
        'The node b lacks abc (files) since 2026-11-24 08:00 UTC: `certfleet renew` has not run there since then.\n',
        'The node b lacks xyz (files) since 2026-11-24 08:00 UTC: disk full\n',
        'The node c is missing: its last run began on 2026-11-20 09:00 UTC; it usually runs every 12 hours.\n',
        '`certfleet node forget c`',
        'The node c lacks 2 more.',
      ],
      never: ['works on abc'],
    },
    {
      what: 'says what keeps running, since when, and what has stopped',
      argv: 'status',
      fleet: {
        status: [valid],
        nodes: [
          node('a', { running: [there('responder'), there('node')] }),
          node('b', { running: [there('responder')] }),
          node('c', { missing: 'node', missingSince: '2026-11-24T08:05:00Z', lastSeen: '2026-11-24T08:00:00Z' }),
        ],
      },
      says: [
        /^a +running since 2026-11-20 09:00 UTC /m,
        /^b +responder since 2026-11-20 09:00 UTC /m,
        /^c +missing /m,
        'The node c is missing: `certfleet run` gave its last sign of life there on 2026-11-24 08:00 UTC.\n',
        'Start `certfleet run` there again',
      ],
    },
    {
      what: 'says of many at once that they are no longer declared',
      argv: 'status',
      ...statuses(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ ...undeclared, name }))),
      says: ['a, b, c and 3 more are no longer declared, so they are not renewed; they expire on 2027-02-22.\n'],
    },
    {
      what: 'says of many at once that they are no longer declared and were never issued',
      argv: 'status',
      ...statuses(
        ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ ...unissued, name, state: 'undeclared' as const })),
      ),
      says: ['a, b, c and 3 more are no longer declared, and were never issued.\n'],
      never: ['not renewed'],
    },
    {
      what: 'says what has stopped or is missing on a node that runs, and does not take the node for gone',
      argv: 'status',
      fleet: {
        status: [valid],
        nodes: [
          node('a', { running: [there('node')], stopped: { role: 'responder', since: '2026-11-24T08:30:00Z' } }),
          node('b', {
            ...{ running: [there('node')], missing: 'responder' },
            ...{ missingSince: '2026-11-24T08:05:00Z', lastSeen: '2026-11-24T08:00:00Z' },
          }),
        ],
      },
      says: [
        /^b +running since 2026-11-20 09:00 UTC /m,
        '`certfleet run --role responder` has not run on the node a since 2026-11-24 08:30 UTC.\n  Start `certfleet run --role responder` there again or, if it is not needed there any more, run `certfleet node forget a`, which forgets only what has ended.',
        '`certfleet run --role responder` is missing on the node b: its last sign of life was on 2026-11-24 08:00 UTC.',
      ],
      never: ['gone for good', 'The node b is missing'],
    },
    {
      what: 'says since when what kept running has stopped, and what is lacking there',
      argv: 'status',
      fleet: {
        status: [valid],
        nodes: [node('a', { stopped: { role: 'node', since: '2026-11-24T08:30:00Z' }, lacks: [lack] })],
      },
      says: [
        /^a +stopped since 2026-11-24 08:30 UTC +2026-11-24 09:00 UTC +12 hours +1$/m,
        '`certfleet run` has not run on the node a since 2026-11-24 08:30 UTC.\n  Start `certfleet run` there again or, if',
        'The node a lacks abc (files) since 2026-11-24 08:00 UTC: `certfleet run` has not run there since then.',
        'Next: `certfleet renew` renews abc around',
      ],
    },
    {
      what: 'shows a single node that keeps running',
      argv: 'status',
      fleet: { status: [valid], nodes: [node('a', { running: [there('node')] })] },
      says: [/^a +running since /m, 'Next: `certfleet run` renews abc around'],
    },
    {
      what: 'says nothing of a single node that lacks nothing',
      argv: 'status',
      fleet: { status: [valid], nodes: [node('a')] },
      never: ['NODE'],
    },
    {
      what: 'says what is wrong with a document that cannot be read, and nothing that it does not know',
      argv: 'status',
      ...statuses(corrupt),
      code: 7,
      says: [/^abc +corrupt +- +- +- +-\n\nabc: it is spoiled\n {2}Restore it\.\n$/m],
    },
    {
      what: 'finds an international name by its own letters, which take two columns each',
      argv: 'status 中国.test abc',
      ...statuses(international, valid),
      says: [/^xn--fiqs8s\.test \(中国\.test\) {2}valid/m, /^abc {26}valid/m],
    },
    {
      what: 'says what to do in an empty store',
      argv: 'status',
      stdout: 'There are no certificates yet.\n',
      warns: ['--staging'],
    },
  ])('$what', behaves);

  const deployments = [{ target: 'a-target-with-a-long-name', state: 'current', version: 'v1' }] as const;
  const named = (letters: number, more: Partial<LineageStatus> = {}) =>
    statuses({ ...valid, name: `${'a'.repeat(letters - 5)}.test`, deployments, ...more }, failing);
  const soon = { state: 'interrupted', notAfter: '2026-11-28T09:00:00Z' } as const;

  it.each([
    [23, 90, {}, /^a{18}\.test {2}valid +2027-02-22 +89 days +2027-01-23 \(CA\) +a-targ.*…$/],
    [23, 80, {}, /^a{18}\.test {2}valid +2027-02-22 +2027-01-23 \(CA\) +a-targ.*…$/],
    [35, 80, {}, /^a{30}\.test {2}valid +2027-02-22 +2027-01-23 \(CA\)$/],
    [100, 80, {}, /^a{17}…a{13}\.test {2}valid +2027-02-22 +2027-01-23 \(CA\)$/],
    [23, 80, soon, /^a{18}\.test {2}interrupted +2026-11-28 09:00 UTC +2027-01-23 \(CA\)$/],
  ])(
    'a name of %i letters in %i columns: a row leaves out or cuts what matters least',
    async (letters, columns, more, row) => {
      const { stdout } = await commandLine({ ...named(letters, more), columns }).run('status');
      const table = stdout.split('\n').slice(0, 3);
      expect(table[1]).toMatch(row);
      expect(table[2]).toContain('retry in 100 minutes');
      expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(columns);
    },
  );

  it('shortens a long name by the columns that its letters take', async () => {
    const done = await commandLine({ ...statuses({ ...valid, name: `${'中'.repeat(30)}.test` }), columns: 60 }).run(
      'status',
    );
    expect(done.stdout).toMatch(/^中{5}…中{3}\.test {3}valid +2027-02-22 +2027-01-23 \(CA\)$/m);
  });

  it('cuts nothing without a screen', async () => {
    expect((await commandLine(named(80)).run('status')).stdout).not.toContain('…');
  });

  it('prints an object a line with --json', async () => {
    expect(jsonLines(await commandLine(statuses(valid, failing)).run('status', '--json'))).toEqual([
      { v: 1, object: 'certificate', ...valid },
      { v: 1, object: 'certificate', ...failing, failure: { ...failing.failure, message: 'no DNS zone\ufffd[31m' } },
    ]);
  });
});

it('prints a node a line with --json', async () => {
  const given = { fleet: { status: [valid], nodes: [node('b', { lacks: [lack] })] } };
  expect(jsonLines(await commandLine(given).run('status', '--json')).slice(1)).toEqual([
    { v: 1, object: 'node', ...node('b', { lacks: [lack] }) },
  ]);
});

it.each([
  ['the node', [], 'Forgot the node web-3.\n'],
  ['what still runs', [there('node')], 'Forgot what has ended on the node web-3. `certfleet run` still runs there.\n'],
])('node forget names %s', async (_what, running, says) => {
  const done = await commandLine({ fleet: { nodes: [node('web-3', { running })] } }).run('node', 'forget', 'web-3');
  expect([done.code, done.stdout, done.calls]).toEqual([0, says, [{ forgetNode: 'web-3' }]]);
});

describe('show', () => {
  const deploy = ['files:/etc/certs/', 'web', 'edge'];

  it.each<Row>([
    {
      what: 'all of one',
      argv: 'show abc',
      ...statuses(valid),
      says: [
        'Valid until  2027-02-22 (in 89 days)\n',
        'Renewal      2027-01-23 (in 59 days), as the CA suggests (ARI)\n',
        'Target       edge: up to date (version v1)\n',
      ],
    },
    {
      what: 'which places of a target lack it',
      argv: 'show abc',
      ...statuses(rollingOut),
      says: [
        'Target       cdn: is rolling it out (version v1)\n             still being rolled out at cdn\n',
        '             75 of 100 places have it\n             missing: a.example.com, c.example.com (refused)\n',
        '             rolling out: b.example.com\n             and 22 more\n',
      ],
    },
    {
      what: 'which places of a target wait',
      argv: 'show abc',
      ...statuses(busy),
      says: [
        'cdn: waits until another change is rolled out (version v1)\n',
        `\n             waiting: a, b (${another})\n`,
      ],
    },
    {
      what: 'each other node that lacks it',
      argv: 'show abc',
      ...statuses({
        ...valid,
        deployments: [{ target: 'files', state: 'current', version: 'v2', node: 'a' }],
        lackingAt: [
          { node: 'b', target: 'files', version: 'v2', since: '2026-11-24T08:00:00Z' },
          { node: 'c', target: 'files', version: 'v2', since: '2026-11-24T08:00:00Z', message: 'the disk is full' },
        ],
      }),
      says: [
        'Target       files of node a: up to date (version v2)\n',
        'Lacking      files of node b, since 2026-11-24 08:00 UTC\n             `certfleet renew` on that node delivers it\n',
        'Lacking      files of node c, since 2026-11-24 08:00 UTC\n             the disk is full\n',
      ],
    },
    {
      what: 'what was chosen for it',
      argv: 'show abc',
      ...statuses({
        ...valid,
        account: 'kid-1',
        spec: {
          ...{ name: 'abc', identifiers: [], issuer: 'le', solver: 'web', deploy: [], endpoints: [] },
          ...{ preferredChain: 'Root X', validity: { notAfter: '6d' }, onFailedName: 'drop' },
        },
      }),
      says: ['Account      kid-1\n', 'Chain wanted Root X\n', 'Not after    6d\n', 'Failed names left out\n'],
    },
    {
      what: 'where its solver answers',
      argv: 'show abc --config /c.yaml',
      files: { '/c.yaml': 'solvers: { web: { type: http01-webroot, folders: [/srv/a, /srv/b] } }' },
      ...statuses({
        ...valid,
        spec: { name: 'abc', identifiers: [], issuer: 'le', solver: 'web', deploy: [], endpoints: [] },
      }),
      says: ['Solver       web\n             web: /srv/a, /srv/b\n'],
    },
    {
      what: 'the TXT records that stay',
      argv: 'show abc',
      ...statuses({
        ...valid,
        records: [
          { name: 'a.test', value: 'ca.test; accounturi=x' },
          { name: 'b.test', value: 'v', until: ending },
        ],
      }),
      says: [
        'TXT record   a.test, which stays\n             ca.test; accounturi=x\n',
        'TXT record   b.test, which stays until 2026-12-10 (in 15 days)\n             v\n',
      ],
    },
    {
      what: 'its key, its chain and the names that it lacks',
      argv: 'show abc',
      ...statuses({ ...lacking, keyType: 'rsa2048', chain: ['R10', 'ISRG Root X1'] }),
      says: [
        'Left out     xn--fiqs8s.test (中国.test): no TXT record\n',
        'Key          rsa2048\n',
        'Chain        R10 → ISRG Root X1\n',
      ],
    },
    {
      what: 'failures in a row',
      argv: 'show bad.example.com',
      ...statuses(failing),
      says: ['Failed       3 times in a row: no DNS zone\ufffd[31m\n'],
    },
    {
      what: 'a single failure',
      argv: 'show bad.example.com',
      ...statuses({ ...failing, failure: { ...failing.failure, count: 1 } }),
      says: ['Failed       once: no DNS zone'],
    },
    {
      what: 'what the CA asked for',
      argv: 'show bad.example.com',
      ...statuses(held),
      says: ['On hold      until 2026-11-24 13:00 UTC (in 3 hours), as the CA asked; `--force` does not override it\n'],
    },
    {
      what: 'work in progress',
      argv: 'show abc',
      ...statuses({ ...valid, work: { step: 'order', holder: 'process 7' } }),
      says: ['In progress  step order, by process 7\n'],
    },
    {
      what: 'what is not declared any more',
      argv: 'show abc',
      ...statuses(undeclared),
      says: ['Declared by  nothing any more (formerly the configuration)\n', 'Renewal      never\n'],
    },
    {
      what: 'why a target does not have it yet',
      argv: 'show abc',
      ...statuses(pending),
      says: ['tries again (version v1)\n             no such socket\nTarget       web: up to date (version v1)'],
    },
    {
      what: 'a document that cannot be read',
      argv: 'show abc',
      ...statuses(corrupt),
      stdout: 'Name         abc\nState        corrupt\nProblem      it is spoiled\nWhat to do   Restore it.\n',
    },
    {
      what: 'where the files are, and which targets have none yet',
      argv: 'show abc --config /c.yaml',
      files: { '/c.yaml': 'deployers: { web: { type: nginx, path: /etc/nginx/certs } }' },
      ...statuses({
        ...valid,
        spec: { name: 'abc', identifiers: [], issuer: 'le', solver: 'web', deploy, endpoints: [] },
        deployments: deploy.slice(0, 2).map((target) => ({ target, state: 'current', version: 'v1' })),
      }),
      says: [
        [
          'Target       files:/etc/certs/: up to date (version v1)',
          'Files        /etc/certs/live/abc/',
          'Target       web: up to date (version v1)',
          'Files        /etc/nginx/certs/live/abc/',
          'Target       edge: not delivered yet',
        ].join('\n'),
      ],
    },
    {
      what: 'a narrow screen, by the columns that letters take',
      argv: 'status',
      columns: 60,
      ...statuses({
        ...valid,
        deployments: [{ target: 'files:/证书/证书/证书', state: 'intended', version: 'v1' }],
      }),
      says: [/^abc .* files:\/证书\/证书…$/m],
    },
    ...['status', 'show abc'].map(
      (argv): Row => ({
        what: `a target that the settings no longer have, with ${argv}`,
        argv,
        ...statuses({
          ...valid,
          deployments: [{ target: 'edge', state: 'current', version: 'v1', noLongerWanted: true }],
        }),
        says: [/edge(:| \() ?(is )?no longer delivered to/],
      }),
    ),
    {
      what: 'a delivery that was interrupted',
      argv: 'status',
      ...statuses({ ...valid, deployments: [{ target: 'edge', state: 'intended', version: 'v1' }] }),
      says: ['edge (interrupted)'],
      never: ['intended'],
    },
    ...(['pending', 'working'] as const).map(
      (state): Row => ({
        what: `a delivery that has not begun, of a certificate that is ${state}`,
        argv: 'status',
        ...statuses({ ...valid, state, deployments: [{ target: 'edge', state: 'intended', version: 'v1' }] }),
        says: ['edge (pending)'],
        never: ['interrupted'],
      }),
    ),
    {
      what: 'an international name by its own letters',
      argv: 'show 中国.test',
      ...statuses(international),
      says: [
        'Name         xn--fiqs8s.test (中国.test)\n',
        'Identifiers  xn--fiqs8s.test (中国.test), *.xn--fiqs8s.test (*.中国.test)\n',
      ],
    },
    {
      what: 'that it cannot know of responders that write nothing',
      argv: 'status --config /c.yaml',
      files: { '/c.yaml': JSON.stringify({ responderSecret: 'env:SECRET' }) },
      ...statuses(valid),
      says: [/Responders with `responderSecret` write nothing/],
    },
    {
      what: 'a guess at a name that is not there',
      argv: 'show abd',
      ...statuses(valid),
      code: 2,
      stdout: '',
      warns: ['there is no certificate named "abd" in the configuration or in the store; did you mean "abc"?'],
    },
  ])('$what', behaves);
});
