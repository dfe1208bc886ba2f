import type { Fields } from '../../core/text/json.ts';
import { isFields } from '../../core/text/json.ts';
import type { Backend } from '../../ports/balancer.ts';
import { readList, readString, UnreadableAnswer } from '../http/json-api.ts';

// Listeners, rules and servers, as DescribeListeners and DescribeTargets show them.

export interface ClbListener {
  readonly id: string;
  readonly port: number;
  /** `HTTP`, `HTTPS`, `TCP_SSL`, `QUIC`… */
  readonly protocol: string;
  /** Whether each domain has its own certificate. If not, the listener has one for all. */
  readonly hasSni: boolean;
  readonly certificate: ClbCertificate | undefined;
  readonly rules: readonly ClbRule[];
}

/** A rule: the servers for one path of a domain, or of several domains that share all settings. */
export interface ClbRule {
  readonly id: string;
  readonly domains: readonly string[];
  readonly url: string;
  /** Whether requests for hosts without rules go to this rule's domain. */
  readonly isDefault: boolean;
  /** The host name in health checks, which is where certfleet's rules have their mark. */
  readonly checkHost: string;
  readonly action: string;
  readonly certificate: ClbCertificate | undefined;
}

/** The certificates of a listener or a domain: one, or one for each kind of key. */
export interface ClbCertificate {
  readonly ids: readonly string[];
  /** `UNIDIRECTIONAL`, or `MUTUAL` if clients need a certificate, too. */
  readonly mode: string | undefined;
  /** Whether such a client's certificate is checked: `ON`, `OPTIONAL`. */
  readonly verify: string | undefined;
  /** The CA of the clients' certificates. */
  readonly caId: string | undefined;
}

/** A server of a rule. */
export interface ClbTarget {
  /** `CVM`, `ENI`… */
  readonly type: string;
  readonly instance: string | undefined;
  readonly addresses: readonly string[];
  readonly port: number;
}

/** The health of a server of a rule. */
export interface ClbHealth {
  readonly instance: string | undefined;
  readonly addresses: readonly string[];
  readonly port: number;
  /** `Alive`, `Dead`, `Unknown` before the first checks, or `Close` without checks. */
  readonly state: string;
}

const textIn = (fields: Fields, name: string): string | undefined => {
  const value = fields[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string' && text !== '') : [];

function numberIn(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

export function listenerIn(fields: Fields): ClbListener {
  // Listeners without rules have null. A missing list is an error, because it must not be taken for an empty one.
  const rules = fields['Rules'] === null ? [] : readList(fields['Rules'] ?? rulesOf(fields), 'Rules');
  return {
    id: readString(fields, 'ListenerId'),
    port: numberIn(fields, 'Port'),
    protocol: readString(fields, 'Protocol'),
    hasSni: fields['SniSwitch'] === 1,
    certificate: certificateIn(fields['Certificate']),
    rules: rules.map(ruleIn),
  };
}

/** Only HTTP and HTTPS listeners have rules. */
const rulesOf = ({ Protocol }: Fields): readonly never[] | undefined =>
  Protocol === 'HTTP' || Protocol === 'HTTPS' ? undefined : [];

function ruleIn(fields: Fields): ClbRule {
  const { HealthCheck: check, RewriteTarget: redirect, TargetType: type } = fields;
  const domains = textsIn(fields['Domains']);
  const isRedirect = isFields(redirect) && textIn(redirect, 'TargetListenerId') !== undefined;
  const group = typeof type === 'string' && type.startsWith('TARGETGROUP');
  return {
    id: readString(fields, 'LocationId'),
    domains: (domains.length > 0 ? domains : [readString(fields, 'Domain')]).map((domain) => domain.toLowerCase()),
    url: readString(fields, 'Url'),
    isDefault: fields['DefaultServer'] === true,
    checkHost: isFields(check) ? (textIn(check, 'HttpCheckDomain') ?? '') : '',
    action: isRedirect ? 'redirects' : group ? 'forwards to a target group' : 'forwards to its servers',
    certificate: certificateIn(fields['Certificate']),
  };
}

function certificateIn(value: unknown): ClbCertificate | undefined {
  if (!isFields(value)) return undefined;
  const ids = [...new Set([...textsIn([value['CertId']]), ...textsIn(value['ExtCertIds'])])];
  if (ids.length === 0) return undefined;
  return {
    ids,
    mode: textIn(value, 'SSLMode'),
    verify: textIn(value, 'SSLVerifyClient'),
    caId: textIn(value, 'CertCaId'),
  };
}

export function targetsIn(response: Fields): ReadonlyMap<string, readonly ClbTarget[]> {
  const all = readList(response['Listeners'], 'Listeners').flatMap((listener) =>
    listener['Rules'] === null ? [] : readList(listener['Rules'] ?? [], 'Rules'),
  );
  return new Map(
    all.map((rule) => [
      readString(rule, 'LocationId'),
      rule['Targets'] === null ? [] : readList(rule['Targets'], 'Targets').map(targetIn),
    ]),
  );
}

const targetIn = (fields: Fields): ClbTarget => ({
  type: textIn(fields, 'Type') ?? 'CVM',
  instance: textIn(fields, 'InstanceId'),
  addresses: textsIn(fields['PrivateIpAddresses']),
  port: numberIn(fields, 'Port'),
});

export function healthIn(response: Fields): ReadonlyMap<string, readonly ClbHealth[]> {
  const listeners = readList(response['LoadBalancers'], 'LoadBalancers').flatMap((one) =>
    readList(one['Listeners'] ?? [], 'Listeners'),
  );
  const rules = listeners.flatMap((listener) => readList(listener['Rules'] ?? [], 'Rules'));
  return new Map(
    rules.map((rule) => [
      readString(rule, 'LocationId'),
      readList(rule['Targets'] ?? [], 'Targets').map((target) => ({
        instance: textIn(target, 'TargetId'),
        addresses: textsIn([target['IP']]),
        port: numberIn(target, 'Port'),
        // The second name is the first one's misspelt predecessor.
        state: textIn(target, 'HealthStatusDetail') ?? textIn(target, 'HealthStatusDetial') ?? 'Unknown',
      })),
    ]),
  );
}

/** Returns a server as calls name it: an instance by its ID, and anything else by its address. */
export const targetOf = ({ server, port, kind }: Backend): Fields =>
  kind === 'ip' ? { EniIp: server, Port: port } : { InstanceId: server, Port: port };

/** Returns a server that is there in the same form. */
export const backendOf = ({ type, instance, addresses, port }: ClbTarget): Backend =>
  type === 'CVM' && instance !== undefined
    ? { server: instance, port, kind: 'cvm' }
    : { server: addresses[0] ?? instance ?? '', port, kind: 'ip' };

/** Reports whether a server of a rule is this one. */
export const isAt = (
  { server, port, kind }: Backend,
  target: Pick<ClbTarget, 'instance' | 'addresses' | 'port'>,
): boolean => port === target.port && (kind === 'ip' ? target.addresses.includes(server) : target.instance === server);

/** Returns the domain to which the listener sends requests for hosts without rules, if any. */
export const defaultDomainOf = ({ rules }: ClbListener): string | undefined =>
  rules.find(({ isDefault }) => isDefault)?.domains[0];
