import { describe, expect, it } from 'vitest';
import { type CommandLine, commandLine, type Done, jsonLines } from '../../../../test/support/command-line.ts';
import { declaredOf } from '../../../../test/support/declared.ts';
import { knownIssuers } from '../../../core/ca/known-issuers.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { Outcome } from '../../../core/plan/outcome.ts';
import type { AdapterSettings, StoredSpec } from '../../../core/spec/spec.ts';
import { targetNames } from '../../../core/spec/spec-parts.ts';
import type { AccountStatus, IssueRequest } from '../../../fleet.ts';

const tsig = {
  CERTFLEET_RFC2136_SERVER: 'ns1.example.com:53',
  CERTFLEET_RFC2136_KEY_NAME: 'acme',
  CERTFLEET_RFC2136_SECRET: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=',
};

const options = (...list: readonly string[]): string => list.map((option) => ` --dns-option ${option}`).join('');

const adHocOf = (done: Done): StoredSpec => {
  expect(done).toMatchObject({ code: 0 });
  const spec = (done.calls[0] as IssueRequest).adHoc;
  if (!spec) throw new Error('no spec reached the fleet');
  return spec;
};

const issue = (argv: string, given: CommandLine = {}) =>
  commandLine(given).run(...['issue', ...argv.split(' ')].filter((word) => word !== ''));

const accountAt = (issuer: string, name: string): AccountStatus => ({
  ...{ id: name, name, directory: knownIssuers[issuer]!.directory, issuers: [issuer], state: 'open' },
  ...{ contacts: [], keyType: 'p256', thumbprint: 'x', certificates: [], replaced: [] },
});

const issueWords = (...words: readonly string[]) => commandLine({}).run('issue', ...words);

describe('flags', () => {
  it('become a whole spec', async () => {
    const done = await issue(
      '-d WWW.example.com,example.com --domains a.example.com --identifier a.example.com. ' +
        '--http webroot:/var/www/a,/var/www/b --email ops@example.com --agree-tos --profile shortlived ' +
        '--deploy files:/etc/certs --endpoint www.example.com --endpoint [2001:db8::1]:8443 ' +
        '--resolver 127.0.0.1:8053 --resolver ::1 --http01-port 5002 --store /srv/store --force',
    );
    expect(declaredOf(adHocOf(done))).toEqual({
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

  it('give hooks, which are stored; another run changes one and removes one', async () => {
    const given = adHocOf(
      await issueWords('-d', 'www.example.com', '--pre-hook', 'stop it', '--renew-hook', 'reload it'),
    );
    expect(given.hooks).toEqual({ pre: 'stop it', deploy: 'reload it' });
    expect(targetNames(given)).toEqual(['deploy-hook']);
    const fleet = { stored: { 'www.example.com': given } };
    const changed = await commandLine({ fleet }).run(
      'issue',
      'www.example.com',
      '--post-hook',
      'start it',
      '--deploy-hook',
      'none',
    );
    const { hooks, targets } = adHocOf(changed);
    expect([hooks, targets]).toEqual([{ pre: 'stop it', post: 'start it' }, []]);
    expect(changed.stderr).toContain('post-hook: none → start it');
    expect(changed.stderr).toContain('deploy hook: reload it → none');
    const moved = adHocOf(await commandLine({ fleet }).run('issue', 'www.example.com', '--deploy', 'files:/etc/certs'));
    expect(targetNames(moved)).toEqual(['files:/etc/certs', 'deploy-hook']);
  });

  it('name the nginx that is tested and reloaded, also for a target that is stored', async () => {
    const target = (program: string, ...of: readonly string[]) => ({
      name: 'nginx:/srv',
      traits: { ofNode: 'target' },
      settings: {
        ...{ type: 'nginx', path: '/srv' },
        ...{ test: [program, ...of, '-t'], reload: [program, ...of, '-s', 'reload'] },
      },
    });
    const given = adHocOf(await issue('-d www.example.com --deploy nginx:/srv --nginx-ctl /usr/sbin/nginx'));
    expect(given.targets).toEqual([target('/usr/sbin/nginx')]);
    const files = { name: 'files:/etc/certs', settings: { type: 'files', path: '/etc/certs' } };
    const stored = { ...given, targets: [...given.targets, files] };
    const changed = await commandLine({ fleet: { stored: { 'www.example.com': stored } } }).run(
      ...['issue', 'www.example.com', '--nginx-server-root', '/own/'],
    );
    expect(adHocOf(changed).targets).toEqual([target('nginx', '-c', '/own/nginx.conf'), files]);
    const other = await issue('-d www.example.com --deploy files:/etc/certs --nginx-server-root /own');
    expect(other).toMatchObject({ code: 2, calls: [] });
    expect(other.stderr).toContain('--nginx-server-root does not apply here: the certificate is not deployed to nginx');
  });

  it.each([
    ['--key-type p384 --reuse-key', { keyType: 'p384', reuseKey: true }],
    ['--key-type rsa', { keyType: 'rsa2048' }],
    ['--key-type EC-384 --reuse-key --no-reuse-key', { keyType: 'p384' }],
    ['--key-type none', {}],
    ['--key-type rsa --rsa-key-size 4096', { keyType: 'rsa4096' }],
    ['--rsa-key-size=3072', { keyType: 'rsa3072' }],
    ['--key-type ecdsa --elliptic-curve secp384r1', { keyType: 'p384' }],
    ['--key-type ecdsa --rsa-key-size 4096', { keyType: 'p256' }],
  ])('give the key: %s', async (flags, wishes) => {
    const { keyType, reuseKey } = adHocOf(await issue(`-d example.com --agree-tos ${flags}`));
    expect(JSON.parse(JSON.stringify({ keyType, reuseKey }))).toEqual(wishes);
  });

  it('say what the certificate shall be', async () => {
    const flags = '--on-failed-name drop --preferred-chain X1 --not-before -1h --not-after 30d';
    const ca = '--issuer https://ca.example.com/directory';
    expect(adHocOf(await issue(`-d example.com --agree-tos ${ca} ${flags}`))).toMatchObject({
      onFailedName: 'drop',
      preferredChain: 'X1',
      validity: { notBefore: '-1h', notAfter: '30d' },
    });
  });

  it.each([
    ['--on-failed-name skip', '--on-failed-name skip: expected fail or drop'],
    ['--not-after soon', '--not-after soon: expected a duration from now'],
    ['--not-after 30d', 'the issuer letsencrypt does not accept orders that set'],
    ['--key-type rsa1024', '--key-type rsa1024: expected one of p256, p384, rsa2048, rsa3072, rsa4096'],
    ['--rsa-key-size 1024', '--rsa-key-size 1024: expected 2048, 3072, 4096'],
    ['--elliptic-curve secp521r1', '--elliptic-curve secp521r1: expected secp256r1, secp384r1'],
  ])('refuse a key that certfleet does not make: %s', async (flags, words) => {
    const done = await issue(`-d example.com --agree-tos ${flags}`);
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr.replaceAll(/\n +/g, ' ')).toContain(words);
  });

  it.each([
    ['--http standalone', { type: 'http01-responder', shared: false }],
    ['--http stateless', { type: 'http01-stateless' }],
    ['--http stateless:10.0.0.7:80,edge:81', { type: 'http01-stateless', frontends: ['10.0.0.7:80', 'edge:81'] }],
    ['--tls-alpn', { type: 'tls-alpn01', shared: false }],
    ['--tls-alpn 127.0.0.1:8443', { type: 'tls-alpn01', listen: '127.0.0.1:8443', shared: false }],
    ['--http standalone:5002', { type: 'http01-responder', listen: '5002', shared: false }],
    ['--http standalone:127.0.0.1:5002', { type: 'http01-responder', listen: '127.0.0.1:5002', shared: false }],
    ['--http standalone:[::]:80', { type: 'http01-responder', listen: '[::]:80', shared: false }],
    ['', { type: 'http01-responder', shared: false }],
  ])('solver of %j', async (flags, solver) => {
    expect(declaredOf(adHocOf(await issue(`-d www.example.com ${flags}`))).solver).toEqual(solver);
  });

  it.each<[string, string, CommandLine, AdapterSettings['options']]>([
    [
      'keep what the environment says but its secrets',
      '-d *.example.com --dns rfc2136 --dns-option ttl=60',
      { env: tsig },
      { server: 'ns1.example.com:53', keyName: 'acme', ttl: '60' },
    ],
    [
      'keep what the environment says for a declared solver too',
      '-d example.com --dns dns --config /c.yaml',
      { env: tsig, files: { '/c.yaml': 'solvers: { dns: { type: dns01, provider: rfc2136 } }' } },
      { server: 'ns1.example.com:53', keyName: 'acme' },
    ],
    [
      'keep references to secrets, with whole paths',
      `-d example.com --dns rfc2136${options('server=ns1', 'keyName=k', 'secret=file:/run/tsig')}`,
      { files: { '/run/tsig': 'c2VjcmV0' } },
      { server: 'ns1', keyName: 'k', secret: 'file:/run/tsig' },
    ],
  ])('%s', async (_what, argv, given, kept) => {
    const { solver } = declaredOf(adHocOf(await issue(argv, given)));
    expect(solver).toEqual({ type: 'dns01', provider: 'rfc2136', options: kept });
  });

  it('name a wildcard and its solver', async () => {
    const { spec } = declaredOf(adHocOf(await issue('-d *.example.com --dns rfc2136', { env: tsig })));
    expect(spec).toMatchObject({ name: 'wildcard.example.com', solver: 'rfc2136' });
  });

  it('answer for wildcards over DNS and for the other names over HTTP, with both flags', async () => {
    const argv = '-d example.com,*.example.com,www.example.net --http webroot:/w --dns rfc2136';
    const { spec, solver, solvers } = declaredOf(adHocOf(await issue(argv, { env: tsig })));
    expect(spec).toMatchObject({ solver: 'webroot', solvers: { '*.example.com': 'rfc2136' } });
    expect(solver).toMatchObject({ type: 'http01-webroot' });
    expect(solvers).toMatchObject({ rfc2136: { type: 'dns01', provider: 'rfc2136' } });
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
    const declared = (flags: string) =>
      issue(`-d a.test --config /c.yaml ${flags}`, { files, env: { MINE: 'c2VjcmV0' } });
    expect(declaredOf(adHocOf(await declared('--http web --deploy edge')))).toMatchObject({
      spec: { issuer: 'own', solver: 'web', deploy: ['edge'] },
      issuer: { directory: 'https://127.0.0.1:14000/dir', caFile: '/ca.pem', test: true },
      deployers: { edge: { path: '/edge' } },
      preflight: { http01Port: 5002 },
    });
    expect(adHocOf(await declared('--http web --issuer https://127.0.0.1:14000/dir')).issuer).toMatchObject({
      ...{ name: 'own', settings: { caFile: '/ca.pem' } },
    });
    const test = 'https://127.0.0.1:14000/test';
    const withTest = await declared(`--http web --issuer https://ca.example/dir --test-directory ${test} --staging`);
    expect([withTest.code, adHocOf(withTest).issuer.settings.testDirectory]).toEqual([0, test]);
    expect((await declared('--http web --test-directory nowhere')).stderr).toContain(
      '--test-directory nowhere: the directory "nowhere" is neither an',
    );
    expect(declaredOf(adHocOf(await declared('--dns dns'))).spec.solver).toBe('dns');
    expect(await declared('--dns web')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the solver "web" answers http-01, not dns-01'),
    });
  });

  it('take a directory URL, named by its host', async () => {
    const spec = adHocOf(await issue('-d a.test --issuer https://127.0.0.1:14000/dir --ca-file /ca.pem'));
    expect(spec.issuer).toMatchObject({
      ...{ name: '127.0.0.1:14000/dir', settings: { caFile: '/ca.pem', test: false } },
    });
    expect(spec.issuer.settings).not.toHaveProperty('onlyThisCa');
    const own = 'https://127.0.0.1:14000/dir';
    const pinned = adHocOf(await issue(`-d a.test --issuer ${own} --ca-file /ca.pem --only-this-ca`));
    expect(pinned.issuer.settings).toMatchObject({ caFile: '/ca.pem', onlyThisCa: true });
    expect(await issue(`-d a.test --issuer ${own} --only-this-ca`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        '--only-this-ca needs --ca-file, the PEM file with the only root certificates to trust',
      ),
    });
  });
});

describe('paths', () => {
  const env = { HOME: '/home/me', CERTFLEET_RFC2136_SERVER: 'ns1', CERTFLEET_RFC2136_KEY_NAME: 'k' };
  const here = process.cwd();

  it('are kept whole, and said where they were not typed so', async () => {
    const done = await issue(
      '-d a.example.com --http webroot:~/www,www,/var/www --deploy files:~/certs,files:certs/ --ca-file ca.pem',
      { env },
    );
    expect(declaredOf(adHocOf(done))).toMatchObject({
      spec: { deploy: ['files:/home/me/certs', `files:${here}/certs`] },
      issuer: { caFile: `${here}/ca.pem` },
      solver: { folders: ['/home/me/www', `${here}/www`, '/var/www'] },
    });
    expect(done.stderr.split('\n').filter((line) => line.startsWith('--'))).toEqual([
      `--ca-file ca.pem means ${here}/ca.pem`,
      '--http webroot:~/www means /home/me/www',
      `--http webroot:www means ${here}/www`,
      '--deploy files:~/certs means /home/me/certs',
      `--deploy files:certs/ means ${here}/certs`,
    ]);
    expect((await issue('-d a.example.com --deploy files:/etc/certs/', { env })).stderr).not.toContain('--deploy');
  });

  it('of secrets too', async () => {
    const files = { '/home/me/tsig': 'c2VjcmV0' };
    const done = await issue(`-d a.example.com --dns rfc2136${options('secret=file:~/tsig')}`, { env, files });
    expect(declaredOf(adHocOf(done)).solver).toMatchObject({ options: { secret: 'file:/home/me/tsig' } });
    expect(done.stderr).toContain('--dns-option secret=file:~/tsig means /home/me/tsig\n');
  });

  it('of the store and the configuration too', async () => {
    const files = { '/home/me/c.yaml': 'leaseTtl: 5s' };
    const done = await issue('-d a.example.com --store ~ --config ~/c.yaml', { env, files });
    expect(done.settings).toMatchObject({ store: { type: 'file', path: '/home/me' }, leaseTtlMs: 5_000 });
  });

  it.each([
    [
      '--deploy files:~you/certs',
      {},
      '--deploy files:~you/certs: expected an absolute path, because ~ can only stand for your own home folder',
    ],
    ['--store ~you', {}, '--store ~you: expected an absolute path, because ~ can only stand for your own home folder'],
    [
      '--http webroot:~/www',
      { env: {} },
      '--http webroot:~/www: expected an absolute path, because the variable HOME is not set',
    ],
  ])('of an unknown user are refused: %s', async (flags, given, words) => {
    const done = await issue(`-d a.example.com ${flags}`, { env, ...given });
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(words);
  });
});

describe('the account of a certificate', () => {
  it.each([
    ['--issuer zerossl --eab-kid k1 --eab-hmac-key env:KEY', { eab: { kid: 'k1', hmacKey: 'env:KEY' } }],
    ['--issuer zerossl --eab-kid k1', { eab: { kid: 'k1' } }],
    ['--issuer google --eab-kid k1 --eab-hmac-alg HS512', { eab: { kid: 'k1', algorithm: 'HS512' } }],
    ['--issuer sslcom --account tenant', { account: 'tenant' }],
  ])('is that of %s', async (flags, account) => {
    const accounts = ['zerossl', 'google'].map((issuer) => accountAt(issuer, 'k1'));
    const { calls } = await issue(`-d a.example.com ${flags}`, { env: { KEY: 'c2VjcmV0' }, fleet: { accounts } });
    const { issuer } = (calls[0] as { readonly adHoc: StoredSpec }).adHoc;
    expect({ account: issuer.settings.account, eab: issuer.settings.eab }).toEqual(account);
  });
});

describe('a key ID without its key', () => {
  const open = accountAt('google', 'k1');
  const testing = { ...open, directory: knownIssuers['google']!.testDirectory! };
  const env = { CERTFLEET_EAB_HMAC_KEY: 'c2VjcmV0' };

  it.each<readonly [string, string, CommandLine, boolean]>([
    ['names no account', '', {}, false],
    ['names a closed account', '', { fleet: { accounts: [{ ...open, state: 'deactivated' }] } }, false],
    [
      'names an account that was never opened',
      '',
      { fleet: { accounts: [{ ...open, state: 'not open yet' }] } },
      false,
    ],
    ['names an account of another CA', '', { fleet: { accounts: [accountAt('zerossl', 'k1')] } }, false],
    ['names an open account', '', { fleet: { accounts: [open] } }, true],
    ['has its key in the environment', '', { env }, true],
    ['names no account for the test', '--staging', { fleet: { accounts: [open] } }, false],
    ['names an open account for the test', '--staging', { fleet: { accounts: [testing] } }, true],
  ])('%s %s', async (_what, flags, given, isEnough) => {
    const done = await issue(`-d a.example.com --issuer google --eab-kid k1 ${flags}`, given);
    expect([done.code, done.calls.length]).toEqual(isEnough ? [0, 1] : [2, 0]);
    if (isEnough) return;
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain('--eab-kid k1 needs --eab-hmac-key file:/path');
    expect(done.stderr).toContain('usage/flag-needs');
  });
});

describe('the EAB key of a stored certificate', () => {
  const files = { '/eab': 'c2VjcmV0', '/odd': 'no base64!', '/empty': '' };
  const stored = async (): Promise<StoredSpec> =>
    adHocOf(
      await issue('-d abc.example.com --name abc --issuer zerossl --eab-kid k1 --eab-hmac-key file:/eab', { files }),
    );

  it.each([
    ['', { kid: 'k1', hmacKey: 'file:/eab' }],
    [' --eab-hmac-alg HS512', { kid: 'k1', hmacKey: 'file:/eab', algorithm: 'HS512' }],
  ])('stays with the same key id%s', async (more, eab) => {
    const done = await issue(`abc --eab-kid k1${more}`, { fleet: { stored: { abc: await stored() } } });
    expect(adHocOf(done).issuer.settings.eab).toEqual(eab);
  });

  it.each([
    ['file:/none', '/none cannot be read: no such file'],
    ['file:/odd', 'a character that base64 does not have'],
    ['file:/empty', 'the file /empty is empty'],
    ['env:NOPE', 'missing the environment variable NOPE'],
  ])('is read before anything is changed: %s', async (key, sentence) => {
    const fleet = { stored: { abc: await stored() } };
    const done = await issue(`abc --eab-kid k2 --eab-hmac-key ${key}`, { files, fleet });
    expect([done.code, done.calls]).toEqual([2, []]);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(sentence);
  });
});

describe('bad input: one sentence with the fix, exit 2, and no store made', () => {
  const names = Array.from({ length: 101 }, (_, i) => `n${i}.example.com`).join(',');
  const dns = '-d example.com --dns rfc2136';
  const help = 'add --help.';
  const refused: Readonly<Record<string, readonly (readonly [argv: string, sentence: string, fix: string])[]>> = {
    'identifier/empty-list': [
      ['', 'no identifier was given', 'Give at least one: `-d www.example.com`'],
      ['-d ,', 'no identifier was given', 'Give at least one'],
    ],
    'identifier/too-many': [[`-d ${names}`, 'the certificate has 101 identifiers', 'Split them']],
    'identifier/invalid': [['-d a_b.example.com', 'may not contain an underscore', 'Write it as www.example.com']],
    'identifier/no-public-suffix': [
      ['-d www.test', '"www.test" is not under a public suffix', 'a test or private issuer'],
    ],
    'identifier/covered-by-wildcard': [
      [
        '-d www.example.com,*.example.com --dns rfc2136',
        'already covered by "*.example.com"',
        'Remove www.example.com.',
      ],
    ],
    'identifier/wildcard-needs-dns': [['-d *.example.com', 'validated only over DNS', '--dns PROVIDER']],
    'identifier/ip-needs-http': [
      [
        '-d 192.0.2.1 --dns rfc2136',
        'cannot be validated over DNS',
        'Use a solver that answers HTTP-01 or TLS-ALPN-01',
      ],
    ],
    'config/credential-missing': [
      [
        `${dns}${options('server=a', 'keyName=b')}`,
        'rfc2136 is missing the credential "secret" (CERTFLEET_RFC2136_SECRET)',
        'Set the environment variable',
      ],
    ],
    'config/eab-key-missing': [
      [
        '-d example.com --issuer zerossl --eab-kid k --eab-hmac-key env:NOWHERE',
        'the account at zerossl cannot be opened: eab is missing the environment variable NOWHERE',
        '--eab-hmac-key file:/path, or `hmacKey: file:/path`',
      ],
    ],
    'config/secret-unreadable': [
      [
        `${dns}${options('server=a', 'keyName=b', 'secret=file:/none')}`,
        '/none cannot be read: no such file',
        'Check the path',
      ],
    ],
    'config/no-test-directory': [
      ['-d a.test --issuer https://127.0.0.1:1/d --staging', 'has no test directory', '`test: true`'],
    ],
    'lineage/invalid-name': [
      [
        '-d example.com --name A+b',
        '"A+b" is not a valid certificate name',
        'lowercase letters, digits, dots, underscores and hyphens',
      ],
    ],
    'config/account-needed': [
      ['-d example.com --issuer zerossl', 'external account binding', 'Give --eab-kid and --eab-hmac-key'],
    ],
    'usage/secret-visible': [
      [`${dns} --dns-option secret=abc`, 'every user of this machine can see', 'secret=file:/path'],
      [
        '-d example.com --issuer zerossl --eab-kid k --eab-hmac-key c2VjcmV0',
        '--eab-hmac-key: every user of this machine can see',
        'use file:/path or env:NAME',
      ],
    ],
    'usage/value': [
      [`${dns} --dns-option sever=x`, '--dns-option sever: unknown key "sever"; did you mean "server"?', help],
      [`${dns}${options('ttl=soon')}`, '--dns-option ttl must be a number, not text', help],
      ['-d example.com --eab-kid k --eab-hmac-alg HS1', '--eab-hmac-alg HS1: expected HS256, HS384 or HS512', help],
      ['-d example.com --eab-kid env:KID', '--eab-kid env:KID: expected the key ID itself', help],
      ['-d example.com --http standalone:99999', '--http standalone:99999: expected an IP address and a port', help],
      ['-d example.com --tls-alpn 443x', '--tls-alpn 443x: expected an IP address and a port', help],
      ['-d example.com --tls-alpn01-port 0', '--tls-alpn01-port 0: must be a number from 1 to 65535', help],
      ['-d example.com --http01-port web', '--http01-port web must be a number from 1 to 65535', help],
      ['-d example.com --http stateless:edge', 'stateless:edge: expected a host or an address and a port', help],
      ['-d example.com --endpoint a.example.com,::1:443', '--endpoint ::1:443: put the IPv6', 'like [::1]:443'],
      ['-d example.com --resolver 2001:db8::1:53', '--resolver 2001:db8::1:53: put the', 'like [2001:db8::1]:53'],
      ['-d example.com --email ops', '--email ops: must be an e-mail address', help],
      [`-d example.com --email ${'x'.repeat(300)}`, `--email ${'x'.repeat(191)}…: must be`, help],
      [`-d example.com --preferred-chain ${'x'.repeat(300)}`, '… must have at most 200 characters', help],
      [
        '-d example.com --key-type x --email ops',
        '--email ops: must be an e-mail address like ops@example.com, or a list of them; --key-type x: expected one of',
        help,
      ],
    ],
    'usage/unknown-value': [
      ['-d example.com --dns rfc2163', '--dns rfc2163: expected a DNS provider or', 'did you mean "rfc2136"?'],
      [
        '-d example.com --issuer letsencript',
        'a known CA or the name of a declared issuer',
        'did you mean "letsencrypt"?',
      ],
      ['-d example.com --issuer http://ca/dir', '--issuer http://ca/dir: expected an https:// URL', help],
      ['-d example.com --http webrot:/x', 'standalone[:ADDRESS:PORT]', 'did you mean "webroot"?'],
      ['-d example.com --deploy edge', '--deploy edge: expected files:FOLDER', help],
      [`-d example.com --issuer ${'x'.repeat(300)}`, `--issuer ${'x'.repeat(190)}…: expected an https`, help],
    ],
    'usage/flag-needs': [
      ['-d example.com --eab-hmac-key env:KEY', '--eab-hmac-key needs --eab-kid ID', 'Add it'],
      ['-d example.com --eab-hmac-alg HS256', '--eab-hmac-alg needs --eab-kid ID', 'Add it'],
      ['-d example.com --http webroot:', '--http webroot needs a folder: --http webroot:/var/www/html', 'Add it'],
    ],
    'usage/flags-exclude': [
      [`${dns} --http standalone`, '--http and --dns cannot be used together', 'but there is no wildcard'],
      ['-d *.a.test --dns rfc2136 --http standalone', '--http and --dns cannot', 'but there are only wildcards'],
      ['-d example.com --http standalone --tls-alpn', '--http and --tls-alpn cannot be used together', 'Leave out one'],
      ['-d example.com --tls-alpn --dns rfc2136', '--tls-alpn and --dns cannot be used together', 'Leave out one'],
      [
        '-d example.com --deploy files:/a --deploy files:/b,files:/a/',
        '--deploy files:/a and --deploy files:/a/ cannot be used together: they are the same target',
        'Leave out one',
      ],
      ['abc --name xyz --profile x', '"abc" and --name xyz', 'a certificate cannot be renamed'],
    ],
    'usage/not-applicable': [
      [
        '-d example.com --dns hook --auth-hook /a --challenge dns-persist-01',
        '--challenge dns-persist-01 does not apply here: hooks answer dns-01 only',
        'It is for DNS providers',
      ],
      [
        '-d example.com --dns hook --auth-hook /a --propagation 60s',
        '--propagation does not apply here: with --dns hook, the --auth-hook command handles its own settings',
        'It is for DNS providers',
      ],
      ['-d example.com --dns hook --auth-hook /a --dns-option a=b', '--dns-option does not apply', 'for DNS providers'],
    ],
    'usage/nothing-to-change': [
      [
        'www.example.org --agree-tos',
        'there is no certificate "www.example.org" to change with --agree-tos',
        '-d www.example.org',
      ],
      [
        'abc -d example.com',
        'there is no certificate "abc" to change with -d',
        'give its domain names with -d (-d abc)',
      ],
    ],
    'usage/one-at-a-time': [
      ['abc xyz --profile x', '--profile changes one certificate at a time, but "abc" and "xyz" were given', 'Run'],
    ],
    'usage/unknown-option': [['-d example.com --isuer x', "unknown option '--isuer'", 'Did you mean --issuer?']],
  };

  it.each(Object.entries(refused).flatMap(([code, rows]) => rows.map(([argv, ...words]) => ({ argv, code, words }))))(
    'issue $argv',
    async ({ argv, code, words: [sentence, fix] }) => {
      const done = await issue(argv);
      expect(done).toMatchObject({ code: 2, madeStore: false, stdout: '' });
      const words = done.stderr.replaceAll(/\s+/g, ' ');
      for (const part of [sentence, fix, `certfleet explain ${code}`]) expect(words).toContain(part);
      expect(words).not.toMatch(/ {4}at |\.ts:/);
    },
  );

  it.each([
    [1, 160_000],
    [100, 1_400],
  ])('a hook for %i names that is too long to be journalled: %i bytes', async (count, size) => {
    const names = Array.from({ length: count }, (_, n) => `n${n}.example.com`).join(',');
    const run = (length: number) =>
      commandLine().run('issue', '-d', names, '--http', 'hook', '--auth-hook', 'x'.repeat(length), '--agree-tos');
    const done = await run(size);
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toMatch(/the settings of the solver "hook" take 1\d+ bytes/);
    expect((await run(size / 10)).calls).toHaveLength(1);
  });

  it('an unknown key in the configuration, with the nearest known one', async () => {
    const files = { '/c.yaml': 'store: { type: file, path: /x }\nisuers: {}\n' };
    const done = await issue('-d example.com --config /c.yaml', { files });
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr).toContain('/c.yaml:2: unknown key "isuers"; did you mean "issuers"?');
  });

  it.each([
    fail('acme/directory-unreachable', {
      url: 'https://127.0.0.1:9/dir',
      reason: 'connection refused',
    }),
    fail('acme/clock-skew', { url: 'https://ca/dir', span: '95 minutes' }),
  ])('$code has its own exit code, its hint and its link', async (error) => {
    const outcome: Outcome = { certificate: 'example.com', result: 'failed', message: error.message, error };
    const done = await issue('-d example.com', { fleet: { issue: () => [outcome] } });
    expect(done.code).toBe(4);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(error.hint);
    expect(done.stderr).toContain(`certfleet explain ${error.code}\n`);
  });

  it('an issuer with `test: true` is its own test directory', async () => {
    const files = { '/c.yaml': 'issuers: { own: { directory: "https://127.0.0.1/d", test: true } }' };
    const done = await issue('-d a.test --staging --config /c.yaml', { files });
    expect(done.calls).toEqual([expect.objectContaining({ staging: true })]);
  });

  it('is an event with --json', async () => {
    const done = await issue('-d a_b.example.com --json');
    expect(done).toMatchObject({ code: 2, stderr: '' });
    expect(jsonLines(done)).toMatchObject([
      { v: 1, level: 'error', event: 'run.finished', data: { exitCode: 2, code: 'identifier/invalid' } },
    ]);
  });
});
