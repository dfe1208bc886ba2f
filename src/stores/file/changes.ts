import { join } from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Cursor, Entry, Gone, Kind, Store } from '../../ports/store.ts';
import { groupByStem, isHashed, isShard, type Place } from './layout.ts';
import type { createReader } from './reader.ts';
import type { Trust } from './trust.ts';
import type { createGuard } from './unusable.ts';

/** What a cursor knows of the documents of a shard. */
interface Shard {
  /** The times of its folder at the last listing. */
  readonly times: string;
  /** When this process first saw these times, on its monotonic clock. */
  readonly sinceMs: number;
  /** The folder cannot change any more without other times. */
  readonly isSettled: boolean;
  /** The latest revision of each document, by its stem. */
  readonly documents: ReadonlyMap<string, number>;
  /** The names of those whose files do not have them, by their stems. */
  readonly names: ReadonlyMap<string, string>;
}

/** A shard that is to be listed. */
interface Listed {
  readonly kind: Kind;
  readonly folder: string;
  readonly times: string;
  /** They are too old to be those of a change that comes. */
  readonly isPast: boolean;
  /** The cursor tells nothing about the numbers. */
  readonly isOld: boolean;
}

interface FileCursor {
  readonly shards: ReadonlyMap<string, Shard>;
  /** When it was made. */
  readonly at: Date;
}

/**
 * A deletion leaves a marker for a day, and then numbers may start over. A cursor that is older than this, of a process
 * that was stopped, tells nothing about the numbers.
 */
const longestMs = 12 * 3_600_000;

/**
 * The clock of a file system goes in steps of up to two seconds, so two changes can leave one time. A listing counts once
 * the times have stood still for so long.
 */
const settledMs = 2_000;
/** A folder that was last changed before this cannot be given the same times again, however wrong a usable clock is. */
const pastMs = 2 * 3_600_000;

/**
 * Creates the function that finds changed documents. A write or a deletion changes the times of its shard's folder, so
 * only such folders are listed, and only files with another revision are read.
 */
export function createChanges(
  root: string,
  { files, clock }: { readonly files: Files; readonly clock: Pick<Clock, 'now' | 'monotonicMs'> },
  trust: Trust,
  guarded: ReturnType<typeof createGuard>,
  { entryOf }: Pick<ReturnType<typeof createReader>, 'entryOf'>,
): Store['changes'] {
  async function timesOf(folder: string): Promise<Pick<Listed, 'times' | 'isPast'> | undefined> {
    const stat = await files.stat(folder);
    if (!stat) return undefined;
    const { modifiedMs, changedMs } = stat;
    const isPast = Math.max(modifiedMs, changedMs) < clock.now().getTime() - pastMs;
    return { times: `${modifiedMs} ${changedMs}`, isPast };
  }

  /** Lists a shard, and collects what has changed since it was last listed. */
  async function list(
    { kind, folder, times, isPast, isOld }: Listed,
    before: Shard | undefined,
    changed: ((entry: Entry | Gone) => void) | undefined,
  ): Promise<Shard> {
    const nowMs = clock.monotonicMs();
    const sinceMs = before?.times === times ? before.sinceMs : nowMs;
    await trust.folder(folder);
    const documents = new Map<string, number>();
    const names = new Map<string, string>();
    for (const [stem, numbers] of groupByStem((await files.list(folder)) ?? [])) {
      const number = numbers.at(-1) ?? 0;
      // The given text keeps the name of the file.
      documents.set(Buffer.from(stem).toString(), number);
      const named = before?.names.get(stem);
      if (named !== undefined) names.set(stem, named);
      if (before?.documents.get(stem) === number && !isOld) continue;
      const place: Place = { folder, stem };
      // A document whose file has another name is read at once, so that its deletion can be told.
      const entry = changed || isHashed(place) ? await entryOf(kind, place, numbers) : undefined;
      const name = entry?.key.name ?? named ?? stem;
      if (name !== stem) names.set(stem, name);
      changed?.(entry ?? { key: { kind, name }, gone: true });
    }
    if (changed && before)
      for (const stem of before.documents.keys())
        if (!documents.has(stem)) changed({ key: { kind, name: before.names.get(stem) ?? stem }, gone: true });
    return { times, sinceMs, isSettled: isPast || nowMs - sinceMs >= settledMs, documents, names };
  }

  return (kind, cursor: Cursor | undefined, signal) =>
    guarded(signal, async () => {
      const at = clock.now();
      const last = cursor as FileCursor | undefined;
      const before = last?.shards;
      const isOld = last !== undefined && at.getTime() - last.at.getTime() > longestMs;
      const entries: (Entry | Gone)[] = [];
      const changed = last && ((entry: Entry | Gone) => void entries.push(entry));
      const after = new Map<string, Shard>();
      for (const shard of (await files.list(join(root, kind))) ?? []) {
        if (!isShard(shard)) continue;
        signal.throwIfAborted();
        const folder = join(root, kind, shard);
        const known = before?.get(shard);
        // The times come first, so that they are too old rather than too young for the listing.
        const found = await timesOf(folder);
        if (!found) continue;
        const isSame = known?.isSettled === true && known.times === found.times;
        after.set(shard, isSame ? known : await list({ kind, folder, ...found, isOld }, known, changed));
      }
      // A shard that is empty may be removed.
      for (const [shard, { documents, names }] of before ?? [])
        if (!after.has(shard))
          for (const stem of documents.keys()) changed?.({ key: { kind, name: names.get(stem) ?? stem }, gone: true });
      return { entries, cursor: { shards: after, at } satisfies FileCursor };
    });
}
