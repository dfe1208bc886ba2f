import type { Inspection, ListenerRule } from '../../ports/balancer.ts';
import { hostPatternFor, takesHost } from './host-pattern.ts';

/**
 * Returns the rule that handles a request, according to the balancers' documentation. undefined means none: the
 * listener's default, or nothing, answers. If the listener picks the best rule, `first` wins wherever it matches,
 * because certfleet's rules are created that way.
 */
export function winningRule(
  { host, path }: { readonly host: string; readonly path: string },
  listener: Pick<Inspection, 'rules' | 'matching' | 'defaultHost'>,
  first?: ListenerRule,
): ListenerRule | undefined {
  const { rules, matching, defaultHost } = listener;
  const takes = (rule: ListenerRule) => rule.host === undefined || takesHost(rule.host, host);
  if (matching === 'best') return first ?? rules.find((rule) => takes(rule) && takesPath(rule.path, path));
  const hosts = rules.flatMap((rule) => rule.host ?? []);
  const taken = hostPatternFor(host, hosts) ?? defaultHost ?? undefined;
  return rules
    .filter((rule) => rule.host === taken)
    .filter((rule) => takesPath(rule.path, path))
    .sort((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0))[0];
}

/** Reports whether a rule's path, a prefix or a pattern with `*`, matches. */
const takesPath = (pattern: string | undefined, path: string): boolean =>
  pattern === undefined || path.startsWith(pattern.replace(/\*$/, ''));
