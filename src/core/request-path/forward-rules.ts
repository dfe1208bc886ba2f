import type { Backend, Inspection, ListenerRule, WantedRule, WantedRules } from '../../ports/balancer.ts';
import { challengePath } from '../ca/challenge-path.ts';
import type { ListenerState, RuleUser, StoredGroup, StoredRule } from '../lineage/lock.ts';
import { present } from '../text/present.ts';
import { spanText } from '../text/span.ts';
import { hostPatternFor } from './host-pattern.ts';
import { ageOf, markIn, markLifeMs, nameWithMark } from './own-mark.ts';

/** A rule without its name. */
export type RuleForm = Pick<StoredRule, 'host' | 'path' | 'answer'>;

export type FormOrReason =
  | { readonly form: RuleForm }
  /** `by`: the rule of someone else that is there already. */
  | { readonly refused: string; readonly by?: ListenerRule }
  /** What another installation's rule has, and the name of that rule. */
  | { readonly wait: string; readonly behind: string };

/**
 * Returns the rule that sends a host's `path` to the responder without taking other traffic, or why there is none.
 *
 * If a host's rules exclude all others (`host-first`), a host without rules of its own gets a rule for all such hosts,
 * or for the host that gets their requests, and a host with rules gets another one beside them.
 */
export function safeForm(
  host: string,
  { path, answer }: Pick<RuleForm, 'path' | 'answer'>,
  listener: Pick<Inspection, 'rules' | 'matching' | 'defaultHost'> & { readonly owner: string },
): FormOrReason {
  const { rules, matching, defaultHost, owner } = listener;
  // Marked rules are temporary, so they do not count as a host's own rules.
  const foreign = rules.filter(({ name }) => markIn(name) === undefined);
  const own = matching === 'best' ? host : hostPatternFor(host, hostsOf(foreign));
  if (own === undefined && defaultHost === null)
    return {
      refused: `${host} has no rule, and no rule can be added for it, because the listener has no default domain`,
    };
  const form: RuleForm = { path, ...present({ answer, host: own ?? defaultHost ?? undefined }) };
  const twin = rules.find(
    (rule) => rule.host === form.host && rule.path === path && markIn(rule.name)?.owner !== owner,
  );
  if (twin === undefined || matching === 'best') return { form };
  const where = `the path ${path} of ${form.host ?? 'hosts without rules'}`;
  return markIn(twin.name)
    ? { wait: where, behind: twin.name }
    : { refused: `its rule ${twin.name} already ${twin.action} for ${where}`, by: twin };
}

const hostsOf = (rules: readonly ListenerRule[]): readonly string[] => rules.flatMap(({ host }) => host ?? []);

/** Why a certificate gets no rule yet. */
export interface Waiting {
  readonly reason: string;
  /** The rule of another installation that is in the way. */
  readonly behind?: InTheWay;
}

/** A rule of another installation, whose store this process cannot see. */
export interface InTheWay {
  readonly rule: string;
  readonly owner: string;
  /** What it has: `the path /x of hosts without rules`. */
  readonly where: string;
  readonly age: string;
  /** No order takes so long, or the rule is meant to stay, so waiting for it may not help. */
  readonly isOld: boolean;
  /** The command that removes it if that installation is gone. */
  readonly command: string;
}

/** No order needs its rule for longer. */
const oldMs = 3_600_000;

/** Describes the rule of another installation. */
export function inTheWay({ wait: where, behind: rule }: { readonly wait: string; readonly behind: string }, now: Date) {
  const mark = markIn(rule)!; // safeForm found it
  const { ms, isKept } = ageOf(mark, now);
  const age = ms < oldMs ? 'less than an hour' : ms < 2 * oldMs ? 'about an hour' : `about ${spanText(ms)}`;
  const command = `certfleet sweep --lost --owner ${mark.owner} --gone`;
  return { rule, owner: mark.owner, where, age, isOld: isKept || ms >= oldMs, command } satisfies InTheWay;
}

/** Says whose rule is in the way, how old it is, and how to remove it. */
export const inTheWayText = ({ rule, owner, where, age, command }: InTheWay): string =>
  `another installation of certfleet (${owner}) uses ${where}: its rule ${rule} was made ${age} ago. If that installation is gone, \`${command}\` removes the rule`;

/** The changes to make on a listener. */
export interface RulePlan {
  /** The rules that the balancer should have. */
  readonly wanted: WantedRules;
  /** The state to store before the balancer is asked: everything that may exist there until it responds. */
  readonly during: ListenerState;
  /** The state to store afterwards. */
  readonly after: ListenerState;
  /** Why a user gets no rule, and for which host. `waiting`: why a user gets no rule yet. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly waiting: ReadonlyMap<string, Waiting>;
}

export interface Refusal {
  readonly host: string;
  readonly reason: string;
  /** The rule of someone else that is there already. */
  readonly by?: ListenerRule;
}

export interface PlanContext {
  readonly owner: string;
  readonly mode: 'forward' | 'fixed-response';
  readonly inspection: Inspection;
  readonly now: Date;
  /** Returns twelve hex digits, different each time. */
  readonly newId: () => string;
}

/** Plans the rules and the group that a listener's users need, given what already exists there. */
export function planRules(before: ListenerState, context: PlanContext): RulePlan {
  const { owner, mode, inspection, now, newId } = context;
  const { rules: listed, rulesLeft } = inspection;
  const ours = listed.filter(({ name }) => markIn(name)?.owner === owner).length;
  const refused = new Map<string, Refusal>();
  const waiting = new Map<string, Waiting>();
  const rules: StoredRule[] = [];
  const users = Object.entries(before.users).sort(([, a], [, b]) => (a.since < b.since ? -1 : 1));
  const mark = (keep: boolean) => {
    const expires = new Date(now.getTime() + (keep ? markLifeMs.keep : markLifeMs.order));
    return nameWithMark({ owner, expires, id: newId() });
  };
  for (const [lineage, user] of users) {
    const needed: RuleForm[] = [];
    for (const one of neededBy(user, mode)) {
      const found = safeForm(one.host, one, { ...inspection, owner });
      if ('refused' in found)
        refused.set(lineage, { host: one.host, reason: found.refused, ...present({ by: found.by }) });
      else if ('wait' in found) {
        const behind = inTheWay(found, now);
        waiting.set(lineage, { reason: inTheWayText(behind), behind });
      } else if (![...rules, ...needed].some((rule) => isSame(rule, found.form))) needed.push(found.form);
    }
    if (refused.has(lineage) || waiting.has(lineage)) continue;
    if (rules.length + needed.length > ours + rulesLeft) {
      const full = `the listener has no room for another rule (${listed.length} are there)`;
      const allowed = listed.length + rulesLeft;
      waiting.set(lineage, { reason: `${full}, and ${allowed} are allowed: remove one, or have the quota raised` });
      continue;
    }
    for (const form of needed) {
      const known = before.rules.find((rule) => isSame(rule, form));
      rules.push(known ?? { ...form, lineage, name: mark(user.keep === true) });
    }
  }
  const accepted = Object.fromEntries(users.filter(([lineage]) => !refused.has(lineage)));
  const backends = mode === 'forward' ? backendsOf(Object.values(accepted)) : [];
  const needsGroup = mode === 'forward' && rules.length > 0;
  const group: StoredGroup | undefined = needsGroup
    ? (before.group ?? { name: mark(users.some(([, { keep }]) => keep)), lineage: users[0]![0] })
    : undefined;
  const receipt = before.receipt === undefined ? {} : { receipt: before.receipt };
  const gone = before.rules.filter((rule) => !rules.includes(rule));
  return {
    wanted: { owner, rules: rules.map(wantedRule), ...present({ group: group && { ...group, backends } }) },
    during: {
      users: accepted,
      rules: [...rules, ...gone],
      ...present({ group: group || before.group ? (group ?? before.group)! : undefined }),
      ...receipt,
    },
    after: { users: accepted, rules, ...present({ group }), ...receipt },
    refused,
    waiting,
  };
}

/** Returns what one user needs as rules for one host each. */
function neededBy(
  { hosts, answers = [], path = challengePath }: RuleUser,
  mode: PlanContext['mode'],
): readonly { readonly host: string; readonly path: string; readonly answer?: string }[] {
  if (mode === 'forward') return hosts.map((host) => ({ host, path }));
  return answers.map(({ host, token, keyAuthorization }) => ({
    host,
    path: `${challengePath}${token}`,
    answer: keyAuthorization,
  }));
}

const isSame = (a: RuleForm, b: RuleForm): boolean => a.host === b.host && a.path === b.path && a.answer === b.answer;

const wantedRule = (rule: StoredRule): WantedRule => rule;

/** Returns the backends of all users, each once. */
function backendsOf(users: readonly RuleUser[]): readonly Backend[] {
  const found = new Map<string, Backend>();
  for (const { backend } of users)
    if (backend) found.set(`${backend.server} ${backend.address ?? ''} ${backend.port}`, backend);
  return [...found.values()];
}
