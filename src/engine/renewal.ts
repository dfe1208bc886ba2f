import { isFailure, reasonOf } from '../core/errors.ts';
import type { Lineage, Renewal } from '../core/lineage.ts';
import { heldUntil } from '../core/plan.ts';
import { renewalByLifetime, renewalByWindow, renewalWithoutAnswer } from '../core/renewal.ts';
import type { StoredSpec } from '../core/spec.ts';
import { type EngineContext, report } from './context.ts';
import { patiently } from './run.ts';

/** An answer that is not there within this time is «none»: a renewal time by the lifetime is always at hand. */
const askMs = 15_000;

/**
 * When the current version is to be renewed: by the CA's window where it has one (RFC 9773), else by its lifetime.
 * Never fails: a CA that does not answer is asked again in six hours.
 */
export async function askRenewalInfo(
  context: EngineContext,
  wanted: StoredSpec,
  lineage: Lineage,
  signal: AbortSignal,
): Promise<Renewal | undefined> {
  const current = lineage.current;
  if (!current) return undefined;
  const now = context.clock.now();
  const { facts } = current;
  const before = lineage.renewal;
  // After the end of its validity the CA MUST NOT be polled (RFC 9773 §4.3.3); another CA's certificate cannot be;
  // and a CA that named a time before which it wants no call gets none.
  if (
    heldUntil(wanted, lineage, now) !== undefined ||
    facts.ariId === undefined ||
    Date.parse(facts.notAfter) <= now.getTime() ||
    current.directory !== wanted.issuer.directory
  )
    return before ?? renewalByLifetime(facts);
  const deadline = context.clock.deadline(askMs, signal);
  try {
    const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
    const answer = await patiently(
      { context, signal: deadline.signal },
      () => issuer.renewalInfo(facts.ariId as string, deadline.signal),
      askMs,
    );
    if (!answer) return renewalWithoutAnswer(facts, renewalByLifetime(facts), now);
    const renewal = renewalByWindow(answer, before, now, context.random.number());
    if (renewal.at !== before?.at)
      report(
        context,
        'info',
        'renewal.scheduled',
        wanted.spec.name,
        `to be renewed at ${renewal.at}, within the window that ${wanted.spec.issuer} suggests`,
        {
          at: renewal.at,
          source: 'ari',
          ...(answer.explanationUrl === undefined ? {} : { explanationUrl: answer.explanationUrl }),
        },
      );
    return renewal;
  } catch (error) {
    signal.throwIfAborted();
    report(context, 'warn', 'log', wanted.spec.name, `the CA’s renewal window could not be had: ${reasonOf(error)}`);
    return renewalWithoutAnswer(facts, before, now, isFailure(error) ? error.retryAt : undefined);
  } finally {
    deadline.done();
  }
}
