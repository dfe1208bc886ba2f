import { ApiError, existsAlready, invalid } from './api-error.ts';
import type { Action, Call } from './find.ts';
import { findBalancer, findGroup, onBalancer, onGroup, serverArn } from './find.ts';
import type { Backend, Cloud, Group, LoadBalancer, Tags } from './model.ts';
import { checkName, jsonArray, jsonObject } from './parameters.ts';

const malformed = 'BackendServersMalformed';

/** A number that the request may also give as a string of digits. */
function number(value: unknown, from: number, to: number, refusal: () => ApiError): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^\d{1,5}$/.test(text) || Number(text) < from || Number(text) > to) throw refusal();
  return Number(text);
}

function backend(cloud: Cloud, value: unknown): Backend {
  const given = jsonObject(value, malformed);
  const { ServerId: serverId, Type: type = 'ecs', ServerIp: ip = '', Description: description } = given;
  if (typeof serverId !== 'string' || serverId === '' || typeof ip !== 'string') throw new ApiError(malformed);
  if (type !== 'ecs' && type !== 'eni' && type !== 'eci') throw new ApiError(malformed);
  if (type !== 'ecs' && ip === '') throw new ApiError(malformed);
  const port = number(given['Port'], 1, 65_535, () =>
    invalid('The specified BackendServers is invalid, as the Port value should be in [1, 65535].'),
  );
  const weight =
    given['Weight'] === undefined
      ? 100
      : number(given['Weight'], 0, 100, () => new ApiError('InvalidWeight.Malformed'));
  if (description !== undefined) {
    if (typeof description !== 'string') throw new ApiError(malformed);
    checkName('BackendServers', description, 80);
  }
  const server = cloud.servers.get(serverId);
  if (server === undefined || server.type !== type || server.stopped) throw new ApiError('ObtainIpFail');
  const address = ip === '' ? [...server.addresses.keys()][0]! : ip;
  if (!server.addresses.has(address)) throw new ApiError('ObtainIpFail');
  return {
    serverId,
    port,
    weight,
    type,
    ip: address,
    ipGiven: ip !== '',
    ...(description === undefined ? {} : { description }),
  };
}

function readBackends(call: Call, need: 'required' | 'optional'): Backend[] {
  const { parameters, cloud } = call;
  const text = need === 'required' ? parameters.required('BackendServers') : parameters.text('BackendServers');
  if (text === undefined || (need === 'optional' && text === '[]')) return [];
  const items = jsonArray(text, malformed);
  if (items.length > 20)
    throw new ApiError('TooManyBackendServers', {
      message: 'The total number of input real servers exceeds max supported number: 20',
    });
  return items.map((item) => backend(cloud, item));
}

const same = (a: Backend, b: Backend): boolean => a.serverId === b.serverId && a.port === b.port && a.ip === b.ip;

/** The servers of a group with those that are added, within the quotas. */
function added(call: Call, balancer: LoadBalancer, group: Group | undefined, more: readonly Backend[]): Backend[] {
  const servers = [...(group?.servers ?? [])];
  for (const one of more) {
    if (!servers.some((other) => same(one, other))) servers.push(one);
    else if (group === undefined || call.cloud.behaviour.addAgain === 'refused') throw existsAlready();
  }
  const others = [...call.cloud.groups.values()].filter((one) => one.balancer === balancer && one !== group);
  const attached = new Set([...others.flatMap((one) => one.servers), ...servers].map(({ serverId }) => serverId));
  if (attached.size > call.cloud.quotas.serversOfBalancer) throw new ApiError('OverQuota');
  for (const { serverId } of more) {
    const times = others.filter((one) => one.servers.some((server) => server.serverId === serverId)).length + 1;
    if (times > call.cloud.quotas.groupsOfServer) throw new ApiError('OverQuota');
  }
  return servers;
}

const listBackends = (servers: readonly Backend[]) => ({
  BackendServer: servers.map(({ serverId, port, weight, type, ip, ipGiven, description }) => ({
    ServerId: serverId,
    Port: port,
    Weight: weight,
    Type: type,
    ...(ipGiven ? { ServerIp: ip } : {}),
    ...(description === undefined ? {} : { Description: description }),
  })),
});

export const listTags = (tags: Tags) => ({
  Tag: [...tags].map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
});

export const hasTags = (tags: Tags, wanted: Tags): boolean =>
  [...wanted].every(([key, value]) => tags.has(key) && (value === '' || tags.get(key) === value));

const onServers = (call: Call): string[] => {
  try {
    return readBackends(call, 'optional')
      .filter(({ type }) => type === 'ecs')
      .map(({ serverId }) => serverArn(call, serverId));
  } catch {
    return []; // what is wrong with them is said later, to those who may call
  }
};

const usage = (cloud: Cloud, group: Group) => ({
  listeners: group.balancer.listeners.filter(({ groupId }) => groupId === group.id),
  rules: [...cloud.rules.values()].filter(({ groupId }) => groupId === group.id),
});

function inUse({ cloud }: Call, exact: 'RspoolVipExist' | 'RspoolRuleExist'): ApiError {
  const { inUseCode } = cloud.behaviour;
  return new ApiError(inUseCode === 'either' ? (cloud.random() < 0.5 ? exact : 'RspoolVipExist') : inUseCode);
}

export const groupActions: Readonly<Record<string, Action>> = {
  CreateVServerGroup: {
    resources: (call) => [...onBalancer(call), ...onServers(call)],
    run(call) {
      const balancer = findBalancer(call);
      const id = call.cloud.newId('rsp');
      const name = checkName('VServerGroupName', call.parameters.text('VServerGroupName') ?? id, 80);
      const tags = call.parameters.tags();
      const servers = added(call, balancer, undefined, readBackends(call, 'optional'));
      call.change(balancer, 'group', () =>
        call.cloud.groups.set(id, { id, balancer, name, servers, tags, created: call.cloud.now() }),
      );
      return { VServerGroupId: id, BackendServers: listBackends(servers) };
    },
  },
  AddVServerGroupBackendServers: {
    resources: (call) => [...onGroup(call), ...onServers(call)],
    run(call) {
      const group = findGroup(call);
      const servers = added(call, group.balancer, group, readBackends(call, 'required'));
      call.change(group.balancer, 'group', () => {
        group.servers = servers;
      });
      return { VServerGroupId: group.id, BackendServers: listBackends(servers) };
    },
  },
  RemoveVServerGroupBackendServers: {
    resources: (call) => [...onGroup(call), ...onServers(call)],
    run(call) {
      const group = findGroup(call);
      const gone = readBackends(call, 'required');
      if (call.cloud.behaviour.removeAbsent === 'refused')
        for (const one of gone)
          if (!group.servers.some((other) => same(one, other))) throw new ApiError('InvalidServerId.NotFound');
      const servers = group.servers.filter((one) => !gone.some((other) => same(one, other)));
      call.change(group.balancer, 'group', () => {
        group.servers = servers;
      });
      return { VServerGroupId: group.id, BackendServers: listBackends(servers) };
    },
  },
  SetVServerGroupAttribute: {
    resources: onGroup,
    run(call) {
      const group = findGroup(call);
      const name = call.parameters.text('VServerGroupName');
      if (name !== undefined) checkName('VServerGroupName', name, 80);
      const given = readBackends(call, 'optional');
      for (const one of given)
        if (!group.servers.some((other) => same(one, other))) throw new ApiError('InvalidServerId.NotFound');
      // It changes weights only: neither ports nor the list.
      const servers = group.servers.map((one) => ({
        ...one,
        weight: given.find((other) => same(one, other))?.weight ?? one.weight,
      }));
      call.change(group.balancer, 'group', () => {
        group.name = name ?? group.name;
        group.servers = servers;
      });
      return { VServerGroupId: group.id, VServerGroupName: group.name, BackendServers: listBackends(servers) };
    },
  },
  DescribeVServerGroups: {
    resources: onBalancer,
    run(call) {
      const balancer = findBalancer(call);
      const wanted = call.parameters.tags();
      const name = call.parameters.text('Description');
      const [rules, listeners] = [call.parameters.flag('IncludeRule'), call.parameters.flag('IncludeListener')];
      const groups = [...call.cloud.groups.values()].filter(
        (group) =>
          group.balancer === balancer && hasTags(group.tags, wanted) && (name === undefined || group.name === name),
      );
      return {
        VServerGroups: {
          VServerGroup: groups.map((group) => {
            const used = usage(call.cloud, group);
            return {
              VServerGroupId: group.id,
              VServerGroupName: group.name,
              ServerCount: group.servers.length,
              CreateTime: new Date(group.created).toISOString().replace(/\.\d+/, ''),
              Tags: listTags(group.tags),
              AssociatedObjects: {
                Listeners: {
                  Listener: listeners
                    ? used.listeners.map(({ protocol, port }) => ({ Protocol: protocol, Port: port }))
                    : [],
                },
                Rules: {
                  Rule: rules
                    ? used.rules.map(({ id, name: RuleName, domain, url }) => ({
                        RuleId: id,
                        RuleName,
                        ...(domain === '' && call.cloud.behaviour.emptyFields === 'omitted' ? {} : { Domain: domain }),
                        ...(url === '' && call.cloud.behaviour.emptyFields === 'omitted' ? {} : { Url: url }),
                      }))
                    : [],
                },
              },
            };
          }),
        },
      };
    },
  },
  DescribeVServerGroupAttribute: {
    resources: onGroup,
    run(call) {
      const group = findGroup(call);
      return {
        VServerGroupId: group.id,
        VServerGroupName: group.name,
        LoadBalancerId: group.balancer.id,
        Tags: listTags(group.tags),
        BackendServers: listBackends(group.servers),
      };
    },
  },
  DeleteVServerGroup: {
    resources: onGroup,
    run(call) {
      const group = findGroup(call);
      const { rules, listeners } = usage(call.cloud, group);
      if (listeners.length > 0) throw inUse(call, 'RspoolVipExist');
      // A rule that was deleted a moment ago still counts until that change has ended.
      if (rules.length > 0 || call.serves(group)) throw inUse(call, 'RspoolRuleExist');
      call.change(group.balancer, 'group', () => call.cloud.groups.delete(group.id));
      return {};
    },
  },
};
