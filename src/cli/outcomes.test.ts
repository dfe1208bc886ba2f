import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../test/support/command-line.ts';
import { fail } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { cronPath } from './outcomes.ts';

const issued: Outcome = {
  certificate: 'abc',
  result: 'issued',
  notAfter: '2027-02-22T10:00:00Z',
  next: '2027-01-23T10:00:00Z',
  message: 'issued, valid until 2027-02-22',
};
const failed: Outcome = {
  certificate: 'bad',
  result: 'failed',
  message: 'x',
  error: fail('dns/zone-not-found', { name: 'bad.example.com' }),
  next: '2026-11-24T10:01:00Z',
};
const pending: Outcome = {
  certificate: 'slow',
  result: 'pending',
  notAfter: '2027-02-22T10:00:00Z',
  message: 'x',
  error: fail('deploy/target-failed', { target: 'edge', certificate: 'slow', reason: 'no such socket' }),
};

const { next: _none, ...failedForNow } = failed;
const ends = (...outcomes: readonly Outcome[]) => ({ fleet: { issue: () => outcomes } });
const abc = 'issue -d abc.example.com';
const declared =
  'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\n' +
  'deployers: { edge: { type: command, run: reload } }\n' +
  'certificates: [{ name: abc, identifiers: [a.example.com], deploy: [edge] }]';

it.each<Row>([
  {
    what: 'says what happened and what comes next, with a crontab line',
    argv: [...abc.split(' '), '--name', 'abc', '--store', '/my store'],
    ...ends(issued),
    program: '/usr/local/bin/certfleet',
    stdout:
      'abc: issued, valid until 2027-02-22 (90 days)\n' +
      '  It is in the store only: `--deploy files:FOLDER` puts it into files.\n' +
      '  Next: renews by itself around 2027-01-23 (in 60 days), when `certfleet renew` runs.\n',
    warns: [/ \d{1,2} \* \* \* \* \/usr\/local\/bin\/certfleet renew --quiet --store '\/my store' /],
  },
  {
    what: 'gives cron whole paths: it works in another folder',
    argv: `${abc} --store my-store`,
    ...ends(issued),
    warns: [` --store ${process.cwd()}/my-store `],
  },
  {
    what: 'asks for one crontab line, not for one each',
    argv: abc,
    ...ends(issued, { ...issued, certificate: 'b' }),
    warns: [
      'add this line to root’s crontab (`crontab -e`), once for all certificates; skip it if a `certfleet renew` line is there already:',
      /^((?!renew --quiet).)*renew --quiet((?!renew --quiet).)*$/,
    ],
  },
  {
    what: 'says where it went',
    argv: `${abc} --deploy files:/etc/certs,web,edge --config /c.yaml`,
    files: { '/c.yaml': 'deployers: { web: { type: nginx, path: /web }, edge: { type: command, run: reload } }' },
    ...ends(issued),
    says: [
      '\n  Files: /etc/certs/live/abc/ (fullchain.pem, privkey.pem)\n  Files: /web/live/abc/ (fullchain.pem, privkey.pem)\n  Deployed to edge.\n',
    ],
  },
  {
    what: 'says on a terminal, where the progress is gone, where a declared one went',
    argv: 'issue abc --config /c.yaml',
    files: { '/c.yaml': declared },
    isTerminal: true,
    ...ends(issued),
    says: ['\n  Deployed to edge.\n  Next: renews by itself'],
  },
  {
    what: 'does not say it again where the progress said it',
    argv: 'issue abc --config /c.yaml',
    files: { '/c.yaml': declared },
    ...ends(issued),
    never: ['Deployed'],
  },
  {
    what: 'does not say it of one that was not due',
    argv: 'issue abc --config /c.yaml',
    files: { '/c.yaml': declared },
    isTerminal: true,
    ...ends({ ...issued, result: 'unchanged' }),
    never: ['Deployed'],
  },
  {
    what: 'tells a dry run apart',
    argv: `${abc} --dry-run`,
    ...ends(issued),
    calls: [expect.objectContaining({ staging: true })],
    says: [
      'the dry run worked (a test certificate, valid until 2027-02-22 (90 days)); nothing was deployed',
      'Next: run it without --staging and --dry-run for the real certificate.',
    ],
    never: ['crontab'],
  },
  {
    what: 'puts results on stdout, failures with hint on stderr, and exits with the worst',
    argv: abc,
    ...ends(issued, pending, failed),
    code: 5,
    stdout: expect.not.stringContaining('bad'),
    says: ['abc: issued', 'slow: valid until 2027-02-22 (90 days); a deployment is pending'],
    warns: [
      'bad: no DNS zone was found for bad.example.com',
      'Next: `certfleet renew` tries it again from 2026-11-24 10:01 UTC on.',
      'slow: deploying slow to edge failed: no such socket',
    ],
  },
  {
    what: 'promises no next try where nothing tries by itself',
    argv: abc,
    ...ends(failedForNow),
    code: 5,
    warns: ['Next: nothing is tried by itself; fix what is named and run it again.'],
  },
  {
    what: 'nor for a test certificate',
    argv: `${abc} --staging`,
    ...ends(failed),
    code: 5,
    warns: ['Next: fix what is named and run it again.'],
  },
  { what: 'keeps quiet with --quiet', argv: `${abc} --quiet`, ...ends(issued), stdout: '', stderr: '' },
  {
    what: 'but for failures',
    argv: `${abc} --quiet`,
    ...ends(failed),
    code: 5,
    stdout: '',
    warns: ['bad: no DNS zone was found'],
  },
  {
    what: 'issues all declared certificates',
    argv: 'issue',
    files: { '/etc/certfleet/certfleet.yaml': declared },
    calls: [{ names: [], force: false, staging: false }],
  },
  {
    what: 'issues a declared certificate by name',
    argv: 'issue abc --staging',
    files: { '/etc/certfleet/certfleet.yaml': declared },
    calls: [{ names: ['abc'], force: false, staging: true }],
  },
])('$what', behaves);

it('gives cron the way to node, where it does not know it', () => {
  expect(cronPath('/usr/bin/node')).toBe('');
  expect(cronPath('/usr/local/bin/node')).toBe('  PATH=/usr/local/bin:/usr/bin:/bin\n');
});

it('is one event with --json, and nothing else on any stream', async () => {
  const done = await commandLine(ends(issued, pending)).run(...abc.split(' '), '--json');
  expect(done).toMatchObject({ code: 6, stderr: '' });
  const { result, message, notAfter, next } = issued;
  expect(jsonLines(done)).toEqual([
    expect.objectContaining({ v: 1, event: 'run.started', data: expect.objectContaining({ command: 'issue' }) }),
    {
      ...{ v: 1, time: '2026-11-24T10:00:00.000Z', level: 'error', event: 'run.finished' },
      message: '1 issued, 1 pending',
      data: {
        exitCode: 6,
        outcomes: [
          { certificate: 'abc', result, message, notAfter, next },
          expect.objectContaining({
            ...{ certificate: 'slow', result: 'pending', code: 'deploy/target-failed' },
            docs: 'docs/reference/errors.md#deploy/target-failed',
          }),
        ],
      },
    },
  ]);
});
