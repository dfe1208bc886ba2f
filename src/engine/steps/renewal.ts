import { isFailure, reasonOf } from '../../core/errors.ts';
import type { Lineage, Renewal } from '../../core/lineage.ts';
import { heldUntil } from '../../core/plan.ts';
import { renewalByLifetime, renewalByWindow, renewalWithoutAnswer } from '../../core/renewal.ts';
import type { StoredSpec } from '../../core/spec.ts';
import { type EngineContext, report } from '../engine.ts';
import { endOfCaHold, holdOf } from '../ledger/ca-hold.ts';
import { patiently } from '../run.ts';

/** An answer that is not there within this time is «none»: a renewal time by the lifetime is always at hand. */
const askMs = 15_000;

/**
 * When the current version is to be renewed: by the CA's window where it has one (RFC 9773), else by its lifetime.
 * Never fails: a CA that does not answer is asked again when it says, in six hours at the latest.
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
  // After the end of its validity the CA MUST NOT be polled (RFC 9773 §4.3.3), and another CA's certificate cannot be.
  if (
    facts.ariId === undefined ||
    Date.parse(facts.notAfter) <= now.getTime() ||
    current.directory !== wanted.issuer.directory
  )
    return before ?? renewalByLifetime(facts);
  // A CA that is busy gets no call before its time. A limit is about orders: the window, which may have been moved to
  // now because of a revocation, is asked for all the same.
  const own = lineage.failure?.code === 'acme/busy' ? heldUntil(wanted, lineage, now) : undefined;
  const hold =
    own ?? endOfCaHold(await holdOf(context, current.directory, signal).catch(() => undefined), lineage, now);
  if (hold !== undefined) return renewalWithoutAnswer(facts, before, now, { retryAt: new Date(hold), isLimit: false });
  const deadline = context.clock.deadline(askMs, signal);
  try {
    const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
    const answer = await patiently(
      { context, signal: deadline.signal },
      () => issuer.renewalInfo(facts.ariId as string, deadline.signal),
      askMs,
    );
    if (!answer) return renewalWithoutAnswer(facts, renewalByLifetime(facts), now);
    const renewal = renewalByWindow(current, answer, before, now, context.random.number());
    if (renewal.source === 'lifetime')
      report(
        context,
        'warn',
        'log',
        wanted.spec.name,
        `the renewal window of ${wanted.spec.issuer} (${answer.start} to ${answer.end}) cannot be right for a certificate that is valid from ${facts.notBefore} to ${facts.notAfter}; its lifetime decides`,
      );
    else if (renewal.at !== before?.at || renewal.explanationUrl !== before.explanationUrl)
      reportSchedule(context, wanted, renewal);
    return renewal;
  } catch (error) {
    signal.throwIfAborted();
    report(context, 'warn', 'log', wanted.spec.name, `the CA’s renewal window could not be had: ${reasonOf(error)}`);
    const retryAt = isFailure(error) ? error.retryAt : undefined;
    const named = retryAt && { retryAt, isLimit: isFailure(error, 'acme/rate-limited') };
    return renewalWithoutAnswer(facts, before, now, named);
  } finally {
    deadline.done();
  }
}

/** A window that the CA explains is no routine: an incident or a revocation, which a person should read about. */
function reportSchedule(context: EngineContext, { spec }: StoredSpec, { at, explanationUrl }: Renewal): void {
  const message = `to be renewed at ${at}, within the window that ${spec.issuer} suggests`;
  const data = { at, source: 'ari' };
  if (explanationUrl === undefined) report(context, 'info', 'renewal.scheduled', spec.name, message, data);
  else {
    const explained = `${message}; ${spec.issuer} explains why at ${explanationUrl}`;
    report(context, 'warn', 'renewal.scheduled', spec.name, explained, { ...data, explanationUrl });
  }
}
