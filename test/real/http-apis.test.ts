import { afterEach, describe, expect, it } from 'vitest';
import { createAlibaba } from '../../src/clients/alibaba/alibaba.ts';
import { alibabaInstance, alibabaKeys } from '../../src/clients/alibaba/credentials.ts';
import { fixedKeys } from '../../src/clients/http/access-keys.ts';
import { balancerError } from '../../src/clients/http/balancer-errors.ts';
import { signAcs3 } from '../../src/clients/signatures/alibaba.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { neverArrived } from '../../src/core/errors/unsent.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { World } from '../../src/ports/world.ts';
import { createFakeApi, type FakeApi, type FakeRequest } from '../../src/testing/fake-api.ts';
import { type ServedApi, serveFakeApi } from '../support/serve-fake-api.ts';

const { signal } = new AbortController();
const asIs = <T>(answer: T): T => answer;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(make: (origin: string) => FakeApi): Promise<ServedApi> {
  const served = await serveFakeApi(make);
  ends.push(served.close);
  return served;
}

function worldOf(env: Record<string, string> = {}): { world: World; lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string) => void lines.push(line);
  const world = createWorld({ env, log: { debug: keep, info: keep, warn: keep } });
  ends.push(() => world.close());
  return { world, lines };
}

const id = new Secret('LTAI-example-id');
const secret = new Secret('example-secret-0123');

describe('a client of Alibaba Cloud over the real HTTP client', () => {
  async function bench(keys = { id, secret }) {
    let fake!: FakeApi;
    const bodies: string[] = [];
    const authorize = ({ headers, url, method }: FakeRequest) => {
      const { authorization, ...sent } = headers;
      const signed = Object.fromEntries(Object.entries(sent).filter(([name]) => authorization?.includes(name)));
      const query = Object.fromEntries(url.searchParams);
      const mine = { method, path: url.pathname, query, headers: signed };
      const wanted = signAcs3({ ...mine, accessKeyId: id.reveal(), accessKeySecret: secret.reveal() });
      return authorization === wanted
        ? undefined
        : { status: 400, body: { Code: 'SignatureDoesNotMatch', Message: 'No.' } };
    };
    const { origin } = await serve((at) => {
      fake = createFakeApi({
        clock: systemClock,
        origin: at,
        authorize,
        nameOf: ({ headers }) => headers['x-acs-action'] ?? '',
        routes: {
          'POST /': ({ text, url }) => {
            bodies.push(text || url.search);
            return { status: 200, body: { RequestId: 'R' } };
          },
        },
      });
      return fake;
    });
    const { world, lines } = worldOf();
    const { clock, random, log } = world;
    const alibaba = createAlibaba({
      ...{ http: world.http(), clock, random, log, name: 'slb', endpoint: origin },
      ...{ version: '2014-05-15', ram: 'slb', regionId: 'cn-hangzhou' },
      credentials: fixedKeys(keys),
      error: (trouble) => balancerError('slb', trouble),
    });
    return { alibaba, fake, bodies, lines };
  }

  it('signs what really arrives: the host with its port, the query, a body in UTF-8', async () => {
    const { alibaba, bodies } = await bench();
    const params = { Name: "é *~'()!", Tag: [{ Key: 'a+b', Value: '&=' }] };
    await alibaba.call('CreateRules', params, asIs, { signal, mutates: true });
    await alibaba.call('Upload', { ...params, PrivateKey: new Secret('k é\n') }, asIs, { signal, mutates: true });
    const [query, body] = bodies.map((text) => Object.fromEntries(new URLSearchParams(text)));
    const sent = { RegionId: 'cn-hangzhou', Name: "é *~'()!", 'Tag.1.Key': 'a+b', 'Tag.1.Value': '&=' };
    expect(query).toEqual(sent);
    expect(body).toEqual({ ...sent, PrivateKey: 'k é\n' });
    const wrong = await bench({ id, secret: new Secret('another') });
    await expect(wrong.alibaba.call('CreateRules', {}, asIs, { signal, mutates: true })).rejects.toMatchObject({
      code: 'balancer/refused',
    });
  });

  it('repeats no change whose answer was lost, and stops a call that hangs', async () => {
    const { alibaba, fake } = await bench();
    fake.fault({ kind: 'lost' });
    const lost = await alibaba
      .call('CreateRules', {}, asIs, { signal, mutates: true })
      .catch((error: unknown) => error);
    expect(lost).toMatchObject({ code: 'balancer/unreachable' });
    expect(neverArrived(lost)).toBe(false);
    expect(fake.count('CreateRules')).toBe(1);
    fake.fault({ kind: 'lost' });
    fake.fault({ kind: 'html' });
    expect(await alibaba.call('DescribeRules', {}, asIs, { signal, mutates: false })).toEqual({ RequestId: 'R' });
    fake.fault({ kind: 'hang' });
    const stopping = new AbortController();
    const reason = new Error('stopped');
    const hanging = alibaba.call('DescribeRules', {}, asIs, { signal: stopping.signal, mutates: false });
    setTimeout(() => stopping.abort(reason), 50);
    await expect(hanging).rejects.toBe(reason);
  });

  it('shows no secret in an error or a log line, whatever the API repeats', async () => {
    const { alibaba, fake, lines } = await bench();
    const PrivateKey = new Secret('-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAabcdefghijklmnop+/==\n-----END…');
    fake.fault({ kind: 'echo' });
    const error = await alibaba
      .call('Upload', { PrivateKey }, asIs, { signal, mutates: true })
      .catch((thrown: unknown) => thrown);
    const said = `${String(error)} ${JSON.stringify(error)} ${lines.join()}`;
    for (const part of ['MHcCAQ', 'example-secret', 'LTAI-example']) expect(said).not.toContain(part);
    expect(said).toContain('balancer/refused');
  });
});

it('asks the metadata server directly, whatever proxy is set', async () => {
  const { origin } = await serve((at) =>
    createFakeApi({
      clock: systemClock,
      origin: at,
      authorize: ({ method, headers }) =>
        method === 'PUT' || headers['x-aliyun-ecs-metadata-token'] === 'T0' ? undefined : { status: 403 },
      routes: {
        'PUT /latest/api/token': () => ({ status: 200, body: 'T0' }),
        'GET /latest/meta-data/instance-id': () => ({ status: 200, body: 'i-bp1example\n' }),
        'GET /latest/meta-data/ram/security-credentials/': () => ({ status: 200, body: 'node' }),
        'GET /latest/meta-data/ram/security-credentials/node': () => ({
          status: 200,
          body: {
            ...{ Code: 'Success', AccessKeyId: 'STS.1', AccessKeySecret: 's', SecurityToken: 't' },
            Expiration: new Date(Date.now() + 3_600_000).toISOString(),
          },
        }),
      },
    }),
  );
  const { world } = worldOf({ HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9' });
  const context = { ...world, http: world.http(), name: 'slb' };
  const instance = alibabaInstance({ ...context, metadata: origin });
  expect(await instance.instanceId(signal)).toBe('i-bp1example');
  const keys = await alibabaKeys({}, { ...context, instance }).keys(signal);
  expect(keys.id.reveal()).toBe('STS.1');
});
