import { healthCheck } from '../alibaba-clb/model.ts';
import type { CasCertificate } from '../alibaba-gateway/cas.ts';
import { type Configured, type ListenerPlane, type Pool, startListenerPlane } from '../listener-plane.ts';
import { type Cloud, everInCas, type Group, type Listener, type LoadBalancer, ruleFor, type Server } from './cloud.ts';
import type { Health } from './groups.ts';

export interface Traffic {
  /** The certificate for a client that asks for this name. */
  served(listener: Listener, name: string): CasCertificate | undefined;
  /** Of a running data plane. */
  health(group: Group, server: Server): Health | undefined;
  /** Lets the data plane, if there is one, work by the configuration as it is now. */
  apply(): void;
  start(): Promise<ListenerPlane>;
}

/** @param settle ends the jobs that are due */
export function createTraffic(cloud: Cloud, settle: () => void): Traffic {
  let plane: ListenerPlane | undefined;
  const pools = new Map<string, Pool>();
  let turns = 0;

  /** Additional certificates by name: an exact one, then a wildcard, then the default one. */
  function served(listener: Listener, name: string): CasCertificate | undefined {
    const bound = listener.additional
      .filter(({ status }) => status !== 'Associating')
      .flatMap(({ certificateId }) => everInCas(cloud, certificateId) ?? []);
    const wildcard = `*${name.slice(name.indexOf('.'))}`;
    const exact = bound.filter(({ names }) => names.includes(name));
    const found = exact.length > 0 ? exact : bound.filter(({ names }) => names.includes(wildcard));
    if (found.length === 0) return everInCas(cloud, listener.certificates[0] ?? '');
    const { twoForOneName } = cloud.behaviour;
    turns += 1;
    return twoForOneName === 'older'
      ? found[0]
      : twoForOneName === 'newer'
        ? found.at(-1)
        : found[turns % found.length];
  }

  function poolOf({ id }: LoadBalancer, group: Group): Pool {
    const { check } = group;
    const plain = healthCheck({
      ...{ uri: check.HealthCheckPath, codes: check.HealthCheckCodes.join(), port: check.HealthCheckConnectPort },
      domain: check.HealthCheckHost === '$SERVER_IP' ? '' : check.HealthCheckHost,
      method: check.HealthCheckMethod === 'HEAD' ? 'head' : 'get',
      ...{ interval: check.HealthCheckInterval, timeout: check.HealthCheckTimeout },
      ...{ healthy: check.HealthyThreshold, unhealthy: check.UnhealthyThreshold },
    });
    const isChecked = check.HealthCheckEnabled;
    const targets = group.servers
      .filter(({ status }) => status !== 'Adding')
      .map(({ id: serverId, ip, port, weight }) => ({
        key: [id, group.id, ip, port, isChecked, JSON.stringify(check)].join('|'),
        ...{ serverId, ip, port, weight, address: cloud.server(serverId)?.at ?? ip },
      }));
    return { groupId: group.id, check: isChecked ? plain : undefined, targets, byRule: true };
  }

  function compile(balancer: LoadBalancer, live: Listener): Configured {
    const listener = structuredClone(live);
    const used = listener.rules.flatMap(({ actions }) =>
      actions.flatMap((one) => (one.type === 'ForwardGroup' ? one.groups : [])),
    );
    const own = new Map<string, Pool>();
    for (const id of new Set([listener.groupId, ...used])) {
      const group = cloud.groups.get(id);
      if (group !== undefined) own.set(id, poolOf(balancer, group));
    }
    for (const [id, pool] of own) pools.set(id, pool);
    return {
      pools: [...own.values()],
      route(host, path) {
        const rule = ruleFor(listener, host, path);
        const [action] = rule?.actions ?? [];
        if (action?.type === 'FixedResponse')
          return { status: action.status, headers: { 'content-type': action.contentType }, body: action.content };
        const id = action?.groups[0] ?? listener.groupId;
        return own.get(id) ?? { status: 502 };
      },
      certificates(name) {
        const found = served(listener, name);
        return found === undefined ? [] : [found];
      },
    };
  }

  const keyOf = (balancer: string, port: number) => `${balancer}|${port}`;

  function apply(): void {
    for (const balancer of plane === undefined ? [] : cloud.balancers.values()) {
      const compiled = balancer.listeners.map((one) => [keyOf(balancer.id, one.port), compile(balancer, one)] as const);
      plane?.apply(balancer.id, new Map(compiled));
    }
  }

  return {
    served,
    apply,
    health(group, server) {
      if (plane === undefined) return undefined;
      if (!group.check.HealthCheckEnabled) return 'Unavailable';
      const pool = pools.get(group.id);
      const target = pool?.targets.find(({ ip, port }) => ip === server.ip && port === server.port);
      if (pool === undefined || target === undefined) return 'Unused';
      return ({ normal: 'Normal', abnormal: 'Unhealthy', unavailable: 'Initial' } as const)[
        plane.health(pool, target) ?? 'unavailable'
      ];
    },
    async start() {
      plane = await startListenerPlane({
        listeners: [...cloud.balancers.values()].flatMap(({ id, listeners }) =>
          listeners
            .filter(({ protocol }) => protocol !== 'QUIC')
            .map(({ port, protocol }) => ({ key: keyOf(id, port), isSecure: protocol === 'HTTPS' })),
        ),
        secondMs: cloud.options.secondMs ?? 1000,
        newTargetsTakeTraffic: cloud.behaviour.newServersTakeTraffic,
        settle,
      });
      apply();
      return plane;
    },
  };
}
