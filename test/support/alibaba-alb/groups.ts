import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import { pageOf } from '../alibaba-gateway/jobs.ts';
import type { Schema, Schemas, Values } from '../call-values.ts';
import {
  type Cloud,
  findGroup,
  findListener,
  type Group,
  type HealthCheck,
  healthCheck,
  type RuleAction,
  type Server,
} from './cloud.ts';
import { refuse } from './errors.ts';
import type { Jobs } from './jobs.ts';
import { arnOf } from './listeners.ts';

// Server groups and their health. Sources: alibabacloud-typescript-sdk alb-20200616 (parameters, ranges, states,
// GetListenerHealthStatus lists only the servers that are not normal), doc-detail/198636 (quotas).

export type Health = 'Normal' | 'Initial' | 'Unhealthy' | 'Unavailable' | 'Unused';

const check: Schemas = {
  ...{ HealthCheckEnabled: 'boolean', HealthCheckPath: 'text', HealthCheckHost: 'text' },
  ...{ HealthCheckMethod: ['GET', 'HEAD', 'POST'], HealthCheckProtocol: ['HTTP', 'HTTPS', 'TCP', 'GRPC'] },
  ...{ HealthCheckConnectPort: 'integer', HealthCheckInterval: 'integer', HealthCheckTimeout: 'integer' },
  ...{ HealthyThreshold: 'integer', UnhealthyThreshold: 'integer', HealthCheckHttpVersion: ['HTTP1.0', 'HTTP1.1'] },
  HealthCheckCodes: { list: 'text', most: 10 },
};
const server = (isNew: boolean): Schema => ({
  fields: {
    ...{ 'ServerType!': ['Ecs', 'Eni', 'Eci', 'Ip'], 'ServerId!': 'text', ServerIp: 'text', 'Port!': 'integer' },
    ...(isNew ? { Weight: 'integer', Description: 'text' } : {}),
  },
});

function checked(given: Values | undefined, from: HealthCheck): HealthCheck {
  if (given === undefined) return from;
  const codes = given.texts('HealthCheckCodes');
  const next: HealthCheck = {
    HealthCheckEnabled: given.flag('HealthCheckEnabled') ?? from.HealthCheckEnabled,
    HealthCheckPath: given.text('HealthCheckPath') ?? from.HealthCheckPath,
    HealthCheckHost: given.text('HealthCheckHost') ?? from.HealthCheckHost,
    HealthCheckMethod: given.text('HealthCheckMethod') ?? from.HealthCheckMethod,
    HealthCheckProtocol: given.text('HealthCheckProtocol') ?? from.HealthCheckProtocol,
    HealthCheckConnectPort: given.integer('HealthCheckConnectPort', 0, 65_535) ?? from.HealthCheckConnectPort,
    HealthCheckInterval: given.integer('HealthCheckInterval', 1, 50) ?? from.HealthCheckInterval,
    HealthCheckTimeout: given.integer('HealthCheckTimeout', 1, 300) ?? from.HealthCheckTimeout,
    HealthyThreshold: given.integer('HealthyThreshold', 2, 10) ?? from.HealthyThreshold,
    UnhealthyThreshold: given.integer('UnhealthyThreshold', 2, 10) ?? from.UnhealthyThreshold,
    HealthCheckCodes: codes.length === 0 ? from.HealthCheckCodes : codes,
  };
  if (next.HealthCheckPath.length > 80 || !/^\/[A-Za-z0-9\-/.%?#&=_;~!()*[\]@$^:',+]*$/.test(next.HealthCheckPath))
    throw invalid('HealthCheckPath is not valid.');
  if (next.HealthCheckHost !== '$SERVER_IP' && !/^[a-z0-9.-]{1,80}$/.test(next.HealthCheckHost))
    throw invalid('HealthCheckHost is not valid.');
  if (next.HealthCheckCodes.some((code) => !/^http_[2-5]xx$/.test(code)))
    throw invalid('HealthCheckCodes is not valid.');
  return next;
}

export function groupActions(
  cloud: Cloud,
  jobs: Jobs,
  healthOf: (group: Group, server: Server) => Health,
): Readonly<Record<string, Action>> {
  const usersOf = ({ id }: Group) =>
    [...cloud.balancers.values()].filter(({ listeners: own }) =>
      own.some(
        ({ groupId, rules }) =>
          groupId === id ||
          rules.some(({ actions }) => actions.some((one) => one.type === 'ForwardGroup' && one.groups.includes(id))),
      ),
    );
  const isSame = (a: Server, b: Server) => a.id === b.id && a.port === b.port;
  const page = { MaxResults: 'integer', NextToken: 'text' } as const;
  const tag = { list: { fields: { 'Key!': 'text', Value: 'text' } }, most: 20 } as const;
  const resource: Action['resource'] = (values) => `servergroup/${values.text('ServerGroupId') ?? '*'}`;

  const nameOf = (values: Values): string | undefined => {
    const name = values.text('ServerGroupName');
    if (name !== undefined && !/^[A-Za-z\u4e00-\u9fff][\w.\-\u4e00-\u9fff]{1,127}$/.test(name))
      throw invalid('ServerGroupName is not valid.');
    return name;
  };

  function create({ values, region }: Call): Readonly<Record<string, unknown>> {
    const tags = values.items('Tag').map((one) => [one.needed('Key'), one.text('Value') ?? ''] as const);
    const part = values.part('HealthCheckConfig');
    if (part?.flag('HealthCheckEnabled') === undefined) throw invalid('HealthCheckEnabled is not valid.');
    if (values.text('VpcId') === undefined) throw invalid('VpcId is not valid.');
    const group: Group = {
      ...{ id: cloud.newId('sgp'), region, name: nameOf(values)!, status: 'Creating', servers: [] },
      ...{ check: checked(part, healthCheck()), tags: Object.fromEntries(tags) },
    };
    const change = { action: 'CreateServerGroup', resources: [group], kind: 'ServerGroup' } as const;
    const begin = () => void cloud.groups.set(group.id, group);
    const end = (isDone: boolean) => {
      group.status = 'Available';
      if (!isDone) cloud.groups.delete(group.id);
    };
    return jobs.run(values, { ...change, begin, end }, { ServerGroupId: group.id });
  }

  /** A change of one group, which shows it as being configured. */
  const changed = (action: string, values: Values, group: Group, effect: () => void, begin = () => {}) =>
    jobs.run(values, {
      ...{ action, resources: [group], kind: 'ServerGroup' },
      begin() {
        group.status = 'Configuring';
        begin();
      },
      end(isDone) {
        group.status = 'Available';
        if (isDone) effect();
      },
    });

  function readServers(values: Values): readonly Server[] {
    const given = values.items('Servers');
    if (given.length === 0) throw invalid('Servers is not valid.');
    return given.map((one): Server => {
      const [id, port] = [one.needed('ServerId'), one.integer('Port', 1, 65_535)!];
      const found = cloud.server(id);
      if (found === undefined) throw refuse('ResourceNotFound.BackendServer');
      const ip = one.text('ServerIp') ?? found.ip;
      if (ip !== found.ip) throw invalid('ServerIp is not valid.');
      const weight = one.integer('Weight', 0, 100) ?? 100;
      const description = one.text('Description') ?? '';
      return { id, type: one.needed('ServerType'), ip, port, weight, description, status: 'Adding', sinceMs: 0 };
    });
  }

  function addServers({ values }: Call): Readonly<Record<string, unknown>> {
    const group = findGroup(cloud, values.needed('ServerGroupId'));
    const added = readServers(values);
    if (added.some((one) => group.servers.some((other) => isSame(one, other))))
      throw refuse('ResourceAlreadyExist.BackendServer');
    if (group.servers.length + added.length > cloud.quotas.serversOfGroup)
      throw refuse('QuotaExceeded.ServerGroupServersNum');
    return jobs.run(values, {
      ...{ action: 'AddServersToServerGroup', resources: [group], kind: 'ServerGroup' },
      begin: () => void group.servers.push(...added),
      end(isDone) {
        for (const one of added) Object.assign(one, { status: 'Available', sinceMs: cloud.nowMs() });
        if (!isDone) group.servers = group.servers.filter((one) => !added.includes(one));
      },
    });
  }

  function removeServers({ values }: Call): Readonly<Record<string, unknown>> {
    const group = findGroup(cloud, values.needed('ServerGroupId'));
    const asked = readServers(values);
    const gone = group.servers.filter((one) => asked.some((other) => isSame(one, other)));
    if (gone.length < asked.length) throw refuse('ResourceNotFound.BackendServer');
    const mark = () => {
      for (const one of gone) one.status = 'Removing';
    };
    return changed(
      'RemoveServersFromServerGroup',
      values,
      group,
      () => {
        group.servers = group.servers.filter((one) => !gone.includes(one));
      },
      mark,
    );
  }

  function remove({ values }: Call): Readonly<Record<string, unknown>> {
    const group = findGroup(cloud, values.needed('ServerGroupId'));
    if (usersOf(group).length > 0) throw refuse('ResourceInUse.ServerGroup');
    return changed(
      'DeleteServerGroup',
      values,
      group,
      () => void cloud.groups.delete(group.id),
      () => {
        group.status = 'Deleting';
      },
    );
  }

  function update({ values }: Call): Readonly<Record<string, unknown>> {
    const group = findGroup(cloud, values.needed('ServerGroupId'));
    const [name, next] = [nameOf(values), checked(values.part('HealthCheckConfig'), group.check)];
    return changed('UpdateServerGroupAttribute', values, group, () => {
      group.name = name ?? group.name;
      group.check = next;
    });
  }

  function health({ values }: Call): Readonly<Record<string, unknown>> {
    const { listener } = findListener(cloud, values.needed('ListenerId'));
    values.integer('MaxResults', 1, 30);
    const info = (id: string) => {
      const group = findGroup(cloud, id);
      const reason = { ReasonCode: 'RESPONSE_MISMATCH', ActualResponse: '404', ExpectedResponse: 'HTTP_2xx' };
      return {
        ...{ ServerGroupId: id, ActionType: 'ForwardGroup' },
        HealthCheckEnabled: group.check.HealthCheckEnabled ? 'on' : 'off',
        NonNormalServers: group.servers.flatMap((one) => {
          const Status = healthOf(group, one);
          const row = { ServerId: one.id, ServerIp: one.ip, Port: one.port, Status };
          return Status === 'Normal' ? [] : [{ ...row, ...(Status === 'Unhealthy' ? { Reason: reason } : {}) }];
        }),
      };
    };
    const groupsOf = (actions: readonly RuleAction[]) =>
      actions.flatMap((one) => (one.type === 'ForwardGroup' ? one.groups : []));
    const about = { ListenerId: listener.id, ListenerPort: listener.port, ListenerProtocol: listener.protocol };
    const rules = listener.rules.map(({ id, actions }) => ({
      RuleId: id,
      ServerGroupInfos: groupsOf(actions).map(info),
    }));
    return {
      ListenerHealthStatus: [{ ...about, ServerGroupInfos: [info(listener.groupId)] }],
      ...(values.flag('IncludeRule') === true ? { RuleHealthStatus: rules } : {}),
    };
  }
  const change = (name: string, parameters: Schemas, run: Action['run']) =>
    [name, jobs.change(name, { parameters, resource, run })] as const;
  const one: Schemas = { 'ServerGroupId!': 'text' };

  return {
    ...Object.fromEntries([
      change(
        'CreateServerGroup',
        {
          ...{ 'ServerGroupName!': 'text', ServerGroupType: ['Instance', 'Ip'], Protocol: ['HTTP', 'HTTPS', 'gRPC'] },
          ...{ VpcId: 'text', Scheduler: ['Wrr', 'Wlc', 'Sch'], ResourceGroupId: 'text', Tag: tag },
          'HealthCheckConfig!': { fields: check },
        },
        create,
      ),
      change(
        'UpdateServerGroupAttribute',
        { ...one, ServerGroupName: 'text', HealthCheckConfig: { fields: check } },
        update,
      ),
      change('DeleteServerGroup', one, remove),
      change('AddServersToServerGroup', { ...one, 'Servers!': { list: server(true), most: 200 } }, addServers),
      change('RemoveServersFromServerGroup', { ...one, 'Servers!': { list: server(false), most: 200 } }, removeServers),
    ]),
    ListServerGroups: {
      parameters: {
        ...{ ServerGroupIds: { list: 'text', most: 20 }, ServerGroupNames: { list: 'text', most: 10 }, Tag: tag },
        ...{ VpcId: 'text', ServerGroupType: ['Instance', 'Ip'], ...page },
      },
      run({ values }) {
        const [ids, names] = [values.texts('ServerGroupIds'), values.texts('ServerGroupNames')];
        const rows = [...cloud.groups.values()]
          .filter(
            ({ id, name, tags }) =>
              (ids.length === 0 || ids.includes(id)) &&
              (names.length === 0 || names.includes(name)) &&
              values.items('Tag').every((asked) => {
                const value = tags[asked.needed('Key')];
                return value !== undefined && value === (asked.text('Value') ?? value);
              }),
          )
          .map((group) => ({
            ...{ ServerGroupId: group.id, ServerGroupName: group.name, ServerGroupStatus: group.status },
            ...{ ServerGroupType: 'Instance', Protocol: 'HTTP', Scheduler: 'Wrr', VpcId: 'vpc-1' },
            ...{ ServerCount: group.servers.length, HealthCheckConfig: group.check },
            RelatedLoadBalancerIds: usersOf(group).map(({ id }) => id),
            Tags: Object.entries(group.tags).map(([Key, Value]) => ({ Key, Value })),
          }));
        return pageOf(values, rows, 'ServerGroups');
      },
    },
    ListServerGroupServers: {
      parameters: { ServerGroupId: 'text', ServerIds: { list: 'text', most: 20 }, ...page },
      resource,
      run({ values }) {
        const id = values.text('ServerGroupId');
        const [groups, ids] = [
          id === undefined ? [...cloud.groups.values()] : [findGroup(cloud, id)],
          values.texts('ServerIds'),
        ];
        const rows = groups.flatMap((group) =>
          group.servers
            .filter((one_) => ids.length === 0 || ids.includes(one_.id))
            .map((found) => ({
              ...{ ServerGroupId: group.id, ServerId: found.id, ServerIp: found.ip, ServerType: found.type },
              ...{ Port: found.port, Weight: found.weight, Status: found.status, Description: found.description },
            })),
        );
        return pageOf(values, rows, 'Servers');
      },
    },
    GetListenerHealthStatus: {
      parameters: { 'ListenerId!': 'text', IncludeRule: 'boolean', ...page },
      resource: (values) => {
        const id = values.needed('ListenerId');
        const owner = [...cloud.balancers.values()].find(({ listeners: own }) => own.some((found) => found.id === id));
        return arnOf(owner?.id ?? '*');
      },
      run: health,
    },
  };
}
