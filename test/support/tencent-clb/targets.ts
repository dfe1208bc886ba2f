import type { Schema, Schemas, Values } from '../call-values.ts';
import { refuse, TencentError } from '../tencent-gateway/errors.ts';
import type { Action, Call } from '../tencent-gateway/gateway.ts';
import { balancerResource, type Cloud, findBalancer, findListener, findRules } from './cloud.ts';
import { isLayer7, type Listener, type LoadBalancer, type Rule, type Target } from './model.ts';
import type { Tasks } from './tasks.ts';

// Targets are bound to rules. Sources: tencentcloud-sdk-nodejs clb v20180317 (parameters, limits, the fields of health),
// tencentcloud.com 214/6187 (quotas), 598/57089 (resources of CAM).

export type HealthDetail = 'Alive' | 'Dead' | 'Unknown' | 'Close';

const target: Schema = {
  fields: {
    ...{ 'Port!': 'integer', InstanceId: 'text', EniIp: 'text', Weight: 'integer', Type: ['CVM', 'ENI'], Tag: 'text' },
  },
};
const batchTarget: Schema = {
  fields: {
    ...{ 'ListenerId!': 'text', 'Port!': 'integer', LocationId: 'text', InstanceId: 'text', EniIp: 'text' },
    ...{ Weight: 'integer', Tag: 'text' },
  },
};

const isSame = (one: Target, other: Target): boolean => one.ip === other.ip && one.port === other.port;

export function targetActions(
  cloud: Cloud,
  tasks: Tasks,
  healthOf: (rule: Rule, target: Target) => HealthDetail,
): Readonly<Record<string, Action>> {
  function readTarget(values: Values): Target {
    const [id, eni] = [values.text('InstanceId'), values.text('EniIp')];
    if ((id === undefined) === (eni === undefined))
      throw refuse('InvalidParameter', 'Either InstanceId or EniIp must be there.');
    const port = values.integer('Port', 1, 65_535)!;
    const weight = values.integer('Weight', 0, 100) ?? 10;
    const known = Object.entries(cloud.options.instances ?? {});
    const found = known.find(([instance, { ip }]) => (id === undefined ? ip === eni : instance === id));
    if (found === undefined) throw refuse('InvalidParameterValue', `The target ${id ?? eni} does not exist.`);
    const [instance, { ip }] = found;
    return { instance, byIp: id === undefined, ip, port, weight, boundMs: 0 };
  }

  /** The rules that get the targets. A listener of layer 7 has none of its own. */
  function rulesOf(listener: Listener, values: Values): readonly Rule[] {
    if (!isLayer7(listener))
      throw refuse('InvalidParameter.ProtocolCheckFailed', 'The fake has no targets of layer 4.');
    const [id, domain, url] = [values.text('LocationId'), values.text('Domain'), values.text('Url')];
    if (id === undefined && (domain === undefined || url === undefined))
      throw refuse('MissingParameter', 'LocationId, or Domain and Url, is missing.');
    return findRules(listener, { ids: id === undefined ? [] : [id], domain, url });
  }

  function checkAdded(rule: Rule, added: readonly Target[]): void {
    const isThere = added.some((one) => rule.targets.some((other) => isSame(one, other)));
    if (isThere && cloud.behaviour.addAgain === 'refused')
      throw refuse('InvalidParameterValue.Duplicate', 'A target is bound already.');
    if (rule.targets.length + added.length > cloud.quotas.targetsOfRule)
      throw refuse('LimitExceeded', `The quota TOTAL_TARGET_BIND_QUOTA is ${cloud.quotas.targetsOfRule}.`);
  }

  function checkRemoved(rule: Rule, removed: readonly Target[]): void {
    const isMissing = removed.some((one) => !rule.targets.some((other) => isSame(one, other)));
    if (isMissing && cloud.behaviour.removeAbsent === 'refused')
      throw refuse('InvalidParameterValue', 'A target is not bound.');
  }

  const add = (rule: Rule, added: readonly Target[]): void => {
    const boundMs = cloud.nowMs();
    for (const one of added)
      if (!rule.targets.some((other) => isSame(one, other))) rule.targets.push({ ...one, boundMs });
  };
  const remove = (rule: Rule, removed: readonly Target[]): void => {
    rule.targets = rule.targets.filter((one) => !removed.some((other) => isSame(one, other)));
  };

  const change = (action: string, check: typeof checkAdded, effect: typeof add) => (call: Call) => {
    const balancer = findBalancer(cloud, call);
    const rules = rulesOf(findListener(balancer, call.values.needed('ListenerId')), call.values);
    const targets = call.values.items('Targets').map(readTarget);
    if (targets.length === 0) throw refuse('InvalidParameterValue.Length', 'Targets is empty.');
    for (const rule of rules) check(rule, targets);
    tasks.begin(call.requestId, action, [balancer], () => {
      for (const rule of rules) effect(rule, targets);
    });
    return {};
  };

  /** What is wrong with one target fails its listener, and no other one, and the call succeeds. */
  const changeMany = (action: string, check: typeof checkAdded, effect: typeof add) => (call: Call) => {
    const balancer = findBalancer(cloud, call);
    const failed = new Map<string, string>();
    const todo: (readonly [string, Rule, Target])[] = [];
    for (const values of call.values.items('Targets')) {
      const id = values.needed('ListenerId');
      try {
        const one = readTarget(values);
        for (const rule of rulesOf(findListener(balancer, id), values)) {
          check(rule, [one]);
          todo.push([id, rule, one]);
        }
      } catch (error) {
        if (!(error instanceof TencentError)) throw error;
        failed.set(id, error.message);
      }
    }
    tasks.begin(call.requestId, action, [balancer], () => {
      for (const [id, rule, one] of todo) if (!failed.has(id)) effect(rule, [one]);
    });
    return { FailListenerIdSet: [...failed.keys()], Message: [...failed.values()].join(' ') };
  };

  const onBalancer = balancerResource(cloud);
  /** Binding a machine needs a right on the machine too. */
  const withMachines = (call: Call): readonly string[] => [
    ...onBalancer(call),
    ...call.values
      .items('Targets')
      .flatMap((values) => values.text('InstanceId') ?? [])
      .map((id) => `qcs::cvm:${call.region}:uin/${cloud.uin}:instance/${id}`),
  ];
  const where: Schemas = {
    ...{ 'LoadBalancerId!': 'text', 'ListenerId!': 'text', LocationId: 'text', Domain: 'text', Url: 'text' },
    'Targets!': { list: target, most: 20 },
  };
  const batch: Schemas = { 'LoadBalancerId!': 'text', 'Targets!': { list: batchTarget, most: 100 } };

  return {
    RegisterTargets: { parameters: where, resources: withMachines, run: change('RegisterTargets', checkAdded, add) },
    DeregisterTargets: {
      parameters: where,
      resources: onBalancer,
      run: change('DeregisterTargets', checkRemoved, remove),
    },
    BatchRegisterTargets: {
      parameters: batch,
      resources: withMachines,
      run: changeMany('BatchRegisterTargets', checkAdded, add),
    },
    BatchDeregisterTargets: {
      parameters: batch,
      resources: onBalancer,
      run: changeMany('BatchDeregisterTargets', checkRemoved, remove),
    },
    DescribeTargets: {
      parameters: {
        ...{ 'LoadBalancerId!': 'text', ListenerIds: { list: 'text', most: 20 }, Port: 'integer' },
        Protocol: ['HTTP', 'HTTPS', 'TCP', 'UDP', 'TCP_SSL', 'QUIC'],
      },
      run(call) {
        const balancer = findBalancer(cloud, call);
        const row = ({ instance, ip, port, weight }: Target) => ({
          ...{ Type: 'CVM', InstanceId: instance, InstanceName: instance, Port: port, Weight: weight },
          ...{ PublicIpAddresses: null, PrivateIpAddresses: [ip], EniId: null },
        });
        return {
          Listeners: listenersAsked(balancer, call.values).map((listener) => ({
            ...{ ListenerId: listener.id, Protocol: listener.protocol, Port: listener.port, Targets: null, EndPort: 0 },
            Rules: listener.rules.map(({ id, domains, url, targets }) => ({
              ...{ LocationId: id, Domain: domains[0], Url: url, Targets: targets.map(row) },
            })),
          })),
        };
      },
    },
    DescribeTargetHealth: {
      parameters: {
        'LoadBalancerIds!': { list: 'text', most: 30 },
        ListenerIds: { list: 'text', most: 100 },
        LocationIds: { list: 'text', most: 100 },
      },
      run(call) {
        const { values, region } = call;
        const [listenerIds, locationIds] = [values.texts('ListenerIds'), values.texts('LocationIds')];
        const isAsked = (ids: readonly string[], id: string) => ids.length === 0 || ids.includes(id);
        const health = (rule: Rule) => (one: Target) => {
          const detail = healthOf(rule, one);
          return {
            ...{ IP: one.ip, Port: one.port, TargetId: one.instance, Weight: one.weight, TargetGroupId: '' },
            ...{ HealthStatus: detail === 'Alive', HealthStatusDetail: detail, HealthStatusDetial: detail },
          };
        };
        const balancers = values.texts('LoadBalancerIds').map((id) => {
          const found = cloud.balancers.get(id);
          if (found?.region !== region) throw refuse('InvalidParameter.LBIdNotFound', `${id} does not exist.`);
          return found;
        });
        return {
          LoadBalancers: balancers.map(({ id, name, listeners }) => ({
            ...{ LoadBalancerId: id, LoadBalancerName: name },
            Listeners: listeners
              .filter((listener) => isAsked(listenerIds, listener.id))
              .map((listener) => ({
                ...{ ListenerId: listener.id, ListenerName: listener.name },
                ...{ Protocol: listener.protocol, Port: listener.port },
                Rules: listener.rules
                  .filter((rule) => isAsked(locationIds, rule.id))
                  .map((rule) => ({
                    ...{ LocationId: rule.id, Domain: rule.domains[0], Url: rule.url, RuleId: rule.id },
                    Targets: rule.targets.map(health(rule)),
                  })),
              })),
          })),
        };
      },
    },
  };
}

/** The listeners that ListenerIds, Protocol and Port leave. */
export function listenersAsked(balancer: LoadBalancer, values: Values): readonly Listener[] {
  const [ids, protocol, port] = [
    values.texts('ListenerIds'),
    values.text('Protocol'),
    values.integer('Port', 1, 65_535),
  ];
  for (const id of ids) findListener(balancer, id);
  return balancer.listeners.filter(
    (one) =>
      (ids.length === 0 || ids.includes(one.id)) &&
      (protocol === undefined || one.protocol === protocol) &&
      (port === undefined || one.port === port),
  );
}
