import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import type { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import type { FileStat } from '../../ports/files.ts';
import type { Http, HttpRequest } from '../../ports/http.ts';
import { createFakeApi } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { awsInstance, awsKeySource } from './credentials.ts';
import type { AwsKeyOptions } from './profile.ts';

const never = new AbortController().signal;

/** The metadata server, the credentials of a container, and STS. */
function bench(options: AwsKeyOptions = {}, { role = 'certfleet' } = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const expires = () => new Date(clock.now().getTime() + 6 * 3_600_000).toISOString();
  const made = { AccessKeyId: 'ASIA1', SecretAccessKey: 's3cret', Token: 't0ken', Expiration: expires() };
  const metadata = createFakeApi({
    clock,
    origin: 'http://169.254.169.254',
    authorize: ({ method, headers }) =>
      method === 'PUT' || headers['x-aws-ec2-metadata-token'] === 'T0' ? undefined : { status: 401 },
    routes: {
      'PUT /latest/api/token': ({ headers }) =>
        headers['x-aws-ec2-metadata-token-ttl-seconds'] === '60' ? { status: 200, body: 'T0' } : { status: 400 },
      'GET /latest/meta-data/instance-id': () => ({ status: 200, body: 'i-0abc' }),
      'GET /latest/meta-data/placement/region': () => ({ status: 200, body: 'eu-west-1' }),
      'GET /latest/meta-data/local-ipv4': () => ({ status: 200, body: '10.0.0.9' }),
      'GET /latest/meta-data/iam/security-credentials/': () =>
        role === '' ? { status: 404 } : { status: 200, body: role },
      'GET /latest/meta-data/iam/security-credentials/certfleet': () => ({
        status: 200,
        body: { ...made, Code: 'Success' },
      }),
    },
  });
  const container = (origin: string) =>
    createFakeApi({
      clock,
      origin,
      authorize: ({ headers }) => (headers['authorization'] === 'pod-token' ? undefined : { status: 401 }),
      routes: { 'GET /v2/credentials/*': () => ({ status: 200, body: { ...made, AccessKeyId: 'ASIA2' } }) },
    });
  const sts = createFakeApi({
    clock,
    origin: 'https://sts.eu-west-1.amazonaws.com',
    routes: {
      'POST /': ({ form }) => {
        const sent = form();
        if (sent.get('WebIdentityToken') !== 'jwt-0123456789')
          return {
            status: 400,
            body: `<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>bad ${sent.get('WebIdentityToken')}</Message></Error></ErrorResponse>`,
          };
        return {
          status: 200,
          body: `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA3</AccessKeyId><SecretAccessKey>${sent.get('Action')}</SecretAccessKey><SessionToken>${sent.get('RoleArn')}</SessionToken><Expiration>${expires()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
        };
      },
    },
  });
  const ecs = container('http://169.254.170.2');
  const loopback = container('http://127.0.0.1:8080');
  const all: Readonly<Record<string, Http>> = {
    '169.254.169.254': metadata.http,
    '169.254.170.2': ecs.http,
    '127.0.0.1:8080': loopback.http,
    'sts.eu-west-1.amazonaws.com': sts.http,
  };
  const direct: (string | undefined)[] = [];
  const http: Http = {
    request: (request: HttpRequest) => {
      const { host } = new URL(request.url);
      direct.push(request.connectTo?.address);
      return all[host]!.request(request);
    },
    close: async () => {},
  };
  const contents: Record<string, string> = {
    '/token': 'pod-token\n',
    '/jwt': 'jwt-0123456789\n',
    '/old': 'old-jwt-9876543210',
    '/home/me/.aws/credentials': '[default]',
  };
  const context = {
    http,
    clock,
    random: { bytes: () => new Uint8Array(), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    files: {
      read: async (path: string) =>
        contents[path] === undefined ? undefined : new TextEncoder().encode(contents[path]),
      stat: async (path: string) => (contents[path] === undefined ? undefined : ({ kind: 'file' } as FileStat)),
      list: async () => undefined,
      untrusted: async () => undefined,
      user: () => 0,
    },
    processes: fakeProcesses(),
    home: '/nowhere',
    name: 'alb',
    region: 'eu-west-1',
  };
  const idNow = async () => (await awsKeySource(options, context).keys(never)).id.reveal();
  return { idNow, context, direct, metadata };
}

describe('awsKeySource', () => {
  const [accessKeyId, secretAccessKey] = [new Secret('AKIA'), new Secret('s')];
  const web = { roleArn: 'arn:role', webIdentityTokenFile: '/jwt' };
  const cases: readonly (readonly [string, AwsKeyOptions, string])[] = [
    ['given keys before anything else', { accessKeyId, secretAccessKey, ...web }, 'AKIA'],
    ['a web identity', { ...web, containerCredentialsPath: '/v2/credentials/x' }, 'ASIA3'],
    ['ECS', { containerCredentialsPath: '/v2/credentials/x', containerToken: new Secret('pod-token') }, 'ASIA2'],
    [
      'a URL',
      { containerCredentialsUrl: 'http://127.0.0.1:8080/v2/credentials/', containerTokenFile: '/token' },
      'ASIA2',
    ],
    ['the role of the instance', {}, 'ASIA1'],
  ];
  it.each(cases)('%s', async (_name, options, id) => {
    const { idNow, direct } = bench(options);
    expect(await idNow()).toBe(id);
    // Only STS is reached through a proxy.
    expect(direct.every((address) => (id === 'ASIA3') === (address === undefined))).toBe(true);
  });

  it('names the file that the tools of AWS have, but does not read it', async () => {
    const { context, metadata } = bench();
    metadata.fault({ kind: 'lost' }, { times: 10 });
    const help = async (home: string) => {
      const error: unknown = await awsKeySource({}, { ...context, home })
        .keys(never)
        .catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'config/no-metadata' });
      return (error as CertfleetError).hint;
    };
    expect(await help('/nowhere')).toContain('the option `credentials` with a file like ~/.aws/credentials');
    expect(await help('/home/me')).toContain('add --dns-option credentials=/home/me/.aws/credentials;');
  });

  it('reads all parts of temporary keys', async () => {
    const { context } = bench();
    const keys = await awsKeySource(web, context).keys(never);
    expect(keys.secret.reveal()).toBe('AssumeRoleWithWebIdentity');
    expect(keys.token?.reveal()).toBe('arn:role');
  });

  it.each([
    [{ accessKeyId }, 'config/credential-missing', '"secretAccessKey"'],
    [{ containerCredentialsUrl: 'http://evil.test/x' }, 'config/invalid', 'must be https, or http to this machine'],
    [{ containerCredentialsPath: '@evil.test/x' }, 'config/invalid', 'is not a URL'],
    [
      { containerCredentialsPath: '/v2/credentials/x' },
      'config/no-metadata',
      '169.254.170.2 did not provide it: it answered HTTP 401',
    ],
    [
      { containerCredentialsPath: '/v2/credentials/x', containerTokenFile: '/none' },
      'config/no-metadata',
      '/none is missing or empty',
    ],
    [{ ...web, webIdentityTokenFile: '/old' }, 'config/no-metadata', 'InvalidIdentityToken: bad ***'],
  ] as const)('%j: %s', async (options: AwsKeyOptions, code, words) => {
    const error = await bench(options)
      .idNow()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words), exitCode: 2 });
    expect(String(error)).not.toContain('old-jwt');
  });

  it('says what to do where there is no role', async () => {
    await expect(bench({}, { role: '' }).idNow()).rejects.toMatchObject({
      message: expect.stringContaining('no IAM role is attached to this instance'),
      hint: expect.stringContaining('attach an IAM role'),
    });
    const { metadata, idNow } = bench();
    metadata.fault({ kind: 'unreachable' }, { times: 2 });
    await expect(idNow()).rejects.toMatchObject({ message: expect.stringContaining('169.254.169.254 did not answer') });
  });
});

it('knows the instance', async () => {
  const { context } = bench();
  const instance = awsInstance(context);
  expect(await instance.instanceId(never)).toBe('i-0abc');
  expect(await instance.region(never)).toBe('eu-west-1');
  expect(await instance.privateAddress(never)).toBe('10.0.0.9');
});
