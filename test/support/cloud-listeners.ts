import { createPrivateKey } from 'node:crypto';
import { systemClock } from '../../src/lib/clock.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { createAlibabaAlb } from './alibaba-alb.ts';
import { createHuaweiElb } from './huawei-elb.ts';
import type { ListenerPlane } from './listener-plane.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';
import { createVersionMaker } from './versions.ts';

/** The addresses of two nodes. */
export const responders = ['127.0.0.11', '127.0.0.12'];

/** A load balancer of a service, with a listener on port 80 whose rules lead to the nodes, and an HTTPS listener. */
export interface CloudListeners {
  /** The port that the CA’s requests reach. */
  readonly httpPort: number;
  /** The names of the calls that an undisturbed run makes once. */
  readonly once: readonly string[];
  balancer(node: number): object;
  readonly deployer: object;
  /** Its rules, groups and members. */
  rules(): unknown;
  uploads(): readonly string[];
  served(name: string): string | undefined;
  /** Lets every key lack these rights; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

export type StartListeners = (responderPort: number) => Promise<CloudListeners>;
const many = 10_000;

async function byHand() {
  const { fullchainPem, keyPem } = await (await createVersionMaker()).make('by-hand', ['by-hand.example.com']);
  const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
  return { name: 'by-hand', certificate: fullchainPem.trim(), privateKey };
}

/** Serves a fake and its data plane. */
async function serve<T extends { readonly api: FakeApi; startPlane(): Promise<ListenerPlane> }>(
  make: (origin: string) => T,
) {
  let fake!: T;
  const { origin, close } = await serveFakeApi((at) => {
    fake = make(at);
    return fake.api;
  });
  atEnd(close);
  const plane = await fake.startPlane();
  atEnd(() => plane.stop());
  return { fake, origin, plane };
}

export const alibabaAlb: StartListeners = async (port) => {
  const certificates = [await byHand()];
  const key = { id: 'LTAIcrash', secret: 'crash-secret' };
  const { fake, origin, plane } = await serve((at) =>
    createAlibabaAlb({
      ...{ clock: systemClock, keys: [key], origins: [at], changeMs: 20, secondMs: 100, certificates },
      servers: Object.fromEntries(responders.map((ip, node) => [`i-node${node}`, { ip }])),
      groups: [{ name: 'web' }],
      loadBalancers: [
        {
          id: 'alb-crash1',
          listeners: [
            {
              protocol: 'HTTP',
              port: 80,
              group: 'web',
              rules: [{ name: 'shop', priority: 9, hosts: ['s.example.com'], group: 'web' }],
            },
            { protocol: 'HTTPS', port: 443, group: 'web', certificate: 'by-hand' },
          ],
        },
      ],
      quotas: { additionalOfListener: many },
    }),
  );
  return {
    httpPort: plane.port('alb-crash1|80'),
    once: ['UploadUserCertificate', 'AssociateAdditionalCertificatesWithListener', 'CreateRule', 'DeleteServerGroup'],
    balancer: (node) => ({
      ...{ type: 'alibaba-alb', region: 'cn-hangzhou', loadBalancer: 'alb-crash1', endpoint: origin },
      ...{ backend: { serverId: `i-node${node}`, port }, accessKeyId: key.id, accessKeySecret: key.secret },
    }),
    deployer: { type: 'alibaba-alb', balancer: 'cloud', casEndpoint: origin, certificateQuota: many },
    rules() {
      const { balancers, groups } = fake.snapshot() as {
        readonly balancers: readonly { readonly listeners: readonly { readonly rules: unknown }[] }[];
        readonly groups: unknown;
      };
      return { groups, rules: balancers.map(({ listeners }) => listeners.map(({ rules }) => rules)) };
    },
    ...{ uploads: fake.uploads, deny: fake.deny },
    served: (name) => fake.served('alb-crash1', 443, name),
  };
};

export const huaweiElb: StartListeners = async (port) => {
  const certificates = [{ ...(await byHand()), domain: 'by-hand.example.com' }];
  const [accessKeyId, secretAccessKey] = ['AKcrash', 'crash-secret'];
  const { fake, origin, plane } = await serve((at) =>
    createHuaweiElb({
      ...{ clock: systemClock, keys: [{ accessKey: accessKeyId, secretKey: secretAccessKey }], origins: [at] },
      // A listener that is still busy with the change before refuses the next one, which is then repeated.
      ...{ changeMs: 1, secondMs: 100, certificates, pools: [{ name: 'web' }] },
      loadBalancers: [
        {
          name: 'web',
          listeners: [
            { protocol: 'HTTP', port: 80, pool: 'web', isAdvanced: true },
            { protocol: 'HTTPS', port: 443, pool: 'web', certificate: 'by-hand' },
          ],
        },
      ],
      quotas: { certificate: many, sniNames: many },
    }),
  );
  const account = {
    ...{ region: 'cn-north-4', projectId: '0123456789abcdef0123456789abcdef', endpoint: origin },
    ...{ accessKeyId, secretAccessKey },
  };
  const loadBalancer = fake.balancerId('web');
  return {
    httpPort: plane.port('web|80'),
    once: ['POST elb/certificates', 'PUT elb/listeners', 'POST elb/l7policies'],
    balancer: (node) => ({
      ...{ type: 'huawei-elb', loadBalancer, backend: { address: responders[node], port }, ...account },
    }),
    deployer: { type: 'huawei-elb', target: { loadBalancer }, ...account },
    rules() {
      const { balancers, pools } = fake.snapshot() as {
        readonly balancers: readonly { readonly listeners: readonly { readonly policies: unknown }[] }[];
        readonly pools: unknown;
      };
      return { pools, policies: balancers.map(({ listeners }) => listeners.map(({ policies }) => policies)) };
    },
    uploads: () => fake.certificates().map(({ name }) => name),
    deny: fake.deny,
    served: (name) => fake.served('web', 443, name),
  };
};
