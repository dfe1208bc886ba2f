import type { FakeApi } from '../../src/testing/fake-api.ts';
import { bindingActions } from './tencent-clb/bindings.ts';
import { createCloud } from './tencent-clb/cloud.ts';
import { createDeployments } from './tencent-clb/deploy.ts';
import { describeActions } from './tencent-clb/describe.ts';
import { createHosts } from './tencent-clb/hosts.ts';
import { bindingFor, type Certificate, type Rule, ruleFor, type Target } from './tencent-clb/model.ts';
import type { TencentClbOptions } from './tencent-clb/options.ts';
import { type Plane, startPlane } from './tencent-clb/plane.ts';
import { ruleActions } from './tencent-clb/rules.ts';
import { type SslOptions, sslActions } from './tencent-clb/ssl.ts';
import { type HealthDetail, targetActions } from './tencent-clb/targets.ts';
import { createTasks } from './tencent-clb/tasks.ts';
import { type Answered, createGateway } from './tencent-gateway/gateway.ts';

export type { TencentClbOptions } from './tencent-clb/options.ts';

/**
 * Tencent Cloud's CLB (2018-03-17) and SSL certificates (2019-12-05), as far as forward rules and certificates need them,
 * in memory; `serveFakeApi` puts the same API behind a port. Written from the public documents alone, which each file
 * names.
 */
export interface TencentClb {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** Everything that balancers have, as plain data: two results are equal exactly if nothing changed in between. */
  snapshot(): unknown;
  /** What the SSL service holds, without the keys. */
  certificates(): readonly Omit<Certificate, 'key'>[];
  /** The id of a certificate by its alias. */
  certificateId(alias: string): string;
  listenerId(balancer: string, port: number): string;
  /** The certificates that a client gets from a listener, by its aliases. */
  served(balancer: string, port: number, name: string): readonly string[];
  /** The certificate that a domain of CDN, EdgeOne and the like serves, by its alias; in a roll-out, both by turns. */
  servedByHost(product: string, domain: string): string | undefined;
  /** The domains of other products but for their certificates, to compare before and after. */
  hostSettings(): unknown;
  /** The targets of the rule that takes a request; undefined if none does. */
  route(balancer: string, port: number, host: string, path: string): readonly string[] | undefined;
  /** Whether a target passes its checks, in memory. By default, each does. */
  isUp: (target: Target, rule: Rule) => boolean;
  /** Ends the tasks and deployments that are under way. */
  endTasks(): void;
  /** Lets the next tasks of an action, though accepted, fail. */
  failTask(action: string, message?: string, times?: number): void;
  /** Lets the next deployments to a place (`lb-…|lbl-…|www.example.com`, `www.example.com|on`) fail. */
  failDeployment(place: string, message?: string, times?: number): void;
  /** Gives a domain of another product a certificate, by its alias, as a person does in the console. */
  setHost(product: string, domain: string, alias: string): void;
  /** Lets CAM refuse these actions (`clb:CreateRule`) to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
  /** Starts a data plane of real ports and health checks, which must be stopped. */
  startPlane(): Promise<Plane>;
}

export function createTencentClb(
  options: TencentClbOptions & { readonly ssl?: Partial<SslOptions>; readonly deployMs?: number },
): TencentClb {
  const { clock, keys, origins } = options;
  const cloud = createCloud(options);
  let plane: Plane | undefined;
  const tasks = createTasks(cloud, (balancer) => plane?.apply(balancer));
  const hosts = createHosts(cloud, options.hosts ?? []);
  const deployments = createDeployments(cloud, tasks, hosts, options.deployMs ?? 0);
  const settle = () => {
    tasks.settle();
    deployments.settle();
  };
  /** Without a data plane: a check passes as often as it must, at its interval. */
  const healthInMemory = (rule: Rule, target: Target): HealthDetail => {
    const { HealthSwitch, HealthNum, IntervalTime } = rule.check;
    if (HealthSwitch === 0) return 'Close';
    if (cloud.nowMs() - target.boundMs < HealthNum * IntervalTime * 1000) return 'Unknown';
    return fake.isUp(target, rule) ? 'Alive' : 'Dead';
  };
  const listeners = () => [...cloud.balancers.values()].flatMap((balancer) => balancer.listeners);
  const isUsed = (id: string) =>
    hosts.all.some(({ certId }) => certId === id) ||
    listeners().some(({ binding, rules }) =>
      [binding, ...rules.map((rule) => rule.binding)].some((bound) => bound?.certIds.includes(id)),
    );
  const health = (rule: Rule, target: Target) => plane?.health(rule, target) ?? healthInMemory(rule, target);
  const ssl = { deleteMs: 0, hasRole: true, ...options.ssl };
  const gateway = createGateway({
    ...{ clock, keys, regions: options.regions ?? [cloud.region, 'ap-shanghai'] },
    ...(origins === undefined ? {} : { origins }),
    services: [
      {
        ...{ name: 'clb', version: '2018-03-17', needsRegion: true, denialCode: 'UnauthorizedOperation' },
        actions: {
          ...describeActions(cloud),
          ...ruleActions(cloud, tasks),
          ...targetActions(cloud, tasks, health),
          ...bindingActions(cloud, tasks),
          ...tasks.actions,
        },
      },
      {
        ...{ name: 'ssl', version: '2019-12-05', needsRegion: false },
        denialCode: 'AuthFailure.UnauthorizedOperation',
        actions: { ...sslActions(cloud, isUsed, ssl), ...deployments.actions, ...hosts.actions },
      },
    ],
    before: settle,
  });
  const listenerOf = (id: string, port: number) => {
    settle();
    const found = cloud.balancers.get(id)?.listeners.find((one) => one.port === port);
    if (found === undefined) throw new Error(`${id} has no listener on ${port}.`);
    return found;
  };
  const fake: TencentClb = {
    api: gateway.api,
    records: gateway.records,
    deny: gateway.deny,
    snapshot() {
      settle();
      return structuredClone(
        [...cloud.balancers.values()].map(({ listeners: all, ...rest }) => ({
          ...rest,
          listeners: all.map(({ rules, ...listener }) => ({
            ...listener,
            rules: rules.map(({ targets, ...rule }) => ({
              ...rule,
              targets: targets.map(({ boundMs: _bound, ...target }) => target),
            })),
          })),
        })),
      );
    },
    certificates: () => [...cloud.certificates.values()].map(({ key: _key, ...rest }) => rest),
    certificateId(alias) {
      const found = [...cloud.certificates.values()].findLast((one) => one.alias === alias);
      if (found === undefined) throw new Error(`There is no certificate ${alias}.`);
      return found.id;
    },
    listenerId: (balancer, port) => listenerOf(balancer, port).id,
    served(balancer, port, name) {
      const ids = bindingFor(listenerOf(balancer, port), name)?.certIds ?? [];
      return ids.map((id) => (cloud.certificates.get(id) ?? cloud.deleted.get(id))!.alias);
    },
    servedByHost(product, domain) {
      settle();
      const host = hosts.all.find((one) => one.product === product && one.domain === domain);
      if (host === undefined) throw new Error(`${product} has no domain ${domain}.`);
      host.turns += 1;
      const id = host.next !== undefined && host.turns % 2 === 0 ? host.next : host.certId;
      return (cloud.certificates.get(id ?? '') ?? cloud.deleted.get(id ?? ''))?.alias;
    },
    hostSettings() {
      settle();
      return hosts.all.map(({ product, domain, billing, certId }) => ({
        ...{ product, domain, billing, https: certId !== undefined },
      }));
    },
    route(balancer, port, host, path) {
      const rule = ruleFor(listenerOf(balancer, port), host, path);
      return rule?.targets.map((target) => `${target.instance}:${target.port}`);
    },
    isUp: () => true,
    endTasks() {
      tasks.endAll();
      deployments.endAll();
    },
    failTask: (action, message = 'the task failed', times = 1) => tasks.fail(action, message, times),
    failDeployment: (place, message = 'the deployment failed', times = 1) => deployments.fail(place, message, times),
    setHost(product, domain, alias) {
      const host = hosts.all.find((one) => one.product === product && one.domain === domain);
      if (host === undefined) throw new Error(`${product} has no domain ${domain}.`);
      host.certId = fake.certificateId(alias);
    },
    async startPlane() {
      plane = await startPlane(cloud, settle);
      return plane;
    },
  };
  return fake;
}
