import type { Row } from '../../clients/postgres/connection.ts';
import type { Entry, IsKnown, Kind, Listing } from '../../ports/store.ts';
import { fromBase64, nameFrom } from './names.ts';
import type { Table } from './table.ts';

/** A document without its bytes, unless they came with it. */
export interface Found {
  readonly kind: Kind;
  readonly key: string;
  readonly name: string;
  readonly revision: string;
  readonly size: number;
  readonly bytes: Uint8Array | undefined;
}

export const foundIn = (row: Row, kind = row['kind'] as Kind): Found => ({
  kind,
  key: row['key'] ?? '',
  name: nameFrom(row['name']),
  revision: row['revision'] ?? '',
  size: Number(row['size'] ?? 0),
  bytes: row['bytes'] === null ? undefined : fromBase64(row['bytes']),
});

/** How much one answer may have. */
const mostBytes = 1024 * 1024;
const pageSize = 500;
/** Larger documents come in answers of their own, so that a page is never large. */
const smallInPage = 4 * 1024;
const listSize = 5_000;

/** Reads the documents of a kind in pages, in the order of their keys, the next one while the caller has one. */
export async function* pagesOf(
  table: Table,
  kind: Kind,
  { rows, inline }: { readonly rows: number; readonly inline: number },
  signal: AbortSignal,
): AsyncIterable<readonly Found[]> {
  const read = (after: string) => table.read(table.statements.page, [kind, after, rows, inline], signal);
  for (let reading = read(''); ; ) {
    const answer = await reading;
    const page = answer.filter((row) => row['key'] !== null).map((row) => foundIn(row, kind));
    const isLast = page.length < rows;
    if (!isLast) {
      reading = read(page.at(-1)!.key);
      // The caller may stop here.
      reading.catch(() => {});
    }
    if (page.length > 0) yield page;
    if (isLast) return;
  }
}

/**
 * Returns the documents with their bytes, as they are now, in no order. Leaves out those that are gone.
 */
export async function* withBytes(
  table: Table,
  found: readonly Found[],
  signal: AbortSignal,
): AsyncIterable<readonly Entry[]> {
  const entryOf = ({ kind, name, revision, bytes = new Uint8Array() }: Found): Entry => ({
    key: { kind, name },
    revision,
    bytes,
  });
  const small = found.filter(({ bytes }) => bytes !== undefined);
  if (small.length > 0) yield small.map(entryOf);
  for (const some of inParts(found.filter(({ bytes }) => bytes === undefined))) {
    const names = new Map(some.map((one) => [`${one.kind} ${one.key}`, one.name]));
    const kinds = some.map(({ kind }) => kind);
    const keys = some.map(({ key }) => key);
    const rows = await table.read(table.statements.some, [kinds, keys], signal);
    yield rows.map((row) => {
      const name = names.get(`${row['kind']} ${row['key']}`) ?? '';
      return entryOf({ ...foundIn(row), name, bytes: fromBase64(row['bytes']) });
    });
  }
}

function* inParts(found: readonly Found[]): Iterable<readonly Found[]> {
  let part: Found[] = [];
  let size = 0;
  for (const one of found) {
    if (part.length > 0 && size + one.size > mostBytes) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(one);
    size += one.size;
  }
  if (part.length > 0) yield part;
}

/** See the port. */
export async function* scan(
  table: Table,
  kind: Kind,
  signal: AbortSignal,
  isKnown?: IsKnown,
): AsyncIterable<readonly Entry[]> {
  if (!(await table.isThere(signal))) return;
  // Tokens are small, and each page of a view with a barrier sorts them all.
  const rows = isKnown || kind === 'token' ? listSize : pageSize;
  const size = { rows, inline: isKnown ? -1 : smallInPage };
  for await (const page of pagesOf(table, kind, size, signal)) {
    const wanted = isKnown ? page.filter(({ name, revision }) => !isKnown(name, revision)) : page;
    for await (const entries of withBytes(table, wanted, signal))
      yield isKnown ? entries.map((entry) => ({ ...entry, stamp: entry.revision })) : entries;
  }
}

/** See the port. */
export async function list(table: Table, kind: Kind, signal: AbortSignal): Promise<Listing> {
  const names = new Set<string>();
  if (await table.isThere(signal))
    for await (const page of pagesOf(table, kind, { rows: listSize, inline: -1 }, signal))
      for (const { name } of page) names.add(name);
  return { names: [...names], has: (name) => names.has(name) };
}
