import type { Clock } from '../../src/ports/clock.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { LoadBalancerOptions } from './huawei-elb/options.ts';
import { createHuaweiElb, type HuaweiElb, type HuaweiElbOptions } from './huawei-elb.ts';
import type { HuaweiKey } from './huawei-gateway/gateway.ts';
import { createOracle, type Oracle } from './huawei-oracle.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of Huawei Cloud's ELB. Documents only: the calls are those of the API's reference,
// not of the vendor's client.

export const root: HuaweiKey = { accessKey: 'AKROOT', secretKey: 'root-secret' };
export const elb = '/v3/0123456789abcdef0123456789abcdef/elb';
export const path = '/.well-known/acme-challenge/';
const kinds = { first: 'ec', second: 'ec', rsa: 'rsa', shop: 'ec' } as const;
type Name = keyof typeof kinds;
export interface Pem {
  readonly certificate: string;
  readonly privateKey: string;
  readonly fingerprint: string;
}
const domainOf = (name: Name): string => (name === 'shop' ? 'shop.example.com' : 'www.example.com');

const balancer = (): LoadBalancerOptions => ({
  name: 'lb',
  listeners: [
    {
      ...{ protocol: 'HTTP', port: 80, pool: 'web', isAdvanced: true },
      policies: [{ name: 'shop', priority: 5, host: 'shop.example.com', pool: 'shop' }],
    },
    { protocol: 'HTTP', port: 8080, pool: 'plain' },
    { protocol: 'HTTPS', port: 443, pool: 'web', certificate: 'first', sni: ['shop'], clientCa: 'ca-1' },
  ],
});

interface Served {
  readonly fake: HuaweiElb;
  readonly api: Oracle;
}

export interface HuaweiBench {
  readonly pems: Readonly<Record<Name, Pem>>;
  optionsWith(clock: Clock): HuaweiElbOptions;
  serve(options: HuaweiElbOptions, key: HuaweiKey): Promise<Served>;
  start(changes?: Partial<HuaweiElbOptions>, key?: HuaweiKey): Promise<Served & { readonly clock: FakeClock }>;
}

export async function createHuaweiBench(): Promise<HuaweiBench> {
  const maker = await createVersionMaker();
  const made = Object.entries(kinds).map(async ([name, kind]) => {
    const { fullchainPem: certificate, keyPem, facts } = await maker.make('x', [domainOf(name as Name)], kind);
    return [name, { certificate, privateKey: keyPem.reveal(), fingerprint: facts.fingerprint }] as const;
  });
  const pems = Object.fromEntries(await Promise.all(made)) as HuaweiBench['pems'];
  const optionsWith = (clock: Clock): HuaweiElbOptions => ({
    ...{ clock, keys: [root], loadBalancers: [balancer()] },
    pools: ['web', 'shop', 'plain'].map((name, index) => ({
      name,
      members: [{ address: `10.0.0.${index + 1}`, port: 80 }],
    })),
    certificates: (Object.keys(kinds) as Name[]).map((name) => ({ name, domain: domainOf(name), ...pems[name] })),
  });

  async function serve(options: HuaweiElbOptions, key: HuaweiKey): Promise<Served> {
    let fake!: HuaweiElb;
    const { origin, close } = await serveFakeApi((at) => {
      fake = createHuaweiElb({ ...options, origins: [at] });
      return fake.api;
    });
    atEnd(close);
    return { fake, api: createOracle(origin, key, () => options.clock.now()) };
  }

  return {
    ...{ pems, optionsWith, serve },
    async start(changes = {}, key = root) {
      const clock = fakeClock();
      return { clock, ...(await serve({ ...optionsWith(clock), keys: [root, key], ...changes }, key)) };
    },
  };
}

export const policy = (fake: HuaweiElb, more: object = {}) => ({
  l7policy: {
    ...{ action: 'FIXED_RESPONSE', listener_id: fake.listenerId('lb', 80), name: 'ours', priority: 1 },
    fixed_response_config: { status_code: '200', content_type: 'text/plain', message_body: 'key-authorization' },
    rules: [
      { type: 'HOST_NAME', compare_type: 'EQUAL_TO', value: 'www.example.com' },
      { type: 'PATH', compare_type: 'STARTS_WITH', value: path },
    ],
    ...more,
  },
});
export const forward = (redirect_pool_id: string) => ({
  action: 'REDIRECT_TO_POOL',
  redirect_pool_id,
  fixed_response_config: undefined,
});
