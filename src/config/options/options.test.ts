import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { alibabaKeys, awsKeys, credentialsFile, duration, endpoint, profile, secret, z } from '../../define.ts';
import type { Files } from '../../ports/files.ts';
import {
  captureFromEnvironment,
  checkOptions,
  optionsFromEnvironment,
  resolveOptions,
  secretVariables,
  type WithOptions,
} from './options.ts';

const definition = {
  id: 'example-dns',
  options: z.object({
    server: z.string().min(1).meta({ title: 'The server' }),
    keyName: z.string().default('acme').meta({ title: 'The key' }),
    token: secret('The token'),
    spare: secret('Another token').optional(),
    port: z.int().min(1).max(65_535).default(53),
    fast: z.boolean().default(false),
    zones: z.array(z.string()).default([]),
    timeout: duration('How long').default(5_000),
  }),
};

const files = (contents: Readonly<Record<string, string>>, mode = 0o600): Pick<Files, 'read' | 'stat'> => ({
  read: async (path) => {
    if (path === '/forbidden') throw Object.assign(new Error('EACCES: …'), { code: 'EACCES' });
    return contents[path] === undefined ? undefined : new TextEncoder().encode(contents[path]);
  },
  stat: async (path) =>
    contents[path] === undefined
      ? undefined
      : { kind: 'file', size: 1, links: 1, mode, uid: 0, gid: 0, modifiedMs: 0, changedMs: 0 },
});

const resolve = (
  settings: Record<string, unknown>,
  env: Record<string, string> = {},
  contents: Record<string, string> = {},
) =>
  resolveOptions(definition, { type: 'example-dns', ...settings } as never, {
    env,
    files: files(contents),
    name: 'dns',
  });

describe('resolveOptions', () => {
  it('reads secrets from a file, a variable, the text itself and the default variable', async () => {
    const contents = { '/run/token': 'tell-nobody\n' };
    const cases = [
      await resolve({ server: 's', token: 'file:/run/token' }, {}, contents),
      await resolve({ server: 's', token: 'env:MINE' }, { MINE: 'tell-nobody' }),
      await resolve({ server: 's', token: 'tell-nobody' }),
      await resolve({ server: 's' }, { CERTFLEET_EXAMPLE_DNS_TOKEN: 'tell-nobody' }),
      await resolve({ server: 's' }, { CERTFLEET_EXAMPLE_DNS_TOKEN: 'file:/run/token' }, contents),
    ];
    for (const { options, credentials } of cases) {
      expect(options.token.reveal()).toBe('tell-nobody');
      expect(credentials).toBe(createHash('sha256').update('["token","tell-nobody"]').digest('hex'));
      expect(inspect(options) + JSON.stringify(options)).not.toContain('tell-nobody');
    }
  });

  it('tells which variables hold secrets, so that no hook gets them', async () => {
    const named: string[] = [];
    const onSecretVariable = (name: string) => void named.push(name);
    const env = { MINE: 'm', CERTFLEET_EXAMPLE_DNS_SPARE: 'env:SPARE', SPARE: 's', NO_SECRET: 'ns1' };
    const settings = { type: 'example-dns', server: 'env:NO_SECRET', token: 'env:MINE' };
    await resolveOptions(definition, settings, { env, files: files({}), onSecretVariable });
    expect(named).toEqual(['MINE', 'SPARE']);
    expect(secretVariables(definition, settings, env)).toEqual([
      { option: 'token', variable: 'MINE' },
      { option: 'spare', variable: 'SPARE' },
    ]);
  });

  it('reads options that are left out from the environment, and converts them', async () => {
    const env = {
      CERTFLEET_EXAMPLE_DNS_SERVER: 'ns1',
      CERTFLEET_EXAMPLE_DNS_KEY_NAME: 'k',
      CERTFLEET_EXAMPLE_DNS_TOKEN: 't',
      CERTFLEET_EXAMPLE_DNS_PORT: '5353',
      CERTFLEET_EXAMPLE_DNS_FAST: 'true',
      CERTFLEET_EXAMPLE_DNS_ZONES: 'a.com, b.com',
      CERTFLEET_EXAMPLE_DNS_TIMEOUT: '2m',
    };
    const { options } = await resolve({}, env);
    expect({ ...options, token: options.token.reveal() }).toEqual({
      server: 'ns1',
      keyName: 'k',
      token: 't',
      port: 5353,
      fast: true,
      zones: ['a.com', 'b.com'],
      timeout: 120_000,
    });
    expect((await resolve({ server: 'mine' }, env)).options.server).toBe('mine');
  });

  it.each([
    [
      { server: 's' },
      'config/credential-missing',
      'dns (example-dns) is missing the credential "token" (CERTFLEET_EXAMPLE_DNS_TOKEN)',
    ],
    [{ token: 't' }, 'config/credential-missing', 'the option "server" (CERTFLEET_EXAMPLE_DNS_SERVER)'],
    [{ server: 's', token: 'env:GONE' }, 'config/credential-missing', 'the environment variable GONE'],
    [{ server: 's', token: ' ' }, 'config/credential-missing', 'a value for "token"'],
    [{ server: 's', token: 'file:/none' }, 'config/secret-unreadable', 'no such file'],
    [{ server: 's', token: 'file:/forbidden' }, 'config/secret-unreadable', 'permission denied'],
    [{ server: 's', token: 'file:/empty' }, 'config/credential-missing', 'is empty'],
    [{ server: 's', token: 5 }, 'config/invalid', 'in quotes'],
    [{ server: 's', token: 't', port: 'many' }, 'config/invalid', 'port must be a number'],
    [{ server: 's', token: 't', timeout: 'soon' }, 'config/invalid', 'timeout: a duration is'],
    [{ server: 's', token: 't', sever: 's' }, 'config/invalid', 'unknown key "sever"; did you mean "server"?'],
  ])('%j: %s', async (settings, code, words) => {
    await expect(resolve(settings, {}, { '/empty': '\n' })).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words), exitCode: 2 }),
    );
  });

  it('warns of a secret that every user can read', async () => {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const settings = { type: 'example-dns', server: 's', token: 'file:/t' };
    await resolveOptions(definition, settings, { env: {}, files: files({ '/t': 'x' }, 0o644), warn });
    await resolveOptions(definition, settings, { env: {}, files: files({ '/t': 'x' }, 0o640), warn });
    expect(warnings).toEqual(['the secret file /t of example-dns can be read by every user: chmod 600 /t']);
  });

  it('changes the credentials hash with each secret, not with other options', async () => {
    const hash = async (settings: object) => (await resolve({ server: 's', token: 'a', ...settings })).credentials;
    expect(await hash({ token: 'b' })).not.toBe(await hash({}));
    expect(await hash({ spare: 'b' })).not.toBe(await hash({}));
    expect(await hash({ server: 'other' })).toBe(await hash({}));
  });

  it('throws only CertfleetError, without the secret in it', async () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
    const settings = fc.record(
      { server: value, port: value, fast: value, zones: value, timeout: value },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(settings, async (given) => {
        try {
          await resolve({ ...given, token: 'tell-nobody' });
        } catch (error) {
          expect(error).toBeInstanceOf(CertfleetError);
          expect(String(error)).not.toContain('tell-nobody');
        }
      }),
    );
  });
});

describe('environment', () => {
  const env = { CERTFLEET_EXAMPLE_DNS_TOKEN: 't', CERTFLEET_EXAMPLE_DNS_SERVER: 's', MINE: 'm' };

  it('returns which secrets came from it, by variable', () => {
    expect(captureFromEnvironment(definition, env)).toEqual({ CERTFLEET_EXAMPLE_DNS_TOKEN: 't' });
    expect(captureFromEnvironment(definition, env, { type: 'example-dns', token: 'env:MINE' })).toEqual({ MINE: 'm' });
    expect(captureFromEnvironment(definition, env, { type: 'example-dns', token: 'file:/x' })).toEqual({});
  });

  it('completes the options with what was captured', async () => {
    const { type: _type, ...options } = optionsFromEnvironment(definition, env);
    expect(options).toEqual({ server: 's' });
    const kept = captureFromEnvironment(definition, env);
    expect((await resolve(options, { ...kept })).options.token.reveal()).toBe('t');
  });
});

it('takes a word of a list as it is written, but as other clients write it for an option that they have, too', async () => {
  const choice = {
    id: 'choice',
    options: z.object({
      product: z.enum(['cdn', 'dcdn']).optional().meta({ title: 'The product' }),
      algorithm: z
        .enum(['hmac-sha512'])
        .optional()
        .meta({ title: 'The algorithm', aliases: ['ALGORITHM'] }),
    }),
  };
  const context = { env: {}, files: files({}), name: 'choice' };
  const { options } = await resolveOptions(choice, { type: 'choice', algorithm: 'HMAC-SHA512.' }, context);
  expect(options).toEqual({ algorithm: 'hmac-sha512' });
  const [problem, ...others] = checkOptions(choice, { type: 'choice', product: 'CDN' }, {}, { base: [] });
  expect([problem?.message, others]).toEqual([expect.stringMatching(/product.*cdn.*dcdn/), []]);
});

it.each([
  [{ id: 'x' }, ['target.id: expected digits']],
  [{ port: 2 }, ['"host" is missing in target']],
  [{ host: 'a', id: '7' }, ['target.id excludes the other keys of its group']],
  [{ hots: 'a' }, ['unknown key "hots" in target; did you mean "host"?']],
])('says of the form that a group is meant to have what is wrong: %j', (target, messages) => {
  const listener = z.strictObject({ host: z.string(), port: z.int().default(443) });
  const inPlace = z.strictObject({ id: z.string().regex(/^\d+$/, { error: 'expected digits' }) });
  const two = { id: 'two', options: z.strictObject({ target: z.union([listener, inPlace]).meta({ title: 'Where' }) }) };
  const found = checkOptions(two, { type: 'two', target }, {}, { base: [] });
  expect(found.map(({ message }) => message)).toEqual(messages);
});

describe('options as they are written', () => {
  const written = (settings: object) =>
    resolve({ server: 's', token: 't', ...settings, asWritten: true }, env, contents);
  const env = {
    CERTFLEET_EXAMPLE_DNS_SPARE: 'of the machine',
    CERTFLEET_EXAMPLE_DNS_TOKEN: 'of the machine',
    PORT: '5353',
  };
  const contents = { '/secret': 'of the machine' };

  it('come from neither environment nor files', async () => {
    const { options } = await written({ keyName: 'env:PORT', token: 'file:/secret' });
    expect([options.token.reveal(), options.keyName, options.spare]).toEqual(['file:/secret', 'env:PORT', undefined]);
    await expect(written({ token: undefined })).rejects.toMatchObject({ code: 'config/credential-missing' });
    await expect(written({ token: 'kept:x' })).rejects.toMatchObject({ code: 'config/credential-missing' });
  });

  it('are checked as they will be used', () => {
    const check = (settings: object) =>
      checkOptions(definition, { type: 'example-dns', server: 's', ...settings, asWritten: true } as never, env, {
        base: [],
      }).map(({ path }) => path.join('.'));
    expect([check({}), check({ token: '' }), check({ token: 't' })]).toEqual([['token'], [], []]);
  });
});

describe('checkOptions', () => {
  it('finds every problem without reading a secret', () => {
    const settings = { type: 'example-dns', server: '', token: 5, portt: 1, timeout: 'x' } as never;
    const found = checkOptions(definition, settings, {}, { base: ['solvers', 'dns'] });
    expect(found.map(({ path }) => path.join('.'))).toEqual([
      'solvers.dns.portt',
      'solvers.dns.token',
      'solvers.dns.server',
      'solvers.dns.timeout',
    ]);
  });

  it('allows missing secrets, and missing options that the environment has', () => {
    expect(
      checkOptions(definition, { type: 'example-dns' }, { CERTFLEET_EXAMPLE_DNS_SERVER: 's' }, { base: [] }),
    ).toEqual([]);
  });
});

describe('references of any option', () => {
  it('reads env:NAME and file:/path, and converts them', async () => {
    const settings = {
      server: 'file:/server',
      token: 't',
      port: 'env:PORT',
      zones: 'env:ZONES',
      timeout: 'file:/timeout',
    };
    const env = { PORT: '5353', ZONES: 'a.com,b.com' };
    const { options } = await resolve(settings, env, { '/server': 'ns1\n', '/timeout': '2m' });
    expect(options).toMatchObject({ server: 'ns1', port: 5353, zones: ['a.com', 'b.com'], timeout: 120_000 });
    expect(captureFromEnvironment(definition, env, { type: 'example-dns', ...settings })).toEqual(env);
  });

  it('refuses a file that another user can write, because an option may name a program', async () => {
    const refused: Pick<Files, 'read' | 'stat'> = {
      ...files({}),
      read: async (path, options) => {
        if (options?.trusted)
          throw options.trusted({
            path,
            reason: `${path} belongs to user 65534`,
            command: 'chown',
            change: 'root',
            needsRoot: true,
          });
        return new TextEncoder().encode('x');
      },
    };
    const settings = { type: 'example-dns', server: 'file:/server', token: 'file:/token' };
    await expect(resolveOptions(definition, settings, { env: {}, files: refused })).rejects.toMatchObject({
      code: 'config/secret-unreadable',
      message: 'the secret file /server cannot be read: /server belongs to user 65534',
    });
  });

  it('checks what is known before files are read', () => {
    const check = (settings: object, env = {}) =>
      checkOptions(definition, { type: 'example-dns', server: 's', ...settings } as never, env, { base: [] }).map(
        (one) => one.message,
      );
    expect(check({ port: 'file:/port', timeout: 'env:TIMEOUT' })).toEqual([]);
    expect(check({ port: 'env:PORT' }, { PORT: 'many' })).toEqual([expect.stringContaining('port must be a number')]);
    expect(check({ port: 'file:port' })).toEqual(['port: expected an absolute path: file:/path']);
  });
});

describe('aliases and files with credentials', () => {
  const cloud = {
    id: 'cloud',
    options: z.object({
      region: z.string().meta({ title: 'The region', aliases: ['CLOUD_REGION'] }),
      keyId: secret('The id', { aliases: ['CLOUD_KEY_ID'] }).optional(),
      key: secret('The key', { aliases: ['CLOUD_KEY', 'Cloud_Key'] }).optional(),
      sessionToken: secret('The token', { aliases: ['CLOUD_TOKEN'] }).optional(),
      hook: z.array(z.string()).default([]),
      credentials: credentialsFile(['dns_cloud_'], { aliases: ['CLOUD_FILE'] }),
      profile: profile({ aliases: ['CLOUD_PROFILE'] }),
    }),
  };
  const contents = {
    '/c.ini': 'dns_cloud_key_id = file-id\ndns_cloud_key = file-key\ndns_cloud_hook = rm',
    '/profiles': '[default]\nkey = default-key\n[two]\nkey = two-key\nregion = eu',
    '/key': 'key-in-file',
    '/none': 'other = x',
    '/broken': 'tell-nobody',
    '/typo': 'dns_cloud_kye_id = tell-nobody\ndns_cloud_key = tell-nobody',
  };
  const open = async (settings: object, env: Record<string, string> = {}) => {
    const named: string[] = [];
    const { options, credentials } = await resolveOptions(cloud, { type: 'cloud', ...settings } as never, {
      env,
      files: files(contents),
      name: 'edge',
      onSecretVariable: (name) => void named.push(name),
    });
    const { region, keyId, key, sessionToken, hook } = options;
    return { region, hook, keys: [keyId, key, sessionToken].map((one) => one?.reveal() ?? ''), named, credentials };
  };

  const cases: readonly (readonly [string, object, Record<string, string>, readonly string[]])[] = [
    ['aliases', {}, { CLOUD_KEY_ID: 'i', Cloud_Key: 'k', CLOUD_TOKEN: 't' }, ['i', 'k', 't']],
    [
      'own variables before aliases',
      {},
      { CERTFLEET_CLOUD_KEY: 'own', CLOUD_KEY: 'k', CLOUD_TOKEN: 't' },
      ['', 'own', ''],
    ],
    ['no left-over token beside given keys', { keyId: 'i', key: 'k' }, { CLOUD_TOKEN: 't' }, ['i', 'k', '']],
    ['a file that a variable of lego names', {}, { CLOUD_KEY_FILE: '/key' }, ['', 'key-in-file', '']],
    [
      'a file before variables',
      { credentials: '/c.ini' },
      { CERTFLEET_CLOUD_KEY: 'v', CLOUD_TOKEN: 't' },
      ['file-id', 'file-key', ''],
    ],
    ['settings before the file', { credentials: '/c.ini', key: 'mine' }, {}, ['file-id', 'mine', '']],
    [
      'own variables before the file that a variable names',
      {},
      { CERTFLEET_CLOUD_CREDENTIALS: '/c.ini', CERTFLEET_CLOUD_KEY: 'v' },
      ['file-id', 'v', ''],
    ],
    ['aliases before the file that an alias names', {}, { CLOUD_FILE: '/c.ini', CLOUD_KEY: 'k' }, ['', 'k', '']],
    ['the file that an alias names', {}, { CLOUD_FILE: '/c.ini' }, ['file-id', 'file-key', '']],
    ['a profile', { credentials: '/profiles', profile: 'two' }, {}, ['', 'two-key', '']],
    ['the default profile', { credentials: '/profiles' }, {}, ['', 'default-key', '']],
    ['a profile of the environment', { credentials: '/profiles' }, { CLOUD_PROFILE: 'two' }, ['', 'two-key', '']],
    ['a path in a variable', { credentials: 'env:WHERE' }, { WHERE: '/c.ini' }, ['file-id', 'file-key', '']],
  ];
  it.each(cases)('%s', async (_name, settings, env, keys) => {
    const found = await open({ region: 'r', ...settings }, env);
    expect(found.keys).toEqual(keys);
    // No file may choose a program to run.
    expect(found.hook).toEqual([]);
  });

  it('reads other options from the file and from aliases too', async () => {
    expect((await open({ credentials: '/profiles', profile: 'two' })).region).toBe('eu');
    expect((await open({}, { CLOUD_REGION: 'cn' })).region).toBe('cn');
    expect(optionsFromEnvironment(cloud, { CLOUD_REGION: 'cn', CLOUD_KEY: 'k', CLOUD_FILE: '/c.ini' })).toEqual({
      type: 'cloud',
      region: 'cn',
      credentials: '/c.ini',
    });
  });

  it('keeps the secrets of aliases for cron, and from hooks', async () => {
    const env = { CLOUD_KEY: 'k', CLOUD_TOKEN: 't', CLOUD_REGION: 'cn' };
    const settings = { type: 'cloud', keyId: 'file:/key' };
    expect((await open({}, env)).named).toEqual(['CLOUD_KEY', 'CLOUD_TOKEN']);
    expect(captureFromEnvironment(cloud, env)).toEqual({ CLOUD_KEY: 'k', CLOUD_TOKEN: 't' });
    expect(captureFromEnvironment(cloud, env, settings)).toEqual({});
    expect(captureFromEnvironment(cloud, env, { type: 'cloud', credentials: '/c.ini' })).toEqual({});
    expect(secretVariables(cloud, { type: 'cloud' }, env)).toEqual([
      { option: 'key', variable: 'CLOUD_KEY' },
      { option: 'sessionToken', variable: 'CLOUD_TOKEN' },
    ]);
    expect(secretVariables(cloud, settings, env)).toEqual([]);
  });

  it('changes the credentials hash with the file', async () => {
    const one = await open({ region: 'r', credentials: '/profiles' });
    const two = await open({ region: 'r', credentials: '/profiles', profile: 'two' });
    expect(one.credentials).not.toBe(two.credentials);
  });

  it.each([
    [
      { credentials: '/none' },
      'config/credentials-unusable',
      'none of the keys dns_cloud_key_id, dns_cloud_key, dns_cloud',
    ],
    [
      { credentials: '/broken' },
      'config/credentials-unusable',
      'the credentials file /broken for edge (cloud) cannot be used: line 1 is not KEY=VALUE',
    ],
    [{ credentials: '/absent' }, 'config/secret-unreadable', 'no such file'],
    [
      { credentials: '/profiles', profile: 'x' },
      'config/credentials-unusable',
      'it has no profile "x"; it has default, two',
    ],
    [
      { region: 'r', credentials: '/typo' },
      'config/credentials-unusable',
      'did you mean "dns_cloud_key_id" where it has "dns_cloud_kye_id"?',
    ],
    [{ credentials: 'c.ini' }, 'config/credential-missing', 'the option "region" (CERTFLEET_CLOUD_REGION)'],
    [{ region: 'r', credentials: 'c.ini' }, 'config/invalid', 'credentials: expected an absolute path'],
    [
      { credentials: '/c.ini' },
      'config/credential-missing',
      '"region" (not in /c.ini: it has no key dns_cloud_region)',
    ],
  ])('%j: %s', async (settings, code, words) => {
    const error = await open(settings).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CertfleetError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(inspect(error)).not.toContain('tell-nobody');
  });

  it('says how a file of credentials is written, and where a bare secret goes', async () => {
    const error = await open({ credentials: '/broken' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      hint: 'The file must have one key per line, such as dns_cloud_key_id = VALUE. If it contains only the secret, give it with --dns-option keyId=file:/broken, or in the configuration as `keyId: file:/broken`.',
    });
  });

  it('checks nothing that the file may have', () => {
    expect(checkOptions(cloud, { type: 'cloud', credentials: '/c.ini' }, {}, { base: [] })).toEqual([]);
    expect(checkOptions(cloud, { type: 'cloud', credentials: 'c.ini' }, {}, { base: [] })).toHaveLength(1);
    expect(checkOptions(cloud, { type: 'cloud' }, {}, { base: [] })).toEqual([
      expect.objectContaining({ missing: true }),
    ]);
  });

  it('warns of a file that every user can read', async () => {
    const warnings: string[] = [];
    const settings = { type: 'cloud', region: 'r', credentials: '/c.ini' };
    const warn = (message: string) => void warnings.push(message);
    await resolveOptions(cloud, settings, { env: {}, files: files(contents, 0o644), warn });
    expect(warnings).toEqual(['the secret file /c.ini of cloud can be read by every user: chmod 600 /c.ini']);
  });
});

describe('the keys of clouds', () => {
  const aws: WithOptions = {
    id: 'alb',
    options: z.object({ ...awsKeys(), region: z.string().default('r'), endpoint: endpoint() }),
  };
  const alibaba: WithOptions = { id: 'clb', options: z.object({ ...alibabaKeys(), endpoint: endpoint() }) };
  const revealed = (options: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
    );

  it.each([
    [
      aws,
      { AWS_ACCESS_KEY_ID: 'i', AWS_SECRET_ACCESS_KEY: 's', AWS_PROFILE: 'p' },
      { accessKeyId: 'i', secretAccessKey: 's', profile: 'p' },
    ],
    [
      aws,
      { AWS_SHARED_CREDENTIALS_FILE: '/aws', AWS_PROFILE: 'two' },
      { accessKeyId: 'i2', secretAccessKey: 's2', sessionToken: 't2', credentials: '/aws', profile: 'two' },
    ],
    [
      aws,
      { AWS_ROLE_ARN: 'arn', AWS_WEB_IDENTITY_TOKEN_FILE: '/jwt' },
      { roleArn: 'arn', webIdentityTokenFile: '/jwt' },
    ],
    [alibaba, { ALICLOUD_ACCESS_KEY: 'i', ALICLOUD_SECRET_KEY: 's' }, { accessKeyId: 'i', accessKeySecret: 's' }],
    [alibaba, { Ali_Key: 'i', Ali_Secret: 's' }, { accessKeyId: 'i', accessKeySecret: 's' }],
    [
      alibaba,
      { CERTFLEET_CLB_CREDENTIALS: '/certbot' },
      { accessKeyId: 'i', accessKeySecret: 's', credentials: '/certbot' },
    ],
  ])('%#', async (definition, env, expected) => {
    const contents = {
      '/aws':
        '[default]\naws_access_key_id = i1\naws_secret_access_key = s1\n[two]\naws_access_key_id = i2\naws_secret_access_key = s2\naws_session_token = t2',
      '/certbot': 'dns_aliyun_access_key = i\ndns_aliyun_access_key_secret = s',
    };
    const context = { env, files: files(contents) };
    const { options } = await resolveOptions(definition, { type: definition.id }, context);
    const { region: _region, ...found } = revealed(options);
    expect(found).toEqual(expected);
  });

  it('stores nothing that the platform gives to each process', () => {
    const env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/1', AWS_ROLE_ARN: 'arn', AWS_PROFILE: 'p' };
    expect(optionsFromEnvironment(aws, env)).toEqual({ type: 'alb', profile: 'p' });
  });

  it('sends keys to no endpoint without TLS', () => {
    const check = (url: string) => checkOptions(alibaba, { type: 'clb', endpoint: url }, {}, { base: [] }).length;
    expect([check('https://slb.test'), check('http://127.0.0.1:1'), check('http://slb.test')]).toEqual([0, 0, 1]);
  });
});
