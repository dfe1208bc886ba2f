import { describe, expect, it } from 'vitest';
import { type CommandLine, commandLine, type Done, jsonLines } from '../../../../test/support/command-line.ts';
import { type Declared, declaredOf, storedOf } from '../../../../test/support/declared.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { StoredSpec } from '../../../core/spec/spec.ts';
import type { IssueRequest } from '../../../fleet.ts';
import { valid } from '../look/test-statuses.ts';

const issue = (argv: string, given: CommandLine = {}) => commandLine(given).run('issue', ...argv.split(' '));

function adHocOf(done: Done): StoredSpec {
  expect(done).toMatchObject({ code: 0 });
  const spec = (done.calls[0] as IssueRequest).adHoc;
  if (!spec) throw new Error('no spec reached the fleet');
  return spec;
}

/** As `issue -d www.example.com --email … --agree-tos --profile … --http webroot:/w --deploy files:/c …` left it. */
const stored: Declared = {
  spec: {
    name: 'www.example.com',
    identifiers: [{ type: 'dns', value: 'www.example.com' }],
    issuer: 'letsencrypt',
    solver: 'webroot',
    deploy: ['files:/c'],
    endpoints: ['www.example.com:443'],
    profile: 'shortlived',
  },
  issuer: {
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    testDirectory: 'https://acme-staging-v02.api.letsencrypt.org/directory',
    email: ['ops@example.com'],
    agreeToTerms: true,
    test: false,
  },
  solver: { type: 'http01-webroot', folders: ['/w'] },
  deployers: { 'files:/c': { type: 'files', path: '/c' } },
  preflight: { resolvers: ['9.9.9.9:53'], http01Port: 80 },
};
const pinned: Declared = { ...stored, issuer: { ...stored.issuer, caFile: '/ca.pem', onlyThisCa: true } };
const overDns: Declared = {
  ...stored,
  spec: { ...stored.spec, solver: 'rfc2136' },
  solver: {
    type: 'dns01',
    provider: 'rfc2136',
    options: { server: 'ns1', keyName: 'a', secret: 'env:MINE' },
    dns: { zone: 'example.com', nameservers: ['192.0.2.53'] },
  },
};

/** The wildcard over DNS, the name over HTTP. */
const mixed: Declared = {
  ...stored,
  spec: {
    ...stored.spec,
    identifiers: ['www.example.com', '*.example.net'].map((value) => ({ type: 'dns', value })),
    solvers: { '*.example.net': 'rfc2136' },
  },
  solvers: { rfc2136: overDns.solver },
};

describe('flags for a certificate that is stored', () => {
  const name = 'www.example.com';
  const again = (argv: string, given: CommandLine = {}, before = stored) =>
    issue(argv, { ...given, fleet: { stored: { [name]: storedOf(before) }, ...given.fleet } });
  /** The lines that name what changes. */
  const changes = ({ stderr }: Done) => stderr.split('\n').filter((line) => line.includes(' → '));

  interface Case {
    readonly argv: string;
    readonly wanted: { readonly [part in keyof Declared]?: object | undefined };
    /** Without the name in front. */
    readonly says: readonly string[];
    readonly before?: Declared;
    readonly given?: CommandLine;
  }
  const other = 'https://ca.example/d';
  const config = {
    files: {
      '/c.yaml': [
        `issuers: { own: { directory: "${other}", email: [ca@example.com], test: true } }`,
        'solvers: { web: { type: http01-responder, listen: "80" } }',
        'deployers: { edge: { type: files, path: /edge } }',
      ].join('\n'),
    },
  };
  const cases: readonly Case[] = [
    { argv: `-d ${name}`, wanted: {}, says: [] },
    { argv: `${name} --agree-tos`, wanted: {}, says: [] },
    {
      argv: `-d ${name} --endpoint a.test`,
      wanted: { spec: { endpoints: ['a.test:443'] } },
      says: ['endpoints: www.example.com:443 → a.test:443'],
    },
    {
      argv: `${name} --endpoint none`,
      wanted: { spec: { endpoints: [] } },
      says: ['endpoints: www.example.com:443 → none'],
    },
    {
      argv: `${name} -d ${name},b.example.com`,
      wanted: { spec: { identifiers: [name, 'b.example.com'].map((value) => ({ type: 'dns', value })) } },
      says: [`identifiers: ${name} → ${name}, b.example.com`],
    },
    {
      argv: `--name ${name} --profile none --resolver none --http01-port 81`,
      wanted: { spec: { profile: undefined }, preflight: { resolvers: [], http01Port: 81 } },
      says: ['profile: shortlived → none', 'resolvers: 9.9.9.9:53 → none', 'HTTP-01 port: 80 → 81'],
    },
    {
      argv: `${name} --email a@example.com,b@example.com`,
      wanted: { issuer: { email: ['a@example.com', 'b@example.com'] } },
      says: ['e-mail: ops@example.com → a@example.com, b@example.com'],
    },
    {
      argv: `${name} --eab-kid k1 --eab-hmac-alg HS512`,
      given: { env: { CERTFLEET_EAB_HMAC_KEY: 'c2VjcmV0' } },
      wanted: { issuer: { eab: { kid: 'k1', algorithm: 'HS512' } } },
      says: ['account: default → k1', 'EAB algorithm: none → HS512'],
    },
    {
      argv: `${name} --deploy files:/d,files:/c`,
      wanted: {
        spec: { deploy: ['files:/d', 'files:/c'] },
        deployers: { 'files:/d': { type: 'files', path: '/d' }, 'files:/c': { type: 'files', path: '/c' } },
      },
      says: ['targets: files:/c → files:/d, files:/c'],
    },
    {
      argv: `${name} --deploy none`,
      wanted: { spec: { deploy: [] }, deployers: {} },
      says: ['targets: files:/c → none'],
    },
    {
      argv: `${name} --http webroot:/v`,
      wanted: { solver: { folders: ['/v'] } },
      says: ['option folders of webroot: /w → /v'],
    },
    { argv: `${name} --agree-tos`, before: mixed, wanted: {}, says: [] },
    {
      argv: `-d ${name},*.example.net,*.example.org,b.example.com --name ${name}`,
      before: mixed,
      wanted: {
        spec: {
          identifiers: [name, '*.example.net', '*.example.org', 'b.example.com'].map((value) => ({
            type: 'dns',
            value,
          })),
          solvers: { '*.example.net': 'rfc2136', '*.example.org': 'rfc2136' },
        },
      },
      says: [
        `identifiers: ${name}, *.example.net → ${name}, *.example.net, *.example.org, b.example.com`,
        'solver: webroot; rfc2136 for *.example.net → webroot; rfc2136 for *.example.net, *.example.org',
      ],
    },
    {
      argv: `${name} -d ${name}`,
      before: mixed,
      wanted: {
        spec: { identifiers: [{ type: 'dns', value: name }], solvers: undefined },
        solvers: undefined,
      },
      says: [`identifiers: ${name}, *.example.net → ${name}`, 'solver: webroot; rfc2136 for *.example.net → webroot'],
    },
    {
      argv: `${name} --dns-option keyName=b`,
      before: mixed,
      wanted: {
        solvers: { rfc2136: { ...overDns.solver, options: { server: 'ns1', keyName: 'b', secret: 'env:MINE' } } },
      },
      says: ['option keyName of rfc2136: a → b'],
    },
    {
      argv: `${name} --dns rfc2136`,
      before: mixed,
      wanted: {
        spec: { solver: 'rfc2136', solvers: undefined },
        solver: overDns.solver,
        solvers: undefined,
      },
      says: ['solver: webroot; rfc2136 for *.example.net → rfc2136'],
      given: { env: { MINE: 'c2VjcmV0' } },
    },
    {
      argv: `${name} --http standalone`,
      wanted: { spec: { solver: 'standalone' }, solver: { type: 'http01-responder', shared: false } },
      says: ['solver: webroot → standalone'],
    },
    {
      argv: `-d ${name} --profile tlsserver --config /c.yaml`,
      wanted: { spec: { issuer: 'letsencrypt', solver: 'webroot', profile: 'tlsserver' } },
      says: ['profile: shortlived → tlsserver'],
      given: config,
    },
    {
      argv: `${name} --dns-option keyName=b`,
      before: overDns,
      wanted: {
        solver: {
          options: { server: 'ns1', keyName: 'b', secret: 'env:MINE' },
          dns: { zone: 'example.com', nameservers: ['192.0.2.53'] },
        },
      },
      says: ['option keyName of rfc2136: a → b'],
    },
    {
      argv: `${name} --dns rfc2136 --dns-option secret=file:/tsig`,
      before: overDns,
      wanted: { solver: { options: { server: 'ns1', keyName: 'a', secret: 'file:/tsig' } } },
      says: ['option secret of rfc2136: env:MINE → file:/tsig'],
      given: { files: { '/tsig': 'c2VjcmV0' } },
    },
    {
      argv: `${name} --issuer ${other}`,
      wanted: {
        spec: { issuer: 'ca.example/d' },
        issuer: { directory: other, email: ['ops@example.com'], agreeToTerms: false, test: false },
      },
      says: ['issuer: letsencrypt → ca.example/d', 'terms of service: agreed → not agreed'],
    },
    {
      argv: `${name} --issuer own --agree-tos --config /c.yaml`,
      wanted: { spec: { issuer: 'own' }, issuer: { directory: other, email: ['ca@example.com'], agreeToTerms: true } },
      says: ['issuer: letsencrypt → own', 'e-mail: ops@example.com → ca@example.com'],
      given: config,
    },
    { argv: `${name} --issuer letsencrypt`, wanted: {}, says: [] },
    {
      argv: `${name} --ca-file /ca.pem --only-this-ca`,
      wanted: { issuer: { caFile: '/ca.pem', onlyThisCa: true } },
      says: ['CA file: none → /ca.pem', 'roots: the public ones too → only the CA file'],
    },
    {
      argv: `${name} --test-directory https://test.ca.example/dir`,
      wanted: { issuer: { testDirectory: 'https://test.ca.example/dir' } },
      says: ['test directory: https://acme-staging-v02.api.letsencrypt.org/directory → https://test.ca.example/dir'],
    },
    { argv: `${name} --agree-tos`, before: pinned, wanted: {}, says: [] },
    {
      argv: `${name} --only-this-ca`,
      before: { ...stored, issuer: { ...stored.issuer, caFile: '/ca.pem' } },
      wanted: { issuer: { onlyThisCa: true } },
      says: ['roots: the public ones too → only the CA file'],
    },
    {
      argv: `${name} --ca-file /ca.pem`,
      before: pinned,
      wanted: { issuer: { onlyThisCa: undefined } },
      says: ['roots: only the CA file → the public ones too'],
    },
  ];
  it.each(cases)('issue $argv', async ({ argv, wanted, says, before = stored, given }) => {
    const done = await again(argv, given, before);
    const declared = declaredOf(adHocOf(done));
    const whole = Object.fromEntries(
      Object.entries(before).map(([part, value]) => {
        if (part in wanted && wanted[part as keyof Declared] === undefined) return [part, undefined];
        const changed = (wanted as Record<string, object>)[part];
        const isWhole = part === 'deployers' || (changed !== undefined && 'type' in changed);
        return [part, isWhole ? (changed ?? value) : { ...(value as object), ...changed }];
      }),
    );
    // A new issuer brings its own fields; what of the old one stays is in the case.
    if (declared.issuer.directory !== before.issuer.directory) expect(declared).toMatchObject(wanted);
    else expect(declared).toEqual(whole);
    expect(changes(done).toSorted()).toEqual(says.map((line) => `${name}: ${line}`).toSorted());
  });

  /** Options that only a file, an editor or an import can give. */
  const rich: Declared = {
    ...stored,
    spec: { ...stored.spec, deploy: ['files:/c', 'nginx:/n'] },
    issuer: { ...stored.issuer, directory: other, test: true },
    deployers: {
      'files:/c': { type: 'files', path: '/c', mode: '0640', group: '33', layout: 'certbot', certbotName: 'w' },
      'nginx:/n': { type: 'nginx', path: '/n', test: ['/opt/nginx', '-t'], reload: ['/opt/nginx', '-s', 'reload'] },
    },
  };
  const answeredBy = (word: string, solver: Declared['solver']): Declared => ({
    ...rich,
    spec: { ...rich.spec, solver: word },
    solver,
  });
  const hooks = { type: 'command', challenge: 'http-01', present: '/auth', timeout: '9m', env: { A: 'b' } };
  it.each<readonly [argv: string, before: Declared]>([
    [`${name} --agree-tos`, rich],
    [`${name} --reuse-key`, rich],
    [`${name} --key-type rsa2048`, rich],
    [`${name} --resolver 192.0.2.1`, rich],
    [`${name} --ca-file /ca.pem`, rich],
    [`${name} --deploy-hook true`, rich],
    [`${name} --http webroot:/w`, rich],
    [`-d ${name},b.example.com --name ${name}`, rich],
    [`${name} --issuer ${other}`, rich],
    [`${name} --deploy files:/c`, rich],
    [`${name} --deploy nginx:/n,files:/c`, rich],
    [`${name} --deploy files:/c,files:/d`, rich],
    [`${name} --http standalone`, answeredBy('standalone', { type: 'http01-responder', shared: true })],
    [`${name} --http standalone:8080`, answeredBy('standalone', { type: 'http01-responder', shared: true })],
    [`${name} --tls-alpn`, answeredBy('tls-alpn', { type: 'tls-alpn01', shared: true })],
    [`${name} --http hook --auth-hook /auth`, answeredBy('hook', hooks)],
    [`${name} --dns rfc2136`, answeredBy('rfc2136', overDns.solver)],
  ])('keep stored options that no flag of theirs gives: issue %s', async (argv, before) => {
    const files = { '/auth': '', '/tsig': 'c2VjcmV0' };
    const declared = declaredOf(adHocOf(await again(argv, { files, env: { MINE: 'c2VjcmV0' } }, before)));
    expect(declared.solver).toMatchObject(before.solver);
    for (const target of declared.spec.deploy.filter((one) => one in before.deployers))
      expect(declared.deployers[target]).toEqual(before.deployers[target]);
    expect(declared.issuer.test).toBe(true);
  });

  it('hide a secret that a declared solver had in itself', async () => {
    const options = { server: 'ns1', keyName: 'a', secret: 'bGl0ZXJhbA==' };
    const before = { ...overDns, solver: { ...overDns.solver, options } };
    const done = await again(`${name} --dns-option secret=env:MINE`, {}, before);
    expect(changes(done)).toEqual([`${name}: option secret of rfc2136: (hidden) → env:MINE`]);
    expect(done.stderr).not.toContain('bGl0ZXJhbA==');
  });

  it('are events with --json', async () => {
    const done = await again(`${name} --profile none --json`);
    expect(jsonLines(done)).toContainEqual(
      expect.objectContaining({
        event: 'certificate.changed',
        certificate: name,
        data: { setting: 'profile', from: 'shortlived', to: 'none' },
      }),
    );
  });

  it('change nothing of it for --staging, and ask nothing', async () => {
    const done = await again(`${name} --issuer letsencrypt-staging --staging`, { typed: 'n' });
    expect(adHocOf(done).issuer.settings.email).toEqual(['ops@example.com']);
    expect(changes(done)).toEqual([]);
    expect(done.stderr).not.toContain('[y/N]');
  });

  it.each([
    ['y', 0],
    ['Yes', 0],
    ['', 2],
    ['n', 2],
    ['letsencrypt', 2],
  ])('move it to another CA at a terminal only with a yes: %j', async (typed, code) => {
    const done = await again(`${name} --issuer ${other}`, { typed, isTerminal: true });
    expect(done.code).toBe(code);
    expect(done.stderr).toContain(`${name} is issued by letsencrypt. Get it from ca.example/d from now on? [y/N]`);
    expect(done.calls.length).toBe(code === 0 ? 1 : 0);
    if (code === 2) expect(done.stderr).toContain('nothing was changed');
    const json = await again(`${name} --issuer ${other} --json`, { typed });
    expect(json).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['--dns-option keyName=b', '--dns-option needs --dns PROVIDER', stored, {}],
    ['--http web --dns-option a=b', '--dns-option needs --dns PROVIDER', stored, config],
    [
      '--dns-option keyName=b --config /c.yaml',
      'cannot change the solver "web"',
      { ...overDns, spec: { ...overDns.spec, solver: 'web' } },
      config,
    ],
    ['-d *.example.com', 'validated only over DNS', stored, {}],
    ...(
      [
        ['--endpoint none,a:443', '--endpoint none and --endpoint a:443'],
        ['--endpoint b --endpoint none', '--endpoint none and --endpoint b'],
        ['--resolver none,192.0.2.1', '--resolver none and --resolver 192.0.2.1'],
        ['--email none,a@example.com', '--email none and --email a@example.com'],
        ['--deploy none,files:/c', '--deploy none and --deploy files:/c'],
        ['--issuer https://ca.example/d --not-after 999999d', 'at most 36500d'],
      ] as const
    ).map(([argv, words]) => [argv, words, stored, {}] as const),
    ['--dns-option secret=file:/nope', '/nope cannot be read: no such file', overDns, {}],
  ] as const)('are refused together with what is kept: %s', async (argv, words, before, given) => {
    const done = await again(`${name} ${argv}`, given, before);
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(words);
    expect(changes(done)).toEqual([]);
  });

  it('are not stored if a check refuses them, and the output says so', async () => {
    const error = fail('acme/directory-unreachable', { url: other, reason: 'no such host' });
    const refused = { certificate: name, result: 'failed', message: error.message, error } as const;
    const fleet = { stored: { [name]: storedOf(stored) }, issue: () => [refused] };
    const done = await again(`${name} --issuer ${other}`, { fleet });
    expect(done.code).toBe(4);
    expect(done.stderr).toContain('Next: run it again later; its stored settings stay as they were.');
  });

  describe('that a configuration declared', () => {
    const fleet = { stored: { [name]: storedOf(stored) }, origin: 'configuration' } as const;

    it.each([`${name} --deploy none`, `--name ${name} --endpoint none`])(
      'are refused if they only name it: %s',
      async (argv) => {
        const done = await again(argv, { fleet });
        expect(done).toMatchObject({ code: 2, calls: [] });
        const words = done.stderr.replaceAll(/\s+/g, ' ');
        expect(words).toContain(
          `"${name}" is in the store, but it was declared in a configuration that this command did not read`,
        );
        expect(words).toContain(
          `or give its domain names to manage it with flags from now on: certfleet issue -d ${name}`,
        );
      },
    );

    it('take it over with its names, and the output says so', async () => {
      const done = await again(`-d ${name} --endpoint none`, { fleet });
      expect(adHocOf(done)).toEqual({ ...storedOf(stored), endpoints: [] });
      expect(changes(done)).toEqual([
        `${name}: settings from: a configuration → flags`,
        `${name}: endpoints: www.example.com:443 → none`,
      ]);
    });
  });

  it('name the nearest one if none has that name', async () => {
    const done = await issue('ww.example.com --profile x', { fleet: { status: [{ ...valid, name }] } });
    expect(done.code).toBe(2);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(`did you mean "${name}"?`);
  });
});
