import { healthCheckPath } from '../../core/ca/challenge-path.ts';
import { fail } from '../../core/errors/errors.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, ListenerRule, WantedGroup, WantedRule, WantedRules } from '../../ports/balancer.ts';
import { isRefusal, readString } from '../http/json-api.ts';
import { LookAgain } from '../http/look-again.ts';
import {
  type Clb,
  type ClbListener,
  groupInUse,
  isUnknownGroup,
  listIn,
  readNumber,
  tagsFor,
  tagsIn,
  textIn,
} from './clb.ts';

// Reads the rules and groups of one listener, and changes them to match the wanted ones.

const mostRulesAtOnce = 10;
const mostServersAtOnce = 20;

interface Named {
  readonly name: string;
  readonly id: string;
}

/** The objects that exist, for later calls. */
export interface Receipt {
  readonly group: Named | null;
  readonly rules: readonly Named[];
  /** The time of the last change. */
  readonly at: string;
}

export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly group: string | undefined;
  /** The rule's own health check, if it has one. */
  readonly check: { readonly path: string | undefined; readonly port: number | undefined } | undefined;
}

interface Group {
  readonly id: string;
  readonly name: string;
  readonly tags: ReadonlyMap<string, string> | undefined;
  /** The rules that use the group, on any listener. */
  readonly users: readonly Named[];
}

export const about = (LoadBalancerId: string, listener: ClbListener) => ({
  LoadBalancerId,
  ListenerPort: listener.port,
  ListenerProtocol: listener.protocol,
});

export const readRules = (clb: Clb, loadBalancer: string, listener: ClbListener, signal: AbortSignal) =>
  clb.read(
    'DescribeRules',
    about(loadBalancer, listener),
    (answer) => listIn(answer, 'Rules', 'Rule').map(ruleIn),
    signal,
  );

function ruleIn(fields: Fields): Rule {
  const hasCheck = textIn(fields, 'ListenerSync') === 'off' && textIn(fields, 'HealthCheck') === 'on';
  const checkPort = Number(fields['HealthCheckConnectPort']);
  return {
    id: readString(fields, 'RuleId'),
    name: readString(fields, 'RuleName'),
    host: textIn(fields, 'Domain'),
    path: textIn(fields, 'Url'),
    group: textIn(fields, 'VServerGroupId'),
    check: hasCheck
      ? { path: textIn(fields, 'HealthCheckURI'), port: checkPort > 0 ? checkPort : undefined }
      : undefined,
  };
}

export const shown = ({ name, host, path, group }: Rule): ListenerRule => ({
  name,
  action: `forwards to ${group ?? 'no group'}`,
  ...present({ host, path }),
});

export const readGroups = (clb: Clb, LoadBalancerId: string, signal: AbortSignal) =>
  clb.read(
    'DescribeVServerGroups',
    { LoadBalancerId, IncludeRule: true },
    (answer) => listIn(answer, 'VServerGroups', 'VServerGroup').map(groupIn),
    signal,
  );

function groupIn(fields: Fields): Group {
  const { AssociatedObjects: objects } = fields as {
    readonly AssociatedObjects?: { readonly Rules?: { readonly Rule?: unknown } };
  };
  const users = objects?.Rules?.Rule;
  return {
    id: readString(fields, 'VServerGroupId'),
    name: textIn(fields, 'VServerGroupName') ?? '',
    tags: tagsIn(fields),
    users: Array.isArray(users) ? users.map(namedRule) : [],
  };
}

const namedRule = (fields: Fields): Named => ({
  name: readString(fields, 'RuleName'),
  id: readString(fields, 'RuleId'),
});

export function serverIn(fields: Fields): Backend {
  const address = textIn(fields, 'ServerIp') ?? textIn(fields, 'EniHost');
  return {
    server: readString(fields, 'ServerId'),
    port: readNumber(fields, 'Port'),
    kind: textIn(fields, 'Type') ?? 'ecs',
    ...present({ address }),
  };
}

/**
 * Reports whether two servers are the same. The API adds the address of an ECS instance, which certfleet does not send.
 */
export const isAt = ({ server, port, address }: Backend, there: Backend): boolean =>
  server === there.server && port === there.port && (address === undefined || (there.address ?? address) === address);

// ── applying changes ─────────────────────────────────────────────────────────────────────────────────────────────

export interface Place {
  readonly clb: Clb;
  readonly title: string;
  readonly loadBalancer: string;
  readonly ruleQuota: number;
  /** Undefined if the load balancer no longer has the listener, so that only groups can be left. */
  readonly listener: ClbListener | undefined;
  /** The listener's rules, if they were read a moment ago. */
  readonly rules?: readonly Rule[] | undefined;
  /** The listener as the configuration names it. */
  readonly listenerKey: string;
}

interface Converged {
  readonly receipt: Omit<Receipt, 'at'>;
  /** Whether wanted rules and servers changed, so that their health checks start over. */
  readonly changed: boolean;
}

/** Reads the present state and applies the necessary changes, in an order that never removes a group in use. */
export async function converge(
  place: Place,
  { owner, group, rules }: WantedRules,
  signal: AbortSignal,
): Promise<Converged> {
  const { clb, loadBalancer, listener } = place;
  const isOwn = ({ name }: Pick<Named, 'name'>) => markIn(name)?.owner === owner;
  const all = place.rules ?? (listener ? await readRules(clb, loadBalancer, listener, signal) : []);
  const there = all.filter(isOwn);
  checkRoom(place, { rules, others: all.filter((rule) => !isOwn(rule)) });
  const groups = (await readGroups(clb, loadBalancer, signal)).filter(isOwn);
  const ours = groups.filter((one) => isOfListener(place, one, there));

  const kept = there.filter((rule) => rules.some((wanted) => isRule(wanted, rule)));
  // A rule may also be on another listener, if the redirect to HTTPS was switched on or off in between.
  const elsewhere = ours.flatMap(({ users }) => users).filter((rule) => isOwn(rule) && !hasId(there, rule));
  const surplus = there.filter((rule) => !kept.includes(rule));
  for (const some of inTens(surplus)) await clb.change({ ...deletionOf(some), outdated: isUnknownRule }, signal);
  for (const { id } of elsewhere) await deleteRule(clb, id, signal);

  // After a lost response, a list that is not up to date can lead to two groups with the same name.
  const named = groups.filter(({ name }) => name === group?.name);
  const before = named.find(({ id }) => kept.some((rule) => rule.group === id)) ?? named[0];
  const unwanted = ours.filter((one) => one !== before);
  const isUsed = ({ id }: Group) => kept.some((rule) => rule.group === id);
  for (const one of unwanted.filter((one) => !isUsed(one))) await deleteGroup(clb, one.id, signal);

  if (group === undefined || rules.length === 0 || !listener) {
    if (before) await deleteGroup(clb, before.id, signal);
    return { receipt: { group: null, rules: [] }, changed: true };
  }
  const id = before?.id ?? (await createGroup(place, group, signal));
  const hasNewServers = before ? await matchServers(clb, before.id, group.backends, signal) : true;
  const missing = rules.filter((wanted) => !kept.some((rule) => rule.name === wanted.name));
  const made = await createRules(place, { listener, group: id, wanted: missing }, signal);
  const ids = new Map([...kept, ...made].map((rule) => [rule.name, rule.id]));
  const checkPort = checkPortOf(group);
  const toSet = [...kept.filter((rule) => rule.group !== id || !hasCheck(rule, checkPort)), ...made];
  for (const rule of toSet) await setRule(clb, { id: rule.id, group: id, checkPort }, signal);
  for (const one of unwanted.filter(isUsed)) await deleteGroup(clb, one.id, signal);
  return {
    receipt: {
      group: { name: group.name, id },
      rules: rules.map(({ name }) => ({ name, id: ids.get(name) ?? '' })),
    },
    changed: hasNewServers || toSet.length > 0,
  };
}

const hasId = (rules: readonly Named[], { id }: Named): boolean => rules.some((rule) => rule.id === id);

const inTens = <T>(list: readonly T[], most = mostRulesAtOnce): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / most) }, (_, at) => list.slice(at * most, (at + 1) * most));

const matchesSame = (wanted: WantedRule, rule: Rule): boolean =>
  rule.host === wanted.host?.toLowerCase() && rule.path === wanted.path;

/** Reports whether a rule is the wanted one. The host and path of a rule cannot be changed. */
const isRule = (wanted: WantedRule, rule: Rule): boolean => rule.name === wanted.name && matchesSame(wanted, rule);

/** Fails before anything is changed if the API would fail halfway. */
function checkRoom(
  { title, loadBalancer, listener, ruleQuota }: Place,
  { rules, others }: { readonly rules: readonly WantedRule[]; readonly others: readonly Rule[] },
): void {
  const on = `the listener ${listener?.port} of ${loadBalancer}`;
  for (const wanted of rules) {
    const other = others.find((rule) => matchesSame(wanted, rule));
    if (!other) continue;
    const matched = `${wanted.host ?? 'every host'} and ${wanted.path}`;
    throw fail('balancer/refused', {
      balancer: title,
      action: `a rule for ${matched}`,
      reason: `${on} already has a rule that this installation of certfleet did not create: ${other.name}`,
      advice: 'Remove that rule, or wait until the other installation removes it.',
    });
  }
  if (rules.length > 0 && rules.length + others.length > ruleQuota)
    throw fail('balancer/quota', {
      balancer: title,
      what: `${rules.length} rules on ${on}`,
      reason: `it has ${others.length} others, and its quota is ${ruleQuota}`,
    });
}

/**
 * Reports whether a group belongs to this listener. The owner may have groups for other listeners of this load
 * balancer.
 */
function isOfListener({ listenerKey }: Place, { tags, id, users }: Group, rules: readonly Rule[]): boolean {
  if (rules.some((rule) => rule.group === id)) return true;
  const tagged = tags?.get('certfleet-listener');
  return tagged === undefined ? users.length === 0 : tagged === listenerKey;
}

async function createGroup(place: Place, group: WantedGroup, signal: AbortSignal): Promise<string> {
  const { backends } = group;
  try {
    const id = await createGroupOf(place, group, backends.slice(0, mostServersAtOnce), signal);
    await addServers(place.clb, id, backends.slice(mostServersAtOnce), signal);
    return id;
  } catch (error) {
    if (!isUnusable(error) || backends.length === 1) throw error;
  }
  // Another node of the cluster may be stopped or released, so creation starts with the first server that the balancer
  // accepts.
  let last: unknown;
  for (const [at, backend] of backends.entries()) {
    try {
      const id = await createGroupOf(place, group, [backend], signal);
      await addServers(place.clb, id, backends.slice(at + 1), signal);
      return id;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      last = error;
    }
  }
  throw last;
}

function createGroupOf(
  { clb, loadBalancer, listenerKey }: Place,
  { name, lineage }: WantedGroup,
  backends: readonly Backend[],
  signal: AbortSignal,
): Promise<string> {
  const params = {
    LoadBalancerId: loadBalancer,
    VServerGroupName: name,
    BackendServers: serverList(backends),
    Tag: tagsFor(name, { lineage, listener: listenerKey }),
  };
  const parse = (answer: Fields) => readString(answer, 'VServerGroupId');
  return clb.change({ action: 'CreateVServerGroup', params, parse }, signal);
}

/** Reports whether the server does not exist or is not running. */
const isUnusable = (error: unknown): boolean => isRefusal(error, 'ObtainIpFail', 'InvalidServerId.NotFound');

/** Adds the servers that the balancer accepts, and returns how many. A stopped node must not keep out the others. */
async function addServers(clb: Clb, group: string, servers: readonly Backend[], signal: AbortSignal): Promise<number> {
  let added = 0;
  for (const some of inTens(servers, mostServersAtOnce)) {
    try {
      await changeServers(clb, 'Add', { group, servers: some }, signal);
      added += some.length;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      if (some.length > 1) for (const one of some) added += await addServers(clb, group, [one], signal);
    }
  }
  return added;
}

const serverList = (backends: readonly Backend[]): string =>
  JSON.stringify(
    backends.map(({ server, port, address, kind = 'ecs' }) => ({
      ServerId: server,
      Port: String(port),
      Weight: '100',
      Type: kind,
      ...present({ ServerIp: address }),
    })),
  );

/**
 * Changes the servers of an existing group to the wanted ones. Adds new servers first, so that the group is never
 * empty.
 */
async function matchServers(
  clb: Clb,
  group: string,
  wanted: readonly Backend[],
  signal: AbortSignal,
): Promise<boolean> {
  const there = await readServers(clb, group, signal);
  const missing = wanted.filter((backend) => !there.some((server) => isAt(backend, server)));
  const surplus = there.filter((server) => !wanted.some((backend) => isAt(backend, server)));
  const added = await addServers(clb, group, missing, signal);
  if (added === 0 && surplus.length === there.length) {
    // The balancer accepts none of the wanted servers. The API reports why.
    await changeServers(clb, 'Add', { group, servers: missing }, signal);
  }
  for (const servers of inTens(surplus, mostServersAtOnce)) {
    await changeServers(clb, 'Remove', { group, servers }, signal).catch((error: unknown) => {
      // The balancer sends nothing to a server that does not exist, and the whole group is deleted later.
      if (!isUnusable(error)) throw error;
    });
  }
  return missing.length > 0 || surplus.length > 0;
}

const changeServers = (
  clb: Clb,
  verb: 'Add' | 'Remove',
  { group, servers }: { readonly group: string; readonly servers: readonly Backend[] },
  signal: AbortSignal,
): Promise<void> =>
  clb.change(
    {
      action: `${verb}VServerGroupBackendServers`,
      params: { VServerGroupId: group, BackendServers: serverList(servers) },
      outdated: isUnknownGroup,
    },
    signal,
  );

export async function readServers(clb: Clb, VServerGroupId: string, signal: AbortSignal): Promise<readonly Backend[]> {
  const parse = (answer: Fields) => listIn(answer, 'BackendServers', 'BackendServer').map(serverIn);
  try {
    return await clb.read('DescribeVServerGroupAttribute', { VServerGroupId }, parse, signal);
  } catch (error) {
    throw isUnknownGroup(error) ? new LookAgain(error, 'the group') : error;
  }
}

interface CreateRules {
  readonly listener: ClbListener;
  readonly group: string;
  readonly wanted: readonly WantedRule[];
}

async function createRules(
  { clb, loadBalancer }: Place,
  { listener, group: VServerGroupId, wanted }: CreateRules,
  signal: AbortSignal,
): Promise<readonly Named[]> {
  const made: Named[] = [];
  for (const some of inTens(wanted)) {
    const list = some.map(({ name, host, path }) => ({
      RuleName: name,
      ...present({ Domain: host?.toLowerCase() }),
      Url: path,
      VServerGroupId,
    }));
    const change = {
      action: 'CreateRules',
      params: { ...about(loadBalancer, listener), RuleList: JSON.stringify(list) },
      parse: (answer: Fields) => listIn(answer, 'Rules', 'Rule').map(namedRule),
      // After a lost response, a list that is not up to date may not show the rule yet.
      outdated: (error: unknown) => isUnknownGroup(error) || isRefusal(error, 'DomainExist'),
    };
    made.push(...(await clb.change<readonly Named[]>(change, signal)));
  }
  return made;
}

/**
 * Returns the port of the health check if all servers have the same port. Otherwise, each is checked on its own port.
 */
const checkPortOf = ({ backends }: WantedGroup): number | undefined => {
  const [first] = backends;
  return backends.every(({ port }) => port === first?.port) ? first?.port : undefined;
};

const hasCheck = ({ check }: Rule, port: number | undefined): boolean =>
  check?.path === healthCheckPath && (port === undefined || check.port === undefined || check.port === port);

/**
 * Gives a rule its own health check. A new rule has that of its listener, which is meant for the users' own servers.
 */
const setRule = (
  clb: Clb,
  { id, group, checkPort }: { readonly id: string; readonly group: string; readonly checkPort: number | undefined },
  signal: AbortSignal,
): Promise<void> =>
  clb.change(
    {
      action: 'SetRule',
      params: {
        RuleId: id,
        VServerGroupId: group,
        ListenerSync: 'off',
        Scheduler: 'wrr',
        StickySession: 'off',
        HealthCheck: 'on',
        HealthCheckURI: healthCheckPath,
        HealthCheckConnectPort: checkPort,
        HealthCheckHttpCode: 'http_2xx',
        // Two successful checks one second apart: the shortest interval that the API allows.
        HealthCheckInterval: 1,
        HealthCheckTimeout: 3,
        HealthyThreshold: 2,
        UnhealthyThreshold: 3,
      },
      outdated: (error) => isUnknownRule(error) || isUnknownGroup(error),
    },
    signal,
  );

const isUnknownRule = (error: unknown): boolean => isRefusal(error, 'InvalidRuleId.NotFound');

const deletionOf = (rules: readonly Pick<Rule, 'id'>[]) => ({
  action: 'DeleteRules',
  params: { RuleIds: JSON.stringify(rules.map(({ id }) => id)) },
});

export const deleteRule = (clb: Clb, id: string, signal: AbortSignal): Promise<void> =>
  unlessGone(clb.change(deletionOf([{ id }]), signal), isUnknownRule);

export const deleteGroup = (clb: Clb, VServerGroupId: string, signal: AbortSignal): Promise<void> =>
  unlessGone(
    clb.change({ action: 'DeleteVServerGroup', params: { VServerGroupId }, busy: groupInUse }, signal),
    isUnknownGroup,
  );

async function unlessGone(removal: Promise<void>, isGone: (error: unknown) => boolean): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
