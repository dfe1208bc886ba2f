import { cut } from '../errors/remote-text.ts';
import { shortened } from '../errors/stored-error.ts';
import { decodeDocument, encodeDocument } from '../lineage/lineage.ts';
import { isFields } from '../text/json.ts';
import { present } from '../text/present.ts';
import type { RunEntry } from './run-entry.ts';

/** `history/<lineage>`: what the last runs of a certificate did, the latest last. */
export interface History {
  readonly schema: 1;
  readonly runs: readonly RunEntry[];
}

export const mostRuns = 20;
/** The size of the document. It is read with its certificate, and thousands of them must be cheap. */
export const mostHistoryBytes = 16 * 1024;

/** Reads the document. An entry that is none is left out. Fails with `store/corrupt`. */
export function decodeHistory(bytes: Uint8Array, name: string, file: string): History {
  const { runs } = decodeDocument<History>(bytes, { key: `history/${name}`, file }, ['runs']);
  return { schema: 1, runs: Array.isArray(runs) ? runs.filter(isEntry) : [] };
}

function isEntry(value: unknown): value is RunEntry {
  if (!isFields(value)) return false;
  const texts = ['id', 'trigger', 'node', 'process', 'startedAt', 'endedAt', 'result'];
  const lists = ['did', 'steps', 'targets'];
  const areThere = texts.every((field) => typeof value[field] === 'string') && typeof value['ms'] === 'number';
  return areThere && lists.every((field) => Array.isArray(value[field]));
}

/**
 * Adds a run. A run that is there already is replaced. One that failed like an earlier one, with nothing but failures
 * since, counts together with it, so that a certificate that fails every hour does not push out everything else.
 */
export function withRun(runs: readonly RunEntry[], run: RunEntry): readonly RunEntry[] {
  const known = runs.findIndex(({ id }) => id === run.id);
  if (known >= 0) {
    const { count, since } = runs[known]!;
    return runs.with(known, isRepeatable(run) ? { ...run, ...present({ count, since }) } : run);
  }
  const firstOfFailing = runs.findLastIndex((one) => !isRepeatable(one)) + 1;
  const alike = runs.findLastIndex((one, index) => index >= firstOfFailing && isAlike(one, run));
  if (alike < 0 || !isRepeatable(run)) return [...runs, run].slice(-mostRuns);
  const { count = 1, since, startedAt } = runs[alike]!;
  return [...runs.toSpliced(alike, 1), { ...run, count: count + 1, since: since ?? startedAt }];
}

/** A run that issued something is of interest by itself, even if it could not deliver everything. */
const isRepeatable = ({ result, did }: RunEntry): boolean =>
  (result === 'failed' || result === 'pending') && did.length === 0;

function isAlike(one: RunEntry, other: RunEntry): boolean {
  const kindOf = ({ result, code, node, trigger, forced, steps, targets }: RunEntry) =>
    JSON.stringify([result, code, node, trigger, forced ?? false, steps.at(-1)?.step, targets.map(lackOf).toSorted()]);
  return kindOf(one) === kindOf(other);
}

const lackOf = ({ target, node = '', code = '' }: RunEntry['targets'][number]): string => `${target} ${node} ${code}`;

/** Encodes the document. What does not fit is shortened and then left out, the oldest runs first. */
export function encodeHistory(runs: readonly RunEntry[]): Uint8Array {
  let kept = runs.slice(-mostRuns);
  for (const shorten of [brief, bare])
    for (let index = 0; index < kept.length && !fits(kept); index += 1) kept = kept.with(index, shorten(kept[index]!));
  while (!fits(kept) && kept.length > 0) kept = kept.slice(1);
  return documentOf(kept);
}

const documentOf = (runs: readonly RunEntry[]): Uint8Array => encodeDocument({ schema: 1, runs } satisfies History);
const fits = (runs: readonly RunEntry[]): boolean => documentOf(runs).length <= mostHistoryBytes;

const longestBrief = 120;

/** Shortens the texts of a run. */
function brief({ params, cause, message, caSays, targets, ...run }: RunEntry): RunEntry {
  return {
    ...run,
    ...shortened({ params, cause, message }, longestBrief),
    ...present({ caSays: caSays && cut(caSays, longestBrief) }),
    targets: targets.map(({ message: _words, params: _texts, cause: _why, ...target }) => target),
  };
}

/** Keeps only when a run was, and how it ended. */
function bare({ caSays: _words, continued: _work, targets, steps: _times, ...one }: RunEntry): RunEntry {
  const { params, cause: _why, message, ...run } = one;
  const moreTargets = targets.length + (run.moreTargets ?? 0);
  return {
    ...run,
    steps: [],
    targets: [],
    ...shortened({ params, message }, longestBrief),
    ...present({ moreTargets: moreTargets || undefined }),
  };
}
