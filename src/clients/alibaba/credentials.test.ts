import { describe, expect, it } from 'vitest';
import { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import type { Http, HttpRequest } from '../../ports/http.ts';
import { createFakeApi, type FakeAnswer } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { alibabaInstance, alibabaKeys } from './credentials.ts';

const never = new AbortController().signal;
const base = '/latest/meta-data';

/** The metadata server of an ECS instance, hardened or not. */
function bench({ hardened = true, role = 'certfleet' } = {}) {
  const clock = fakeClock();
  let made = 0;
  let answer: FakeAnswer | undefined;
  const lifeMs = 6 * 3_600_000;
  const fake = createFakeApi({
    clock,
    origin: 'http://100.100.100.200',
    authorize: ({ method, headers }) =>
      !hardened || method === 'PUT' || headers['x-aliyun-ecs-metadata-token'] === 'T0' ? undefined : { status: 403 },
    routes: {
      'PUT /latest/api/token': ({ headers }) =>
        hardened && headers['x-aliyun-ecs-metadata-token-ttl-seconds'] === '60'
          ? { status: 200, body: 'T0' }
          : { status: 404 },
      [`GET ${base}/instance-id`]: () => ({ status: 200, body: 'i-bp1example' }),
      [`GET ${base}/region-id`]: () => ({ status: 200, body: 'cn-hangzhou' }),
      [`GET ${base}/private-ipv4`]: () => ({ status: 200, body: '172.16.0.9' }),
      [`GET ${base}/ram/security-credentials/`]: () =>
        role === '' ? { status: 404, body: '<html>' } : { status: 200, body: role },
      [`GET ${base}/ram/security-credentials/certfleet`]: () => {
        if (answer) return answer;
        made += 1;
        const Expiration = new Date(clock.now().getTime() + lifeMs).toISOString();
        const keys = { AccessKeyId: `STS.${made}`, AccessKeySecret: `s${made}`, SecurityToken: `t${made}` };
        return { status: 200, body: { ...keys, Expiration, Code: 'Success' } };
      },
    },
  });
  const connected: HttpRequest['connectTo'][] = [];
  const http: Http = {
    request: (request) => {
      connected.push(request.connectTo);
      return fake.http.request(request);
    },
    close: async () => {},
  };
  const instance = alibabaInstance({ http, name: 'slb' });
  const context = {
    ...{ http, clock, name: 'slb' },
    random: { bytes: (length: number) => new Uint8Array(length), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    files: { read: async () => undefined },
  };
  const keys = alibabaKeys({}, { ...context, instance });
  const idNow = async () => (await keys.keys(never)).id.reveal();
  return {
    clock,
    fake,
    instance,
    context,
    keys,
    idNow,
    connected,
    lifeMs,
    answers(next?: FakeAnswer) {
      answer = next;
    },
  };
}

describe('the instance', () => {
  it.each([true, false])('says who it is, and gives the keys of its role (hardened: %s)', async (hardened) => {
    const { instance, keys, connected, fake } = bench({ hardened });
    expect(await instance.instanceId(never)).toBe('i-bp1example');
    expect(await instance.region(never)).toBe('cn-hangzhou');
    expect(await instance.privateAddress(never)).toBe('172.16.0.9');
    const { id, secret, token } = await keys.keys(never);
    expect([id, secret, token].map((one) => one?.reveal())).toEqual(['STS.1', 's1', 't1']);
    expect(new Set(connected.map((to) => `${to?.address}:${to?.port}`))).toEqual(new Set(['100.100.100.200:80']));
    expect(fake.unknown).toEqual([]);
  });

  it('fetches keys once for many calls, again shortly before they expire, and keeps old ones meanwhile', async () => {
    const { clock, keys, idNow, lifeMs, answers } = bench();
    expect(await Promise.all([idNow(), idNow(), idNow()])).toEqual(['STS.1', 'STS.1', 'STS.1']);
    await clock.advance(lifeMs - 6 * 60_000);
    expect(await idNow()).toBe('STS.1');
    await clock.advance(2 * 60_000);
    answers({ status: 500 });
    expect(await idNow()).toBe('STS.1');
    answers(undefined);
    expect(await idNow()).toBe('STS.1');
    await clock.advance(30_000);
    expect(await idNow()).toBe('STS.2');
    expect(keys.renew()).toBe(true);
    expect(keys.renew()).toBe(false);
    expect(await idNow()).toBe('STS.3');
    await clock.advance(lifeMs);
    answers({ status: 500 });
    await expect(idNow()).rejects.toMatchObject({ code: 'config/no-metadata' });
  });

  const wrong: readonly (readonly [string, FakeAnswer, string])[] = [
    ['no JSON', { status: 200, body: 'x' }, 'the answer with the keys is not JSON'],
    ['a code', { status: 200, body: { Code: 'Failed' } }, 'the keys are not available: Failed'],
    [
      'no field',
      { status: 200, body: { Code: 'Success', Expiration: '2026-11-25T00:00:00Z', AccessKeyId: 'tell-nobody' } },
      'AccessKeySecret is missing',
    ],
    ['no date', { status: 200, body: { Expiration: 'soon' } }, 'Expiration is no date'],
  ];
  it.each(wrong)('names the trouble with %s, without a value', async (_name, answer, words) => {
    const { idNow, answers } = bench();
    answers(answer);
    const error = await idNow().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CertfleetError);
    expect(error).toMatchObject({ code: 'config/no-metadata', message: expect.stringContaining(words), exitCode: 2 });
    expect(String(error)).not.toContain('tell-nobody');
  });

  it('says what to do without a role, and away from Alibaba Cloud', async () => {
    await expect(bench({ role: '' }).idNow()).rejects.toMatchObject({
      message:
        'slb needs an AccessKey, but the metadata server of this machine did not provide it: no RAM role is attached to this instance',
      hint: expect.stringContaining('attach a RAM role'),
    });
    const { fake, idNow, instance } = bench();
    fake.fault({ kind: 'unreachable' }, { times: 4 });
    await expect(idNow()).rejects.toMatchObject({ message: expect.stringContaining('100.100.100.200 did not answer') });
    await expect(instance.instanceId(never)).rejects.toMatchObject({ hint: expect.stringContaining('Give `backend`') });
  });
});

it('uses given keys alone, and names the missing one', async () => {
  const { instance, context: others } = bench();
  const context = { ...others, instance };
  const [accessKeyId, accessKeySecret, securityToken] = [new Secret('a'), new Secret('b'), new Secret('c')];
  expect(await alibabaKeys({ accessKeyId, accessKeySecret }, context).keys(never)).toEqual({
    id: accessKeyId,
    secret: accessKeySecret,
  });
  const all = alibabaKeys({ accessKeyId, accessKeySecret, securityToken }, context);
  expect(await all.keys(never)).toMatchObject({ token: securityToken });
  expect(all.renew()).toBe(false);
  expect(() => alibabaKeys({ accessKeyId }, context)).toThrow('"accessKeySecret"');
  expect(() => alibabaKeys({ accessKeySecret }, context)).toThrow('"accessKeyId"');
});
