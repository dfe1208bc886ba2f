import { createPrivateKey } from 'node:crypto';
import type { Clock } from '../../src/ports/clock.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { LoadBalancerOptions } from './alibaba-alb/options.ts';
import { type AlibabaAlb, type AlibabaAlbOptions, createAlibabaAlb } from './alibaba-alb.ts';
import type { AccessKey } from './alibaba-clb/options.ts';
import { createOracle, type Oracle } from './alibaba-oracle.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of ALB, driven by Alibaba's own client. The client signs with this machine's time,
// so the fake's clock starts now.

export const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };
export const lb = 'alb-a1';
export const path = '/.well-known/acme-challenge/*';
const names = ['first', 'second', 'wild', 'shop'] as const;
export type Name = (typeof names)[number];

interface Pem {
  readonly certificate: string;
  readonly privateKey: string;
  readonly fingerprint: string;
}

const balancer = (): LoadBalancerOptions => ({
  id: lb,
  listeners: [
    {
      ...{ protocol: 'HTTP', port: 80, group: 'web' },
      rules: [{ name: 'shop', priority: 100, hosts: ['shop.example.com'], group: 'shop' }],
    },
    { protocol: 'HTTPS', port: 443, group: 'web', certificate: 'first', additional: ['shop'] },
  ],
});

interface Served {
  readonly fake: AlibabaAlb;
  readonly alb: Oracle;
}

interface Started extends Served {
  readonly clock: FakeClock;
  code(action: string, parameters: object): Promise<string>;
}

export interface AlbBench {
  readonly pems: Readonly<Record<Name, Pem>>;
  optionsWith(clock: Clock): AlibabaAlbOptions;
  serve(options: AlibabaAlbOptions, key: AccessKey): Promise<Served>;
  start(changes?: Partial<AlibabaAlbOptions>, key?: AccessKey): Promise<Started>;
}

export async function createAlbBench(): Promise<AlbBench> {
  const maker = await createVersionMaker();
  const make = async (...of: string[]): Promise<Pem> => {
    const { fullchainPem: certificate, keyPem, facts } = await maker.make('x', of);
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    return { certificate, privateKey, fingerprint: facts.fingerprint };
  };
  const pems = {
    first: await make('www.example.com'),
    second: await make('www.example.com'),
    wild: await make('*.example.com'),
    shop: await make('shop.example.com'),
  };
  const optionsWith = (clock: Clock): AlibabaAlbOptions => ({
    ...{ clock, keys: [root], loadBalancers: [balancer()] },
    groups: [
      { name: 'web', servers: [{ id: 'i-a', port: 80 }], check: { enabled: false } },
      { name: 'shop', servers: [{ id: 'i-b', port: 80 }], check: { enabled: false }, tags: { team: 'shop' } },
    ],
    certificates: names.map((name) => ({ name, ...pems[name] })),
    servers: { 'i-a': { ip: '10.0.0.1' }, 'i-b': { ip: '10.0.0.2' } },
  });

  async function serve(options: AlibabaAlbOptions, key: AccessKey): Promise<Served> {
    let fake!: AlibabaAlb;
    const { origin, close } = await serveFakeApi((at) => {
      fake = createAlibabaAlb({ ...options, origins: [at] });
      return fake.api;
    });
    atEnd(close);
    return { fake, alb: createOracle(origin, key, 'cn-hangzhou', '2020-06-16') };
  }

  return {
    ...{ pems, optionsWith, serve },
    async start(changes = {}, key = root) {
      const clock = fakeClock(new Date());
      const { fake, alb } = await serve({ ...optionsWith(clock), keys: [root, key], ...changes }, key);
      return {
        fake,
        clock,
        alb,
        code: async (action, parameters) => (await alb.refused(action, flat(parameters))).code,
      };
    },
  };
}

/** As the vendor's client flattens parameters: `RuleConditions.1.HostConfig.Values.1`. */
export function flat(value: object, prefix = ''): Record<string, string | number | boolean> {
  const flattened: Record<string, string | number | boolean> = {};
  for (const [key, one] of Object.entries(value)) {
    const name = `${prefix}${Array.isArray(value) ? Number(key) + 1 : key}`;
    if (typeof one === 'object') Object.assign(flattened, flat(one, `${name}.`));
    else flattened[name] = one;
  }
  return flattened;
}

export const host = (...Values: string[]) => ({ Type: 'Host', HostConfig: { Values } });
export const url = (...Values: string[]) => ({ Type: 'Path', PathConfig: { Values } });
export const forward = (ServerGroupId: string) => ({
  ...{ Type: 'ForwardGroup', Order: 1 },
  ForwardGroupConfig: { ServerGroupTuples: [{ ServerGroupId }] },
});
export const fixed = (Content: string) => ({
  ...{ Type: 'FixedResponse', Order: 1 },
  FixedResponseConfig: { Content, ContentType: 'text/plain', HttpCode: '200' },
});
export const newRule = (fake: AlibabaAlb, more: object = {}) => ({
  ...{ ListenerId: fake.listenerId(lb, 80), RuleName: 'ours', Priority: 10 },
  ...{ RuleConditions: [host('www.example.com'), url(path)], RuleActions: [fixed('key-authorization')], ...more },
});
