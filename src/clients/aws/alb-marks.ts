import { markIn } from '../../core/path/own-mark.ts';
import { type Elb, type ElbGroup, mayBeMarked, tagKeys } from './elb.ts';
import type { ElbRule } from './elb-rules.ts';

/** Whose the rules and groups of a listener are, with as few calls as possible: rules have no names at AWS. */
export interface AlbMarks {
  /** Reads the names of the rules that have a mark. */
  readNames(rules: readonly ElbRule[], signal: AbortSignal): Promise<void>;
  /** The name with a mark, after {@link AlbMarks.readNames}; undefined if the rule is somebody else's. */
  nameOf(rule: ElbRule): string | undefined;
  /** The groups with a mark that were made for this listener. */
  readGroups(belongs: (name: string) => boolean, signal: AbortSignal): Promise<readonly ElbGroup[]>;
  /** These are known, so their tags need not be read. */
  learnRule(arn: string, name: string): void;
  learnGroup(arn: string): void;
}

/** @param label of the listener, which the tags of its groups have */
export function createMarks(elb: Elb, label: string): AlbMarks {
  /** Names of rules by ARN, which tags alone tell: '' for somebody else's. An ARN is never used again. */
  const ruleNames = new Map<string, string>();
  /** Groups of this listener. */
  const groupsHere = new Set<string>();

  /** The names of the rules that have a mark. */
  async function readNames(rules: readonly ElbRule[], signal: AbortSignal): Promise<void> {
    const asked = rules.filter((rule) => mayBeMarked(rule) && !ruleNames.has(rule.arn)).map(({ arn }) => arn);
    const tags = await elb.tags(asked, signal);
    for (const arn of asked) ruleNames.set(arn, tags.get(arn)?.[tagKeys.name] ?? '');
  }

  const nameOf = (rule: ElbRule): string | undefined => {
    const found = ruleNames.get(rule.arn) ?? '';
    return markIn(found) === undefined ? undefined : found;
  };

  /** The groups with a mark that were made for this listener. */
  async function readGroups(belongs: (name: string) => boolean, signal: AbortSignal): Promise<readonly ElbGroup[]> {
    const groups = (await elb.markedGroups(signal)).filter((group) => belongs(group.name));
    const asked = groups.filter(({ arn }) => !groupsHere.has(arn)).map(({ arn }) => arn);
    const tags = await elb.tags(asked, signal);
    for (const arn of asked) if (tags.get(arn)?.[tagKeys.listener] === label) groupsHere.add(arn);
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
