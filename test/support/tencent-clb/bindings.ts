import type { Schemas, Values } from '../call-values.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { Action, Call } from '../tencent-gateway/gateway.ts';
import { balancerResource, type Cloud, findBalancer, findListener } from './cloud.ts';
import { type Binding, checkDomain, type Listener, type LoadBalancer } from './model.ts';
import type { Tasks } from './tasks.ts';

// Which certificates a listener or a domain has: ModifyListener, ModifyDomainAttributes, ReplaceCertForLoadBalancers.
// Sources: tencentcloud-sdk-nodejs clb v20180317 (parameters, defaults, SNI), tencentcloud.com 214/38450 (RSA and ECC),
// certd #115 and #295, susunola/wecert (what a listener with SNI ignores).

const content = { CertName: 'text', CertContent: 'text', CertKey: 'text' } as const;

export const certificateSchemas: Schemas = {
  Certificate: {
    fields: {
      ...{ SSLMode: ['UNIDIRECTIONAL', 'MUTUAL'], SSLVerifyClient: ['ON', 'OPTIONAL'], CertId: 'text' },
      ...{ CertCaId: 'text', CertCaName: 'text', CertCaContent: 'text', ...content },
    },
  },
  MultiCertInfo: {
    fields: {
      ...{ 'SSLMode!': ['UNIDIRECTIONAL', 'MUTUAL'], SSLVerifyClient: ['ON', 'OPTIONAL'] },
      'CertList!': { list: { fields: { CertId: 'text', ...content } }, most: 3 },
    },
  },
};

/** A certificate of the SSL service, or one whose content is given, which is added there. */
function idOf(cloud: Cloud, given: Values): string {
  const [id, certificate, privateKey] = [given.text('CertId'), given.text('CertContent'), given.text('CertKey')];
  if (id === undefined && certificate !== undefined && privateKey !== undefined)
    return cloud.addCertificate({ alias: given.text('CertName') ?? '', certificate, privateKey }).id;
  if (id === undefined || !cloud.certificates.has(id))
    throw refuse('InvalidParameterValue', 'The certificate does not exist.');
  return id;
}

/** What Certificate or MultiCertInfo says; a client check that is not named is off. */
export function binding(cloud: Cloud, values: Values): Binding | undefined {
  const [one, many] = [values.part('Certificate'), values.part('MultiCertInfo')];
  if (one !== undefined && many !== undefined)
    throw refuse('InvalidParameter', 'Certificate and MultiCertInfo exclude each other.');
  const given = one ?? many;
  if (given === undefined) return undefined;
  const SSLMode = given.text('SSLMode') ?? 'UNIDIRECTIONAL';
  const SSLVerifyClient = SSLMode === 'MUTUAL' ? (given.text('SSLVerifyClient') ?? 'ON') : '';
  if (one !== undefined) {
    const CertCaId = one.text('CertCaId') ?? '';
    if ((SSLMode === 'MUTUAL') !== (CertCaId !== ''))
      throw refuse('InvalidParameter', 'CertCaId belongs to the mode MUTUAL.');
    return { SSLMode, SSLVerifyClient, certIds: [idOf(cloud, one)], CertCaId };
  }
  // With MUTUAL, the list holds the CA's certificate too. The fake knows it by its name `ca-…`.
  const ids = given.items('CertList').map((item) => {
    const id = item.text('CertId');
    return id?.startsWith('ca-') ? id : idOf(cloud, item);
  });
  const [CertCaId = '', ...rest] = ids.filter((id) => id.startsWith('ca-'));
  const certIds = ids.filter((id) => !id.startsWith('ca-'));
  const algorithms = certIds.map((id) => cloud.certificates.get(id)!.algorithm);
  if (certIds.length === 0 || rest.length > 0 || new Set(algorithms).size < algorithms.length)
    throw refuse('InvalidParameter', 'The algorithms of the certificates must differ.');
  if ((SSLMode === 'MUTUAL') !== (CertCaId !== ''))
    throw refuse('InvalidParameter', 'The mode MUTUAL needs the CA certificate.');
  return { SSLMode, SSLVerifyClient, certIds, CertCaId };
}

export function bindingActions(cloud: Cloud, tasks: Tasks): Readonly<Record<string, Action>> {
  const resources = balancerResource(cloud);

  function modifyListener(call: Call): Record<string, unknown> {
    const { values } = call;
    const balancer = findBalancer(cloud, call);
    const listener = findListener(balancer, values.needed('ListenerId'));
    const bound = binding(cloud, values);
    const sni = values.integer('SniSwitch', 0, 1);
    if (listener.protocol !== 'HTTPS' && (bound !== undefined || sni !== undefined))
      throw refuse('InvalidParameter.ProtocolCheckFailed', 'The listener has no certificates.');
    if (sni === 0 && listener.sni) throw refuse('InvalidParameter', 'SNI cannot be switched off.');
    tasks.begin(call.requestId, 'ModifyListener', [balancer], () => {
      listener.name = values.text('ListenerName') ?? listener.name;
      // With SNI the domains have the certificates: one of the listener is taken and comes to nothing.
      if (bound !== undefined && !listener.sni) listener.binding = bound;
      if (sni === 1 && !listener.sni) switchSniOn(listener);
    });
    return {};
  }

  function switchSniOn(listener: Listener): void {
    for (const rule of listener.rules) rule.binding = listener.binding;
    listener.sni = true;
    listener.binding = undefined;
  }

  function modifyDomain(call: Call): Record<string, unknown> {
    const { values } = call;
    const balancer = findBalancer(cloud, call);
    const listener = findListener(balancer, values.needed('ListenerId'));
    const domain = values.needed('Domain');
    const own = listener.rules.filter(({ domains }) => domains.includes(domain));
    if (own.length === 0) throw refuse('InvalidParameter.LocationNotFound', 'No rule has this domain.');
    const bound = binding(cloud, values);
    const [http2, isDefault, next] = [values.flag('Http2'), values.flag('DefaultServer'), values.text('NewDomain')];
    if (listener.protocol !== 'HTTPS' && (bound !== undefined || http2 === true))
      throw refuse('InvalidParameter.ProtocolCheckFailed', 'The listener has no certificates.');
    if (bound !== undefined && !listener.sni && cloud.behaviour.domainCertificateWithoutSni === 'refused')
      throw refuse('InvalidParameter', 'The listener has no SNI.');
    if (isDefault === false && own.some((rule) => rule.isDefault))
      throw refuse('InvalidParameter', 'NewDefaultServerDomain must name another domain.');
    const renamed = next === undefined ? undefined : checkDomain(next);
    tasks.begin(call.requestId, 'ModifyDomainAttributes', [balancer], () => {
      if (isDefault === true) for (const rule of listener.rules) rule.isDefault = own.includes(rule);
      for (const rule of own) {
        if (bound !== undefined && listener.sni) rule.binding = bound;
        rule.http2 = http2 ?? rule.http2;
        if (renamed !== undefined) rule.domains = [renamed];
      }
    });
    return {};
  }

  /** Everywhere in the region. */
  function replace(call: Call): Record<string, unknown> {
    const old = call.values.needed('OldCertificateId');
    const given = call.values.part('Certificate')!;
    const next = idOf(cloud, given);
    const swapped = (bound: Binding | undefined): Binding | undefined =>
      bound && { ...bound, certIds: bound.certIds.map((id) => (id === old ? next : id)) };
    const uses = ({ listeners }: LoadBalancer) =>
      listeners.some(({ binding: own, rules }) =>
        [own, ...rules.map((rule) => rule.binding)].some((bound) => bound?.certIds.includes(old)),
      );
    const balancers = [...cloud.balancers.values()].filter((one) => one.region === call.region && uses(one));
    if (balancers.length === 0) throw refuse('InvalidParameterValue', 'Nothing uses the certificate.');
    tasks.begin(call.requestId, 'ReplaceCertForLoadBalancers', balancers, () => {
      for (const { listeners } of balancers)
        for (const listener of listeners) {
          listener.binding = swapped(listener.binding);
          for (const rule of listener.rules) rule.binding = swapped(rule.binding);
        }
    });
    return {};
  }

  const where = { 'LoadBalancerId!': 'text', 'ListenerId!': 'text' } as const;
  return {
    ModifyListener: {
      parameters: { ...where, ListenerName: 'text', SniSwitch: 'integer', ...certificateSchemas },
      resources,
      run: modifyListener,
    },
    ModifyDomainAttributes: {
      parameters: {
        ...where,
        ...{ 'Domain!': 'text', NewDomain: 'text', Http2: 'boolean', DefaultServer: 'boolean', ...certificateSchemas },
      },
      resources,
      run: modifyDomain,
    },
    ReplaceCertForLoadBalancers: {
      parameters: { 'OldCertificateId!': 'text', 'Certificate!': certificateSchemas['Certificate']! },
      run: replace,
    },
  };
}
