import { forecast } from '../../../src/core/limits/forecast.ts';
import { look, spent } from '../../../src/core/limits/gcra.ts';
import { createHeap } from '../../../src/core/limits/heap.ts';
import { bucketsSpent, type OrderFacts } from '../../../src/core/limits/order-buckets.ts';
import { limitsOf } from '../../../src/core/limits/rate-limits.ts';
import type { Lineage, Version } from '../../../src/core/lineage/lineage.ts';
import { renewalByWindow } from '../../../src/core/lineage/renewal.ts';
import { testLineage, testSpec } from '../../../src/core/lineage/test-lineages.ts';
import { orderFacts } from '../../../src/core/plan/order-facts.ts';
import { planLineage } from '../../../src/core/plan/plan.ts';
import { earliestReasonMs } from '../../../src/core/plan/schedule.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { createRateLimits } from '../world/ca-model/rate-limits.ts';
import { letsEncryptLimits } from '../world/ca-model/settings.ts';
import { chanceOf } from '../world/chance.ts';

// Years of many certificates in a fraction of a second each: what `renew` does every hour, by the rules of its plan and
// its ledger, without the engine and its stores. The CA refuses by the limits of the CA model, which shares no line with
// them.

const [hourMs, dayMs] = [3_600_000, 86_400_000];
export const startMs = Date.parse('2026-12-01T00:00:00Z');
const directory = 'https://acme-v02.api.letsencrypt.org/directory';
const account = 'https://acme-v02.api.letsencrypt.org/acme/acct/1';
const accountKey = `newOrdersPerAccount ${account}`;
/** Tokens that come within a minute are waited for. */
const shortMs = 60_000;

/** Let's Encrypt's certificates become shorter: https://letsencrypt.org/2025/12/02/from-90-to-45 */
const lifetimeMsAt = (ms: number): number =>
  (ms < Date.parse('2027-02-10') ? 90 : ms < Date.parse('2028-02-16') ? 64 : 45) * dayMs;

/** What happened in an hour. */
export interface Hour {
  /** First issues. */
  firsts: number;
  renewals: number;
  /** The fewest tokens of the account. */
  left: number;
}

export interface Years {
  readonly hours: readonly Hour[];
  /** When each certificate was first issued, by name, in ms since 1970. */
  readonly issuedAtMs: ReadonlyMap<string, number>;
  /** Orders that the CA refused, certificates that expired, and those that there are not. */
  readonly violations: readonly string[];
}

/**
 * Returns the certificates of a shop platform: nine of ten have the domain of a customer, and the others are shops below
 * ten domains of its own.
 */
export const shops = (count: number): readonly StoredSpec[] =>
  Array.from({ length: count }, (_, at) => {
    const name = `shop-${at}`;
    const value = at % 10 === 9 ? `${name}.own-${Math.floor(at / 10) % 10}.example` : `www.customer-${at}.example`;
    const issuer = { name: 'letsencrypt', settings: { ...testSpec.issuer.settings, directory } };
    return { ...testSpec, name, identifiers: [{ type: 'dns', value }], issuer, targets: [] };
  });

export const registeredDomain = (value: string): string =>
  value.slice(value.lastIndexOf('.', value.lastIndexOf('.') - 1) + 1);

interface Certificate {
  /** Its place in the configuration. */
  readonly at: number;
  readonly spec: StoredSpec;
  lineage: Lineage | undefined;
  /** The CA's window of the current version. */
  window: readonly [startMs: number, endMs: number];
  wakeMs: number;
}

interface Order {
  readonly certificate: Certificate;
  readonly facts: OrderFacts;
}

export function liveYears(specs: readonly StoredSpec[], { days, seed = 1 }: { days: number; seed?: number }): Years {
  const chance = chanceOf(seed);
  const limits = limitsOf(directory);
  const arrivals = new Map<string, number>();
  let nowMs = startMs;
  const ca = createRateLimits(
    () => nowMs,
    () => letsEncryptLimits,
  );
  const violations: string[] = [];
  const issuedAtMs = new Map<string, number>();
  const hours: Hour[] = [];
  const asleep = createHeap<Certificate>(({ wakeMs }) => wakeMs);
  for (const [at, spec] of specs.entries())
    asleep.push({ at, spec, lineage: undefined, window: [0, 0], wakeMs: startMs });

  function sleep(certificate: Certificate): void {
    const { renewal } = certificate.lineage!;
    const times = [Date.parse(renewal!.at), earliestReasonMs(certificate.lineage!, { nextRunMs: undefined })];
    wakeAt(certificate, Math.min(...times.filter((ms) => ms > nowMs)));
  }

  function wakeAt(certificate: Certificate, ms: number): void {
    certificate.wakeMs = ms;
    asleep.push(certificate);
  }

  /** Returns the order of a certificate if it is due. */
  function orderOf(certificate: Certificate): Order | undefined {
    const { spec, lineage } = certificate;
    const now = new Date(nowMs);
    const { action } = planLineage(spec, lineage, now, { obeyBackoff: true, force: false });
    if (action === 'issue' || action === 'renew')
      return { certificate, facts: orderFacts(spec, lineage, { account, atMs: nowMs, registeredDomain }) };
    sleep(certificate);
    return undefined;
  }

  function askWindow(certificate: Certificate): void {
    const { lineage, window } = certificate;
    const [start, end] = window.map((ms) => new Date(ms).toISOString()) as [string, string];
    // The windows of this CA do not move, so it is asked once for each.
    const answer = { start, end, explanationUrl: undefined, retryAfterMs: dayMs };
    const renewal = renewalByWindow(lineage!.current!, answer, lineage!.renewal, new Date(nowMs), chance());
    certificate.lineage = { ...lineage!, renewal };
  }

  function place({ certificate, facts }: Order, hour: Hour): void {
    const { spec, lineage, window } = certificate;
    const { name, identifiers } = spec;
    const current = lineage?.current;
    const lastMs = current ? Date.parse(current.facts.notBefore) : Number.NEGATIVE_INFINITY;
    const order = { accountId: 1, identifiers, isRenewal: nowMs - lastMs < 120 * dayMs };
    const isExempt = current !== undefined && nowMs >= window[0] && nowMs < window[1];
    const at = new Date(nowMs).toISOString();
    const refusal = isExempt ? undefined : ca.order(order);
    if (refusal) violations.push(`${at}: the CA refused ${name} by ${refusal.limit} of ${refusal.of}`);
    if (current && Date.parse(current.facts.notAfter) <= nowMs) violations.push(`${at}: ${name} has expired`);
    ca.issued(order);
    for (const when of ['order', 'issued'] as const)
      for (const { key, limit } of bucketsSpent(facts, limits, when))
        arrivals.set(key, spent(arrivals.get(key), limit, nowMs));
    if (current) hour.renewals += 1;
    else hour.firsts += 1;
    if (!current) issuedAtMs.set(name, nowMs);
    const lifetimeMs = lifetimeMsAt(nowMs);
    const dates = { notBefore: at, notAfter: new Date(nowMs + lifetimeMs - 1_000).toISOString() };
    const idealMs = nowMs + (lifetimeMs * 2) / 3;
    certificate.window = [idealMs - lifetimeMs / 100, idealMs + lifetimeMs / 100];
    const version: Version = {
      ...{ id: at, directory, accountUrl: account, issuedAt: at },
      facts: { ...testLineage.current.facts, ...dates, identifiers },
    };
    const last = { at, result: 'issued', version: at, message: '' } as const;
    const { renewal: _before, ...rest } = lineage ?? { ...testLineage, name, spec, deployments: {} };
    certificate.lineage = { ...rest, current: version, last };
    askWindow(certificate);
    sleep(certificate);
  }

  /** First issues that wait for a token. */
  let late: Order[] = [];

  /** What `renew` does. */
  function pass(hour: Hour): void {
    const passMs = nowMs;
    const orders = late;
    late = [];
    for (let next = asleep.first(); next && next.wakeMs <= passMs; next = asleep.first()) {
      const order = orderOf(asleep.pop()!);
      if (order) orders.push(order);
    }
    if (orders.length === 0) return;
    // As the ledger's documents do, forget the buckets that are full.
    for (const [key, fullMs] of arrivals) if (fullMs <= passMs) arrivals.delete(key);
    orders.sort((a, b) => a.certificate.at - b.certificate.at);
    const waiting = orders.map((what) => {
      const expires = what.certificate.lineage?.current?.facts.notAfter;
      return {
        what,
        name: what.certificate.spec.name,
        order: what.facts,
        expiresAtMs: expires === undefined ? undefined : Date.parse(expires),
      };
    });
    for (const { what, atMs } of forecast(waiting, { arrivals, limits, nowMs: passMs, declared: specs })) {
      if (atMs > passMs + shortMs) {
        if (what.certificate.lineage) wakeAt(what.certificate, passMs + hourMs);
        else late.push(what);
      } else {
        nowMs = atMs;
        place(what, hour);
        hour.left = Math.min(hour.left, leftOf());
      }
    }
    nowMs = passMs;
  }

  const leftOf = () => look(arrivals.get(accountKey), limits[0]!, nowMs).left;

  for (; nowMs < startMs + days * dayMs; nowMs += hourMs) {
    const hour: Hour = { firsts: 0, renewals: 0, left: leftOf() };
    hours.push(hour);
    pass(hour);
  }
  for (const { certificate } of late) asleep.push(certificate);
  for (let one = asleep.pop(); one; one = asleep.pop()) {
    const notAfter = one.lineage?.current?.facts.notAfter;
    if (notAfter === undefined) violations.push(`${one.spec.name} was never issued`);
    else if (Date.parse(notAfter) <= nowMs) violations.push(`${one.spec.name} has expired in the end`);
  }
  return { hours, issuedAtMs, violations };
}
