import { longestRetryAfterMs } from '../../core/ca/retry-after.ts';
import { decodeLineage, type Lineage } from '../../core/lineage/lineage.ts';
import { isToComeMs } from '../../core/lineage/stored-time.ts';
import { planLineage } from '../../core/plan/plan.ts';
import type { NamedIssuer } from '../../core/spec/spec.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import type { Entry } from '../../ports/store.ts';
import type { EngineProcess } from '../engine.ts';
import type { CaHold } from '../ledger/ca-hold.ts';
import type { Quiet } from '../pass/reconcile.ts';
import { whatIsLeft } from '../pass/sweep.ts';
import type { SeenCertificate } from '../path/window.ts';
import { atCa, type Job } from '../run/job.ts';
import type { Rows } from './rows.ts';
import {
  createAccounts,
  createIssuers,
  hashOf,
  longestMs,
  questionIn,
  type Summary,
  stateOf,
  summaryOf,
} from './summary.ts';
import { createTurns } from './turns.ts';
import type { KnownCertificate } from './vitals.ts';
import type { Watched } from './watch.ts';

/** The certificates that a process takes care of, as they are declared now. */
export interface Declarations {
  /** The names of all declared certificates. */
  names(): Iterable<string>;
  /** Returns what to do for a certificate, declared or stored; undefined if it is not renewed. */
  jobOf(name: string, lineage: Lineage | undefined): Job | undefined;
}

/** A lineage as this process last saw it. Times are monotonic, in ms, unless they say otherwise. */
interface Seen {
  readonly summary: Summary;
  /** When this process last asked for the window of its certificate, or found that another one has. */
  askedMs: number;
  /** When to ask again, in ms since 1970, for a reason that is not stored. */
  askAtMs: number;
  /** The version that was current when this node last looked at its own targets. */
  lookedAt: string | undefined;
  /** When a pass of this process last ended that did something for it. */
  doneMs: number;
}

/** The questions that are overdue when a process begins are asked within this time. */
const spreadMs = 6 * 3_600_000;
/** The questions of a process: at most 50 in a second, and a few need not wait for each other for hours. */
const [leastApartMs, mostApartMs] = [20, 1_000];
const justNowMs = 60_000;
/** When to look again whether a question that another process asks has become this one's. */
const othersMs = 3_600_000;

/** What a process has seen of all lineages, and when each of them has something to do. */
export interface SeenLineages {
  names(): Iterable<string>;
  has(name: string): boolean;
  /** Returns the ID of the version that was current. */
  current(name: string): string | undefined;
  notAfterMs(name: string): number;
  /** The directories of the CAs of all that was seen. */
  readonly directories: ReadonlySet<string>;
  /** The CAs that have suggested windows, by directory. */
  readonly cas: ReadonlyMap<string, NamedIssuer>;
  /** Returns what a whole pass needs to know of a certificate if it has nothing to look at in its document. */
  quiet(name: string): Quiet | undefined;
  /** Describes these certificates, stored or not. */
  known(names: Iterable<string>): Iterable<KnownCertificate>;
  /** Takes note of a document, and returns it; undefined if it does not exist. Fails with `store/corrupt`. */
  see(name: string, entry: Entry | undefined): Lineage | undefined;
  /** Takes note that a document cannot be read. Reports whether that is news. */
  cannotRead(name: string): boolean;
  /** Spreads the questions that are overdue over the next hours, the soonest expiry first. */
  spread(): void;
  /** Takes note that the CA was asked for the window, and gave no other one. */
  asked(name: string, checkAfter: string): void;
  /** Takes note that this node looked at its targets while a version was current. */
  lookedAtTargets(name: string, version: string): void;
  /** Sets that a certificate rests until a time after a try, or until what the try depends on changes in its document. */
  rest(name: string, forMs: number, lineage?: Lineage): void;
  /** Shortens the rest after a pass that did something for a certificate, unless one has just before. */
  done(name: string, forMs: number, lineage?: Lineage): void;
  /** Ends a rest. */
  wake(name: string): void;
  /**
   * Returns when it has something to do for a certificate, in ms since 1970, at the earliest; undefined if only a change
   * can tell.
   */
  dueOf(name: string): number | undefined;
  /** Reports whether another node should begin what is due for a certificate. */
  isOthers(name: string): boolean;
  /** Reports whether that node has left it for so long that even a process with other work begins it. */
  isLate(name: string): boolean;
  /** Returns the names of the certificates that a CA's hold puts off. */
  held(): Iterable<string>;
  /** Returns the names of the certificates that are declared in another way than when they were seen, and ends their rest. */
  declaredAnew(): readonly string[];
  /** Returns what it has that changes without its document. */
  watched(name: string): Watched;
  /** Returns the job for a certificate, if it needs more than a sweep. */
  jobFor(name: string, lineage: Lineage | undefined): Job | undefined;
  isToSweep(lineage: Lineage | undefined): boolean;
  /**
   * Lets each certificate be tried again at once whose last try failed, or will have failed when its pass ends: a secret
   * has changed. Its pause ends only if it needs that secret. Returns their names.
   */
  retryFailed(busy: Iterable<string>): readonly string[];
  /** Returns what is needed to ask for its window, if there is nothing else to do. */
  question(name: string): SeenCertificate | undefined;
}

/**
 * @param about.rank how many nodes come before this one for a certificate; the first one asks for its window
 * @param about.looksAtAll whether a pass looks at all targets of this node
 * @param about.askEveryMs how seldom it asks for a window, even if the CA wants to be asked more often
 */
export function createSeen(
  engine: EngineProcess,
  about: {
    readonly declared: () => Declarations;
    readonly holdAt: (directory: string) => CaHold | undefined;
    readonly rank: (name: string) => number;
    readonly looksAtAll: () => boolean;
    readonly askEveryMs: number;
    /** Told what it sees, for lists. */
    readonly rows?: Pick<Rows, 'saw' | 'lost'> | undefined;
  },
): SeenLineages {
  const { clock, node, store, limits, processes } = engine;
  const { declared, rank, askEveryMs } = about;
  const isMine = (name: string): boolean => rank(name) === 0;
  const turns = createTurns(clock, rank);
  const seen = new Map<string, Seen>();
  const unreadable = new Set<string>();
  /** After a try: until when, and what the try depended on. */
  const rests = new Map<string, { readonly untilMs: number; readonly state: string }>();
  const [issuers, accounts] = [createIssuers(), createAccounts()];
  /** The certificates that are to be tried again, until a pass takes their job. */
  const again = new Set<string>();
  const isAgain = (name: string): boolean => again.has(name) && seen.get(name)?.summary.hasFailed === true;
  const directories = new Set<string>();
  const cas = new Map<string, NamedIssuer>();
  const heldNames = new Set<string>();

  const laterMs = (askedMs: number, askAtMs: number, nowMs: number): number => {
    const restMs = askedMs + askEveryMs - clock.monotonicMs();
    return Math.max(askAtMs, restMs > 0 ? nowMs + Math.min(restMs, longestMs) : 0);
  };

  /** Reports whether this node has targets at which it has not looked since the current version is there. */
  const isToLook = ({ summary: { current, hasOwnTargets }, lookedAt }: Seen): boolean =>
    hasOwnTargets && current !== undefined && lookedAt !== current && !about.looksAtAll();

  /** Returns when to ask for a window, in ms since 1970. */
  function askMs(name: string, { summary, askedMs, askAtMs }: Seen, nowMs: number): number {
    const stored = isToComeMs(summary.checkMs, longestRetryAfterMs, nowMs) ? summary.checkMs : 0;
    const ms = Math.max(stored, laterMs(askedMs, askAtMs, nowMs));
    return ms <= nowMs && !isMine(name) ? nowMs + othersMs : ms;
  }

  function describe(name: string): KnownCertificate {
    const one = seen.get(name)?.summary;
    return {
      name,
      notAfterMs: one?.notAfterMs ?? Number.NaN,
      renewMs: one?.renewMs ?? Number.NaN,
      overdueMs: one?.overdueMs ?? Number.NaN,
      isUndeclared: one ? !one.isRenewed : declared().jobOf(name, undefined) === undefined,
      isFailing: one?.isFailing === true,
      isPaused: one?.isPaused === true,
      isPending: one?.isPending === true,
    };
  }

  function rest(name: string, forMs: number, lineage?: Lineage): void {
    // It may have been deleted meanwhile.
    if (!seen.has(name) && !declared().jobOf(name, undefined)) return;
    rests.set(name, { untilMs: clock.monotonicMs() + forMs, state: lineage ? stateOf(lineage) : '' });
  }

  function forget(name: string): void {
    for (const each of [seen, unreadable, rests, heldNames, again]) each.delete(name);
  }

  return {
    names: () => seen.keys(),
    has: (name) => seen.has(name),
    current: (name) => seen.get(name)?.summary.current,
    notAfterMs: (name) => seen.get(name)?.summary.notAfterMs ?? Number.NaN,
    directories,
    cas,
    quiet(name) {
      const { isQuiet = false, isRenewed, current, account } = seen.get(name)?.summary ?? {};
      return isQuiet ? { version: isRenewed ? current : undefined, account } : undefined;
    },
    *known(names) {
      for (const name of names) yield describe(name);
    },
    see(name, entry) {
      if (!entry) {
        about.rows?.lost(name, false);
        return void forget(name);
      }
      if (entry.corrupt) throw entry.corrupt;
      const lineage = decodeLineage(entry.bytes, name, store.location);
      unreadable.delete(name);
      const before = seen.get(name);
      const monotonicMs = clock.monotonicMs();
      const now = clock.now();
      const given = declared().jobOf(name, lineage);
      const job = given && atCa(engine, given);
      const checkMs = Date.parse(lineage.renewal?.checkAfter ?? '');
      const isAsked = before !== undefined && !Object.is(before.summary.checkMs, checkMs);
      const askedMs = isAsked ? monotonicMs : (before?.askedMs ?? Number.NEGATIVE_INFINITY);
      const askAtMs = before && before.summary.current === lineage.current?.id ? before.askAtMs : 0;
      const { lease } = lineage.work ?? {};
      const summary = summaryOf({ lineage, revision: entry.revision }, job, {
        ...{ now, node },
        lease: lease && {
          holder: processes.look(lease.holder),
          silentMs: engine.sessions.others.silentMs(lease),
          leaseTtlMs: limits.leaseTtlMs,
        },
        hold: about.holdAt(job?.wanted.issuer.settings.directory ?? ''),
        laterMs: laterMs(askedMs, askAtMs, now.getTime()),
        ...{ issuers, accounts },
      });
      if (summary.directory !== '') directories.add(summary.directory);
      if (job && lineage.renewal?.window) cas.set(summary.directory, job.wanted.issuer);
      if (summary.isHeld) heldNames.add(name);
      else heldNames.delete(name);
      // Another process may have changed what the last try met.
      const rest = rests.get(name);
      if (rest && rest.state !== stateOf(lineage)) rests.delete(name);
      // Not the given name, which may keep a longer text.
      const doneMs = before?.doneMs ?? Number.NEGATIVE_INFINITY;
      seen.set(lineage.name, { summary, askedMs, askAtMs, lookedAt: before?.lookedAt, doneMs });
      about.rows?.saw(lineage, summary.revision, job?.wanted);
      return lineage;
    },
    cannotRead(name) {
      const isNews = !unreadable.has(name);
      forget(name);
      about.rows?.lost(name, true);
      unreadable.add(name);
      return isNews;
    },
    spread() {
      const nowMs = clock.now().getTime();
      for (const one of seen.values()) one.askAtMs = 0;
      const overdue = [...seen].filter(
        ([name, one]) => one.summary.question !== undefined && isMine(name) && !(askMs(name, one, nowMs) > nowMs),
      );
      const apartMs = Math.max(leastApartMs, Math.min(spreadMs / overdue.length, mostApartMs));
      overdue.sort(([, a], [, b]) => a.summary.notAfterMs - b.summary.notAfterMs);
      for (const [at, [, one]] of overdue.entries()) one.askAtMs = nowMs + Math.floor(at * apartMs);
    },
    asked(name, checkAfter) {
      const one = seen.get(name);
      if (one) Object.assign(one, { askedMs: clock.monotonicMs(), askAtMs: Date.parse(checkAfter) });
    },
    lookedAtTargets(name, version) {
      const one = seen.get(name);
      if (one) one.lookedAt = version;
    },
    rest,
    done(name, forMs, lineage) {
      const one = seen.get(name);
      if (!one) return;
      const nowMs = clock.monotonicMs();
      if (nowMs - one.doneMs > justNowMs) rest(name, forMs, lineage);
      one.doneMs = nowMs;
    },
    wake: (name) => void rests.delete(name),
    dueOf(name) {
      const nowMs = clock.now().getTime();
      if (isAgain(name)) return turns.of(name, nowMs);
      const rest = rests.get(name);
      const one = seen.get(name);
      const dueMs = !one ? dueWithoutDocument(name, nowMs) : isToLook(one) ? nowMs : dueOfSeen(name, one, nowMs);
      return dueMs === undefined || !rest ? dueMs : Math.max(dueMs, nowMs + rest.untilMs - clock.monotonicMs());
    },
    isOthers(name) {
      const one = seen.get(name);
      return turns.isOthers(name) && !(one && isToLook(one));
    },
    isLate: turns.isLate,
    held: () => heldNames,
    declaredAnew() {
      const { names, jobOf } = declared();
      const all = new Set(names());
      const isOther = (name: string) => {
        const job = jobOf(name, undefined);
        return job !== undefined && hashOf(job.wanted) !== seen.get(name)?.summary.declared;
      };
      const gone = [...seen].flatMap(([name, { summary }]) => (summary.declared !== 0 && !all.has(name) ? [name] : []));
      const changed = [...[...all].filter(isOther), ...gone];
      for (const name of changed) rests.delete(name);
      return changed;
    },
    watched: (name) => seen.get(name)?.summary ?? { hasOwnTargets: false, hasEndpoints: false },
    jobFor(name, lineage) {
      const job = declared().jobOf(name, lineage);
      const isRetry = isAgain(name);
      again.delete(name);
      if (!job) return undefined;
      const rules = {
        obeyBackoff: true,
        force: false,
        node,
        nextRunMs: job.nextRunMs,
        shiftMs: atCa(engine, job).shiftMs,
      };
      const { action, pending } = planLineage(job.wanted, lineage, clock.now(), rules);
      // A target's pause does not know of secrets; that of the certificate ends only if its own have changed.
      if (isRetry) return pending ? { ...job, obeyBackoff: false } : job;
      return action !== 'none' || lineage?.work !== undefined || nodeTargets(job.wanted).length > 0 ? job : undefined;
    },
    isToSweep: (lineage) => lineage !== undefined && whatIsLeft({ clock, processes }, lineage) !== 'nothing',
    retryFailed(busy) {
      for (const name of busy) again.add(name);
      for (const [name, { summary }] of seen) if (summary.hasFailed) again.add(name);
      // A first try that failed early has left no document.
      for (const name of rests.keys()) if (!seen.has(name) && rests.delete(name)) again.add(name);
      return [...again];
    },
    question(name) {
      if (isAgain(name)) return undefined;
      const one = seen.get(name);
      const isDue = one?.summary.dueMs !== undefined && one.summary.dueMs <= clock.now().getTime();
      return !one || isDue || isToLook(one) ? undefined : questionIn(name, one.summary, issuers);
    },
  };

  function dueWithoutDocument(name: string, nowMs: number): number | undefined {
    if (!unreadable.has(name) && declared().jobOf(name, undefined)) return turns.of(name, nowMs);
    turns.forget(name);
    return undefined;
  }

  function dueOfSeen(name: string, one: Seen, nowMs: number): number | undefined {
    const { dueMs, question } = one.summary;
    const turnMs = dueMs === undefined ? Number.POSITIVE_INFINITY : turns.of(name, dueMs);
    const ms = Math.min(turnMs, question === undefined ? Number.POSITIVE_INFINITY : askMs(name, one, nowMs));
    return Number.isFinite(ms) ? ms : undefined;
  }
}
