import type { FakeApi } from '../../src/testing/fake-api.ts';
import { certificateRoutes } from './huawei-elb/certificates.ts';
import {
  type Certificate,
  type Cloud,
  createCloud,
  type Listener,
  type Member,
  matches,
  type Pool,
  pageOf,
} from './huawei-elb/cloud.ts';
import type { HuaweiElbOptions } from './huawei-elb/options.ts';
import { policyFor, policyRoutes } from './huawei-elb/policies.ts';
import { type Health, poolRoutes } from './huawei-elb/pools.ts';
import { createTraffic, servedBy } from './huawei-elb/traffic.ts';
import { type Answered, createGateway, type Route, refuse } from './huawei-gateway/gateway.ts';
import type { ListenerPlane } from './listener-plane.ts';

export type { HuaweiElbOptions } from './huawei-elb/options.ts';

/**
 * Huawei Cloud's Elastic Load Balance (v3) and the question of IAM for the project, as far as forwarding policies and
 * certificates need them, in memory; `serveFakeApi` puts the same API behind a port. Written from the public documents
 * alone, which each file names.
 */
export interface HuaweiElb {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything that listeners and pools have, as plain data: equal results mean that nothing changed in between. */
  snapshot(): unknown;
  /** What the account holds, without the keys. */
  certificates(): readonly Omit<Certificate, 'key'>[];
  balancerId(name: string): string;
  listenerId(balancer: string, port: number): string;
  poolId(name: string): string;
  certificateId(name: string): string;
  /** The name of the certificate that a client gets. */
  served(balancer: string, port: number, serverName: string): string | undefined;
  /** What a request gets: the members of a pool, or a fixed response. */
  route(balancer: string, port: number, host: string, path: string): readonly string[] | string;
  /** Whether a member passes its checks, in memory. By default, each does. */
  isUp: (member: Member, pool: Pool) => boolean;
  /** How often an answer held a private key. */
  keysSent(): number;
  /** Lets IAM refuse these actions (`elb:listeners:put`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts a data plane of real ports and health checks, which must be stopped. Its keys are `balancer|port`. */
  startPlane(): Promise<ListenerPlane>;
}

export function createHuaweiElb(options: HuaweiElbOptions): HuaweiElb {
  const { clock, keys, region = 'cn-north-4', projectId = '0123456789abcdef0123456789abcdef' } = options;
  const traffic = createTraffic((): Cloud => cloud);
  const cloud = createCloud(options, traffic.apply);
  const inMemory = (pool: Pool, member: Member): Health => {
    if (pool.monitor === undefined) return 'NO_MONITOR';
    const { delay, max_retries } = pool.monitor;
    const isChecked = cloud.nowMs() - member.sinceMs >= delay * max_retries * 1000;
    return isChecked && fake.isUp(member, pool) ? 'ONLINE' : 'OFFLINE';
  };
  const health = (pool: Pool, member: Member) => traffic.health(pool, member) ?? inMemory(pool, member);
  const certificates = certificateRoutes(cloud, traffic.apply);
  const ownProject = (route: Route): Route => ({
    ...route,
    run(call) {
      if (call.path['project'] !== projectId) throw refuse(403, 'APIGW.0302', 'The project is another one.');
      return route.run(call);
    },
  });
  const balancerRoutes: Readonly<Record<string, Route>> = {
    'GET /v3/:project/elb/loadbalancers': {
      action: 'elb:loadbalancers:list',
      query: ['marker', 'limit', 'id', 'name'],
      run({ query }) {
        const found = [...cloud.balancers.values()].filter(({ id, name }) => matches(query, { id, name }));
        return pageOf(
          query,
          found.map(({ id }) => describeBalancer(id)),
          'loadbalancers',
        );
      },
    },
    'GET /v3/:project/elb/loadbalancers/:id': {
      action: 'elb:loadbalancers:get',
      run: ({ path }) => ({ loadbalancer: describeBalancer(path['id']!) }),
    },
    'GET /v3/:project/elb/quotas': {
      action: 'elb:quotas:list',
      run: () => ({ quota: { project_id: projectId, listener: 100, ...cloud.quotas } }),
    },
  };
  const describeBalancer = (id: string) => {
    const found = cloud.balancers.get(id);
    if (found === undefined) throw refuse(404, 'ELB.8904', `The load balancer ${id} could not be found.`);
    const provisioning_status = cloud.nowMs() < found.busyUntilMs ? 'PENDING_UPDATE' : 'ACTIVE';
    const about = { id, name: found.name, provisioning_status, operating_status: 'ONLINE', guaranteed: true };
    return { ...about, listeners: found.listeners.map((one) => ({ id: one.id })), vip_address: '192.168.0.2' };
  };
  const routes = { ...balancerRoutes, ...certificates.routes, ...poolRoutes(cloud, health), ...policyRoutes(cloud) };
  const gateway = createGateway({
    ...{ clock, keys, before: () => {} },
    ...(options.callsPerSecond === undefined ? {} : { perSecond: options.callsPerSecond }),
    origins: [
      ...(options.origins ?? []),
      `https://elb.${region}.myhuaweicloud.com`,
      'https://iam.myhuaweicloud.com',
      `https://iam.${region}.myhuaweicloud.com`,
    ],
    routes: {
      'GET /v3/projects': {
        action: 'iam:projects:listProjects',
        query: ['name'],
        run({ query }) {
          // A sub-project has the region's name as its prefix.
          const all = [
            { id: 'f'.repeat(32), name: `${region}_test` },
            { id: projectId, name: region },
          ];
          const name = query.get('name');
          return { projects: all.filter((one) => name === null || one.name.startsWith(name)) };
        },
      },
      ...Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, ownProject(route)])),
    },
  });

  function named<T extends { readonly id: string; readonly name: string }>(
    all: ReadonlyMap<string, T>,
    name: string,
  ): T {
    const found = [...all.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return found;
  }
  function listenerOf(balancer: string, port: number): Listener {
    const found = named(cloud.balancers, balancer).listeners.find((one) => one.port === port);
    if (found === undefined) throw new Error(`${balancer} has no listener on ${port}.`);
    return found;
  }
  const fake: HuaweiElb = {
    ...{ api: gateway.api, records: gateway.records, deny: gateway.deny, keysSent: certificates.keysSent },
    snapshot() {
      const pools = [...cloud.pools.values()].map(({ members, ...pool }) => ({
        ...pool,
        members: members.map(({ sinceMs: _since, ...member }) => member),
      }));
      const balancers = [...cloud.balancers.values()].map(({ busyUntilMs: _busy, ...balancer }) => balancer);
      return structuredClone({ balancers, pools });
    },
    certificates: () => [...cloud.certificates.values()].map(({ key: _key, ...rest }) => rest),
    balancerId: (name) => named(cloud.balancers, name).id,
    listenerId: (balancer, port) => listenerOf(balancer, port).id,
    poolId: (name) => named(cloud.pools, name).id,
    certificateId: (name) => named(cloud.certificates, name).id,
    served: (balancer, port, name) => servedBy(cloud, listenerOf(balancer, port), name)?.name,
    route(balancer, port, host, path) {
      const listener = listenerOf(balancer, port);
      const policy = policyFor({ listener }, host, path);
      if (policy?.fixed !== undefined) return `${policy.fixed.status} ${policy.fixed.body}`;
      const pool = cloud.pools.get(policy?.poolId ?? listener.defaultPoolId ?? '');
      return (pool?.members ?? []).map((member) => `${member.address}:${member.port}`);
    },
    isUp: () => true,
    startPlane: traffic.start,
  };
  return fake;
}
