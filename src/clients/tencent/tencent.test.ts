import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { createFakeApi, type FakeAnswer } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { fixedKeys } from '../http/access-keys.ts';
import { dnsError } from '../http/dns-api.ts';
import { createTencent, signTc3 } from './tencent.ts';

it('signs as tencentcloud-sdk-nodejs-common 4.1.220 does', () => {
  const authorization = signTc3({
    service: 'clb',
    host: 'clb.tencentcloudapi.com',
    timestamp: 1767225600,
    contentType: 'application/json',
    body: JSON.stringify({
      LoadBalancerId: 'lb-a1',
      ListenerId: 'lbl-1',
      Rules: [{ Domain: 'abc.example.com', Url: '/.well-known/acme-challenge/' }],
      备注: '证书',
    }),
    secretId: 'AKEXAMPLE',
    secretKey: 'SKEXAMPLE',
  });
  expect(authorization).toBe(
    'TC3-HMAC-SHA256 Credential=AKEXAMPLE/2026-01-01/clb/tc3_request, SignedHeaders=content-type;host, Signature=79c4f915d8eb97cb66b46adab0883b629a8c55a90fabb52170e098fefd3c2fb1',
  );
});

const signal = new AbortController().signal;

function bench() {
  const clock = fakeClock(undefined, { auto: true });
  const answers: FakeAnswer[] = [];
  const seen: Readonly<Record<string, string>>[] = [];
  const fake = createFakeApi({
    clock,
    origin: 'https://dnspod.tencentcloudapi.com',
    nameOf: ({ headers }) => headers['x-tc-action'] ?? '',
    routes: {
      'POST /': ({ headers }) => {
        seen.push(headers);
        return answers.shift() ?? { status: 200, body: { Response: { RecordId: 7, RequestId: 'R-0' } } };
      },
    },
  });
  const tencent = createTencent({
    ...{ http: fake.http, clock, name: 'DNSPod', service: 'dnspod', version: '2021-03-23' },
    random: { bytes: (length) => new Uint8Array(length), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    ...{ endpoint: 'https://dnspod.tencentcloudapi.com', region: 'ap-guangzhou' },
    isBusy: (code) => code === 'FailedOperation.ResourceInOperating',
    credentials: fixedKeys({
      id: new Secret('AKIDexample'),
      secret: new Secret('key-0123'),
      token: new Secret('tok-01'),
    }),
    error: (trouble) => dnsError('DNSPod', trouble),
  });
  const call = (readsOnly = false) =>
    tencent.call('CreateRecord', { Domain: 'a.test' }, (response) => response, { readsOnly, signal });
  const refuse = (Code: string, headers = {}) =>
    answers.push({
      status: 200,
      headers,
      body: { Response: { Error: { Code, Message: 'No.' }, RequestId: 'R-1' } },
    });
  return { call, tencent, answers, fake, seen, refuse, clock };
}

describe('createTencent', () => {
  it('names action, version and time, and sends the token of temporary keys', async () => {
    const { call, seen, clock } = bench();
    expect(await call()).toEqual({ RecordId: 7, RequestId: 'R-0' });
    expect(seen[0]).toMatchObject({
      'x-tc-action': 'CreateRecord',
      'x-tc-version': '2021-03-23',
      'x-tc-timestamp': String(clock.now().getTime() / 1000),
      'x-tc-token': 'tok-01',
      'x-tc-region': 'ap-guangzhou',
    });
  });

  it('waits while the service is busy with another change, for two minutes', async () => {
    const { call, fake, refuse, clock } = bench();
    for (let times = 0; times < 3; times++) refuse('FailedOperation.ResourceInOperating');
    await call();
    expect(fake.count()).toBe(4);
    for (let times = 0; times < 30; times++) refuse('FailedOperation.ResourceInOperating');
    const before = clock.monotonicMs();
    await expect(call()).rejects.toMatchObject({ code: 'dns/failed' });
    expect(clock.monotonicMs() - before).toBeGreaterThan(100_000);
    expect(clock.monotonicMs() - before).toBeLessThanOrEqual(120_000);
  });

  it('sends a secret parameter, and shows it in no error, even if the API repeats it', async () => {
    const { tencent, fake, answers } = bench();
    const pem =
      '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n';
    const send = () =>
      tencent.call('UploadCertificate', { CertificatePrivateKey: new Secret(pem), Repeatable: false }, () => 0, {
        readsOnly: false,
        signal,
      });
    await send();
    expect(fake.calls.at(-1)!.request.json()).toEqual({ CertificatePrivateKey: pem, Repeatable: false });
    for (const echo of [pem, JSON.stringify(pem), pem.split('\n')[1]!, Buffer.from(pem).toString('base64')]) {
      answers.push({
        status: 200,
        body: { Response: { Error: { Code: 'InvalidParam', Message: `bad: ${echo}` }, RequestId: 'R-1' } },
      });
      const error = await send().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'dns/refused', message: expect.stringMatching(/bad: .*\*\*\*/) });
      expect(`${String(error)} ${String((error as Error).cause)}`).not.toContain('MIGHAgEAMBMGByqGSM49');
    }
  });

  it('waits for a limit, and repeats a look after an answer that was lost, but no change', async () => {
    const { call, fake, refuse } = bench();
    refuse('RequestLimitExceeded.RequestLimitExceeded');
    await call();
    expect(fake.count()).toBe(2);
    fake.fault({ kind: 'lost' });
    await call(true);
    expect(fake.count()).toBe(4);
    fake.fault({ kind: 'lost' });
    await expect(call()).rejects.toMatchObject({ code: 'dns/unreachable' });
    expect(fake.count()).toBe(5);
  });

  it.each([
    ['AuthFailure.SecretIdNotFound', 'dns/refused', 'Check `secretId`'],
    ['AuthFailure.SignatureFailure', 'dns/refused', 'Check `secretKey`'],
    ['AuthFailure.TokenFailure', 'dns/refused', '`sessionToken` anew'],
    ['AuthFailure.SignatureExpire', 'dns/clock-skew', 'Set the clocks'],
    ['AuthFailure.UnauthorizedOperation', 'dns/refused', '"action":["dnspod:CreateRecord"]'],
    ['InternalError', 'dns/failed', 'The problem is on the provider’s side'],
    ['InvalidParameter.OperateFailed', 'dns/failed', 'The problem is on the provider’s side'],
  ])('%s', async (code, expected, hint) => {
    const { call, refuse, clock, fake } = bench();
    refuse(code, { date: new Date(clock.now().getTime() - 20 * 60_000).toUTCString() });
    await expect(call()).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining(`${code}: No (request R-1)`),
      hint: expect.stringContaining(hint),
    });
    expect(fake.count()).toBe(1);
  });
});
