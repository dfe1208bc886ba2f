import { CertfleetError, fail } from '../errors/errors.ts';
import { cut } from '../errors/remote-text.ts';
import { storedError } from '../errors/stored-error.ts';
import type { StoredError } from '../errors/wording.ts';
import { breakAgainMs, nextTryAt } from '../lineage/deployments.ts';
import { maxDocumentBytes } from '../lineage/document-limits.ts';
import { decodeDocument, encodeDocument } from '../lineage/lineage.ts';
import { isObject, isTime } from '../lineage/shape.ts';
import { isToCome } from '../lineage/stored-time.ts';
import { present } from '../text/present.ts';
import { missingAfterMs, type Role, type Running, type RunningByRole } from './running.ts';

/**
 * What one node says of itself: `replica/<node>`, written at the end of each of its runs, and with each sign of life of
 * a process that keeps running. What the node has is not stored: its own folders and programs tell.
 */
export interface ReplicaDocument {
  readonly schema: 1;
  /** The version of certfleet at the last run. */
  readonly version: string;
  /** When its last runs began, the latest last. RFC 3339. */
  readonly runs: readonly string[];
  /** The boot IDs of the machines that made the last runs, the latest last. */
  readonly boots?: readonly string[] | undefined;
  /** When the last run began that looked at every certificate. */
  readonly looked?: string | undefined;
  /**
   * When runs began since then that looked at some certificates alone, such as those of `issue`, and after a space the
   * version that was current then. By certificate.
   */
  readonly seen?: Readonly<Record<string, string>> | undefined;
  /** What it lacked of the current versions after its last run. */
  readonly lacks: readonly Lack[];
  /** How much more it lacked than `lacks` has room for. */
  readonly more?: number | undefined;
  /** The processes that keep running under the node's name, or did so last. */
  readonly running?: RunningByRole | undefined;
  /** What an alarm told to be missing there, and when. The next sign of life of that removes it. */
  readonly missingTold?: MissingTold | undefined;
}

export const emptyReplica: ReplicaDocument = { schema: 1, version: '', runs: [], lacks: [] };

interface MissingTold {
  readonly what: 'renew' | Role;
  /** RFC 3339. */
  readonly at: string;
}

/** A known node. */
export interface Replica {
  readonly node: string;
  readonly document: ReplicaDocument;
}

/** A target of the node that lacks a version, and why. A command that waits for a target before it has no code. */
export interface Lack extends Omit<StoredError, 'hint'> {
  readonly certificate: string;
  readonly target: string;
  readonly version: string;
  readonly since: string;
  /** Consecutive failures. */
  readonly tries: number;
  /** When `renew` tries again; undefined means at its next run. */
  readonly retryAt?: string | undefined;
  /** An alarm has been raised. */
  readonly alarmed?: true | undefined;
}

/** Another node wrote it, which must not stop the work of this one. */
export function decodeReplica(bytes: Uint8Array, node: string, location: string): ReplicaDocument {
  const where = { key: `replica/${node}`, file: location };
  const document = decodeDocument<ReplicaDocument>(bytes, where, ['runs', 'lacks']);
  const { runs, lacks, running = {}, seen = {}, boots = [], missingTold } = document;
  const areLists = [runs, lacks, boots].every(Array.isArray) && isObject(running) && isObject(seen);
  const isWhole =
    areLists &&
    runs.every(isTime) &&
    lacks.every((one) => isObject(one) && isTime(one.since)) &&
    Object.values(running).every(isRunningThere) &&
    Object.values(seen).every((look) => typeof look === 'string') &&
    (missingTold === undefined || isTime(missingTold?.at));
  if (!isWhole) throw fail('store/corrupt', { ...where, reason: 'a value in it is of the wrong kind' });
  return document;
}

const isRunningThere = (one: Running): boolean =>
  isObject(one) &&
  isTime(one.at) &&
  isTime(one.since) &&
  one.everyMs > 0 &&
  one.everyMs <= dayMs &&
  (one.lease === undefined || isObject(one.lease?.holder));

/** More cannot be read by a person, and must not make the document too large. */
const mostLacks = 500;

/** The length of a stored message. The event and the outcome have the whole one. */
const longestOfLack = 200;

/** How many looks at single certificates are kept. */
const mostLooks = 500;

const mostRuns = 5;

/** Runs that begin sooner after each other are a person's, or repetitions, and say nothing about the schedule. */
const oneRunMs = 10 * 60_000;

/** Of a node with one shorter interval, the schedule is unknown: its first run may have been a person's. */
const dayMs = 24 * 3_600_000;

/** Returns the document after a run. */
export function afterRun(
  before: ReplicaDocument | undefined,
  run: {
    readonly version: string;
    readonly at: Date;
    /** The boot ID of the machine; empty if it is not known. */
    readonly boot: string;
    /** The certificates that the run looked at, with the version that was current; undefined means all. */
    readonly looked: ReadonlyMap<string, string | undefined> | undefined;
    /** What they lack. */
    readonly lacks: readonly Lack[];
  },
): ReplicaDocument {
  const at = run.at.toISOString();
  const { runs = [], boots = [], lacks = [], looked, seen = {}, more, running } = before ?? {};
  const others = run.looked ? lacks.filter(({ certificate }) => !run.looked?.has(certificate)) : [];
  return storable({
    schema: 1,
    version: run.version,
    // The passes of a process that keeps running have no schedule.
    runs: isRunning(before, run.at) ? [at] : withRun(runs, at),
    boots: run.boot === '' ? boots : [...boots, run.boot].slice(-mostRuns),
    looked: run.looked ? looked : at,
    seen: run.looked ? seenWith(seen, run.looked, at) : seenAfter(seen, at),
    lacks: [...others, ...run.lacks],
    more: run.looked ? more : undefined,
    running,
    missingTold: toldOfOther(before, 'node'),
  });
}

/** Returns what an alarm told of another role, whose absence does not end with a sign of life of this one. */
export const toldOfOther = (before: ReplicaDocument | undefined, role: Role): MissingTold | undefined => {
  const told = before?.missingTold;
  return told && (told.what === 'responder') !== (role === 'responder') ? told : undefined;
};

/** Reports whether a process keeps running on the node, as far as its last sign of life tells. */
const isRunning = (replica: ReplicaDocument | undefined, now: Date): boolean => {
  const { node } = replica?.running ?? {};
  return node?.lease !== undefined && now.getTime() - Date.parse(node.at) < missingAfterMs(node);
};

/** Adds looks. If there are too many, the oldest are forgotten: `status` then waits for a run that looks at all. */
function seenWith(
  seen: NonNullable<ReplicaDocument['seen']>,
  looked: ReadonlyMap<string, string | undefined>,
  at: string,
): ReplicaDocument['seen'] {
  const others = Object.entries(seen).filter(([certificate]) => !looked.has(certificate));
  const looks = [...looked].map(([certificate, version]) => [certificate, version ? `${at} ${version}` : at]);
  return Object.fromEntries([...others, ...looks].slice(-mostLooks));
}

/** Leaves the looks that began while a run looked at all certificates. */
function seenAfter(seen: NonNullable<ReplicaDocument['seen']>, at: string): ReplicaDocument['seen'] {
  const later = Object.entries(seen).filter(([, look]) => Date.parse(look.split(' ')[0]!) > Date.parse(at));
  return later.length > 0 ? Object.fromEntries(later) : undefined;
}

/**
 * Reports whether the node has looked at a certificate since a time, or while a version was current: the clocks of two
 * machines differ, and a process that keeps running looks before the one that delivers the version is done.
 */
export function hasLookedSince(
  { looked, seen = {} }: ReplicaDocument,
  certificate: string,
  { since, version }: { readonly since: string; readonly version?: string },
): boolean {
  const [at, own] = (Object.hasOwn(seen, certificate) ? seen[certificate] : undefined)?.split(' ') ?? [];
  if (own !== undefined && own === version) return true;
  return [looked, at].some((one) => one !== undefined && Date.parse(since) <= Date.parse(one));
}

/** Adds a run. Of runs in quick succession, the first and the last stay. */
function withRun(runs: readonly string[], at: string): readonly string[] {
  const [last, before] = [runs.at(-1), runs.at(-2)];
  const isSame = last !== undefined && before !== undefined && Date.parse(last) - Date.parse(before) < oneRunMs;
  return [...(isSame ? runs.slice(0, -1) : runs), at].slice(-mostRuns);
}

/** Leaves out what has no room: first further lacks, then their messages, then single looks. */
export function storable({ lacks, more = 0, seen, ...rest }: ReplicaDocument): ReplicaDocument {
  const withLacks = (kept: readonly Lack[], looks: ReplicaDocument['seen']): ReplicaDocument => {
    const left = more + lacks.length - kept.length;
    return { ...rest, seen: looks, lacks: kept, ...present({ more: left > 0 ? left : undefined }) };
  };
  let document = withLacks(lacks.slice(0, mostLacks), seen);
  const isTooLarge = () => encodeDocument(document).length > maxDocumentBytes;
  if (isTooLarge())
    document = withLacks(
      document.lacks.map(({ message: _long, params: _texts, cause: _why, ...lack }) => lack),
      seen,
    );
  if (isTooLarge()) document = withLacks(document.lacks, undefined);
  while (isTooLarge()) document = withLacks(document.lacks.slice(0, Math.floor(document.lacks.length / 2)), undefined);
  return document;
}

/**
 * Reports whether several machines run under the node's name by turns: a boot ID that comes back after another one is no
 * reboot. Containers of one machine have the same boot ID, so they are not told apart.
 */
export const isOfSeveralMachines = ({ boots = [] }: Pick<ReplicaDocument, 'boots'>): boolean =>
  boots.some((boot, index) => boot !== boots[index - 1] && boots.slice(0, Math.max(0, index - 1)).includes(boot));

/** Returns the node's usual interval: the longest of the last ones, so that a run by hand changes nothing. */
export function usualIntervalMs({ runs }: Pick<ReplicaDocument, 'runs'>): number | undefined {
  const times = runs.map((at) => Date.parse(at));
  const intervals = times.slice(1).map((time, index) => time - times[index]!);
  const usual = intervals.filter((ms) => ms >= oneRunMs);
  const longest = Math.max(0, ...usual);
  return longest === 0 || (usual.length === 1 && longest < dayMs) ? undefined : longest;
}

/** Returns what is stored of a target that a run could not give a version. */
export function lackAfter(
  error: CertfleetError | { readonly message: string },
  facts: Pick<Lack, 'certificate' | 'target' | 'version'> & {
    readonly before: Lack | undefined;
    readonly now: Date;
    /** How long a target may lack the version before an alarm is raised. */
    readonly deployTimeoutMs: number;
  },
): Lack {
  const { certificate, target, version, now } = facts;
  const before = facts.before?.version === version ? facts.before : undefined;
  const since = before?.since ?? now.toISOString();
  const isLate = Date.parse(since) + facts.deployTimeoutMs <= now.getTime();
  return {
    ...{ certificate, target, version, since },
    ...reasonToStore(error),
    tries: (before?.tries ?? 0) + 1,
    ...present({
      retryAt: error instanceof CertfleetError ? nextTryAt(new Date(since), now) : undefined,
      alarmed: before?.alarmed || isLate ? (true as const) : undefined,
    }),
  };
}

function reasonToStore(error: CertfleetError | { readonly message: string }): Omit<StoredError, 'hint'> {
  if (!(error instanceof CertfleetError)) return { message: cut(error.message, longestOfLack) };
  const { hint: _told, ...reason } = storedError(error, longestOfLack);
  return reason;
}

/** Reports whether it is too early to try again. */
export const isPaused = ({ retryAt }: Pick<Lack, 'retryAt'>, now: Date): boolean =>
  retryAt !== undefined && isToCome(retryAt, breakAgainMs, now);
