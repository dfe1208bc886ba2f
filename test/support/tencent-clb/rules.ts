import type { Schema, Values } from '../call-values.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { Action, Call } from '../tencent-gateway/gateway.ts';
import { binding, certificateSchemas } from './bindings.ts';
import { balancerResource, type Cloud, findBalancer, findListener, findRules } from './cloud.ts';
import { checkDomain, checkUrl, type HealthCheck, healthCheck, isLayer7, type Listener, type Rule } from './model.ts';
import type { Tasks } from './tasks.ts';

// CreateRule, ModifyRule, DeleteRule. Sources: tencentcloud-sdk-nodejs clb v20180317 (parameters, ranges),
// cloud.tencent.com/document/product/214/9032 (domains and URLs), 214/6097 (health checks), tencentcloud.com
// 214/6187 (quotas), tencentcloud-sdk-go clb errors.go (codes).

const check: Schema = {
  fields: {
    ...{ HealthSwitch: 'integer', TimeOut: 'integer', IntervalTime: 'integer', HealthNum: 'integer' },
    ...{ UnHealthNum: 'integer', HttpCode: 'integer', HttpCheckPath: 'text', HttpCheckDomain: 'text' },
    ...{ HttpCheckMethod: ['HEAD', 'GET'], CheckPort: 'integer', HttpVersion: 'text', SourceIpType: 'integer' },
    CheckType: ['HTTP', 'HTTPS', 'GRPC'],
  },
};

/** Changes a check by what was given. */
function checked(given: Values | undefined, from: HealthCheck, domains: readonly string[]): HealthCheck {
  if (given?.integer('CheckPort', -1, 65_535) !== undefined)
    throw refuse('InvalidParameter', 'HealthCheck.CheckPort is for TCP and UDP only.');
  const next: HealthCheck = {
    HealthSwitch: given?.integer('HealthSwitch', 0, 1) ?? from.HealthSwitch,
    TimeOut: given?.integer('TimeOut', 2, 60) ?? from.TimeOut,
    IntervalTime: given?.integer('IntervalTime', 2, 300) ?? from.IntervalTime,
    HealthNum: given?.integer('HealthNum', 2, 10) ?? from.HealthNum,
    UnHealthNum: given?.integer('UnHealthNum', 2, 10) ?? from.UnHealthNum,
    HttpCode: given?.integer('HttpCode', 1, 31) ?? from.HttpCode,
    HttpCheckPath: given?.text('HttpCheckPath') ?? from.HttpCheckPath,
    HttpCheckDomain: given?.text('HttpCheckDomain') ?? from.HttpCheckDomain,
    HttpCheckMethod: given?.text('HttpCheckMethod') ?? from.HttpCheckMethod,
    SourceIpType: given?.integer('SourceIpType', 0, 1) ?? from.SourceIpType,
  };
  if (next.TimeOut >= next.IntervalTime)
    throw refuse('InvalidParameterValue.Range', 'HealthCheck.TimeOut must be below HealthCheck.IntervalTime.');
  if (next.HttpCheckDomain !== '' && !/^[a-z0-9.-]{1,80}$/.test(next.HttpCheckDomain))
    throw refuse('InvalidParameter.FormatError', 'HealthCheck.HttpCheckDomain is wrong.');
  if (next.HttpCheckDomain === '' && next.HealthSwitch === 1 && domains.some((domain) => /[*~]/.test(domain)))
    throw refuse('InvalidParameterValue', 'A wildcard domain needs HealthCheck.HttpCheckDomain.');
  if (!/^\/[A-Za-z0-9_\-.&#?=%/]{0,199}$/.test(next.HttpCheckPath))
    throw refuse('InvalidParameter.FormatError', 'HealthCheck.HttpCheckPath is wrong.');
  return next;
}

/** The domain whose requests an unknown host gets; the first one of a listener is it. */
function moveDefault(listener: Listener, domain: string): void {
  for (const rule of listener.rules) rule.isDefault = rule.domains.includes(domain);
}

export function ruleActions(cloud: Cloud, tasks: Tasks): Readonly<Record<string, Action>> {
  const resources = balancerResource(cloud);
  const schedulers = ['WRR', 'LEAST_CONN', 'IP_HASH'] as const;
  const where = { 'LoadBalancerId!': 'text', 'ListenerId!': 'text' } as const;

  function newRule(values: Values, listener: Listener): Rule {
    const single = values.text('Domain');
    const list = values.texts('Domains');
    if ((single === undefined) === (list.length === 0))
      throw refuse('InvalidParameter', 'Either Domain or Domains must be there.');
    const domains = (single === undefined ? list : [single]).map(checkDomain);
    const isSecure = listener.protocol === 'HTTPS';
    if (!isSecure && ['Http2', 'Quic'].some((name) => values.flag(name) === true))
      throw refuse('InvalidParameter.ProtocolCheckFailed', 'HTTP/2 and QUIC are for HTTPS.');
    const bound = binding(cloud, values);
    if (bound !== undefined && !(isSecure && listener.sni))
      throw refuse('InvalidParameter.ProtocolCheckFailed', 'A certificate of a domain needs SNI.');
    const sibling = listener.rules.find((rule) => rule.domains.some((domain) => domains.includes(domain)));
    if (listener.sni && bound === undefined && sibling === undefined)
      throw refuse('InvalidParameter', 'A new domain of a listener with SNI needs a certificate.');
    const domain = domains[0]!;
    const isPlain = !/[*~]/.test(domain);
    return {
      id: cloud.newId('loc-'),
      domains,
      url: checkUrl(values.needed('Url')),
      check: checked(values.part('HealthCheck'), healthCheck({}, isPlain ? domain : ''), domains),
      scheduler: values.text('Scheduler') ?? 'WRR',
      sessionExpireTime: values.integer('SessionExpireTime', 0, 86_400) ?? 0,
      forwardType: values.text('ForwardType') ?? 'HTTP',
      isDefault: values.flag('DefaultServer') ?? sibling?.isDefault ?? false,
      http2: values.flag('Http2') ?? sibling?.http2 ?? false,
      binding: bound ?? sibling?.binding,
      targets: [],
      redirect: undefined,
    };
  }

  const keysOf = ({ domains, url }: Rule): readonly string[] => domains.map((domain) => `${domain} ${url}`);

  function create(call: Call): Record<string, unknown> {
    const balancer = findBalancer(cloud, call);
    const listener = findListener(balancer, call.values.needed('ListenerId'));
    if (!isLayer7(listener)) throw refuse('InvalidParameter.ProtocolCheckFailed', 'The listener takes no rules.');
    const made: Rule[] = [];
    const taken = new Set(listener.rules.flatMap(keysOf));
    for (const values of call.values.items('Rules')) {
      const rule = newRule(values, listener);
      for (const key of keysOf(rule)) {
        if (taken.has(key)) throw refuse('InvalidParameterValue.Duplicate', `The rule ${key} exists.`);
        taken.add(key);
      }
      made.push(rule);
    }
    if (made.length === 0) throw refuse('InvalidParameterValue.Length', 'Rules is empty.');
    if (listener.rules.length + made.length > cloud.quotas.rulesOfListener)
      throw refuse('LimitExceeded', `The quota TOTAL_LISTENER_RULE_QUOTA is ${cloud.quotas.rulesOfListener}.`);
    tasks.begin(call.requestId, 'CreateRule', [balancer], () => {
      listener.rules.push(...made);
      const chosen = made.findLast(({ isDefault }) => isDefault) ?? listener.rules.find(({ isDefault }) => isDefault);
      moveDefault(listener, (chosen ?? listener.rules[0]!).domains[0]!);
    });
    return { LocationIds: made.map(({ id }) => id) };
  }

  function modify(call: Call): Record<string, unknown> {
    const { values } = call;
    const balancer = findBalancer(cloud, call);
    const listener = findListener(balancer, values.needed('ListenerId'));
    const by = { ids: [values.needed('LocationId')], domain: undefined, url: undefined };
    const [rule] = findRules(listener, by) as [Rule];
    if (rule.redirect !== undefined)
      throw refuse('InvalidParameter.RewriteAlreadyExist', 'The rule takes part in a redirect.');
    const url = checkUrl(values.text('Url') ?? rule.url);
    const isTaken = listener.rules.some(
      (other) => other !== rule && other.url === url && other.domains.some((domain) => rule.domains.includes(domain)),
    );
    if (isTaken) throw refuse('InvalidParameterValue.Duplicate', 'Another rule has this URL.');
    const check = checked(values.part('HealthCheck'), rule.check, rule.domains);
    tasks.begin(call.requestId, 'ModifyRule', [balancer], () => {
      Object.assign(rule, { url, check });
      rule.scheduler = values.text('Scheduler') ?? rule.scheduler;
      rule.sessionExpireTime = values.integer('SessionExpireTime', 0, 86_400) ?? rule.sessionExpireTime;
      rule.forwardType = values.text('ForwardType') ?? rule.forwardType;
    });
    return {};
  }

  /** Without LocationIds, a domain alone means all of its rules. */
  function remove(call: Call): Record<string, unknown> {
    const { values } = call;
    const balancer = findBalancer(cloud, call);
    const listener = findListener(balancer, values.needed('ListenerId'));
    const ids = values.texts('LocationIds');
    const [domain, url] = [values.text('Domain'), values.text('Url')];
    if (ids.length === 0 && domain === undefined) throw refuse('MissingParameter', 'LocationIds or Domain is missing.');
    const gone = findRules(listener, { ids, domain, url });
    if (gone.some(({ redirect }) => redirect !== undefined))
      throw refuse('InvalidParameter.RewriteAlreadyExist', 'The rule takes part in a redirect.');
    const left = listener.rules.filter((rule) => !gone.includes(rule));
    const next = values.text('NewDefaultServerDomain');
    const isDefaultGone = left.length > 0 && !left.some(({ isDefault }) => isDefault);
    if (isDefaultGone && (next === undefined || !left.some(({ domains }) => domains.includes(next))))
      throw refuse('InvalidParameter', 'The default domain is removed: NewDefaultServerDomain must name another one.');
    tasks.begin(call.requestId, 'DeleteRule', [balancer], () => {
      listener.rules = listener.rules.filter((rule) => !gone.includes(rule));
      if (next !== undefined) moveDefault(listener, next);
    });
    return {};
  }

  return {
    CreateRule: {
      parameters: {
        ...where,
        'Rules!': {
          most: 50,
          list: {
            fields: {
              ...{ 'Url!': 'text', Domain: 'text', Domains: { list: 'text', most: 20 }, HealthCheck: check },
              ...{ SessionExpireTime: 'integer', Scheduler: schedulers, ForwardType: ['HTTP', 'HTTPS', 'GRPC'] },
              ...{ DefaultServer: 'boolean', Http2: 'boolean', Quic: 'boolean', TargetType: ['NODE'] },
              ...{ CookieName: 'text', ...certificateSchemas },
            },
          },
        },
      },
      resources,
      run: create,
    },
    ModifyRule: {
      parameters: {
        ...where,
        ...{ 'LocationId!': 'text', Url: 'text', HealthCheck: check, Scheduler: schedulers },
        ...{ SessionExpireTime: 'integer', ForwardType: ['HTTP', 'HTTPS', 'GRPC'], CookieName: 'text' },
      },
      resources,
      run: modify,
    },
    DeleteRule: {
      parameters: {
        ...where,
        LocationIds: { list: 'text', most: 50 },
        ...{ Domain: 'text', Url: 'text', NewDefaultServerDomain: 'text' },
      },
      resources,
      run: remove,
    },
  };
}
