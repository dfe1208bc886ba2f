import { markIn } from '../../core/request-path/own-mark.ts';

/** A rule of a listener, other than its default rule. */
export interface ElbRule {
  readonly arn: string;
  /** Of the rules that match a request, the one with the lowest number applies. */
  readonly priority: number;
  /**
   * Patterns with `*` and `?`. Undefined for a rule that matches every host, or by other patterns (regular
   * expressions).
   */
  readonly hosts: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
  /** Whether the rule has other conditions: the method, a header, the client's address. */
  readonly hasOtherConditions: boolean;
  /** The rule's action for messages: `forwards to web`. */
  readonly action: string;
  /** The groups that the rule forwards to. */
  readonly groups: readonly string[];
  /** The body of the rule's fixed response. */
  readonly answer?: string;
}

/** The patterns of a rule that certfleet wants. */
export interface RulePatterns {
  readonly host: string | undefined;
  readonly path: string;
}

/**
 * Reports whether a request that matches the patterns may also match the rule. If so, the rule with the lower priority
 * number wins.
 */
export const mayMatchSame = (rule: ElbRule, { host, path }: RulePatterns): boolean =>
  (rule.hosts === undefined || host === undefined || rule.hosts.some((one) => overlap(lower(one), lower(host)))) &&
  (rule.paths === undefined || rule.paths.some((one) => overlap(one, path)));

/**
 * Returns the lowest unused priority number, if it is below those of all rules in `others` that may match the same
 * requests. Otherwise, returns the rule that leaves no room as `blocker`.
 */
export function priorityFor(
  wanted: RulePatterns,
  others: readonly ElbRule[],
  taken: ReadonlySet<number>,
): { readonly priority: number } | { readonly blocker: ElbRule } {
  const first = firstMatch(wanted, others);
  let priority = 1;
  while (taken.has(priority)) priority += 1;
  return first !== undefined && priority >= first.priority ? { blocker: first } : { priority };
}

/** Returns the rule that wins among those that may match the same requests. */
export function firstMatch(wanted: RulePatterns, rules: readonly ElbRule[]): ElbRule | undefined {
  return rules.filter((rule) => mayMatchSame(rule, wanted)).sort((a, b) => a.priority - b.priority)[0];
}

/**
 * Reports whether one text can match both patterns. Returns true for a pattern with a backslash, which may escape the
 * next character.
 */
export function overlap(one: string, other: string): boolean {
  if (one.includes('\\') || other.includes('\\')) return true;
  const known = new Map<number, boolean>();
  const from = (i: number, j: number): boolean => {
    const key = i * (other.length + 1) + j;
    const found = known.get(key);
    if (found !== undefined) return found;
    const [a, b] = [one[i], other[j]];
    const result =
      a === '*'
        ? from(i + 1, j) || (b !== undefined && from(i, j + 1))
        : b === '*'
          ? from(i, j + 1) || (a !== undefined && from(i + 1, j))
          : a === undefined || b === undefined
            ? a === b
            : (a === b || a === '?' || b === '?') && from(i + 1, j + 1);
    known.set(key, result);
    return result;
  };
  return from(0, 0);
}

const lower = (host: string): string => host.toLowerCase();

/**
 * Shortens a name with a mark to a target group's name, which has at most 32 characters. Without the dashes, 31 remain.
 */
export function groupName(name: string): string {
  if (markIn(name) === undefined) throw new Error(`${name} has no mark`);
  return name.replaceAll('-', '');
}

/** Returns the name with a mark that {@link groupName} shortened, or undefined if the group is not certfleet's. */
export function nameOfGroup(short: string): string | undefined {
  const [, owner, hours, id] = /^cf([0-9a-f]{12})([0-9a-z]{5})([0-9a-f]{12})$/.exec(short) ?? [];
  return owner === undefined ? undefined : `cf-${owner}-${hours}-${id}`;
}
