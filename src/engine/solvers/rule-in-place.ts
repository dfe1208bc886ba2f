import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { Refusal } from '../../core/request-path/forward-rules.ts';
import type { Backend } from '../../ports/balancer.ts';
import type { ForwardRuleOptions } from './http01-forward-rule.ts';

type Parts = Pick<ForwardRuleOptions, 'balancer' | 'responder'>;

/** Returns why a host gets no rule. */
export async function ruleRefused(
  parts: Pick<ForwardRuleOptions, 'balancer' | 'responder' | 'name'>,
  refusal: Refusal,
  signal: AbortSignal,
): Promise<CertfleetError> {
  const { host, reason } = refusal;
  const advice = await ruleAdvice(parts, refusal, signal);
  return fail('balancer/unsafe-rule', { balancer: parts.name, host, reason, advice });
}

/** Returns what to do about a host that gets no rule. A person may have made a rule that leads to this node. */
export async function ruleAdvice(parts: Parts, { host, by }: Refusal, signal: AbortSignal): Promise<string> {
  if (by === undefined) return `Use DNS-01 for ${host}.`;
  const here = await hereIfOnly(parts, by, signal);
  if (here)
    return `That rule already leads to this node (${here.server}:${here.port}), so set \`byHand: true\` on the solver: certfleet then uses the rule as it is. The solver \`http01-responder\` does so, too.`;
  return `If that rule leads to ${parts.responder.address} of this node, set \`byHand: true\` on the solver, or use the solver \`http01-responder\`. If not, let it lead there, remove it, or use DNS-01 for ${host}.`;
}

/** Returns this node's backend if the rule leads to it and to no other, as far as the balancer shows it. */
async function hereIfOnly(
  { balancer }: Parts,
  rule: NonNullable<Refusal['by']>,
  signal: AbortSignal,
): Promise<Backend | undefined> {
  try {
    const [servers = [], here] = await Promise.all([balancer.backendsOf?.(rule, signal), balancer.backend?.(signal)]);
    const isHere = ({ server, port, address }: Backend) =>
      server === here?.server && port === here.port && (address ?? here.address) === (here.address ?? address);
    return servers.length > 0 && servers.every(isHere) ? here : undefined;
  } catch {
    // The credentials may not allow to see the group. The advice then covers both cases.
    signal.throwIfAborted();
    return undefined;
  }
}
