import { chanceOf } from '../seeded.ts';
import type { AlibabaClbOptions, Behaviour, HealthCheckOptions, Quotas } from './options.ts';
import { quotas, strictBehaviour } from './options.ts';
import { letters } from './random.ts';

// What the API describes and changes. The data plane works on a copy that is made when a change has ended.

export type Tags = Map<string, string>;

export interface HealthCheck {
  enabled: boolean;
  uri: string;
  domain: string;
  method: 'head' | 'get';
  codes: string;
  /** 0: the backend's own port. */
  port: number;
  interval: number;
  timeout: number;
  healthy: number;
  unhealthy: number;
}

export interface Backend {
  serverId: string;
  port: number;
  weight: number;
  type: string;
  ip: string;
  description?: string;
  /** Whether the request named the address; then descriptions do, too. */
  ipGiven: boolean;
}

export interface Listener {
  readonly protocol: 'http' | 'https' | 'tcp';
  readonly port: number;
  stopped: boolean;
  groupId?: string;
  backendPort: number;
  check: HealthCheck;
  forwardPort?: number;
  certificateId?: string;
  idleTimeout: number;
  requestTimeout: number;
  scheduler: string;
  tlsCipherPolicy: string;
}

export interface LoadBalancer {
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly address: string;
  readonly inactive: boolean;
  readonly servers: readonly { readonly serverId: string; readonly weight: number }[];
  readonly listeners: Listener[];
  readonly tags: Tags;
  readonly created: number;
}

export interface Group {
  readonly id: string;
  readonly balancer: LoadBalancer;
  name: string;
  servers: Backend[];
  readonly tags: Tags;
  readonly created: number;
}

export interface Rule {
  readonly id: string;
  readonly balancer: LoadBalancer;
  readonly listener: Listener;
  name: string;
  readonly domain: string;
  readonly url: string;
  groupId: string;
  listenerSync: 'on' | 'off';
  /** What it has of its own; it counts while `listenerSync` is off. */
  check?: HealthCheck;
  scheduler?: string;
  stickySession?: string;
  stickySessionType?: string;
  cookie?: string;
  cookieTimeout?: number;
}

export interface Certificate {
  readonly id: string;
  readonly region: string;
  name: string;
  readonly pem: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly commonName: string;
  readonly names: readonly string[];
  readonly expires: number;
  readonly created: number;
  readonly tags: Tags;
}

export interface Extension {
  readonly id: string;
  readonly balancer: LoadBalancer;
  readonly listener: Listener;
  readonly domain: string;
  certificateId: string;
}

/** A machine: its private addresses and where they are on this one. */
export interface Server {
  readonly id: string;
  readonly type: string;
  readonly addresses: ReadonlyMap<string, string>;
  stopped: boolean;
}

export interface Cloud {
  readonly account: string;
  readonly region: string;
  readonly regions: readonly string[];
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly servers: Map<string, Server>;
  readonly balancers: Map<string, LoadBalancer>;
  readonly groups: Map<string, Group>;
  readonly rules: Map<string, Rule>;
  readonly certificates: Map<string, Certificate>;
  readonly extensions: Map<string, Extension>;
  readonly random: () => number;
  /** The cloud's clock, which a test may move. */
  clockOffsetMs: number;
  now(): number;
  newId(prefix: string): string;
}

/** The documented defaults, with what a listener was created with. */
export const healthCheck = (options: HealthCheckOptions = {}): HealthCheck => ({
  enabled: options.enabled ?? true,
  uri: options.uri ?? '/',
  domain: options.domain ?? '',
  method: options.method ?? 'head',
  codes: options.codes ?? 'http_2xx',
  port: options.port ?? 0,
  interval: options.interval ?? 2,
  timeout: options.timeout ?? 5,
  healthy: options.healthy ?? 3,
  unhealthy: options.unhealthy ?? 3,
});

export const listenerKey = ({ protocol, port }: Pick<Listener, 'protocol' | 'port'>): string => `${protocol}:${port}`;

/** @param now the time, if not the system's */
export function createCloud(
  options: Omit<AlibabaClbOptions, 'loadBalancers'>,
  now: () => number = () => Date.now(),
): Cloud {
  const random = chanceOf(options.seed ?? 1);
  const region = options.region ?? 'cn-hangzhou';
  const servers = new Map<string, Server>();
  for (const [index, [id, given]] of Object.entries(options.servers).entries()) {
    const server = typeof given === 'string' ? { addresses: { [`192.168.0.${index + 10}`]: given } } : given;
    servers.set(id, {
      id,
      type: id.startsWith('eni-') ? 'eni' : id.startsWith('eci-') ? 'eci' : 'ecs',
      addresses: new Map(Object.entries(server.addresses)),
      stopped: 'stopped' in server && server.stopped === true,
    });
  }
  const cloud: Cloud = {
    account: options.account ?? '1231579085529123',
    region,
    regions: options.regions ?? ['cn-hangzhou', 'cn-shanghai', 'cn-beijing', 'ap-southeast-1', 'eu-central-1'],
    behaviour: { ...strictBehaviour, ...options.behaviour },
    quotas: { ...quotas, ...options.quotas },
    servers,
    balancers: new Map(),
    groups: new Map(),
    rules: new Map(),
    certificates: new Map(),
    extensions: new Map(),
    random,
    clockOffsetMs: 0,
    now: () => now() + cloud.clockOffsetMs,
    newId: (prefix) => `${prefix}-bp1${letters(random, 10)}`,
  };
  return cloud;
}
