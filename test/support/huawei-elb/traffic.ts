import { healthCheck } from '../alibaba-clb/model.ts';
import { type Configured, type ListenerPlane, type Pool as PlanePool, startListenerPlane } from '../listener-plane.ts';
import type { Certificate, Cloud, Listener, LoadBalancer, Member, Pool } from './cloud.ts';
import { policyFor } from './policies.ts';
import type { Health } from './pools.ts';

/**
 * The certificate for a client that asks for this name: of those for SNI by their domains, exact ones before wildcards
 * and ECC before RSA; else the default one.
 */
export function servedBy(cloud: Cloud, listener: Listener, name: string): Certificate | undefined {
  const sni = listener.sni.flatMap((id) => cloud.certificates.get(id) ?? []);
  const named = (wanted: string) => sni.filter(({ domain }) => domain.split(',').includes(wanted));
  const exact = named(name);
  const found = exact.length > 0 ? exact : named(`*${name.slice(name.indexOf('.'))}`);
  return (
    found.find(({ algorithm }) => algorithm === 'ECC') ??
    found[0] ??
    cloud.certificates.get(listener.certificateId ?? '')
  );
}

export interface Traffic {
  /** Lets the data plane, if there is one, work by the configuration as it is now. */
  apply(): void;
  /** Of a running data plane. */
  health(pool: Pool, member: Member): Health | undefined;
  start(): Promise<ListenerPlane>;
}

export function createTraffic(of: () => Cloud): Traffic {
  let plane: ListenerPlane | undefined;
  const pools = new Map<string, PlanePool>();
  const keyOf = ({ name }: LoadBalancer, port: number) => `${name}|${port}`;

  function poolOf(balancer: LoadBalancer, pool: Pool): PlanePool {
    const { monitor } = pool;
    const check = monitor && {
      ...healthCheck({
        ...{ uri: monitor.url_path, domain: monitor.domain_name, interval: monitor.delay, timeout: monitor.timeout },
        ...{ healthy: monitor.max_retries, unhealthy: monitor.max_retries_down, port: monitor.monitor_port ?? 0 },
        method: monitor.http_method === 'HEAD' ? ('head' as const) : ('get' as const),
        codes: `http_${monitor.expected_codes[0]}xx`,
      }),
    };
    const targets = pool.members.map(({ id: serverId, address: ip, port, weight }) => ({
      key: [balancer.name, pool.id, ip, port, JSON.stringify(monitor)].join('|'),
      ...{ serverId, ip, port, weight, address: of().options.addresses?.[ip] ?? ip },
    }));
    return { groupId: pool.id, check, targets, byRule: true };
  }

  function compile(balancer: LoadBalancer, live: Listener): Configured {
    const cloud = of();
    const listener = structuredClone(live);
    const own = new Map<string, PlanePool>();
    for (const id of [listener.defaultPoolId, ...listener.policies.map(({ poolId }) => poolId)]) {
      const pool = cloud.pools.get(id ?? '');
      if (pool !== undefined) own.set(pool.id, poolOf(balancer, pool));
    }
    for (const [id, pool] of own) pools.set(id, pool);
    return {
      pools: [...own.values()],
      route(host, path) {
        const policy = policyFor({ listener }, host, path);
        const { fixed } = policy ?? {};
        if (fixed !== undefined)
          return { status: fixed.status, headers: { 'content-type': fixed.contentType }, body: fixed.body };
        if (policy?.redirectListenerId !== undefined)
          return { status: 301, headers: { location: `https://${host}${path}` } };
        return own.get(policy?.poolId ?? listener.defaultPoolId ?? '') ?? { status: 503 };
      },
      certificates(name) {
        const found = servedBy(cloud, listener, name);
        return found === undefined ? [] : [found];
      },
    };
  }

  function apply(): void {
    for (const balancer of plane === undefined ? [] : of().balancers.values()) {
      const compiled = balancer.listeners.map((one) => [keyOf(balancer, one.port), compile(balancer, one)] as const);
      plane?.apply(balancer.name, new Map(compiled));
    }
  }

  return {
    apply,
    health(pool, member) {
      if (plane === undefined || pool.monitor === undefined) return undefined;
      const found = pools.get(pool.id);
      const target = found?.targets.find(({ serverId }) => serverId === member.id);
      if (found === undefined || target === undefined) return 'OFFLINE';
      return plane.health(found, target) === 'normal' ? 'ONLINE' : 'OFFLINE';
    },
    async start() {
      const cloud = of();
      plane = await startListenerPlane({
        listeners: [...cloud.balancers.values()].flatMap((balancer) =>
          balancer.listeners
            .filter(({ protocol }) => protocol !== 'TCP')
            .map(({ port, protocol }) => ({ key: keyOf(balancer, port), isSecure: protocol === 'HTTPS' })),
        ),
        secondMs: cloud.options.secondMs ?? 1000,
        newTargetsTakeTraffic: cloud.behaviour.newMembersTakeTraffic,
        settle: () => {},
      });
      apply();
      return plane;
    },
  };
}
