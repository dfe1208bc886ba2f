import type { FakeApi } from '../../src/testing/fake-api.ts';
import { createCloud, type Group, type Rule, ruleFor, type Server } from './alibaba-alb/cloud.ts';
import { groupActions, type Health } from './alibaba-alb/groups.ts';
import { createJobs } from './alibaba-alb/jobs.ts';
import { listenerActions } from './alibaba-alb/listeners.ts';
import type { AlibabaAlbOptions } from './alibaba-alb/options.ts';
import { ruleActions } from './alibaba-alb/rules.ts';
import { createTraffic } from './alibaba-alb/traffic.ts';
import { type Answered, createGateway } from './alibaba-gateway/gateway.ts';
import type { ListenerPlane } from './listener-plane.ts';

export type { AlibabaAlbOptions } from './alibaba-alb/options.ts';

/**
 * Alibaba Cloud's Application Load Balancer (2020-06-16) and the Certificate Management Service (2020-04-07), as far as
 * forward rules and certificates need them, in memory; `serveFakeApi` puts the same API behind a port. Written from the
 * public documents alone, which each file names.
 */
export interface AlibabaAlb {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything that listeners and groups have, as plain data: equal results mean that nothing changed in between. */
  snapshot(): unknown;
  listenerId(balancer: string, port: number): string;
  groupId(name: string): string;
  /** The id of a certificate in the form that ALB takes. */
  certificateId(name: string): string;
  /** The names of the certificates in CAS. */
  uploads(): readonly string[];
  /** The name in CAS of the certificate that a client gets. */
  served(balancer: string, port: number, serverName: string): string | undefined;
  /** What a request gets: the servers of its group, or a fixed response. */
  route(balancer: string, port: number, host: string, path: string): readonly string[] | string;
  /** Whether a server passes its checks, in memory. By default, each does. */
  isUp: (server: Server, group: Group) => boolean;
  /** Removes a certificate from CAS, as a person does in the console. */
  forgetCertificate(name: string): void;
  /** Ends the jobs that are under way. */
  endJobs(): void;
  /** Lets the next jobs of an action, though accepted, fail. */
  failJob(action: string, code?: string, times?: number): void;
  /** Lets RAM refuse these actions (`alb:CreateRule`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts a data plane of real ports and health checks, which must be stopped. Its keys are `balancer|port`. */
  startPlane(): Promise<ListenerPlane>;
}

export function createAlibabaAlb(options: AlibabaAlbOptions): AlibabaAlb {
  const { clock, keys, origins, account = '1231579085529123' } = options;
  const cloud = createCloud(options);
  const traffic = createTraffic(cloud, () => jobs.settle());
  const jobs = createJobs(cloud, traffic.apply);
  const inMemory = (group: Group, server: Server): Health => {
    const { HealthCheckEnabled, HealthyThreshold, HealthCheckInterval } = group.check;
    if (!HealthCheckEnabled) return 'Unavailable';
    const waited = cloud.nowMs() - server.sinceMs;
    if (server.status !== 'Available' || waited < HealthyThreshold * HealthCheckInterval * 1000) return 'Initial';
    return fake.isUp(server, group) ? 'Normal' : 'Unhealthy';
  };
  const health = (group: Group, server: Server) => traffic.health(group, server) ?? inMemory(group, server);
  const gateway = createGateway({
    ...{ clock, keys, account },
    ...(origins === undefined ? {} : { origins }),
    services: [
      {
        ...{ product: 'Alb', version: '2020-06-16', ram: 'alb' },
        hosts: Object.fromEntries(cloud.regions.map((region) => [`alb.${region}.aliyuncs.com`, region])),
        actions: {
          ...listenerActions(cloud, jobs),
          ...ruleActions(cloud, jobs),
          ...groupActions(cloud, jobs, health),
          ...jobs.actions,
        },
      },
      cloud.cas.service,
    ],
    before: jobs.settle,
  });
  const listenerOf = (id: string, port: number) => {
    jobs.settle();
    const found = cloud.balancers.get(id)?.listeners.find((one) => one.port === port);
    if (found === undefined) throw new Error(`${id} has no listener on ${port}.`);
    return found;
  };
  const certificateNamed = (name: string) => {
    const found = [...cloud.cas.certificates.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no certificate ${name}.`);
    return found;
  };
  const serversOf = (rule: Rule | undefined, fallback: string): readonly string[] | string => {
    const [action] = rule?.actions ?? [];
    if (action?.type === 'FixedResponse') return `${action.status} ${action.content}`;
    const groups = action === undefined ? [fallback] : action.groups;
    const all = groups.flatMap((id) => cloud.groups.get(id)?.servers ?? []);
    return all.map(({ id, port }) => `${id}:${port}`);
  };
  const fake: AlibabaAlb = {
    ...{ api: gateway.api, records: gateway.records, deny: gateway.deny },
    snapshot() {
      jobs.settle();
      const groups = [...cloud.groups.values()].map(({ servers, ...group }) => ({
        ...group,
        servers: servers.map(({ sinceMs: _since, ...server }) => server),
      }));
      return structuredClone({ balancers: [...cloud.balancers.values()], groups });
    },
    listenerId: (balancer, port) => listenerOf(balancer, port).id,
    groupId(name) {
      const found = [...cloud.groups.values()].find((one) => one.name === name);
      if (found === undefined) throw new Error(`There is no group ${name}.`);
      return found.id;
    },
    certificateId: (name) => `${certificateNamed(name).id}-${certificateNamed(name).region}`,
    uploads: () => [...cloud.cas.certificates.values()].map(({ name }) => name),
    served: (balancer, port, name) => traffic.served(listenerOf(balancer, port), name)?.name,
    route(balancer, port, host, path) {
      const listener = listenerOf(balancer, port);
      return serversOf(ruleFor(listener, host, path), listener.groupId);
    },
    isUp: () => true,
    forgetCertificate: (name) => cloud.cas.forget(certificateNamed(name).id),
    endJobs: jobs.endAll,
    failJob: (action, code = 'OperationFailed', times = 1) => jobs.fail(action, code, times),
    startPlane: traffic.start,
  };
  return fake;
}
