import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { Untrusted } from '../../ports/files.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { signV4 } from '../signatures/aws.ts';
import { awsKeySource } from './credentials.ts';
import type { AwsKeyOptions } from './profile.ts';

const never = new AbortController().signal;
const base = 'arn:aws:iam::111122223333:role';
const config = `
[default]
region = eu-west-1
[profile prod]
role_arn = ${base}/dns
source_profile = base
external_id = x-0123
[base]
region = eu-west-1
[profile self]
role_arn = ${base}/plain
source_profile = self
aws_access_key_id = AKIABASE
aws_secret_access_key = base-secret-0123456789
[a]
role_arn = ${base}/plain
source_profile = b
[b]
role_arn = ${base}/plain
source_profile = a
[chain]
role_arn = ${base}/chained
source_profile = prod
[program]
credential_process = "/opt/keys tool" --profile 'my keys'
[ofprogram]
role_arn = ${base}/plain
source_profile = program
[empty]
region = eu-west-1
`;
const credentials = `
[base]
aws_access_key_id = AKIABASE
aws_secret_access_key = base-secret-0123456789
`;

/** STS as its documents describe it, for three roles. */
function fakeSts(clock: ReturnType<typeof fakeClock>) {
  const secrets = new Map([
    ['AKIABASE', 'base-secret-0123456789'],
    ['ASIAPROGRAM', 'program-secret-0123456789'],
  ]);
  const roles: Readonly<Record<string, { readonly externalId?: string; readonly by: RegExp }>> = {
    [`${base}/dns`]: { externalId: 'x-0123', by: /^AKIABASE$/ },
    [`${base}/plain`]: { by: /^(AKIABASE|ASIAPROGRAM)$/ },
    [`${base}/chained`]: { by: /^ASIA-dns-/ },
  };
  let made = 0;
  const refuse = (status: number, code: string, message: string): FakeAnswer => ({
    status,
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  });
  const signedBy = ({ headers, text, url }: FakeRequest): string | undefined => {
    const sent = headers['authorization'] ?? '';
    const id = /Credential=([\w-]+)\/\d{8}\/eu-west-1\/sts\/aws4_request/.exec(sent)?.[1] ?? '';
    const secret = secrets.get(id);
    const token = headers['x-amz-security-token'];
    if (secret === undefined || (id.startsWith('ASIA') && token !== `token-of-${id}`)) return undefined;
    const keys = {
      id: new Secret(id),
      secret: new Secret(secret),
      ...present({ token: token ? new Secret(token) : undefined }),
    };
    const names = ['content-type'].map((name) => [name, headers[name] ?? '']);
    const expected = signV4(
      {
        ...{ method: 'POST', url, headers: Object.fromEntries(names), body: text },
        ...{ region: 'eu-west-1', service: 'sts', now: clock.now() },
      },
      keys,
    );
    return expected['authorization'] === sent ? id : undefined;
  };
  const api = createFakeApi({
    clock,
    origin: 'https://sts.eu-west-1.amazonaws.com',
    routes: {
      'POST /': (request) => {
        const form = request.form();
        const known = ['Action', 'Version', 'RoleArn', 'RoleSessionName', 'ExternalId'];
        const unknown = [...form.keys()].find((name) => !known.includes(name));
        if (unknown !== undefined) return refuse(400, 'ValidationError', `unknown ${unknown}`);
        if (form.get('Action') !== 'AssumeRole' || form.get('Version') !== '2011-06-15')
          return refuse(400, 'InvalidAction', 'no such action');
        if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? ''))
          return refuse(400, 'ValidationError', 'RoleSessionName');
        const by = signedBy(request);
        if (by === undefined)
          return refuse(403, 'SignatureDoesNotMatch', `The signature of ${request.headers['authorization']} is wrong`);
        const arn = form.get('RoleArn') ?? '';
        const role = roles[arn];
        if (!role?.by.test(by) || (role.externalId ?? null) !== form.get('ExternalId'))
          return refuse(403, 'AccessDenied', `User is not authorized to perform: sts:AssumeRole on resource: ${arn}`);
        const id = `ASIA-${arn.slice(arn.lastIndexOf('/') + 1)}-${++made}`;
        secrets.set(id, `secret-of-${id}`);
        const expires = new Date(clock.now().getTime() + 3_600_000).toISOString();
        return {
          status: 200,
          body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>x</Arn></AssumedRoleUser><Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>secret-of-${id}</SecretAccessKey><SessionToken>token-of-${id}</SessionToken><Expiration>${expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
        };
      },
    },
  });
  return api;
}

function bench({ untrusted = '', printed }: { readonly untrusted?: string; readonly printed?: object | string } = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const sts = fakeSts(clock);
  const contents: Record<string, string> = { '/aws/config': config, '/aws/credentials': credentials, '/one': config };
  let result: { status: number; stdout: string } | Error | undefined;
  const end = () => new Date(clock.now().getTime() + 900_000).toISOString();
  const context = {
    http: sts.http,
    clock,
    random: { bytes: () => new Uint8Array(), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    files: {
      read: async (path: string) =>
        contents[path] === undefined ? undefined : new TextEncoder().encode(contents[path]),
      stat: async () => undefined,
      list: async () => undefined,
      untrusted: async (path: string): Promise<Untrusted | undefined> =>
        path === untrusted
          ? { path, reason: `${path} belongs to user 65534`, command: 'chown', change: 'root', needsRoot: true }
          : undefined,
      user: () => 0,
    },
    processes: fakeProcesses({
      program() {
        if (result instanceof Error) throw result;
        const fields = {
          Version: 1,
          AccessKeyId: 'ASIAPROGRAM',
          SecretAccessKey: 'program-secret-0123456789',
          SessionToken: 'token-of-ASIAPROGRAM',
          Expiration: end(),
        };
        const stdout = typeof printed === 'string' ? printed : JSON.stringify({ ...fields, ...printed });
        return { stderr: 'tell-nobody', ...(result ?? { stdout }) };
      },
    }),
    name: 'alb',
    region: 'eu-west-1',
  };
  const source = (options: AwsKeyOptions) => awsKeySource(options, context);
  const idNow = async (options: AwsKeyOptions) => (await source(options).keys(never)).id.reveal();
  return {
    ...{ clock, sts, contents, ran: context.processes.ran, context, source, idNow },
    answers(next: typeof result) {
      result = next;
    },
  };
}

const file = '/aws/config';
const prod = {
  credentials: file,
  profile: 'prod',
  roleArn: `${base}/dns`,
  sourceProfile: 'base',
  externalId: 'x-0123',
};
const program = { credentials: file, profile: 'program', credentialProcess: `"/opt/keys tool" --profile 'my keys'` };

describe('a role of a profile', () => {
  it.each<[string, AwsKeyOptions, string]>([
    ['with keys in the file beside', prod, 'ASIA-dns-1'],
    [
      'that names itself',
      { credentials: file, profile: 'self', roleArn: `${base}/plain`, sourceProfile: 'self' },
      'ASIA-plain-1',
    ],
    [
      'of a role',
      { credentials: file, profile: 'chain', roleArn: `${base}/chained`, sourceProfile: 'prod' },
      'ASIA-chained-2',
    ],
    [
      'of a program',
      { credentials: file, profile: 'ofprogram', roleArn: `${base}/plain`, sourceProfile: 'program' },
      'ASIA-plain-1',
    ],
    [
      'with the given keys',
      {
        ...{ roleArn: `${base}/plain`, credentialSource: 'Environment', roleSessionName: 'edge-1' },
        ...{ accessKeyId: new Secret('AKIABASE'), secretAccessKey: new Secret('base-secret-0123456789') },
      },
      'ASIA-plain-1',
    ],
  ])('%s', async (_what, options, id) => {
    const { idNow, sts } = bench();
    expect(await idNow(options)).toBe(id);
    expect(sts.unknown).toEqual([]);
  });

  it('is assumed again before its keys end, with the keys that the file has by then', async () => {
    const { source, clock, sts, contents } = bench();
    const keys = source(prod);
    const id = async () => (await keys.keys(never)).id.reveal();
    expect([await id(), await id()]).toEqual(['ASIA-dns-1', 'ASIA-dns-1']);
    contents['/aws/credentials'] = credentials.replaceAll('base', 'other');
    await clock.advance(56 * 60_000);
    expect(await id()).toBe('ASIA-dns-1');
    contents['/aws/credentials'] = credentials;
    await clock.advance(60_000);
    expect(await id()).toBe('ASIA-dns-2');
    expect(sts.calls).toHaveLength(2);
  });

  it.each<[string, AwsKeyOptions, string, string]>([
    [
      'an external id that is wrong',
      { ...prod, externalId: 'y' },
      'config/no-metadata',
      'AccessDenied: User is not authorized',
    ],
    ['no file', { ...prod, credentials: undefined }, 'config/credential-missing', 'the file with the profile base'],
    ['a file that is not there', { ...prod, credentials: '/none' }, 'config/credentials-unusable', 'has no keys'],
    ['no such profile', { ...prod, sourceProfile: 'gone' }, 'config/credentials-unusable', 'it has no profile "gone"'],
    [
      'a profile without keys',
      { ...prod, sourceProfile: 'empty' },
      'config/credentials-unusable',
      'the profile "empty" has no keys',
    ],
    [
      'no file beside another name',
      { ...prod, credentials: '/one' },
      'config/credentials-unusable',
      'the profile "base" has no keys',
    ],
    [
      'a circle',
      { credentials: file, profile: 'a', roleArn: `${base}/plain`, sourceProfile: 'b' },
      'config/credentials-unusable',
      'without an end: a, b, a',
    ],
    ['no source', { roleArn: `${base}/plain` }, 'config/credential-missing', 'which "roleArn" needs'],
    [
      'no keys',
      { roleArn: `${base}/plain`, credentialSource: 'Environment' },
      'config/credential-missing',
      '"accessKeyId"',
    ],
    [
      'no container',
      { roleArn: `${base}/plain`, credentialSource: 'EcsContainer' },
      'config/credential-missing',
      'container',
    ],
    ['a wrong key', { ...prod, sourceProfile: 'wrong' }, 'config/no-metadata', 'SignatureDoesNotMatch'],
  ])('names the trouble with %s', async (_what, options, code, words) => {
    const { source, contents } = bench();
    contents['/aws/credentials'] += '[wrong]\naws_access_key_id = AKIABASE\naws_secret_access_key = tell-nobody-0123\n';
    const error = await Promise.resolve()
      .then(() => source(options).keys(never))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words), exitCode: 2 });
    expect(String(error)).not.toMatch(/tell-nobody|base-secret/);
  });
});

describe('a program', () => {
  it('gives keys, without a shell and without the environment of certfleet', async () => {
    const { source, ran, clock } = bench();
    const keys = source(program);
    const { id, secret, token } = await keys.keys(never);
    expect([id, secret, token].map((one) => one?.reveal())).toEqual([
      'ASIAPROGRAM',
      'program-secret-0123456789',
      'token-of-ASIAPROGRAM',
    ]);
    expect(ran.map(({ command }) => command)).toEqual([['/opt/keys tool', '--profile', 'my keys']]);
    expect(Object.keys(ran[0]!.env).filter((name) => /AWS|CERTFLEET/.test(name))).toEqual([]);
    await clock.advance(9 * 60_000);
    await keys.keys(never);
    expect(ran).toHaveLength(1);
    await clock.advance(2 * 60_000);
    await keys.keys(never);
    expect(ran).toHaveLength(2);
  });

  it('may give keys of a user, which have neither token nor end', async () => {
    const { source, ran, clock } = bench({ printed: { SessionToken: undefined, Expiration: undefined } });
    const keys = source(program);
    expect(await keys.keys(never)).not.toHaveProperty('token');
    await clock.advance(54 * 60_000);
    await keys.keys(never);
    expect(ran).toHaveLength(1);
    await clock.advance(2 * 60_000);
    await keys.keys(never);
    expect(ran).toHaveLength(2);
  });

  it.each([
    ['no JSON', 'tell-nobody', 'not one JSON object'],
    ['another version', { Version: 2 }, 'Version is not 1'],
    ['no key', { SecretAccessKey: 7 }, 'SecretAccessKey is missing'],
    ['no date', { Expiration: 'tell-nobody' }, 'Expiration is no date'],
    ['old keys', { Expiration: '2001-01-01T00:00:00Z' }, 'have expired'],
  ] as const)('that prints %s is named, without what it prints', async (_what, printed, words) => {
    const { idNow } = bench({ printed });
    const error = await idNow(program).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config/no-metadata', message: expect.stringContaining(words) });
    expect(String(error)).not.toMatch(/tell-nobody|program-secret|my keys/);
  });

  it('that fails is named, without what it says', async () => {
    const { idNow, answers } = bench();
    answers({ status: 3, stdout: 'tell-nobody' });
    const error = await idNow(program).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('it ended with 3') });
    expect(String(error)).not.toMatch(/tell-nobody|my keys/);
  });

  it.each(['/opt/keys tool', file])('is not run if another user can change %s', async (untrusted) => {
    const { idNow, ran } = bench({ untrusted });
    await expect(idNow(program)).rejects.toMatchObject({ code: 'config/untrusted-code' });
    expect(ran).toEqual([]);
  });

  it.each(['/opt/keys | cat', '/opt/keys $HOME', '/opt/keys "', ' '])(
    'needs no shell: %s',
    async (credentialProcess) => {
      const { idNow, ran } = bench();
      await expect(idNow({ credentialProcess })).rejects.toMatchObject({ code: 'config/invalid' });
      expect(ran).toEqual([]);
    },
  );
});
