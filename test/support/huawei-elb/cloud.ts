import { letters } from '../alibaba-clb/random.ts';
import { type CertificateFacts, readCertificate } from '../alibaba-gateway/pem.ts';
import { refuse } from '../huawei-gateway/gateway.ts';
import { chanceOf } from '../seeded.ts';
import {
  type Behaviour,
  type HuaweiElbOptions,
  type ListenerOptions,
  type PemOptions,
  type Quotas,
  quotas,
  strictBehaviour,
} from './options.ts';

export interface Certificate extends CertificateFacts {
  readonly id: string;
  readonly type: 'server' | 'client';
  readonly source: string;
  name: string;
  description: string;
  domain: string;
  pem: string;
  key: string;
}

export interface Member {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** When it came. */
  readonly sinceMs: number;
}

export interface Monitor {
  readonly id: string;
  type: string;
  delay: number;
  timeout: number;
  max_retries: number;
  max_retries_down: number;
  url_path: string;
  domain_name: string;
  expected_codes: string;
  http_method: string;
  monitor_port: number | null;
}

export interface Pool {
  readonly id: string;
  readonly balancerId: string;
  readonly name: string;
  readonly description: string;
  readonly protocol: string;
  members: Member[];
  monitor: Monitor | undefined;
}

export interface Rule {
  readonly id: string;
  readonly type: 'HOST_NAME' | 'PATH';
  readonly compare: 'EQUAL_TO' | 'STARTS_WITH' | 'REGEX';
  readonly values: readonly string[];
}

export interface Policy {
  readonly id: string;
  readonly action: string;
  name: string;
  description: string;
  priority: number | undefined;
  poolId: string | undefined;
  readonly redirectListenerId: string | undefined;
  fixed: { readonly status: number; readonly contentType: string; readonly body: string } | undefined;
  rules: readonly Rule[];
}

export interface Listener {
  readonly id: string;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP';
  readonly port: number;
  readonly isAdvanced: boolean;
  readonly clientCa: string | undefined;
  readonly defaultPoolId: string | undefined;
  name: string;
  description: string;
  certificateId: string | undefined;
  sni: readonly string[];
  policies: Policy[];
}

export interface LoadBalancer {
  readonly id: string;
  readonly name: string;
  readonly listeners: Listener[];
  /** Until when it takes no change. */
  busyUntilMs: number;
}

export interface Cloud {
  readonly options: HuaweiElbOptions;
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly balancers: Map<string, LoadBalancer>;
  readonly pools: Map<string, Pool>;
  readonly certificates: Map<string, Certificate>;
  nowMs(): number;
  newId(): string;
  addCertificate(given: PemOptions & { readonly description?: string }): Certificate;
  /** Makes a change of a balancer, or refuses it while another one is under way. */
  change(balancer: LoadBalancer, effect: () => void): void;
}

const never = (name: string): never => {
  throw new Error(`The options name ${name}, which they do not describe.`);
};

/** @param applied called when a change has come into effect */
export function createCloud(options: HuaweiElbOptions, applied: () => void): Cloud {
  const random = chanceOf(4);
  const hex = (length: number) => letters(random, length, '0123456789abcdef');
  const cloud: Cloud = {
    options,
    behaviour: { ...strictBehaviour, ...options.behaviour },
    quotas: { ...quotas, ...options.quotas },
    ...{ balancers: new Map(), pools: new Map(), certificates: new Map() },
    nowMs: () => options.clock.monotonicMs(),
    newId: () => [8, 4, 4, 4, 12].map(hex).join('-'),
    addCertificate({ name, certificate, privateKey, domain = '', source = '', description = '' }) {
      const facts = readCertificate(certificate, privateKey, 'accepted');
      if (typeof facts === 'string') throw refuse(400, 'ELB.1011', 'Invalid key or certificate content.');
      if (cloud.certificates.size >= cloud.quotas.certificate)
        throw refuse(409, 'ELB.8905', 'Quota exceeded for resources: certificate.');
      const pems = { pem: certificate, key: privateKey };
      const added: Certificate = { ...facts, id: hex(32), type: 'server', source, name, description, domain, ...pems };
      cloud.certificates.set(added.id, added);
      return added;
    },
    change(balancer, effect) {
      if (cloud.nowMs() < balancer.busyUntilMs)
        throw refuse(409, 'ELB.8907', `The load balancer ${balancer.id} is in the status PENDING_UPDATE.`);
      effect();
      balancer.busyUntilMs = cloud.nowMs() + (options.changeMs ?? 0);
      applied();
    },
  };
  const ids = new Map((options.certificates ?? []).map((pem) => [pem.name, cloud.addCertificate(pem).id]));
  const idOf = (name: string): string => ids.get(name) ?? never(name);
  for (const { name, listeners } of options.loadBalancers) {
    const balancer: LoadBalancer = { id: cloud.newId(), name, listeners: [], busyUntilMs: 0 };
    cloud.balancers.set(balancer.id, balancer);
    for (const { name: poolName, members = [] } of options.pools ?? []) {
      const isUsed = listeners.some((one) =>
        [one.pool, ...(one.policies ?? []).map(({ pool }) => pool)].includes(poolName),
      );
      const rows = members.map(({ address, port }) => ({
        ...{ id: cloud.newId(), name: '', address, port, weight: 1, sinceMs: Number.NEGATIVE_INFINITY },
      }));
      const about = { balancerId: balancer.id, name: poolName, description: '', protocol: 'HTTP' };
      const pool: Pool = { id: cloud.newId(), ...about, members: rows, monitor: undefined };
      if (isUsed) cloud.pools.set(pool.id, pool);
    }
    const poolOf = (poolName: string): string =>
      [...cloud.pools.values()].find((one) => one.balancerId === balancer.id && one.name === poolName)?.id ??
      never(poolName);
    for (const given of listeners) balancer.listeners.push(newListener(cloud, given, idOf, poolOf));
  }
  return cloud;
}

function newListener(
  cloud: Cloud,
  given: ListenerOptions,
  idOf: (name: string) => string,
  poolOf: (name: string) => string,
): Listener {
  const rule = (type: Rule['type'], value: string | undefined): Rule[] =>
    value === undefined
      ? []
      : [{ id: cloud.newId(), type, compare: type === 'PATH' ? 'STARTS_WITH' : 'EQUAL_TO', values: [value] }];
  return {
    ...{ id: cloud.newId(), protocol: given.protocol, port: given.port, isAdvanced: given.isAdvanced === true },
    ...{ name: '', description: '', clientCa: given.clientCa, sni: (given.sni ?? []).map(idOf) },
    defaultPoolId: given.pool === undefined ? undefined : poolOf(given.pool),
    certificateId: given.certificate === undefined ? undefined : idOf(given.certificate),
    policies: (given.policies ?? []).map(({ name, priority, host, path, pool }) => ({
      ...{ id: cloud.newId(), action: 'REDIRECT_TO_POOL', name, description: '', priority, poolId: poolOf(pool) },
      ...{ redirectListenerId: undefined, fixed: undefined },
      rules: [...rule('HOST_NAME', host), ...rule('PATH', path)],
    })),
  };
}

export interface Placed {
  readonly balancer: LoadBalancer;
  readonly listener: Listener;
}

export const allListeners = (cloud: Cloud): readonly Placed[] =>
  [...cloud.balancers.values()].flatMap((balancer) => balancer.listeners.map((listener) => ({ balancer, listener })));

export function findListener(cloud: Cloud, id: string): Placed {
  const found = allListeners(cloud).find(({ listener }) => listener.id === id);
  if (found === undefined) throw refuse(404, 'ELB.8904', `The listener ${id} could not be found.`);
  return found;
}

/** Page by marker and limit; `page_info` has no total. */
export function pageOf(
  query: URLSearchParams,
  rows: readonly { readonly id: string }[],
  name: string,
): Readonly<Record<string, unknown>> {
  const [marker, limit] = [query.get('marker'), query.get('limit') ?? '2000'];
  if (!/^\d{1,4}$/.test(limit) || Number(limit) > 2000) throw refuse(400, 'ELB.1001', 'limit is not valid.');
  if (marker !== null && !query.has('limit')) throw refuse(400, 'ELB.1001', 'marker needs limit.');
  const from = marker === null ? 0 : rows.findIndex(({ id }) => id === marker) + 1;
  if (marker !== null && from === 0) throw refuse(400, 'ELB.1001', 'marker is not valid.');
  const page = rows.slice(from, from + Number(limit));
  const isLast = from + page.length >= rows.length;
  const next = isLast || page.length === 0 ? {} : { next_marker: page.at(-1)!.id };
  return { [name]: page, page_info: { current_count: page.length, previous_marker: page[0]?.id, ...next } };
}

/** Whether a row has one of the asked values, for each name that the query has. */
export const matches = (query: URLSearchParams, row: Readonly<Record<string, string>>): boolean =>
  Object.entries(row).every(([name, value]) => !query.has(name) || query.getAll(name).includes(value));
