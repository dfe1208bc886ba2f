/** One page of a list. */
export interface Page<Item, Cursor> {
  readonly found: readonly Item[];
  /** Where the next page begins; undefined for the last page. */
  readonly next: Cursor | undefined;
}

/** Far more than an account or a zone has. A server with an endless list must not exhaust the memory. */
const mostPages = 200;
const mostItems = 100_000;

/**
 * Returns everything in a list that comes in pages. Refuses an endless list, and one that leads back to an earlier
 * page.
 *
 * @param failed makes the adapter's error
 */
export async function readPages<Item, Cursor>(
  failed: (reason: string) => Error,
  first: Cursor,
  read: (cursor: Cursor) => Promise<Page<Item, Cursor>>,
): Promise<readonly Item[]> {
  const all: Item[] = [];
  const seen = new Set<string>();
  for (let cursor: Cursor | undefined = first; cursor !== undefined; ) {
    const key = JSON.stringify(cursor);
    if (seen.has(key)) throw failed('a page of its list leads back to an earlier page');
    seen.add(key);
    if (seen.size > mostPages) throw failed(`its list has more than ${mostPages} pages`);
    const page: Page<Item, Cursor> = await read(cursor);
    if (all.length + page.found.length > mostItems) throw failed(`its list has more than ${mostItems} entries`);
    for (const item of page.found) all.push(item);
    cursor = page.next;
  }
  return all;
}

/** Returns everything in a list whose pages are numbered from 1. */
export const numberedPages = <Item>(
  failed: (reason: string) => Error,
  read: (number: number) => Promise<{ readonly found: readonly Item[]; readonly isLast: boolean }>,
): Promise<readonly Item[]> =>
  readPages(failed, 1, async (number) => {
    const { found, isLast } = await read(number);
    return { found, next: isLast || found.length === 0 ? undefined : number + 1 };
  });
