import { letters } from '../alibaba-clb/random.ts';
import { readCertificate } from '../alibaba-gateway/pem.ts';
import { chanceOf } from '../seeded.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { Call } from '../tencent-gateway/gateway.ts';
import type { Binding, Certificate, Listener, LoadBalancer, Rule, Target } from './model.ts';
import { healthCheck } from './model.ts';
import {
  type Behaviour,
  type ListenerOptions,
  type PemOptions,
  type Quotas,
  quotas,
  strictBehaviour,
  type TargetOptions,
  type TencentClbOptions,
} from './options.ts';

/** Everything that the account has. */
export interface Cloud {
  readonly options: TencentClbOptions;
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly uin: string;
  readonly region: string;
  readonly balancers: Map<string, LoadBalancer>;
  readonly certificates: Map<string, Certificate>;
  /** Certificates that were deleted while something still served them. */
  readonly deleted: Map<string, Certificate>;
  readonly random: () => number;
  nowMs(): number;
  newId(prefix: string): string;
  addCertificate(given: PemOptions): Certificate;
  instance(id: string): { readonly ip: string; readonly at: string } | undefined;
}

export function createCloud(options: TencentClbOptions): Cloud {
  const random = chanceOf(2);
  const { clock, instances = {} } = options;
  const cloud: Cloud = {
    options,
    behaviour: { ...strictBehaviour, ...options.behaviour },
    quotas: { ...quotas, ...options.quotas },
    uin: options.uin ?? '100000000001',
    region: options.regions?.[0] ?? 'ap-guangzhou',
    balancers: new Map(),
    certificates: new Map(),
    deleted: new Map(),
    random,
    nowMs: () => clock.monotonicMs(),
    newId: (prefix) => `${prefix}${letters(random, 8)}`,
    addCertificate({ alias, certificate, privateKey }) {
      const facts = readCertificate(certificate, privateKey, 'accepted');
      if (facts === 'mismatch') throw refuse('FailedOperation.CertificateMismatch', 'The key does not match.');
      if (typeof facts === 'string') throw refuse('FailedOperation.CertificateParseError', `The ${facts} is wrong.`);
      if (cloud.certificates.size >= cloud.quotas.certificates)
        throw refuse('FailedOperation.ExceedsLimit', 'The quota of certificates is used up.');
      const insertedMs = clock.now().getTime();
      const added = { ...facts, id: letters(random, 8), alias, pem: certificate, key: privateKey, insertedMs };
      cloud.certificates.set(added.id, added);
      return added;
    },
    instance(id) {
      const found = instances[id];
      return found && { ip: found.ip, at: found.at ?? found.ip };
    },
  };
  const ids = new Map((options.certificates ?? []).map((pem) => [pem.alias, cloud.addCertificate(pem).id]));
  for (const { id, region = cloud.region, name = id, listeners } of options.loadBalancers) {
    const balancer: LoadBalancer = { id, region, name, listeners: [] };
    cloud.balancers.set(id, balancer);
    for (const given of listeners) balancer.listeners.push(newListener(cloud, given, ids));
    for (const [index, given] of listeners.entries())
      balancer.listeners[index]!.rules = newRules(cloud, balancer, given, ids);
  }
  return cloud;
}

function bindingOf(aliases: readonly string[] | undefined, ids: ReadonlyMap<string, string>): Binding | undefined {
  if (aliases === undefined) return undefined;
  const certIds = aliases.map((alias) => ids.get(alias) ?? never(alias));
  return { SSLMode: 'UNIDIRECTIONAL', SSLVerifyClient: '', certIds, CertCaId: '' };
}

const never = (name: string): never => {
  throw new Error(`The options name ${name}, which they do not describe.`);
};

function newListener(cloud: Cloud, given: ListenerOptions, ids: ReadonlyMap<string, string>): Listener {
  const { protocol, port, sni = false, certificates, mutual } = given;
  const binding = bindingOf(certificates, ids);
  const checked = mutual && { SSLMode: 'MUTUAL', SSLVerifyClient: mutual.verify, CertCaId: mutual.ca };
  const id = cloud.newId('lbl-');
  return { id, name: id, protocol, port, sni, binding: binding && { ...binding, ...checked }, rules: [] };
}

function newRules(
  cloud: Cloud,
  { listeners }: LoadBalancer,
  given: ListenerOptions,
  ids: ReadonlyMap<string, string>,
): Rule[] {
  const target = ({ instance, port, weight = 10 }: TargetOptions): Target => {
    const { ip } = cloud.instance(instance) ?? never(instance);
    return { instance, byIp: false, ip, port, weight, boundMs: Number.NEGATIVE_INFINITY };
  };
  const rules = (given.rules ?? []).map((rule): Rule => {
    const to = listeners.find(({ port }) => port === rule.redirectTo);
    return {
      id: cloud.newId('loc-'),
      domains: [rule.domain],
      url: rule.url ?? '/',
      check: healthCheck(rule.check, rule.domain.replace('*', 'www')),
      ...{ scheduler: 'WRR', sessionExpireTime: 0, forwardType: 'HTTP', http2: rule.http2 === true },
      isDefault: rule.isDefault === true,
      binding: bindingOf(rule.certificates, ids),
      targets: (rule.targets ?? []).map(target),
      redirect: to && { listenerId: to.id, port: to.port },
    };
  });
  if (rules[0] !== undefined && !rules.some(({ isDefault }) => isDefault)) rules[0].isDefault = true;
  return rules;
}

// What a call names. The resource of CAM for a balancer or its targets is a six-part name.

export const balancerResource =
  (cloud: Cloud) =>
  (call: Call): readonly string[] => [
    `qcs::clb:${call.region}:uin/${cloud.uin}:clb/${call.values.needed('LoadBalancerId')}`,
  ];

export function findBalancer(cloud: Cloud, { values, region }: Call): LoadBalancer {
  const found = cloud.balancers.get(values.needed('LoadBalancerId'));
  if (found === undefined || found.region !== region)
    throw refuse('InvalidParameter.LBIdNotFound', 'The load balancer does not exist.');
  return found;
}

export function findListener(balancer: LoadBalancer, id: string): Listener {
  const found = balancer.listeners.find((one) => one.id === id);
  if (found === undefined) throw refuse('InvalidParameter.ListenerIdNotFound', 'The listener does not exist.');
  return found;
}

/** The rules of an ID, of a domain, or of a domain and a URL. */
export function findRules(
  { rules }: Listener,
  by: { readonly ids: readonly string[]; readonly domain: string | undefined; readonly url: string | undefined },
): readonly Rule[] {
  const { ids, domain, url } = by;
  const found =
    ids.length > 0
      ? ids.map((id) => rules.find((rule) => rule.id === id))
      : rules.filter((rule) => domain !== undefined && rule.domains.includes(domain) && (url ?? rule.url) === rule.url);
  if (found.length === 0 || found.includes(undefined))
    throw refuse('InvalidParameter.LocationNotFound', 'The rule does not exist.');
  return found as readonly Rule[];
}
