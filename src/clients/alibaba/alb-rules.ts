import { healthCheckPath } from '../../core/ca/challenge-path.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { markOf } from '../../core/request-path/own-mark.ts';
import { type Fields, isFields, type Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, WantedGroup, WantedRule, WantedRules } from '../../ports/balancer.ts';
import type { Clock } from '../../ports/clock.ts';
import { isRefusal, readString } from '../http/json-api.ts';
import { LookAgain } from '../http/look-again.ts';
import { firstMatch, type PriorityRule, priorityFor } from '../http/priority-rules.ts';
import { type Alb, fieldsIn, rowsIn } from './alb.ts';
import { readNumber, tagsFor, textIn } from './clb.ts';

/** A forwarding rule of a listener. */
export interface AlbRule extends PriorityRule {
  readonly id: string;
  readonly name: string;
  readonly listener: string;
  /** `Available`, or `Provisioning`, `Configuring` or `Deleting` while a change is under way. */
  readonly status: string;
  /** Whether the rule has other conditions: the method, a header, the client's address. */
  readonly hasOtherConditions: boolean;
  /** The rule's action for messages: `forwards to sgp-1`. */
  readonly action: string;
  readonly groups: readonly string[];
  /** The body of the rule's fixed response. */
  readonly answer: string | undefined;
}

export interface AlbGroup {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

export interface AlbServer extends Backend {
  readonly kind: string;
  readonly status: string;
}

/** IDs by name. */
export interface Receipt {
  readonly rules: Readonly<Record<string, string>>;
  readonly group?: { readonly name: string; readonly id: string };
}

export function receiptIn(known: Json | undefined): Receipt {
  if (!isFields(known) || !isFields(known['rules'])) return { rules: {} };
  return known as unknown as Receipt;
}

/** The tag that tells which listener a group is for: groups belong to a region, not to a listener. */
const listenerTag = 'listener';

export async function readRules(alb: Alb, loadBalancer: string, signal: AbortSignal): Promise<readonly AlbRule[]> {
  const rows = await alb.list('ListRules', { LoadBalancerIds: [loadBalancer] }, 'Rules', signal);
  return rows.filter((row) => row['Direction'] !== 'Response').map(ruleIn);
}

export async function readGroups(alb: Alb, label: string, signal: AbortSignal): Promise<readonly AlbGroup[]> {
  const Tag = [{ Key: `certfleet-${listenerTag}`, Value: label }];
  const rows = await alb.list('ListServerGroups', { Tag }, 'ServerGroups', signal);
  return rows.map((row) => ({
    ...{ id: readString(row, 'ServerGroupId'), name: readString(row, 'ServerGroupName') },
    status: readString(row, 'ServerGroupStatus'),
  }));
}

export async function deleteRule(alb: Alb, id: string, signal: AbortSignal): Promise<Fields> {
  return ifThere(alb.change({ action: 'DeleteRule', params: { RuleId: id } }, signal));
}

export async function deleteGroup(alb: Alb, id: string, signal: AbortSignal): Promise<Fields> {
  // A rule that is being deleted still counts as a user.
  const busy = ['ResourceInUse.ServerGroup'];
  return ifThere(alb.change({ action: 'DeleteServerGroup', params: { ServerGroupId: id }, busy }, signal));
}

const ifThere = (change: Promise<Fields>): Promise<Fields> =>
  change.catch((error: unknown) => {
    if (error instanceof LookAgain && isFailure(error.error, 'balancer/not-found')) return {};
    throw error;
  });

export interface Place {
  readonly alb: Alb;
  readonly clock: Clock;
  readonly title: string;
  readonly loadBalancer: string;
  /** Names the listener in tags: `alb-1 80`. */
  readonly label: string;
  /** The listener, or undefined if it is gone, when only a removal is wanted. */
  readonly listener: string | undefined;
  /** Whether rules forward to a group. */
  readonly forwards: boolean;
}

/**
 * Reads the present state, and makes the owner's rules and group exactly what is wanted. Waits until every change has
 * come into effect, because each is carried out after it was accepted, and may fail then.
 */
export async function converge(
  place: Place,
  wanted: WantedRules,
  known: Receipt,
  signal: AbortSignal,
): Promise<Receipt> {
  const { alb, loadBalancer, label, title, listener } = place;
  const isOurs = ({ name }: { readonly name: string }) => name.startsWith(markOf(wanted.owner));
  const jobs: string[] = [];
  /** The servers that were added now. */
  const added: Backend[] = [];
  const did = (answer: Fields): Fields => {
    const job = textIn(answer, 'JobId');
    if (job !== undefined) jobs.push(job);
    return answer;
  };
  const rulesHere = async () =>
    (await readRules(alb, loadBalancer, signal)).filter((rule) => rule.listener === listener);
  const rules = await rulesHere();
  const mayHaveGroups = place.forwards || wanted.group !== undefined || known.group !== undefined;
  const ownGroups = async () => (mayHaveGroups ? (await readGroups(alb, label, signal)).filter(isOurs) : []);
  const groups = await ownGroups();
  const existing = groups.find((one) => one.name === wanted.group?.name && one.status !== 'Deleting');

  const mine = rules.filter(isOurs);
  const others = rules.filter((rule) => !isOurs(rule));
  const kept = new Map<string, AlbRule>();
  for (const rule of mine) {
    if (rule.status === 'Deleting') continue;
    const want = wanted.rules.find((one) => one.name === rule.name && !kept.has(one.name));
    const blocker = want && firstMatch(patternsOf(want), others);
    const wins = (blocker?.priority ?? Number.POSITIVE_INFINITY) > rule.priority;
    if (want && wins && isAs(rule, want, existing)) kept.set(want.name, rule);
    else did(await deleteRule(alb, rule.id, signal));
  }
  const unused = groups.filter((one) => one !== existing && one.status !== 'Deleting');
  if (unused.length > 0) await untilGone(mine.filter((rule) => kept.get(rule.name) !== rule));
  for (const { id } of unused) did(await deleteGroup(alb, id, signal));

  const group = wanted.group && listener !== undefined ? await makeGroup(wanted.group) : undefined;
  const ids: Record<string, string> = {};
  const taken = new Set([...others, ...mine].map(({ priority }) => priority));
  if (listener !== undefined)
    for (const want of wanted.rules) ids[want.name] = kept.get(want.name)?.id ?? (await makeRule(want, listener));
  await settle();
  return {
    rules: ids,
    ...present({ group: wanted.group && group !== undefined ? { name: wanted.group.name, id: group } : undefined }),
  };

  /** Waits until deleted rules no longer use a group. */
  async function untilGone(deleted: readonly AlbRule[]): Promise<void> {
    for (;;) {
      const left = (await rulesHere()).filter(({ id }) => deleted.some((one) => one.id === id));
      if (left.length === 0) return;
      const back = left.find(({ status }) => status === 'Available');
      if (back) throw await ineffective(back.name);
      await place.clock.sleep(lookAgainMs, signal);
    }
  }

  async function ineffective(what: string): Promise<LookAgain> {
    const reason = (await alb.failureOf(jobs, signal)) ?? 'the change was accepted, and has had no effect';
    return new LookAgain(fail('balancer/failed', { balancer: title, action: `the change of ${what}`, reason }), what);
  }

  async function makeGroup({ name, backends, lineage }: WantedGroup): Promise<string> {
    const id = existing?.id ?? (await createGroup({ name, backends, lineage }));
    const there = existing ? await readServers(alb, id, signal) : [];
    const missing = backends.filter((one) => !there.some((server) => isAt(one, server)));
    const extra = there.filter((one) => one.status !== 'Removing' && !backends.some((server) => isAt(one, server)));
    await addServers(id, missing, { name, hasOthers: backends.length > missing.length });
    if (extra.length > 0) {
      const params = { ServerGroupId: id, Servers: extra.map(serverParams) };
      did(await alb.change({ action: 'RemoveServersFromServerGroup', params }, signal));
    }
    return id;
  }

  async function createGroup({ name, backends, lineage }: WantedGroup): Promise<string> {
    const [kind = 'ecs'] = backends.map((one) => one.kind);
    if (backends.some((one) => (one.kind === 'ip') !== (kind === 'ip')))
      throw fail('balancer/refused', {
        ...{ balancer: title, action: 'CreateServerGroup' },
        reason: 'a server group cannot mix addresses with instances',
        advice: 'Give all nodes the same kind of `backend`.',
      });
    const params = {
      ...{ ServerGroupName: name, ServerGroupType: kind === 'ip' ? 'Ip' : 'Instance', Protocol: 'HTTP' },
      VpcId: (await alb.balancer(signal)).vpcId,
      HealthCheckConfig: {
        ...{ HealthCheckEnabled: true, HealthCheckProtocol: 'HTTP', HealthCheckPath: healthCheckPath },
        ...{ HealthCheckMethod: 'GET', HealthCheckConnectPort: 0, HealthCheckCodes: ['http_2xx'] },
        ...{ HealthCheckInterval: 2, HealthCheckTimeout: 2, HealthyThreshold: 2, UnhealthyThreshold: 2 },
      },
      Tag: tagsFor(name, { lineage, [listenerTag]: label }),
    };
    return readString(did(await alb.change({ action: 'CreateServerGroup', params }, signal)), 'ServerGroupId');
  }

  /** Adds servers, each alone if one of them does not exist: a node that was released must not keep out the others. */
  async function addServers(
    id: string,
    servers: readonly Backend[],
    { name, hasOthers }: { readonly name: string; readonly hasOthers: boolean },
  ): Promise<void> {
    if (servers.length === 0) return;
    const params = { ServerGroupId: id, Servers: servers.map((one) => ({ ...serverParams(one), Weight: 100 })) };
    try {
      did(await alb.change({ action: 'AddServersToServerGroup', params, key: name }, signal));
      added.push(...servers);
    } catch (error) {
      const cause = error instanceof LookAgain ? error.error : error;
      if (!isRefusal(cause, 'ResourceNotFound.BackendServer')) throw error;
      if (servers.length === 1 && !hasOthers) throw cause;
      let hasOne = hasOthers;
      for (const [at, server] of servers.length === 1 ? [] : servers.entries()) {
        const isLast = at === servers.length - 1;
        await addServers(id, [server], { name, hasOthers: hasOne || !isLast });
        hasOne ||= added.includes(server);
      }
    }
  }

  async function makeRule(want: WantedRule, listenerId: string): Promise<string> {
    const { host, path } = patternsOf(want);
    for (;;) {
      const found = priorityFor({ host, path }, others, taken);
      if ('blocker' in found) throw noRoomBelow(title, found.blocker, want);
      taken.add(found.priority);
      const params = {
        ...{ ListenerId: listenerId, RuleName: want.name, Priority: found.priority },
        RuleConditions: [
          ...(host === undefined ? [] : [{ Type: 'Host', HostConfig: { Values: [host] } }]),
          { Type: 'Path', PathConfig: { Values: [path] } },
        ],
        RuleActions: [actionFor(want, group ?? '')],
      };
      try {
        return readString(did(await alb.change({ action: 'CreateRule', params, key: want.name }, signal)), 'RuleId');
      } catch (error) {
        if (!isRefusal(error, 'Conflict.Priority')) throw error;
      }
    }
  }

  async function settle(): Promise<void> {
    const isRunning = [...mine, ...groups].some(({ status }) => status !== 'Available');
    while (jobs.length > 0 || isRunning) {
      const [nowRules, nowGroups] = [(await rulesHere()).filter(isOurs), await ownGroups()];
      const servers = group === undefined ? [] : await readServers(alb, group, signal);
      const all = [...nowRules, ...nowGroups, ...servers];
      if (all.every(({ status }) => status === 'Available')) {
        const lacks = Object.keys(ids).find((name) => !nowRules.some((rule) => rule.id === ids[name]));
        const extra = nowRules.find(({ id }) => !Object.values(ids).includes(id));
        const unserved = added.find((one) => !servers.some((server) => isAt(one, server)))?.server;
        const wrong = lacks ?? extra?.name ?? unserved ?? nowGroups.find(({ id }) => id !== group)?.name;
        if (wrong === undefined) return;
        throw await ineffective(wrong);
      }
      await place.clock.sleep(lookAgainMs, signal);
    }
  }
}

const lookAgainMs = 1_000;

export const patternsOf = ({ host, path, answer }: WantedRule) => ({
  host,
  path: answer === undefined ? `${path}*` : path,
});

const actionFor = ({ answer }: WantedRule, group: string) =>
  answer === undefined
    ? { Type: 'ForwardGroup', Order: 1, ForwardGroupConfig: { ServerGroupTuples: [{ ServerGroupId: group }] } }
    : {
        ...{ Type: 'FixedResponse', Order: 1 },
        FixedResponseConfig: { Content: answer, ContentType: 'text/plain', HttpCode: '200' },
      };

/** Reports whether a rule equals the wanted one in everything but its number. */
function isAs(rule: AlbRule, want: WantedRule, group: AlbGroup | undefined): boolean {
  const { host, path } = patternsOf(want);
  if (rule.hasOtherConditions || rule.paths?.join() !== path) return false;
  if (rule.hosts?.join().toLowerCase() !== host?.toLowerCase()) return false;
  if (want.answer !== undefined) return rule.answer === want.answer;
  return group !== undefined && rule.groups.join() === group.id;
}

const noRoomBelow = (balancer: string, blocker: AlbRule, { host = 'all hosts' }: WantedRule) =>
  fail('balancer/refused', {
    ...{ balancer, action: 'CreateRule' },
    reason: `the listener’s rule ${blocker.name} with the number ${blocker.priority} (${blocker.action}) covers the challenge path of ${host}, and no lower number is free`,
    advice: 'Give that rule a higher number to free a lower one.',
  });

function ruleIn(row: Fields): AlbRule {
  const conditions = rowsIn(row, 'RuleConditions');
  /** A text with `~` is a regular expression, which may match anything. */
  const patterns = (type: string): readonly string[] | undefined => {
    const texts = conditions
      .filter((one) => one['Type'] === type)
      .flatMap((one) => fieldsIn(one, `${type}Config`)['Values'] as readonly string[]);
    return texts.length === 0 || texts.some((text) => text.startsWith('~')) ? undefined : texts;
  };
  const actions = rowsIn(row, 'RuleActions');
  const groups = actions
    .flatMap((one) => rowsIn(fieldsIn(one, 'ForwardGroupConfig'), 'ServerGroupTuples'))
    .map((one) => readString(one, 'ServerGroupId'));
  const [type = 'does nothing'] = actions.map((one) => textIn(one, 'Type'));
  return {
    ...{ id: readString(row, 'RuleId'), name: textIn(row, 'RuleName') ?? '', listener: readString(row, 'ListenerId') },
    ...{ priority: readNumber(row, 'Priority'), status: readString(row, 'RuleStatus') },
    ...{ hosts: patterns('Host'), paths: patterns('Path'), groups },
    hasOtherConditions: conditions.some(({ Type }) => Type !== 'Host' && Type !== 'Path'),
    action: groups.length > 0 ? `forwards to ${groups.join(', ')}` : type,
    answer: actions.map((one) => textIn(fieldsIn(one, 'FixedResponseConfig'), 'Content')).find(Boolean),
  };
}

async function readServers(alb: Alb, group: string, signal: AbortSignal): Promise<readonly AlbServer[]> {
  const rows = await alb.list('ListServerGroupServers', { ServerGroupId: group }, 'Servers', signal);
  return rows.map((row) => ({
    ...{ server: readString(row, 'ServerId'), port: readNumber(row, 'Port'), status: readString(row, 'Status') },
    kind: readString(row, 'ServerType').toLowerCase(),
    ...present({ address: textIn(row, 'ServerIp') }),
  }));
}

export const isAt = (one: Pick<Backend, 'server' | 'port'>, other: Pick<Backend, 'server' | 'port'>): boolean =>
  one.server === other.server && one.port === other.port;

const serverParams = ({ server, port, address, kind = 'ecs' }: Backend) => ({
  ...{ ServerType: `${kind[0]?.toUpperCase()}${kind.slice(1)}`, ServerId: server, Port: port, ServerIp: address },
});
