import { quotaText } from '../../core/limits/rate-limits.ts';
import type { LimitWait } from '../../core/lineage/failure.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { whyDue } from '../../core/plan/due.ts';
import type { Plan } from '../../core/plan/plan.ts';
import type { Engine } from '../engine.ts';
import {
  accountOfPass,
  limitedOrder,
  limitsOfIssuer,
  mayOverrule,
  ownTime,
  readLimits,
  refusalOf,
} from '../ledger/limits.ts';
import { atCa, jobOfToday } from '../run/job.ts';
import type { Visit } from './visit.ts';

/** How long a certificate waits for its token within a pass, without a lane. It waits longer for the next pass. */
const patienceMs = 60_000;

/**
 * Returns the rate limit for which a certificate must wait before it is ordered. One that is past its renewal time is
 * ordered once a day all the same: what we believe of the CA's limits must not let a certificate expire.
 */
export async function limitFor(
  engine: Engine,
  visit: Visit,
  { lineage, now }: { readonly lineage: Lineage | undefined; readonly now: Date },
  signal: AbortSignal,
): Promise<LimitWait | undefined> {
  const job = jobOfToday(atCa(engine, visit.job), lineage);
  if (!job || limitsOfIssuer(job.wanted.issuer.settings).length === 0) return undefined;
  const { work } = lineage ?? {};
  const sendsNoOrder = work?.step === 'deploy' || work?.order?.url !== undefined;
  if (sendsNoOrder || !whyDue(job.wanted, lineage, now, job)) return undefined;
  if (visit.limit && Date.parse(visit.limit.until) > now.getTime()) return visit.limit;
  const account = await accountOfPass(engine, job.wanted.issuer.settings, signal);
  const order = await limitedOrder(engine, job.wanted, lineage, { account });
  if (!order) return undefined;
  const { name } = job.wanted;
  const ticket = engine.pass.limits.tickets.get(name);
  if (!ticket) await readLimits(engine, [order], signal);
  const refused = refusalOf(engine, order);
  const later =
    ticket?.by && (!refused || ticket.atMs > refused.untilMs) ? { by: ticket.by, untilMs: ticket.atMs } : refused;
  if (!later || ownTime(engine, order, later.untilMs).getTime() <= now.getTime()) return undefined;
  if (await mayOverrule(engine, order, { name, lineage, now }, signal)) return undefined;
  const { by, untilMs } = later;
  return { until: ownTime(engine, order, untilMs).toISOString(), quota: quotaText(by.limit, by.of) };
}

/** Returns how long to wait within this pass for a plan that waits for a rate limit; 0 if that takes too long. */
export function shortWaitMs(engine: Engine, visit: Visit, { wait }: Plan): number {
  return wait?.why === 'limit' ? patientMs(engine, visit, new Date(wait.until)) : 0;
}

/** Returns how long it is until then, or 0 if this pass does not wait for it. */
export function patientMs({ clock }: Engine, visit: Visit, until: Date | undefined): number {
  const pauseMs = until ? until.getTime() - clock.now().getTime() : 0;
  visit.patienceEndMs ??= clock.monotonicMs() + patienceMs;
  return pauseMs > 0 && clock.monotonicMs() + pauseMs <= visit.patienceEndMs ? pauseMs : 0;
}
