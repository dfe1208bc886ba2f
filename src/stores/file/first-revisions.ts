import type { Files } from '../../ports/files.ts';
import type { Key } from '../../ports/store.ts';
import type { StoredDocument } from './document.ts';
import { type Place, pathOf } from './layout.ts';

/** The content of a document to create. */
export interface Content {
  readonly key: Key;
  readonly place: Place;
  readonly bytes: Uint8Array;
}

/** The first revision of a document. */
export interface First extends Content {
  readonly document: StoredDocument;
}

/** Steps of the file store that all revisions share. */
interface Steps {
  draft(place: Place, document: StoredDocument): Promise<string>;
  /** Returns false if the name is taken. */
  link(temporary: string, path: string): Promise<boolean>;
  /** Reports whether the link was made before others had continued, from a listing that is newer than the link. */
  isInTime(first: First, names: readonly string[]): Promise<boolean>;
}

/**
 * Writes first revisions into one folder, which share the listing and the fsync. Returns for each whether it was in
 * time.
 */
export async function writeFirsts(
  folder: string,
  firsts: readonly First[],
  files: Files,
  { draft, link, isInTime }: Steps,
): Promise<ReadonlyMap<First, PromiseSettledResult<boolean>>> {
  if (firsts.length === 0) return new Map();
  const drafts = await Promise.allSettled(firsts.map(({ place, document }) => draft(place, document)));
  try {
    const links = await afterEach(drafts, (temporary, at) => link(temporary, pathOf(firsts[at]!.place, 1)));
    const names = (await files.list(folder)) ?? [];
    const taken = await afterEach(links, async (isLinked, at) => {
      if (!isLinked || (await isInTime(firsts[at]!, names))) return isLinked;
      await files.remove(pathOf(firsts[at]!.place, 1));
      return false;
    });
    if (links.some((one) => one.status === 'fulfilled' && one.value)) await files.syncFolder(folder);
    return new Map(firsts.map((first, at) => [first, taken[at]!]));
  } finally {
    await afterEach(drafts, (temporary) => files.remove(temporary));
  }
}

/** Runs the next step for each result that has not failed. The others keep their failure. */
const afterEach = <A, B>(
  results: readonly PromiseSettledResult<A>[],
  next: (value: A, at: number) => Promise<B>,
): Promise<readonly PromiseSettledResult<B>[]> =>
  Promise.allSettled(
    results.map((result, at) =>
      result.status === 'fulfilled' ? next(result.value, at) : Promise.reject(result.reason),
    ),
  );
