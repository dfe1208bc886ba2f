import { createPrivateKey } from 'node:crypto';
import { systemClock } from '../../src/lib/clock.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { createAlibabaCdn } from '../support/alibaba-cdn.ts';
import { balancerSettings, startBalancer } from '../support/alibaba-cluster.ts';
import { createHuaweiCdn } from '../support/huawei-cdn.ts';
import { createQiniuCdn } from '../support/qiniu-cdn.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd } from '../support/service.ts';
import { createTencentClb } from '../support/tencent-clb.ts';
import { createVersionMaker, shakeHands } from '../support/versions.ts';

// What delivery.test.ts delivers to: one domain of each service, which has a certificate that somebody set by hand.

export const name = 'abc.example.test';

export interface Target {
  /** The entries of the configuration, where the deployer is called `target`. */
  readonly settings: { readonly balancers?: object; readonly deployer: object };
  /** The effects that an undisturbed run has once. */
  readonly once: readonly string[];
  /** What was uploaded so far, by name or id, if the service keeps uploads. */
  uploads?(): readonly string[];
  /** How often a domain got a certificate, if each delivery sets one. */
  sets?(): number;
  /** Part of what shows that a version is served: its fingerprint, or a part of it. */
  served(): Promise<string | undefined>;
  /** What a delivery must leave as it is. */
  others(): unknown;
  /** Waits until the target has done what it accepted. */
  settled?(): Promise<void>;
}

async function byHand() {
  const { fullchainPem: certificate, keyPem } = await (await createVersionMaker()).make('by-hand', [name]);
  const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
  return { name: 'by-hand', certificate, privateKey };
}

async function serve<T extends { readonly api: FakeApi }>(make: (origin: string) => T) {
  let fake!: T;
  const { origin, close } = await serveFakeApi((at) => {
    fake = make(at);
    return fake.api;
  });
  atEnd(close);
  return { fake, origin };
}

/** How many of these calls were carried out. */
const done = <T extends { readonly code: unknown }>(records: readonly T[], isOne: (record: T) => boolean): number =>
  records.filter((one) => one.code === undefined && isOne(one)).length;

const common = (origin: string) => ({ clock: systemClock, origins: [origin] });

async function alibabaCdn(): Promise<Target> {
  const key = { id: 'LTAIcrash', secret: 'crash-secret' };
  const certificate = { ...(await byHand()), name: 'by_hand' };
  const { fake, origin } = await serve((at) =>
    createAlibabaCdn({ ...common(at), keys: [key], domains: [{ name, certificate }] }),
  );
  const deployer = {
    ...{ type: 'alibaba-cdn', domains: 'covered', endpoint: origin, casEndpoint: origin },
    ...{ accessKeyId: key.id, accessKeySecret: key.secret },
  };
  return {
    settings: { deployer },
    once: ['UploadUserCertificate'],
    uploads: () => fake.certificates().map((one) => one.name),
    sets: () => done(fake.records, ({ action }) => action === 'SetCdnDomainSSLCertificate'),
    served: async () => fake.served(name)?.sha256.toLowerCase(),
    others: () => fake.settings(),
  };
}

async function alibabaClb(): Promise<Target> {
  const cloud = await startBalancer({
    https: [name],
    clb: { secondMs: 50, quotas: { certificatesOfRegion: 10_000 } },
  });
  return {
    settings: {
      balancers: { cloud: balancerSettings(cloud) },
      deployer: { type: 'alibaba-clb', balancer: 'cloud' },
    },
    once: ['UploadServerCertificate'],
    uploads: () => cloud.clb.snapshot().certificates.map((one) => String(one['name'])),
    served: async () => (await shakeHands(cloud.clb.port(443), name)).fingerprint,
    others: () => undefined,
    settled: () => cloud.clb.settled(),
  };
}

async function tencentClb(): Promise<Target> {
  const loadBalancer = 'lb-crash1';
  const key = { secretId: 'AKIDcrash', secretKey: 'crash-secret' };
  const { name: alias, certificate, privateKey } = await byHand();
  const rules = [{ domain: name, certificates: [alias], isDefault: true }];
  const { fake, origin } = await serve((at) =>
    createTencentClb({
      ...{ ...common(at), keys: [key], taskMs: 50, certificates: [{ alias, certificate, privateKey }] },
      loadBalancers: [{ id: loadBalancer, listeners: [{ protocol: 'HTTPS', port: 443, sni: true, rules }] }],
    }),
  );
  return {
    settings: {
      balancers: {
        cloud: { type: 'tencent-clb', region: 'ap-guangzhou', loadBalancer, endpoint: origin, ...key },
      },
      deployer: { type: 'tencent-clb', balancer: 'cloud' },
    },
    once: ['UploadCertificate', 'ModifyDomainAttributes'],
    uploads: () => fake.certificates().map(({ id }) => id),
    // The aliases of the certificates, which end in a part of the fingerprint.
    served: async () => /^[^,]*-([0-9a-f]{12}) [^,]*$/.exec(fake.served(loadBalancer, 443, name).join())?.[1],
    others: () => undefined,
  };
}

async function huaweiCdn(): Promise<Target> {
  const key = { accessKey: 'AKcrash', secretKey: 'crash-secret' };
  const domain = {
    name,
    http2: true,
    tlsVersion: 'TLSv1.2',
    forceRedirect: 'https' as const,
    certificate: await byHand(),
  };
  const { fake, origin } = await serve((at) => createHuaweiCdn({ ...common(at), keys: [key], domains: [domain] }));
  const deployer = {
    ...{ type: 'huawei-cdn', domains: 'covered', endpoint: origin },
    ...{ accessKeyId: key.accessKey, secretAccessKey: key.secretKey },
  };
  return {
    settings: { deployer },
    once: ['PUT cdn/configuration'],
    sets: () => done(fake.records, ({ route }) => route.startsWith('PUT ')),
    served: async () => fake.served(name)?.sha256.toLowerCase(),
    others: () => fake.settings(),
  };
}

async function qiniuCdn(): Promise<Target> {
  const key = { accessKey: 'AKcrash', secretKey: 'crash-secret' };
  const domain = { name, forceHttps: true, http2: true, certificate: await byHand() };
  const { fake, origin } = await serve((at) => createQiniuCdn({ ...common(at), keys: [key], domains: [domain] }));
  return {
    settings: { deployer: { type: 'qiniu-cdn', domains: 'covered', endpoint: origin, ...key } },
    once: ['POST sslcert', 'PUT domain'],
    uploads: () => fake.certificates().map(({ id }) => id),
    sets: () => done(fake.records, ({ route }) => route.startsWith('PUT ')),
    served: async () => fake.served(name)?.sha256.toLowerCase(),
    others: () => fake.settings(),
  };
}

export const targets = {
  'alibaba-cdn': alibabaCdn,
  'alibaba-clb': alibabaClb,
  'huawei-cdn': huaweiCdn,
  'qiniu-cdn': qiniuCdn,
  'tencent-clb': tencentClb,
} as const;
