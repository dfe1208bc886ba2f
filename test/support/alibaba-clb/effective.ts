import { createSecureContext, type SecureContext } from 'node:tls';
import type { Backend, Certificate, Cloud, HealthCheck, Listener, LoadBalancer, Rule } from './model.ts';
import { healthCheck, listenerKey } from './model.ts';

// What the data plane does: a copy of the configuration, made when a change has ended and swapped as one.

export interface Target {
  /** One health check belongs to it: the same server behind the same listener, group and settings. */
  readonly key: string;
  readonly serverId: string;
  readonly ip: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

export interface Pool {
  readonly groupId: string | undefined;
  readonly check: HealthCheck | undefined;
  readonly targets: readonly Target[];
  readonly byRule: boolean;
}

export interface Route {
  /** Lower case; empty if the rule has none. */
  readonly domain: string;
  readonly url: string;
  readonly pool: Pool;
}

export interface EffectiveListener {
  readonly listener: Listener;
  readonly forwardPort: number | undefined;
  readonly stopped: boolean;
  readonly idleTimeout: number;
  readonly requestTimeout: number;
  readonly routes: readonly Route[];
  readonly fallback: Pool | undefined;
  readonly certificate: SecureContext | undefined;
  readonly extensions: ReadonlyMap<string, SecureContext>;
}

export interface Effective {
  readonly listeners: ReadonlyMap<string, EffectiveListener>;
}

/** Rules choose by domain first: the exact one, the longest wildcard, none; then by the longest prefix of the URL. */
export function chooseRoute(
  { routes, fallback }: EffectiveListener,
  host: string,
  url: string,
  hostWithoutPath: 'not-found' | 'default' | 'next',
): Pool | 'not-found' | undefined {
  const domains = [host];
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) domains.push(`*${host.slice(dot)}`);
  for (const domain of domains) {
    const own = routes.filter((route) => route.domain === domain);
    if (own.length === 0) continue;
    const best = longest(own, url);
    if (best !== undefined) return best.pool;
    if (hostWithoutPath === 'not-found') return 'not-found';
    if (hostWithoutPath === 'default') return fallback;
  }
  return (
    longest(
      routes.filter(({ domain }) => domain === ''),
      url,
    )?.pool ?? fallback
  );
}

const longest = (routes: readonly Route[], url: string): Route | undefined =>
  routes
    .filter((route) => url.startsWith(route.url))
    .reduce<Route | undefined>(
      (best, route) => (best === undefined || route.url.length > best.url.length ? route : best),
      undefined,
    );

/** The context that a handshake with this server name gets. */
export function chooseCertificate(listener: EffectiveListener, serverName: string): SecureContext | undefined {
  const name = serverName.toLowerCase();
  const exact = listener.extensions.get(name);
  if (exact !== undefined) return exact;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const found = listener.extensions.get(`*${name.slice(dot)}`);
    if (found !== undefined) return found;
  }
  return listener.certificate;
}

const contexts = new WeakMap<Certificate, SecureContext>();

function secureContext(certificate: Certificate | undefined): SecureContext | undefined {
  if (certificate === undefined) return undefined;
  const made = contexts.get(certificate) ?? createSecureContext({ cert: certificate.pem, key: certificate.key });
  contexts.set(certificate, made);
  return made;
}

export function compile(cloud: Cloud, balancer: LoadBalancer): Effective {
  const listeners = balancer.listeners.map(
    (listener) => [listenerKey(listener), compileListener(cloud, balancer, listener)] as const,
  );
  return { listeners: new Map(listeners) };
}

function compileListener(cloud: Cloud, balancer: LoadBalancer, listener: Listener): EffectiveListener {
  const pool = (
    groupId: string | undefined,
    servers: readonly Backend[],
    check: HealthCheck,
    byRule: boolean,
  ): Pool => {
    const active = check.enabled ? { ...check } : undefined;
    return {
      groupId,
      check: active,
      byRule,
      targets: servers.map(({ serverId, port, weight, ip }) => ({
        key: [balancer.id, listenerKey(listener), groupId, serverId, ip, port, JSON.stringify(active)].join('|'),
        serverId,
        ip,
        address: cloud.servers.get(serverId)?.addresses.get(ip) ?? '127.0.0.1',
        port,
        weight,
      })),
    };
  };
  const own: Backend[] = balancer.servers.map(({ serverId, weight }) => {
    const ip = [...(cloud.servers.get(serverId)?.addresses.keys() ?? [])][0] ?? '';
    return { serverId, port: listener.backendPort, weight, type: 'ecs', ip, ipGiven: false };
  });
  const group = listener.groupId === undefined ? undefined : cloud.groups.get(listener.groupId);
  const rules = [...cloud.rules.values()].filter((rule) => rule.listener === listener);
  const extensions = [...cloud.extensions.values()].filter(
    ({ listener: one, domain }) =>
      one === listener &&
      (!cloud.behaviour.extensionNeedsRule || rules.some((rule) => rule.domain.toLowerCase() === domain.toLowerCase())),
  );
  return {
    listener,
    forwardPort: listener.forwardPort,
    stopped: listener.stopped || balancer.inactive,
    idleTimeout: listener.idleTimeout,
    requestTimeout: listener.requestTimeout,
    fallback:
      group !== undefined
        ? pool(group.id, group.servers, listener.check, false)
        : own.length > 0
          ? pool(undefined, own, listener.check, false)
          : undefined,
    routes: rules.map((rule) => ({
      domain: rule.domain.toLowerCase(),
      url: rule.url,
      pool: pool(rule.groupId, cloud.groups.get(rule.groupId)?.servers ?? [], checkOf(cloud, rule), true),
    })),
    certificate: secureContext(cloud.certificates.get(listener.certificateId ?? '')),
    extensions: new Map(
      extensions.flatMap(({ domain, certificateId }) => {
        const context = secureContext(cloud.certificates.get(certificateId));
        return context === undefined ? [] : [[domain.toLowerCase(), context]];
      }),
    ),
  };
}

function checkOf(cloud: Cloud, rule: Rule): HealthCheck {
  if (rule.listenerSync === 'off')
    return { ...(rule.check ?? healthCheck({ enabled: false })), method: rule.listener.check.method };
  const { check } = rule.listener;
  return check.enabled || cloud.behaviour.ruleCheckWhenListenerOff === 'off' ? check : healthCheck();
}
