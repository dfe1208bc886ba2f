import type { Schema, Schemas, Values } from '../call-values.ts';
import { type Route, refuse } from '../huawei-gateway/gateway.ts';
import {
  allListeners,
  type Cloud,
  type LoadBalancer,
  type Member,
  type Monitor,
  matches,
  type Pool,
  pageOf,
} from './cloud.ts';

// Backend server groups, members and health monitors. Sources: huaweicloud-sdk-nodejs-v3 elb v3 (fields, paths),
// terraform-provider-huaweicloud docs elb_pool, elb_member, elb_monitor (ranges, states).

export type Health = 'ONLINE' | 'OFFLINE' | 'NO_MONITOR';

const paging = ['marker', 'limit', 'page_reverse', 'enterprise_project_id'];
const member: Schemas = {
  ...{ 'address!': 'text', 'protocol_port!': 'integer', name: 'text', weight: 'integer', subnet_cidr_id: 'text' },
};
const monitorFields: Schemas = {
  ...{ type: ['HTTP', 'TCP', 'HTTPS'], delay: 'integer', timeout: 'integer', max_retries: 'integer', name: 'text' },
  ...{ max_retries_down: 'integer', url_path: 'text', domain_name: 'text', expected_codes: 'text' },
  ...{ http_method: ['GET', 'HEAD', 'POST'], monitor_port: 'integer' },
};

export function poolRoutes(
  cloud: Cloud,
  healthOf: (pool: Pool, member: Member) => Health,
): Readonly<Record<string, Route>> {
  const find = (id: string | undefined): Pool => {
    const found = cloud.pools.get(id ?? '');
    if (found === undefined) throw refuse(404, 'ELB.8904', `The pool ${id} could not be found.`);
    return found;
  };
  const balancerOf = ({ balancerId }: Pool): LoadBalancer => cloud.balancers.get(balancerId)!;
  const usersOf = ({ id }: Pool) =>
    allListeners(cloud).filter(
      ({ listener }) => listener.defaultPoolId === id || listener.policies.some(({ poolId }) => poolId === id),
    );

  const describe = (pool: Pool) => ({
    ...{ id: pool.id, name: pool.name, description: pool.description, protocol: pool.protocol, type: 'instance' },
    ...{ lb_algorithm: 'ROUND_ROBIN', healthmonitor_id: pool.monitor?.id ?? null, admin_state_up: true },
    loadbalancers: [{ id: pool.balancerId }],
    listeners: usersOf(pool).map(({ listener }) => ({ id: listener.id })),
    members: pool.members.map(({ id }) => ({ id })),
  });
  const describeMember = (pool: Pool) => (one: Member) => ({
    ...{ id: one.id, name: one.name, address: one.address, protocol_port: one.port, weight: one.weight },
    ...{ operating_status: healthOf(pool, one), admin_state_up: true, member_type: 'ip', status: [] },
  });
  const describeMonitor = (pool: Pool, one: Monitor) => ({ ...one, pools: [{ id: pool.id }], admin_state_up: true });

  function newMember(pool: Pool, values: Values): Member {
    const [address, port] = [values.needed('address'), values.integer('protocol_port', 1, 65_535)!];
    if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) throw refuse(400, 'ELB.1001', 'address is not valid.');
    if (pool.members.some((one) => one.address === address && one.port === port))
      throw refuse(409, 'ELB.8907', 'The member is in the pool already.');
    const weight = values.integer('weight', 0, 100) ?? 1;
    return { id: cloud.newId(), name: values.text('name') ?? '', address, port, weight, sinceMs: cloud.nowMs() };
  }

  function monitored(values: Values, from: Monitor): Monitor {
    const next: Monitor = {
      ...{ id: from.id, type: values.text('type') ?? from.type },
      delay: values.integer('delay', 1, 50) ?? from.delay,
      timeout: values.integer('timeout', 1, 50) ?? from.timeout,
      max_retries: values.integer('max_retries', 1, 10) ?? from.max_retries,
      max_retries_down: values.integer('max_retries_down', 1, 10) ?? from.max_retries_down,
      url_path: values.text('url_path') ?? from.url_path,
      domain_name: values.text('domain_name') ?? from.domain_name,
      expected_codes: values.text('expected_codes') ?? from.expected_codes,
      http_method: values.text('http_method') ?? from.http_method,
      monitor_port: values.integer('monitor_port', 1, 65_535) ?? from.monitor_port,
    };
    const isFine =
      /^\/[A-Za-z0-9\-/.%#&~!()*[\]@$^:',+]*$/.test(next.url_path) &&
      /^([A-Za-z0-9][A-Za-z0-9.-]{0,99})?$/.test(next.domain_name) &&
      /^\d{3}([-,]\d{3})*$/.test(next.expected_codes);
    if (!isFine) throw refuse(400, 'ELB.1001', 'The health monitor is not valid.');
    return next;
  }

  const emptyMonitor = (): Monitor => ({
    ...{ id: cloud.newId(), type: 'HTTP', delay: 5, timeout: 3, max_retries: 3, max_retries_down: 3, url_path: '/' },
    ...{ domain_name: '', expected_codes: '200', http_method: 'GET', monitor_port: null },
  });
  const monitors = () =>
    [...cloud.pools.values()].flatMap((pool) => (pool.monitor ? [{ pool, monitor: pool.monitor }] : []));
  function findMonitor(id: string | undefined): { pool: Pool; monitor: Monitor } {
    const found = monitors().find(({ monitor }) => monitor.id === id);
    if (found === undefined) throw refuse(404, 'ELB.8904', `The health monitor ${id} could not be found.`);
    return found;
  }
  const batch: Schema = { list: { fields: member }, most: 200 };
  const [pools, members, monitorPath] = [
    '/v3/:project/elb/pools',
    '/v3/:project/elb/pools/:id/members',
    '/v3/:project/elb/healthmonitors',
  ];

  return {
    [`GET ${pools}`]: {
      action: 'elb:pools:list',
      query: [...paging, 'id', 'name', 'description', 'loadbalancer_id', 'healthmonitor_id'],
      run({ query }) {
        const found = [...cloud.pools.values()].filter((pool) =>
          matches(query, {
            ...{ id: pool.id, name: pool.name, description: pool.description, loadbalancer_id: pool.balancerId },
            healthmonitor_id: pool.monitor?.id ?? '',
          }),
        );
        return pageOf(query, found.map(describe), 'pools');
      },
    },
    [`POST ${pools}`]: {
      action: 'elb:pools:create',
      status: 201,
      body: {
        name: 'pool',
        schemas: {
          ...{ 'protocol!': ['HTTP', 'HTTPS', 'TCP'], 'lb_algorithm!': ['ROUND_ROBIN', 'LEAST_CONNECTIONS'] },
          ...{ loadbalancer_id: 'text', listener_id: 'text', name: 'text', description: 'text', type: 'text' },
          vpc_id: 'text',
        },
      },
      run({ values }) {
        const listener = allListeners(cloud).find((one) => one.listener.id === values.text('listener_id'));
        const balancer = listener?.balancer ?? cloud.balancers.get(values.text('loadbalancer_id') ?? '');
        if (balancer === undefined) throw refuse(400, 'ELB.1003', 'The load balancer does not exist.');
        if (cloud.pools.size >= cloud.quotas.pool) throw refuse(409, 'ELB.8905', 'Quota exceeded for resources: pool.');
        const [name, description] = [values.text('name') ?? '', values.text('description') ?? ''];
        if (name.length > 255 || description.length > 255) throw refuse(400, 'ELB.1001', 'name is too long.');
        const about = { balancerId: balancer.id, name, description, protocol: values.needed('protocol') };
        const pool: Pool = { id: cloud.newId(), ...about, members: [], monitor: undefined };
        cloud.change(balancer, () => void cloud.pools.set(pool.id, pool));
        return { pool: describe(pool) };
      },
    },
    [`GET ${pools}/:id`]: { action: 'elb:pools:get', run: ({ path }) => ({ pool: describe(find(path['id'])) }) },
    [`DELETE ${pools}/:id`]: {
      action: 'elb:pools:delete',
      status: 204,
      run({ path }) {
        const pool = find(path['id']);
        const isFilled = pool.members.length > 0 || pool.monitor !== undefined;
        if (usersOf(pool).length > 0) throw refuse(409, 'ELB.8907', 'The pool is in use.');
        if (isFilled && cloud.behaviour.deleteFilledPool === 'refused')
          throw refuse(409, 'ELB.8907', 'The pool has members or a health monitor.');
        cloud.change(balancerOf(pool), () => void cloud.pools.delete(pool.id));
        return undefined;
      },
    },
    [`GET ${members}`]: {
      action: 'elb:members:list',
      query: [...paging, 'id', 'name', 'address', 'protocol_port'],
      run({ path, query }) {
        const pool = find(path['id']);
        const found = pool.members.filter((one) =>
          matches(query, { id: one.id, name: one.name, address: one.address, protocol_port: String(one.port) }),
        );
        return pageOf(query, found.map(describeMember(pool)), 'members');
      },
    },
    [`POST ${members}`]: {
      action: 'elb:members:create',
      status: 201,
      body: { name: 'member', schemas: member },
      run({ path, values }) {
        const pool = find(path['id']);
        const made = newMember(pool, values);
        cloud.change(balancerOf(pool), () => void pool.members.push(made));
        return { member: describeMember(pool)(made) };
      },
    },
    [`POST ${members}/batch-add`]: {
      action: 'elb:members:create',
      status: 201,
      list: { name: 'members', schema: batch },
      run({ path, values }) {
        const pool = find(path['id']);
        const made = values.items('members').map((one) => newMember(pool, one));
        cloud.change(balancerOf(pool), () => void pool.members.push(...made));
        return { members: made.map(describeMember(pool)) };
      },
    },
    [`DELETE ${members}/:member`]: {
      action: 'elb:members:delete',
      status: 204,
      run({ path }) {
        const pool = find(path['id']);
        const left = pool.members.filter(({ id }) => id !== path['member']);
        if (left.length === pool.members.length) throw refuse(404, 'ELB.8904', 'The member could not be found.');
        cloud.change(balancerOf(pool), () => {
          pool.members = left;
        });
        return undefined;
      },
    },
    [`GET ${monitorPath}`]: {
      action: 'elb:healthmonitors:list',
      query: [...paging, 'id'],
      run: ({ query }) =>
        pageOf(
          query,
          monitors()
            .filter(({ monitor }) => matches(query, { id: monitor.id }))
            .map(({ pool, monitor }) => describeMonitor(pool, monitor)),
          'healthmonitors',
        ),
    },
    [`POST ${monitorPath}`]: {
      action: 'elb:healthmonitors:create',
      status: 201,
      body: {
        name: 'healthmonitor',
        schemas: {
          ...monitorFields,
          ...{ 'pool_id!': 'text', 'delay!': 'integer', 'timeout!': 'integer', 'max_retries!': 'integer' },
          'type!': ['HTTP', 'TCP', 'HTTPS'],
        },
      },
      run({ values }) {
        const pool = find(values.needed('pool_id'));
        if (pool.monitor !== undefined) throw refuse(409, 'ELB.8907', 'The pool has a health monitor.');
        const monitor = monitored(values, emptyMonitor());
        cloud.change(balancerOf(pool), () => {
          pool.monitor = monitor;
        });
        return { healthmonitor: describeMonitor(pool, monitor) };
      },
    },
    [`GET ${monitorPath}/:id`]: {
      action: 'elb:healthmonitors:get',
      run({ path }) {
        const { pool, monitor } = findMonitor(path['id']);
        return { healthmonitor: describeMonitor(pool, monitor) };
      },
    },
    [`PUT ${monitorPath}/:id`]: {
      action: 'elb:healthmonitors:put',
      body: { name: 'healthmonitor', schemas: monitorFields },
      run({ path, values }) {
        const { pool, monitor } = findMonitor(path['id']);
        const next = monitored(values, monitor);
        cloud.change(balancerOf(pool), () => {
          pool.monitor = next;
        });
        return { healthmonitor: describeMonitor(pool, next) };
      },
    },
    [`DELETE ${monitorPath}/:id`]: {
      action: 'elb:healthmonitors:delete',
      status: 204,
      run({ path }) {
        const { pool } = findMonitor(path['id']);
        cloud.change(balancerOf(pool), () => {
          pool.monitor = undefined;
        });
        return undefined;
      },
    },
  };
}
