import { createPrivateKey } from 'node:crypto';
import { systemClock } from '../../src/lib/clock.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { createAlibabaCdn } from '../support/alibaba-cdn.ts';
import { balancerSettings, startBalancer } from '../support/alibaba-cluster.ts';
import { createAlibabaEsa } from '../support/alibaba-esa.ts';
import { createAlibabaNlb } from '../support/alibaba-nlb.ts';
import { createAlibabaOss } from '../support/alibaba-oss.ts';
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

/** A target whose cloud accepts a change, and makes it later. */
export interface UnderWay {
  readonly tasks: {
    /** Ends those that are under way. */
    end(): void;
    /** How often a process has found that one is under way. */
    asked(): number;
  };
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

/** What all services of Alibaba Cloud begin with: a key, and a certificate in a form that CAS takes. */
const alibaba = async () => ({
  key: { id: 'LTAIcrash', secret: 'crash-secret' },
  certificate: { ...(await byHand()), name: 'by_hand' },
});
type AlibabaKey = Awaited<ReturnType<typeof alibaba>>['key'];
const keyOptions = ({ id, secret }: AlibabaKey) => ({ accessKeyId: id, accessKeySecret: secret });
interface WithCas {
  certificates(): readonly { readonly name: string; readonly sha256: string }[];
}
/** The fingerprint of a certificate of CAS. */
const inCas = (fake: WithCas, named: string | undefined) =>
  fake
    .certificates()
    .find((one) => one.name === named)
    ?.sha256.toLowerCase();
/** Each point has a store of its own, so a place that holds several certificates gets one from each. */
const many = 10_000;

async function alibabaCdn(): Promise<Target> {
  const { key, certificate } = await alibaba();
  const { fake, origin } = await serve((at) =>
    createAlibabaCdn({ ...common(at), keys: [key], domains: [{ name, certificate }] }),
  );
  const deployer = { type: 'alibaba-cdn', domains: 'covered', endpoint: origin, casEndpoint: origin };
  return {
    settings: { deployer: { ...deployer, ...keyOptions(key) } },
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

async function alibabaEsa(): Promise<Target> {
  const { key, certificate } = await alibaba();
  const zone = 'example.test';
  const mine = { name: 'by_hand', pem: certificate };
  const { fake, origin } = await serve((at) =>
    createAlibabaEsa({
      ...{ ...common(at), keys: [key], quotas: { customOfInstance: many }, behaviour: { twoForOneName: 'newer' } },
      sites: [{ name: zone, records: [name], certificates: [mine] }],
    }),
  );
  return {
    settings: { deployer: { type: 'alibaba-esa', zone, endpoint: origin, ...keyOptions(key) } },
    once: ['SetCertificate'],
    uploads: () => fake.placed(zone).map(({ id }) => id),
    sets: () => done(fake.records, ({ action }) => action === 'SetCertificate'),
    served: async () => fake.servedFingerprint(name)?.toLowerCase(),
    others: () => [fake.settings(), fake.placed(zone).filter((one) => one.name === mine.name)],
  };
}

async function alibabaNlb(): Promise<Target> {
  const { key, certificate } = await alibaba();
  const loadBalancer = 'nlb-crash1';
  const { fake, origin } = await serve((at) =>
    createAlibabaNlb({
      ...{ ...common(at), keys: [key], changeMs: 1_500, certificates: [certificate] },
      ...{ quotas: { additionalOfBalancer: many }, behaviour: { twoForOneName: 'newer' } },
      loadBalancers: [
        { id: loadBalancer, listeners: [{ protocol: 'TCPSSL', port: 443, certificate: certificate.name }] },
      ],
    }),
  );
  const deployer = { type: 'alibaba-nlb', region: 'cn-hangzhou', loadBalancer, certificateQuota: many };
  return {
    settings: { deployer: { ...deployer, endpoint: origin, casEndpoint: origin, ...keyOptions(key) } },
    once: ['UploadUserCertificate', 'AssociateAdditionalCertificatesWithListener'],
    uploads: () => fake.certificates().map((one) => one.name),
    // NLB refuses to add one twice, so this finds what was added or removed besides.
    sets: () => fake.placed(loadBalancer, 443).additional.length,
    served: async () => inCas(fake, fake.served(loadBalancer, 443, name)),
    others: () => fake.placed(loadBalancer, 443).standard,
  };
}

async function alibabaOss(): Promise<Target> {
  const { key, certificate } = await alibaba();
  const bucket = 'site-a';
  const { fake, origin } = await serve((at) =>
    createAlibabaOss({
      ...{ ...common(at), keys: [key], certificates: [certificate] },
      buckets: [{ name: bucket, cnames: [{ domain: name, certificate: certificate.name }] }],
    }),
  );
  // At an address without a host for each bucket, the bucket is in the path.
  const at = { endpoint: `${origin}/${bucket}`, casEndpoint: origin };
  const deployer = { type: 'alibaba-oss', bucket, region: 'cn-hangzhou', domains: 'covered', ...at };
  return {
    settings: { deployer: { ...deployer, ...keyOptions(key) } },
    once: ['UploadUserCertificate', `POST ${bucket}`],
    uploads: () => fake.certificates().map((one) => one.name),
    sets: () => done(fake.records, ({ action }) => action === 'PutCname'),
    served: async () => inCas(fake, fake.served(name)),
    others: () => fake.settings(),
  };
}

const tencentKey = { secretId: 'AKIDcrash', secretKey: 'crash-secret' };
/** The certificates of SSL Certificate Service have aliases, and those of the program end in a part of the fingerprint. */
const inAlias = (aliases: string | undefined) => /^[^,]*-([0-9a-f]{12}) [^,]*$/.exec(aliases ?? '')?.[1];

interface TencentOptions {
  /** How long the cloud takes for a change; `Infinity`: until the test ends it. */
  readonly taskMs?: number;
}

async function tencentSsl({ taskMs = 50 }: TencentOptions = {}): Promise<Target & UnderWay> {
  const { name: alias, certificate, privateKey } = await byHand();
  const { fake, origin } = await serve((at) =>
    createTencentClb({
      ...{ ...common(at), keys: [tencentKey], deployMs: taskMs, loadBalancers: [] },
      certificates: [{ alias, certificate, privateKey }],
      hosts: [{ product: 'cdn', domain: name, certificate: alias }],
    }),
  );
  return {
    settings: {
      deployer: { type: 'tencent-ssl', product: 'cdn', domains: 'covered', endpoint: origin, ...tencentKey },
    },
    once: ['UploadCertificate', 'DeployCertificateInstance'],
    uploads: () => fake.certificates().map(({ id }) => id),
    sets: () => done(fake.records, ({ action }) => action === 'DeployCertificateInstance'),
    served: async () => inAlias(fake.servedByHost('cdn', name)),
    others: () => fake.hostSettings(),
    tasks: {
      end: () => fake.endTasks(),
      asked: () => done(fake.records, ({ action }) => action === 'DescribeHostDeployRecordDetail'),
    },
  };
}

async function tencentClb({ taskMs = 50 }: TencentOptions = {}): Promise<Target & UnderWay> {
  const loadBalancer = 'lb-crash1';
  const key = tencentKey;
  const { name: alias, certificate, privateKey } = await byHand();
  const rules = [{ domain: name, certificates: [alias], isDefault: true }];
  const { fake, origin } = await serve((at) =>
    createTencentClb({
      ...{ ...common(at), keys: [key], taskMs, certificates: [{ alias, certificate, privateKey }] },
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
    sets: () => done(fake.records, ({ action }) => action === 'ModifyDomainAttributes'),
    served: async () => inAlias(fake.served(loadBalancer, 443, name).join()),
    others: () => undefined,
    tasks: {
      end: () => fake.endTasks(),
      asked: () =>
        fake.records.filter(({ action, code }) => action === 'ModifyDomainAttributes' && code !== undefined).length,
    },
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
  'alibaba-esa': alibabaEsa,
  'alibaba-nlb': alibabaNlb,
  'alibaba-oss': alibabaOss,
  'huawei-cdn': huaweiCdn,
  'qiniu-cdn': qiniuCdn,
  'tencent-clb': tencentClb,
  'tencent-ssl': tencentSsl,
} as const;

/** Those with tasks that last until the test ends them, and the calls that begin one and that ask how far it is. */
export const rollOuts = {
  'tencent-clb': { start: tencentClb, calls: ['ModifyDomainAttributes', 'DescribeTaskStatus'] },
  'tencent-ssl': { start: tencentSsl, calls: ['DeployCertificateInstance', 'DescribeHostDeployRecordDetail'] },
} as const;
