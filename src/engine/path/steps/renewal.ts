import { incidentCondition, movedPage } from '../../../core/alarm/conditions.ts';
import type { CertificateFacts } from '../../../core/ca/certificate-facts.ts';
import { longestRetryAfterMs } from '../../../core/ca/retry-after.ts';
import { isFailure, reasonOf } from '../../../core/errors/errors.ts';
import { heldUntil } from '../../../core/lineage/failure.ts';
import type { Lineage, Renewal, Version } from '../../../core/lineage/lineage.ts';
import { renewalByLifetime, renewalByWindow, renewalWithoutAnswer } from '../../../core/lineage/renewal.ts';
import { isHeldBack } from '../../../core/lineage/revocation.ts';
import { isToCome } from '../../../core/lineage/stored-time.ts';
import type { NamedIssuer, StoredSpec } from '../../../core/spec/spec.ts';
import { present } from '../../../core/text/present.ts';
import type { Issuer } from '../../../ports/issuer.ts';
import { report } from '../../engine.ts';
import { type CaHold, endOfCaHold } from '../../ledger/ca-hold.ts';
import { noteSkew } from '../../looks/ca.ts';
import { type Asker, ask } from '../../run/ask.ts';
import type { Run } from '../../run/run.ts';

/** A certificate whose window is asked for. */
interface Asked extends Pick<Run, 'engine' | 'signal'> {
  readonly lineage: AskedLineage;
  readonly issuer: NamedIssuer;
  /** Until when the CA is not asked, RFC 3339. */
  readonly hold: string | undefined;
}

/** What the question needs of a lineage. */
export interface AskedLineage extends Pick<Lineage, 'name' | 'renewal' | 'rolledBack'> {
  readonly current?: AskedVersion | undefined;
}

interface AskedVersion extends Pick<Version, 'directory' | 'issuedAt'> {
  readonly facts: Pick<CertificateFacts, 'ariId' | 'notBefore' | 'notAfter'>;
}

/** How long to wait for the CA's window. Without it, the lifetime decides. */
const askMs = 15_000;

/**
 * Returns when to renew the current version: by the CA's window if there is one (RFC 9773), else by its lifetime. Never
 * fails. If the CA does not respond, it is asked again after its Retry-After, or within six hours.
 */
export function askRenewalInfo({
  engine,
  job,
  lineage,
  caHold,
  signal,
}: Pick<Run, 'engine' | 'job' | 'caHold' | 'signal'> & { readonly lineage: Lineage }): Promise<Renewal | undefined> {
  const { wanted } = job;
  const hold = holdForWindow(wanted, lineage, caHold, engine.clock.now());
  return askForWindow({ engine, issuer: wanted.issuer, lineage, hold, signal });
}

/** The same, for a caller that does not have the whole lineage, and knows that it has not failed. */
export async function askForWindow(asked: Asked): Promise<Renewal | undefined> {
  const { engine, issuer: named, lineage, hold, signal } = asked;
  const { clock } = engine;
  const { current, renewal: before } = lineage;
  if (!current) return undefined;
  const now = clock.now();
  // The window of a version that was replaced is in the past.
  if (isHeldBack(lineage, now)) return before;
  // A delivery is no reason to ask before the CA wants to be asked. A new version has no such time.
  if (before?.checkAfter !== undefined && isToCome(before.checkAfter, longestRetryAfterMs, now)) return before;
  const { facts } = current;
  const { ariId } = facts;
  // A client MUST NOT ask about an expired certificate (RFC 9773 §4.3.3), and cannot ask about another CA's.
  if (
    ariId === undefined ||
    Date.parse(facts.notAfter) <= now.getTime() ||
    current.directory !== named.settings.directory
  )
    return before ?? renewalByLifetime(current);
  if (hold !== undefined)
    return renewalWithoutAnswer(current, before, now, { retryAt: new Date(hold), isLimit: false });
  // A CA that hangs would delay every certificate.
  if (engine.pass.cas(current.directory).state() === 'down') return renewalWithoutAnswer(current, before, now);
  const deadline = clock.deadline(askMs, signal);
  try {
    const issuer = engine.connect.issuer(named.name, named.settings);
    const asker = { engine, issuer, signal: deadline.signal };
    const answer = await ask(asker, () => issuer.renewalInfo(ariId, deadline.signal), { budgetMs: askMs });
    await noteClock(asker);
    if (!answer) return renewalWithoutAnswer(current, renewalByLifetime(current), now);
    const renewal = renewalByWindow(current, answer, before, clock.now(), engine.random.number());
    if (renewal.source === 'lifetime') {
      const window = `the renewal window of ${named.name} (${answer.start} to ${answer.end})`;
      warn(
        asked,
        `${window} cannot be right for a certificate valid from ${facts.notBefore} to ${facts.notAfter}; ignoring it`,
      );
    } else if (renewal.at !== before?.at || renewal.explanationUrl !== before.explanationUrl)
      reportSchedule(asked, renewal);
    return renewal;
  } catch (error) {
    signal.throwIfAborted();
    warn(asked, `could not get the CA’s renewal window: ${reasonOf(error)}`);
    const retryAt = isFailure(error) ? error.retryAt : undefined;
    const named = retryAt && { retryAt, isLimit: isFailure(error, 'acme/rate-limited') };
    return renewalWithoutAnswer(current, before, now, named);
  } finally {
    deadline.done();
  }
}

/** Takes note of the CA's clock: the window that it has answered is by that. */
async function noteClock({ engine, issuer, signal }: Asker & { readonly issuer: Issuer }): Promise<void> {
  const { clockSkewMs } = await issuer.directory(signal).catch(() => ({ clockSkewMs: undefined }));
  if (clockSkewMs !== undefined) noteSkew(engine, issuer.directoryUrl, clockSkewMs);
}

/**
 * Returns until when a busy CA is not asked for the window, RFC 3339. A rate limit concerns orders, so it does not
 * count: the window may have moved to now because of a revocation.
 */
function holdForWindow(
  wanted: StoredSpec,
  lineage: Lineage,
  caHold: CaHold | undefined,
  now: Date,
): string | undefined {
  const own = lineage.failure?.code === 'acme/busy' ? heldUntil(wanted, lineage, now) : undefined;
  return own ?? endOfCaHold(caHold, lineage, now);
}

/**
 * Reports a new renewal time. An explanation URL means an incident or a revocation, which a person should read about: once,
 * because it may concern thousands of certificates.
 */
function reportSchedule({ engine, issuer: { name: issuer }, lineage }: Asked, renewal: Renewal): void {
  const { incidents } = engine.memory;
  const { at, explanationUrl } = renewal;
  const message = `will be renewed at ${at}, in the window that ${issuer} suggests`;
  const news = { event: 'renewal.scheduled', certificate: lineage.name } as const;
  const data = { at, source: 'ari' };
  const page = `${issuer} ${explanationUrl}`;
  if (explanationUrl === undefined || incidents.has(page))
    report(engine, { ...news, level: 'info', message, data: { ...data, ...present({ explanationUrl }) } });
  else {
    incidents.set(page, undefined);
    const explained = `${message}; ${issuer} explains why at ${explanationUrl}`;
    report(engine, { ...news, level: 'warn', message: explained, data: { ...data, explanationUrl } });
  }
  const moved = movedPage({ current: lineage.current, renewal });
  if (moved !== undefined) incidents.set(page, incidentCondition(issuer, lineage.name, moved));
}

const warn = (asked: Asked, message: string): void =>
  report(asked.engine, { level: 'warn', event: 'log', certificate: asked.lineage.name, message });
