import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { pageOf } from '../alibaba-gateway/jobs.ts';
import type { Schema } from '../call-values.ts';
import { type Cloud, findListener, inCas, type Listener } from './cloud.ts';
import { refuse } from './errors.ts';
import type { Jobs } from './jobs.ts';

// Listeners and their certificates. Sources: alibabacloud-typescript-sdk alb-20200616 (parameters, fields, the spelling of
// states), terraform-provider-alicloud PR #4796 (one change at a time), help.aliyun.com ros
// aliyun-alb-additionalcertificateassociation and doc-detail/198636 (quotas), certimate #347 #542 #1215 #1323.

const certificates: Schema = { list: { fields: { 'CertificateId!': 'text' } }, most: 20 };

export const arnOf = (balancer: string): string => `loadbalancer/${balancer}`;

export function listenerActions(cloud: Cloud, jobs: Jobs): Readonly<Record<string, Action>> {
  const onListener: Action['resource'] = (values) => {
    const id = values.needed('ListenerId');
    const owner = [...cloud.balancers.values()].find(({ listeners }) => listeners.some((one) => one.id === id));
    return arnOf(owner?.id ?? '*');
  };
  const page = { MaxResults: 'integer', NextToken: 'text' } as const;

  const describe = (balancer: string, one: Listener) => ({
    ...{ ListenerId: one.id, ListenerPort: one.port, ListenerProtocol: one.protocol, ListenerStatus: one.status },
    ...{ LoadBalancerId: balancer, ListenerDescription: one.description, Http2Enabled: true, GzipEnabled: true },
    ...{ IdleTimeout: 15, RequestTimeout: 60, SecurityPolicyId: 'tls_cipher_policy_1_0', Tags: [] },
    DefaultActions: [
      { Type: 'ForwardGroup', ForwardGroupConfig: { ServerGroupTuples: [{ ServerGroupId: one.groupId }] } },
    ],
  });

  /** HTTPS and QUIC listeners have certificates. */
  function secureListener({ values }: Call): Listener {
    const { listener } = findListener(cloud, values.needed('ListenerId'));
    if (listener.protocol === 'HTTP') throw refuse('OperationDenied.ListenerProtocol');
    return listener;
  }

  /** The ids of a call, each of which CAS must know in the region that the id names. */
  function asked({ values }: Call, isNew: boolean): readonly string[] {
    const ids = values.items('Certificates').map((one) => one.needed('CertificateId'));
    if (new Set(ids).size < ids.length) throw invalid('A certificate is named twice.');
    for (const id of ids) if (isNew && inCas(cloud, id) === undefined) throw refuse('ResourceNotFound.Certificate');
    return ids;
  }

  function update(call: Call): Readonly<Record<string, unknown>> {
    const { values } = call;
    const { listener } = findListener(cloud, values.needed('ListenerId'));
    const ids = values.items('Certificates').length === 0 ? undefined : asked(call, true);
    if (ids !== undefined) {
      secureListener(call);
      // More than one is for two algorithms.
      const algorithms = ids.map((id) => inCas(cloud, id)!.algorithm);
      if (new Set(algorithms).size < algorithms.length)
        throw invalid('The algorithms of the certificates are the same.');
    }
    const before = listener.status;
    return jobs.run(values, {
      ...{ action: 'UpdateListenerAttribute', resources: [listener], kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
      },
      end(isDone) {
        listener.status = before;
        if (!isDone) return;
        listener.certificates = ids ?? listener.certificates;
        listener.description = values.text('ListenerDescription') ?? listener.description;
      },
    });
  }

  function associate(call: Call): Readonly<Record<string, unknown>> {
    const listener = secureListener(call);
    const ids = asked(call, true);
    if (ids.length === 0) throw invalid('Certificates is not valid.');
    const known = [...listener.certificates, ...listener.additional.map((one) => one.certificateId)];
    const added = ids.filter((id) => !known.includes(id));
    if (added.length < ids.length && cloud.behaviour.associateAgain === 'refused')
      throw refuse('ResourceAlreadyAssociated.Certificate');
    if (listener.additional.length + added.length > cloud.quotas.additionalOfListener)
      throw refuse('QuotaExceeded.AdditionalCertsNum');
    return jobs.run(call.values, {
      ...{ action: 'AssociateAdditionalCertificatesWithListener', resources: [listener], kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
        for (const certificateId of added) listener.additional.push({ certificateId, status: 'Associating' });
      },
      end(isDone) {
        listener.status = 'Running';
        if (isDone) for (const one of listener.additional) one.status = 'Associated';
        else listener.additional = listener.additional.filter(({ certificateId }) => !added.includes(certificateId));
      },
    });
  }

  function dissociate(call: Call): Readonly<Record<string, unknown>> {
    const listener = secureListener(call);
    const ids = asked(call, false);
    const gone = listener.additional.filter(({ certificateId }) => ids.includes(certificateId));
    // The default certificate is none of them: it can only be replaced.
    if (ids.length === 0 || gone.length < ids.length) throw refuse('ResourceNotFound.Certificate');
    return jobs.run(call.values, {
      ...{ action: 'DissociateAdditionalCertificatesFromListener', resources: [listener], kind: 'Listener' },
      begin() {
        listener.status = 'Configuring';
        for (const one of gone) one.status = 'Diassociating';
      },
      end(isDone) {
        listener.status = 'Running';
        if (isDone) listener.additional = listener.additional.filter((one) => !gone.includes(one));
        for (const one of listener.additional) one.status = 'Associated';
      },
    });
  }

  const certificateChange = (name: string, run: Action['run']): readonly [string, Action] => [
    name,
    jobs.change(name, {
      parameters: { 'ListenerId!': 'text', 'Certificates!': certificates },
      resource: onListener,
      run,
    }),
  ];

  return {
    ListLoadBalancers: {
      parameters: { LoadBalancerIds: { list: 'text', most: 20 }, ...page },
      run({ values }) {
        const ids = values.texts('LoadBalancerIds');
        const rows = [...cloud.balancers.values()]
          .filter(({ id }) => ids.length === 0 || ids.includes(id))
          .map(({ id }) => ({
            ...{ LoadBalancerId: id, LoadBalancerName: id, LoadBalancerStatus: 'Active', AddressType: 'Internet' },
            ...{ LoadBalancerBussinessStatus: 'Normal', LoadBalancerEdition: 'Standard', VpcId: 'vpc-1', Tags: [] },
          }));
        return pageOf(values, rows, 'LoadBalancers');
      },
    },
    ListListeners: {
      parameters: {
        ...{ LoadBalancerIds: { list: 'text', most: 20 }, ListenerIds: { list: 'text', most: 20 } },
        ...{ ListenerProtocol: ['HTTP', 'HTTPS', 'QUIC'], ...page },
      },
      run({ values }) {
        const [balancers, ids] = [values.texts('LoadBalancerIds'), values.texts('ListenerIds')];
        const protocol = values.text('ListenerProtocol');
        const rows = [...cloud.balancers.values()]
          .filter(({ id }) => balancers.length === 0 || balancers.includes(id))
          .flatMap(({ id, listeners }) => listeners.map((one) => [id, one] as const))
          .filter(
            ([, one]) => (ids.length === 0 || ids.includes(one.id)) && (protocol ?? one.protocol) === one.protocol,
          )
          .map(([id, one]) => describe(id, one));
        return pageOf(values, rows, 'Listeners');
      },
    },
    GetListenerAttribute: {
      parameters: { 'ListenerId!': 'text' },
      resource: onListener,
      run({ values }) {
        const { balancer, listener } = findListener(cloud, values.needed('ListenerId'));
        const Certificates = listener.certificates.map((CertificateId) => ({ CertificateId }));
        return { ...describe(balancer.id, listener), Certificates, CaCertificates: [], CaEnabled: false };
      },
    },
    ListListenerCertificates: {
      parameters: {
        ...{ 'ListenerId!': 'text', CertificateType: ['Server', 'Ca'], CertificateIds: { list: 'text', most: 20 } },
        ...page,
      },
      resource: onListener,
      run(call) {
        const listener = secureListener(call);
        const ids = call.values.texts('CertificateIds');
        const all = [
          ...listener.certificates.map((certificateId) => ({ certificateId, status: 'Associated', isDefault: true })),
          ...listener.additional.map((one) => ({ ...one, isDefault: false })),
        ].filter(({ certificateId }) => ids.length === 0 || ids.includes(certificateId));
        const rows = all.map(({ certificateId, status, isDefault }) => ({
          ...{ CertificateId: certificateId, CertificateType: 'Server', IsDefault: isDefault, Status: status },
        }));
        return pageOf(call.values, call.values.text('CertificateType') === 'Ca' ? [] : rows, 'Certificates');
      },
    },
    UpdateListenerAttribute: jobs.change('UpdateListenerAttribute', {
      parameters: { 'ListenerId!': 'text', Certificates: certificates, ListenerDescription: 'text' },
      resource: onListener,
      run: update,
    }),
    ...Object.fromEntries([
      certificateChange('AssociateAdditionalCertificatesWithListener', associate),
      certificateChange('DissociateAdditionalCertificatesFromListener', dissociate),
    ]),
  };
}
