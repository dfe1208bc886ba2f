import type { Clock } from '../../src/ports/clock.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import type { LoadBalancerOptions } from './tencent-clb/options.ts';
import { createTencentClb, type TencentClb } from './tencent-clb.ts';
import type { TencentKey } from './tencent-gateway/signature.ts';
import { createOracle, type Oracle } from './tencent-oracle.ts';
import { createVersionMaker } from './versions.ts';

// The account of the tests of the fake of Tencent Cloud's CLB. Documents only: the calls are those of the API's
// reference, not of the vendor's client.

export const root: TencentKey = { secretId: 'AKIDroot', secretKey: 'root-secret' };
export const lb = 'lb-a1';

export interface Pem {
  readonly certificate: string;
  readonly privateKey: string;
  readonly fingerprint: string;
}

/** Two domains on port 80, client certificates on 443, SNI with two algorithms on 8443. */
export const balancerOptions = (): LoadBalancerOptions => ({
  id: lb,
  listeners: [
    {
      ...{ protocol: 'HTTP', port: 80 },
      rules: [
        { domain: 'www.example.com', targets: [{ instance: 'ins-a', port: 80 }], check: { on: false } },
        { domain: '*.example.net', targets: [{ instance: 'ins-b', port: 80 }], check: { on: false } },
      ],
    },
    { protocol: 'HTTPS', port: 443, certificates: ['first'], mutual: { ca: 'ca-1', verify: 'OPTIONAL' } },
    {
      ...{ protocol: 'HTTPS', port: 8443, sni: true },
      rules: [
        { domain: 'www.example.com', certificates: ['first', 'rsa'], http2: true },
        { domain: 'www.example.com', url: '/api', certificates: ['first', 'rsa'], http2: true },
        { domain: 'shop.example.com', certificates: ['other'] },
      ],
    },
    { protocol: 'TCP', port: 22 },
  ],
});

type Options = Parameters<typeof createTencentClb>[0];

interface Served {
  readonly fake: TencentClb;
  readonly clb: Oracle;
  readonly ssl: Oracle;
}

export interface TencentBench {
  /** Certificates by their aliases: three of `www.example.com`, one with RSA, and one of `shop.example.com`. */
  readonly pems: Readonly<Record<'first' | 'second' | 'rsa' | 'other', Pem>>;
  make(key: 'ec' | 'rsa', ...names: readonly string[]): Promise<Pem>;
  optionsWith(clock: Clock): Options;
  serve(options: Options, key: TencentKey): Promise<Served>;
  start(changes?: Partial<Options>, key?: TencentKey): Promise<Served & { readonly clock: FakeClock }>;
}

export async function createTencentBench(): Promise<TencentBench> {
  const maker = await createVersionMaker();
  async function make(key: 'ec' | 'rsa', ...names: readonly string[]): Promise<Pem> {
    const { fullchainPem: certificate, keyPem, facts } = await maker.make('x', names, key);
    return { certificate, privateKey: keyPem.reveal(), fingerprint: facts.fingerprint };
  }
  const pems = {
    first: await make('ec', 'www.example.com'),
    second: await make('ec', 'www.example.com'),
    rsa: await make('rsa', 'www.example.com'),
    other: await make('ec', 'shop.example.com'),
  };
  const optionsWith = (clock: Clock): Options => ({
    ...{ clock, keys: [root], loadBalancers: [balancerOptions()] },
    certificates: Object.entries(pems).map(([alias, pem]) => ({ alias, ...pem })),
    instances: { 'ins-a': { ip: '10.0.0.1' }, 'ins-b': { ip: '10.0.0.2' } },
  });
  async function serve(options: Options, key: TencentKey): Promise<Served> {
    let fake!: TencentClb;
    const { origin, close } = await serveFakeApi((at) => {
      fake = createTencentClb({ ...options, origins: [at] });
      return fake.api;
    });
    atEnd(close);
    const nowMs = () => options.clock.now().getTime();
    const region = 'ap-guangzhou';
    const clb = createOracle({ origin, service: 'clb', version: '2018-03-17', region, nowMs }, key);
    const ssl = createOracle({ origin, service: 'ssl', version: '2019-12-05', region, nowMs }, key);
    return { fake, clb, ssl };
  }
  return {
    ...{ pems, make, optionsWith, serve },
    async start(changes = {}, key = root) {
      const clock = fakeClock();
      return { clock, ...(await serve({ ...optionsWith(clock), keys: [root, key], ...changes }, key)) };
    },
  };
}

export const at = (fake: TencentClb, port: number) => ({ LoadBalancerId: lb, ListenerId: fake.listenerId(lb, port) });
