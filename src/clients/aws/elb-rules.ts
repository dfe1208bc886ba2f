import { markIn } from '../../core/request-path/own-mark.ts';
import type { PriorityRule } from '../http/priority-rules.ts';

/** A rule of a listener, other than its default rule. */
export interface ElbRule extends PriorityRule {
  readonly arn: string;
  /** Whether the rule has other conditions: the method, a header, the client's address. */
  readonly hasOtherConditions: boolean;
  /** The rule's action for messages: `forwards to web`. */
  readonly action: string;
  /** The groups that the rule forwards to. */
  readonly groups: readonly string[];
  /** The body of the rule's fixed response. */
  readonly answer?: string;
}

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
