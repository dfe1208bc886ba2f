import { targetsToDeploy } from '../../core/lineage/deployments.ts';
import { failureThatCounts } from '../../core/lineage/failure.ts';
import { decodeLineage, type Lineage } from '../../core/lineage/lineage.ts';
import { planLineage } from '../../core/plan/plan.ts';
import { wakeOf } from '../../core/plan/wake.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import { present } from '../../core/text/present.ts';
import type { Entry } from '../../ports/store.ts';
import type { EngineProcess } from '../engine.ts';
import { type CaHold, endOfCaHold } from '../ledger/ca-hold.ts';
import { whatIsLeft } from '../pass/sweep.ts';
import type { SeenCertificate } from '../path/window.ts';
import type { Job } from '../run/job.ts';
import type { KnownCertificate } from './vitals.ts';

/** The certificates that a process takes care of, as they are declared now. */
export interface Declarations {
  /** The names of all declared certificates. */
  names(): Iterable<string>;
  /** Returns what to do for a certificate, declared or stored; undefined if it is not renewed. */
  jobOf(name: string, lineage: Lineage | undefined): Job | undefined;
}

/** A lineage as this process last saw it. Times are monotonic, in ms, unless they say otherwise. */
interface Seen {
  readonly lineage: Lineage;
  readonly revision: string;
  /** When this process first saw this revision. */
  readonly sinceMs: number;
  /** When this process last asked for the window of its certificate, or found that another one has. */
  readonly askedMs: number;
  /** When to ask again, in ms since 1970, if this process has asked and stored nothing. */
  readonly checkAfterMs: number;
  /** The version that was current when this node last looked at its own targets. */
  readonly lookedAt: string | undefined;
}

/** A question is put off for no longer at once. */
const longestMs = 7 * 86_400_000;

/** What a process has seen of all lineages, and when each of them has something to do. */
export interface SeenLineages {
  names(): Iterable<string>;
  lineage(name: string): Lineage | undefined;
  /** Describes these certificates, stored or not. */
  known(names: Iterable<string>): Iterable<KnownCertificate>;
  /** Takes note of a document, and returns it; undefined if it does not exist. Fails with `store/corrupt`. */
  see(name: string, entry: Entry | undefined): Lineage | undefined;
  /** Takes note that the CA was asked for the window, and gave no other one. */
  asked(name: string, checkAfter: string): void;
  /** Takes note that this node looked at its targets while a version was current. */
  lookedAtTargets(name: string, version: string): void;
  /** Sets that a certificate rests until a time after a try. */
  rest(name: string, forMs: number): void;
  /** Returns when it has something to do for a certificate, in ms since 1970; undefined if only a change can tell. */
  dueOf(name: string, hold: CaHold | undefined): number | undefined;
  /** Reports whether what is due may be due later by now: a lease that lives, or a question that was put off. */
  mayMove(name: string): boolean;
  /** Returns the job for a certificate, if it needs more than a sweep. */
  jobFor(name: string): Job | undefined;
  isToSweep(name: string): boolean;
  /**
   * Lets each certificate be tried again at once whose last try failed, or will have failed when its pass ends: a secret
   * has changed. Its pause ends only if it needs that secret. Returns their names.
   */
  retryFailed(busy: Iterable<string>): readonly string[];
  /** Returns what is needed to ask for its window, if there may be nothing else to do. */
  question(name: string): SeenCertificate | undefined;
}

/** Reports whether a pause may be running after a failed try of the certificate or of a target. */
const hasFailed = ({ failure, deployments }: Lineage): boolean =>
  failure !== undefined || Object.values(deployments).some(({ retryAt }) => retryAt !== undefined);

/** @param askEveryMs how seldom it asks for a window, even if the CA wants to be asked more often */
export function createSeen(engine: EngineProcess, declared: () => Declarations, askEveryMs: number): SeenLineages {
  const { clock, node, store, limits, processes } = engine;
  const seen = new Map<string, Seen>();
  const restsUntilMs = new Map<string, number>();
  /** The certificates that are to be tried again, until a pass takes their job. */
  const again = new Set<string>();
  const isAgain = (name: string): boolean => {
    const lineage = again.has(name) ? seen.get(name)?.lineage : undefined;
    return lineage !== undefined && hasFailed(lineage);
  };

  /** Reports whether this node has targets at which it has not looked since the current version is there. */
  const isToLook = ({ wanted }: Job, { lineage: { current }, lookedAt }: Seen): boolean =>
    current !== undefined && nodeTargets(wanted).length > 0 && lookedAt !== current.id;

  /** Returns the lineage with the time at which this process is to ask for its window again. */
  function withLaterQuestion({ lineage, askedMs, checkAfterMs }: Seen, nowMs: number): Lineage {
    const { renewal } = lineage;
    if (!renewal) return lineage;
    const restMs = askedMs + askEveryMs - clock.monotonicMs();
    const laterMs = Math.max(checkAfterMs, restMs > 0 ? nowMs + Math.min(restMs, longestMs) : 0);
    if (laterMs <= (Date.parse(renewal.checkAfter ?? '') || 0)) return lineage;
    return { ...lineage, renewal: { ...renewal, checkAfter: new Date(laterMs).toISOString() } };
  }

  function dueByDocument(name: string, hold: CaHold | undefined, now: Date): number | undefined {
    const one = seen.get(name);
    const job = declared().jobOf(name, one?.lineage);
    if (!one) return wakeOf(job?.wanted, undefined, { now, node });
    if (job && isToLook(job, one)) return now.getTime();
    const lineage = withLaterQuestion(one, now.getTime());
    const holder = lineage.work?.lease?.holder;
    const unchangedMs = clock.monotonicMs() - one.sinceMs;
    const lease = holder && { holder: processes.look(holder), unchangedMs, leaseTtlMs: limits.leaseTtlMs };
    const caHold = endOfCaHold(hold, lineage, now);
    return wakeOf(job?.wanted, lineage, { now, node, lease, ...present({ caHold }) });
  }

  const isToSweep = (name: string): boolean => {
    const one = seen.get(name);
    return one !== undefined && whatIsLeft({ clock, processes }, one.lineage) !== 'nothing';
  };

  function describe(name: string): KnownCertificate {
    const lineage = seen.get(name)?.lineage;
    const wanted = declared().jobOf(name, lineage)?.wanted;
    const { notBefore, notAfter } = lineage?.current?.facts ?? {};
    return {
      ...{ name, notBefore, notAfter, isUndeclared: wanted === undefined, renewAt: lineage?.renewal?.at },
      isFailing: wanted !== undefined && failureThatCounts(wanted, lineage, {}, clock.now()) !== undefined,
      isPending: wanted !== undefined && lineage !== undefined && targetsToDeploy(wanted, lineage).length > 0,
    };
  }

  return {
    names: () => seen.keys(),
    lineage: (name) => seen.get(name)?.lineage,
    *known(names) {
      for (const name of names) yield describe(name);
    },
    see(name, entry) {
      if (!entry) {
        seen.delete(name);
        restsUntilMs.delete(name);
        again.delete(name);
        return undefined;
      }
      const before = seen.get(name);
      if (before?.revision === entry.revision) return before.lineage;
      const lineage = decodeLineage(entry.bytes, name, store.location);
      const sinceMs = clock.monotonicMs();
      const isAsked = before !== undefined && before.lineage.renewal?.checkAfter !== lineage.renewal?.checkAfter;
      const askedMs = isAsked ? sinceMs : (before?.askedMs ?? Number.NEGATIVE_INFINITY);
      const isSame = before?.lineage.current?.id === lineage.current?.id;
      const checkAfterMs = isSame ? (before?.checkAfterMs ?? 0) : 0;
      const lookedAt = before?.lookedAt;
      // Another process may have changed what the last try met.
      restsUntilMs.delete(name);
      seen.set(name, { lineage, revision: entry.revision, sinceMs, askedMs, checkAfterMs, lookedAt });
      return lineage;
    },
    asked(name, checkAfter) {
      const one = seen.get(name);
      if (one) seen.set(name, { ...one, askedMs: clock.monotonicMs(), checkAfterMs: Date.parse(checkAfter) });
    },
    lookedAtTargets(name, version) {
      const one = seen.get(name);
      if (one) seen.set(name, { ...one, lookedAt: version });
    },
    rest(name, forMs) {
      restsUntilMs.set(name, clock.monotonicMs() + forMs);
    },
    dueOf(name, hold) {
      const now = clock.now();
      if (isAgain(name)) return now.getTime();
      const dueMs = dueByDocument(name, hold, now);
      const restMs = (restsUntilMs.get(name) ?? 0) - clock.monotonicMs();
      return dueMs === undefined ? undefined : Math.max(dueMs, now.getTime() + restMs);
    },
    mayMove: (name) => askEveryMs > 0 || seen.get(name)?.lineage.work?.lease !== undefined,
    jobFor(name) {
      const lineage = seen.get(name)?.lineage;
      const job = declared().jobOf(name, lineage);
      const isRetry = isAgain(name);
      again.delete(name);
      if (!job) return undefined;
      const { action, pending } = planLineage(job.wanted, lineage, clock.now(), {
        obeyBackoff: true,
        force: false,
        node,
      });
      // A target's pause does not know of secrets; that of the certificate ends only if its own have changed.
      if (isRetry) return pending ? { ...job, obeyBackoff: false } : job;
      return action !== 'none' || lineage?.work !== undefined || nodeTargets(job.wanted).length > 0 ? job : undefined;
    },
    isToSweep,
    retryFailed(busy) {
      for (const name of busy) again.add(name);
      for (const [name, { lineage }] of seen) if (hasFailed(lineage)) again.add(name);
      return [...again];
    },
    question(name) {
      const one = seen.get(name);
      const job = one && declared().jobOf(name, one.lineage);
      if (!one || !job || isToLook(job, one) || isToSweep(name)) return undefined;
      return { job, lineage: one.lineage, revision: one.revision };
    },
  };
}
