import { refuse } from '../tencent-gateway/errors.ts';
import type { Action } from '../tencent-gateway/gateway.ts';
import { type Cloud, findBalancer } from './cloud.ts';
import type { Binding, Listener, LoadBalancer, Rule } from './model.ts';
import { listenersAsked } from './targets.ts';

// DescribeLoadBalancers, DescribeListeners, DescribeLoadBalancerListByCertId, DescribeQuota. Source:
// tencentcloud-sdk-nodejs clb v20180317 (parameters, limits, fields).

const time = '2024-01-01 00:00:00';

const certificateOf = (binding: Binding | undefined) =>
  binding === undefined
    ? null
    : {
        ...{ SSLMode: binding.SSLMode, SSLVerifyClient: binding.SSLVerifyClient, CertCaId: binding.CertCaId },
        ...{ CertId: binding.certIds[0], ExtCertIds: binding.certIds.slice(1) },
      };

const describeRule = (rule: Rule, listener: Listener) => ({
  ...{ LocationId: rule.id, ListenerId: listener.id, Url: rule.url },
  // A rule of several domains has them in Domains.
  ...{ Domain: rule.domains[0], Domains: rule.domains },
  ...{ DefaultServer: rule.isDefault, Http2: rule.http2, Certificate: certificateOf(rule.binding) },
  ...{ HealthCheck: { ...rule.check, CheckType: 'HTTP' }, Scheduler: rule.scheduler, ForwardType: rule.forwardType },
  ...{ SessionExpireTime: rule.sessionExpireTime, HttpGzip: true, BeAutoCreated: false, QuicStatus: 'QUIC_INACTIVE' },
  ...{ TargetType: 'NODE', TargetGroup: null, CreateTime: time },
  RewriteTarget:
    rule.redirect === undefined
      ? { TargetListenerId: null, TargetLocationId: null, RewriteCode: null, RewriteType: null }
      : { TargetListenerId: rule.redirect.listenerId, TargetLocationId: '', RewriteCode: 301, RewriteType: 'Manual' },
});

const describeListener = (listener: Listener) => ({
  ...{ ListenerId: listener.id, ListenerName: listener.name, Protocol: listener.protocol, Port: listener.port },
  ...{ SniSwitch: listener.sni ? 1 : 0, Certificate: certificateOf(listener.binding), CreateTime: time, EndPort: 0 },
  ...{ HealthCheck: null, Scheduler: null, SessionExpireTime: 0, TargetType: 'NODE', KeepaliveEnable: 0 },
  Rules: listener.rules.map((rule) => describeRule(rule, listener)),
});

export function describeActions(cloud: Cloud): Readonly<Record<string, Action>> {
  const inRegion = (region: string): readonly LoadBalancer[] =>
    [...cloud.balancers.values()].filter((one) => one.region === region);

  return {
    DescribeLoadBalancers: {
      parameters: {
        LoadBalancerIds: { list: 'text', most: 20 },
        ...{ LoadBalancerName: 'text', LoadBalancerType: ['OPEN', 'INTERNAL'], SearchKey: 'text' },
        ...{ Forward: 'integer', Offset: 'integer', Limit: 'integer' },
        Filters: { list: { fields: { 'Name!': 'text', 'Values!': { list: 'text', most: 5 } } }, most: 10 },
      },
      run({ values, region }) {
        const [offset, limit] = [values.integer('Offset', 0, 1_000_000) ?? 0, values.integer('Limit', 1, 100) ?? 20];
        const [ids, forward] = [values.texts('LoadBalancerIds'), values.integer('Forward', -1, 1) ?? -1];
        const name = values.text('LoadBalancerName') ?? values.text('SearchKey') ?? '';
        for (const id of ids)
          if (cloud.balancers.get(id)?.region !== region)
            throw refuse('InvalidParameter.LBIdNotFound', `${id} does not exist.`);
        // All balancers here are of the kind that has rules.
        const found = inRegion(region).filter(
          (one) => (ids.length === 0 || ids.includes(one.id)) && forward !== 0 && one.name.includes(name),
        );
        return {
          TotalCount: found.length,
          LoadBalancerSet: found.slice(offset, offset + limit).map((one) => ({
            ...{ LoadBalancerId: one.id, LoadBalancerName: one.name, LoadBalancerType: 'OPEN', Forward: 1, Status: 1 },
            ...{ LoadBalancerVips: ['203.0.113.20'], AddressIPVersion: 'ipv4', CreateTime: time, Tags: [] },
          })),
        };
      },
    },
    DescribeListeners: {
      parameters: {
        ...{ 'LoadBalancerId!': 'text', ListenerIds: { list: 'text', most: 100 }, Port: 'integer' },
        Protocol: ['TCP', 'UDP', 'HTTP', 'HTTPS', 'TCP_SSL', 'QUIC'],
      },
      run(call) {
        const found = listenersAsked(findBalancer(cloud, call), call.values);
        return { TotalCount: found.length, Listeners: found.map(describeListener) };
      },
    },
    DescribeLoadBalancerListByCertId: {
      parameters: { 'CertIds!': { list: 'text', most: 20 } },
      run({ values, region }) {
        const uses = (id: string) => (one: LoadBalancer) =>
          one.listeners.some(({ binding, rules }) =>
            [binding, ...rules.map((rule) => rule.binding)].some((bound) => bound?.certIds.includes(id)),
          );
        return {
          CertSet: values.texts('CertIds').map((CertId) => ({
            CertId,
            LoadBalancers: inRegion(region)
              .filter(uses(CertId))
              .map(({ id, name }) => ({ LoadBalancerId: id, LoadBalancerName: name })),
          })),
        };
      },
    },
    DescribeQuota: {
      parameters: {},
      run: () => ({
        QuotaSet: Object.entries({
          TOTAL_LISTENER_QUOTA: cloud.quotas.listeners,
          TOTAL_LISTENER_RULE_QUOTA: cloud.quotas.rulesOfListener,
          TOTAL_TARGET_BIND_QUOTA: cloud.quotas.targetsOfRule,
        }).map(([QuotaId, QuotaLimit]) => ({ QuotaId, QuotaCurrent: null, QuotaLimit })),
      }),
    },
  };
}
