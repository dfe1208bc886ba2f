import { onceForEach } from '../../core/async/once-for-each.ts';
import { forecast, type Waiting } from '../../core/limits/forecast.ts';
import { quotaText } from '../../core/limits/rate-limits.ts';
import { limitText } from '../../core/lineage/failure.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Later } from '../../core/plan/announcement.ts';
import { whyDue } from '../../core/plan/due.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { planLineage } from '../../core/plan/plan.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import type { IssuerSettings } from '../../core/spec/spec.ts';
import type { Engine } from '../engine.ts';
import {
  accountOfPass,
  caTimeMs,
  expectSpend,
  type LimitedOrder,
  limitedOrder,
  limitsKey,
  limitsOfIssuer,
  ownTime,
  readLimits,
  settleTime,
} from '../ledger/limits.ts';
import { askClock } from '../looks/ca.ts';
import { atCa, type Job } from '../run/job.ts';

/** A certificate that a pass may order. */
export interface Candidate {
  readonly job: Job;
  readonly lineage: Lineage | undefined;
}

/**
 * Says when each certificate of a pass may be ordered by the limits of its CA, before the first one is. Those that must
 * wait take no lane and no token from the others.
 */
export async function giveTickets(
  engine: Engine,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<void> {
  const first = await foretell(engine, candidates, signal);
  const isNew = await learnClocks(engine, candidates, signal);
  // By the CA's clock, some may not be due.
  if (isNew) for (const { job } of candidates) engine.pass.limits.tickets.delete(job.wanted.name);
  const orders = isNew ? await foretell(engine, candidates, signal) : first;
  for (const { name, order, isReady } of orders) {
    const by = engine.pass.limits.tickets.get(name)?.by;
    if (isReady) expectSpend(engine, order, name);
    else if (by) await settleTime(engine, order, by, signal);
  }
}

/**
 * Asks the CAs for which certificates wait, or whose windows have begun, what time it is: in a new process, that is not
 * known yet, and tokens and windows come by their clocks. Reports whether there were any.
 */
async function learnClocks(engine: Engine, candidates: readonly Candidate[], signal: AbortSignal): Promise<boolean> {
  const { memory, pass } = engine;
  const unknown = new Map<string, IssuerSettings>();
  for (const { job, lineage } of candidates) {
    const { name, settings } = job.wanted.issuer;
    const ticket = pass.limits.tickets.get(job.wanted.name);
    const needsClock = ticket !== undefined && (ticket.by !== undefined || isUntriedInWindow(lineage));
    if (needsClock && !memory.skews.has(settings.directory)) unknown.set(name, settings);
  }
  await Promise.all([...unknown].map(([name, settings]) => askClock(engine, { name, settings }, signal)));
  signal.throwIfAborted();
  return unknown.size > 0;
}

/** Reports whether a window may have begun for a certificate. After a failure, its CA is left alone during the pause. */
const isUntriedInWindow = (lineage: Lineage | undefined): boolean =>
  lineage?.renewal?.window !== undefined && lineage.failure === undefined;

/** Works out the tickets of a pass. Returns its orders, and whether each can be made at once. */
export async function foretell(
  engine: Engine,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<readonly Foretold[]> {
  const orders: Foretold[] = [];
  const now = engine.clock.now();
  const known = candidates.map(({ job, lineage }) => ({ job: atCa(engine, job), lineage }));
  const due = known.filter(
    ({ job, lineage }) =>
      lineage?.work?.step !== 'deploy' &&
      !(lineage?.paused && !job.actsOnPaused) &&
      whyDue(job.wanted, lineage, now, job) !== undefined,
  );
  const urlOf = onceForEach(
    (settings: IssuerSettings) => accountKey(accountOf(settings)),
    // If it cannot be read, each certificate reports it.
    (settings) => accountOfPass(engine, settings, signal).catch(() => ''),
  );
  const groups = new Map<string, Group>();
  for (const candidate of due) {
    const { job, lineage } = candidate;
    const { settings } = job.wanted.issuer;
    const account = limitsOfIssuer(settings).length > 0 ? await urlOf(settings) : '';
    const order = await limitedOrder(engine, job.wanted, lineage, { account });
    const { directory, limits, facts } = order ?? unlimited(job);
    const key = limitsKey(settings);
    const group = groups.get(key) ?? { directory, limits, waiting: [] };
    groups.set(key, group);
    const { wait } = planLineage(job.wanted, lineage, now, job);
    const isOrdered = lineage?.work?.order?.url !== undefined;
    const expires = lineage?.current?.facts.notAfter;
    group.waiting.push({
      what: { name: job.wanted.name, order: isOrdered ? undefined : order },
      name: job.wanted.name,
      order: facts,
      expiresAtMs: expires === undefined ? undefined : Date.parse(expires),
      hasFailed: lineage?.failure !== undefined,
      fromMs: wait && Date.parse(wait.until),
      isOrdered,
    });
  }
  const limited = [...groups.values()].flatMap(({ waiting }) => waiting.flatMap(({ what }) => what.order ?? []));
  await readLimits(engine, limited, signal);
  for (const { directory, limits, waiting } of groups.values()) {
    const arrivals = engine.pass.limits.arrivalsAt(directory);
    const nowMs = caTimeMs(engine, directory);
    const declared = engine.declared();
    for (const [rank, { what, atMs, by }] of forecast(waiting, { arrivals, limits, nowMs, declared }).entries()) {
      engine.pass.limits.tickets.set(what.name, { atMs, by, rank });
      if (what.order) orders.push({ name: what.name, order: what.order, isReady: atMs <= nowMs });
    }
  }
  return orders;
}

interface Foretold {
  readonly name: string;
  readonly order: LimitedOrder;
  readonly isReady: boolean;
}

/** The certificates of a CA that share its limits. */
interface Group {
  readonly directory: string;
  readonly limits: LimitedOrder['limits'];
  readonly waiting: Waiting<{ readonly name: string; readonly order: LimitedOrder | undefined }>[];
}

/** Returns how many certificates are due, and which of them must wait for a rate limit. */
export function laterOf(
  engine: Engine,
  candidates: readonly Candidate[],
): { readonly due: number; readonly later: readonly Later[] } {
  const nowMs = engine.clock.now().getTime();
  let due = 0;
  const later = candidates.flatMap(({ job: { wanted } }): readonly Later[] => {
    const ticket = engine.pass.limits.tickets.get(wanted.name);
    if (ticket) due += 1;
    if (!ticket?.by) return [];
    const until = ownTime(engine, wanted.issuer.settings, ticket.atMs);
    const quota = quotaText(ticket.by.limit, ticket.by.of);
    return until.getTime() > nowMs ? [{ certificate: wanted.name, until: until.toISOString(), quota }] : [];
  });
  return { due, later };
}

/**
 * Returns the outcomes with the times of those that wait for a rate limit, worked out again: what the CA answered in the
 * pass may have changed them.
 */
export async function withTimes(
  engine: Engine,
  candidates: readonly Candidate[],
  outcomes: readonly Outcome[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const names = new Set(outcomes.filter(isLimited).map(({ certificate }) => certificate));
  if (names.size === 0) return outcomes;
  const waiting = candidates.filter(({ job }) => names.has(job.wanted.name));
  await foretell(engine, waiting, signal);
  const { later } = laterOf(engine, waiting);
  const limits = new Map(later.map(({ certificate, until, quota }) => [certificate, { until, quota }]));
  return outcomes.map((outcome) => {
    const limited = isLimited(outcome) ? limits.get(outcome.certificate) : undefined;
    return limited ? { ...outcome, limited, message: limitText(limited), next: limited.until } : outcome;
  });
}

const isLimited = (outcome: Outcome) => outcome.result === 'unchanged' && outcome.limited !== undefined;

/** An order at a CA of whose limits nothing is known: only its turn matters. */
const unlimited = ({ wanted: { issuer, identifiers } }: Job): Pick<LimitedOrder, 'directory' | 'limits' | 'facts'> => {
  const { directory } = issuer.settings;
  // Good enough for taking turns, and it needs no public suffix list.
  const registeredDomain = (value: string) => value.split('.').slice(-2).join('.');
  return {
    directory,
    limits: [],
    facts: { account: '', identifiers, isRenewal: false, isExempt: false, registeredDomain },
  };
};
