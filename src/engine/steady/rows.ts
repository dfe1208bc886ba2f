import { failureThatCounts } from '../../core/lineage/failure.ts';
import type { Lease, Lineage } from '../../core/lineage/lineage.ts';
import { isStopped } from '../../core/lineage/revocation.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import { lettersOf } from '../../core/names/letters.ts';
import { type Served, servedAt } from '../../core/plan/served.ts';
import { atNow, isRenewed, type LineageStatus, lineageStates, stateOfLineage } from '../../core/plan/status.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetsAndEndpoints } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import type { EngineProcess } from '../engine.ts';
import { lineageOf } from '../run/stored-lineage.ts';
import { coveringOf } from './covering.ts';
import { cursorOf, isSame, type Kept, msOf, placeIn, secondsOf, textOf } from './kept-row.ts';
import { type Changed, createNews } from './news.ts';
import { createOrdered, type Ordered } from './ordered.ts';
import type { Declarations } from './seen.ts';

/** A certificate in a list. Times are RFC 3339. */
export interface CertificateRow {
  readonly name: string;
  readonly identifiers: readonly string[];
  readonly issuer: string;
  readonly state: LineageStatus['state'];
  readonly notAfter?: string;
  readonly renewAt?: string;
  /** What it is delivered to, targets and endpoints, and how many of them have the current version. */
  readonly targets: readonly string[];
  readonly delivered: number;
  /** What its endpoints really serve. */
  readonly served: Served;
  /** A person has paused it, whatever its state. */
  readonly isPaused?: true;
  /** The code of the last failure that counts, and when it is tried again. */
  readonly failure?: { readonly code: string; readonly retryAt: string };
  /** The step of the run under way, or of the one that was cut off. */
  readonly step?: string;
  /** The revision of its document; empty if it has none yet. */
  readonly revision: string;
}

export interface ListQuery {
  /** Part of its name or of an identifier. */
  readonly search?: string | undefined;
  readonly state?: LineageStatus['state'] | undefined;
  readonly issuer?: string | undefined;
  /** Whether the reader may see a certificate; all, if left out. */
  readonly isVisible?: (name: string) => boolean;
  readonly sort: 'name' | 'expiry' | 'renewal';
  readonly isDescending?: boolean | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface ListPage {
  readonly rows: readonly CertificateRow[];
  /** Where the next page begins; undefined if this is the last one. */
  readonly next?: string;
  /** How many certificates there are in all. */
  readonly total: number;
  /** The number of the last change that the page has. */
  readonly sequence: number;
}

/** What of a certificate counts and sums need. Times are in ms since 1970, NaN if there is none. */
export interface Glance extends Pick<CertificateRow, 'name' | 'issuer' | 'state'> {
  /** Joined by spaces. */
  readonly identifiers: string;
  readonly notAfterMs: number;
  readonly renewMs: number;
}

/** How many certificates are in each state. */
export type Counts = Readonly<Record<LineageStatus['state'], number>>;

/** What a process that keeps running knows of all certificates, for those who look at lists. */
export interface Rows {
  /** Begins to keep rows, of what the store has and of what it hears from then on. Before, it keeps nothing. */
  begin(signal: AbortSignal): Promise<void>;
  /** Takes note of a document that was read, and of the settings with which it is renewed, if it is. */
  saw(lineage: Lineage, revision: string, wanted: StoredSpec | undefined): void;
  /** Takes note that a document does not exist, or cannot be read. */
  lost(name: string, isCorrupt: boolean): void;
  readonly sequence: number;
  readonly total: number;
  get(name: string): CertificateRow | undefined;
  /** Fails with `usage/invalid-value` if `after` is not what a page has returned. */
  list(query: ListQuery): ListPage;
  /** See {@link coveringOf}. */
  covering(names: readonly string[], except: string): ReadonlyMap<string, readonly CertificateRow[]>;
  /** Returns how many of the certificates that a query asks for are in each state, in the time of a page that finds nothing. */
  count(query: Pick<ListQuery, 'search' | 'issuer' | 'isVisible'>): Counts;
  /** Returns of each certificate what counts and sums need: a hundred thousand rows take too long to make. */
  glances(): Iterable<Glance>;
  /** Reports whether the holder of a lease may still be at work. */
  isAtWork(lease: Lease): boolean;
  /** See `FleetView.follow`. */
  follow(since: number, signal: AbortSignal): AsyncIterable<Changed>;
}

type Ports = Pick<EngineProcess, 'clock' | 'processes' | 'sessions' | 'limits' | 'store'>;

/**
 * @param about.isBegun whether it keeps rows from the start
 * @param about.watch called when somebody begins to follow; returns what to call when they end
 */
export function createRows(
  ports: Ports,
  declared: () => Declarations,
  { isBegun, watch }: { readonly isBegun: boolean; readonly watch: () => () => void },
): Rows {
  const { clock, store } = ports;
  let isKept = isBegun;
  const kept = new Map<string, Kept>();
  const shared = new Map<string, string>();
  const orders: Readonly<Record<ListQuery['sort'], Ordered<Kept>>> = {
    name: createOrdered(() => 0),
    expiry: createOrdered(({ notAfter }) => msOf(notAfter)),
    renewal: createOrdered(({ renewAt }) => msOf(renewAt)),
  };
  const news = createNews(ports, watch);
  let seenDeclared: Declarations | undefined;
  /** Declared certificates without a document. */
  const absent = new Set<string>();

  /** Keeps one copy of texts that many certificates have. */
  function once(text: string): string {
    const known = shared.get(text);
    if (known !== undefined) return known;
    if (shared.size < 10_000) shared.set(text, text);
    return text;
  }

  function keep(name: string, next: Kept | undefined): void {
    const before = kept.get(name);
    if (before && next && isSame(before, next)) return;
    for (const order of Object.values(orders)) order.replace(before, next);
    if (next) kept.set(next.name, next);
    else kept.delete(name);
    news.note(name);
  }

  function keptOf(name: string, wanted: StoredSpec | undefined, lineage: Lineage | undefined, revision: string): Kept {
    const now = clock.now();
    const spec = wanted ?? lineage?.spec;
    const identifiers = (spec?.identifiers ?? []).map(identifierKey).join(' ');
    const targets = spec ? targetsAndEndpoints(spec) : [];
    const { current, renewal, deployments = {}, work, paused } = lineage ?? {};
    const failure = wanted && failureThatCounts(wanted, lineage, {}, now);
    const state = stateOfLineage(wanted, lineage, { now, isWorking: false, lacks: [] });
    const isLeft = !isRenewed(state) || isStopped(lineage) || paused !== undefined;
    return {
      name,
      identifiers: identifiers === name ? '' : identifiers,
      issuer: once(spec?.issuer.name ?? ''),
      targets: once(targets.join('\n')),
      served: once(JSON.stringify(servedAt(spec?.endpoints ?? [], deployments))),
      delivered: targets.filter((target) => deployments[target]?.state === 'current').length,
      state,
      notAfter: secondsOf(current?.facts.notAfter),
      renewAt: secondsOf(isLeft ? undefined : renewal?.at),
      isPaused: paused !== undefined,
      failure: failure && { code: once(failure.code), retryAt: failure.retryAt },
      step: work?.step,
      revision,
    };
  }

  /** Takes note of what is declared, if that has changed. */
  function refresh(): void {
    const next = declared();
    if (next === seenDeclared) return;
    seenDeclared = next;
    const names = new Set(next.names());
    for (const name of absent) if (!names.has(name)) forget(name);
    for (const name of names) {
      if (kept.has(name) && !absent.has(name)) continue;
      absent.add(name);
      keep(name, keptOf(name, next.jobOf(name, undefined)?.wanted, undefined, ''));
    }
  }

  function forget(name: string): void {
    absent.delete(name);
    news.holds(name, undefined);
    if (kept.has(name)) keep(name, undefined);
  }

  function stateNow({ name, state, notAfter, renewAt }: Kept, now: Date): LineageStatus['state'] {
    if (news.isWorkedOn(name)) return 'working';
    return atNow(state, { notAfterMs: msOf(notAfter), renewMs: msOf(renewAt) }, now);
  }

  function rowOf(one: Kept, now: Date): CertificateRow {
    const { name, identifiers, issuer, targets, delivered, served, failure, step, revision } = one;
    return {
      ...{ name, issuer, delivered, revision },
      served: JSON.parse(served) as Served,
      identifiers: identifiers === '' ? [name] : identifiers.split(' '),
      targets: targets === '' ? [] : targets.split('\n'),
      state: stateNow(one, now),
      ...present({
        notAfter: textOf(one.notAfter),
        renewAt: textOf(one.renewAt),
        isPaused: one.isPaused ? (true as const) : undefined,
        failure,
        step,
      }),
    };
  }

  function matches(one: Kept, { search, state, issuer, isVisible }: Partial<ListQuery>, now: Date): boolean {
    if (isVisible && !isVisible(one.name)) return false;
    if (issuer !== undefined && one.issuer !== issuer) return false;
    if (search !== undefined && ![one.name, one.identifiers].some((names) => has(names, search))) return false;
    return state === undefined || stateNow(one, now) === state;
  }

  function saw(lineage: Lineage, revision: string, wanted: StoredSpec | undefined): void {
    const { name, work } = lineage;
    news.holds(name, work?.lease);
    absent.delete(name);
    keep(name, keptOf(name, wanted, lineage, revision));
  }

  function lost(name: string, isCorrupt: boolean): void {
    const before = kept.get(name);
    if (isCorrupt) {
      keep(name, { ...(before ?? keptOf(name, undefined, undefined, '')), state: 'corrupt' });
      return;
    }
    forget(name);
    const wanted = declared().jobOf(name, undefined)?.wanted;
    if (!wanted) return;
    absent.add(name);
    keep(name, keptOf(name, wanted, undefined, ''));
  }

  return {
    async begin(signal) {
      if (isKept) return;
      isKept = true;
      for await (const page of store.scan('lineage', signal))
        for (const entry of page) {
          const { name } = entry.key;
          const lineage = lineageOf(ports, entry);
          if (lineage instanceof Error) lost(name, true);
          else saw(lineage, entry.revision, declared().jobOf(name, lineage)?.wanted);
        }
    },
    saw(...seen) {
      if (isKept) saw(...seen);
    },
    lost(...gone) {
      if (isKept) lost(...gone);
    },
    isAtWork: news.isAtWork,
    get sequence() {
      return news.sequence;
    },
    get total() {
      refresh();
      return kept.size;
    },
    get(name) {
      refresh();
      const one = kept.get(name);
      return one && rowOf(one, clock.now());
    },
    *glances() {
      refresh();
      const now = clock.now();
      for (const one of kept.values()) {
        const { name, issuer, notAfter, renewAt } = one;
        const identifiers = one.identifiers || name;
        const times = { notAfterMs: msOf(notAfter), renewMs: msOf(renewAt) };
        yield { name, identifiers, issuer, ...times, state: stateNow(one, now) };
      }
    },
    covering(names, except) {
      refresh();
      const now = clock.now();
      const found = coveringOf(kept.values(), names, except);
      return new Map([...found].map(([name, ones]) => [name, ones.map((one) => rowOf(one, now))]));
    },
    count(query) {
      refresh();
      const now = clock.now();
      const counts = noneOfEach();
      for (const one of kept.values()) if (matches(one, query, now)) counts[stateNow(one, now)]++;
      return counts;
    },
    list(query) {
      refresh();
      const now = clock.now();
      const rows: CertificateRow[] = [];
      let next: string | undefined;
      const order = orders[query.sort];
      const place = query.after === undefined ? undefined : placeIn(query.after);
      let last: Kept | undefined;
      for (const one of order.from(kept.values(), place, query.isDescending === true)) {
        if (!matches(one, query, now)) continue;
        if (rows.length === query.limit) {
          next = last && cursorOf(order.placeOf(last));
          break;
        }
        rows.push(rowOf(one, now));
        last = one;
      }
      return { rows, total: kept.size, sequence: news.sequence, ...present({ next }) };
    },
    follow: news.follow,
  };
}

/** Reports whether names have a text, as they are or in their own letters. */
const has = (names: string, search: string): boolean =>
  names.includes(search) || (names.includes('xn--') && lettersOf(names).includes(search));

export const noneOfEach = () =>
  Object.fromEntries(lineageStates.map((state) => [state, 0])) as Record<LineageStatus['state'], number>;
