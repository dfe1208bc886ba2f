import type { Row } from '../../clients/postgres/connection.ts';
import { createBatches } from '../../core/async/batches.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import type { Cursor, Entry, Gone, Kind, Store } from '../../ports/store.ts';
import type { Where } from './failures.ts';
import { nameFrom } from './names.ts';
import { type Found, foundIn, pagesOf, withBytes } from './pages.ts';
import { isBefore, parseSnapshot, type Snapshot, sees } from './snapshot.ts';
import { identities } from './statements.ts';
import type { Table } from './table.ts';

/** What those who have followed a kind since one first cursor know. */
interface Known {
  /** Grows with each look, so that a cursor that was used again is told from the latest one. */
  looks: number;
  /** A part of the revision of each document, enough to see that it is another one. */
  readonly revisions: Map<string, number>;
}

interface PostgresCursor {
  readonly identity: string;
  readonly snapshot: Snapshot;
  /** The same as the server writes it; empty if there was no store yet. */
  readonly text: string;
  /** The server's time, in seconds. */
  readonly at: number;
  readonly known: Known;
  readonly looks: number;
}

interface Ask {
  readonly kind: Kind;
  readonly cursor: PostgresCursor | undefined;
}

interface Answer {
  readonly entries: readonly (Entry | Gone)[];
  readonly cursor: PostgresCursor;
}

/** What one look says of the server. */
type Now = Omit<PostgresCursor, 'known' | 'looks'>;

/** Most documents that change often are smaller: signs of life, tokens, locks, ledgers. */
const smallInLook = 2 * 1024;

/** A deleted row stays for a day; a cursor that is older than this may lack deletions. */
const longestSeconds = 12 * 3600;

const listing = { rows: 5_000, inline: -1 };

/** 48 bits: a revision is random. */
const shortOf = (revision: string): number => Number.parseInt(revision.slice(-12), 16);

/**
 * Creates the function that finds changed documents (decision 0045). All who ask at the same time share one statement,
 * whatever their kinds.
 */
export function createChanges(table: Table, where: Where): Store['changes'] {
  let identity: string = identities[0];

  async function look(since: string | null, kinds: readonly Kind[], signal: AbortSignal): Promise<readonly Row[]> {
    const { changes } = table.statements;
    try {
      return await table.read(changes(identity), [since, kinds, smallInLook], signal);
    } catch (error) {
      if (identity === identities[1] || !isFailure(error, 'store/right-missing', 'store/unusable')) throw error;
      const rows = await table.read(changes(identities[1]), [since, kinds, smallInLook], signal);
      identity = identities[1];
      return rows;
    }
  }

  /** Lists a kind anew, and reports what differs from what is known. */
  async function relist({ kind, cursor }: Ask, now: Now, signal: AbortSignal): Promise<Answer> {
    const known = cursor?.looks === cursor?.known.looks ? cursor?.known.revisions : undefined;
    const revisions = new Map<string, number>();
    const changed: Found[] = [];
    for await (const page of pagesOf(table, kind, listing, signal))
      for (const found of page) {
        revisions.set(found.name, shortOf(found.revision));
        if (cursor && known?.get(found.name) !== shortOf(found.revision)) changed.push(found);
      }
    const entries: (Entry | Gone)[] = [];
    for await (const some of withBytes(table, changed, signal)) entries.push(...some);
    for (const name of cursor?.known.revisions.keys() ?? [])
      if (!revisions.has(name)) entries.push({ key: { kind, name }, gone: true });
    return { entries, cursor: { ...now, known: { looks: 0, revisions }, looks: 0 } };
  }

  const answerAll = createBatches<Ask, Answer>(
    async (asks, signal) => {
      const cursors = asks.flatMap(({ cursor }) => (cursor?.text ? [cursor] : []));
      const oldest = cursors.reduce<PostgresCursor | undefined>(
        (first, one) => (first && !isBefore(one.snapshot, first.snapshot) ? first : one),
        undefined,
      );
      const rows = await look(oldest?.text ?? null, [...new Set(asks.map(({ kind }) => kind))], signal);
      const now = nowOf(rows, where);
      const changed = rows.filter((row) => row['kind'] !== null);
      const rowsFor = ({ kind, cursor }: Ask): readonly Row[] | undefined =>
        cursor && isContinued(cursor, now)
          ? changed.filter((row) => row['kind'] === kind && !sees(cursor.snapshot, BigInt(row['at'] ?? 0)))
          : undefined;
      const wanted = new Set(asks.flatMap((ask) => rowsFor(ask) ?? []));
      const news = await newsOf(table, [...wanted], signal);
      const answers: Answer[] = [];
      for (const ask of asks) {
        const seen = rowsFor(ask);
        answers.push(seen && ask.cursor ? next(ask.cursor, now, seen, news) : await relist(ask, now, signal));
      }
      return answers;
    },
    () => Promise.resolve(),
  );

  return async (kind, cursor: Cursor | undefined, signal) => {
    if (!(await table.isThere(signal))) return { entries: [], cursor: beforeAll() };
    return answerAll({ kind, cursor: cursor as PostgresCursor | undefined }, signal);
  };
}

/** The cursor of a caller who begins before there is a store, so all that will be in it is new to them. */
const beforeAll = (): PostgresCursor => ({
  ...{ identity: '', snapshot: parseSnapshot(''), text: '', at: 0 },
  ...{ known: { looks: 0, revisions: new Map() }, looks: 0 },
});

function nowOf([row]: readonly Row[], { path }: Where): Now {
  if (row?.['standby'] === 'true') throw fail('store/read-only', { path, reason: 'it is a standby' });
  const text = row?.['snapshot'] ?? '';
  return {
    identity: row?.['identity'] ?? '',
    snapshot: parseSnapshot(text),
    text,
    at: Number(row?.['seconds'] ?? 0),
  };
}

/** Reports whether the server is still the one of the cursor, so that its transactions go on counting. */
const isContinued = (cursor: PostgresCursor, now: Now): boolean =>
  cursor.identity === now.identity && !isBefore(now.snapshot, cursor.snapshot) && now.at - cursor.at <= longestSeconds;

/** Returns what each row has become, by its kind and key. */
async function newsOf(
  table: Table,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Entry | Gone>> {
  const news = new Map<string, Entry | Gone>();
  const found: Found[] = [];
  for (const row of rows) {
    const one = foundIn(row);
    // Until its content is read, it may be deleted.
    news.set(idOf(one.kind, one.name), { key: { kind: one.kind, name: one.name }, gone: true });
    if (row['size'] !== null) found.push(one);
  }
  for await (const some of withBytes(table, found, signal))
    for (const entry of some) news.set(idOf(entry.key.kind, entry.key.name), entry);
  return news;
}

const idOf = (kind: Kind, name: string): string => `${kind}/${name}`;

function next(
  { known }: PostgresCursor,
  now: Now,
  rows: readonly Row[],
  news: ReadonlyMap<string, Entry | Gone>,
): Answer {
  const entries = rows.map((row) => news.get(idOf(row['kind'] as Kind, nameFrom(row['name'])))!);
  for (const entry of entries) {
    if ('gone' in entry) known.revisions.delete(entry.key.name);
    else known.revisions.set(entry.key.name, shortOf(entry.revision));
  }
  if (rows.length > 0) known.looks += 1;
  return { entries, cursor: { ...now, known, looks: known.looks } };
}
