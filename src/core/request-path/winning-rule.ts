import type { ListenerRule } from '../../ports/balancer.ts';

/**
 * Returns the rule that handles a request, according to the balancers' documentation. undefined means none: the
 * listener's default, or nothing, answers. If the listener picks the best rule, `first` wins wherever it matches,
 * because certfleet's rules are created that way.
 */
export function winningRule(
  { host, path }: { readonly host: string; readonly path: string },
  listener: { readonly rules: readonly ListenerRule[]; readonly matching: 'host-first' | 'best' },
  first?: ListenerRule,
): ListenerRule | undefined {
  const { rules, matching } = listener;
  if (matching === 'best')
    return first ?? rules.find((rule) => takesHost(rule.host, host) && takesPath(rule.path, path));
  const ofHost = rules.filter((rule) => rule.host === host);
  const wildcards = rules.filter((rule) => rule.host !== undefined && rule.host !== host && takesHost(rule.host, host));
  const longest = Math.max(...wildcards.map((rule) => rule.host!.length));
  const closest = wildcards.filter((rule) => rule.host!.length === longest);
  const ofAll = rules.filter((rule) => rule.host === undefined);
  const candidates = [ofHost, closest, ofAll].find(({ length }) => length > 0) ?? [];
  return candidates
    .filter((rule) => takesPath(rule.path, path))
    .sort((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0))[0];
}

const takesHost = (pattern: string | undefined, host: string): boolean =>
  pattern === undefined || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));

/** Reports whether a rule's path, a prefix or a pattern with `*`, matches. */
const takesPath = (pattern: string | undefined, path: string): boolean =>
  pattern === undefined || path.startsWith(pattern.replace(/\*$/, ''));
