import { healthCheckPath } from '../../core/ca/challenge-path.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { markOf } from '../../core/request-path/own-mark.ts';
import type { Json } from '../../core/text/json.ts';
import { isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, WantedGroup, WantedRule, WantedRules } from '../../ports/balancer.ts';
import { isRefusal } from '../http/json-api.ts';
import { firstMatch, priorityFor } from '../http/priority-rules.ts';
import type { AlbPlace } from './alb.ts';
import type { AlbMarks } from './alb-marks.ts';
import type { AwsParams } from './aws.ts';
import { type Elb, type ElbGroup, type ElbListener, ownTags, tagKeys, tagList } from './elb.ts';
import { type ElbRule, groupName } from './elb-rules.ts';

/** ARNs by name, for later calls. */
export interface Receipt {
  readonly rules: Readonly<Record<string, string>>;
  readonly group?: { readonly name: string; readonly arn: string };
}

const emptyReceipt: Receipt = { rules: {} };

export function readReceipt(known: Json | undefined): Receipt {
  if (!isFields(known) || !isFields(known['rules'])) return emptyReceipt;
  const { rules, group } = known as unknown as Receipt;
  return { rules, ...present({ group }) };
}

/** Counts the calls of a change that succeeded. */
export interface Round {
  done: number;
}

export interface ReconcileOptions {
  readonly elb: Elb;
  readonly place: AlbPlace;
  readonly marks: AlbMarks;
  /** For messages. */
  readonly title: string;
  /** The VPC of groups; by default, that of the load balancer. */
  readonly vpcId: string | undefined;
  /** Whether rules forward to a group. */
  readonly forwards: boolean;
}

export type Reconcile = (wanted: WantedRules, known: Receipt, round: Round, signal: AbortSignal) => Promise<Receipt>;

type Change = (action: string, params: AwsParams, busy?: readonly string[]) => Promise<void>;
type Make = (action: string, params: AwsParams, made: readonly [string, string]) => Promise<string>;

/** Reads the present state, and applies the necessary changes. Can start over after a failure or a lost response. */
export function createReconcile({ elb, place: at, marks, title, vpcId, forwards }: ReconcileOptions): Reconcile {
  async function reconcile(wanted: WantedRules, known: Receipt, round: Round, signal: AbortSignal): Promise<Receipt> {
    const listener = await listenerFor(wanted, signal);
    const rules = listener === undefined ? [] : await elb.rules(listener.arn, signal);
    await marks.readNames(rules, signal);
    const isOurs = (text: string) => text.startsWith(markOf(wanted.owner));
    const mine = rules.filter((rule) => isOurs(marks.nameOf(rule) ?? ''));
    const others = rules.filter((rule) => !mine.includes(rule));
    const mayHaveGroups = wanted.group !== undefined || forwards || known.group !== undefined;
    const groups = mayHaveGroups ? await marks.readGroups(isOurs, signal) : [];
    const counted = async <T>(call: Promise<T>): Promise<T> => {
      const answer = await call;
      round.done += 1;
      return answer;
    };
    const change: Change = (action, params, busy) => counted(elb.change(action, params, signal, busy));
    const make: Make = (action, params, made) => counted(elb.make(action, params, made, signal));

    const isGroup = await fitsFor(wanted.group, signal);
    const existing = groups.find(isGroup);
    const kept = new Map<string, ElbRule>();
    for (const rule of mine) {
      const want = wanted.rules.find((one) => one.name === marks.nameOf(rule) && !kept.has(one.name));
      const blocker = want && firstMatch(patternsOf(want), others);
      const isRight =
        want && isAs(rule, want, existing) && (blocker?.priority ?? Number.POSITIVE_INFINITY) > rule.priority;
      if (isRight) kept.set(want.name, rule);
      else await ifThere('RuleNotFound', () => change('DeleteRule', { RuleArn: rule.arn }));
    }
    for (const group of groups)
      if (group !== existing)
        await ifThere('TargetGroupNotFound', () =>
          // A rule that was just deleted may still count as a user.
          change('DeleteTargetGroup', { TargetGroupArn: group.arn }, ['ResourceInUse']),
        );
    if (listener === undefined) return emptyReceipt;

    let group = existing?.arn;
    if (wanted.group) {
      group ??= await makeGroup(wanted.group, make, signal);
      await setBackends(group, wanted.group.backends, existing === undefined, change, signal);
    }
    const arns: Record<string, string> = {};
    const taken = new Set([...others, ...kept.values()].map(({ priority }) => priority));
    for (const want of wanted.rules) {
      const there = kept.get(want.name);
      arns[want.name] = there?.arn ?? (await makeRule(want, { listener, group, others, taken, make }));
    }
    return {
      rules: arns,
      ...present({ group: wanted.group && group !== undefined ? { name: wanted.group.name, arn: group } : undefined }),
    };
  }

  /**
   * Returns the listener. If only a removal is wanted, the listener may be gone, while a group may have outlived it.
   */
  async function listenerFor(wanted: WantedRules, signal: AbortSignal): Promise<ElbListener | undefined> {
    try {
      return (await at.find(signal)).listener;
    } catch (error) {
      if (wanted.rules.length > 0 || !isFailure(error, 'balancer/not-found')) throw error;
      return undefined;
    }
  }

  /**
   * Returns a function that reports whether a group is the wanted one, and of the right kind, which cannot be changed.
   */
  async function fitsFor(group: WantedGroup | undefined, signal: AbortSignal): Promise<(one: ElbGroup) => boolean> {
    if (!group) return () => false;
    const vpc = await vpcOf(signal);
    const type = typeOf(group.backends);
    return (one) =>
      one.name === group.name && one.targetType === type && one.vpcId === vpc && one.healthPath === healthCheckPath;
  }

  const vpcOf = async (signal: AbortSignal): Promise<string> => vpcId ?? (await at.find(signal)).vpcId;

  function typeOf(backends: readonly Backend[]): string {
    const [type = 'instance', other] = new Set(backends.map(({ kind }) => kind?.replace(/-.*/, '') ?? 'instance'));
    if (other === undefined) return type;
    throw fail('balancer/refused', {
      ...{ balancer: title, action: 'RegisterTargets' },
      reason: 'a target group cannot mix backends that are instances with backends that are addresses',
      advice: 'Give all nodes the same kind of `backend` (or `targetType`).',
    });
  }

  async function makeGroup(group: WantedGroup, make: Make, signal: AbortSignal): Promise<string> {
    const params = {
      Name: groupName(group.name),
      Protocol: 'HTTP',
      Port: group.backends[0]?.port ?? 80,
      VpcId: await vpcOf(signal),
      TargetType: typeOf(group.backends),
      HealthCheckProtocol: 'HTTP',
      HealthCheckPath: healthCheckPath,
      // The shortest interval that AWS allows: healthy after about ten seconds.
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
      Matcher: { HttpCode: '200' },
      Tags: tagList({ ...ownTags(group.name, group.lineage), [tagKeys.listener]: at.label }),
    };
    const arn = await make('CreateTargetGroup', params, ['TargetGroups', 'TargetGroupArn']);
    marks.learnGroup(arn);
    return arn;
  }

  async function setBackends(
    group: string,
    backends: readonly Backend[],
    isNew: boolean,
    change: Change,
    signal: AbortSignal,
  ): Promise<void> {
    const there = isNew ? [] : (await elb.health(group, signal)).filter(({ state }) => state !== 'draining');
    const isSame = (target: { id: string; port: number }, { server, port: wants }: Backend) =>
      target.id === server && target.port === wants;
    const missing = backends.filter((one) => !there.some((target) => isSame(target, one)));
    const extra = there.filter((target) => !backends.some((one) => isSame(target, one)));
    if (isNew)
      await change('ModifyTargetGroupAttributes', {
        TargetGroupArn: group,
        Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '0' }],
      });
    const targets = missing.map(({ server, port: wants, kind }) => ({
      Id: server,
      Port: wants,
      AvailabilityZone: kind === outsideVpc ? 'all' : undefined,
    }));
    if (targets.length > 0) await change('RegisterTargets', { TargetGroupArn: group, Targets: targets });
    if (extra.length > 0)
      await change('DeregisterTargets', {
        TargetGroupArn: group,
        Targets: extra.map(({ id, port: has }) => ({ Id: id, Port: has })),
      });
  }

  interface Making {
    readonly listener: ElbListener;
    readonly group: string | undefined;
    readonly others: readonly ElbRule[];
    readonly taken: Set<number>;
    readonly make: Make;
  }

  async function makeRule(want: WantedRule, { listener, group, others, taken, make }: Making): Promise<string> {
    const patterns = patternsOf(want);
    for (;;) {
      const found = priorityFor(patterns, others, taken);
      if ('blocker' in found) throw noRoomBelow(found.blocker, want);
      taken.add(found.priority);
      try {
        const params = {
          ListenerArn: listener.arn,
          Priority: found.priority,
          Conditions: [
            ...(patterns.host === undefined
              ? []
              : [{ Field: 'host-header', HostHeaderConfig: { Values: [patterns.host] } }]),
            { Field: 'path-pattern', PathPatternConfig: { Values: [patterns.path] } },
          ],
          Actions: [
            want.answer === undefined
              ? { Type: 'forward', TargetGroupArn: group }
              : {
                  Type: 'fixed-response',
                  FixedResponseConfig: { StatusCode: '200', ContentType: 'text/plain', MessageBody: want.answer },
                },
          ],
          Tags: tagList(ownTags(want.name, want.lineage)),
        };
        const arn = await make('CreateRule', params, ['Rules', 'RuleArn']);
        marks.learnRule(arn, want.name);
        return arn;
      } catch (error) {
        if (!isRefusal(error, 'PriorityInUse')) throw error;
      }
    }
  }

  const noRoomBelow = (blocker: ElbRule, { host = 'all hosts' }: WantedRule) =>
    fail('balancer/refused', {
      ...{ balancer: title, action: 'CreateRule' },
      reason: `the listener’s rule with priority ${blocker.priority} (${blocker.action}) covers the challenge path of ${host}, and no lower priority number is free`,
      advice: 'Give that rule a higher priority number to free a lower one (in the console: Rules, Reprioritize).',
    });

  return reconcile;
}

export const outsideVpc = 'ip-outside-vpc';

export const patternsOf = ({ host, path, answer }: WantedRule) => ({
  host,
  path: answer === undefined ? `${path}*` : path,
});

/** Reports whether a rule equals the wanted one in everything but its priority number. */
function isAs(rule: ElbRule, want: WantedRule, group: ElbGroup | undefined): boolean {
  const { host, path } = patternsOf(want);
  const isPlace =
    rule.hosts?.length === (host === undefined ? undefined : 1) &&
    rule.hosts?.[0]?.toLowerCase() === host?.toLowerCase() &&
    rule.paths?.length === 1 &&
    rule.paths[0] === path;
  if (!isPlace || rule.hasOtherConditions) return false;
  if (want.answer !== undefined) return rule.answer === want.answer;
  return group !== undefined && rule.groups.length === 1 && rule.groups[0] === group.arn;
}

export async function ifThere(code: string, change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!isRefusal(error, code)) throw error;
  }
}

/**
 * Reports whether to read the state again and continue: a response was lost, or someone else removed something
 * meanwhile.
 */
export const isTransient = (error: unknown): boolean =>
  isFailure(error, 'balancer/unreachable', 'balancer/failed') ||
  isRefusal(error, 'ListenerNotFound', 'RuleNotFound', 'TargetGroupNotFound', 'DuplicateTargetGroupName');
