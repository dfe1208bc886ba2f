import { describe, expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../../test/support/command-line.ts';
import { asFailure, type CertfleetError, fail } from '../../../core/errors/errors.ts';
import type { Outcome } from '../../../core/plan/outcome.ts';
import { present } from '../../../core/text/present.ts';
import type { LineageStatus } from '../../../fleet.ts';
import { unchanged, valid, waiting } from '../look/test-statuses.ts';

const failedWith = (error: CertfleetError, certificate: string): Outcome => ({
  ...{ certificate, result: 'failed', message: error.message },
  error: asFailure(error, certificate),
});
const down = (certificate: string, minute: number): Outcome => ({
  ...failedWith(fail('acme/down', { issuer: 'le' }), certificate),
  next: new Date(Date.parse('2026-11-24T16:00:00Z') + minute * 60_000).toISOString(),
});
const pendingAt = (certificate: string): Outcome => {
  const error = fail('deploy/target-failed', { target: 'edge', certificate, reason: 'gone' });
  return { certificate, result: 'pending', notAfter: '2027-02-22T10:00:00Z', message: error.message, error };
};

const sweepLine = '41 * * * * root /usr/local/bin/certfleet sweep --quiet\n';

/** Of a CA that writes the last second of the validity. */
const lives = (name: string, days: number): LineageStatus => ({
  ...valid,
  name,
  notBefore: '2026-11-24T09:00:00Z',
  notAfter: new Date(Date.parse('2026-11-24T09:00:00Z') + days * 86_400_000 - 1_000).toISOString(),
});

it.each<Row>([
  {
    what: 'passes names and force on',
    argv: 'renew a --name b,a --force',
    calls: [{ names: ['a', 'b'], force: true }],
  },
  { what: 'passes --redeploy on', argv: 'renew a --redeploy', calls: [{ names: ['a'], force: false, redeploy: true }] },
  {
    what: 'refuses --redeploy with --force',
    argv: 'renew --redeploy --force',
    code: 2,
    warns: ['--redeploy and --force cannot be used together: --redeploy does not order certificates'],
    calls: [],
  },
  ...['--pre-hook', '--post-hook', '--deploy-hook'].map((flag) => ({
    what: `refuses ${flag} none`,
    argv: `renew --force ${flag} none`,
    code: 2,
    warns: [`${flag} none does not apply here: a run can replace a hook`, `certfleet issue NAME ${flag} none`],
    calls: [],
  })),
  {
    what: 'passes --next-run on, and says when the certificate is due',
    argv: 'renew --next-run 31d',
    fleet: { renew: () => [unchanged('abc')], status: [valid] },
    calls: [{ names: [], force: false, nextRunMs: 31 * 86_400_000 }, 'status'],
    says: ['Next: it is due around 2027-01-23 (in 59 days).'],
  },
  ...['31', '1w', '0d', '30s', '367d', 'monthly'].map((text) => ({
    what: `refuses --next-run ${text}`,
    argv: `renew --next-run ${text}`,
    code: 2,
    warns: [`--next-run ${text}: expected the time until the next run, from 1m to 366d`],
    calls: [],
  })),
  {
    what: 'refuses --redeploy with --next-run',
    argv: 'renew --redeploy --next-run 1d',
    code: 2,
    warns: ['--redeploy and --next-run cannot be used together: --redeploy does not order certificates'],
  },
  {
    what: 'ends with 8 if the interval is too long for certificates, with --quiet too',
    argv: 'renew --quiet --next-run 31d',
    code: 8,
    fleet: {
      renew: () => [unchanged('web'), unchanged('abc'), unchanged('api'), unchanged('old')],
      status: [
        lives('web', 45),
        valid,
        lives('api', 45),
        { ...lives('old', 6), notBefore: '2026-11-24T09:00:00Z', notAfter: '2026-11-30T09:00:00Z' },
        lives('not in this run', 6),
      ],
    },
    stdout: '',
    stderr: [
      'web, api: a run every 31 days cannot keep NAME valid: its lifetime of 45 days is not more than twice that interval',
      '  Run `renew` at least every 22 days (with `--next-run 22d`), or better once an hour without --next-run.',
      '  More: certfleet explain schedule/too-slow',
      'old: a run every 31 days cannot keep old valid: its lifetime of 6 days is not more than twice that interval',
      '  Run `renew` at least every 3 days (with `--next-run 3d`), or better once an hour without --next-run.',
      '  More: certfleet explain schedule/too-slow',
      '',
    ].join('\n'),
  },
  {
    what: 'says so to programs',
    argv: 'renew --json --next-run 31d',
    code: 8,
    fleet: { renew: () => [unchanged('a')], status: [lives('a', 45)] },
    says: [
      '"level":"error","event":"schedule.too-slow","certificate":"a"',
      '"intervalMs":2678400000,"lifetimeMs":3888000000,"longestMs":1900800000',
      '"data":{"exitCode":8,',
    ],
  },
  {
    what: 'ends with the code of a failure, which is worse, and says both',
    argv: 'renew --next-run 31d',
    code: 6,
    fleet: { renew: () => [pendingAt('a')], status: [lives('a', 45)] },
    warns: ['deploying a to edge failed', 'cannot keep a valid'],
  },
  ...[
    { what: 'says once that a killed run leaves its forward rule until the next run', says: true },
    { what: 'does not say it again', said: ['sweep'] },
    { what: 'does not say it where `sweep` is scheduled', files: { '/etc/cron.d/certfleet': sweepLine } },
    { what: 'does not say it where the next run comes soon', nextRun: '1h' },
    { what: 'does not say it where nothing would be left', status: valid },
    { what: 'does not say it with --quiet', flags: ' --quiet' },
  ].map(
    ({
      what,
      says = false,
      said = [],
      files = {},
      nextRun = '31d',
      flags = '',
      status = { ...valid, needsSweep: true } as const,
    }): Row => {
      const warning = /A run that is killed leaves its forward rule .* \d+ \* \* \* \* certfleet sweep --quiet/;
      const fleet = { renew: () => [unchanged('abc')], status: [status], said };
      return {
        what,
        argv: `renew --next-run ${nextRun}${flags}`,
        files,
        fleet,
        ...(says ? { warns: [warning] } : { never: [/forward rule/] }),
      };
    },
  ),
  {
    what: 'knows names in any spelling',
    argv: 'renew 中国.test --name *.中国.test',
    calls: ['status', { names: ['xn--fiqs8s.test', 'wildcard.xn--fiqs8s.test'], force: false }],
  },
  {
    what: 'sums up many that are not due',
    argv: 'renew',
    fleet: { renew: () => Array.from({ length: 998 }, (_, i) => unchanged(`c${i}`)) },
    stdout: '998 certificates are not due; `certfleet status` shows when each will be renewed.\n998 unchanged\n',
    stderr: '',
  },
  {
    what: 'names each of a few',
    argv: 'renew',
    fleet: { renew: () => [unchanged('abc')], status: [valid] },
    stdout:
      'abc: nothing is due; valid until 2027-02-22 (90 days)\n  Next: `certfleet renew` renews it around 2027-01-23 (in 59 days).\n',
  },
  {
    what: 'tells what failed before from what is not due',
    argv: 'renew',
    fleet: { renew: () => [...['a', 'b', 'c', 'd', 'e', 'f'].map(unchanged), waiting('x'), waiting('y')] },
    stdout:
      'x: failed earlier: no DNS zone; valid until 2027-02-22 (90 days)\n' +
      '  Next: `certfleet renew` tries again after 2026-11-24 16:00 UTC.\n' +
      'y: failed earlier: no DNS zone; valid until 2027-02-22 (90 days)\n' +
      '  Next: `certfleet renew` tries again after 2026-11-24 16:00 UTC.\n' +
      '6 certificates are not due; `certfleet status` shows when each will be renewed.\n' +
      '6 unchanged, 2 waiting after a failure\n',
  },
  {
    what: 'sums up many that failed before',
    argv: 'renew',
    fleet: { renew: () => Array.from({ length: 10 }, (_, i) => waiting(`c${i}`)) },
    stdout:
      '10 certificates failed earlier and wait for their next try; `certfleet status` shows why and when.\n' +
      '10 waiting after a failure\n',
  },
  {
    what: 'tells apart which of equal failures are tried again before their renewal',
    argv: 'renew --force',
    code: 4,
    fleet: {
      renew: () =>
        [0, 1, 2, 3].map((i) => ({ ...down(`c${i}`, i), ...present({ notDue: i > 1 ? (true as const) : undefined }) })),
    },
    warns: [
      /^c0, c1: .* Next: `certfleet renew` tries the first of them again after 2026-11-24 16:00 UTC\. c2, c3: /,
      / Next: fix the problem and run it again\. None of them is due before 2026-11-24 16:02 UTC\. $/,
    ],
  },
  {
    what: 'groups many failures that differ only in the names in their text',
    argv: 'renew',
    code: 3,
    fleet: {
      renew: () =>
        Array.from({ length: 100 }, (_, i) => {
          const names = { identifier: `www${i}.example.com`, wildcard: '*.example.com' };
          return failedWith(fail('preflight/hides-wildcard', names), `c${i}`);
        }),
    },
    stdout: '100 failed\n',
    stderr: [
      'c0, c1, c2 and 97 more: www0.example.com exists only through the wildcard record *.example.com: a TXT record below it would hide its address (RFC 4592)',
      '  Add a record for www0.example.com itself, use HTTP-01, or request *.example.com instead.',
      '  More: certfleet explain preflight/hides-wildcard',
      '  The others read the same, with their own names.',
      '  Next: fix the problem and run it again; `certfleet renew` does not retry it.',
      '',
    ].join('\n'),
  },
  {
    what: 'says that the next run tries again, where nothing was stored of a failure that ends by itself',
    argv: 'renew',
    code: 5,
    fleet: {
      renew: () => [failedWith(fail('balancer/limited', { balancer: 'slb', action: 'x', reason: 'busy' }), 'abc')],
    },
    warns: ['Next: the next `certfleet renew` tries again.'],
    never: ['fix the problem', 'certfleet tries again'],
  },
  {
    what: 'groups failures that are equal but for the name',
    argv: 'renew',
    code: 4,
    fleet: {
      renew: () => [
        ...Array.from({ length: 40 }, (_, i) => down(`c${i}`, i)),
        failedWith(fail('deploy/target-failed', { target: 'edge', certificate: 'other', reason: 'gone' }), 'other'),
        failedWith(fail('preflight/no', { finding: 'a.test does not exist', advice: 'Add a.test.' }), 'a.test'),
        failedWith(fail('preflight/no', { finding: 'b.test does not exist', advice: 'Add b.test.' }), 'b.test'),
      ],
    },
    stdout: '43 failed\n',
    stderr: [
      'c0, c1, c2 and 37 more: le is not accepting orders at the moment, so no order was sent',
      '  The order for another certificate failed in this run; see its error for the cause. The next run tries one certificate first.',
      '  More: certfleet explain acme/down',
      '  Next: `certfleet renew` tries the first of them again after 2026-11-24 16:00 UTC.',
      'other: deploying other to edge failed: gone',
      '  The target keeps its previous certificate, if it had one. `certfleet renew` tries again.',
      '  More: certfleet explain deploy/target-failed',
      '  Next: fix the problem and run it again; `certfleet renew` does not retry it.',
      'a.test, b.test: NAME does not exist; the CA was not asked',
      '  Add NAME. If the CA can see what this machine cannot, run `certfleet issue NAME --ignore-preflight`; for a new certificate, repeat your command with --ignore-preflight.',
      '  More: certfleet explain preflight/no',
      '  Next: fix the problem and run it again; `certfleet renew` does not retry it.',
      '',
    ].join('\n'),
  },
  {
    what: 'says of pending ones where each stands, and why once',
    argv: 'renew',
    code: 6,
    fleet: { renew: () => [pendingAt('a'), pendingAt('b')] },
    says: ['a: valid until 2027-02-22 (90 days); a deployment is pending\nb: valid until'],
    warns: [/^a, b: deploying NAME to edge failed: gone .* Next: `certfleet renew` tries again. $/],
  },
  {
    what: 'says when it tries again where nothing was issued',
    argv: 'renew',
    fleet: {
      renew: () => [
        { certificate: 'abc', result: 'unchanged', message: 'the CA asked to wait', next: '2026-11-24T16:00:00Z' },
      ],
    },
    says: ['  Next: `certfleet renew` tries again after 2026-11-24 16:00 UTC.\n'],
  },
  { what: 'helps where there is no certificate', argv: 'renew', says: ['There are no certificates yet'] },
  ...[
    ['renew', 'Nothing to renew: example.com, b were given back to certbot in /etc/letsencrypt by `import --undo`.'],
    ['renew --dry-run', 'Nothing was tried: example.com, b were given back to certbot in /etc/letsencrypt by'],
  ].map(
    ([argv, says]): Row => ({
      what: `says that certificates were given back, with ${argv}`,
      argv: argv!,
      fleet: {
        status: ['example.com', 'b'].map((name) => ({
          ...valid,
          ...{ name, state: 'undeclared', givenBack: { at: '2026-11-23T10:00:00.000Z', path: '/etc/letsencrypt' } },
        })),
      },
      says: [says!, '`certfleet import certbot /etc/letsencrypt --in-place` takes them over again'],
      never: ['no certificates yet'],
    }),
  ),
  {
    what: 'says that a dry run had nothing to try, which is no failure, as with certbot',
    argv: 'renew --dry-run',
    says: ['Nothing was tried: there are no certificates yet'],
  },
])('$what', behaves);

describe('renew --dry-run', () => {
  const notAfter = '2027-02-22T10:00:00.000Z';
  const untested = 'not tried, because own has no test directory';
  it('says for each certificate whether its renewal would succeed', async () => {
    const error = fail('solver/port-taken', { port: 80, holder: 'nginx' } as never);
    const dryRun: readonly Outcome[] = [
      { certificate: 'abc', result: 'issued', notAfter, message: 'issued' },
      { certificate: 'bad', result: 'failed', message: error.message, error },
      { certificate: 'own', result: 'unchanged', message: untested },
    ];
    const done = await commandLine({ fleet: { dryRun } }).run('renew', 'abc', '--dry-run');
    expect(done.calls[0]).toEqual({ dryRun: ['abc'] });
    expect(done.stdout).toContain('abc: the dry run succeeded (test certificate valid until 2027-02-22');
    expect(done.stdout).toContain(`own: ${untested}`);
    expect(done.stdout + done.stderr).not.toContain('without --staging');
    expect(done.stderr).toContain('Next: fix the problem and run it again.');
    expect(done.code).toBe(5);
  });

  it('says it of each certificate that was not tried, however many there are', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const dryRun = names.map((certificate): Outcome => ({ certificate, result: 'unchanged', message: untested }));
    const done = await commandLine({ fleet: { dryRun } }).run('renew', '--dry-run');
    for (const name of names) expect(done.stdout).toContain(`${name}: ${untested}\n`);
    expect(done.stdout).not.toContain('not due');
  });

  it.each(['--force', '--redeploy', '--next-run=31d'])('does not go with %s', async (flag) => {
    const done = await commandLine({ fleet: {} }).run('renew', '--dry-run', flag);
    expect([done.code, done.calls.length]).toEqual([2, 0]);
  });
});
