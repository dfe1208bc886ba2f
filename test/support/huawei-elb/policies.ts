import type { Schemas, Values } from '../call-values.ts';
import { type Route, refuse } from '../huawei-gateway/gateway.ts';
import {
  allListeners,
  type Cloud,
  findListener,
  matches,
  type Placed,
  type Policy,
  pageOf,
  type Rule,
} from './cloud.ts';

// Forwarding policies and their rules. Sources: support.huaweicloud.com/intl/api-elb/CreateL7Policy.html and
// CreateL7Rule.md, terraform-provider-huaweicloud docs elb_l7policy, elb_l7rule, huaweicloud-sdk-nodejs-v3 elb v3.

const paging = ['marker', 'limit', 'page_reverse', 'enterprise_project_id'];
const rule: Schemas = {
  ...{ 'type!': ['HOST_NAME', 'PATH'], 'compare_type!': ['EQUAL_TO', 'STARTS_WITH', 'REGEX'], value: 'text' },
  conditions: { list: { fields: { 'value!': 'text' } }, most: 10 },
};
const changed: Schemas = {
  ...{ name: 'text', description: 'text', redirect_pool_id: 'text', priority: 'integer' },
  fixed_response_config: { fields: { 'status_code!': 'text', content_type: 'text', message_body: 'text' } },
  rules: { list: { fields: rule }, most: 10 },
};

const pattern = /^(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/;
const valuesOf = ({ rules }: Policy, type: Rule['type']) => rules.filter((one) => one.type === type);

/** Whether a path or a host meets a rule. */
const meets = ({ type, compare, values }: Rule, text: string): boolean =>
  values.some((value) => {
    if (type === 'HOST_NAME')
      return value.startsWith('*.') ? text.endsWith(value.slice(1)) : text === value.toLowerCase();
    if (compare === 'REGEX') return new RegExp(value).test(text);
    return compare === 'EQUAL_TO' ? text === value : text.startsWith(value);
  });

/** The order without priorities: domains first, exact ones before wildcards; paths exact, longest, by expression. */
function rank(policy: Policy): readonly number[] {
  const [host, path] = [valuesOf(policy, 'HOST_NAME')[0], valuesOf(policy, 'PATH')[0]];
  const ofHost = host === undefined ? 0 : host.values[0]!.startsWith('*.') ? 1 : 2;
  const ofPath = path === undefined ? 0 : { REGEX: 1, STARTS_WITH: 2, EQUAL_TO: 3 }[path.compare];
  return [ofHost, ofPath, path?.values[0]?.length ?? 0];
}

/** The policy that takes a request. A redirect to a listener makes all others invalid. */
export function policyFor({ listener }: Pick<Placed, 'listener'>, host: string, url: string): Policy | undefined {
  const path = url.replace(/\?.*$/s, '');
  const { policies, isAdvanced } = listener;
  const redirect = policies.find(({ action }) => action === 'REDIRECT_TO_LISTENER');
  if (redirect !== undefined) return redirect;
  const first = (a: Policy, b: Policy): number => {
    if (isAdvanced) return (a.priority ?? 0) - (b.priority ?? 0);
    const [one, other] = [rank(a), rank(b)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return at < 0 ? 0 : other[at]! - one[at]!;
  };
  return [...policies]
    .sort(first)
    .find(({ rules }) => rules.every((one) => meets(one, one.type === 'PATH' ? path : host)));
}

export function policyRoutes(cloud: Cloud): Readonly<Record<string, Route>> {
  const all = () =>
    allListeners(cloud).flatMap((placed) => placed.listener.policies.map((policy) => ({ ...placed, policy })));
  function find(id: string | undefined): ReturnType<typeof all>[number] {
    const found = all().find(({ policy }) => policy.id === id);
    if (found === undefined) throw refuse(404, 'ELB.8904', `The forwarding policy ${id} could not be found.`);
    return found;
  }

  const describe = ({ listener, policy }: { listener: { readonly id: string }; policy: Policy }) => ({
    ...{ id: policy.id, name: policy.name, description: policy.description, action: policy.action },
    ...{ listener_id: listener.id, priority: policy.priority ?? null, redirect_pool_id: policy.poolId ?? null },
    ...{ redirect_listener_id: policy.redirectListenerId ?? null, provisioning_status: 'ACTIVE', admin_state_up: true },
    rules: policy.rules.map(({ id }) => ({ id })),
    fixed_response_config: policy.fixed && {
      status_code: String(policy.fixed.status),
      content_type: policy.fixed.contentType,
      message_body: policy.fixed.body,
    },
  });
  const describeRule = ({ id, type, compare, values }: Rule) => ({
    ...{ id, type, compare_type: compare, value: values[0], provisioning_status: 'ACTIVE', admin_state_up: true },
    conditions: values.map((value) => ({ key: '', value })),
  });

  function readRule(given: Values): Rule {
    const [type, compare] = [given.needed('type'), given.needed('compare_type')] as [Rule['type'], Rule['compare']];
    const conditions = given.items('conditions').map((one) => one.needed('value'));
    const single = given.text('value');
    const values = conditions.length > 0 ? conditions : single === undefined ? [] : [single];
    const isFine =
      values.length > 0 &&
      values.every((value) =>
        type === 'HOST_NAME' ? value.length <= 100 && pattern.test(value) : value.length <= 128 && /^[/^]/.test(value),
      );
    if (!isFine || (type === 'HOST_NAME' && compare !== 'EQUAL_TO'))
      throw refuse(400, 'ELB.1001', 'The rule is not valid.');
    return { id: cloud.newId(), type, compare, values };
  }

  function readFixed(given: Values | undefined): Policy['fixed'] {
    if (given === undefined) return undefined;
    const [status, body] = [given.needed('status_code'), given.text('message_body') ?? ''];
    if (!/^(2|4|5)\d\d$/.test(status) || body.length > 1024)
      throw refuse(400, 'ELB.1001', 'fixed_response_config is not valid.');
    return { status: Number(status), contentType: given.text('content_type') ?? 'text/plain', body };
  }

  /** A pool that another listener uses, or that is the default one, is refused. */
  function checkPool({ listener }: Placed, poolId: string): void {
    if (!cloud.pools.has(poolId)) throw refuse(404, 'ELB.8904', 'The pool could not be found.');
    const isElsewhere = all().some((one) => one.listener !== listener && one.policy.poolId === poolId);
    if (isElsewhere || listener.defaultPoolId === poolId)
      throw refuse(400, 'ELB.1001', 'The pool is a default one, or one of another listener.');
  }

  function checkUnique({ listener }: Placed, policy: Policy, except?: Policy): void {
    const others = listener.policies.filter((one) => one !== except);
    const key = (one: Policy) =>
      JSON.stringify(one.rules.map(({ type, compare, values }) => [type, compare, values]).sort());
    if (others.some((one) => key(one) === key(policy)))
      throw refuse(409, 'ELB.8907', 'A policy with these rules exists.');
    if (listener.isAdvanced && others.some(({ priority }) => priority === policy.priority))
      throw refuse(409, 'ELB.8907', 'A policy with this priority exists.');
  }

  function create(values: Values): Readonly<Record<string, unknown>> {
    const placed = findListener(cloud, values.needed('listener_id'));
    const { balancer, listener } = placed;
    const action = values.needed('action');
    if (listener.protocol === 'TCP') throw refuse(400, 'ELB.1001', 'The listener has no policies.');
    const [poolId, fixed] = [values.text('redirect_pool_id'), readFixed(values.part('fixed_response_config'))];
    const asked = values.integer('priority', 0, 10_000);
    if (!listener.isAdvanced && (asked !== undefined || fixed !== undefined))
      throw refuse(400, 'ELB.1001', 'This needs enhance_l7policy_enable of the listener.');
    if (
      (action === 'REDIRECT_TO_POOL') !== (poolId !== undefined) ||
      (action === 'FIXED_RESPONSE') !== (fixed !== undefined)
    )
      throw refuse(400, 'ELB.1001', 'The action lacks its target, or has another one.');
    if (poolId !== undefined) checkPool(placed, poolId);
    if (all().length >= cloud.quotas.l7policy) throw refuse(409, 'ELB.8905', 'Quota exceeded for resources: l7policy.');
    const next = Math.max(0, ...listener.policies.map((one) => one.priority ?? 0)) + 1;
    const policy: Policy = {
      ...{ id: cloud.newId(), action, name: values.text('name') ?? '', description: values.text('description') ?? '' },
      ...{ poolId, fixed, redirectListenerId: values.text('redirect_listener_id') },
      priority: listener.isAdvanced ? (asked ?? next) : undefined,
      rules: values.items('rules').map(readRule),
    };
    if (policy.name.length > 255 || policy.description.length > 255) throw refuse(400, 'ELB.1001', 'name is too long.');
    checkUnique(placed, policy);
    cloud.change(balancer, () => void listener.policies.push(policy));
    return { l7policy: describe({ listener, policy }) };
  }

  const [policies, one] = ['/v3/:project/elb/l7policies', '/v3/:project/elb/l7policies/:id'];
  return {
    [`GET ${policies}`]: {
      action: 'elb:l7policies:list',
      query: [...paging, 'id', 'name', 'description', 'listener_id', 'redirect_pool_id', 'action'],
      run({ query }) {
        const found = all().filter(({ listener, policy }) =>
          matches(query, {
            ...{ id: policy.id, name: policy.name, description: policy.description, listener_id: listener.id },
            ...{ redirect_pool_id: policy.poolId ?? '', action: policy.action },
          }),
        );
        return pageOf(query, found.map(describe), 'l7policies');
      },
    },
    [`POST ${policies}`]: {
      action: 'elb:l7policies:create',
      status: 201,
      body: {
        name: 'l7policy',
        schemas: {
          ...changed,
          ...{ 'listener_id!': 'text', redirect_listener_id: 'text' },
          'action!': ['REDIRECT_TO_POOL', 'REDIRECT_TO_LISTENER', 'FIXED_RESPONSE'],
        },
      },
      run: ({ values }) => create(values),
    },
    [`GET ${one}`]: { action: 'elb:l7policies:get', run: ({ path }) => ({ l7policy: describe(find(path['id'])) }) },
    [`PUT ${one}`]: {
      action: 'elb:l7policies:put',
      body: { name: 'l7policy', schemas: changed },
      run({ path, values }) {
        const { balancer, listener, policy } = find(path['id']);
        const poolId = values.text('redirect_pool_id');
        if (poolId !== undefined) checkPool({ balancer, listener }, poolId);
        const given = values.items('rules').map(readRule);
        const next: Policy = {
          ...policy,
          name: values.text('name') ?? policy.name,
          description: values.text('description') ?? policy.description,
          priority: values.integer('priority', 0, 10_000) ?? policy.priority,
          poolId: poolId ?? policy.poolId,
          fixed: readFixed(values.part('fixed_response_config')) ?? policy.fixed,
          rules: given.length > 0 ? given : policy.rules,
        };
        if (next.priority !== undefined && !listener.isAdvanced)
          throw refuse(400, 'ELB.1001', 'priority is not valid.');
        checkUnique({ balancer, listener }, next, policy);
        cloud.change(balancer, () => void Object.assign(policy, next));
        return { l7policy: describe({ listener, policy }) };
      },
    },
    [`DELETE ${one}`]: {
      action: 'elb:l7policies:delete',
      status: 204,
      run({ path }) {
        const { balancer, listener, policy } = find(path['id']);
        cloud.change(balancer, () => {
          listener.policies = listener.policies.filter((other) => other !== policy);
        });
        return undefined;
      },
    },
    [`GET ${one}/rules`]: {
      action: 'elb:l7rules:list',
      query: paging,
      run: ({ path, query }) => pageOf(query, find(path['id']).policy.rules.map(describeRule), 'rules'),
    },
  };
}
