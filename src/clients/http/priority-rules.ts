/** A rule of a listener whose rules have numbers, such as those of AWS and Alibaba Cloud. */
export interface PriorityRule {
  /** Of the rules that match a request, the one with the lowest number applies. */
  readonly priority: number;
  /**
   * Patterns with `*` and `?`. Undefined for a rule that matches every host, or by other patterns (regular
   * expressions).
   */
  readonly hosts: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
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
export const mayMatchSame = (rule: PriorityRule, { host, path }: RulePatterns): boolean =>
  (rule.hosts === undefined || host === undefined || rule.hosts.some((one) => overlap(lower(one), lower(host)))) &&
  (rule.paths === undefined || rule.paths.some((one) => overlap(one, path)));

/**
 * Returns the lowest unused priority number, if it is below those of all rules in `others` that may match the same
 * requests. Otherwise, returns the rule that leaves no room as `blocker`.
 */
export function priorityFor<Rule extends PriorityRule>(
  wanted: RulePatterns,
  others: readonly Rule[],
  taken: ReadonlySet<number>,
): { readonly priority: number } | { readonly blocker: Rule } {
  const first = firstMatch(wanted, others);
  let priority = 1;
  while (taken.has(priority)) priority += 1;
  return first !== undefined && priority >= first.priority ? { blocker: first } : { priority };
}

/** Returns the rule that wins among those that may match the same requests. */
export function firstMatch<Rule extends PriorityRule>(wanted: RulePatterns, rules: readonly Rule[]): Rule | undefined {
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
