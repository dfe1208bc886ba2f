import { expect, it } from 'vitest';
import { createFakeApi, type FakeAnswer } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type AlibabaKeyOptions, alibabaInstance, alibabaKeys } from './credentials.ts';

const never = new AbortController().signal;
const host = 'sts-vpc.cn-hangzhou.aliyuncs.com';
const pod = {
  roleArn: 'acs:ram::123456789012:role/certfleet',
  oidcProviderArn: 'acs:ram::123456789012:oidc-provider/ack-rrsa-c1',
  oidcTokenFile: '/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token',
};

/** STS, for the one action that needs no signature, and a kubelet that renews the token. */
function bench(options: AlibabaKeyOptions = { ...pod, stsEndpoint: host }) {
  const clock = fakeClock(undefined, { auto: true });
  let token: string | undefined = 'eyJhbGciOi.pod-token-0.c2ln';
  let made = 0;
  const nonces = new Set<string>();
  const refuse = (Code: string, Message: string): FakeAnswer => ({
    status: 400,
    body: { RequestId: 'R1', HostId: host, Code, Message },
  });
  const sts = createFakeApi({
    clock,
    origin: [`https://${host}`, 'https://sts.aliyuncs.com'],
    routes: Object.fromEntries(
      [`https://${host}`, 'https://sts.aliyuncs.com'].map((origin) => [
        `POST ${origin}/`,
        ({ url, form, headers }) => {
          const query = Object.fromEntries(url.searchParams);
          const sent = Object.fromEntries(form());
          if (headers['authorization'] !== undefined) return refuse('InvalidAction', 'it is anonymous');
          const { Action, Format, Version, Timestamp = '', SignatureNonce = '', ...more } = query;
          if (Action !== 'AssumeRoleWithOIDC' || Version !== '2015-04-01' || Format !== 'JSON')
            return refuse('InvalidAction.NotFound', 'Specified api is not found');
          const at = Date.parse(Timestamp);
          if (!/^[\d-]{10}T[\d:]{8}Z$/.test(Timestamp) || Math.abs(at - clock.now().getTime()) > 900_000)
            return refuse('InvalidTimeStamp.Expired', 'Specified time stamp is expired');
          if (SignatureNonce === '' || nonces.has(SignatureNonce)) return refuse('SignatureNonceUsed', 'used');
          nonces.add(SignatureNonce);
          const { RoleArn, OIDCProviderArn, OIDCToken, RoleSessionName = '', ...others } = sent;
          const unknown = Object.keys({ ...more, ...others });
          if (unknown.length > 0) return refuse('InvalidParameter', unknown.join());
          if (!/^[\w.@-]{2,64}$/.test(RoleSessionName)) return refuse('InvalidParameter.RoleSessionName', 'bad');
          if (OIDCProviderArn !== pod.oidcProviderArn) return refuse('AuthenticationFail.OIDCProvider', 'no provider');
          if (RoleArn !== pod.roleArn) return refuse('EntityNotExist.Role', `The role not exists: ${RoleArn}.`);
          if (OIDCToken !== token) return refuse('AuthenticationFail.OIDCToken.Invalid', `not valid: ${OIDCToken}`);
          made += 1;
          const Expiration = new Date(clock.now().getTime() + 3_600_000).toISOString();
          const Credentials = {
            ...{ AccessKeyId: `STS.${made}`, AccessKeySecret: `s${made}`, SecurityToken: `t${made}`, Expiration },
          };
          return { status: 200, body: { RequestId: 'R0', Credentials, AssumedRoleUser: { Arn: 'x' } } };
        },
      ]),
    ),
  });
  let chance = 0;
  const context = {
    ...{ http: sts.http, clock, name: 'alidns' },
    random: { bytes: (length: number) => new Uint8Array(length).fill(++chance), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    files: {
      read: async (path: string) =>
        path === pod.oidcTokenFile && token !== undefined ? new TextEncoder().encode(`${token}\n`) : undefined,
    },
  };
  const instance = alibabaInstance({ http: sts.http, name: 'alidns' });
  const keys = alibabaKeys(options, { ...context, instance });
  return {
    ...{ clock, sts, keys, id: async () => (await keys.keys(never)).id.reveal() },
    renew(next: string | undefined) {
      token = next;
    },
  };
}

it.each([{ ...pod, stsEndpoint: host }, pod, { ...pod, stsEndpoint: `https://${host}/`, roleSessionName: 'edge@1' }])(
  'the token of a pod gives keys of its role: %j',
  async (options) => {
    const { keys, sts } = bench(options);
    const { id, secret, token } = await keys.keys(never);
    expect([id, secret, token].map((one) => one?.reveal())).toEqual(['STS.1', 's1', 't1']);
    expect(sts.unknown).toEqual([]);
  },
);

it('asks again before the keys end, with the token that the file has by then, and keeps old keys meanwhile', async () => {
  const { id, clock, renew } = bench();
  expect(await Promise.all([id(), id()])).toEqual(['STS.1', 'STS.1']);
  renew(undefined);
  await clock.advance(56 * 60_000);
  expect(await id()).toBe('STS.1');
  renew('eyJhbGciOi.pod-token-1.c2ln');
  await clock.advance(60_000);
  expect(await id()).toBe('STS.2');
});

it.each<[string, Partial<typeof pod>, string]>([
  ['another role', { roleArn: 'acs:ram::1:role/x' }, 'EntityNotExist.Role: The role not exists'],
  ['another provider', { oidcProviderArn: 'acs:ram::1:oidc-provider/x' }, 'AuthenticationFail.OIDCProvider'],
  ['no token', { oidcTokenFile: '/none' }, '/none is missing or empty'],
])('names the trouble with %s', async (_what, options, words) => {
  await expect(bench({ ...pod, ...options }).id()).rejects.toMatchObject({
    ...{ code: 'config/no-metadata', exitCode: 2 },
    message: expect.stringContaining(words),
    hint: expect.stringContaining('trust policy'),
  });
});

it('shows no token, even if STS repeats it', async () => {
  const { id, sts, renew } = bench();
  renew('eyJhbGciOi.tell-nobody.c2ln');
  for (const part of ['body', 'url'] as const) {
    sts.fault({ kind: 'echo', part });
    const error = await id().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config/no-metadata' });
    expect(String(error)).not.toContain('tell-nobody');
  }
});

it.each(['roleArn', 'oidcProviderArn', 'oidcTokenFile'] as const)('names the missing %s', (option) => {
  expect(() => bench({ ...pod, [option]: undefined })).toThrow(`"${option}"`);
});
