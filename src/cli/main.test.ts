import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../../test/support/command-line.ts';
import { fail } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { version } from '../core/version.ts';
import type { LineageStatus } from '../fleet.ts';
import { exitCodeOf, exitPrecedence } from './exit-codes.ts';

const run = (argv: string[], given: Parameters<typeof commandLine>[0] = {}) => commandLine(given).run(...argv);
const unchanged = (certificate: string): Outcome => ({
  certificate,
  result: 'unchanged',
  notAfter: '2027-02-22T10:00:00Z',
  message: 'nothing is due',
  // Only a question to the CA for its window.
  next: '2026-11-24T16:00:00Z',
});

describe('usage', () => {
  it('prints version and help on stdout', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await run(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['issue', 'renew', 'status', 'show', 'sweep', 'providers', 'config'])
      expect(help.stdout).toContain(`  ${command}`);
    expect((await run(['issue', '--help'])).stdout).toContain('--config <file>');
    expect((await run(['help', 'renew'])).stdout).toContain('certfleet renew --quiet');
  });

  it('helps on stderr and exits 2 where no command is given', async () => {
    expect(await run([])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage: certfleet') });
    expect(await run(['config'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('check') });
  });

  it.each([
    [['isue'], "unknown command 'isue' (Did you mean issue?)"],
    [['show'], "missing required argument 'name'"],
    [['renew', '--store'], "option '--store <folder>' argument missing"],
    [['status', '--nope'], "unknown option '--nope'"],
    [['config', 'chekc'], "unknown command 'chekc' (Did you mean check?)"],
    [['help', 'renwe'], `unknown command 'renwe'; did you mean "renew"?`],
  ])('%j: %s', async (argv, words) => {
    const done = await run(argv);
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toContain(
      `certfleet: ${words}\n  See \`certfleet --help\`.\n  docs/reference/errors.md#usage/invalid\n`,
    );
  });

  it('helps on a screen of 80 columns', async () => {
    for (const argv of [['--help'], ['issue', '--help'], ['config', '--help'], ['help', 'config']]) {
      const { code, stdout } = await run(argv, { columns: 80 });
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  certfleet '))).toEqual([]);
      // Its first sentence begins as one.
      expect(stdout.split('\n')[2]).toMatch(/^[A-Z]/);
    }
  });

  it('says with --json when it was', async () => {
    const done = await run(['bogus', '--json']);
    expect(JSON.parse(done.stdout)).toMatchObject({
      v: 1,
      time: '2026-11-24T10:00:00.000Z',
      event: 'run.finished',
      data: { exitCode: 2, code: 'usage/invalid' },
    });
  });

  it('takes global flags before and after the command', async () => {
    expect((await run(['--store', '/s', 'status'])).settings?.store).toEqual({ type: 'file', path: '/s' });
    expect((await run(['status', '--store', '/s'])).settings?.store).toEqual({ type: 'file', path: '/s' });
  });
});

describe('renew', () => {
  it('passes names and force on', async () => {
    expect((await run(['renew', 'a', '--name', 'b,a', '--force'])).calls).toEqual([{ names: ['a', 'b'], force: true }]);
  });

  it('sums up what was not due', async () => {
    const outcomes = Array.from({ length: 998 }, (_, i) => unchanged(`c${i}`));
    const done = await run(['renew'], { fleet: { renew: () => outcomes } });
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toBe(
      '998 certificates: nothing due; `certfleet status` says when each is renewed.\n998 unchanged\n',
    );
  });

  it('names each where there are few, and helps where there is none', async () => {
    const renew = () => [unchanged('abc')];
    const status = [base];
    expect((await run(['renew'], { fleet: { renew, status } })).stdout).toBe(
      'abc: nothing is due; valid until 2027-02-22 (90 days)\n  Next: renews around 2027-01-23 (in 59 days).\n',
    );
    expect((await run(['renew'], { fleet: { renew } })).stdout).toContain(
      '  Next: `certfleet renew` looks at it again around 2026-11-24 16:00 UTC.\n',
    );
    expect((await run(['renew'])).stdout).toContain('There is no certificate yet');
  });
});

const base: LineageStatus = {
  name: 'abc',
  origin: 'command-line',
  identifiers: ['abc.example.com'],
  issuer: 'letsencrypt',
  state: 'valid',
  notBefore: '2026-11-24T09:00:00Z',
  notAfter: '2027-02-22T09:00:00Z',
  serial: '0a1b',
  issuerName: 'R12',
  renewAt: '2027-01-23T09:00:00Z',
  renewalSource: 'ari',
  deployments: [{ target: 'edge', state: 'current', version: 'v1' }],
};
const failing: LineageStatus = {
  name: 'bad.example.com',
  origin: 'configuration',
  identifiers: ['bad.example.com'],
  issuer: 'letsencrypt',
  state: 'failing',
  deployments: [{ target: 'files', state: 'pending', version: 'v1' }],
  failure: { count: 3, message: 'no DNS zone\u001b[31m', hint: 'Check it.', retryAt: '2026-11-24T11:40:00Z' },
};

describe('status and show', () => {
  it('is a table with what comes next', async () => {
    const done = await run(['status'], { fleet: { status: [base, failing] } });
    expect(done.stdout).toBe(
      [
        'NAME             STATE    VALID UNTIL  LEFT     RENEWAL               DEPLOYED TO',
        'abc              valid    2027-02-22   89 days  2027-01-23 (CA)       edge',
        'bad.example.com  failing  -            -        retry in 100 minutes  files (pending)',
        '',
        'bad.example.com failed 3 times: no DNS zone\ufffd[31m',
        '  Check it.',
        '  `certfleet renew` tries again from 2026-11-24 11:40 UTC on; `certfleet renew --force bad.example.com` tries now.',
        '',
        'Next: abc renews by itself around 2027-01-23 (in 59 days), when `certfleet renew` runs.',
        '',
      ].join('\n'),
    );
    expect(done.code).toBe(0);
  });

  it('names what is due', async () => {
    const done = await run(['status'], { fleet: { status: [{ ...base, state: 'due' }, base] } });
    expect(done.stdout).toContain('Next: `certfleet renew` works on abc.');
  });

  it('on a narrow screen cuts the targets, then the renewal, and never the name', async () => {
    const deployments = [{ target: 'a-target-with-a-long-name', state: 'current', version: 'v1' }] as const;
    const long = { ...base, name: `${'a'.repeat(30)}.test`, deployments };
    const done = await run(['status'], { fleet: { status: [long, failing] }, columns: 90 });
    const table = done.stdout.split('\n').slice(0, 3);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(90);
    expect(table[1]).toMatch(/^a{30}\.test {2}valid .* 2027-01-23… {2,}a-targe…$/);
    const piped = await run(['status'], { fleet: { status: [long, failing] } });
    expect(piped.stdout).not.toContain('…');
  });

  const inState = (state: LineageStatus['state'], more: Partial<LineageStatus> = {}): LineageStatus => ({
    ...base,
    ...more,
    state,
  });

  it('promises no renewal of what is declared no more, or was a try', async () => {
    const undeclared = inState('undeclared', { origin: 'configuration' });
    const test = inState('test', { name: 'abc~staging' });
    const done = await run(['status'], { fleet: { status: [undeclared, test] } });
    expect(done.stdout).toMatch(/^abc +undeclared +2027-02-22 +89 days +never /m);
    expect(done.stdout).toMatch(/^abc~staging +test +2027-02-22 +89 days +never /m);
    expect(done.stdout).toContain(
      '\nabc is no longer declared: it is not renewed, and expires on 2027-02-22.\n  Declare it again, or name the configuration with --config.\n',
    );
    expect(done.stdout).not.toContain('Next:');
    expect((await run(['status'], { fleet: { status: [test] } })).stdout).toContain(
      'Next: `certfleet issue` without --staging gets a real certificate.',
    );
    const shown = await run(['show', 'abc'], { fleet: { status: [undeclared] } });
    expect(shown.stdout).toContain('Declared by  nobody any more (it was the configuration)\n');
    expect(shown.stdout).toContain('Renewal      never\n');
  });

  it('goes on with what was interrupted', async () => {
    const done = await run(['status'], { fleet: { status: [inState('interrupted')] } });
    expect(done.stdout).toMatch(/^abc +interrupted /m);
    expect(done.stdout).toContain('Next: `certfleet renew` works on abc.');
  });

  it('says why a target does not have it yet', async () => {
    const deployments = [
      { target: 'edge', state: 'pending', version: 'v1', message: 'no such socket' },
      { target: 'web', state: 'current', version: 'v1', message: 'of yesterday' },
    ] as const;
    const lineage = inState('pending', { deployments });
    expect((await run(['status'], { fleet: { status: [lineage] } })).stdout).toContain(
      '\n\nabc: edge does not have it yet: no such socket\n\nNext: `certfleet renew` works on abc.\n',
    );
    expect((await run(['show', 'abc'], { fleet: { status: [lineage] } })).stdout).toContain(
      'tries again (version v1)\n             no such socket\nTarget       web: up to date (version v1)',
    );
  });

  it('says of what cannot be read what is wrong, and nothing that is not known', async () => {
    const failure = { count: 1, message: 'it is spoiled', hint: 'Restore it.', retryAt: '2026-11-24T10:00:00Z' };
    const corrupt: LineageStatus = {
      ...{ name: 'abc', origin: 'configuration', identifiers: [], issuer: '', deployments: [] },
      ...{ state: 'corrupt', failure },
    };
    const done = await run(['status'], { fleet: { status: [corrupt] } });
    expect(done.stdout).toMatch(/^abc +corrupt +- +- +- +-\n\nabc: it is spoiled\n {2}Restore it\.\n$/m);
    expect((await run(['show', 'abc'], { fleet: { status: [corrupt] } })).stdout).toBe(
      'Name         abc\nState        corrupt\nProblem      it is spoiled\nWhat to do   Restore it.\n',
    );
  });

  it('says what to do in an empty store', async () => {
    const done = await run(['status']);
    expect(done).toMatchObject({ code: 0, stdout: 'There is no certificate yet.\n' });
    expect(done.stderr).toContain('--staging');
  });

  it('prints an object a line with --json', async () => {
    const done = await run(['status', '--json'], { fleet: { status: [base, failing] } });
    const lines = done.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      { v: 1, object: 'certificate', ...base },
      { v: 1, object: 'certificate', ...failing },
    ]);
  });

  it('shows all of one', async () => {
    const done = await run(['show', 'abc'], { fleet: { status: [base] } });
    expect(done.stdout).toContain('Valid until  2027-02-22 (in 89 days)\n');
    expect(done.stdout).toContain('Renewal      2027-01-23 (in 59 days), as the CA asked (ARI)\n');
    expect(done.stdout).toContain('Target       edge: up to date (version v1)\n');
    expect((await run(['show', failing.name], { fleet: { status: [failing] } })).stdout).toContain(
      'Failed       3 times in a row: no DNS zone\ufffd[31m\n',
    );
    const once = { ...failing, failure: { ...failing.failure!, count: 1 } };
    expect((await run(['show', failing.name], { fleet: { status: [once] } })).stdout).toContain(
      'Failed       once: no DNS zone',
    );
    const working = { ...base, work: { step: 'order', holder: 'process 7' } };
    expect((await run(['show', 'abc'], { fleet: { status: [working] } })).stdout).toContain(
      'In progress  step order, by process 7\n',
    );
  });

  it('shows where the files are, and which targets have none yet', async () => {
    const files = { '/c.yaml': 'deployers: { web: { type: nginx, path: /etc/nginx/certs } }' };
    const deploy = ['files:/etc/certs/', 'web', 'edge'];
    const deployments = deploy.slice(0, 2).map((target) => ({ target, state: 'current', version: 'v1' }) as const);
    const spec = { name: 'abc', identifiers: [], issuer: 'le', solver: 'web', deploy, endpoints: [] };
    const lineage = { ...base, spec, deployments };
    const done = await run(['show', 'abc', '--config', '/c.yaml'], { files, fleet: { status: [lineage] } });
    expect(done.stdout).toContain(
      [
        'Target       files:/etc/certs/: up to date (version v1)',
        'Files        /etc/certs/live/abc/',
        'Target       web: up to date (version v1)',
        'Files        /etc/nginx/certs/live/abc/',
        'Target       edge: not delivered yet',
      ].join('\n'),
    );
  });

  it('guesses at a name that is not there', async () => {
    const done = await run(['show', 'abd'], { fleet: { status: [base] } });
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr.replace(/\s+/g, ' ')).toContain(
      'there is no certificate named "abd", neither declared nor in the store; did you mean "abc"?',
    );
  });
});

describe('sweep', () => {
  it('tells what was removed, and exits 5 where something was not', async () => {
    const sweep = { cleaned: ['TXT _acme-challenge.a.test'], failed: [{ what: 'b', reason: 'timed out' }], waiting: 2 };
    const done = await run(['sweep'], { fleet: { sweep } });
    expect(done.code).toBe(5);
    expect(done.stdout).toContain(
      'removed: TXT _acme-challenge.a.test\nSwept: 1 removed, 1 could not be removed.\n2 removed earlier',
    );
    expect(done.stderr).toContain('could not remove b: timed out');
    expect(await run(['sweep'])).toMatchObject({ code: 0, stdout: 'Swept: nothing was left behind.\n' });
  });

  it('exits with the code of the worst that could not be removed', async () => {
    const refused = { what: 'a', reason: 'refused', code: 'dns/refused' } as const;
    const corrupt = { what: 'b', reason: 'no JSON text', code: 'store/corrupt' } as const;
    const sweep = { cleaned: [], failed: [refused, corrupt], waiting: 0 };
    expect((await run(['sweep'], { fleet: { sweep } })).code).toBe(7);
    expect((await run(['sweep'], { fleet: { sweep: { ...sweep, failed: [refused] } } })).code).toBe(5);
  });
});

describe('providers', () => {
  it('lists the registry, and the options of one', async () => {
    const { stdout } = await run(['providers']);
    expect(stdout).toMatch(/DNS providers \(--dns ID\)\n {2}rfc2136 {2}RFC 2136/);
    expect(stdout).toContain('letsencrypt-staging');
    const one = await run(['providers', 'rfc2136']);
    expect(one.stdout).toMatch(/^ {2}secret +needed +The TSIG secret, base64/m);
    expect(one.stdout).toMatch(/^ +Environment: CERTFLEET_RFC2136_SECRET$/m);
    expect(one.stdout).toMatch(/^ +One of tcp, udp\. Default: tcp\.$/m);
    expect(one.stdout).toContain('make a key with `tsig-keygen acme`');
    expect(await run(['providers', 'rfc2163'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "rfc2136"?'),
    });
    expect(await run(['providers', 'nothing'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('; available: rfc2136, command, dns01,'),
    });
    const lines = (await run(['providers', '--json'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { object: string });
    expect(new Set(lines.map(({ object }) => object))).toEqual(new Set(['adapter', 'issuer']));
  });

  it('knows the solver that is no file, and the CAs', async () => {
    expect((await run(['providers'])).stdout).toMatch(/^ {2}dns01 +DNS-01 through one of the DNS providers$/m);
    const dns01 = await run(['providers', 'dns01']);
    expect(dns01.stdout).toMatch(/^ {2}provider +needed +The DNS provider that changes the zone/m);
    expect(dns01.stdout).toContain('`certfleet providers ID` shows the options of one.');
    expect(dns01.stdout).not.toContain('CERTFLEET_DNS01');
    expect((await run(['providers', 'letsencrypt'])).stdout).toMatch(
      /^letsencrypt: Let's Encrypt \(CA\)\n\n {2}Directory +https:\S+\n {2}With --staging +https:/,
    );
    expect((await run(['providers', 'zerossl'])).stdout).toContain('It requires external account binding');
    expect(JSON.parse((await run(['providers', 'dns01', '--json'])).stdout)).toMatchObject({
      v: 1,
      object: 'adapter',
      kind: 'solver',
      options: expect.arrayContaining([expect.objectContaining({ name: 'timeout', default: '2m' })]),
    });
  });

  it('wraps on a narrow screen and cuts nothing anywhere', async () => {
    for (const id of ['haproxy', 'command', 'http01-responder', 'dns01', undefined]) {
      const argv = ['providers', ...(id === undefined ? [] : [id])];
      const [narrow, piped] = await Promise.all([run(argv, { columns: 80 }), run(argv)]);
      expect(narrow.stdout + piped.stdout).not.toContain('…\n');
      const words = (text: string) => text.split(/\s+/);
      expect(words(narrow.stdout)).toEqual(words(piped.stdout));
      const long = narrow.stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('See '));
      expect(long).toEqual([]);
    }
  });
});

describe('config', () => {
  it('accepts its own example once the secret is there', async () => {
    const { stdout } = await run(['config', 'example']);
    const files = { '/c.yaml': stdout, '/etc/certfleet/tsig': 'c2VjcmV0LXNlY3JldA==' };
    expect(await run(['config', 'check', '--config', '/c.yaml'], { files })).toMatchObject({
      code: 0,
      stdout: '/c.yaml is valid: 2 certificates, 1 issuer.\n',
    });
    const without = await run(['config', 'check', '--config', '/c.yaml'], { files: { '/c.yaml': stdout } });
    expect(without.code).toBe(2);
    expect(without.stdout).toMatch(
      /^\/c\.yaml:\d+: the secret file \/etc\/certfleet\/tsig cannot be read: no such file\. /,
    );
  });

  it('prints every problem with its line', async () => {
    const files = { '/c.yaml': 'stoer: {}\nleaseTtl: 5\n' };
    const done = await run(['config', 'check', '--config', '/c.yaml'], { files });
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stdout).toBe(
      '/c.yaml:1: unknown key "stoer"; did you mean "store"?\n/c.yaml:2: leaseTtl must be text, not a number\n',
    );
    const json = await run(['config', 'check', '--config', '/c.yaml', '--json'], { files });
    expect(
      json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object)[1],
    ).toEqual({
      v: 1,
      object: 'problem',
      file: '/c.yaml',
      line: 2,
      message: 'leaseTtl must be text, not a number',
    });
  });

  it('tells where there is no file', async () => {
    expect((await run(['config', 'check'])).stdout).toContain('There is no configuration');
    expect(await run(['config', 'check', '--config', '/none'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('/none cannot be read'),
    });
  });

  it('prints the JSON schema', async () => {
    expect(JSON.parse((await run(['config', 'schema'])).stdout)).toMatchObject({
      title: 'certfleet.yaml',
      type: 'object',
    });
  });
});

describe('failures', () => {
  const broken = (error: unknown, env = {}) =>
    run(['status'], {
      env,
      fleet: {
        open: () => {
          throw error;
        },
      },
    });

  it('hides stack traces, and shows frames alone when asked', async () => {
    const bug = new TypeError('x is not a function; token=tell-nobody');
    const done = await broken(bug);
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('something went wrong inside certfleet');
    expect(done.stderr).not.toContain('    at ');
    const cause = new Error('tell-nobody');
    const debug = await broken(
      fail('store/unusable', { path: '/s', reason: 'read-only', advice: 'Mend it.' }, { cause }),
      { CERTFLEET_DEBUG: '1' },
    );
    expect(debug.code).toBe(7);
    expect(debug.stderr).toContain('    at ');
    expect(debug.stderr).not.toContain('tell-nobody');
  });

  it('never rejects, whatever is thrown', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (thrown) => {
        expect((await broken(thrown)).code).toBe(1);
      }),
      { numRuns: 50 },
    );
  });

  it('never rejects, whatever is typed', async () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'issue',
        'renew',
        'config',
        'check',
        '-d',
        '--name',
        '--json',
        '--dns',
        'example.com',
        '--',
        '__proto__',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (argv) => {
        expect([0, 2]).toContain((await run(argv)).code);
      }),
      { numRuns: 300 },
    );
  });
});

describe('exit codes', () => {
  it('takes the first of the precedence', () => {
    const failed = (error: ReturnType<typeof fail>): Outcome => ({
      certificate: 'x',
      result: 'failed',
      message: '',
      error,
    });
    const all: Outcome[] = [
      failed(fail('preflight/no', { finding: 'b', advice: 'c' })),
      failed(fail('dns/zone-not-found', { name: 'a' })),
      failed(fail('acme/paused', { issuer: 'a', detail: 'b' })),
      failed(fail('identifier/empty-list', { certificate: 'a' })),
      failed(fail('store/lease-lost', { certificate: 'a' })),
      failed(fail('bug/unexpected', { reason: 'a' })),
    ];
    expect(all.map((_, count) => exitCodeOf(all.slice(0, count + 1)))).toEqual([3, 5, 4, 2, 7, 1]);
    expect(exitCodeOf([unchanged('a')])).toBe(0);
    expect(exitCodeOf([])).toBe(0);
    expect([...exitPrecedence].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('signals', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  /** Lets what is ready run; nothing here waits for time. */
  const settle = async (until: () => boolean) => {
    for (let turn = 0; turn < 1_000 && !until(); turn++) await Promise.resolve();
    for (let turn = 0; turn < 50 && !until(); turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(until()).toBe(true);
  };

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s aborts, cleans up and exits %i', async (name, code) => {
    let started = false;
    const line = commandLine({
      fleet: {
        renew: (_, { signal }) => {
          started = true;
          return untilAborted(signal);
        },
      },
    });
    const running = line.run('renew');
    await settle(() => started);
    line.kill(name);
    const done = await running;
    expect(done).toMatchObject({ code, closed: 1, exits: [] });
    expect(done.stderr).toContain('Stopping: cleaning up for at most 8 s.');
    expect(done.stderr).toContain(name === 'SIGINT' ? 'Press Ctrl-C again' : 'Send it again');
    expect(done.stderr).toContain('What was begun is cleaned up or journalled');
    expect(line.listening()).toBe(0);
    expect(line.clock.waiting).toBe(0);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s with --json ends with run.finished and %i', async (name, code) => {
    let started = false;
    const line = commandLine({
      fleet: {
        renew: (_, { signal }) => {
          started = true;
          return untilAborted(signal);
        },
      },
    });
    const running = line.run('renew', '--json');
    await settle(() => started);
    line.kill(name);
    const done = await running;
    expect(done).toMatchObject({ code, stderr: '' });
    const events = done.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as object);
    expect(events).toEqual([
      expect.objectContaining({ event: 'run.started' }),
      {
        v: 1,
        time: '2026-11-24T10:00:00.000Z',
        level: 'error',
        event: 'run.finished',
        message: `stopped by ${name}; what was begun is cleaned up or journalled`,
        data: { exitCode: code },
      },
    ]);
  });

  it('keeps the code of a run that is done when the signal comes', async () => {
    let started = false;
    const line = commandLine({
      fleet: {
        renew: async (_, { signal }) => {
          started = true;
          return untilAborted(signal).catch(() => [unchanged('a')]);
        },
      },
    });
    const running = line.run('renew', '--json');
    await settle(() => started);
    line.kill('SIGTERM');
    const done = await running;
    expect(done.code).toBe(0);
    expect(done.stdout.match(/run\.finished/g)).toHaveLength(1);
  });

  it('waits no longer than shutdownBudget', async () => {
    let started = false;
    const never = new Promise<readonly Outcome[]>(() => {});
    const line = commandLine({
      files: { '/c.yaml': 'shutdownBudget: 3s' },
      fleet: {
        renew: () => {
          started = true;
          return never;
        },
      },
    });
    let done: Awaited<ReturnType<typeof line.run>> | undefined;
    const running = line.run('renew', '--config', '/c.yaml').then((result) => {
      done = result;
    });
    await settle(() => started);
    line.kill('SIGTERM');
    await line.clock.advance(2_999);
    expect(done).toBeUndefined();
    await line.clock.advance(1);
    await running;
    expect(done).toMatchObject({ code: 143 });
    expect(done?.stderr).toContain('What is left is journalled');
  });

  it('ends at once at the second one, with the terminal given back', async () => {
    let started = false;
    const line = commandLine({
      isTerminal: true,
      fleet: {
        renew: (_, { reporter, signal }) => {
          reporter.report({
            v: 1,
            time: '',
            level: 'info',
            event: 'certificate.step',
            certificate: 'a',
            message: 'validating',
          });
          started = true;
          return untilAborted(signal).catch(() => new Promise<never>(() => {}));
        },
      },
    });
    void line.run('renew');
    await settle(() => started);
    expect(line.state.stderr).toContain('\x1b[?25l');
    line.kill('SIGINT');
    line.kill('SIGINT');
    expect(line.exits).toEqual([130]);
    expect(line.state.stderr.lastIndexOf('\x1b[?25h')).toBeGreaterThan(line.state.stderr.lastIndexOf('\x1b[?25l'));
  });
});
