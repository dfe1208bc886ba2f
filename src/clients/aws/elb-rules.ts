import { markIn } from '../../core/path/own-mark.ts';

/** A rule of a listener, without its default rule. */
export interface ElbRule {
  readonly arn: string;
  /** The rule with the lowest number that matches a request wins. */
  readonly priority: number;
  /** Patterns with `*` and `?`; undefined: every host, or patterns of another kind (regular expressions). */
  readonly hosts: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
  /** It also looks at something else: the method, a header, the client's address. */
  readonly hasOtherConditions: boolean;
  /** What it does, for messages: `forwards to web`. */
  readonly action: string;
  /** The groups that it forwards to. */
  readonly groups: readonly string[];
  /** What it answers itself. */
  readonly answer?: string;
}

/** The patterns of a rule that we want. */
export interface RulePatterns {
  readonly host: string | undefined;
  readonly path: string;
}

/** Whether a request that matches the patterns may also match the rule: then the lower number wins. */
export const mayMatchSame = (rule: ElbRule, { host, path }: RulePatterns): boolean =>
  (rule.hosts === undefined || host === undefined || rule.hosts.some((one) => overlap(lower(one), lower(host)))) &&
  (rule.paths === undefined || rule.paths.some((one) => overlap(one, path)));

/**
 * The lowest number that no rule has, below those of all rules in `others` that may match the same requests. `blocker`
 * is the one that leaves no room.
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

/** Of the rules that may match the same requests, the one that wins. */
export function firstMatch(wanted: RulePatterns, rules: readonly ElbRule[]): ElbRule | undefined {
  return rules.filter((rule) => mayMatchSame(rule, wanted)).sort((a, b) => a.priority - b.priority)[0];
}

/** Whether one text can match both patterns. A backslash may escape the next character, which this does not read. */
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

/** A target group's name has at most 32 characters, so the dashes of a name with a mark are left out: 31 remain. */
export function groupName(name: string): string {
  if (markIn(name) === undefined) throw new Error(`${name} has no mark`);
  return name.replaceAll('-', '');
}

/** The name with a mark that {@link groupName} shortened; undefined if it is somebody else's. */
export function nameOfGroup(short: string): string | undefined {
  const [, owner, hours, id] = /^cf([0-9a-f]{12})([0-9a-z]{5})([0-9a-f]{12})$/.exec(short) ?? [];
  return owner === undefined ? undefined : `cf-${owner}-${hours}-${id}`;
}
