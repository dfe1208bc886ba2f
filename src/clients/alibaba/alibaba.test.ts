import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { fixedKeys, type KeySource } from '../http/access-keys.ts';
import { balancerError } from '../http/balancer-errors.ts';
import { isRefusal } from '../http/json-api.ts';
import { bodyHash, signAcs3 } from '../signatures/alibaba.ts';
import { type AlibabaCall, createAlibaba } from './alibaba.ts';

const never = new AbortController().signal;
const id = new Secret('LTAI-example-id');
const secret = new Secret('example-secret-0123');
const change: AlibabaCall = { signal: never, mutates: true };
const look: AlibabaCall = { signal: never, mutates: false };
const asIs = <T>(answer: T): T => answer;

/** A gateway that checks each signature and nonce, and answers what the test scripts. */
function bench({ credentials = fixedKeys({ id, secret }), clock = fakeClock(undefined, { auto: true }) } = {}) {
  const nonces = new Set<string>();
  const seen: Record<string, string>[] = [];
  const answers: FakeAnswer[] = [];
  const authorize = ({ headers, url, text }: FakeRequest): FakeAnswer | undefined => {
    const { authorization, ...signed } = headers;
    const key = /Credential=([^,]+),/.exec(authorization ?? '')?.[1] ?? '';
    const query = Object.fromEntries(url.searchParams);
    const request = { method: 'POST', path: url.pathname, query, headers: signed, accessKeyId: key };
    if (headers['x-acs-content-sha256'] !== bodyHash(text)) return refusal('SignatureDoesNotMatch', 'wrong body');
    if (authorization !== signAcs3({ ...request, accessKeySecret: secret.reveal() }))
      return refusal('SignatureDoesNotMatch', `not matched. server string to sign is:POST ${authorization}`);
    const nonce = headers['x-acs-signature-nonce'] ?? '';
    if (nonces.has(nonce)) return refusal('SignatureNonceUsed', 'Specified signature nonce was used already.');
    nonces.add(nonce);
    return undefined;
  };
  const fake = createFakeApi({
    clock,
    origin: 'https://slb.cn-hangzhou.aliyuncs.com',
    authorize,
    nameOf: ({ headers }) => headers['x-acs-action'] ?? '',
    routes: {
      'POST /': ({ url, form, headers }) => {
        seen.push({ ...Object.fromEntries(url.searchParams), ...Object.fromEntries(form()), ...tokenOf(headers) });
        return answers.shift() ?? { status: 200, body: { RequestId: 'R-0', Rules: { Rule: [{ RuleId: 'rule-1' }] } } };
      },
    },
  });
  const lines: string[] = [];
  let drawn = 0;
  const actions: string[] = [];
  const alibaba = createAlibaba({
    http: fake.http,
    clock,
    random: { bytes: (length) => new Uint8Array(length).fill(drawn++), number: () => 0 },
    log: { debug: (line) => void lines.push(line), info: () => {}, warn: () => {} },
    name: 'slb',
    endpoint: 'https://slb.cn-hangzhou.aliyuncs.com',
    version: '2014-05-15',
    ram: 'slb',
    regionId: 'cn-hangzhou',
    credentials,
    error: (trouble) => balancerError('slb', trouble),
    onCall: (action) => void actions.push(action),
  });
  return { alibaba, fake, clock, answers, seen, lines, actions };
}

const tokenOf = (headers: Readonly<Record<string, string>>) =>
  headers['x-acs-security-token'] === undefined ? {} : { token: headers['x-acs-security-token'] };

const refusal = (code: string, message = 'No.', status = 400, more: object = {}): FakeAnswer => ({
  status,
  body: { RequestId: 'R-1', Code: code, Message: message, ...more },
});

const failure = async (promise: Promise<unknown>): Promise<CertfleetError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CertfleetError)) throw new Error(`not a CertfleetError: ${inspect(error)}`);
  return error;
};

describe('createAlibaba', () => {
  it('sends flat parameters with the region, and returns the answer', async () => {
    const { alibaba, seen, actions } = bench();
    const params = {
      ListenerPort: 80,
      DryRun: false,
      Gone: undefined,
      RuleList: JSON.stringify([{ Url: '/.well-known/acme-challenge/', Domain: 'ä.example' }]),
      Tag: [{ Key: 'owner é*~', Value: "it's (me)!" }],
      Ids: ['a', 'b'],
    };
    expect(await alibaba.call('CreateRules', params, asIs, change)).toMatchObject({ RequestId: 'R-0' });
    expect(seen).toEqual([
      {
        RegionId: 'cn-hangzhou',
        ListenerPort: '80',
        DryRun: 'false',
        RuleList: '[{"Url":"/.well-known/acme-challenge/","Domain":"ä.example"}]',
        'Tag.1.Key': 'owner é*~',
        'Tag.1.Value': "it's (me)!",
        'Ids.1': 'a',
        'Ids.2': 'b',
      },
    ]);
    expect(actions).toEqual(['CreateRules']);
  });

  it('sends a secret as the vendor’s SDKs do, and never shows it', async () => {
    const { alibaba, fake, seen, lines } = bench();
    const PrivateKey = new Secret('-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAabcdefghijklmnop+/==\n-----END…');
    await alibaba.call('UploadServerCertificate', { PrivateKey, ServerCertificate: 'C' }, asIs, change);
    expect(seen[0]).toEqual({ RegionId: 'cn-hangzhou', PrivateKey: PrivateKey.reveal(), ServerCertificate: 'C' });
    fake.fault({ kind: 'echo' });
    const error = await failure(alibaba.call('UploadServerCertificate', { PrivateKey }, asIs, change));
    for (let at: unknown = error; at; at = (at as { cause?: unknown }).cause)
      for (const part of ['MHcCAQ', 'example-secret', 'LTAI-example-id'])
        expect(inspect(at, { depth: 9 }) + lines.join()).not.toContain(part);
  });

  it.each(['BackendServer.configuring', 'ServiceIsConfiguring', 'RspoolVipExist', 'Throttling', 'Throttling.User'])(
    'waits after %s, and repeats the call with a new nonce',
    async (code) => {
      const { alibaba, answers, clock, seen, actions } = bench();
      answers.push(refusal(code, 'Wait.', 409), refusal(code, 'Wait.', 409));
      const call = { ...change, busyCodes: ['RspoolVipExist'] };
      expect(await alibaba.call('DeleteVServerGroup', {}, asIs, call)).toMatchObject({ RequestId: 'R-0' });
      expect(clock.sleeps).toEqual([1_000, 2_000]);
      expect(seen).toHaveLength(3);
      expect(actions).toHaveLength(3);
    },
  );

  it.each([
    ['ServiceIsConfiguring', 'balancer/busy', 'slb was still applying another change after 115 s, so CreateRules'],
    [
      'Throttling.User',
      'balancer/limited',
      'slb is not accepting more calls at the moment (CreateRules): Throttling.User',
    ],
  ])('gives up after a while of %s', async (code, expected, words) => {
    const { alibaba, answers, clock } = bench();
    for (let i = 0; i < 50; i++) answers.push(refusal(code, 'Wait.'));
    const error = await failure(alibaba.call('CreateRules', {}, asIs, change));
    expect(error).toMatchObject({ code: expected, retry: 'later' });
    expect(error.message).toContain(words);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(120_000);
    expect(error.message).toContain('(request R-1)');
  });

  it('names the action and the smallest statement where a permission is missing', async () => {
    const { alibaba, answers } = bench();
    answers.push(refusal('Forbidden.RAM', 'User not authorized to operate on the specified resource.', 403));
    const error = await failure(alibaba.call('CreateRules', {}, asIs, change));
    expect(error).toMatchObject({
      code: 'balancer/refused',
      message:
        'slb refused CreateRules: Forbidden.RAM: User not authorized to operate on the specified resource (request R-1)',
      hint: 'Nothing was changed. The RAM user or role lacks slb:CreateRules. Add to its policy: {"Effect":"Allow","Action":"slb:CreateRules","Resource":"acs:slb:cn-hangzhou:*:*"}',
    });
    answers.push(refusal('NoPermission', 'No.', 403, { AccessDeniedDetail: { AuthAction: 'ecs:DescribeInstances' } }));
    const other = await failure(alibaba.call('CreateVServerGroup', {}, asIs, change));
    expect(other.hint).toContain('{"Effect":"Allow","Action":"ecs:DescribeInstances","Resource":"*"}');
  });

  it.each([
    ['InvalidAccessKeyId.NotFound', 404, 'balancer/refused', 'Check the AccessKey ID'],
    ['SignatureDoesNotMatch', 400, 'balancer/refused', 'Check the AccessKey secret'],
    ['InvalidSecurityToken.Expired', 400, 'balancer/refused', 'The security token is expired'],
    ['InvalidTimeStamp.Expired', 400, 'balancer/refused', 'it is 20 minutes ahead of Alibaba Cloud’s'],
    ['InvalidLoadBalancerId.NotFound', 404, 'balancer/not-found', 'Check the region'],
    ['InvalidParameter', 404, 'balancer/not-found', 'Check the region'],
    ['TooManyRules', 400, 'balancer/quota', 'Remove resources that are no longer needed'],
    ['ServerCertificateQuotaExceeded', 400, 'balancer/quota', 'Remove resources that are no longer needed'],
    ['UrlMalformed', 400, 'balancer/refused', 'Check the settings of this balancer'],
    ['InternalError', 500, 'balancer/failed', 'The service has a problem'],
    ['SignatureNonceUsed', 400, 'balancer/failed', 'The service has a problem'],
  ])('%s', async (code, status, expected, hint) => {
    const clock = fakeClock(undefined, { auto: true });
    const { alibaba, answers, fake } = bench({ clock });
    const date = new Date(clock.now().getTime() - 20 * 60_000).toUTCString();
    answers.push({ ...refusal(code, 'No.', status), headers: { date } });
    const error = await failure(alibaba.call('CreateRules', {}, asIs, change));
    expect(error.code).toBe(expected);
    expect(error.message).toContain(`${code}: No (request R-1)`);
    expect(error.hint).toContain(hint);
    expect(isRefusal(error, code)).toBe(true);
    expect(fake.count('CreateRules')).toBe(1);
  });

  it('does not repeat what SignatureDoesNotMatch says was signed', async () => {
    const { alibaba } = bench({ credentials: fixedKeys({ id, secret: new Secret('another-secret') }) });
    const error = await failure(alibaba.call('DescribeRules', {}, asIs, look));
    expect(error.message).toBe('slb refused DescribeRules: SignatureDoesNotMatch: not matched (request R-1)');
  });

  it('repeats a look, but no change, after a lost answer', async () => {
    const { alibaba, fake } = bench();
    fake.fault({ kind: 'lost' });
    expect(await alibaba.call('DescribeRules', {}, asIs, look)).toMatchObject({ RequestId: 'R-0' });
    fake.fault({ kind: 'lost' });
    const error = await failure(alibaba.call('CreateRules', {}, asIs, change));
    expect(error.code).toBe('balancer/unreachable');
    expect(error.message).toContain('slb.cn-hangzhou.aliyuncs.com: the connection was closed');
    expect(fake.count('CreateRules')).toBe(1);
  });

  it('sends the token of temporary keys, and asks once for others if they have expired', async () => {
    let renewed = 0;
    const credentials: KeySource = {
      keys: async () => ({ id, secret, token: new Secret(`sts-token-${renewed}`) }),
      renew: () => {
        renewed += 1;
        return true;
      },
    };
    const { alibaba, answers, seen } = bench({ credentials });
    answers.push(refusal('InvalidSecurityToken.Expired'));
    await alibaba.call('CreateRules', {}, asIs, change);
    expect(seen.map(({ token }) => token)).toEqual(['sts-token-0', 'sts-token-1']);
    answers.push(refusal('InvalidSecurityToken.Expired'), refusal('InvalidSecurityToken.Expired'));
    expect(await failure(alibaba.call('CreateRules', {}, asIs, change))).toMatchObject({ code: 'balancer/refused' });
    expect(renewed).toBe(2);
  });
});
