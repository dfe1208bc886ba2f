import { lifetimeMsAt } from '../ca/lifetimes.ts';
import type { CertfleetError } from '../errors/errors.ts';
import { type Declared, type Forecast, forecast, type Waiting } from '../limits/forecast.ts';
import type { Bucket } from '../limits/order-buckets.ts';
import { quotaText, type RateLimit } from '../limits/rate-limits.ts';
import { failedText, limitText, type Wait, waitOf } from '../lineage/failure.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { pauseText } from '../lineage/pause.ts';
import { renewMs, shareOfLifetime } from '../lineage/renewal.ts';
import { isStopped, revocationOf } from '../lineage/revocation.ts';
import type { Rollover } from '../lineage/rollover.ts';
import { isByHand } from '../spec/by-hand.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import { durationMs, durationPattern } from '../text/span.ts';
import { whyDue } from './due.ts';
import { orderFacts } from './order-facts.ts';
import { lifetimeMsOf } from './schedule.ts';

/** A certificate whose future is asked for. */
export interface Known {
  readonly name: string;
  /** Undefined if it is no longer declared. */
  readonly wanted: StoredSpec | undefined;
  readonly lineage: Lineage | undefined;
  /** Why its document cannot be read. */
  readonly corrupt?: CertfleetError | undefined;
  /** The URL of its account; empty if it is not open yet. */
  readonly account: string;
  /** RFC 3339: until when its CA asked us to wait with every certificate. */
  readonly caHold?: string | undefined;
  readonly rollover?: Rollover | undefined;
  /** It is past its renewal time, so its CA is asked although a limit forbids it. */
  readonly isOverruled?: boolean | undefined;
}

/** What is known of a CA's rate limits. */
export interface KnownLimits {
  readonly limits: readonly RateLimit[];
  /** By `Bucket.key`. */
  readonly arrivals: ReadonlyMap<string, number>;
  /** How far our clock is ahead of the CA's. */
  readonly skewMs: number;
}

export interface Horizon {
  readonly now: Date;
  readonly untilMs: number;
  limitsAt(wanted: StoredSpec): KnownLimits;
  registeredDomain(value: string): string;
  /** All certificates of the configuration. */
  readonly declared: readonly Declared[];
}

/** Something that will happen to a certificate, or that will not. */
export interface Step {
  /** RFC 3339. Undefined if it has no known time. */
  readonly at?: string | undefined;
  /** `none`: `renew` orders nothing. */
  readonly action: 'issue' | 'renew' | 'resume' | 'none';
  /**
   * `due`: now. `renewal`: its renewal time. `limit`, `back-off`, `hold`, `down`, `rollover`: it is due, but must wait.
   * The others, such as `paused`: `renew` does not renew it.
   */
  readonly why: 'due' | 'renewal' | Wait['why'] | 'by-hand' | 'undeclared' | 'revoked' | 'corrupt';
  /** In words, for display. */
  readonly reason: string;
}

export interface CertificateAhead {
  readonly certificate: string;
  readonly issuer: string;
  readonly notAfter?: string | undefined;
  /** In order of time, within the horizon; the first one, if it is later, too. */
  readonly steps: readonly Step[];
}

/** What `renew`, run every hour, will do. */
export interface Ahead {
  /** RFC 3339, like `until`. */
  readonly from: string;
  readonly until: string;
  readonly certificates: readonly CertificateAhead[];
  /** Every day from today to the last one, in UTC. */
  readonly days: readonly { readonly date: string; readonly orders: number }[];
}

const dayMs = 86_400_000;
/** What most CAs issue, if nothing tells. */
const usualMs = 90 * dayMs;
/** Far more often than anybody renews. */
const shortestPauseMs = 3_600_000;

/** An order that is made as soon as the CA's limits allow it. */
interface NextOrder extends Step {
  readonly known: Known;
  readonly wanted: StoredSpec;
  readonly fromMs: number;
  /** The order exists at the CA, so no limit stops it. */
  readonly isOrdered: boolean;
}

/**
 * Says what `renew` will order within a horizon: what is due, what becomes due, and what must wait for how long. Assumes
 * that every order succeeds, that the settings stay, and that a new certificate lasts as long as its CA's do.
 */
export function planAhead(all: readonly Known[], horizon: Horizon): Ahead {
  const { now, untilMs } = horizon;
  const firsts = all.map((known) => firstStep(known, now));
  const orders = firsts.filter(isOrder);
  const times = whenAllowed(orders, horizon);
  const lifetimes = seenLifetimes(all);
  const counts = new Map<string, number>();
  const certificates = all.map((known, at): CertificateAhead => {
    const first = firsts[at]!;
    const steps = isOrder(first)
      ? [times.get(first)!, ...repeats(first, Date.parse(times.get(first)!.at!), { untilMs, lifetimes })]
      : [first];
    for (const { action, at: when } of steps) {
      if (action === 'none' || when === undefined || Date.parse(when) > untilMs) continue;
      const date = when.slice(0, 10);
      counts.set(date, (counts.get(date) ?? 0) + 1);
    }
    const issuer = (known.wanted ?? known.lineage?.spec)?.issuer.name ?? '';
    return { certificate: known.name, issuer, notAfter: known.lineage?.current?.facts.notAfter, steps };
  });
  return {
    from: now.toISOString(),
    until: new Date(untilMs).toISOString(),
    certificates,
    days: daysOf(now, untilMs, counts),
  };
}

const isOrder = (step: Step | NextOrder): step is NextOrder => 'known' in step;

/** Returns what happens next to a certificate, without regard to rate limits. */
function firstStep(known: Known, now: Date): Step | NextOrder {
  const { wanted, lineage, corrupt, caHold, rollover } = known;
  const none = (why: Step['why'], reason: string, at?: string): Step => ({ at, action: 'none', why, reason });
  const notAfter = lineage?.current?.facts.notAfter;
  if (corrupt) return none('corrupt', corrupt.message);
  if (!wanted) return none('undeclared', 'it is no longer declared, so it expires', notAfter);
  if (lineage?.paused) return none('paused', pauseText(lineage.paused));
  if (lineage?.current && isStopped(lineage)) {
    const { reason } = revocationOf(lineage, lineage.current)!;
    return none('revoked', `it was revoked (${reason}), so it is not renewed`);
  }
  const isDelivered = lineage?.work?.step === 'deploy';
  const due = isDelivered ? undefined : whyDue(wanted, lineage, now, { force: false });
  const renewAt = new Date((lineage && renewMs(lineage)) ?? now).toISOString();
  if (isByHand(wanted)) {
    const at = due ? now.toISOString() : renewAt;
    return none('by-hand', `a person must run \`certfleet issue ${known.name}\` at a terminal`, at);
  }
  const order = { known, wanted, isOrdered: lineage?.work?.order?.url !== undefined };
  if (!due) {
    const reason = lineage?.renewal?.source === 'ari' ? 'the time drawn from its CA’s window' : shareText(lineage);
    return { ...order, at: renewAt, action: 'renew', why: 'renewal', reason, fromMs: Date.parse(renewAt) };
  }
  const { action } = due;
  const wait = waitOf(wanted, lineage, { now, obeyBackoff: true, ...present({ caHold, rollover }) });
  if (!wait) return { ...order, at: now.toISOString(), action, why: 'due', reason: due.reason, fromMs: now.getTime() };
  const { until, why, reason } = wait;
  if (why === 'rollover') return { action, why, reason };
  return { ...order, at: until, action, why, reason, fromMs: Date.parse(until) };
}

function shareText(lineage: Lineage | undefined): string {
  const facts = lineage?.current?.facts;
  return `${facts && shareOfLifetime(lifetimeMsOf(facts)) < 0.6 ? 'half' : 'two thirds'} of its lifetime`;
}

/** Returns when each order gets its tokens, by the limits of its CA. */
function whenAllowed(orders: readonly NextOrder[], horizon: Horizon): ReadonlyMap<NextOrder, Step> {
  const steps = new Map<NextOrder, Step>(orders.map((order) => [order, stepOf(order)]));
  const cas = new Map<KnownLimits, Waiting<NextOrder>[]>();
  for (const order of orders) {
    const ca = horizon.limitsAt(order.wanted);
    if (ca.limits.length === 0 || order.known.isOverruled) continue;
    const waiting = waitingOf(order, ca, horizon);
    if (waiting.order.isExempt) continue;
    const others = cas.get(ca) ?? [];
    cas.set(ca, others);
    others.push(waiting);
  }
  const { now, declared } = horizon;
  for (const [{ limits, arrivals, skewMs }, waiting] of cas)
    for (const one of forecast(waiting, { arrivals, limits, nowMs: now.getTime() - skewMs, declared }))
      if (one.by) steps.set(one.what, limited(one, one.by, skewMs));
  return steps;
}

function waitingOf(order: NextOrder, { skewMs }: KnownLimits, { registeredDomain }: Horizon): Waiting<NextOrder> {
  const { known, wanted, fromMs, isOrdered } = order;
  const { lineage, account } = known;
  const atMs = fromMs - skewMs;
  const expires = lineage?.current?.facts.notAfter;
  return {
    what: order,
    name: known.name,
    order: orderFacts(wanted, lineage, { account, atMs, registeredDomain }),
    expiresAtMs: expires === undefined ? undefined : Date.parse(expires),
    hasFailed: lineage?.failure !== undefined,
    fromMs: atMs,
    isOrdered,
  };
}

function limited({ what, atMs }: Forecast<NextOrder>, { limit, of }: Bucket, skewMs: number): Step {
  const at = new Date(atMs + skewMs).toISOString();
  const { failure } = what.known.lineage ?? {};
  // The refusal has the page on which a person ends the pause.
  const isPaused = limit.id === 'pausingFailures' && failure?.code === 'acme/paused';
  const reason = isPaused ? failedText(failure) : limitText({ until: at, quota: quotaText(limit, of) });
  return { at, action: what.action, why: 'limit', reason };
}

const stepOf = ({ at, action, why, reason }: NextOrder): Step => ({ at, action, why, reason });

/** Returns the renewals that follow an order, each of the certificate that the one before got. */
function repeats(
  { wanted, known }: NextOrder,
  orderedMs: number,
  { untilMs, lifetimes }: { readonly untilMs: number; readonly lifetimes: ReadonlyMap<string, number> },
): readonly Step[] {
  const steps: Step[] = [];
  const { directory } = wanted.issuer.settings;
  const own = known.lineage?.current;
  const isAlike = own?.directory === directory && own.profile === wanted.profile;
  const asked = wanted.validity?.notAfter;
  for (let atMs = orderedMs; ; ) {
    const lifetimeMs =
      (asked !== undefined && durationPattern.test(asked) ? durationMs(asked) : undefined) ??
      lifetimeMsAt(directory, wanted.profile, atMs) ??
      (isAlike ? lifetimeMsOf(own.facts) : lifetimes.get(kindOf(directory, wanted.profile))) ??
      usualMs;
    const share = shareOfLifetime(lifetimeMs);
    atMs += Math.max(lifetimeMs * share, shortestPauseMs);
    if (atMs > untilMs) return steps;
    const reason = `${share < 0.6 ? 'half' : 'two thirds'} of the lifetime after the one before`;
    steps.push({ at: new Date(atMs).toISOString(), action: 'renew', why: 'renewal', reason });
  }
}

const kindOf = (directory: string, profile: string | undefined): string => `${directory} ${profile ?? ''}`;

/** Returns how long the newest certificate of each CA and profile lasts. */
function seenLifetimes(all: readonly Known[]): ReadonlyMap<string, number> {
  const seen = new Map<string, { readonly issuedAt: string; readonly lifetimeMs: number }>();
  for (const { lineage } of all) {
    if (!lineage?.current) continue;
    const { directory, profile, issuedAt, facts } = lineage.current;
    const kind = kindOf(directory, profile);
    const before = seen.get(kind);
    if (!before || before.issuedAt < issuedAt) seen.set(kind, { issuedAt, lifetimeMs: lifetimeMsOf(facts) });
  }
  return new Map([...seen].map(([kind, { lifetimeMs }]) => [kind, lifetimeMs]));
}

function daysOf(now: Date, untilMs: number, counts: ReadonlyMap<string, number>): Ahead['days'] {
  const first = Math.floor(now.getTime() / dayMs);
  const last = Math.floor(untilMs / dayMs);
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const date = new Date((first + i) * dayMs).toISOString().slice(0, 10);
    return { date, orders: counts.get(date) ?? 0 };
  });
}
