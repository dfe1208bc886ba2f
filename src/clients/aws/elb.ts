import { challengePath } from '../../core/ca/challenge-path.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import { present } from '../../core/text/present.ts';
import { badList } from '../http/balancer-errors.ts';
import { isRefusal, UnreadableAnswer } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import { type XmlElement, xmlAt, xmlText } from '../http/xml.ts';
import { type AwsParams, type AwsQuery, xmlMembers } from './aws.ts';
import { type ElbRule, nameOfGroup } from './elb-rules.ts';

export interface ElbListener {
  readonly arn: string;
  readonly port: number;
  readonly protocol: string;
}

export interface ElbGroup {
  readonly arn: string;
  /** The name with its mark. */
  readonly name: string;
  readonly targetType: string;
  readonly vpcId: string;
  readonly healthPath: string;
}

export interface ElbTarget {
  readonly id: string;
  readonly port: number;
}

export interface ElbHealth extends ElbTarget {
  /** `initial`, `healthy`, `unhealthy`, `unused`, `draining` or `unavailable`. */
  readonly state: string;
  /** Such as `Elb.InitialHealthChecking` or `Target.Timeout`. */
  readonly reason: string;
}

export type Tags = Readonly<Record<string, string>>;

/** The part of Elastic Load Balancing (2015-12-01) that certfleet uses, as types. */
export interface Elb {
  loadBalancer(of: { readonly arn: string } | { readonly name: string }, signal: AbortSignal): Promise<ElbLoadBalancer>;
  listeners(loadBalancer: string, signal: AbortSignal): Promise<readonly ElbListener[]>;
  /** Returns the rules other than the default one, in order of priority. */
  rules(listener: string, signal: AbortSignal): Promise<readonly ElbRule[]>;
  /** Returns how many rules a load balancer may have, or undefined if the account may not read the quota. */
  ruleQuota(signal: AbortSignal): Promise<number | undefined>;
  /** Returns the tags of rules and groups. Omits those that no longer exist. */
  tags(arns: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Tags>>;
  /** Returns the groups with certfleet's mark. */
  markedGroups(signal: AbortSignal): Promise<readonly ElbGroup[]>;
  health(group: string, signal: AbortSignal): Promise<readonly ElbHealth[]>;
  /** Returns the certificates of an HTTPS listener, the default one first. */
  certificates(listener: string, signal: AbortSignal): Promise<readonly ElbCertificate[]>;
  /** Sends a call that changes something. */
  change(action: string, params: AwsParams, signal: AbortSignal, busyCodes?: readonly string[]): Promise<void>;
  /**
   * Creates one object.
   *
   * @param made where the response has the object: the list, and the name of its ARN
   */
  make(action: string, params: AwsParams, made: readonly [string, string], signal: AbortSignal): Promise<string>;
}

export interface ElbLoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly vpcId: string;
  /** `application`, `network` or `gateway`. */
  readonly type: string;
}

export interface ElbCertificate {
  readonly arn: string;
  readonly isDefault: boolean;
}

/** The limit of DescribeTags. */
const tagsAtOnce = 20;
/** The page size of DescribeTargetGroups and DescribeRules. */
const pageSize = 400;

export function createElb(aws: AwsQuery): Elb {
  const read = <T>(action: string, params: AwsParams, reader: (result: XmlElement) => T, signal: AbortSignal) =>
    aws.call(action, params, reader, { signal, mutates: false });

  function pages<T>(
    action: string,
    params: AwsParams,
    [list, member]: readonly [string, (one: XmlElement) => T],
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const readPage = (page: XmlElement) => ({
      found: xmlMembers(page, list).map(member),
      next: xmlText(page, 'NextMarker'),
    });
    return readPages(badList('AWS', action), '', (marker) =>
      read(action, { ...params, Marker: marker === '' ? undefined : marker }, readPage, signal),
    );
  }

  return {
    loadBalancer(of, signal) {
      const params = 'arn' in of ? { LoadBalancerArns: [of.arn] } : { Names: [of.name] };
      return read('DescribeLoadBalancers', params, readLoadBalancer, signal);
    },
    listeners: (loadBalancer, signal) =>
      pages('DescribeListeners', { LoadBalancerArn: loadBalancer }, ['Listeners', readListener], signal),
    async rules(listener, signal) {
      const params = { ListenerArn: listener, PageSize: pageSize };
      const all = await pages('DescribeRules', params, ['Rules', readRule], signal);
      return all.filter((one) => one !== undefined).sort((a, b) => a.priority - b.priority);
    },
    async ruleQuota(signal) {
      const limits = await pages('DescribeAccountLimits', {}, ['Limits', readLimit], signal);
      return limits.find(({ name }) => name === 'rules-per-application-load-balancer')?.max;
    },
    async tags(arns, signal) {
      const found = new Map<string, Tags>();
      const ask = async (some: readonly string[]): Promise<void> => {
        try {
          for (const [arn, tags] of await read('DescribeTags', { ResourceArns: some }, readTagged, signal))
            found.set(arn, tags);
        } catch (error) {
          // Someone removed one of them meanwhile.
          if (!isRefusal(error, 'RuleNotFound', 'TargetGroupNotFound')) throw error;
          if (some.length > 1) for (const one of some) await ask([one]);
        }
      };
      for (let at = 0; at < arns.length; at += tagsAtOnce) await ask(arns.slice(at, at + tagsAtOnce));
      return found;
    },
    async markedGroups(signal) {
      const all = await pages('DescribeTargetGroups', { PageSize: pageSize }, ['TargetGroups', readGroup], signal);
      return all.filter((one) => one !== undefined);
    },
    health: (group, signal) =>
      read(
        'DescribeTargetHealth',
        { TargetGroupArn: group },
        (result) => xmlMembers(result, 'TargetHealthDescriptions').map(readHealth),
        signal,
      ),
    certificates: (listener, signal) =>
      pages(
        'DescribeListenerCertificates',
        { ListenerArn: listener },
        [
          'Certificates',
          (one) => ({ arn: text(one, 'CertificateArn'), isDefault: xmlText(one, 'IsDefault') === 'true' }),
        ],
        signal,
      ),
    change: (action, params, signal, busyCodes) =>
      aws.call(action, params, () => {}, { signal, mutates: true, ...present({ busyCodes }) }),
    make: (action, params, [list, name], signal) => {
      const readMade = (result: XmlElement): string => {
        const [made] = xmlMembers(result, list);
        if (!made) throw new UnreadableAnswer(`${list} is empty in its answer`);
        return text(made, name);
      };
      return aws.call(action, params, readMade, { signal, mutates: true });
    },
  };
}

function readLoadBalancer(result: XmlElement): ElbLoadBalancer {
  const [found] = xmlMembers(result, 'LoadBalancers');
  if (!found) throw new UnreadableAnswer('the load balancer is missing in its answer');
  return {
    arn: text(found, 'LoadBalancerArn'),
    name: text(found, 'LoadBalancerName'),
    vpcId: xmlText(found, 'VpcId') ?? '',
    type: xmlText(found, 'Type') ?? '',
  };
}

const readListener = (one: XmlElement): ElbListener => ({
  arn: text(one, 'ListenerArn'),
  port: Number(text(one, 'Port')),
  protocol: text(one, 'Protocol'),
});

const readLimit = (one: XmlElement) => ({ name: xmlText(one, 'Name'), max: Number(text(one, 'Max')) });

const readTagged = (result: XmlElement): readonly (readonly [string, Tags])[] =>
  xmlMembers(result, 'TagDescriptions').map((one) => [text(one, 'ResourceArn'), readTags(xmlMembers(one, 'Tags'))]);

/** Returns undefined for a group without certfleet's mark. */
function readGroup(one: XmlElement): ElbGroup | undefined {
  const name = nameOfGroup(text(one, 'TargetGroupName'));
  if (name === undefined) return undefined;
  return {
    name,
    arn: text(one, 'TargetGroupArn'),
    targetType: xmlText(one, 'TargetType') ?? '',
    vpcId: xmlText(one, 'VpcId') ?? '',
    healthPath: xmlText(one, 'HealthCheckPath') ?? '',
  };
}

const readHealth = (one: XmlElement): ElbHealth => ({
  id: text(one, 'Target', 'Id'),
  port: Number(text(one, 'Target', 'Port')),
  state: text(one, 'TargetHealth', 'State'),
  reason: xmlText(one, 'TargetHealth', 'Reason') ?? '',
});

/** Returns undefined for the default rule. */
function readRule(element: XmlElement): ElbRule | undefined {
  if (xmlText(element, 'Priority') === 'default') return undefined;
  const conditions = xmlMembers(element, 'Conditions');
  const actions = xmlMembers(element, 'Actions');
  const patterns = (field: string, config: string): readonly string[] | undefined => {
    const found = conditions.filter((one) => xmlText(one, 'Field') === field);
    const values = found.flatMap((one) => {
      const own = optionalTexts(one, config, 'Values');
      return own.length > 0 ? own : optionalTexts(one, 'Values');
    });
    return values.length > 0 ? values : undefined; // no condition, or regular expressions
  };
  const known = ['host-header', 'path-pattern'];
  const last = actions.at(-1);
  const isFixed = last && xmlText(last, 'Type') === 'fixed-response';
  return {
    arn: text(element, 'RuleArn'),
    priority: Number(text(element, 'Priority')),
    hosts: patterns('host-header', 'HostHeaderConfig'),
    paths: patterns('path-pattern', 'PathPatternConfig'),
    hasOtherConditions: conditions.some((one) => !known.includes(text(one, 'Field'))),
    action: last ? actionText(last) : 'does nothing',
    groups: actions.flatMap(groupsOf),
    ...present({ answer: isFixed ? (xmlText(last, 'FixedResponseConfig', 'MessageBody') ?? '') : undefined }),
  };
}

function groupsOf(action: XmlElement): readonly string[] {
  const single = xmlText(action, 'TargetGroupArn');
  const hasSeveral = xmlAt(action, 'ForwardConfig', 'TargetGroups') !== undefined;
  const several = hasSeveral ? xmlMembers(action, 'ForwardConfig', 'TargetGroups') : [];
  const all = several.map((one) => text(one, 'TargetGroupArn'));
  return [...new Set([...(single === undefined ? [] : [single]), ...all])];
}

function actionText(action: XmlElement): string {
  const type = text(action, 'Type');
  if (type === 'forward') return `forwards to ${groupsOf(action).map(groupOfArn).join(', ')}`;
  if (type === 'redirect') return 'redirects';
  return type === 'fixed-response' ? 'answers itself' : type;
}

/** Extracts the name: `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef` → `web` */
const groupOfArn = (arn: string): string => arn.split('/')[1] ?? arn;

/** Reports whether the rule's tags must be read to know its owner: rules with a mark have a challenge path. */
export const mayBeMarked = (rule: ElbRule): boolean =>
  rule.paths?.length === 1 && rule.paths[0]!.startsWith(challengePath) && !rule.hasOtherConditions;

// ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const tagKeys = {
  name: 'certfleet:name',
  owner: 'certfleet:owner',
  expires: 'certfleet:expires',
  lineage: 'certfleet:lineage',
  listener: 'certfleet:listener',
} as const;

/** Encodes a lineage's name. Tags cannot contain `~`, which only the name of a test lineage has. */
export const tagText = (lineage: string): string => lineage.replaceAll('~', '@');

/** Returns the tags of every object that certfleet creates. */
export function ownTags(name: string, lineage: string): Record<string, string> {
  const mark = markIn(name);
  return {
    [tagKeys.name]: name,
    ...present({ [tagKeys.owner]: mark?.owner, [tagKeys.expires]: mark?.expires.toISOString() }),
    [tagKeys.lineage]: tagText(lineage),
  };
}

export const tagList = (tags: Tags): readonly { readonly Key: string; readonly Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

const readTags = (list: readonly XmlElement[]): Tags =>
  Object.fromEntries(list.map((one) => [text(one, 'Key'), xmlText(one, 'Value') ?? '']));

// ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

function text(element: XmlElement, ...path: readonly string[]): string {
  const found = xmlText(element, ...path);
  if (found === undefined) throw new UnreadableAnswer(`${path.join('.')} is missing in its answer`);
  return found;
}

const optionalTexts = (element: XmlElement, ...path: readonly string[]): readonly string[] =>
  (xmlAt(element, ...path)?.children ?? []).map((one) => one.text).filter((one) => one !== '');
