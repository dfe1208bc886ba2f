import { createPrivateKey } from 'node:crypto';
import { challengePath } from '../../src/core/ca/challenge-path.ts';
import { type AlibabaClb, type AlibabaClbOptions, startAlibabaClb } from './alibaba-clb.ts';
import { type Node, startNodes } from './alibaba-world.ts';
import { type Bind, startBind } from './bind.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { freePort } from './service.ts';
import { createVersionMaker } from './versions.ts';

/** Three nodes behind Alibaba's load balancer, on whose port 80 the CA's requests arrive. */
export interface Cluster extends CloudBalancer {
  readonly bind: Bind;
  readonly pebble: Pebble;
  /** `certfleet.yaml` of a process on one of the nodes. */
  configuration(store: string, options?: ClusterConfiguration): Record<string, unknown>;
}

export interface ClusterConfiguration {
  readonly node?: number;
  readonly identifiers?: Readonly<Record<string, readonly string[]>>;
  readonly solver?: object;
  readonly balancer?: object;
  /** Also delivers to the HTTPS listener, and looks at what it serves. */
  readonly deliver?: boolean;
}

export interface ClusterOptions {
  readonly pebble?: PebbleOptions;
  /** Changes of the fake: what it leaves open, how slow it is. */
  readonly clb?: Partial<AlibabaClbOptions>;
  /** A rule and a group for the challenge path on the responder's port of the first node, as a person makes them. */
  readonly byHand?: true;
  /** The path that the listener's health check asks; rules that are there before have this check, too. */
  readonly checkPath?: string;
  /** Rules that are there before. */
  readonly rules?: readonly { readonly name: string; readonly domain?: string; readonly url?: string }[];
  /** An HTTPS listener on port 443, with a certificate for these names that was uploaded by hand. */
  readonly https?: readonly string[];
  /** Port 80 redirects to that listener, whose port is then the loopback port too, because the CA follows. */
  readonly redirect?: boolean;
  /** Zone-file lines of example.test; by default every name has the address of the balancer. */
  readonly records?: readonly string[];
}

export const accessKey = { id: 'LTAIcertfleet', secret: 'certfleet-secret' };
export const balancerId = 'lb-bp1example';

/** The balancer with its three nodes, without a CA. */
export interface CloudBalancer {
  readonly clb: AlibabaClb;
  readonly nodes: readonly Node[];
  /** The responder's address and port on each node. */
  readonly responders: readonly string[];
  readonly responderPort: number;
  /** The port of the HTTPS listener, if there is one. */
  readonly httpsPort: number;
}

export async function startBalancer(
  options: Pick<ClusterOptions, 'clb' | 'rules' | 'byHand' | 'checkPath' | 'https' | 'redirect'> = {},
): Promise<CloudBalancer> {
  const [nodes, responderPort] = await Promise.all([startNodes(3), freePort()]);
  const servers = nodes.map((_, index) => `i-node${index + 1}`);
  const web = servers.map((server, index) => ({ server, port: nodes[index]!.port }));
  const check = { enabled: true, uri: options.checkPath ?? '/up', interval: 1, healthy: 2, unhealthy: 2 };
  const challenges = { name: 'challenges', servers: [{ server: servers[0]!, port: responderPort }] };
  const byHandRule = { name: 'acme', url: challengePath, port: 80, group: challenges.name };
  const byHand = options.https && { name: 'by-hand', ...(await makeCertificate(options.https)) };
  const httpsPort = options.redirect ? await freePort() : 443;
  const onHttps = { port: httpsPort, ...(options.redirect ? { bindPort: httpsPort } : {}) };
  const clb = await startAlibabaClb({
    keys: [accessKey],
    ...(byHand ? { certificates: [byHand] } : {}),
    servers: Object.fromEntries(servers.map((server, index) => [server, nodes[index]!.address])),
    loadBalancers: [
      {
        id: balancerId,
        groups: [{ name: 'web', servers: web }, ...(options.byHand ? [challenges] : [])],
        listeners: [
          { protocol: 'http', port: 80, group: 'web', check, ...(options.redirect ? { forwardPort: httpsPort } : {}) },
          ...(byHand
            ? ([{ protocol: 'https', group: 'web', check, certificate: byHand.name, ...onHttps }] as const)
            : []),
        ],
        rules: [
          ...(options.rules ?? []).map((rule) => ({ ...rule, port: 80, group: 'web' })),
          ...(options.byHand ? [byHandRule] : []),
        ],
      },
    ],
    secondMs: 50,
    ...options.clb,
  });
  const responders = nodes.map(({ address }) => `${address}:${responderPort}`);
  return { clb, nodes, responders, responderPort, httpsPort };
}

/** The balancer in `certfleet.yaml`, for a process on one of the nodes. */
export const balancerSettings = ({ clb, responderPort }: CloudBalancer, node = 0) => ({
  type: 'alibaba-clb',
  region: 'cn-hangzhou',
  loadBalancer: balancerId,
  backend: { serverId: `i-node${node + 1}`, port: responderPort },
  accessKeyId: accessKey.id,
  accessKeySecret: accessKey.secret,
  endpoint: clb.endpoint,
});

/** A certificate in the form that the API takes: the key converted from PKCS#8. */
async function makeCertificate(names: readonly string[]) {
  const { fullchainPem, keyPem } = await (await createVersionMaker()).make('by-hand', names);
  const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
  return { certificate: fullchainPem.trim(), privateKey };
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cloud = await startBalancer(options);
  const { clb, responders } = cloud;
  const { records = ['@ A 127.0.0.1', '* A 127.0.0.1'] } = options;
  const bind = await startBind({ zones: [{ name: 'example.test', records }] });
  const pebble = await startPebble({ dnsServer: bind.server, httpPort: clb.port(80), ...options.pebble });
  return {
    ...cloud,
    bind,
    pebble,
    configuration: (
      store,
      { node = 0, identifiers = { abc: ['abc.example.test'] }, solver, balancer, deliver = false } = {},
    ) => ({
      store: { type: 'file', path: store },
      issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
      balancers: {
        slb: { ...balancerSettings(cloud, node), ...balancer },
      },
      solvers: { web: { type: 'http01-forward-rule', balancer: 'slb', listen: responders[node], ...solver } },
      ...(deliver ? { deployers: { 'slb-https': { type: 'alibaba-clb', balancer: 'slb', listenerPort: 443 } } } : {}),
      certificates: Object.entries(identifiers).map(([name, names]) => ({
        name,
        identifiers: names,
        ...(deliver ? { deploy: ['slb-https'], endpoints: [`${names[0]}:${clb.port(443)}`] } : {}),
      })),
      preflight: { resolvers: [bind.server], http01Port: clb.port(80) },
    }),
  };
}
