import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { pageOf } from '../alibaba-gateway/jobs.ts';
import type { Schema, Schemas, Values } from '../call-values.ts';
import {
  type Cloud,
  findGroup,
  findListener,
  type Listener,
  type LoadBalancer,
  type Rule,
  type RuleAction,
} from './cloud.ts';
import { refuse } from './errors.ts';
import type { Jobs } from './jobs.ts';
import { arnOf } from './listeners.ts';

// Forwarding rules. Sources: alibabacloud-typescript-sdk alb-20200616 CreateRule, UpdateRuleAttribute, ListRules
// (parameters, ranges), doc-detail/198636 (quotas), terraform-provider-alicloud (states, busy codes).

const conditions: Schema = {
  list: {
    fields: {
      'Type!': ['Host', 'Path'],
      HostConfig: { fields: { Values: { list: 'text', most: 10 } } },
      PathConfig: { fields: { Values: { list: 'text', most: 10 } } },
    },
  },
  most: 10,
};
const actions: Schema = {
  list: {
    fields: {
      ...{ 'Type!': ['ForwardGroup', 'FixedResponse'], 'Order!': 'integer' },
      ForwardGroupConfig: {
        fields: {
          'ServerGroupTuples!': { list: { fields: { 'ServerGroupId!': 'text', Weight: 'integer' } }, most: 5 },
        },
      },
      FixedResponseConfig: { fields: { 'Content!': 'text', ContentType: 'text', HttpCode: 'text' } },
    },
  },
  most: 5,
};
const contentTypes = ['text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'];

export function ruleActions(cloud: Cloud, jobs: Jobs): Readonly<Record<string, Action>> {
  const allRules = () =>
    [...cloud.balancers.values()].flatMap((balancer) =>
      balancer.listeners.flatMap((listener) => listener.rules.map((rule) => ({ balancer, listener, rule }))),
    );

  function findRule({ values }: Call): { balancer: LoadBalancer; listener: Listener; rule: Rule } {
    const found = allRules().find(({ rule }) => rule.id === values.needed('RuleId'));
    if (found === undefined) throw refuse('ResourceNotFound.Rule');
    return found;
  }

  function readConditions(values: Values): { hosts: readonly string[]; paths: readonly string[] } | undefined {
    const given = values.items('RuleConditions');
    if (given.length === 0) return undefined;
    const of = (type: string) =>
      given
        .filter((one) => one.needed('Type') === type)
        .flatMap((one) => {
          const found = one.part(`${type}Config`)?.texts('Values') ?? [];
          if (found.length === 0) throw invalid(`RuleConditions of the type ${type} have no values.`);
          return found;
        });
    const [hosts, paths] = [of('Host'), of('Path')];
    if (hosts.length + paths.length > cloud.quotas.conditionsOfRule) throw invalid('There are too many conditions.');
    for (const host of hosts)
      if (host.length > 128 || !/^[A-Za-z0-9*?.-]+$/.test(host)) throw invalid(`The host ${host} is not valid.`);
    for (const path of paths)
      if (path.length > 128 || !/^\/[A-Za-z0-9$\-_.+/&~@:'*?%#=!()]*$/.test(path))
        throw invalid(`The path ${path} is not valid.`);
    return { hosts, paths };
  }

  function readAction(values: Values): RuleAction {
    const order = values.integer('Order', 1, 50_000)!;
    const [to, fixed] = [values.part('ForwardGroupConfig'), values.part('FixedResponseConfig')];
    if (values.needed('Type') === 'ForwardGroup') {
      if (to === undefined || fixed !== undefined) throw invalid('ForwardGroupConfig is not valid.');
      const groups = to.items('ServerGroupTuples').map((one) => findGroup(cloud, one.needed('ServerGroupId')).id);
      return { type: 'ForwardGroup', order, groups };
    }
    if (fixed === undefined || to !== undefined) throw invalid('FixedResponseConfig is not valid.');
    const [content, contentType] = [fixed.needed('Content'), fixed.text('ContentType') ?? 'text/plain'];
    const code = fixed.text('HttpCode') ?? '200';
    if (content.length > 1024 || !/^[\x20-\x7e\n]*$/.test(content)) throw invalid('Content is not valid.');
    if (!contentTypes.includes(contentType) || !/^[245]\d\d$/.test(code)) throw invalid('HttpCode is not valid.');
    return { type: 'FixedResponse', order, status: Number(code), contentType, content };
  }

  function readActions(values: Values): readonly RuleAction[] | undefined {
    const given = values.items('RuleActions');
    return given.length === 0 ? undefined : given.map(readAction);
  }

  const nameOf = (values: Values): string | undefined => {
    const name = values.text('RuleName');
    if (name !== undefined && !/^[A-Za-z\u4e00-\u9fff][\w.\-\u4e00-\u9fff]{1,127}$/.test(name))
      throw invalid('RuleName is not valid.');
    return name;
  };

  function checkPriority(listener: Listener, priority: number | undefined, except?: Rule): void {
    if (listener.rules.some((rule) => rule !== except && rule.priority === priority)) throw refuse('Conflict.Priority');
  }

  function create(call: Call): Readonly<Record<string, unknown>> {
    const { values } = call;
    const { balancer, listener } = findListener(cloud, values.needed('ListenerId'));
    const priority = values.integer('Priority', 1, 10_000)!;
    const tags = values.items('Tag').map((tag) => [tag.needed('Key'), tag.text('Value') ?? ''] as const);
    const rule: Rule = {
      ...{ id: cloud.newId('rule'), name: nameOf(values)!, priority, status: 'Provisioning' },
      ...readConditions(values)!,
      ...{ actions: readActions(values)!, tags: Object.fromEntries(tags) },
    };
    checkPriority(listener, priority);
    if (balancer.listeners.flatMap(({ rules }) => rules).length >= cloud.quotas.rulesOfBalancer)
      throw refuse('QuotaExceeded.LoadBalancerRulesNum');
    const change = { action: 'CreateRule', resources: [listener], kind: 'Listener' } as const;
    const begin = () => void listener.rules.push(rule);
    const end = (isDone: boolean) => {
      if (isDone) rule.status = 'Available';
      else listener.rules = listener.rules.filter((one) => one !== rule);
    };
    return jobs.run(values, { ...change, begin, end }, { RuleId: rule.id });
  }

  function update(call: Call): Readonly<Record<string, unknown>> {
    const { values } = call;
    const { listener, rule } = findRule(call);
    const [name, priority] = [nameOf(values), values.integer('Priority', 1, 10_000)];
    checkPriority(listener, priority, rule);
    const [next, to] = [readConditions(values), readActions(values)];
    return jobs.run(values, {
      ...{ action: 'UpdateRuleAttribute', resources: [listener], kind: 'Listener' },
      begin() {
        rule.status = 'Configuring';
      },
      end(isDone) {
        rule.status = 'Available';
        if (!isDone) return;
        Object.assign(rule, next);
        rule.name = name ?? rule.name;
        rule.priority = priority ?? rule.priority;
        rule.actions = to ?? rule.actions;
      },
    });
  }

  function remove(call: Call): Readonly<Record<string, unknown>> {
    const { listener, rule } = findRule(call);
    return jobs.run(call.values, {
      ...{ action: 'DeleteRule', resources: [listener], kind: 'Listener' },
      begin() {
        rule.status = 'Deleting';
      },
      end(isDone) {
        rule.status = 'Available';
        if (isDone) listener.rules = listener.rules.filter((one) => one !== rule);
      },
    });
  }

  const describe = ({ id, name, priority, hosts, paths, actions: all, tags, status }: Rule) => ({
    ...{ RuleId: id, RuleName: name, Priority: priority, RuleStatus: status, Direction: 'Request' },
    RuleConditions: [
      ...(hosts.length === 0 ? [] : [{ Type: 'Host', HostConfig: { Values: hosts } }]),
      ...(paths.length === 0 ? [] : [{ Type: 'Path', PathConfig: { Values: paths } }]),
    ],
    RuleActions: all.map((one) =>
      one.type === 'ForwardGroup'
        ? {
            ...{ Type: one.type, Order: one.order },
            ForwardGroupConfig: {
              ServerGroupTuples: one.groups.map((ServerGroupId) => ({ ServerGroupId, Weight: 100 })),
            },
          }
        : {
            ...{ Type: one.type, Order: one.order },
            FixedResponseConfig: { Content: one.content, ContentType: one.contentType, HttpCode: String(one.status) },
          },
    ),
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });

  const ofListener: Action['resource'] = (values) => {
    const id =
      values.text('ListenerId') ?? allRules().find(({ rule }) => rule.id === values.text('RuleId'))?.listener.id;
    const owner = [...cloud.balancers.values()].find(({ listeners }) => listeners.some((one) => one.id === id));
    return arnOf(owner?.id ?? '*');
  };
  const tag = { list: { fields: { 'Key!': 'text', Value: 'text' } }, most: 20 } as const;
  const required: Schemas = {
    ...{ 'ListenerId!': 'text', 'RuleName!': 'text', 'Priority!': 'integer', Direction: ['Request'] },
    ...{ 'RuleConditions!': conditions, 'RuleActions!': actions, Tag: tag },
  };
  const changed: Schemas = {
    ...{ 'RuleId!': 'text', RuleName: 'text', Priority: 'integer', RuleConditions: conditions, RuleActions: actions },
  };
  const change = (name: string, parameters: Schemas, run: Action['run']) =>
    [name, jobs.change(name, { parameters, resource: ofListener, run })] as const;

  return {
    ...Object.fromEntries([
      change('CreateRule', required, create),
      change('UpdateRuleAttribute', changed, update),
      change('DeleteRule', { 'RuleId!': 'text' }, remove),
    ]),
    ListRules: {
      parameters: {
        ...{ RuleIds: { list: 'text', most: 20 }, ListenerIds: { list: 'text', most: 20 } },
        ...{ LoadBalancerIds: { list: 'text', most: 20 }, Tag: tag, Direction: ['Request'] },
        ...{ MaxResults: 'integer', NextToken: 'text' },
      },
      run({ values }) {
        const isAsked = (name: string, id: string) => {
          const ids = values.texts(name);
          return ids.length === 0 || ids.includes(id);
        };
        const hasTags = ({ tags }: Rule) =>
          values
            .items('Tag')
            .every((one) => tags[one.needed('Key')] === (one.text('Value') ?? tags[one.needed('Key')]));
        const rows = allRules()
          .filter(
            ({ balancer, listener, rule }) =>
              isAsked('RuleIds', rule.id) &&
              isAsked('ListenerIds', listener.id) &&
              isAsked('LoadBalancerIds', balancer.id) &&
              hasTags(rule),
          )
          .map(({ balancer, listener, rule }) => ({
            ...{ ListenerId: listener.id, LoadBalancerId: balancer.id, ...describe(rule) },
          }));
        return pageOf(values, rows, 'Rules');
      },
    },
  };
}
