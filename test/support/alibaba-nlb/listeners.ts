import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { pageOf } from '../alibaba-gateway/jobs.ts';
import type { Schemas, Values } from '../call-values.ts';
import type { Cloud, Listener, LoadBalancer } from './cloud.ts';
import { refuse } from './errors.ts';
import type { Jobs } from './jobs.ts';

// TCPSSL listeners and their certificates. Sources: alibabacloud-typescript-sdk nlb-20220430 (parameters, fields, states),
// the metadata and pages of api-nlb-2022-04-30 (places of parameters, numbers, errors, RAM), nlb-quotas.

/** What UpdateListenerAttribute sets besides certificates, and the numbers' ranges. */
const settings = {
  ...{ ListenerDescription: 'text', ServerGroupId: 'text', SecurityPolicyId: 'text', CaEnabled: 'boolean' },
  ...{ ProxyProtocolEnabled: 'boolean', SecSensorEnabled: 'boolean', AlpnEnabled: 'boolean' },
  AlpnPolicy: ['HTTP1Only', 'HTTP2Only', 'HTTP2Optional', 'HTTP2Preferred'],
  ...{ IdleTimeout: 'integer', Cps: 'integer', Mss: 'integer', ProxyProtocolV2Config: 'text' },
} as const satisfies Schemas;
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  ...{ IdleTimeout: [10, 900], Cps: [0, 1_000_000], Mss: [0, 1500] },
};

function inRange(values: Values, name: string): number {
  const [from, to] = ranges[name]!;
  const value = values.integer(name, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)!;
  if (value >= from && value <= to) return value;
  throw refuse(
    name === 'IdleTimeout' ? 'IllegalParam.IdleTimeout' : 'IllegalParam',
    `The param of ${name} is illegal.`,
  );
}

/** The settings that a call names. */
function given(values: Values): Listener['settings'] {
  const found: Record<string, string | number | boolean> = {};
  for (const [name, schema] of Object.entries(settings)) {
    if (!values.has(name)) continue;
    if (schema === 'integer') found[name] = inRange(values, name);
    else found[name] = schema === 'boolean' ? values.flag(name)! : values.needed(name);
  }
  return found;
}

export function listenerActions(cloud: Cloud, jobs: Jobs): Readonly<Record<string, Action>> {
  const { behaviour } = cloud;
  const onListener: Action['resource'] = (values) => {
    const id = values.needed('ListenerId');
    const owner = [...cloud.balancers.values()].find(({ listeners }) => listeners.some((one) => one.id === id));
    return `loadbalancer/${owner?.id ?? '*'}`;
  };
  // The region is a parameter of its own, which must be that of the host.
  const region = { RegionId: 'text' } as const;
  const inRegion = (call: Call): Call => {
    if ((call.values.text('RegionId') ?? call.region) !== call.region)
      throw invalid('The fake: RegionId is not the region of the host.');
    return call;
  };
  const page = { MaxResults: 'integer', NextToken: 'text' } as const;
  const tags = { Tag: { list: { fields: { 'Key!': 'text', Value: 'text' } }, most: 20 } } as const;

  const describe = ({ id, region: RegionId }: LoadBalancer, one: Listener) => ({
    ...{ LoadBalancerId: id, RegionId, ListenerId: one.id, ListenerPort: one.port, ListenerProtocol: one.protocol },
    ...{ ListenerStatus: one.status, ListenerDescription: '', ServerGroupId: 'sgp-web', IdleTimeout: 900 },
    ...{ SecurityPolicyId: one.protocol === 'TCPSSL' ? 'tls_cipher_policy_1_0' : '', Cps: 0, Mss: 0, Tags: [] },
    ...{ ProxyProtocolEnabled: false, SecSensorEnabled: false, AlpnEnabled: false, CaEnabled: one.ca !== undefined },
    ...one.settings,
    CertificateIds: one.certificate === undefined ? [] : [one.certificate],
    CaCertificateIds: one.ca === undefined ? [] : [one.ca],
  });

  function secureListener(call: Call): { readonly balancer: LoadBalancer; readonly listener: Listener } {
    const found = cloud.find(call.region, call.values.needed('ListenerId'));
    if (found.listener.protocol !== 'TCPSSL') throw refuse('OperationDenied.Protocol');
    return found;
  }

  /** A listener that is being made or stopped takes no change. */
  function ready({ balancer, listener }: ReturnType<Cloud['find']>): void {
    if (balancer.status !== 'Active') throw refuse('IncorrectStatus.loadbalancer');
    if (!['Running', 'Stopped', 'Configuring'].includes(listener.status))
      throw refuse('IncorrectStatus.listener', `The status of listener [${listener.status}] is incorrect.`);
  }

  /** The ids of a call, each of which CAS must know in the region that the id names. */
  function asked({ values }: Call, name: string, isNew: boolean): readonly string[] {
    const ids = values.texts(name);
    if (new Set(ids).size < ids.length) throw refuse('IllegalParam', `The param of ${name} is illegal.`);
    for (const id of ids) if (isNew && cloud.inCas(id) === undefined) throw refuse('ResourceNotFound.Certificate');
    return ids;
  }

  const has = (listener: Listener, id: string): boolean =>
    listener.certificate === id || listener.additional.some(({ certificateId }) => certificateId === id);

  function update(call: Call): Readonly<Record<string, unknown>> {
    const { values } = call;
    const found = cloud.find(call.region, values.needed('ListenerId'));
    const { balancer, listener } = found;
    const [ids, cas] = [values.texts('CertificateIds'), values.texts('CaCertificateIds')];
    if (ids.length > 0 || cas.length > 0) secureListener(call);
    if (ids.length > 1 || cas.length > 1) throw refuse('IllegalParamSize.certificateIds');
    const [certificate] = asked(call, 'CertificateIds', true);
    if (certificate !== undefined && has(listener, certificate) && behaviour.associateAgain === 'refused')
      throw refuse('ResourceAlreadyAssociated.Certificate');
    const changed = given(values);
    ready(found);
    const before = listener.status;
    return jobs.run(values, {
      ...{ action: 'UpdateListenerAttribute', resources: jobs.held(balancer, listener), kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
      },
      end(isDone) {
        listener.status = before;
        if (!isDone) return;
        listener.certificate = certificate ?? listener.certificate;
        listener.ca = cas[0] ?? listener.ca;
        listener.settings = { ...listener.settings, ...changed };
      },
    });
  }

  function associate(call: Call): Readonly<Record<string, unknown>> {
    const found = secureListener(call);
    const { balancer, listener } = found;
    const ids = asked(call, 'AdditionalCertificateIds', true);
    const added = ids.filter((id) => !has(listener, id));
    if (added.length < ids.length && behaviour.associateAgain === 'refused')
      throw refuse('ResourceAlreadyAssociated.Certificate');
    ready(found);
    const most = cloud.quotas.additionalOfBalancer;
    const used = balancer.listeners.reduce((sum, one) => sum + one.additional.length, 0);
    if (used + added.length > most)
      throw refuse(
        behaviour.quotaCode,
        `The quota of loadbalancer_certificates_num is exceeded, usage ${used}/${most}.`,
      );
    const before = listener.status;
    return jobs.run(call.values, {
      action: 'AssociateAdditionalCertificatesWithListener',
      ...{ resources: jobs.held(balancer, listener), kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
        for (const certificateId of added) listener.additional.push({ certificateId, status: 'Associating' });
      },
      end(isDone) {
        listener.status = before;
        if (isDone) for (const one of listener.additional) one.status = 'Associated';
        else listener.additional = listener.additional.filter(({ certificateId }) => !added.includes(certificateId));
      },
    });
  }

  function disassociate(call: Call): Readonly<Record<string, unknown>> {
    const found = secureListener(call);
    const { balancer, listener } = found;
    const ids = asked(call, 'AdditionalCertificateIds', false);
    if (ids.includes(listener.certificate ?? '')) throw refuse('OperationDenied.DefaultCertificateUsed');
    if (ids.includes(listener.ca ?? '')) throw refuse('OperationDenied.CaCertificateUsed');
    const gone = listener.additional.filter(({ certificateId }) => ids.includes(certificateId));
    if (gone.length < ids.length) throw refuse('ResourceNotAssociated.Certificate');
    ready(found);
    const before = listener.status;
    return jobs.run(call.values, {
      action: 'DisassociateAdditionalCertificatesWithListener',
      ...{ resources: jobs.held(balancer, listener), kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
        for (const one of gone) one.status = 'Diassociating';
      },
      end(isDone) {
        listener.status = before;
        if (isDone) listener.additional = listener.additional.filter((one) => !gone.includes(one));
        for (const one of listener.additional) one.status = 'Associated';
      },
    });
  }

  const change = (name: string, parameters: Schemas, run: Action['run']): readonly [string, Action] => [
    name,
    jobs.change(name, {
      parameters: { 'ListenerId!': 'text', ...parameters, ...region },
      ...{ isPostOnly: true, resource: onListener },
      run: (call) => run(inRegion(call)),
    }),
  ];
  const additional = { 'AdditionalCertificateIds!': { list: 'text', most: 15 } } as const;
  const ours = ({ region: at }: Call) => [...cloud.balancers.values()].filter((one) => one.region === at);

  return {
    ListLoadBalancers: {
      parameters: {
        ...{ LoadBalancerIds: { list: 'text', most: 20 }, LoadBalancerNames: { list: 'text', most: 20 } },
        ...{ LoadBalancerStatus: 'text', ...tags, ...page, ...region },
      },
      run(call) {
        const { values } = inRegion(call);
        const [ids, names] = [values.texts('LoadBalancerIds'), values.texts('LoadBalancerNames')];
        const rows = ours(call)
          // Nothing here has a tag.
          .filter(() => values.items('Tag').length === 0)
          .filter(({ id }) => (ids.length === 0 || ids.includes(id)) && (names.length === 0 || names.includes(id)))
          .map(({ id, status, region: RegionId }) => ({
            ...{ LoadBalancerId: id, LoadBalancerName: id, LoadBalancerStatus: status, RegionId, VpcId: 'vpc-1' },
            ...{ LoadBalancerType: 'Network', LoadBalancerBusinessStatus: 'Normal', AddressType: 'Internet' },
            ...{ DNSName: `${id}.${RegionId}.nlb.aliyuncs.com`, AddressIpVersion: 'Ipv4', Tags: [] },
          }));
        return pageOf(values, rows, 'LoadBalancers');
      },
    },
    ListListeners: {
      parameters: {
        ...{ LoadBalancerIds: { list: 'text', most: 20 }, ListenerIds: { list: 'text', most: 20 } },
        ...{ ListenerProtocol: ['TCP', 'UDP', 'TCPSSL'], SecSensorEnabled: 'text', ...tags, ...page, ...region },
      },
      run(call) {
        const { values } = inRegion(call);
        const [balancers, ids] = [values.texts('LoadBalancerIds'), values.texts('ListenerIds')];
        const protocol = values.text('ListenerProtocol');
        const rows = ours(call)
          .filter(({ id }) => balancers.length === 0 || balancers.includes(id))
          .filter(() => values.items('Tag').length === 0)
          .flatMap((balancer) => balancer.listeners.map((one) => [balancer, one] as const))
          .filter(
            ([, one]) => (ids.length === 0 || ids.includes(one.id)) && (protocol ?? one.protocol) === one.protocol,
          )
          .map(([balancer, one]) => describe(balancer, one));
        return pageOf(values, rows, 'Listeners');
      },
    },
    GetListenerAttribute: {
      parameters: { 'ListenerId!': 'text', ClientToken: 'text', DryRun: 'boolean', ...region },
      resource: onListener,
      run(call) {
        const { values } = inRegion(call);
        const { balancer, listener } = cloud.find(call.region, values.needed('ListenerId'));
        if (values.flag('DryRun') === true) throw refuse('DryRunOperation');
        return describe(balancer, listener);
      },
    },
    ListListenerCertificates: {
      parameters: {
        ...{ 'ListenerId!': 'text', CertType: ['Server', 'Ca'], CertificateIds: { list: 'text', most: 20 } },
        ...{ ...page, ...region },
      },
      resource: onListener,
      run(call) {
        const { values } = inRegion(call);
        const { listener } = secureListener(call);
        const [ids, type] = [values.texts('CertificateIds'), values.text('CertType')];
        const row = (CertificateId: string, CertificateType: string, IsDefault: boolean, Status: string) => ({
          ...{ CertificateId, CertificateType, IsDefault, Status },
        });
        const { certificate, ca, additional: bound } = listener;
        const rows = [
          ...(certificate === undefined ? [] : [row(certificate, 'Server', true, 'Associated')]),
          ...bound.map((one) => row(one.certificateId, 'Server', false, one.status)),
          ...(ca === undefined ? [] : [row(ca, 'Ca', true, 'Associated')]),
        ].filter(
          (one) =>
            (type === undefined || type === one.CertificateType) &&
            (ids.length === 0 || ids.includes(one.CertificateId)),
        );
        const answer = pageOf(values, rows, 'Certificates', 50);
        const shown = answer['Certificates'] as typeof rows;
        return { ...answer, CertificateIds: shown.map(({ CertificateId }) => CertificateId) };
      },
    },
    ...Object.fromEntries([
      change(
        'UpdateListenerAttribute',
        { CertificateIds: { list: 'text', most: 20 }, CaCertificateIds: { list: 'text', most: 20 }, ...settings },
        update,
      ),
      change('AssociateAdditionalCertificatesWithListener', additional, associate),
      change('DisassociateAdditionalCertificatesWithListener', additional, disassociate),
    ]),
  };
}
