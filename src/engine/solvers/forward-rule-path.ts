import { challengePath } from '../../core/ca/challenge-path.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { inTheWay, inTheWayText, planRules, type RuleForm, safeForm } from '../../core/request-path/forward-rules.ts';
import { failedAt, type Hop } from '../../core/request-path/hop.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import { type Right, rightsHop } from '../../core/request-path/rights.ts';
import { winningRule } from '../../core/request-path/winning-rule.ts';
import { counted } from '../../core/text/counted.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, Balancer, Inspection, ListenerRule } from '../../ports/balancer.ts';
import type { Responder } from '../../ports/responder.ts';
import type { DescribedPath, Probe } from '../../ports/solver.ts';
import type { Locks } from '../locks/lock.ts';
import { ruleAdvice } from './rule-in-place.ts';

export interface ForwardRuleParts {
  readonly balancer: Balancer;
  readonly responder: Responder;
  readonly locks: Locks;
  readonly owner: string;
  readonly now: Date;
  readonly newId: () => string;
  /** Shared by all names that are described at the same time. */
  inspect(signal: AbortSignal): Promise<Inspection>;
  /** What the credentials allow, as far as the balancer can tell. */
  rights(signal: AbortSignal): Promise<readonly Right[] | undefined>;
}

/**
 * Describes the path from the listener to the responder as they are now. Between orders there is no rule, so it
 * describes the rule that an order would add.
 */
export async function describeForwardRule(
  parts: ForwardRuleParts,
  host: string,
  signal: AbortSignal,
): Promise<DescribedPath> {
  const { balancer, owner } = parts;
  const { mode } = balancer;
  const answering = await listening(parts, signal);
  let inspection: Inspection;
  try {
    inspection = await parts.inspect(signal);
  } catch (error) {
    signal.throwIfAborted();
    return { hops: [failedAt('listener', error), ...answering.hops] };
  }
  const { rules, rulesLeft, addresses } = inspection;
  const room = rulesLeft > 10_000 ? '' : `, room for ${rulesLeft} more`;
  const listener: Hop = {
    at: 'listener',
    state: 'well',
    finding: `${balancer.resource}, listener ${balancer.listener}${inspection.listener === undefined ? '' : ` (${inspection.listener})`}: ${counted(rules.length, 'rule')}${room}`,
  };
  const listenerAndRights = [listener, ...(await rightsOf(parts, signal))];
  const found = safeForm(host, { path: challengePath }, { ...inspection, owner });
  const form: RuleForm = 'form' in found ? found.form : { path: challengePath };
  const isOwn = (rule: ListenerRule) => markIn(rule.name)?.owner === owner && rule.path?.startsWith(challengePath);
  const own = mode === 'forward' ? rules.find((rule) => isOwn(rule) && rule.host === form.host) : undefined;
  const older =
    own ?? (mode === 'forward' ? rules.find((rule) => isOwn(rule) && (rule.host ?? host) === host) : undefined);
  const winner = winningRule({ host, path: challengePath }, inspection, older);
  const here = present({ addresses });
  if (older) {
    const wins = winner === older;
    const rule = wins ? ownRule(older, host) : losing(older, winner, host);
    const { probe } = answering;
    const health = await healthOf(parts, inspection, signal);
    return {
      hops: [...listenerAndRights, rule, ...health.hops, ...answering.hops],
      ...present({ probe, healthy: wins && health.healthy ? health.healthy : undefined }),
      ...here,
    };
  }
  const advice =
    'refused' in found
      ? await ruleAdvice(parts, { host, reason: found.refused, ...present({ by: found.by }) }, signal)
      : '';
  const next = comingRule(host, { found, rulesLeft, winner, time: parts.now, advice });
  const group = next.state === 'well' ? await comingGroup(balancer, signal) : [];
  return { hops: [...listenerAndRights, next, ...group, ...answering.hops], ...here };
}

async function rightsOf({ rights }: ForwardRuleParts, signal: AbortSignal): Promise<readonly Hop[]> {
  try {
    const found = await rights(signal);
    return found ? [rightsHop(found)] : [];
  } catch (error) {
    signal.throwIfAborted();
    return [failedAt('rights', error)];
  }
}

const ownRule = (rule: ListenerRule, host: string): Hop => ({
  at: 'rule',
  state: 'well',
  finding: `${rule.name} wins for ${rule.host ?? `every host without rules, so for ${host}`} and ${challengePath}: it ${rule.action}`,
});

const losing = (own: ListenerRule, winner: ListenerRule | undefined, host: string): Hop => ({
  at: 'rule',
  state: 'broken',
  reason: 'rule-of-others',
  code: 'balancer/unsafe-rule',
  finding: winner
    ? `${winner.name} wins for ${host} and ${challengePath} in place of certfleet's rule ${own.name}: it ${winner.action}`
    : `certfleet's rule ${own.name} no longer applies to ${host}: other rules of that host exclude it`,
  advice: `Run \`certfleet issue\` for the certificate, which makes the rule that fits, or remove the other rule of ${host}.`,
});

/** Describes the rule that an order would add. */
function comingRule(
  host: string,
  {
    found,
    rulesLeft,
    winner,
    time,
    advice: wayOut,
  }: {
    readonly found: ReturnType<typeof safeForm>;
    readonly rulesLeft: number;
    readonly winner: ListenerRule | undefined;
    readonly time: Date;
    /** What to do about a refusal. */
    readonly advice: string;
  },
): Hop {
  const now = winner
    ? `${winner.name} takes ${challengePath} of ${host} now (it ${winner.action})`
    : `no rule takes ${challengePath} of ${host} now, so the listener's default answers`;
  if ('refused' in found)
    return {
      at: 'rule',
      state: 'broken',
      reason: 'rule-of-others',
      code: 'balancer/unsafe-rule',
      finding: `${now}; certfleet cannot add one: ${found.refused}`,
      advice: wayOut,
    };
  if ('wait' in found) {
    const behind = inTheWay(found, time);
    const base = { at: 'rule', reason: 'rule-of-others', finding: inTheWayText(behind) } as const;
    if (behind.isOld)
      return {
        ...base,
        state: 'broken',
        code: 'balancer/rule-in-the-way',
        advice: 'No order waits for so old a rule.',
      };
    const advice = 'It goes away with the order of that installation; an order waits for it.';
    return { ...base, state: 'cannot-tell', advice };
  }
  if (rulesLeft < 1)
    return {
      at: 'rule',
      state: 'broken',
      reason: 'no-room',
      code: 'balancer/quota',
      finding: `${now}; an order adds one, but the listener has no room for it`,
      advice: 'Remove a rule that is no longer needed, or ask the provider for a higher quota.',
    };
  const place = `${found.form.host ?? 'every host without rules of its own'} and ${found.form.path}`;
  return { at: 'rule', state: 'well', finding: `${now}; during an order certfleet adds one for ${place}` };
}

async function comingGroup(balancer: Balancer, signal: AbortSignal): Promise<readonly Hop[]> {
  if (balancer.mode !== 'forward' || !balancer.backend) return [];
  try {
    const backend = await balancer.backend(signal);
    const finding = `during an order certfleet makes one with ${nameOf(backend)}`;
    if (await balancer.hasServer?.(backend, signal)) return [{ at: 'group', state: 'well', finding }];
    return [
      {
        at: 'group',
        state: 'cannot-tell',
        finding: `${finding}; only then does ${balancer.resource} show whether there is a server ${backend.server}`,
        advice: 'Compare the server in `backend` with the console of the cloud: an order fails if there is none.',
      },
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [failedAt('group', error)];
  }
}

/**
 * Describes the group according to the journal, and returns how to ask the balancer whether its servers are healthy.
 */
async function healthOf(
  { balancer, locks, owner, now, newId }: ForwardRuleParts,
  inspection: Inspection,
  signal: AbortSignal,
): Promise<{ readonly hops: readonly Hop[]; readonly healthy?: DescribedPath['healthy'] }> {
  const state = (await locks.read(balancer.resource, signal)).listeners?.[balancer.listener];
  if (!state || Object.keys(state.users).length === 0)
    return {
      hops: [
        {
          at: 'group',
          state: 'cannot-tell',
          finding: 'no certificate of this store needs the rule any more, so it is a left-over',
          advice: 'Run `certfleet sweep`, and then `certfleet sweep --lost`.',
        },
      ],
    };
  const { wanted } = planRules(state, { owner, mode: balancer.mode, inspection, now, newId });
  const servers = wanted.group?.backends.map(nameOf).join(', ') ?? '';
  const users = counted(Object.keys(state.users).length, 'certificate');
  return {
    hops: [{ at: 'group', state: 'well', finding: `${wanted.group?.name ?? 'none'}: ${servers}, for ${users}` }],
    healthy: (s) => balancer.state(wanted, state.receipt ?? null, s),
  };
}

const nameOf = ({ server, port }: Backend): string => `${server}:${port}`;

/** Listens as during an order, so that health checks and the probe can be answered. */
async function listening(
  { responder, balancer }: Pick<ForwardRuleParts, 'responder' | 'balancer'>,
  signal: AbortSignal,
): Promise<{ readonly hops: readonly Hop[]; readonly probe?: Probe }> {
  if (balancer.mode === 'fixed-response')
    return { hops: [{ at: 'responder', state: 'well', finding: 'none: the balancer answers by itself' }] };
  try {
    const probe = await responder.probe(signal);
    const finding = `a responder of this store answers at ${responder.address}`;
    return {
      hops: [{ at: 'responder', state: 'well', finding }, ...(await otherPort(responder, balancer, signal))],
      probe,
    };
  } catch (error) {
    if (!isFailure(error)) signal.throwIfAborted();
    return { hops: [failedAt('responder', error)] };
  }
}

/** Describes the port to which the balancer leads, if the responder listens on another one. */
async function otherPort(responder: Responder, balancer: Balancer, signal: AbortSignal): Promise<readonly Hop[]> {
  let backend: Backend | undefined;
  try {
    backend = await balancer.backend?.(signal);
  } catch {
    signal.throwIfAborted();
    return []; // the group's hop has the error
  }
  if (!backend || (await responder.reachedAt(backend, signal))) return [];
  return [
    {
      at: 'responder',
      state: 'cannot-tell',
      reason: 'other-port',
      finding: `the balancer leads to the port ${backend.port}, where no responder of this store answers on this machine; the responder listens on ${responder.address}`,
      advice: `Use one port for \`listen\` of the solver and \`backend\` of the balancer, unless something maps the port ${backend.port} of the node to the responder, as a container does.`,
    },
  ];
}
