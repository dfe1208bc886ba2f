import { ApiError, invalid } from './api-error.ts';
import type { Action, Call } from './find.ts';
import {
  certificateArn,
  findBalancer,
  findGroup,
  findListener,
  findListenerOf,
  findRegion,
  onBalancer,
} from './find.ts';
import { listTags } from './groups.ts';
import type { Listener, LoadBalancer } from './model.ts';
import { isCheckUri } from './parameters.ts';
import { fields, isCheckDomain, readCodes } from './rules.ts';

const onOff = (value: boolean): string => (value ? 'on' : 'off');
const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');

/** What both kinds of listeners describe. */
function describe(call: Call, balancer: LoadBalancer, listener: Listener) {
  const { check } = listener;
  const rules = [...call.cloud.rules.values()].filter((rule) => rule.listener === listener);
  return {
    ...fields(call, {
      ListenerPort: listener.port,
      LoadBalancerId: balancer.id,
      Status: listener.stopped ? 'stopped' : 'running',
      SecurityStatus: 'on',
      Bandwidth: -1,
      BackendServerPort: listener.backendPort === 0 ? undefined : listener.backendPort,
      VServerGroupId: listener.groupId,
      Scheduler: listener.scheduler,
      StickySession: 'off',
      XForwardedFor: 'on',
      XForwardedFor_proto: 'on',
      XForwardedFor_SLBIP: 'off',
      XForwardedFor_SLBID: 'off',
      Gzip: 'off',
      AclStatus: 'off',
      IdleTimeout: listener.idleTimeout,
      RequestTimeout: listener.requestTimeout,
      HealthCheck: onOff(check.enabled),
      ...(check.enabled
        ? {
            HealthCheckURI: check.uri,
            HealthCheckDomain: check.domain,
            HealthCheckMethod: check.method,
            HealthCheckHttpCode: check.codes,
            ...(check.port === 0 ? {} : { HealthCheckConnectPort: check.port }),
            HealthCheckInterval: check.interval,
            HealthCheckTimeout: check.timeout,
            HealthyThreshold: check.healthy,
            UnhealthyThreshold: check.unhealthy,
          }
        : {}),
    }),
    Rules: {
      Rule: rules.map((rule) =>
        fields(call, {
          RuleId: rule.id,
          RuleName: rule.name,
          Domain: rule.domain,
          Url: rule.url,
          VServerGroupId: rule.groupId,
        }),
      ),
    },
  };
}

const describeHttp = (call: Call, balancer: LoadBalancer, listener: Listener) =>
  listener.forwardPort === undefined
    ? { ...describe(call, balancer, listener), ListenerForward: 'off' }
    : {
        // The sample of a redirecting listener has these alone.
        ListenerPort: listener.port,
        Status: listener.stopped ? 'stopped' : 'running',
        ListenerForward: 'on',
        ForwardPort: listener.forwardPort,
      };

const describeHttps = (call: Call, balancer: LoadBalancer, listener: Listener) => ({
  ...describe(call, balancer, listener),
  ...fields(call, { ServerCertificateId: listener.certificateId, TLSCipherPolicy: listener.tlsCipherPolicy }),
  EnableHttp2: 'off',
  DomainExtensions: {
    DomainExtension: [...call.cloud.extensions.values()]
      .filter((extension) => extension.listener === listener)
      .map(({ id, domain, certificateId }) => ({
        DomainExtensionId: id,
        Domain: domain,
        ServerCertificateId: certificateId,
      })),
  },
});

/** SetLoadBalancerHTTPSListenerAttribute: what the request does not name stays. */
function setHttps(call: Call): Record<string, unknown> {
  const { parameters, cloud } = call;
  const balancer = findBalancer(call, 'optional');
  const listener = findListenerOf(call, balancer, 'https');
  const certificateId = parameters.text('ServerCertificateId');
  if (certificateId !== undefined && cloud.certificates.get(certificateId)?.region !== balancer.region)
    throw invalid('The specified parameter ServerCertificateId is not Support.');
  const groupId = parameters.text('VServerGroupId');
  if (groupId !== undefined) findGroup(call, groupId, balancer);
  const [uri, domain, codes] = ['HealthCheckURI', 'HealthCheckDomain', 'HealthCheckHttpCode'].map(parameters.text);
  if (uri !== undefined && !isCheckUri(uri)) throw invalid('The specified parameter HealthCheckURI is not valid.');
  if (domain !== undefined && !isCheckDomain(domain))
    throw invalid('The specified parameter HealthCheckDomain is not valid.');
  if (codes !== undefined) readCodes(codes);
  const { check } = listener;
  const enabled = parameters.oneOf('HealthCheck', ['on', 'off']);
  const next = {
    ...check,
    enabled: enabled === undefined ? check.enabled : enabled === 'on',
    uri: uri ?? check.uri,
    domain: domain ?? check.domain,
    codes: codes ?? check.codes,
    method: parameters.oneOf('HealthCheckMethod', ['head', 'get']) ?? check.method,
    port: parameters.integer('HealthCheckConnectPort', 1, 65_535) ?? check.port,
    interval: parameters.integer('HealthCheckInterval', 1, 50) ?? check.interval,
    timeout: parameters.integer('HealthCheckTimeout', 1, 300) ?? check.timeout,
    healthy: parameters.integer('HealthyThreshold', 2, 10) ?? check.healthy,
    unhealthy: parameters.integer('UnhealthyThreshold', 2, 10) ?? check.unhealthy,
  };
  const idleTimeout = parameters.integer('IdleTimeout', 1, 60) ?? listener.idleTimeout;
  const requestTimeout = parameters.integer('RequestTimeout', 1, 180) ?? listener.requestTimeout;
  const scheduler = parameters.oneOf('Scheduler', ['wrr', 'rr']) ?? listener.scheduler;
  call.change(balancer, 'listener', () => {
    Object.assign(listener, { check: next, idleTimeout, requestTimeout, scheduler });
    if (certificateId !== undefined) listener.certificateId = certificateId;
    if (groupId !== undefined) listener.groupId = groupId;
  });
  return {};
}

function describeBalancer(call: Call): Record<string, unknown> {
  const balancer = findBalancer(call, 'optional');
  return {
    LoadBalancerId: balancer.id,
    LoadBalancerName: balancer.name,
    LoadBalancerStatus: balancer.inactive ? 'inactive' : 'active',
    RegionId: balancer.region,
    RegionIdAlias: balancer.region,
    Address: balancer.address,
    AddressType: 'internet',
    AddressIPVersion: 'ipv4',
    NetworkType: 'classic',
    InternetChargeType: 'paybytraffic',
    LoadBalancerSpec: 'slb.s2.small',
    PayType: 'PayOnDemand',
    Bandwidth: 5120,
    MasterZoneId: `${balancer.region}-b`,
    SlaveZoneId: `${balancer.region}-d`,
    DeleteProtection: 'off',
    CreateTime: time(balancer.created),
    CreateTimeStamp: balancer.created,
    ListenerPorts: { ListenerPort: balancer.listeners.map(({ port }) => port) },
    ListenerPortsAndProtocal: {
      ListenerPortAndProtocal: balancer.listeners.map(({ port, protocol }) => ({
        ListenerPort: port,
        ListenerProtocal: protocol,
      })),
    },
    ListenerPortsAndProtocol: {
      ListenerPortAndProtocol: balancer.listeners.map(({ port, protocol, forwardPort }) => ({
        ListenerPort: port,
        ListenerProtocol: protocol,
        ...(protocol === 'http' ? { ListenerForward: onOff(forwardPort !== undefined) } : {}),
        ...(forwardPort === undefined ? {} : { ForwardPort: forwardPort }),
      })),
    },
    BackendServers: {
      BackendServer: balancer.servers.map(({ serverId, weight }) => ({
        ServerId: serverId,
        Weight: weight,
        Type: 'ecs',
      })),
    },
    Tags: listTags(balancer.tags),
  };
}

function describeListeners(call: Call): Record<string, unknown> {
  const region = findRegion(call, 'optional');
  const { parameters, cloud } = call;
  const ids = parameters.list('LoadBalancerId');
  if (ids.length > 10) throw invalid('The specified parameter LoadBalancerId is not valid.');
  const [port, protocol] = [parameters.integer('ListenerPort', 1, 65_535), parameters.text('ListenerProtocol')];
  const most = parameters.integer('MaxResults', 1, 100) ?? 20;
  const start = parameters.integer('NextToken', 0, 1_000_000) ?? 0;
  const all = [...cloud.balancers.values()]
    .filter((balancer) => balancer.region === region && (ids.length === 0 || ids.includes(balancer.id)))
    .flatMap((balancer) => balancer.listeners.map((listener) => ({ balancer, listener })))
    .filter(
      ({ listener }) =>
        (port ?? listener.port) === listener.port && (protocol ?? listener.protocol) === listener.protocol,
    );
  return {
    Listeners: all.slice(start, start + most).map(({ balancer, listener }) => ({
      LoadBalancerId: balancer.id,
      ListenerPort: listener.port,
      ListenerProtocol: listener.protocol,
      Status: listener.stopped ? 'stopped' : 'running',
      Scheduler: listener.scheduler,
      Bandwidth: -1,
      ...(listener.groupId === undefined ? {} : { VServerGroupId: listener.groupId }),
      ...(listener.protocol === 'http' ? { HTTPListenerConfig: describeHttp(call, balancer, listener) } : {}),
      ...(listener.protocol === 'https' ? { HTTPSListenerConfig: describeHttps(call, balancer, listener) } : {}),
    })),
    MaxResults: most,
    TotalCount: all.length,
    ...(start + most < all.length ? { NextToken: String(start + most) } : {}),
  };
}

function describeHealth(call: Call): Record<string, unknown> {
  const balancer = findBalancer(call, 'optional');
  const listener = call.parameters.text('ListenerPort') === undefined ? undefined : findListener(call, balancer);
  const protocol = call.parameters.oneOf('ListenerProtocol', ['http', 'https', 'tcp', 'udp']);
  const { uncheckedServers, healthListsRuleServers } = call.cloud.behaviour;
  const rows = call
    .health(balancer)
    .filter(
      (row) =>
        (listener ?? row.listener) === row.listener && (protocol ?? row.listener.protocol) === row.listener.protocol,
    )
    .filter(({ byRule }) => healthListsRuleServers || !byRule);
  if (listener !== undefined && uncheckedServers === 'error' && rows.every(({ status }) => status === undefined))
    throw new ApiError('CheckedListenerNotFound');
  return {
    BackendServers: {
      BackendServer: rows
        .filter(
          ({ status }) => status !== undefined || uncheckedServers === 'unavailable' || uncheckedServers === 'normal',
        )
        .map((row) => ({
          ListenerPort: row.listener.port,
          Protocol: row.listener.protocol,
          ServerId: row.serverId,
          ServerIp: row.ip,
          Port: row.port,
          ServerHealthStatus: row.status ?? uncheckedServers,
        })),
    },
  };
}

export const listenerActions: Readonly<Record<string, Action>> = {
  DescribeLoadBalancerAttribute: { resources: onBalancer, run: describeBalancer },
  DescribeLoadBalancerListeners: {
    resources: (call) => [onBalancer(call)[0]!],
    run: describeListeners,
  },
  DescribeLoadBalancerHTTPListenerAttribute: {
    resources: onBalancer,
    run(call) {
      const balancer = findBalancer(call, 'optional');
      return describeHttp(call, balancer, findListenerOf(call, balancer, 'http'));
    },
  },
  DescribeLoadBalancerHTTPSListenerAttribute: {
    resources: onBalancer,
    run(call) {
      const balancer = findBalancer(call, 'optional');
      return describeHttps(call, balancer, findListenerOf(call, balancer, 'https'));
    },
  },
  SetLoadBalancerHTTPSListenerAttribute: {
    resources: (call) => {
      const certificate = call.parameters.text('ServerCertificateId');
      return [...onBalancer(call), ...(certificate === undefined ? [] : [certificateArn(call, certificate)])];
    },
    run: setHttps,
  },
  DescribeHealthStatus: { resources: onBalancer, run: describeHealth },
};
