import { ApiError, invalid } from './api-error.ts';
import type { Certificate, Cloud, Extension, Group, Listener, LoadBalancer, Rule } from './model.ts';
import type { Parameters } from './parameters.ts';

/** What every action gets. */
export interface Call {
  readonly cloud: Cloud;
  readonly parameters: Parameters;
  /** Makes a change of a balancer, or refuses it while another one is under way. */
  change(balancer: LoadBalancer, part: ChangedPart, mutate: () => void): void;
  /** Whether the data plane still sends requests to the group. */
  serves(group: Group): boolean;
  /** The health of each server that the listeners reach, as DescribeHealthStatus lists it. */
  health(balancer: LoadBalancer): readonly HealthRow[];
}

export type ChangedPart = 'rule' | 'group' | 'listener' | 'extension';

export interface HealthRow {
  readonly listener: Listener;
  readonly serverId: string;
  readonly ip: string;
  readonly port: number;
  /** Undefined if nothing checks it. */
  readonly status: 'normal' | 'abnormal' | 'unavailable' | undefined;
  readonly byRule: boolean;
}

export interface Action {
  /** The resources that RAM must allow it. */
  resources(call: Call): readonly string[];
  run(call: Call): Readonly<Record<string, unknown>>;
}

export function findRegion({ cloud, parameters }: Call, need: 'required' | 'optional' = 'required'): string {
  const region = need === 'required' ? parameters.required('RegionId') : (parameters.text('RegionId') ?? cloud.region);
  if (!cloud.regions.includes(region)) throw new ApiError('InvalidRegionId.NotFound');
  return region;
}

export function findBalancer(call: Call, need: 'required' | 'optional' = 'required'): LoadBalancer {
  const region = findRegion(call, need);
  const balancer = call.cloud.balancers.get(call.parameters.required('LoadBalancerId'));
  if (balancer === undefined || balancer.region !== region) throw new ApiError('InvalidLoadBalancerId.NotFound');
  return balancer;
}

/** The listener of ListenerPort, and of ListenerProtocol where two protocols share the port. */
export function findListener(call: Call, balancer: LoadBalancer): Listener {
  const port = call.parameters.requiredInteger('ListenerPort', 1, 65_535);
  const protocol = call.parameters.oneOf('ListenerProtocol', ['http', 'https', 'tcp', 'udp']);
  const found = balancer.listeners.filter(
    (listener) => listener.port === port && (protocol === undefined || listener.protocol === protocol),
  );
  if (found.length > 1) throw new ApiError('MissingParameter');
  if (found[0] === undefined) throw new ApiError('ListenerNotFound');
  return found[0];
}

/** The listener that Describe- and SetLoadBalancerHTTP(S)ListenerAttribute name. */
export function findListenerOf(call: Call, balancer: LoadBalancer, protocol: 'http' | 'https'): Listener {
  const port = call.parameters.requiredInteger('ListenerPort', 1, 65_535);
  const listener = balancer.listeners.find((one) => one.port === port && one.protocol === protocol);
  if (listener === undefined) throw invalid('The specified resource does not exist.');
  return listener;
}

export function findGroup(call: Call, id = call.parameters.required('VServerGroupId'), balancer?: LoadBalancer): Group {
  const group = call.cloud.groups.get(id);
  if (
    group === undefined ||
    (balancer === undefined ? group.balancer.region !== findRegion(call) : group.balancer !== balancer)
  )
    throw invalid('The specified VServerGroupId does not exist.', 404);
  return group;
}

export function findRule(call: Call, id = call.parameters.required('RuleId')): Rule {
  const region = findRegion(call);
  const rule = call.cloud.rules.get(id);
  if (rule === undefined || rule.balancer.region !== region) throw new ApiError('InvalidRuleId.NotFound');
  return rule;
}

export function findExtension(call: Call): Extension {
  const region = findRegion(call);
  const extension = call.cloud.extensions.get(call.parameters.required('DomainExtensionId'));
  if (extension === undefined || extension.balancer.region !== region)
    throw new ApiError('InvalidParameter.DomainExtensionId');
  return extension;
}

export function findCertificate(call: Call, region: string): Certificate {
  const certificate = call.cloud.certificates.get(call.parameters.required('ServerCertificateId'));
  if (certificate === undefined || certificate.region !== region) throw new ApiError('ServerCertificateId.NotFound');
  return certificate;
}

// Resource names, from the table in "Authorize a RAM user".
const arn = ({ cloud, parameters }: Call, service: string, rest: string): string =>
  `acs:${service}:${parameters.text('RegionId') ?? cloud.region}:${cloud.account}:${rest}`;
export const balancerArn = (call: Call, id: string | undefined): string =>
  arn(call, 'slb', `loadbalancer/${id ?? '*'}`);
export const certificateArn = (call: Call, id: string | undefined): string =>
  arn(call, 'slb', `certificate/${id ?? '*'}`);
export const serverArn = (call: Call, id: string): string => arn(call, 'ecs', `instance/${id}`);

/** For calls that name a balancer; a group, a rule or an extension of one. */
export const onBalancer = (call: Call): string[] => [balancerArn(call, call.parameters.text('LoadBalancerId'))];
export const onGroup = (call: Call): string[] => [
  balancerArn(call, call.cloud.groups.get(call.parameters.text('VServerGroupId') ?? '')?.balancer.id),
];
export const onRule = (call: Call): string[] => [
  balancerArn(call, call.cloud.rules.get(call.parameters.text('RuleId') ?? '')?.balancer.id),
];
export const onExtension = (call: Call): string[] => [
  balancerArn(call, call.cloud.extensions.get(call.parameters.text('DomainExtensionId') ?? '')?.balancer.id),
];
