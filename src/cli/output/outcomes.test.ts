import { expect, it } from 'vitest';
import { behaves, commandLine, type FleetCall, jsonLines, type Row } from '../../../test/support/command-line.ts';
import { fail } from '../../core/errors/errors.ts';
import type { EventName } from '../../core/plan/event.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { JsonObject } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { failing, unchanged, valid, waiting } from '../commands/look/test-statuses.ts';
import { cronPath } from '../timers/crontab.ts';

const unit = '/etc/systemd/system/tls.service';

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
/** The same, with the events of a real run. */
const worksOn = (targets: readonly string[], ...outcomes: readonly Outcome[]) => worksIn({ targets }, ...outcomes);
const worksIn = (data: { readonly targets: readonly string[] } & JsonObject, ...outcomes: readonly Outcome[]) => {
  const run = (_: unknown, { reporter }: FleetCall) => {
    const report = (event: EventName, message: string, data = {}) =>
      reporter.report({ v: 1, time: '2026-11-24T10:00:00Z', level: 'info', event, certificate: 'abc', message, data });
    report('certificate.started', 'working on abc.example.com');
    report('certificate.issued', 'issued, valid until 2027-02-22T10:00:00Z');
    report('renewal.scheduled', 'will be renewed at 2027-01-23T10:00:00Z');
    report('certificate.deployed', `deployed to ${data.targets.join(', ')}`, data);
    return outcomes;
  };
  return { fleet: { issue: run, renew: run } };
};
const abc = 'issue -d abc.example.com';
const declared =
  'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\n' +
  'deployers: { edge: { type: command, run: reload } }\n' +
  'certificates: [{ name: abc, identifiers: [a.example.com], deploy: [edge] }]';

const wordy = {
  ...failed,
  error: fail('dns/refused', {
    provider: 'rfc2136',
    name: 'bad.example.com',
    reason: 'words '.repeat(20),
    advice: 'Check it.',
  }),
};
const waits = { ...unchanged('old'), message: `failed earlier: ${'reasons '.repeat(20)}`, failing: true } as Outcome;

it.each([
  ['issue -d abc.example.com', ends(issued, pending, wordy)],
  ['renew', { fleet: { renew: () => [issued, waits, wordy] } }],
  ['renew', { fleet: { renew: () => Array(7).fill(waits) } }],
  ['renew', {}],
  [
    'status',
    { fleet: { status: [valid, { ...failing, failure: { ...failing.failure, message: 'reasons '.repeat(20) } }] } },
  ],
  ['status', {}],
  [
    'show bad.example.com',
    { fleet: { status: [{ ...failing, failure: { ...failing.failure, message: 'reasons '.repeat(20) } }] } },
  ],
  [
    'sweep',
    {
      fleet: {
        sweep: { cleaned: ['TXT '.repeat(20)], failed: [{ what: 'a', reason: 'reasons '.repeat(20) }], waiting: 3 },
      },
    },
  ],
  ['config check', {}],
  ['config check --config /c.yaml', { files: { '/c.yaml': 'preflight: { resolvers: [a, b] }' } }],
  ['explain acme/paused', {}],
  ['providers', {}],
] as const)('%s fills the screen: no line is longer, and none is cut', async (argv, given) => {
  const [narrow, whole] = await Promise.all(
    [50, undefined].map((columns) =>
      commandLine({
        isTerminal: true,
        env: { NO_COLOR: '1' },
        ...given,
        ...present({ columns: columns || undefined }),
      }).run(...argv.split(' ')),
    ),
  );
  if (!narrow || !whole) throw new Error('two runs');
  const lines = (narrow.stdout + narrow.stderr).split('\n');
  // The lines of a crontab (the path of node may be long) and a table's row of what must be whole are not broken.
  const long = lines.filter(
    (line) =>
      line.length > 50 && !/ \* \* \* \* |^ {2}PATH=|^(NAME|abc|bad\.example\.com) +(STATE|valid|failing)/.test(line),
  );
  expect(long).toEqual([]);
  const words = (text: string) => text.split(/\s+/).filter((word) => word !== '');
  if (!argv.startsWith('status'))
    expect(words(narrow.stdout + narrow.stderr)).toEqual(words(whole.stdout + whole.stderr));
});

const quota = '50 certificates for example.com in 7 days';
const limitedError = fail(
  'acme/limited',
  { issuer: 'le', until: '2026-11-24T14:05:00.000Z', quota },
  { retryAt: new Date('2026-11-24T14:05:00Z'), hint: 'Run it again then.' },
);
const limitedAt = (certificate: string, minute: string): Outcome => {
  const until = `2026-11-24T${minute}:00.000Z`;
  const message = `rate limited until ${until} (${quota})`;
  return { certificate, result: 'unchanged', message, next: until, limited: { until, quota } };
};
const six = ['14:05', '14:09', '14:07', '14:06', '14:08', '14:10'].map((minute) => limitedAt(`c${minute}`, minute));

it.each<Row>([
  {
    what: 'waits for a rate limit, which is no failure',
    argv: 'issue',
    ...{ fleet: { issue: () => [issued, limitedAt('abc', '14:05')] }, files: { '/c.yaml': declared } },
    says: [
      `abc: rate limited until 2026-11-24 14:05 UTC (${quota})\n  Next: \`certfleet renew --config /c.yaml\` orders it after 2026-11-24 14:05 UTC.\n`,
    ],
  },
  {
    what: 'is ordered alone, so it may have to wait for others, too',
    argv: 'renew abc',
    fleet: { renew: () => [limitedAt('abc', '14:05')] },
    says: ['  Next: `certfleet renew` orders it when its turn comes; `certfleet plan abc` shows when.\n'],
    never: ['orders it after'],
  },
  {
    what: 'is one of many that wait, of which one sentence is enough',
    argv: 'renew',
    fleet: { renew: () => [issued, ...six] },
    says: [
      `6 certificates are rate limited, the first until 2026-11-24 14:05 UTC, the last until 2026-11-24 14:10 UTC (${quota}).\n`,
      'Next: `certfleet renew` orders each when its time comes; `certfleet plan` shows when.\n',
      '1 issued, 6 rate limited\n',
    ],
    never: ['c14:05'],
  },
])('a certificate $what', async ({ argv, ...row }) => {
  await behaves({ ...row, argv: row.files ? `${argv} --config /c.yaml` : argv });
});

it.each<Row>([
  {
    what: 'of a first issue by flags: it must be run again',
    ...{ argv: abc, code: 4 },
    fleet: { issue: () => [{ certificate: 'abc', result: 'failed', message: 'x', error: limitedError }] },
    warns: [
      `abc: rate limited until 2026-11-24 14:05 UTC (${quota}) Run it again then. Not before 2026-11-24 14:05 UTC.`,
      'Next: run it again after 2026-11-24 14:05 UTC; `certfleet renew` does not retry it.',
    ],
  },
  {
    what: 'of a certificate that is not due',
    ...{ argv: 'renew --force', code: 4 },
    fleet: {
      renew: () => [
        {
          certificate: 'abc',
          result: 'failed',
          message: 'x',
          error: limitedError,
          notDue: true,
          next: '2027-01-23T10:00:00Z',
        },
      ],
    },
    warns: ['Next: run it again after 2026-11-24 14:05 UTC. Its certificate is not due before 2027-01-23.'],
  },
])('a rate limit $what', behaves);

it('has a rate limit for programs', async () => {
  const json = await commandLine({ fleet: { renew: () => [limitedAt('abc', '14:05')] } }).run('renew', '--json');
  const limited = { until: '2026-11-24T14:05:00.000Z', quota };
  expect(jsonLines(json).at(-1)).toMatchObject({ data: { exitCode: 0, outcomes: [{ result: 'unchanged', limited }] } });
});

it('says which names the certificate lacks', async () => {
  const dropped = [{ identifier: 'b.example.com', reason: 'no TXT record' }];
  const done = await commandLine(ends({ ...issued, dropped })).run(...abc.split(' '));
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toContain('\n  without b.example.com: no TXT record\n');
  const json = await commandLine(ends({ ...issued, dropped })).run(...abc.split(' '), '--json');
  expect(jsonLines(json).at(-1)).toMatchObject({ data: { outcomes: [{ result: 'issued', dropped }] } });
});

it('says what is left outside, even with --quiet, and fails for it', async () => {
  const left = [{ what: 'the forward rule', code: 'balancer/refused', reason: 'edge refused it: no right' }] as const;
  const renew = () => [{ ...unchanged('a'), left }, { ...unchanged('b'), left }, issued];
  const said =
    'a, b: could not remove the forward rule: edge refused it: no right\n' +
    '  Next: fix the problem, or remove it by hand; `certfleet renew` and `certfleet sweep` try again.\n';
  expect(await commandLine({ fleet: { renew } }).run('renew', '--quiet')).toMatchObject({ code: 5, stderr: said });
  const json = await commandLine({ fleet: { renew } }).run('renew', '--json');
  expect(jsonLines(json).at(-1)).toMatchObject({ data: { exitCode: 5, outcomes: [{ left }, { left }, {}] } });
});

it('says which hooks are refused, even with --quiet, and fails for it', async () => {
  const {
    code,
    message: reason,
    hint,
  } = fail('config/untrusted-code', {
    ...{ path: '/opt/h.sh', reason: 'it can be changed by everyone', remedy: '`chmod go-w /opt/h.sh`' },
  });
  const refusedHooks = [{ what: 'the pre-hook `/opt/h.sh`', code, reason, hint }];
  const renew = () => [{ ...unchanged('a'), refusedHooks }, { ...unchanged('b'), refusedHooks }, issued];
  const said =
    'a, b: the pre-hook `/opt/h.sh` does not run: /opt/h.sh cannot be trusted: it can be changed by everyone\n' +
    '  Next: until this is mended, certificates are ordered without it. certfleet runs it as this user. Check its contents, then `chmod go-w /opt/h.sh`.\n';
  expect(await commandLine({ fleet: { renew } }).run('renew', '--quiet')).toMatchObject({ code: 2, stderr: said });
  const json = await commandLine({ fleet: { renew } }).run('renew', '--json');
  expect(jsonLines(json).at(-1)).toMatchObject({
    data: { exitCode: 2, outcomes: [{ refusedHooks }, { refusedHooks }, {}] },
  });
});

it('names the renewal of a valid certificate after a forced one that failed', async () => {
  const renew = () => [{ ...failed, notDue: true as const, next: '2030-03-24T10:01:00Z' }];
  expect((await commandLine({ fleet: { renew } }).run('renew', '--force')).stderr).toContain(
    '  Next: fix the problem and run it again. Its certificate is not due before 2030-03-24.\n',
  );
});

it.each([
  ['issue', undefined, 'fix the problem and run it again'],
  ['issue', new Date('2030-03-24T10:01:00Z'), 'wait until 2030-03-24 and run it again'],
  ['renew', undefined, 'fix the problem and repeat the change with `certfleet issue`'],
] as const)('says that settings stay if their change failed: %s, %s', async (command, retryAt, next) => {
  const error = fail('acme/rate-limited', { issuer: 'le', what: 'newOrder', detail: '' }, retryAt ? { retryAt } : {});
  const outcomes = () => [{ ...failed, error, settingsStay: true as const, notDue: true as const }];
  const fleet = command === 'issue' ? { issue: outcomes } : { renew: outcomes };
  const argv = command === 'issue' ? abc.split(' ') : ['renew'];
  expect((await commandLine({ fleet }).run(...argv)).stderr).toContain(
    `  Next: ${next}; the certificate and its stored settings stay as they were.\n`,
  );
  const json = await commandLine({ fleet }).run(...argv, '--json');
  expect(jsonLines(json).at(-1)).toMatchObject({ data: { outcomes: [{ settingsStay: true }] } });
});

it('shortens the times in a failure for people', async () => {
  const error = fail('dns/needs-person', { name: 'abc', until: '; valid until 2027-02-26T19:10:58.000Z' });
  const renew = () => [{ ...failed, error }];
  const { stderr } = await commandLine({ fleet: { renew } }).run('renew');
  expect(stderr).toContain('at a terminal; valid until 2027-02-26\n');
});

it('shows an international name in its letters', async () => {
  const done = await commandLine(ends({ ...issued, certificate: 'xn--bcher-kva.test' })).run(...abc.split(' '));
  expect(done.stdout).toContain('xn--bcher-kva.test (bücher.test): issued');
});

it.each<Row>([
  {
    what: 'says what happened and what comes next, with a crontab line',
    argv: [...abc.split(' '), '--name', 'abc', '--store', '/my store'],
    ...ends(issued),
    program: '/usr/local/bin/certfleet',
    stdout:
      'abc: issued, valid until 2027-02-22 (90 days)\n' +
      '  It is only in the store; `--deploy files:FOLDER` writes it to files.\n' +
      "  Next: `certfleet renew --store '/my store'` renews it around 2027-01-23 (in 60 days).\n",
    warns: [/ \d{1,2} \* \* \* \* \/usr\/local\/bin\/certfleet renew --quiet --store '\/my store' /],
  },
  ...(
    [
      [{}, / \* \S*node\S* \/opt\/certfleet\/dist\/cli\.cjs renew --quiet/],
      [{ '/usr/bin/certfleet': '' }, / \* certfleet renew --quiet/],
    ] as const
  ).map(([files, line]) => ({
    what: `gives cron the path of a program that is not among ${Object.keys(files).join(', ') || 'what cron finds'}`,
    ...{ argv: abc, ...ends(issued), files, warns: [line] },
    program: '/opt/certfleet/dist/cli.cjs',
  })),
  {
    what: 'names the store in the commands of a failure, too',
    argv: `${abc} --store /s`,
    ...ends({ ...failed, error: fail('preflight/no', { finding: 'CAA forbids it', advice: 'Add one.' }) }),
    code: 3,
    warns: ['--ignore-preflight --store /s`; for a new certificate', '`certfleet renew --store /s` tries again'],
  },
  {
    what: 'gives cron a % as it wants it',
    argv: `${abc} --store /100%`,
    ...ends(issued),
    warns: [" --store '/100\\%' "],
  },
  {
    what: 'finds a % as cron has it',
    argv: `${abc} --store /100%`,
    files: { '/etc/cron.d/certfleet': "5 * * * * root certfleet renew --store '/100\\%'" },
    ...ends(issued),
    never: ['crontab'],
  },
  {
    what: 'gives cron whole paths: it works in another folder',
    argv: `${abc} --store my-store`,
    ...ends(issued),
    warns: [` --store ${process.cwd()}/my-store `],
  },
  ...(
    [
      ['a flag', '--store-key file:/etc/store.key', {}, 'file:/etc/store.key'],
      ['the environment', '', { CERTFLEET_STORE_KEY: 'credential:store.key' }, 'credential:store.key'],
    ] as const
  ).map(([by, flag, env, where]) => ({
    what: `gives cron the key of the store that came by ${by}`,
    argv: `${abc} --store /s ${flag}`.trim(),
    env,
    ...ends(issued),
    warns: [
      ` --store /s --store-key ${where} `,
      `run \`${`certfleet install-timer --daemon --store /s ${flag}`.trim()}\`. Without`,
    ],
  })),
  {
    what: 'says that cron has no variable with the key of the store',
    argv: `${abc} --store /s --store-key env:FOO`,
    env: { FOO: 'x'.repeat(43) },
    ...ends(issued),
    warns: [' --store /s --store-key env:FOO', 'cron does not have FOO: set it in a line above'],
  },
  {
    what: 'asks for one crontab line, not for one each',
    argv: abc,
    ...ends(issued, { ...issued, certificate: 'b' }),
    warns: [
      'run `certfleet install-timer --daemon`. Without systemd, let a supervisor run `certfleet run`, or add this line to the crontab of the user that runs certfleet (`crontab -e`):',
      /^((?!renew --quiet).)*renew --quiet((?!renew --quiet).)*$/,
    ],
  },
  {
    what: 'gives the crontab line once in the life of a store',
    argv: abc,
    fleet: { issue: () => [issued], said: ['crontab'] },
    never: ['crontab'],
  },
  ...(
    [
      ['/etc/crontab', '5 * * * * root certfleet renew --quiet'],
      ['/etc/cron.d/certfleet', '# daily\n5 * * * * root /usr/local/bin/certfleet renew'],
      ['/etc/cron.hourly/renew', '#!/bin/sh\nexec certfleet renew --quiet'],
      ['/var/spool/cron/crontabs/root', 'PATH=/usr/bin\n5 * * * * certfleet renew --quiet'],
      ['/var/spool/cron/root', '5 * * * * certfleet renew --quiet'],
    ] as const
  ).map(([path, text]) => ({
    what: `needs no crontab line where ${path} runs it`,
    argv: abc,
    files: { [path]: text },
    ...ends(issued),
    never: ['crontab'],
  })),
  {
    what: 'needs none where a systemd timer runs it',
    argv: abc,
    files: {
      '/etc/systemd/system/tls.service': '[Service]\nExecStart=/usr/local/bin/certfleet renew',
      '/etc/systemd/system/timers.target.wants/tls.timer': '[Timer]\nOnCalendar=hourly',
    },
    ...ends(issued),
    never: ['crontab'],
  },
  {
    what: 'needs none where systemd keeps certfleet running',
    argv: abc,
    env: { NODE_EXTRA_CA_CERTS: '/ca.pem' },
    files: {
      '/etc/systemd/system/certfleet.service': '[Service]\nExecStart=/usr/bin/node /usr/bin/certfleet run',
      '/etc/systemd/system/multi-user.target.wants/certfleet.service': '',
    },
    ...ends(issued),
    warns: [
      'runs `certfleet run` without NODE_EXTRA_CA_CERTS, which this run had: run `certfleet install-timer --daemon`',
    ],
    never: ['crontab'],
  },
  ...(
    [
      ['a service that is not enabled', '/etc/systemd/system/certfleet.service', 'ExecStart=certfleet run'],
      ['a comment', '/etc/cron.d/certfleet', '# 5 * * * * root certfleet renew'],
      ['another command', '/etc/cron.d/certfleet', '5 * * * * root certfleet sweep'],
      ['another store', '/etc/cron.d/certfleet', '5 * * * * root certfleet renew --store /other'],
      ['a timer that is not enabled', '/usr/lib/systemd/system/certfleet.service', 'ExecStart=certfleet renew'],
    ] as const
  ).map(([why, path, text]) => ({
    what: `gives one in spite of ${why}`,
    argv: abc,
    files: { [path]: text },
    ...ends(issued),
    warns: ['renew --quiet'],
  })),
  ...(
    [
      ['serves this store', '/srv/certfleet', []],
      ['serves the default store only', '/srv/other', ['renew --quiet --store /srv/other']],
    ] as const
  ).map(([why, store, warns]) => ({
    what: `looks whether a crontab line ${why}`,
    argv: `${abc} --store ${store}`,
    files: { '/etc/cron.d/certfleet': '5 * * * * root certfleet renew --store /srv/certfleet' },
    ...ends(issued),
    warns,
    never: warns.length > 0 ? [] : ['crontab'],
  })),
  {
    what: 'puts what this run has, and cron has not, above the crontab line',
    argv: abc,
    env: { HTTPS_PROXY: 'http://proxy:3128', http_proxy: 'http://me:hunter2@proxy:3128' },
    ...ends(issued),
    warns: [
      / HTTPS_PROXY=http:\/\/proxy:3128 \d+ \* \* \* \* /,
      'cron does not have http_proxy: set it in a line above this one',
    ],
    never: ['hunter2'],
  },
  ...(
    [
      ['/etc/cron.d/certfleet', 'PATH=/bin\n5 * * * * root certfleet renew', true],
      ['/etc/cron.d/certfleet', 'NODE_EXTRA_CA_CERTS=/ca.pem\n5 * * * * root certfleet renew', false],
      ['/etc/crontab', '5 * * * * root NODE_EXTRA_CA_CERTS=/ca.pem certfleet renew', false],
      [unit, 'ExecStart=certfleet renew', true],
      [unit, 'Environment="NODE_EXTRA_CA_CERTS=/ca.pem"\nExecStart=certfleet renew', false],
      [unit, 'EnvironmentFile=-/etc/certfleet/environment\nExecStart=certfleet renew', false],
    ] as const
  ).map(([path, text, isLacking]) => ({
    what: `looks whether ${path} has what this run has: ${text}`,
    argv: abc,
    env: { NODE_EXTRA_CA_CERTS: '/ca.pem' },
    files: {
      [path]: text,
      '/etc/certfleet/environment': 'NODE_EXTRA_CA_CERTS=/ca.pem\n',
      ...present({ '/etc/systemd/system/timers.target.wants/tls.timer': path === unit ? '' : undefined }),
    },
    ...ends(issued),
    warns: isLacking
      ? [
          `${path} runs \`certfleet renew\` without NODE_EXTRA_CA_CERTS, which this run had: run \`certfleet install-timer\` with it`,
        ]
      : [],
    never: isLacking ? [] : ['without NODE_EXTRA_CA_CERTS'],
  })),
  {
    what: 'says where it went',
    argv: `${abc} --deploy files:/etc/certs,web,edge --config /c.yaml`,
    files: { '/c.yaml': 'deployers: { web: { type: nginx, path: /web }, edge: { type: command, run: reload } }' },
    ...worksOn(['files:/etc/certs', 'web', 'edge'], issued),
    says: [
      '\n  Files: /etc/certs/live/abc/ (fullchain.pem, privkey.pem)\n  Files: /web/live/abc/ (fullchain.pem, privkey.pem)\n  Deployed to edge.\n',
    ],
  },
  ...[true, false].map((isTerminal) => ({
    what: `says each result once ${isTerminal ? 'on' : 'without'} a terminal`,
    argv: 'renew abc',
    isTerminal,
    env: { NO_COLOR: '1' },
    ...worksOn(['edge'], { ...issued, result: 'renewed' }),
    stdout:
      'abc: renewed, valid until 2027-02-22 (90 days)\n  Deployed to edge.\n' +
      '  Next: `certfleet renew` renews it around 2027-01-23 (in 60 days).\n',
    warns: ['working on abc.example.com'],
    ...present({ stderr: isTerminal ? undefined : 'abc: working on abc.example.com\n' }),
  })),
  {
    what: 'says how many domains a CDN has',
    argv: 'renew abc',
    ...worksIn({ targets: ['cdn', 'edge', 'one'], places: { cdn: 12, one: 1 } }, { ...issued, result: 'renewed' }),
    says: ['\n  Deployed to cdn (12 domains).\n  Deployed to edge.\n  Deployed to one (1 domain).\n'],
  },
  ...(['renewed', 'unchanged'] as const).map((result) => ({
    what: `names the next look, not the renewal, while one that was ${result} is being rolled out`,
    argv: 'renew abc',
    ...worksOn(['edge'], { ...issued, result, settling: ['abc is still being rolled out at cdn: www.example.com'] }),
    says: [
      '\n  abc is still being rolled out at cdn: www.example.com\n',
      '\n  Next: `certfleet renew` looks again whether it is there.\n',
    ],
    never: ['renews it'],
  })),
  {
    what: 'does not say it of one that was not due',
    argv: 'issue abc --config /c.yaml',
    files: { '/c.yaml': declared },
    ...worksOn(['edge'], { ...issued, result: 'unchanged' }),
    never: ['Deployed'],
  },
  {
    what: 'tells a dry run apart',
    argv: `${abc} --dry-run`,
    ...ends(issued),
    calls: [expect.objectContaining({ staging: true })],
    says: [
      'the dry run succeeded (test certificate valid until 2027-02-22 (90 days)); nothing was deployed',
      'Next: run it without --staging or --dry-run to get the real certificate.',
    ],
    never: ['crontab'],
  },
  ...[false, true].map(
    (verbose): Row => ({
      what: `prints one line for each of many that went well, and all of one that waits${verbose ? ', and with --verbose all of all' : ''}`,
      argv: `renew${verbose ? ' --verbose' : ''}`,
      fleet: {
        renew: (_, { reporter }) => {
          const names = ['a', 'b', 'c', 'd', 'e', 'f'];
          for (const certificate of names)
            for (const event of ['certificate.started', 'certificate.step', 'certificate.waiting'] as const) {
              const message = event === 'certificate.started' ? 'working on it' : `${event} of it`;
              reporter.report({ v: 1, time: '2026-11-24T10:00:00Z', level: 'info', event, certificate, message });
            }
          return [...names.map((certificate): Outcome => ({ ...issued, certificate })), waiting('w')];
        },
      },
      ...(verbose
        ? { says: [/^a: issued.*\n {2}Next: /m], warns: ['f: certificate.step of it'] }
        : {
            says: [
              /^(\w: issued, valid until 2027-02-22 \(90 days\)\n){6}w: failed earlier.*\n {2}Next: .*\n6 issued, 1 wai/,
            ],
            never: ['f: certificate.step of it', 'f: certificate.waiting of it'],
          }),
    }),
  ),
  {
    what: 'names no time for what waits for a rollover',
    argv: abc,
    ...ends({ ...failed, error: fail('account/rolling', { certificate: 'bad', reason: 'waits' }) }),
    // It must wait for another process, as for the store.
    code: 7,
    warns: ['Next: finish the rollover, or give it up; then run it again.'],
    never: ['tries again after'],
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
      'Next: `certfleet renew` tries again after 2026-11-24 10:01 UTC.',
      'slow: deploying slow to edge failed: no such socket',
    ],
  },
  {
    what: 'promises no next try where nothing tries by itself',
    argv: abc,
    ...ends(failedForNow),
    code: 5,
    warns: ['Next: fix the problem and run it again; `certfleet renew` does not retry it.'],
  },
  {
    what: 'nor tells to fix what is over by itself',
    argv: abc,
    ...ends({ ...failedForNow, error: fail('acme/busy', { issuer: 'le', status: 'HTTP 429', what: 'it' }) }),
    code: 4,
    warns: ['Next: run it again later; `certfleet renew` does not retry it.'],
    never: ['fix the problem', 'certfleet tries again'],
  },
  {
    what: 'nor for a test certificate',
    argv: `${abc} --staging`,
    ...ends(failed),
    code: 5,
    warns: ['Next: fix the problem and run it again.'],
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
