import { letters } from '../alibaba-clb/random.ts';
import { type Cas, createCas } from '../alibaba-gateway/cas.ts';
import { chanceOf } from '../seeded.ts';
import { refuse } from './errors.ts';
import {
  type AlibabaAlbOptions,
  type Behaviour,
  type GroupOptions,
  type HealthCheckOptions,
  type Quotas,
  quotas,
  strictBehaviour,
} from './options.ts';

export type Tags = Readonly<Record<string, string>>;

export interface HealthCheck {
  HealthCheckEnabled: boolean;
  HealthCheckPath: string;
  HealthCheckHost: string;
  HealthCheckMethod: string;
  HealthCheckProtocol: string;
  HealthCheckConnectPort: number;
  HealthCheckInterval: number;
  HealthCheckTimeout: number;
  HealthyThreshold: number;
  UnhealthyThreshold: number;
  HealthCheckCodes: readonly string[];
}

export interface Server {
  readonly id: string;
  readonly type: string;
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly description: string;
  status: 'Adding' | 'Available' | 'Removing';
  /** When it came into effect. */
  sinceMs: number;
}

export interface Group {
  readonly id: string;
  readonly region: string;
  name: string;
  check: HealthCheck;
  readonly tags: Tags;
  servers: Server[];
  status: 'Creating' | 'Available' | 'Configuring' | 'Deleting';
}

export type RuleAction =
  | { readonly type: 'ForwardGroup'; readonly order: number; readonly groups: readonly string[] }
  | {
      readonly type: 'FixedResponse';
      readonly order: number;
      readonly status: number;
      readonly contentType: string;
      readonly content: string;
    };

export interface Rule {
  readonly id: string;
  name: string;
  priority: number;
  hosts: readonly string[];
  paths: readonly string[];
  actions: readonly RuleAction[];
  readonly tags: Tags;
  status: 'Provisioning' | 'Available' | 'Configuring' | 'Deleting';
}

export interface Bound {
  readonly certificateId: string;
  /** The remarks of the API spell the last one in two ways. */
  status: 'Associating' | 'Associated' | 'Diassociating';
}

export interface Listener {
  readonly id: string;
  readonly protocol: 'HTTP' | 'HTTPS' | 'QUIC';
  readonly port: number;
  readonly groupId: string;
  description: string;
  status: 'Running' | 'Configuring';
  certificates: readonly string[];
  additional: Bound[];
  rules: Rule[];
}

export interface LoadBalancer {
  readonly id: string;
  readonly region: string;
  readonly listeners: Listener[];
}

export interface Cloud {
  readonly options: AlibabaAlbOptions;
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly regions: readonly string[];
  readonly cas: Cas;
  readonly balancers: Map<string, LoadBalancer>;
  readonly groups: Map<string, Group>;
  readonly random: () => number;
  nowMs(): number;
  newId(prefix: string): string;
  server(id: string): { readonly ip: string; readonly at: string } | undefined;
}

export const healthCheck = (given: HealthCheckOptions = {}): HealthCheck => ({
  HealthCheckEnabled: given.enabled ?? true,
  HealthCheckPath: given.path ?? '/',
  HealthCheckHost: given.host ?? '$SERVER_IP',
  HealthCheckMethod: given.method ?? 'HEAD',
  ...{ HealthCheckProtocol: 'HTTP', HealthCheckConnectPort: 0, HealthCheckTimeout: 5 },
  HealthCheckInterval: given.interval ?? 2,
  HealthyThreshold: given.healthy ?? 3,
  ...{ UnhealthyThreshold: 3, HealthCheckCodes: ['http_2xx', 'http_3xx'] },
});

const never = (name: string): never => {
  throw new Error(`The options name ${name}, which they do not describe.`);
};

export function createCloud(options: AlibabaAlbOptions): Cloud {
  const random = chanceOf(3);
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const regions = options.regions ?? ['cn-hangzhou', 'ap-southeast-1'];
  const cas = createCas(options, behaviour);
  const cloud: Cloud = {
    ...{ options, behaviour, regions, cas, random },
    quotas: { ...quotas, ...options.quotas },
    balancers: new Map(),
    groups: new Map(),
    nowMs: () => options.clock.monotonicMs(),
    newId: (prefix) => `${prefix}-${letters(random, 16)}`,
    server(id) {
      const found = options.servers?.[id];
      return found && { ip: found.ip, at: found.at ?? found.ip };
    },
  };
  const idOf = (name: string): string => {
    const found = [...cas.certificates.values()].find((one) => one.name === name) ?? never(name);
    return `${found.id}-${found.region}`;
  };
  for (const pem of options.certificates ?? []) cas.add('cn-hangzhou', pem);
  for (const given of options.groups) addGroup(cloud, given);
  const groupOf = (name: string) => [...cloud.groups.values()].find((one) => one.name === name)?.id ?? never(name);
  for (const { id, region = regions[0]!, listeners } of options.loadBalancers)
    cloud.balancers.set(id, {
      ...{ id, region },
      listeners: listeners.map(({ protocol, port, group, rules = [], certificate, additional = [] }) => ({
        ...{ id: cloud.newId('lsn'), protocol, port, description: '', status: 'Running', groupId: groupOf(group) },
        certificates: certificate === undefined ? [] : [idOf(certificate)],
        additional: additional.map((name) => ({ certificateId: idOf(name), status: 'Associated' })),
        rules: rules.map(({ name, priority, hosts = [], paths = [], group: to }) => ({
          ...{ id: cloud.newId('rule'), name, priority, hosts, paths, tags: {}, status: 'Available' },
          actions: [{ type: 'ForwardGroup', order: 1, groups: [groupOf(to)] }],
        })),
      })),
    });
  return cloud;
}

function addGroup(cloud: Cloud, { name, servers = [], check, tags = {} }: GroupOptions): void {
  const group: Group = {
    ...{ id: cloud.newId('sgp'), region: cloud.regions[0]!, name, tags, status: 'Available' },
    check: healthCheck(check),
    servers: servers.map(({ id, port, weight = 100 }) => ({
      ...{ id, type: 'Ecs', ip: cloud.server(id)?.ip ?? never(id), port, weight, description: '', status: 'Available' },
      sinceMs: Number.NEGATIVE_INFINITY,
    })),
  };
  cloud.groups.set(group.id, group);
}

export function findListener(
  cloud: Cloud,
  id: string,
): { readonly balancer: LoadBalancer; readonly listener: Listener } {
  for (const balancer of cloud.balancers.values())
    for (const listener of balancer.listeners) if (listener.id === id) return { balancer, listener };
  throw refuse('ResourceNotFound.Listener');
}

export function findGroup(cloud: Cloud, id: string): Group {
  const found = cloud.groups.get(id);
  if (found === undefined) throw refuse('ResourceNotFound.ServerGroup');
  return found;
}

const pattern = (text: string, isCaseless: boolean): RegExp => {
  const parts = [...text].map((one) =>
    one === '*' ? '.*' : one === '?' ? '.' : one.replace(/[\\^$.+(){}|[\]]/g, '\\$&'),
  );
  return new RegExp(`^${parts.join('')}$`, isCaseless ? 'i' : '');
};

/** Rules are tried by priority, the smaller number first. Each condition must be met, by one of its values. */
export const ruleFor = ({ rules }: Pick<Listener, 'rules'>, host: string, path: string): Rule | undefined =>
  [...rules]
    .sort((a, b) => a.priority - b.priority)
    .find(
      ({ hosts, paths, status }) =>
        status !== 'Provisioning' &&
        (hosts.length === 0 || hosts.some((one) => pattern(one, true).test(host))) &&
        (paths.length === 0 || paths.some((one) => pattern(one, false).test(path.replace(/\?.*$/s, '')))),
    );

const parse = (id: string): readonly [region: string, number: number] => {
  const [, number, region] = /^(\d+)-([a-z0-9-]+)$/.exec(id) ?? [];
  return [region ?? '', Number(number)];
};
/** A certificate by its full id, as CAS has it now; or as a listener that has bound it. */
export const inCas = ({ cas }: Cloud, id: string) => cas.find(...parse(id));
export const everInCas = ({ cas }: Cloud, id: string) => cas.everHad(...parse(id));
