import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { fixedKeys, type KeySource } from '../http/access-keys.ts';
import { balancerError } from '../http/balancer-errors.ts';
import { isRefusal } from '../http/json-api.ts';
import { xmlText } from '../http/xml.ts';
import { signV4 } from '../signatures/aws.ts';
import { type AwsCall, awsEndpoint, createAwsJson, createAwsQuery, xmlMembers } from './aws.ts';

const never = new AbortController().signal;
const keys = { id: new Secret('AKIA-example-id'), secret: new Secret('example/secret+0123') };
const change: AwsCall = { signal: never, mutates: true };
const look: AwsCall = { signal: never, mutates: false };
const asIs = <T>(answer: T): T => answer;

/** Both protocols behind a gateway that checks each signature. */
function bench({ credentials = fixedKeys(keys) } = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const seen: string[] = [];
  const answers: FakeAnswer[] = [];
  const authorize = ({ method, headers, url, text }: FakeRequest): FakeAnswer | undefined => {
    const { authorization = '', ...sent } = headers;
    const names = /SignedHeaders=([^,]+),/.exec(authorization)?.[1]?.split(';') ?? [];
    const signed = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
    const [, region = '', service = ''] = /\/(?:\d+)\/([\w-]+)\/(\w+)\/aws4_request/.exec(authorization) ?? [];
    const date = sent['x-amz-date'] ?? '';
    const now = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    const again = signV4({ method, url, headers: signed, body: text, region, service, now }, keys);
    return authorization === again['authorization']
      ? undefined
      : xmlError('SignatureDoesNotMatch', 'No match. The Canonical String for this request should have been\nPOST');
  };
  const json = (answer: FakeAnswer): FakeAnswer => ({
    ...answer,
    headers: { 'x-amzn-requestid': 'R-2', ...answer.headers },
  });
  const fakes = ['elasticloadbalancing', 'acm'].map((service) =>
    createFakeApi({
      clock,
      origin: `https://${service}.eu-west-1.amazonaws.com`,
      authorize,
      routes: {
        'POST /': ({ text, headers }) => {
          seen.push(headers['x-amz-target'] === undefined ? text : `${headers['x-amz-target']} ${text}`);
          if (headers['x-amz-security-token'] !== undefined) seen.push(headers['x-amz-security-token']);
          const answer = answers.shift();
          return service === 'acm'
            ? json(answer ?? { status: 200, body: { CertificateArn: 'arn:1' } })
            : (answer ?? rules);
        },
      },
    }),
  );
  const [elb, acm] = fakes as [(typeof fakes)[0], (typeof fakes)[0]];
  const lines: string[] = [];
  const options = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length), number: () => 0 },
    log: { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} },
    name: 'alb',
    region: 'eu-west-1',
    credentials,
    error: (trouble: Parameters<typeof balancerError>[1]) => balancerError('alb', trouble),
  };
  const query = createAwsQuery({ ...options, http: elb.http, service: 'elasticloadbalancing', version: '2015-12-01' });
  const acmApi = createAwsJson({ ...options, http: acm.http, service: 'acm', target: 'CertificateManager' });
  return { query, acm: acmApi, elbFake: elb, acmFake: acm, seen, answers, clock, lines };
}

const xml = (status: number, body: string): FakeAnswer => ({ status, headers: { 'content-type': 'text/xml' }, body });
const rules = xml(
  200,
  '<DescribeRulesResponse><DescribeRulesResult><Rules><member><RuleArn>arn:r</RuleArn></member></Rules><None/></DescribeRulesResult><ResponseMetadata><RequestId>R</RequestId></ResponseMetadata></DescribeRulesResponse>',
);
const xmlError = (code: string, message = 'No.', status = 400): FakeAnswer =>
  xml(
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>R-1</RequestId></ErrorResponse>`,
  );

const failure = async (promise: Promise<unknown>): Promise<CertfleetError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CertfleetError)) throw new Error(`not a CertfleetError: ${inspect(error)}`);
  return error;
};

it('knows the endpoints of China', () => {
  expect(awsEndpoint('acm', 'eu-west-1')).toBe('https://acm.eu-west-1.amazonaws.com');
  expect(awsEndpoint('acm', 'cn-north-1')).toBe('https://acm.cn-north-1.amazonaws.com.cn');
});

describe('the query protocol', () => {
  it('sends nested parameters, and reads the result', async () => {
    const { query, seen } = bench();
    const params = {
      ListenerArn: 'arn:l',
      Priority: 2,
      Gone: undefined,
      Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/.well-known/*', 'ä'] } }],
      Tags: [{ Key: 'a b', Value: '' }],
    };
    const result = await query.call('DescribeRules', params, asIs, look);
    expect(xmlMembers(result, 'Rules').map((rule) => xmlText(rule, 'RuleArn'))).toEqual(['arn:r']);
    expect(xmlMembers(result, 'None')).toEqual([]);
    expect(() => xmlMembers(result, 'Gone')).toThrow('Gone is missing');
    expect(Object.fromEntries(new URLSearchParams(seen[0]))).toEqual({
      Action: 'DescribeRules',
      Version: '2015-12-01',
      ListenerArn: 'arn:l',
      Priority: '2',
      'Conditions.member.1.Field': 'path-pattern',
      'Conditions.member.1.PathPatternConfig.Values.member.1': '/.well-known/*',
      'Conditions.member.1.PathPatternConfig.Values.member.2': 'ä',
      'Tags.member.1.Key': 'a b',
      'Tags.member.1.Value': '',
    });
  });

  it('accepts an action without a result, and no other answer', async () => {
    const { query, answers } = bench();
    answers.push(xml(200, '<DeleteRuleResponse/>'), xml(200, '<html/>'), xml(200, '{}'));
    expect(await query.call('DeleteRule', {}, asIs, change)).toMatchObject({ children: [] });
    expect((await failure(query.call('DeleteRule', {}, asIs, change))).message).toContain(
      'it is no DeleteRuleResponse',
    );
    expect((await failure(query.call('DeleteRule', {}, asIs, change))).code).toBe('balancer/failed');
  });

  it.each(['Throttling', 'RequestLimitExceeded', 'ResourceInUse'])('waits after %s', async (code) => {
    const { query, answers, clock } = bench();
    answers.push(xmlError(code), xmlError(code), xml(200, '<DeleteTargetGroupResponse/>'));
    await query.call('DeleteTargetGroup', {}, asIs, { ...change, busyCodes: ['ResourceInUse'] });
    expect(clock.sleeps).toEqual([1_000, 2_000]);
  });

  it.each([
    ['InvalidClientTokenId', 'No.', 'balancer/refused', 'Check the access key id'],
    [
      'SignatureDoesNotMatch',
      'Signature expired: 2026 is now earlier than 2027',
      'balancer/refused',
      'Set this machine’s clock',
    ],
    ['RuleNotFound', 'No.', 'balancer/not-found', 'Check the region'],
    ['TooManyRules', 'No.', 'balancer/quota', 'Remove resources that are no longer needed'],
    ['PriorityInUse', 'No.', 'balancer/refused', 'Check the settings'],
    [
      'AccessDenied',
      'User: arn:aws:iam::1:user/u is not authorized to perform: elasticloadbalancing:CreateRule on resource: arn:aws:elb:l/1 because no policy allows it',
      'balancer/refused',
      '{"Effect":"Allow","Action":"elasticloadbalancing:CreateRule","Resource":"arn:aws:elb:l/1"}',
    ],
    [
      'AccessDenied',
      'No.',
      'balancer/refused',
      '{"Effect":"Allow","Action":"elasticloadbalancing:CreateRule","Resource":"*"}',
    ],
    ['ExpiredToken', 'No.', 'balancer/refused', 'The session token is expired'],
  ])('%s', async (code, message, expected, hint) => {
    const { query, answers, elbFake } = bench();
    answers.push(xmlError(code, message));
    const error = await failure(query.call('CreateRule', {}, asIs, change));
    expect(error.code).toBe(expected);
    expect(error.hint).toContain(hint);
    expect(error.message).toContain(`${code}: `);
    expect(error.message).toContain('(request R-1)');
    expect(isRefusal(error, code)).toBe(true);
    expect(elbFake.count()).toBe(1);
  });

  it('checks the secret, without repeating what was signed', async () => {
    const { query } = bench({ credentials: fixedKeys({ ...keys, secret: new Secret('another') }) });
    const error = await failure(query.call('DescribeRules', {}, asIs, look));
    expect(error.message).toBe('alb refused DescribeRules: SignatureDoesNotMatch: No match (request R-1)');
    expect(error.hint).toContain('Check the secret access key');
  });

  it('repeats a look, but no change, after a lost answer', async () => {
    const { query, elbFake } = bench();
    elbFake.fault({ kind: 'lost' });
    await query.call('DescribeRules', {}, asIs, look);
    expect(elbFake.count()).toBe(2);
    elbFake.fault({ kind: 'lost' });
    expect(await failure(query.call('CreateRule', {}, asIs, change))).toMatchObject({ code: 'balancer/unreachable' });
    expect(elbFake.count()).toBe(3);
  });
});

describe('the JSON protocol', () => {
  it('sends a secret, reads the answer, and shows no secret', async () => {
    const { acm, acmFake, seen, lines } = bench();
    const PrivateKey = new Secret('LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t');
    const params = { Certificate: 'Qw==', PrivateKey, Tags: [{ Key: 'owner', Value: 'x' }] };
    expect(await acm.call('ImportCertificate', params, asIs, change)).toEqual({ CertificateArn: 'arn:1' });
    expect(seen).toEqual([
      `CertificateManager.ImportCertificate {"Certificate":"Qw==","PrivateKey":"${PrivateKey.reveal()}","Tags":[{"Key":"owner","Value":"x"}]}`,
    ]);
    acmFake.fault({ kind: 'echo' });
    const error = await failure(acm.call('ImportCertificate', params, asIs, change));
    for (let at: unknown = error; at; at = (at as { cause?: unknown }).cause)
      for (const part of ['LS0tLS1', 'example/secret', 'AKIA-example-id'])
        expect(inspect(at, { depth: 9 }) + lines.join()).not.toContain(part);
  });

  it('accepts an empty answer', async () => {
    const { acm, answers } = bench();
    answers.push({ status: 200 });
    expect(await acm.call('DeleteCertificate', {}, asIs, change)).toEqual({});
  });

  it.each([
    [
      { __type: 'com.amazonaws.acm#ResourceNotFoundException', message: 'No.' },
      'balancer/not-found',
      'ResourceNotFoundException',
    ],
    [{ __type: 'LimitExceededException', Message: 'No.' }, 'balancer/quota', 'LimitExceededException'],
    [{ __type: 'AccessDeniedException', Message: 'No.' }, 'balancer/refused', 'AccessDeniedException'],
  ])('%j', async (body, code, said) => {
    const { acm, answers } = bench();
    answers.push({ status: 400, body });
    const error = await failure(acm.call('DeleteCertificate', {}, asIs, change));
    expect(error).toMatchObject({ code, message: expect.stringContaining(`${said}: No (request R-2)`) });
  });

  it('sends the token of temporary keys, and asks once for others if they have expired', async () => {
    let renewed = 0;
    const credentials: KeySource = {
      keys: async () => ({ ...keys, token: new Secret(`token-${renewed}`) }),
      renew: () => {
        renewed += 1;
        return true;
      },
    };
    const { acm, answers, seen } = bench({ credentials });
    answers.push({ status: 400, body: { __type: 'ExpiredTokenException', message: 'No.' } });
    await acm.call('ListCertificates', {}, asIs, look);
    expect(seen.filter((one) => one.startsWith('token'))).toEqual(['token-0', 'token-1']);
  });
});
