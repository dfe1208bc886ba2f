import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { version } from '../core/errors/version.ts';
import type { Vitals } from '../engine/steady/vitals.ts';
import type { Clock } from '../ports/clock.ts';
import { type Expiries, expiriesOf } from './expiries.ts';
import type { Health } from './health.ts';

/** The metrics of a process. */
export interface Metrics {
  readonly contentType: string;
  /** @param isNamed also with the certificates that expire first, by name */
  text(isNamed: boolean): Promise<string>;
}

export interface MetricsOptions {
  readonly vitals: Vitals;
  readonly node: string;
  readonly clock: Clock;
  readonly health: () => Health;
}

/** How many certificates have a time series of their own. */
const mostNamed = 1_000;
/** Two scrapes within this time share one look at all certificates. */
const sharedMs = 5_000;

/** The CPU time of the process, by its kind: the part of the name that tells them apart. */
const cpuTimes = {
  '': ({ user, system }: NodeJS.CpuUsage) => user + system,
  user_: ({ user }: NodeJS.CpuUsage) => user,
  system_: ({ system }: NodeJS.CpuUsage) => system,
};

/**
 * Of the metrics of prom-client: gauges that are named like counters; what is measured by waking the process a hundred
 * times a second, or wrongly with fewer; CPU time that begins with the first scrape; and a "heap" that has all data of
 * the process, resident or not.
 */
const unwanted = [
  ...['active_handles_total', 'active_requests_total', 'active_resources_total'].map((name) => `nodejs_${name}`),
  ...['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map((part) => `nodejs_eventloop_lag_${part}_seconds`),
  ...Object.keys(cpuTimes).map((kind) => `process_cpu_${kind}seconds_total`),
  'process_heap_bytes',
];

export function createMetrics({ vitals, node, clock, health }: MetricsOptions): Metrics {
  const open = new Registry();
  const named = new Registry();
  let seen: { readonly atMs: number; readonly expiries: Expiries } | undefined;
  const expiries = (): Expiries => {
    const atMs = clock.monotonicMs();
    if (!seen || atMs - seen.atMs >= sharedMs)
      seen = { atMs, expiries: expiriesOf(vitals.certificates(), clock.now(), mostNamed) };
    return seen.expiries;
  };

  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      name: `certfleet_${name}`,
      help,
      registers: [open],
      collect() {
        const found = value();
        if (found === undefined) this.remove();
        else this.set(found);
      },
    });
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers: [open],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  /** A counter, or a gauge, with a value for each value of one label. */
  const labelled = (
    kind: typeof Counter | typeof Gauge,
    { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
    values: () => ReadonlyMap<string, number>,
  ) =>
    new kind({
      name: `certfleet_${name}`,
      help,
      labelNames: [label],
      registers: [open],
      collect() {
        this.reset();
        for (const [value, count] of values()) this.inc({ [label]: value }, count);
      },
    });

  const { counts } = vitals;
  new Gauge({
    name: 'certfleet_info',
    help: 'Which certfleet this is',
    labelNames: ['version', 'node'],
    registers: [open],
  }).set({ version, node }, 1);
  gauge('healthy', '1 if the loop turns and the store can be read', () => Number(health().isAlive));
  gauge('ready', '1 if it takes care of the certificates', () => Number(health().isReady));
  labelled(Gauge, { name: 'certificates', help: 'Certificates by state', label: 'state' }, () => expiries().byState);
  gauge(
    'certificates_overdue',
    'Certificates that have expired, or of which a third of the time between planned renewal and expiry is over',
    () => expiries().overdue,
  );
  gauge('alarms_open', 'Alarms that are open, each counted by one node', () => vitals.openAlarms);
  gauge('next_expiry_timestamp_seconds', 'When the first certificate expires', () => {
    const [first] = expiries().soonest;
    return first && first.notAfterMs / 1_000;
  });
  labelled(
    Counter,
    { name: 'outcomes_total', help: 'What became of certificates that were due', label: 'result' },
    () => vitals.outcomes,
  );
  labelled(
    Counter,
    { name: 'errors_total', help: 'Failed and pending outcomes, by error code', label: 'code' },
    () => vitals.errors,
  );
  counter('certfleet_passes_total', 'Passes over certificates', () => counts.passes);
  counter(
    'certfleet_renewal_windows_asked_total',
    'Questions to CAs about renewal windows (ARI)',
    () => counts.windows,
  );
  counter('certfleet_store_failures_total', 'Failures of the store', () => counts.storeFailures);
  counter('certfleet_loop_turns_total', 'Turns of the loop', () => counts.turns);
  gauge('loop_lag_seconds', 'How late the last turn of the loop began', () => vitals.lateMs / 1_000);
  collectDefaultMetrics({ register: open, eventLoopMonitoringPrecision: 1_000 });
  for (const name of unwanted) open.removeSingleMetric(name);
  for (const [kind, microsecondsOf] of Object.entries(cpuTimes))
    counter(
      `process_cpu_${kind}seconds_total`,
      `CPU time of the process (${kind ? kind.slice(0, -1) : 'user and system'})`,
      () => microsecondsOf(process.cpuUsage()) / 1_000_000,
    );

  new Gauge({
    name: 'certfleet_certificate_expiry_timestamp_seconds',
    help: `When each of the ${mostNamed} certificates that expire first expires`,
    labelNames: ['certificate'],
    registers: [named],
    collect() {
      this.reset();
      for (const { name, notAfterMs } of expiries().soonest) this.set({ certificate: name }, notAfterMs / 1_000);
    },
  });

  return {
    contentType: open.contentType,
    text: async (isNamed) => `${await open.metrics()}${isNamed ? await named.metrics() : ''}`,
  };
}
