import { type HealthCheck as Check, healthCheck } from '../alibaba-clb/model.ts';
import { type Configured, type ListenerPlane, type Pool, startListenerPlane } from '../listener-plane.ts';
import type { Cloud } from './cloud.ts';
import {
  bindingFor,
  type HealthCheck,
  isLayer7,
  type Listener,
  type LoadBalancer,
  type Rule,
  ruleFor,
  type Target,
} from './model.ts';
import type { HealthDetail } from './targets.ts';

export interface Plane {
  /** Starts to work by the balancer's configuration as it is now. */
  apply(balancer: LoadBalancer): void;
  health(rule: Rule, target: Target): HealthDetail;
  port(balancer: string, listenerPort: number): number;
  stop(): Promise<void>;
}

function checkOf(check: HealthCheck): Check {
  const classes = [1, 2, 3, 4, 5].filter((digit) => check.HttpCode & (1 << (digit - 1)));
  return healthCheck({
    ...{ uri: check.HttpCheckPath, domain: check.HttpCheckDomain, codes: classes.map((one) => `http_${one}xx`).join() },
    ...{ method: check.HttpCheckMethod === 'HEAD' ? 'head' : 'get', interval: check.IntervalTime },
    ...{ timeout: check.TimeOut, healthy: check.HealthNum, unhealthy: check.UnHealthNum },
  });
}

const words = { normal: 'Alive', abnormal: 'Dead', unavailable: 'Unknown' } as const;

/** @param settle ends the tasks that are due */
export async function startPlane(cloud: Cloud, settle: () => void): Promise<Plane> {
  const pools = new Map<string, Pool>();
  const keyOf = (balancer: string, port: number) => `${balancer}|${port}`;
  const balancers = [...cloud.balancers.values()];
  const plane: ListenerPlane = await startListenerPlane({
    listeners: balancers.flatMap(({ id, listeners }) =>
      listeners
        .filter(isLayer7)
        .map(({ port, protocol }) => ({ key: keyOf(id, port), isSecure: protocol === 'HTTPS' })),
    ),
    secondMs: cloud.options.secondMs ?? 1000,
    newTargetsTakeTraffic: cloud.behaviour.newTargetsTakeTraffic,
    settle,
  });

  function poolOf(balancer: LoadBalancer, listener: Listener, rule: Rule): Pool {
    const check = rule.check.HealthSwitch === 1 ? checkOf(rule.check) : undefined;
    const targets = rule.targets.map(({ instance, ip, port, weight }) => ({
      key: [balancer.id, listener.port, rule.id, ip, port, JSON.stringify(check)].join('|'),
      ...{ serverId: instance, ip, port, weight, address: cloud.instance(instance)?.at ?? ip },
    }));
    return { groupId: rule.id, check, targets, byRule: true };
  }

  function compile(balancer: LoadBalancer, live: Listener): Configured {
    const listener = structuredClone(live);
    const own = new Map(listener.rules.map((rule) => [rule.id, poolOf(balancer, listener, rule)]));
    for (const [id, pool] of own) pools.set(id, pool);
    return {
      pools: [...own.values()],
      route(host, path) {
        const rule = ruleFor(listener, host, path);
        const { redirect: to } = rule ?? {};
        const location = to && `https://${host}${to.port === 443 ? '' : `:${to.port}`}${path}`;
        if (location !== undefined) return { status: 301, headers: { location } };
        return own.get(rule?.id ?? '') ?? { status: 404 };
      },
      certificates: (name) =>
        (bindingFor(listener, name)?.certIds ?? []).flatMap(
          (id) => cloud.certificates.get(id) ?? cloud.deleted.get(id) ?? [],
        ),
    };
  }

  function apply(balancer: LoadBalancer): void {
    const listeners = balancer.listeners.filter(isLayer7);
    const compiled = listeners.map((one) => [keyOf(balancer.id, one.port), compile(balancer, one)] as const);
    plane.apply(balancer.id, new Map(compiled));
  }
  for (const balancer of balancers) apply(balancer);

  return {
    apply,
    health(rule, target) {
      const pool = pools.get(rule.id);
      const found = pool?.targets.find(({ ip, port }) => ip === target.ip && port === target.port);
      if (pool === undefined || found === undefined) return 'Unknown';
      const health = plane.health(pool, found);
      return health === undefined ? 'Close' : words[health];
    },
    port: (balancer, listenerPort) => plane.port(keyOf(balancer, listenerPort)),
    stop: plane.stop,
  };
}
