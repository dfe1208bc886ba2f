import { markIn } from '../../core/request-path/own-mark.ts';
import { type Elb, type ElbGroup, mayBeMarked, tagKeys } from './elb.ts';
import type { ElbRule } from './elb-rules.ts';

/** Determines the owner of a listener's rules and groups, with as few calls as possible. AWS rules have no names. */
export interface AlbMarks {
  /** Reads the names of the rules that have a mark. */
  readNames(rules: readonly ElbRule[], signal: AbortSignal): Promise<void>;
  /** Returns the name with a mark, after {@link AlbMarks.readNames}, or undefined if the rule is not certfleet's. */
  nameOf(rule: ElbRule): string | undefined;
  /** Returns the groups with a mark that were made for this listener. */
  readGroups(belongs: (name: string) => boolean, signal: AbortSignal): Promise<readonly ElbGroup[]>;
  /** Records a rule or group whose tags need not be read. */
  learnRule(arn: string, name: string): void;
  learnGroup(arn: string): void;
}

/** So many are kept of those that may be gone. A listener has a hundred rules unless AWS has raised its quota. */
const mostKept = 1_000;

/** Forgets the oldest ARNs, except those that were just seen. */
function trim(arns: Pick<Map<string, unknown>, 'keys' | 'delete' | 'size'>, seen: readonly { readonly arn: string }[]) {
  if (arns.size <= mostKept) return;
  const there = new Set(seen.map(({ arn }) => arn));
  for (const arn of arns.keys()) {
    if (arns.size <= mostKept) return;
    if (!there.has(arn)) arns.delete(arn);
  }
}

/** @param label the listener's label, which is in the tags of its groups */
export function createMarks(elb: Elb, label: string): AlbMarks {
  /** The names of rules by ARN, as in their tags; '' for rules of others. AWS never reuses an ARN. */
  const ruleNames = new Map<string, string>();
  /** The groups of this listener. */
  const groupsHere = new Set<string>();

  /** Reads the names of the rules that have a mark. */
  async function readNames(rules: readonly ElbRule[], signal: AbortSignal): Promise<void> {
    const asked = rules.filter((rule) => mayBeMarked(rule) && !ruleNames.has(rule.arn)).map(({ arn }) => arn);
    const tags = await elb.tags(asked, signal);
    for (const arn of asked) ruleNames.set(arn, tags.get(arn)?.[tagKeys.name] ?? '');
    trim(ruleNames, rules);
  }

  const nameOf = (rule: ElbRule): string | undefined => {
    const found = ruleNames.get(rule.arn) ?? '';
    return markIn(found) === undefined ? undefined : found;
  };

  /** Returns the groups with a mark that were made for this listener. */
  async function readGroups(belongs: (name: string) => boolean, signal: AbortSignal): Promise<readonly ElbGroup[]> {
    const groups = (await elb.markedGroups(signal)).filter((group) => belongs(group.name));
    const asked = groups.filter(({ arn }) => !groupsHere.has(arn)).map(({ arn }) => arn);
    const tags = await elb.tags(asked, signal);
    for (const arn of asked) if (tags.get(arn)?.[tagKeys.listener] === label) groupsHere.add(arn);
    trim(groupsHere, groups);
    return groups.filter(({ arn }) => groupsHere.has(arn));
  }

  return {
    readNames,
    nameOf,
    readGroups,
    learnRule: (arn, name) => void ruleNames.set(arn, name),
    learnGroup: (arn) => void groupsHere.add(arn),
  };
}
