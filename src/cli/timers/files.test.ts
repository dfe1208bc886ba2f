import { expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../test/support/command-line.ts';
import { defaultPaths } from '../../config/settings/defaults.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { cronFile, timeIn, unitFiles } from './files.ts';

const paths = defaultPaths({});
const hourly = {
  command: ['/usr/bin/node', '/opt/a b/100%$/certfleet', 'renew'],
  minute: 7,
  second: 5,
  stopSeconds: 15,
  credentials: [],
  variables: {},
};
const program = '/usr/local/bin/certfleet';
const cronFolder = { '/etc/cron.d/anacron': '', '/usr/sbin/cron': '' };
const systemd = { '/run/systemd/system/x': '' };

it('writes paths as systemd and cron read them', () => {
  const [service] = unitFiles(hourly, paths);
  expect(service?.text).toContain('ExecStart=/usr/bin/node "/opt/a b/100%%$$/certfleet" renew\n');
  expect(cronFile(hourly, paths).text).toContain(
    "7 * * * * root /usr/bin/node '/opt/a b/100\\%$/certfleet' renew --quiet\n",
  );
});

it('chooses a time that depends on the machine alone', async () => {
  const printed = async (machine: object, ...more: readonly string[]) => {
    const files = { ...cronFolder, ...machine };
    const done = await commandLine({ program, files }).run('install-timer', '--cron', ...more);
    return /^ {4}(\d+) \* \* \* \* /m.exec(done.stdout + done.stderr)?.[1];
  };
  const machines = ['one', 'two', 'three'].map((id) => ({ '/etc/machine-id': `${id}\n`, '/etc/hostname': 'web\n' }));
  const minutes = await Promise.all(machines.map((machine) => printed(machine, '--print')));
  expect(new Set(minutes).size).toBe(3);
  expect(await Promise.all(machines.map((machine) => printed(machine, '--yes')))).toEqual(minutes);
});

it('prints the unit of the daemon on a machine without systemd, for an image', async () => {
  const without = commandLine({ program, files: {} });
  const { code, stdout, stderr } = await without.run('install-timer', '--daemon', '--print', '--store', '/s');
  expect([code, stdout], stderr).toEqual([0, expect.stringMatching(/^ *ExecStart=.* run --store \/s$/m)]);
  const installed = await commandLine({ program, files: {} }).run('install-timer', '--daemon', '--yes');
  expect([installed.code, installed.stderr]).toEqual([2, expect.stringContaining('--print')]);
});

it('is at the minute that issue suggests for the store, also where the machine has no name', async () => {
  const outcome: Outcome = { certificate: 'a', result: 'issued', notAfter: '2027-02-22T10:00:00Z', message: '' };
  const fleet = { issue: () => [outcome] };
  const minutes: string[] = [];
  for (const files of [{}, { '/etc/machine-id': 'one' }])
    for (const argv of [
      'install-timer --store /s',
      'issue -d a.example.com --store /s',
      'issue -d b.example.com --store /s',
    ]) {
      const { stderr } = await commandLine({ program, files: { ...files }, fleet }).run(...argv.split(' '));
      minutes.push(/ (\d+) \* \* \* \* /.exec(stderr)?.[1] ?? stderr);
    }
  const [unnamed = '', , , named] = minutes;
  expect(minutes).toEqual([unnamed, unnamed, unnamed, named, named, named]);
  expect(named).not.toBe(unnamed);
  expect(unnamed).not.toBe('0');
});

it('reads back the time that it wrote', () => {
  const [, timer] = unitFiles(hourly, paths);
  expect(timeIn(timer!.text)).toEqual({ minute: 7, second: 5 });
  expect(timeIn(cronFile({ ...hourly, minute: 59 }, paths).text)).toEqual({ minute: 59 });
  expect(timeIn('[Timer]\nOnCalendar=hourly\n')).toBeUndefined();
});

const rows: readonly Row[] = [
  {
    what: 'shows cron’s file with all paths absolute, and the files of this run',
    argv: 'install-timer --cron --print --store rel',
    program,
    says: [`* * * * root ${process.execPath} ${program} renew --store ${process.cwd()}/rel --quiet\n`],
  },
  {
    what: 'refuses a path that would begin another line of cron’s file',
    argv: ['install-timer', '--cron', '--print', '--store', 'x\n* * * * * root touch /tmp/pwn #'],
    program,
    code: 2,
    warns: [
      'x\\n* * * * * root touch /tmp/pwn #": a command that a timer runs cannot contain a line break or another control character',
    ],
    never: [/^\* \* \* \* \* root touch/m],
  },
  {
    what: 'says that cron does not get the key of the store from the environment',
    argv: 'install-timer --cron --print --store-key env:FOO',
    env: { FOO: 'x'.repeat(43) },
    program,
    warns: ['cron does not get FOO, which has the key of the store, from this shell', 'storeKey: file:/PATH'],
  },
  {
    what: 'says what to write for a key in the environment of the unit',
    argv: 'install-timer --print --store-key env:FOO',
    env: { FOO: 'x'.repeat(43) },
    program,
    files: systemd,
    warns: ['The timer does not get FOO', 'add the line FOO=KEY to /etc/certfleet/environment'],
  },
  {
    what: 'also for the key itself in CERTFLEET_STORE_KEY',
    argv: 'install-timer --print',
    env: { CERTFLEET_STORE_KEY: 'x'.repeat(43) },
    program,
    files: systemd,
    warns: ['add the line CERTFLEET_STORE_KEY=KEY to /etc/certfleet/environment'],
    never: ['x'.repeat(43)],
  },
  {
    what: 'says nothing of a key that the unit gets',
    argv: 'install-timer --print --store-key env:FOO',
    program,
    files: { ...systemd, '/etc/certfleet/environment': 'FOO=secret\n' },
    never: ['does not get', 'secret'],
  },
  {
    what: 'loads the key of the store from the folder of credentials',
    argv: 'install-timer --print --store-key credential:store.key',
    program,
    files: { ...systemd, '/etc/credstore/store.key': 'secret' },
    says: ['    LoadCredential=store.key:/etc/credstore/store.key\n', 'renew --store-key credential:store.key\n'],
    never: ['secret'],
  },
  {
    what: 'loads an encrypted one rather than that',
    argv: 'install-timer --print --store-key credential:store.key',
    program,
    files: { ...systemd, '/etc/credstore.encrypted/store.key': 'x', '/etc/credstore/store.key': 'x' },
    says: ['    LoadCredentialEncrypted=store.key:/etc/credstore.encrypted/store.key\n'],
  },
  {
    what: 'loads what the flags say, with the names of systemd',
    argv: [
      ...[
        'install-timer',
        '--print',
        '--store-key',
        'credential:store.key',
        '--credential',
        'store.key:/srv/a 100%.key',
      ],
      ...['--encrypted-credential', '/srv/dnspod'],
    ],
    program,
    files: systemd,
    says: ['    LoadCredential=store.key:/srv/a 100%%.key\n', '    LoadCredentialEncrypted=dnspod:/srv/dnspod\n'],
  },
  {
    what: 'keeps what it loaded before',
    argv: 'install-timer --print --store-key credential:store.key',
    program,
    files: {
      ...systemd,
      '/etc/systemd/system/certfleet.service': unitFiles(
        { ...hourly, credentials: [{ name: 'store.key', path: '/srv/100%', isEncrypted: true }] },
        paths,
      )[0]!.text,
    },
    says: ['    LoadCredentialEncrypted=store.key:/srv/100%%\n'],
  },
  {
    what: 'loads nothing twice that systemctl edit added',
    argv: 'install-timer --print --store-key credential:store.key',
    program,
    files: {
      ...systemd,
      '/etc/systemd/system/certfleet.service.d/override.conf': '[Service]\nLoadCredential=store.key:/srv/k\n',
    },
    says: ['ExecStart='],
    never: ['LoadCredential'],
  },
  {
    what: 'refuses a unit that would lack the key',
    argv: 'install-timer --print --store-key credential:store.key',
    program,
    files: systemd,
    code: 2,
    warns: [
      'needs the systemd credential store.key, which is the store key',
      'Give its file with --credential store.key:/PATH',
    ],
  },
  {
    what: 'refuses cron for a credential of systemd',
    argv: 'install-timer --cron --print --store-key credential:store.key',
    program,
    code: 2,
    warns: ['the systemd credential store.key, which cron cannot load'],
  },
  {
    what: 'refuses a credential without an absolute path',
    argv: 'install-timer --print --credential store.key',
    program,
    files: systemd,
    code: 2,
    warns: ['--credential store.key: expected NAME:/path'],
  },
  {
    what: 'keeps the minute of the file that is there',
    argv: 'install-timer --cron --print',
    program: '/opt/certfleet',
    files: { ...cronFolder, '/etc/cron.d/certfleet': cronFile({ ...hourly, minute: 43 }, paths).text },
    says: [/^ {4}43 \* \* \* \* root /m],
  },
  {
    what: 'leaves alone a file that it did not write',
    argv: 'install-timer --cron --print',
    program,
    files: { ...cronFolder, '/etc/cron.d/certfleet': '1 * * * * root certfleet renew\n' },
    code: 2,
    warns: ['/etc/cron.d/certfleet already exists, but `certfleet install-timer` did not create it', 'Remove it first'],
  },
  {
    what: 'says which line to add where there is neither systemd nor cron.d',
    argv: 'install-timer --cron',
    program,
    files: { '/usr/sbin/cron': '' },
    code: 2,
    warns: [
      /\d+ \* \* \* \* \S+ \/usr\/local\/bin\/certfleet renew --quiet .* neither systemd nor the folder \/etc\/cron\.d +Add what is above to the crontab of root/,
    ],
  },
  ...['', '--print'].map((flag) => ({
    what: `has the line in its JSON where nothing would run it ${flag}`,
    argv: `--json install-timer ${flag}`.trim(),
    ...{ program, files: {}, code: 2 },
    says: [
      /"object":"crontab","text":" *\d+ \* \* \* \* \S+ \/usr\/local\/bin\/certfleet renew --quiet/,
      'nothing would run the line in',
    ],
    never: ['above'],
  })),
  ...(
    [
      ['', {}, 'this machine has neither systemd nor cron'],
      // e2fsprogs brings the folder, and cron is another package.
      [' --yes', { '/etc/cron.d/e2scrub_all': '' }, 'this machine has neither systemd nor cron'],
      [' --print', {}, 'this machine has neither systemd nor cron'],
      [' --cron --yes', { ...systemd, '/etc/cron.d/e2scrub_all': '' }, 'Leave out --cron, and systemd runs it.'],
    ] as const
  ).map(([flags, files, reason]) => ({
    what: `installs nothing where nothing would run it: install-timer${flags}, ${Object.keys(files).join(', ')}`,
    argv: `install-timer${flags}`,
    env: { HTTPS_PROXY: 'http://proxy:3128', NODE_EXTRA_CA_CERTS: '/ca.pem' },
    ...{ program, files, code: 2 },
    warns: [
      /^ HTTPS_PROXY=http:\/\/proxy:3128 NODE_EXTRA_CA_CERTS=\/ca\.pem \d+ \* \* \* \* \S+ \/usr\/local\/bin\/certfleet renew --quiet /,
      reason,
    ],
  })),
  ...(
    [
      ['--cron', cronFolder, { HTTPS_PROXY: 'http://proxy:3128' }, ['    HTTPS_PROXY=http://proxy:3128\n    ']],
      ['--cron', cronFolder, { no_proxy: ' a, 10%.b ' }, ['    no_proxy=a, 10%.b\n    ']],
      [
        '--cron',
        cronFolder,
        { NODE_EXTRA_CA_CERTS: 'ca.pem' },
        [`    NODE_EXTRA_CA_CERTS=${process.cwd()}/ca.pem\n    `],
      ],
      [
        '',
        systemd,
        { HTTP_PROXY: 'http://p:1', NO_PROXY: 'a, 10%.b' },
        ['    Environment="HTTP_PROXY=http://p:1"\n    Environment="NO_PROXY=a, 10%%.b"\n    ExecStart='],
      ],
    ] as const
  ).map(([flags, files, env, says]) => ({
    what: `keeps the way to the network, and whom this shell trusts: install-timer ${flags} with ${Object.keys(env)}`,
    argv: `install-timer --print ${flags}`.trim(),
    ...{ program, files, env, says },
    never: ['does not get'],
  })),
  ...(
    [
      [{}, ['    HTTPS_PROXY=http://old:1\n    NO_PROXY=100%\n    '], []],
      [{ HTTPS_PROXY: 'http://new:1' }, ['    HTTPS_PROXY=http://new:1\n    NO_PROXY=100%\n    '], ['old']],
      [{ HTTPS_PROXY: '' }, ['    NO_PROXY=100%\n    '], ['HTTPS_PROXY']],
    ] as const
  ).flatMap(([env, says, never]) => {
    const before = { ...hourly, variables: { HTTPS_PROXY: 'http://old:1', NO_PROXY: '100%' } };
    const [unit] = unitFiles(before, paths);
    return [cronFile(before, paths), unit!].map(({ path, text }) => ({
      what: `keeps the variables of ${path}, unless this shell has others: ${JSON.stringify(env)}`,
      argv: 'install-timer --print --cron',
      files: { ...cronFolder, [path]: text },
      ...{ program, env, says },
      never: [...never, 'PATH=http'],
    }));
  }),
  ...(
    [
      ['--cron', cronFolder, ['put the line HTTPS_PROXY=VALUE above the job']],
      ['', systemd, ['add the line HTTPS_PROXY=VALUE to /etc/certfleet/environment']],
      ['', { ...systemd, '/etc/certfleet/environment': 'HTTPS_PROXY=x\n' }, []],
    ] as const
  ).map(([flags, files, warns]) => ({
    what: `writes no password of a proxy: ${flags} ${Object.keys(files).join(', ')}`,
    argv: `install-timer --print ${flags}`.trim(),
    env: { HTTPS_PROXY: 'http://me:hunter2@proxy:3128' },
    ...{ program, files },
    warns: warns.length > 0 ? ['does not get HTTPS_PROXY, whose value has a password, from this shell', ...warns] : [],
    never: ['hunter2', ...(warns.length > 0 ? [] : ['does not get'])],
  })),
  {
    what: 'says which options of declared certificates this shell has, and cron has not',
    argv: 'install-timer --print --cron --config /c.yaml',
    env: { CERTFLEET_RFC2136_SECRET: 'hunter2', TSIG: 'hunter2', CERTFLEET_EXEC_HOME: '/unused' },
    program,
    files: {
      ...cronFolder,
      '/c.yaml': JSON.stringify({
        issuers: { le: { directory: 'letsencrypt' } },
        solvers: {
          one: { type: 'dns01', provider: 'rfc2136', options: { server: '127.0.0.1', keyName: 'env:TSIG' } },
        },
        certificates: [{ name: 'a', identifiers: ['a.example.com'] }],
      }),
    },
    warns: [
      'cron does not get CERTFLEET_RFC2136_SECRET, which certfleet.yaml needs, from this shell',
      'cron does not get TSIG, which certfleet.yaml needs',
      'a secret as file:/PATH',
    ],
    never: ['hunter2', 'CERTFLEET_EXEC_HOME'],
  },
  {
    what: 'refuses npx, whose cache may be emptied',
    argv: 'install-timer --cron --print',
    program: '/root/.npm/_npx/ab12/node_modules/.bin/certfleet',
    code: 2,
    warns: ['Install certfleet first'],
  },
  {
    what: 'changes nothing without a terminal and without --yes',
    argv: 'install-timer --cron',
    program,
    code: 2,
    warns: ['the change must be confirmed', 'nothing was changed', 'Add --yes'],
  },
  {
    what: 'changes nothing after a no',
    argv: 'install-timer --cron',
    program,
    typed: 'n',
    code: 2,
    warns: ['the change was not confirmed; nothing was changed'],
  },
  {
    what: 'has nothing to show for removal',
    argv: 'install-timer --uninstall --print',
    stdout: 'There is no timer to remove.\n',
  },
  {
    what: 'has nothing to remove',
    argv: 'install-timer --uninstall',
    files: { '/etc/cron.d/certfleet': '1 * * * * root certfleet renew\n' },
    says: ['There is no timer to remove.'],
    warns: ['/etc/cron.d/certfleet stays'],
  },
];
it.each(rows)('$what', (row) => behaves({ files: cronFolder, ...row }));

it('prints the files as objects for programs', async () => {
  const done = await commandLine({ program, files: cronFolder }).run('install-timer', '--cron', '--print', '--json');
  expect(JSON.parse(done.stdout)).toMatchObject({
    object: 'file',
    action: 'write',
    path: '/etc/cron.d/certfleet',
    text: expect.stringContaining('# Written by'),
  });
});
