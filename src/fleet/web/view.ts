import { createRecent } from '../../core/async/recent.ts';
import { type StoredError, say } from '../../core/errors/wording.ts';
import type { RunEntry } from '../../core/history/run-entry.ts';
import { type Lineage, unfinishedWork } from '../../core/lineage/lineage.ts';
import { processText } from '../../core/lineage/process-identity.ts';
import { describeNode, type NodeStatus } from '../../core/node/node-status.ts';
import type { Replica } from '../../core/node/replica.ts';
import { describeLineage, type LineageStatus, needsPerson } from '../../core/plan/status.ts';
import { present } from '../../core/text/present.ts';
import { type OpenAlarms, readAlarms } from '../../engine/alarms/open.ts';
import { type EngineProcess, inPass } from '../../engine/engine.ts';
import { readHistory } from '../../engine/history/stored-history.ts';
import { endOfCaHold, holdOf } from '../../engine/ledger/ca-hold.ts';
import { lineageOf } from '../../engine/run/stored-lineage.ts';
import type { Changed } from '../../engine/steady/news.ts';
import {
  type CertificateRow,
  type Counts,
  type Glance,
  type ListPage,
  type ListQuery,
  noneOfEach,
  type Rows,
} from '../../engine/steady/rows.ts';
import type { Declarations } from '../../engine/steady/seen.ts';
import type { KnownNames, LimitsGlance } from '../limits.ts';
import type { OpenFleet } from '../opened.ts';

export type { CertificateRow, Changed, Counts, ListPage, ListQuery };

/**
 * What a process that keeps running shows of the fleet. It knows all certificates, so lists and counts take no read of
 * the store.
 */
export interface FleetView {
  /** Returns one page of the certificates. Fails with `usage/invalid-value` if the cursor is not one of a page before. */
  list(query: ListQuery): ListPage;
  /** Returns how many certificates of a query are in each state, in the time of a page that finds nothing. */
  count(query: Pick<ListQuery, 'search' | 'issuer' | 'isVisible'>): Counts;
  /** Returns how many certificates are in each state, and what runs or needs a person. */
  overview(): Overview;
  /** Returns all that is known of a certificate; undefined if there is none of that name. Takes at most three reads. */
  certificate(name: string, signal: AbortSignal): Promise<CertificateView | undefined>;
  /** Returns what is left of each CA's rate limits, without what has used it up. It may be half a minute old. */
  limits(signal: AbortSignal): Promise<readonly LimitsGlance[]>;
  /** Returns the open alarms. They may be a few seconds old. Fails with `store/corrupt`. */
  alarms(signal: AbortSignal): Promise<OpenAlarms>;
  /**
   * Yields what has changed after a number of an earlier change, at once and then at least every two seconds, until the
   * signal aborts. If it does not know all of that any longer, there are no names, and the reader must read everything
   * again.
   */
  follow(since: number, signal: AbortSignal): AsyncIterable<Changed>;
  /** The number of the last change. */
  readonly sequence: number;
}

/** All certificates at a glance. */
export interface Overview {
  readonly total: number;
  readonly byState: Readonly<Record<LineageStatus['state'], number>>;
  /** The certificates that need a person, at most 50 of them, those that expire first at the front. */
  readonly troubled: readonly CertificateRow[];
  /** The certificates on which a process works, at most 50. */
  readonly running: readonly CertificateRow[];
  /** How many renewals are planned on each day in UTC, from today on. The first day has those that are due, too. */
  readonly days: readonly { readonly date: string; readonly renewals: number; readonly expiries: number }[];
  /** As they were at the last sign of life of this one; what they lack of each certificate is in `lacks`. */
  readonly nodes: readonly NodeStatus[];
  /** The name of the node that answers. */
  readonly node: string;
  readonly issuers: readonly string[];
  readonly sequence: number;
}

/** One certificate. */
export interface CertificateView {
  readonly row: CertificateRow;
  readonly status: LineageStatus;
  /** The revision of its document; an action that names an older one is refused. */
  readonly revision: string;
  /** What the last runs did, the latest first. */
  readonly runs: readonly RunEntry[];
  /** The run under way, or the one that was cut off. */
  readonly run?: {
    readonly step: string;
    readonly startedAt: string;
    /** The process that works on it, as `32 on node-a`; undefined if it has released its lease. */
    readonly holder?: string;
    readonly isCutOff: boolean;
  };
  /** Why the last try failed, as it is stored. */
  readonly failure?: {
    readonly code: string;
    readonly params?: Readonly<Record<string, string>>;
    readonly cause?: StoredError;
    /** In English; code, parameters and cause say it in another language. */
    readonly message: string;
    readonly hint: string;
    readonly count: number;
    readonly at: string;
    readonly retryAt: string;
  };
  /** Where its settings stand: `file` declarations are read-only on pages. */
  readonly declaredIn: 'file' | 'store' | 'command-line' | 'nowhere';
  /** The path of the configuration file, if that or one of its drop-ins declares it. */
  readonly file?: string;
  /** When the window of the CA opens and closes. */
  readonly window?: { readonly start: string; readonly end: string };
}

const mostShown = 50;
const shownDays = 91;
const dayMs = 86_400_000;
/** Answers that take many reads are shared for so long. */
const [limitsMs, alarmsMs, overviewMs] = [30_000, 5_000, 1_000];

/** What a view is made of. */
export interface Seen {
  readonly engine: EngineProcess;
  readonly rows: Rows;
  readonly declared: () => Declarations;
  readonly nodes: () => readonly Replica[];
  /** The path of the configuration file. */
  readonly file: string;
  /** What a pass works on. */
  readonly open: () => Omit<OpenFleet, 'engine'>;
}

export function createView({ engine, rows, declared, nodes, file, open }: Seen): FleetView {
  const { clock, store, processes } = engine;
  function look(): Overview {
    const now = clock.now();
    const byState = noneOfEach();
    const today = Math.floor(now.getTime() / dayMs);
    const days = Array.from({ length: shownDays }, (_, day) => ({
      date: new Date((today + day) * dayMs).toISOString().slice(0, 10),
      renewals: 0,
      expiries: 0,
    }));
    const needy: Glance[] = [];
    const running: string[] = [];
    const issuers = new Set<string>();
    // What is due or has expired counts today. There is no day with the number NaN.
    const dayOf = (ms: number) => days[Math.max(0, Math.floor(ms / dayMs) - today)];
    for (const one of rows.glances()) {
      const { name, state, issuer, renewMs, notAfterMs } = one;
      byState[state]++;
      issuers.add(issuer);
      if (needsPerson.includes(state)) needy.push(one);
      if (state === 'working' && running.length < mostShown) running.push(name);
      if (state === 'undeclared' || state === 'test') continue;
      const [renewal, expiry] = [dayOf(renewMs), dayOf(notAfterMs)];
      if (renewal) renewal.renewals++;
      if (expiry) expiry.expiries++;
    }
    const endOf = ({ notAfterMs }: Glance) => (Number.isNaN(notAfterMs) ? 0 : notAfterMs);
    needy.sort((a, b) => endOf(a) - endOf(b));
    const rowsOf = (names: readonly string[]) => names.flatMap((name) => rows.get(name) ?? []);
    return {
      ...{ byState, running: rowsOf(running), days, total: rows.total, sequence: rows.sequence, node: engine.node },
      troubled: rowsOf(needy.slice(0, mostShown).map(({ name }) => name)),
      nodes: nodes().map((replica) =>
        describeNode(replica, replica.document.lacks, { now, isDead: (who) => processes.look(who) === 'dead' }),
      ),
      issuers: [...issuers].filter((name) => name !== '').sort(),
    };
  }

  function declaredIn(name: string, origin: Lineage['origin'] | undefined): CertificateView['declaredIn'] {
    if (origin !== 'configuration') return origin ?? 'nowhere';
    const { inStore } = open().settings;
    return inStore?.names.has(name) || inStore?.refused.has(name) ? 'store' : 'file';
  }

  function* knownNames(): Iterable<KnownNames> {
    for (const { issuer, identifiers, state } of rows.glances())
      yield { issuer, identifiers, isTroubled: state === 'failing' || state === 'missing' };
  }

  let last: { readonly atMs: number; readonly overview: Overview } | undefined;
  const alarms = createRecent(clock, (signal) => readAlarms(engine, signal));
  const limits = createRecent(clock, (signal) =>
    inPass(engine, async (pass) => {
      const { limitsAtAGlance } = await import('../limits.ts');
      return limitsAtAGlance({ ...open(), engine: pass }, knownNames(), signal);
    }),
  );

  return {
    get sequence() {
      return rows.sequence;
    },
    list: (query) => rows.list(query),
    count: (query) => rows.count(query),
    overview() {
      const atMs = clock.monotonicMs();
      if (!last || atMs - last.atMs >= overviewMs) last = { atMs, overview: look() };
      return last.overview;
    },
    alarms: (signal) => alarms.get(alarmsMs, signal),
    limits: (signal) => limits.get(limitsMs, signal),
    follow: (since, signal) => rows.follow(since, signal),
    async certificate(name, signal) {
      const known = rows.get(name);
      if (!known) return undefined;
      const [entry, runs] = await Promise.all([
        store.get({ kind: 'lineage', name }, signal),
        readHistory(engine, name, signal),
      ]);
      const found = entry && lineageOf(engine, entry);
      const [corrupt, lineage] = found instanceof Error ? [found, undefined] : [undefined, found];
      const job = declared().jobOf(name, lineage);
      const now = clock.now();
      const lease = lineage?.work?.lease;
      const isWorking = lease !== undefined && rows.isAtWork(lease);
      const directory = job?.wanted.issuer.settings.directory;
      const caHold = directory && endOfCaHold(await holdOf(engine, directory, signal), lineage, now);
      const status = describeLineage(name, {
        ...{ wanted: job && { spec: job.wanted, origin: job.origin }, lineage, corrupt, now },
        isWorking,
        caHold: caHold || undefined,
        nodes: { here: engine.node, known: nodes() },
      });
      const { failure, renewal } = lineage ?? {};
      const work = unfinishedWork(lineage);
      const { isPaused: _before, renewAt: _then, ...row } = known;
      const { state, renewAt, paused } = status;
      return {
        row: { ...row, state, ...present({ renewAt, isPaused: paused && (true as const) }) },
        ...{ status, revision: entry?.revision ?? '' },
        runs: runs.toReversed(),
        declaredIn: declaredIn(name, job?.origin),
        ...present({
          file: declaredIn(name, job?.origin) === 'file' ? file : undefined,
          window: renewal?.window,
          failure: failure && {
            ...{ code: failure.code, ...say(failure, 'en') },
            ...{ count: failure.count, at: failure.at, retryAt: failure.retryAt },
            ...present({ params: failure.params, cause: failure.cause }),
          },
          run: work && {
            ...{ step: work.step, startedAt: work.startedAt, isCutOff: !isWorking },
            ...present({ holder: work.lease && processText(work.lease.holder) }),
          },
        }),
      };
    },
  };
}
