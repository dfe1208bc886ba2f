import type { Row, Value } from '../../clients/postgres/connection.ts';
import type { Pool, Written } from '../../clients/postgres/pool.ts';
import { createSingleFlight } from '../../core/async/single-flight.ts';
import type { Key } from '../../ports/store.ts';
import { gone, type Where, worded } from './failures.ts';
import { identifier, keyOf } from './names.ts';
import { hasTokens, migrate, readVersion, refuseNewer, schemaVersion } from './schema.ts';
import { createStatements, type Statements } from './statements.ts';

/** The table of the documents. Every call fails with an error of the table. */
export interface Table {
  readonly statements: Statements;
  /** The revision of the document that the store is anchored at. */
  readonly anchor: string | undefined;
  /** Reports whether there is a schema, which it brings up to date. Once there is one, this costs nothing. */
  isThere(signal: AbortSignal): Promise<boolean>;
  /** Makes the schema if there is none. */
  make(signal: AbortSignal): Promise<void>;
  read(text: string, values: readonly Value[], signal: AbortSignal): Promise<readonly Row[]>;
  write(text: string, values: readonly Value[], signal: AbortSignal): Promise<Written>;
  alone: Pool['alone'];
  /** Fails in every later call unless this document has this revision. */
  hold(key: Key, revision: string): void;
}

export function createTable(pool: Pool, where: Where): Table {
  const { schema, path, relation } = where;
  const statementsFor = (anchored?: Key) =>
    createStatements(`${identifier(schema)}.${relation}`, anchored && { kind: anchored.kind, key: keyOf(anchored) });
  let statements = statementsFor();
  const preparing = createSingleFlight<boolean>();
  let isReady = false;
  let anchor: string | undefined;

  async function inWords<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw worded(error, where);
    }
  }

  async function prepare(make: boolean, signal: AbortSignal): Promise<boolean> {
    if (relation === 'token') {
      isReady = await hasTokens(pool, schema, signal);
      return isReady;
    }
    const version = await readVersion(pool, schema, signal);
    refuseNewer(version ?? 0, path);
    if (version === undefined && !make) return false;
    if (version !== schemaVersion)
      await pool.alone(async (connection) => {
        await connection.query('begin');
        await migrate(connection, schema, path);
        await connection.query('commit');
      }, signal);
    isReady = true;
    return true;
  }

  const prepared = (make: boolean, signal: AbortSignal): Promise<boolean> =>
    inWords(async () => {
      signal.throwIfAborted();
      return isReady || preparing(make ? 'make' : 'look', () => prepare(make, signal), signal);
    });

  /** Refuses the answer of another database, or of one that somebody has emptied. */
  function checked(rows: readonly Row[]): readonly Row[] {
    const [first] = rows;
    const found = first?.['anchor'];
    // An answer of a statement from before the anchor was set has none.
    if (anchor !== undefined && found !== undefined && found !== '' && found !== anchor) throw gone(where);
    return rows;
  }

  return {
    get statements() {
      return statements;
    },
    get anchor() {
      return anchor;
    },
    isThere: (signal) => prepared(false, signal),
    make: async (signal) => void (await prepared(true, signal)),
    read: (text, values, signal) => inWords(async () => checked(await pool.read(text, values, signal))),
    write: (text, values, signal) =>
      inWords(async () => {
        const written = await pool.write(text, values, signal);
        checked(written.rows);
        return written;
      }),
    alone: (work, signal) => inWords(() => pool.alone(work, signal)),
    hold(key, revision) {
      anchor = revision;
      statements = statementsFor(key);
    },
  };
}
