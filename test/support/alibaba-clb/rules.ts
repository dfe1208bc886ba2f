import { ApiError, existsAlready, invalid, missing } from './api-error.ts';
import type { Action, Call } from './find.ts';
import {
  balancerArn,
  findBalancer,
  findGroup,
  findListener,
  findRegion,
  findRule,
  onBalancer,
  onRule,
} from './find.ts';
import type { Group, HealthCheck, Listener, Rule } from './model.ts';
import { healthCheck } from './model.ts';
import { checkName, isCheckUri, isDomain, isUrl, jsonArray, jsonObject } from './parameters.ts';

const malformed = 'RuleListMalformed';

const rulesOf = (call: Call, listener: Listener): Rule[] =>
  [...call.cloud.rules.values()].filter((rule) => rule.listener === listener);

function checkGroup(call: Call, group: Group): Group {
  if (group.servers.length === 0 && call.cloud.behaviour.emptyGroups === 'refused')
    throw new ApiError('VServerGroupEmpty');
  return group;
}

const text = (value: unknown): string => {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new ApiError(malformed);
  return value;
};

/** The rules that RuleList asks for; they exist together or not at all. */
function readRules(call: Call, listener: Listener): Rule[] {
  const { cloud } = call;
  const balancer = findBalancer(call);
  const items = jsonArray(call.parameters.required('RuleList'), malformed);
  if (items.length > 10) throw new ApiError(malformed);
  const existing = rulesOf(call, listener);
  const made: Rule[] = [];
  for (const item of items) {
    const given = jsonObject(item, malformed);
    const [name, domain, url] = [text(given['RuleName']), text(given['Domain']), text(given['Url'])];
    if (name === '' || (domain === '' && url === '')) throw new ApiError(malformed);
    checkName('RuleName', name, 40);
    if (domain !== '' && !isDomain(domain)) throw new ApiError('DomainMalformed');
    if (url !== '' && !isUrl(url)) throw new ApiError('UrlMalformed');
    const groupId = text(given['VServerGroupId']);
    if (groupId === '') throw new ApiError(malformed);
    checkGroup(call, findGroup(call, groupId, balancer));
    for (const other of [...existing, ...made]) {
      if (other.domain.toLowerCase() === domain.toLowerCase() && other.url === url) throw new ApiError('DomainExist');
      if (other.name === name) throw existsAlready();
    }
    made.push({ id: cloud.newId('rule'), balancer, listener, name, domain, url, groupId, listenerSync: 'on' });
  }
  if (existing.length + made.length > cloud.quotas.rulesOfListener) throw new ApiError('TooManyRules');
  return made;
}

/** The health check of SetRule with `ListenerSync=off`: what it names, all of it needed once the check is on. */
function readCheck(call: Call): HealthCheck {
  const { parameters, cloud } = call;
  const need = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw missing(name);
    return value;
  };
  if (need('HealthCheck', parameters.oneOf('HealthCheck', ['on', 'off'])) === 'off')
    return healthCheck({ enabled: false });
  const uri = parameters.required('HealthCheckURI');
  if (cloud.behaviour.ruleHealthUri === 'strict' ? !isCheckUri(uri) : !uri.startsWith('/'))
    throw invalid('The specified parameter HealthCheckURI is not valid.');
  const codes = readCodes(parameters.required('HealthCheckHttpCode'));
  const domain = parameters.text('HealthCheckDomain') ?? '';
  if (domain !== '' && !isCheckDomain(domain)) throw invalid('The specified parameter HealthCheckDomain is not valid.');
  return healthCheck({
    uri,
    codes,
    domain,
    port: parameters.integer('HealthCheckConnectPort', 1, 65_535) ?? 0,
    interval: parameters.requiredInteger('HealthCheckInterval', 1, 50),
    timeout: parameters.requiredInteger('HealthCheckTimeout', 1, 300),
    healthy: parameters.requiredInteger('HealthyThreshold', 2, 10),
    unhealthy: parameters.requiredInteger('UnhealthyThreshold', 2, 10),
  });
}

export function readCodes(codes: string): string {
  if (!/^http_[2-5]xx(,http_[2-5]xx)*$/.test(codes))
    throw invalid('The specified parameter HealthCheckHttpCode is not valid.');
  return codes;
}

export const isCheckDomain = (domain: string): boolean => domain === '$_ip' || /^[A-Za-z0-9.-]{1,80}$/.test(domain);

/** The fields of a description; those without a value as the cloud's switch says. */
export function fields(call: Call, all: Readonly<Record<string, string | number | undefined>>) {
  const empty = call.cloud.behaviour.emptyFields === 'empty';
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) =>
      value === undefined || value === '' ? (empty ? [[name, '']] : []) : [[name, value]],
    ),
  );
}

const describe = (call: Call, rule: Rule) =>
  fields(call, {
    RuleId: rule.id,
    RuleName: rule.name,
    Domain: rule.domain,
    Url: rule.url,
    VServerGroupId: rule.groupId,
    ListenerSync: rule.listenerSync,
    ...(rule.listenerSync === 'on'
      ? {}
      : {
          Scheduler: rule.scheduler,
          StickySession: rule.stickySession,
          StickySessionType: rule.stickySessionType,
          Cookie: rule.cookie,
          CookieTimeout: rule.cookieTimeout,
          HealthCheck: rule.check?.enabled === true ? 'on' : 'off',
          ...(rule.check?.enabled === true
            ? {
                HealthCheckURI: rule.check.uri,
                HealthCheckDomain: rule.check.domain,
                HealthCheckHttpCode: rule.check.codes,
                ...(rule.check.port === 0 ? {} : { HealthCheckConnectPort: rule.check.port }),
                HealthCheckInterval: rule.check.interval,
                HealthCheckTimeout: rule.check.timeout,
                HealthyThreshold: rule.check.healthy,
                UnhealthyThreshold: rule.check.unhealthy,
              }
            : {}),
        }),
  });

function setRule(call: Call): Record<string, unknown> {
  const { parameters } = call;
  const rule = findRule(call);
  const name = parameters.text('RuleName');
  if (name !== undefined) {
    checkName('RuleName', name, 40);
    if (rulesOf(call, rule.listener).some((other) => other !== rule && other.name === name)) throw existsAlready();
  }
  const groupId = parameters.text('VServerGroupId');
  if (groupId !== undefined) checkGroup(call, findGroup(call, groupId, rule.balancer));
  const sync = parameters.oneOf('ListenerSync', ['on', 'off']);
  const next: Rule = { ...rule, name: name ?? rule.name, groupId: groupId ?? rule.groupId };
  // The rest counts only with ListenerSync=off; without it, it is passed over in silence.
  if (sync === 'on') next.listenerSync = 'on';
  if (sync === 'off') {
    next.listenerSync = 'off';
    const scheduler = parameters.oneOf('Scheduler', ['wrr', 'rr']);
    if (scheduler === undefined) throw missing('Scheduler');
    next.scheduler = scheduler;
    const sticky = parameters.oneOf('StickySession', ['on', 'off']);
    if (sticky === undefined) throw missing('StickySession');
    next.stickySession = sticky;
    if (sticky === 'on') {
      const type = parameters.oneOf('StickySessionType', ['insert', 'server']);
      if (type === undefined) throw missing('StickySessionType');
      next.stickySessionType = type;
      if (type === 'insert') next.cookieTimeout = parameters.requiredInteger('CookieTimeout', 1, 86_400);
      else next.cookie = parameters.required('Cookie');
    }
    next.check = readCheck(call);
  }
  call.change(rule.balancer, 'rule', () => call.cloud.rules.set(rule.id, next));
  return {};
}

export const ruleActions: Readonly<Record<string, Action>> = {
  CreateRules: {
    resources: onBalancer,
    run(call) {
      const balancer = findBalancer(call);
      const listener = findListener(call, balancer);
      if (listener.protocol === 'tcp') throw new ApiError('RuleNotSupport');
      const made = readRules(call, listener);
      if (call.parameters.flag('DryRun')) throw new ApiError('DryRunOperation');
      call.change(balancer, 'rule', () => {
        for (const rule of made) call.cloud.rules.set(rule.id, rule);
      });
      return { Rules: { Rule: made.map(({ id, name }) => ({ RuleId: id, RuleName: name })) } };
    },
  },
  SetRule: { resources: onRule, run: setRule },
  DescribeRules: {
    resources: onBalancer,
    run(call) {
      const listener = findListener(call, findBalancer(call));
      return { Rules: { Rule: rulesOf(call, listener).map((rule) => describe(call, rule)) } };
    },
  },
  DescribeRuleAttribute: {
    resources: onRule,
    run(call) {
      const rule = findRule(call);
      // The description of the operation has this port as a string.
      return { ...describe(call, rule), LoadBalancerId: rule.balancer.id, ListenerPort: String(rule.listener.port) };
    },
  },
  DeleteRules: {
    resources: (call) => {
      const ids = call.parameters.text('RuleIds') ?? '';
      const owners = [...call.cloud.rules.values()]
        .filter(({ id }) => ids.includes(id))
        .map(({ balancer }) => balancer.id);
      return owners.length === 0
        ? [balancerArn(call, undefined)]
        : [...new Set(owners)].map((id) => balancerArn(call, id));
    },
    run(call) {
      findRegion(call);
      const ids = jsonArray(call.parameters.required('RuleIds'), 'InvalidParameter');
      if (ids.length > 10) throw invalid('The specified parameter RuleIds is not valid.');
      const rules = ids.map((id) => {
        if (typeof id !== 'string') throw invalid('The specified parameter RuleIds is not valid.');
        return findRule(call, id);
      });
      const [first] = rules;
      if (rules.some(({ balancer }) => balancer !== first!.balancer))
        throw invalid('The specified parameter RuleIds is not valid.');
      call.change(first!.balancer, 'rule', () => {
        for (const { id } of rules) call.cloud.rules.delete(id);
      });
      return {};
    },
  },
};
