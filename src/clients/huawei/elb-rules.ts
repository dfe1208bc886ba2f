import { challengePath, healthCheckPath } from '../../core/ca/challenge-path.ts';
import { fail } from '../../core/errors/errors.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, WantedGroup, WantedRule, WantedRules } from '../../ports/balancer.ts';
import { readFields, readString } from '../http/json-api.ts';
import { LookAgain } from '../http/look-again.ts';
import { type Elb, type ElbListener, isConflict } from './elb.ts';

// Makes one owner's forwarding policies on a listener match the wanted ones. Policies and pools have no tags; their
// names carry the mark.

interface Policy {
  readonly id: string;
  readonly name: string;
  readonly action: string;
  readonly listener: string;
  readonly pool: string | undefined;
  readonly priority: number | undefined;
}

interface Pool {
  readonly id: string;
  readonly name: string;
  readonly monitor: string | undefined;
  readonly listeners: readonly string[];
}

interface Member extends Pick<Backend, 'server' | 'port'> {
  readonly id: string;
  readonly state: string;
}

export interface Receipt {
  readonly listener: string;
  readonly pool: string;
  readonly policies: readonly string[];
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const idsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map((one: Fields) => String(one['id'])) : [];

/** Returns all policies of the project. */
export const readPolicies = async (elb: Elb, signal: AbortSignal): Promise<readonly Policy[]> =>
  (await elb.list('l7policies', 'l7policies', {}, signal)).map((row) => ({
    ...{ id: readString(row, 'id'), name: text(row['name']) ?? '', action: String(row['action']) },
    ...{ listener: String(row['listener_id']), pool: text(row['redirect_pool_id']) },
    priority: typeof row['priority'] === 'number' ? row['priority'] : undefined,
  }));

/** Returns the hosts and paths of a policy, which the list of policies does not show. */
export async function readMatch(elb: Elb, { id }: Policy, signal: AbortSignal) {
  const rows = await elb.list(`l7policies/${id}/rules`, 'rules', {}, signal);
  const valuesOf = (type: string) =>
    rows
      .filter((row) => row['type'] === type)
      .flatMap((row) => {
        const conditions = Array.isArray(row['conditions']) ? row['conditions'] : [];
        const values = conditions.map((one: Fields) => String(one['value']));
        return values.length > 0 ? values : String(row['value']);
      });
  return { hosts: valuesOf('HOST_NAME').map((host) => host.toLowerCase()), paths: valuesOf('PATH') };
}

export const readPools = async (elb: Elb, loadBalancer: string, signal: AbortSignal): Promise<readonly Pool[]> =>
  (await elb.list('pools', 'pools', { loadbalancer_id: loadBalancer }, signal)).map(poolIn);

const poolIn = (row: Fields): Pool => ({
  ...{ id: readString(row, 'id'), name: text(row['name']) ?? '', monitor: text(row['healthmonitor_id']) },
  listeners: idsIn(row['listeners']),
});

export const readMembers = async (elb: Elb, pool: string, signal: AbortSignal): Promise<readonly Member[]> =>
  (await elb.list(`pools/${pool}/members`, 'members', {}, signal)).map((row) => ({
    ...{ id: readString(row, 'id'), server: readString(row, 'address'), port: Number(row['protocol_port']) },
    state: String(row['operating_status']),
  }));

/** Deletes a pool with what it contains: the API may refuse one that is not empty. */
export async function deletePool(elb: Elb, { id, monitor }: Pool, signal: AbortSignal): Promise<void> {
  for (const member of await readMembers(elb, id, signal)) await elb.remove(`pools/${id}/members/${member.id}`, signal);
  if (monitor !== undefined) await elb.remove(`healthmonitors/${monitor}`, signal);
  await elb.remove(`pools/${id}`, signal);
}

interface Place {
  readonly elb: Elb;
  readonly title: string;
  readonly loadBalancer: string;
  readonly subnet: string | undefined;
  /** Undefined if the load balancer no longer has it. */
  readonly listener: ElbListener | undefined;
}

/** One pass, which {@link LookAgain} repeats. It removes policies, then pools, and then adds what is missing. */
export async function converge(
  place: Place,
  { owner, group, rules }: WantedRules,
  signal: AbortSignal,
): Promise<Receipt> {
  const { elb, listener, loadBalancer } = place;
  const isOwn = ({ name }: { readonly name: string }) => markIn(name)?.owner === owner;
  const all = (await readPolicies(elb, signal)).filter((one) => one.listener === listener?.id);
  const pools = (await readPools(elb, loadBalancer, signal)).filter(isOwn);
  const named = pools.filter(({ name }) => name === group?.name);
  const there = new Map<string, Policy>();
  for (const policy of all.filter(isOwn)) {
    const wanted = rules.find(({ name }) => name === policy.name);
    const isFine = wanted && !there.has(wanted.name) && policy.pool !== undefined && policy.pool === named[0]?.id;
    if (isFine && isSame(wanted, await readMatch(elb, policy, signal))) there.set(wanted.name, policy);
    else await elb.remove(`l7policies/${policy.id}`, signal);
  }
  for (const pool of pools) {
    const isElsewhere = pool.listeners.some((id) => id !== listener?.id);
    if (pool !== named[0] && !isElsewhere) await deletePool(elb, pool, signal);
  }
  if (rules.length === 0 || !group || !listener) return { listener: listener?.id ?? '', pool: '', policies: [] };
  const pool = named[0] ?? (await createPool(place, group, signal));
  await matchPool(place, pool, group, signal);
  const policies: string[] = [];
  for (const rule of rules) {
    const id = there.get(rule.name)?.id ?? (await createPolicy({ ...place, listener }, { rule, pool }, signal));
    policies.push(id);
  }
  return { listener: listener.id, pool: pool.id, policies };
}

const isSame = ({ host, path }: WantedRule, { hosts, paths }: Awaited<ReturnType<typeof readMatch>>): boolean =>
  JSON.stringify([host === undefined ? [] : [host.toLowerCase()], [path]]) === JSON.stringify([hosts, paths]);

async function createPool({ elb, loadBalancer }: Place, group: WantedGroup, signal: AbortSignal): Promise<Pool> {
  const pool = {
    ...{ name: group.name, description: `certfleet: ${group.lineage}`, loadbalancer_id: loadBalancer },
    ...{ protocol: 'HTTP', lb_algorithm: 'ROUND_ROBIN' },
  };
  const answer = await elb.change({ method: 'POST', path: 'pools', body: { pool } }, signal);
  return poolIn(readFields(answer['pool'], 'pool'));
}

/** Gives a pool its health check and exactly these members. New ones come first, so that it is never empty. */
async function matchPool({ elb, subnet }: Place, pool: Pool, { backends }: WantedGroup, signal: AbortSignal) {
  if (pool.monitor === undefined) {
    const healthmonitor = {
      ...{ pool_id: pool.id, type: 'HTTP', url_path: healthCheckPath, expected_codes: '200', http_method: 'GET' },
      ...{ delay: 3, timeout: 2, max_retries: 1, max_retries_down: 3 },
    };
    await elb.change({ method: 'POST', path: 'healthmonitors', body: { healthmonitor } }, signal);
  }
  const there = await readMembers(elb, pool.id, signal);
  const isAt = (one: Pick<Backend, 'server' | 'port'>, other: Pick<Backend, 'server' | 'port'>) =>
    one.server === other.server && one.port === other.port;
  const path = `pools/${pool.id}/members`;
  for (const one of backends.filter((backend) => !there.some((member) => isAt(backend, member)))) {
    const member = { address: one.server, protocol_port: one.port, ...present({ subnet_cidr_id: subnet }) };
    await elb.change({ method: 'POST', path, body: { member } }, signal);
  }
  for (const one of there.filter((member) => !backends.some((backend) => isAt(backend, member))))
    await elb.remove(`${path}/${one.id}`, signal);
}

interface NewPolicy {
  readonly rule: WantedRule;
  readonly pool: Pool;
}

async function createPolicy(
  place: Place & { readonly listener: ElbListener },
  { rule, pool }: NewPolicy,
  signal: AbortSignal,
): Promise<string> {
  const { elb, listener } = place;
  const priority = listener.isAdvanced ? await freePriority(place, rule, signal) : undefined;
  const host = { type: 'HOST_NAME', compare_type: 'EQUAL_TO', value: rule.host };
  const l7policy = {
    ...{ listener_id: listener.id, name: rule.name, description: `certfleet: ${rule.lineage}` },
    ...{ action: 'REDIRECT_TO_POOL', redirect_pool_id: pool.id, ...present({ priority }) },
    rules: [
      ...(rule.host === undefined ? [] : [host]),
      { type: 'PATH', compare_type: 'STARTS_WITH', value: rule.path },
    ],
  };
  try {
    const answer = await elb.change({ method: 'POST', path: 'l7policies', body: { l7policy } }, signal);
    return readString(readFields(answer['l7policy'], 'l7policy'), 'id');
  } catch (error) {
    // After a lost response, a list that is not up to date may not show the policy yet.
    throw isConflict(error) ? new LookAgain(error, `POST l7policies ${rule.name}`) : error;
  }
}

/** Returns a priority before all policies that could take the host’s challenges. The smallest number wins. */
async function freePriority(
  { elb, title, listener }: Place & { readonly listener: ElbListener },
  { host }: WantedRule,
  signal: AbortSignal,
): Promise<number> {
  const all = (await readPolicies(elb, signal)).filter((one) => one.listener === listener.id);
  const taken = new Set(all.map(({ priority }) => priority));
  let before = mostPriority + 1;
  for (const policy of all.filter(({ name }) => markIn(name) === undefined)) {
    const { hosts, paths } = await readMatch(elb, policy, signal);
    const takesHost = hosts.length === 0 || hosts.some((one) => host === undefined || meets(one, host));
    // An expression (`^`) may match anything.
    const takesPath =
      paths.length === 0 ||
      paths.some((path) => !path.startsWith('/') || challengePath.startsWith(path) || path.startsWith(challengePath));
    if (takesHost && takesPath) before = Math.min(before, policy.priority ?? mostPriority);
  }
  for (let priority = before - 1; priority > 0; priority -= 1) if (!taken.has(priority)) return priority;
  throw fail('balancer/refused', {
    ...{ balancer: title, action: `a policy for ${host ?? 'every host'}` },
    reason: `the listener on port ${listener.port} has policies with each priority up to ${before}, and they come first`,
    advice: 'Give your policies larger priorities, so that one is free before them.',
  });
}

const mostPriority = 10_000;
const meets = (pattern: string, host: string): boolean =>
  pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
