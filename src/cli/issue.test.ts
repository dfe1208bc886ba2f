import { describe, expect, it } from 'vitest';
import { commandLine, type Done } from '../../test/support/command-line.ts';
import { fail } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { IssueRequest } from '../fleet.ts';
import { cronPath } from './outcomes.ts';

const tsig = {
  CERTFLEET_RFC2136_SERVER: 'ns1.example.com:53',
  CERTFLEET_RFC2136_KEY_NAME: 'acme',
  CERTFLEET_RFC2136_SECRET: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=',
};

const adHocOf = (done: Done): StoredSpec => {
  expect(done).toMatchObject({ code: 0 });
  const spec = (done.calls[0] as IssueRequest).adHoc;
  if (!spec) throw new Error('no spec reached the fleet');
  return spec;
};

const issue = (argv: string[], given: Parameters<typeof commandLine>[0] = {}) =>
  commandLine(given).run('issue', ...argv);

describe('flags', () => {
  it('become a whole spec', async () => {
    const done = await issue([
      ...['-d', 'WWW.example.com,example.com', '--domains', 'a.example.com', '--identifier', 'a.example.com.'],
      ...[
        '--http',
        'webroot:/var/www/a,/var/www/b',
        '--email',
        'ops@example.com',
        '--agree-tos',
        '--profile',
        'shortlived',
      ],
      ...['--deploy', 'files:/etc/certs', '--endpoint', 'www.example.com', '--endpoint', '[2001:db8::1]:8443'],
      ...[
        '--resolver',
        '127.0.0.1:8053',
        '--resolver',
        '::1',
        '--http01-port',
        '5002',
        '--store',
        '/srv/store',
        '--force',
      ],
    ]);
    expect(adHocOf(done)).toEqual({
      spec: {
        name: 'www.example.com',
        identifiers: ['www.example.com', 'example.com', 'a.example.com'].map((value) => ({ type: 'dns', value })),
        issuer: 'letsencrypt',
        solver: 'webroot',
        deploy: ['files:/etc/certs'],
        endpoints: ['www.example.com:443', '[2001:db8::1]:8443'],
        profile: 'shortlived',
      },
      issuer: {
        directory: 'https://acme-v02.api.letsencrypt.org/directory',
        testDirectory: 'https://acme-staging-v02.api.letsencrypt.org/directory',
        email: ['ops@example.com'],
        agreeToTerms: true,
        test: false,
      },
      solver: { type: 'http01-webroot', folders: ['/var/www/a', '/var/www/b'] },
      deployers: { 'files:/etc/certs': { type: 'files', path: '/etc/certs' } },
      preflight: { resolvers: ['127.0.0.1:8053', '[::1]:53'], http01Port: 5002 },
    });
    expect(done.calls).toEqual([expect.objectContaining({ force: true, staging: false, names: [] })]);
    expect(done.settings?.store).toEqual({ type: 'file', path: '/srv/store' });
    expect(done.closed).toBe(1);
  });

  it.each([
    [['--http', 'standalone'], { type: 'http01-responder', shared: false }],
    [['--http', 'standalone:5002'], { type: 'http01-responder', listen: '5002', shared: false }],
    [['--http', 'standalone:127.0.0.1:5002'], { type: 'http01-responder', listen: '127.0.0.1:5002', shared: false }],
    [['--http', 'standalone:[::]:80'], { type: 'http01-responder', listen: '[::]:80', shared: false }],
    [[], { type: 'http01-responder', shared: false }],
  ])('solver of %j', async (flags, solver) => {
    expect(adHocOf(await issue(['-d', 'www.example.com', ...flags])).solver).toEqual(solver);
  });

  it('keep what the environment says but its secrets', async () => {
    const spec = adHocOf(
      await issue(['-d', '*.example.com', '--dns', 'rfc2136', '--dns-option', 'ttl=60'], { env: tsig }),
    );
    expect(spec.spec).toMatchObject({ name: 'wildcard.example.com', solver: 'rfc2136' });
    expect(spec.solver).toEqual({
      type: 'dns01',
      provider: 'rfc2136',
      options: { server: 'ns1.example.com:53', keyName: 'acme', ttl: '60' },
    });
  });

  it('keep what the environment says for a declared solver too', async () => {
    const files = { '/c.yaml': 'solvers: { dns: { type: dns01, provider: rfc2136 } }' };
    const argv = ['-d', 'example.com', '--dns', 'dns', '--config', '/c.yaml'];
    expect(adHocOf(await issue(argv, { env: tsig, files })).solver).toEqual({
      type: 'dns01',
      provider: 'rfc2136',
      options: { server: 'ns1.example.com:53', keyName: 'acme' },
    });
  });

  it('keep references to secrets, with whole paths', async () => {
    const files = { '/run/tsig': 'c2VjcmV0' };
    const flags = ['server=ns1', 'keyName=k', 'secret=file:/run/tsig'].flatMap((option) => ['--dns-option', option]);
    const spec = adHocOf(await issue(['-d', 'example.com', '--dns', 'rfc2136', ...flags], { files }));
    expect(spec.solver['options']).toEqual({ server: 'ns1', keyName: 'k', secret: 'file:/run/tsig' });
  });

  it('name what the configuration declares', async () => {
    const files = {
      '/c.yaml': [
        'issuers: { own: { directory: "https://127.0.0.1:14000/dir", caFile: /ca.pem, test: true } }',
        'solvers: { web: { type: http01-responder, listen: "80" }, dns: { type: dns01, provider: rfc2136, options: { server: a, keyName: b, secret: "env:MINE" } } }',
        'deployers: { edge: { type: files, path: /edge } }',
        'preflight: { http01Port: 5002 }',
      ].join('\n'),
    };
    const given = { files, env: { MINE: 'c2VjcmV0' } };
    const spec = adHocOf(
      await issue(['-d', 'a.test', '--http', 'web', '--deploy', 'edge', '--config', '/c.yaml'], given),
    );
    expect(spec).toMatchObject({
      spec: { issuer: 'own', solver: 'web', deploy: ['edge'] },
      issuer: { directory: 'https://127.0.0.1:14000/dir', caFile: '/ca.pem', test: true },
      deployers: { edge: { path: '/edge' } },
      preflight: { http01Port: 5002 },
    });
    expect(adHocOf(await issue(['-d', 'a.test', '--dns', 'dns', '--config', '/c.yaml'], given)).spec.solver).toBe(
      'dns',
    );
    expect(await issue(['-d', 'a.test', '--dns', 'web', '--config', '/c.yaml'], given)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the solver "web" answers http-01, not dns-01'),
    });
  });

  it('take a directory URL, named by its host', async () => {
    const spec = adHocOf(
      await issue(['-d', 'a.test', '--issuer', 'https://127.0.0.1:14000/dir', '--ca-file', '/ca.pem']),
    );
    expect(spec).toMatchObject({ spec: { issuer: '127.0.0.1:14000/dir' }, issuer: { caFile: '/ca.pem', test: false } });
  });
});

describe('bad input: one sentence with the fix, exit 2, the fleet not even opened', () => {
  const names = Array.from({ length: 101 }, (_, i) => `n${i}.example.com`).join(',');
  it.each([
    ['an empty list', [], 'identifier/empty-list', 'no identifier is given', 'Name at least one: `-d www.example.com`'],
    ['an empty -d', ['-d', ','], 'identifier/empty-list', 'no identifier is given', 'Name at least one'],
    ['101 names', ['-d', names], 'identifier/too-many', '101 identifiers in one certificate', 'Split them'],
    [
      'an invalid name',
      ['-d', 'a_b.example.com'],
      'identifier/invalid',
      'an underscore is not allowed',
      'Write it as www.example.com',
    ],
    [
      'no public suffix',
      ['-d', 'www.test'],
      'identifier/no-public-suffix',
      '"www.test" is not under a public suffix',
      'an issuer of your own',
    ],
    [
      'www beside its wildcard',
      ['-d', 'www.example.com,*.example.com', '--dns', 'rfc2136'],
      'identifier/covered-by-wildcard',
      'already covered by "*.example.com"',
      'Remove www.example.com.',
    ],
    [
      'a wildcard over HTTP',
      ['-d', '*.example.com'],
      'identifier/wildcard-needs-dns',
      'only be validated over DNS-01',
      '--dns PROVIDER',
    ],
    [
      'an IP over DNS',
      ['-d', '192.0.2.1', '--dns', 'rfc2136'],
      'identifier/ip-needs-http',
      'cannot be validated over DNS-01',
      'Use an HTTP-01 solver',
    ],
    [
      'a missing credential',
      ['-d', 'example.com', '--dns', 'rfc2136', '--dns-option', 'server=a', '--dns-option', 'keyName=b'],
      'config/credential-missing',
      'rfc2136 lacks the credential "secret" (CERTFLEET_RFC2136_SECRET)',
      'Set the environment variable',
    ],
    [
      'a secret file that is not there',
      [
        '-d',
        'example.com',
        '--dns',
        'rfc2136',
        ...['server=a', 'keyName=b', 'secret=file:/none'].flatMap((o) => ['--dns-option', o]),
      ],
      'config/secret-unreadable',
      '/none cannot be read: no such file',
      'Check that the path is right',
    ],
    [
      'a secret on the command line',
      ['-d', 'example.com', '--dns', 'rfc2136', '--dns-option', 'secret=abc'],
      'usage/invalid',
      'seen by every user',
      'secret=file:/path',
    ],
    [
      'an unknown option',
      ['-d', 'example.com', '--dns', 'rfc2136', '--dns-option', 'sever=x'],
      'usage/invalid',
      'unknown key "sever"',
      'did you mean "server"?',
    ],
    [
      'an unknown provider',
      ['-d', 'example.com', '--dns', 'rfc2163'],
      'usage/invalid',
      'no such DNS provider',
      'did you mean "rfc2136"?',
    ],
    [
      'an unknown issuer',
      ['-d', 'example.com', '--issuer', 'letsencript'],
      'usage/invalid',
      'nor a known CA',
      'did you mean "letsencrypt"?',
    ],
    [
      'an issuer over http',
      ['-d', 'example.com', '--issuer', 'http://ca/dir'],
      'usage/invalid',
      'neither an https:// URL',
      'certfleet --help',
    ],
    [
      'a CA that wants EAB',
      ['-d', 'example.com', '--issuer', 'zerossl'],
      'usage/invalid',
      'external account binding',
      'certfleet --help',
    ],
    [
      'both solvers',
      ['-d', 'example.com', '--http', 'standalone', '--dns', 'rfc2136'],
      'usage/invalid',
      'exclude each other',
      'certfleet --help',
    ],
    [
      'an unknown way over HTTP',
      ['-d', 'example.com', '--http', 'webrot:/x'],
      'usage/invalid',
      'standalone[:ADDRESS:PORT]',
      'did you mean "webroot"?',
    ],
    [
      'a bad port to listen on',
      ['-d', 'example.com', '--http', 'standalone:99999'],
      'usage/invalid',
      'write an IP address and a port',
      'certfleet --help',
    ],
    [
      'a webroot without folder',
      ['-d', 'example.com', '--http', 'webroot:'],
      'usage/invalid',
      '--http webroot:/var/www/html',
      'certfleet --help',
    ],
    [
      'an unknown target',
      ['-d', 'example.com', '--deploy', 'edge'],
      'usage/invalid',
      'write files:FOLDER',
      'certfleet --help',
    ],
    [
      'a bad name',
      ['-d', 'example.com', '--name', 'A b'],
      'lineage/invalid-name',
      '"A b" is not a valid certificate name',
      'a-z 0-9 . _ -',
    ],
    [
      'a bad e-mail',
      ['-d', 'example.com', '--email', 'ops'],
      'usage/invalid',
      'not an e-mail address',
      'certfleet --help',
    ],
    ['a bad port', ['-d', 'example.com', '--http01-port', '0'], 'usage/invalid', 'from 1 to 65535', 'certfleet --help'],
    [
      'a name beside -d',
      ['abc', '-d', 'example.com'],
      'usage/invalid',
      '"abc" names a certificate that is there',
      'give names with -d',
    ],
    [
      'staging without a test directory',
      ['-d', 'a.test', '--issuer', 'https://127.0.0.1:1/d', '--staging'],
      'config/no-test-directory',
      'has no test directory',
      '`test: true`',
    ],
    [
      'an unknown flag',
      ['-d', 'example.com', '--isuer', 'x'],
      'usage/invalid',
      "unknown option '--isuer'",
      'Did you mean --issuer?',
    ],
  ])('%s', async (_what, argv, code, sentence, fix) => {
    const done = await issue(argv, { files: {} });
    expect(done).toMatchObject({ code: 2, calls: [], settings: undefined, stdout: '' });
    const words = done.stderr.replaceAll(/\s+/g, ' ');
    expect(words).toContain(sentence);
    expect(words).toContain(fix);
    expect(words).toContain(`docs/reference/errors.md#${code}`);
    expect(words).not.toMatch(/ {4}at |\.ts:/);
  });

  it('an unknown key in the configuration, with the nearest known one', async () => {
    const done = await issue(['-d', 'example.com', '--config', '/c.yaml'], {
      files: { '/c.yaml': 'store: { type: file, path: /x }\nisuers: {}\n' },
    });
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr).toContain('/c.yaml:2: unknown key "isuers"; did you mean "issuers"?');
  });

  it.each([
    [
      'acme/directory-unreachable',
      fail('acme/directory-unreachable', { url: 'https://127.0.0.1:9/dir', reason: 'connection refused' }),
      4,
    ],
    ['acme/clock-skew', fail('acme/clock-skew', { url: 'https://ca/dir', minutes: 95 }), 4],
  ])('%s is told with its own exit code', async (code, error, exitCode) => {
    const outcome: Outcome = { certificate: 'example.com', result: 'failed', message: error.message, error };
    const done = await issue(['-d', 'example.com'], { fleet: { issue: () => [outcome] } });
    expect(done.code).toBe(exitCode);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(error.hint);
    expect(done.stderr).toContain(`#${code}`);
  });

  it('an issuer with `test: true` is its own test directory', async () => {
    const files = { '/c.yaml': 'issuers: { own: { directory: "https://127.0.0.1/d", test: true } }' };
    const done = await issue(['-d', 'a.test', '--staging', '--config', '/c.yaml'], { files });
    expect(done.calls).toEqual([expect.objectContaining({ staging: true })]);
  });

  it('is an event with --json', async () => {
    const done = await issue(['-d', 'a_b.example.com', '--json']);
    expect(done).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(done.stdout)).toMatchObject({
      v: 1,
      level: 'error',
      event: 'run.finished',
      data: { exitCode: 2, code: 'identifier/invalid' },
    });
  });
});

describe('the end of a run', () => {
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

  it('says what happened and what comes next', async () => {
    const done = await issue(['-d', 'abc.example.com', '--name', 'abc', '--store', '/my store'], {
      fleet: { issue: () => [issued] },
      program: '/usr/local/bin/certfleet',
    });
    expect(done.stdout).toBe(
      'abc: issued, valid until 2027-02-22 (90 days)\n' +
        '  It is in the store only: `--deploy files:FOLDER` puts it into files.\n' +
        '  Next: renews by itself around 2027-01-23 (in 60 days), when `certfleet renew` runs.\n',
    );
    expect(done.stderr).toMatch(
      /^ {2}\d{1,2} \* \* \* \* \/usr\/local\/bin\/certfleet renew --quiet --store '\/my store'$/m,
    );
  });

  it('gives cron whole paths: it works in another folder', async () => {
    const done = await issue(['-d', 'abc.example.com', '--store', 'my-store'], { fleet: { issue: () => [issued] } });
    expect(done.stderr).toContain(` --store ${process.cwd()}/my-store\n`);
  });

  it('says where it went', async () => {
    const files = {
      '/c.yaml': 'deployers: { web: { type: nginx, path: /web }, edge: { type: command, run: reload } }',
    };
    const argv = ['-d', 'abc.example.com', '--deploy', 'files:/etc/certs,web,edge', '--config', '/c.yaml'];
    const done = await issue(argv, { files, fleet: { issue: () => [issued] } });
    expect(done.stdout).toContain(
      '\n  Files: /etc/certs/live/abc/ (fullchain.pem, privkey.pem)\n  Files: /web/live/abc/ (fullchain.pem, privkey.pem)\n  Deployed to edge.\n',
    );
  });

  it('says on a terminal, where the progress is gone, where a declared one went', async () => {
    const files = {
      '/c.yaml':
        'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\ndeployers: { edge: { type: command, run: reload } }\ncertificates: [{ name: abc, identifiers: [a.example.com], deploy: [edge] }]',
    };
    const end = async (outcome: Outcome, isTerminal: boolean) =>
      (await issue(['abc', '--config', '/c.yaml'], { files, isTerminal, fleet: { issue: () => [outcome] } })).stdout;
    expect(await end(issued, true)).toContain('\n  Deployed to edge.\n  Next: renews by itself');
    expect(await end(issued, false)).not.toContain('Deployed');
    expect(await end({ ...issued, result: 'unchanged' }, true)).not.toContain('Deployed');
  });

  it('gives cron the way to node, where it does not know it', () => {
    expect(cronPath('/usr/bin/node')).toBe('');
    expect(cronPath('/usr/local/bin/node')).toBe('  PATH=/usr/local/bin:/usr/bin:/bin\n');
  });

  it('asks for one crontab line, not for one each', async () => {
    const done = await issue(['-d', 'abc.example.com'], {
      fleet: { issue: () => [issued, { ...issued, certificate: 'b' }] },
    });
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'add this line to root’s crontab (`crontab -e`), once for all certificates; skip it if a `certfleet renew` line is there already:',
    );
    expect(done.stderr.match(/renew --quiet/g)).toHaveLength(1);
  });

  it('tells a dry run apart', async () => {
    const done = await issue(['-d', 'abc.example.com', '--dry-run'], { fleet: { issue: () => [issued] } });
    expect(done.calls).toEqual([expect.objectContaining({ staging: true })]);
    expect(done.stdout).toContain(
      'the dry run worked (a test certificate, valid until 2027-02-22 (90 days)); nothing was deployed',
    );
    expect(done.stdout).toContain('Next: run it without --staging and --dry-run for the real certificate.');
    expect(done.stderr).not.toContain('crontab');
  });

  it('puts results on stdout, failures with hint on stderr, and exits with the worst', async () => {
    const done = await issue(['-d', 'abc.example.com'], { fleet: { issue: () => [issued, pending, failed] } });
    expect(done.code).toBe(5);
    expect(done.stdout).toContain('abc: issued');
    expect(done.stdout).toContain('slow: valid until 2027-02-22 (90 days); a deployment is pending');
    expect(done.stdout).not.toContain('bad');
    expect(done.stderr).toContain('bad: no DNS zone was found for bad.example.com');
    expect(done.stderr).toContain('Next: `certfleet renew` tries it again from 2026-11-24 10:01 UTC on.');
    expect(done.stderr).toContain('slow: edge could not take slow: no such socket');
  });

  it('promises no next try where nothing tries by itself', async () => {
    const { next: _none, ...atOnce } = failed;
    const first = await issue(['-d', 'abc.example.com'], { fleet: { issue: () => [atOnce] } });
    expect(first.stderr).toContain('Next: nothing is tried by itself; fix what is named and run it again.');
    const staging = await issue(['-d', 'abc.example.com', '--staging'], { fleet: { issue: () => [failed] } });
    expect(staging.stderr).toContain('Next: fix what is named and run it again.');
  });

  it('is one event with --json, and nothing else on any stream', async () => {
    const done = await issue(['-d', 'abc.example.com', '--json'], { fleet: { issue: () => [issued, pending] } });
    expect(done).toMatchObject({ code: 6, stderr: '' });
    const [started, finished] = done.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(started).toMatchObject({ v: 1, event: 'run.started', data: { command: 'issue' } });
    expect(finished).toEqual({
      v: 1,
      time: '2026-11-24T10:00:00.000Z',
      level: 'error',
      event: 'run.finished',
      message: '1 issued, 1 pending',
      data: {
        exitCode: 6,
        outcomes: [
          {
            certificate: 'abc',
            result: 'issued',
            message: issued.message,
            notAfter: '2027-02-22T10:00:00Z',
            next: '2027-01-23T10:00:00Z',
          },
          expect.objectContaining({
            certificate: 'slow',
            result: 'pending',
            code: 'deploy/target-failed',
            docs: 'docs/reference/errors.md#deploy/target-failed',
          }),
        ],
      },
    });
  });

  it('keeps quiet with --quiet but for failures', async () => {
    expect(await issue(['-d', 'abc.example.com', '--quiet'], { fleet: { issue: () => [issued] } })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const done = await issue(['-d', 'abc.example.com', '--quiet'], { fleet: { issue: () => [failed] } });
    expect(done.stderr).toContain('bad: no DNS zone was found');
  });

  it('issues declared certificates, all or by name', async () => {
    const files = {
      '/etc/certfleet/certfleet.yaml':
        'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\ncertificates: [{ name: a, identifiers: [a.example.com] }]',
    };
    expect((await issue([], { files })).calls).toEqual([{ names: [], force: false, staging: false }]);
    expect((await issue(['a', '--staging'], { files })).calls).toEqual([{ names: ['a'], force: false, staging: true }]);
  });
});
