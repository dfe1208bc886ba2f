import { Client } from 'pg';
import { reasonOf } from '../../core/errors/errors.ts';
import { trustAlso } from '../../lib/http/ca-file.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Place } from './place.ts';
import { PostgresFailure } from './postgres-failure.ts';

/** All values are text, and null is null. */
export type Row = Readonly<Record<string, string | null>>;
export type Value = string | number | Uint8Array | null | readonly string[];

/** One connection, for one statement at a time. */
export interface Connection {
  /** Without values, the text may be several statements, which are one transaction. Fails with {@link PostgresFailure}. */
  query(text: string, values?: readonly Value[]): Promise<readonly Row[]>;
  /** It can take another statement. */
  readonly isUsable: boolean;
  /** Whether the process stays alive for it, as at first. */
  keepAwake(isBusy: boolean): void;
  /** Says goodbye. */
  end(): Promise<void>;
  /** Ends it at once. */
  destroy(): void;
}

/** A statement that has no answer after this time never gets one. */
const statementMs = 10_000;
const connectMs = 5_000;

/** Text as the server sends it, whatever its type. */
const types = { getTypeParser: () => (text: string) => text };

interface Socket {
  destroy(): void;
}

/**
 * Opens a connection. Fails with {@link PostgresFailure}, or because `caFile` cannot be used.
 *
 * @param hasLimit tells the server how long a statement may take, so that it also ends those of a process that was
 *   killed. PgBouncer refuses to hear of it.
 */
export async function connect(place: Place, clock: Pick<Clock, 'deadline'>, hasLimit: boolean): Promise<Connection> {
  const { host, port, database, user, password, caFile } = place;
  const isEncrypted = place.tls === 'verified';
  const client = new Client({
    ...{ host, port, database, user, types, client_encoding: 'UTF8', application_name: 'certfleet', keepAlive: true },
    // A function, because pg would otherwise look for a password in the environment and in the user's home.
    password: () => password?.reveal() ?? '',
    ssl: isEncrypted ? (caFile === undefined ? {} : { secureContext: trustAlso(caFile) }) : false,
    statement_timeout: hasLimit && statementMs,
  });
  const inner = client as unknown as {
    readonly connection: { readonly stream: Socket };
    readonly connectionParameters: { options?: unknown };
    ref(): void;
    unref(): void;
  };
  // From PGOPTIONS. What certfleet does depends on its configuration alone.
  inner.connectionParameters.options = undefined;
  let lost: PostgresFailure | undefined;
  const lose = (reason: string) => {
    lost ??= new PostgresFailure('lost', reason);
  };
  // Also between two statements: without a listener, it would end the process.
  client.on('error', (error) => lose(reasonOf(error)));
  client.on('end', () => lose('the connection was closed'));
  const destroy = () => {
    lose('the connection was closed');
    inner.connection.stream.destroy();
  };

  /** Runs a call that has an end, because the connection has. */
  async function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
    const deadline = clock.deadline(ms);
    const end = () => {
      lose('timed out');
      inner.connection.stream.destroy();
    };
    deadline.signal.addEventListener('abort', end, { once: true });
    try {
      return await call();
    } finally {
      deadline.done();
      deadline.signal.removeEventListener('abort', end);
    }
  }

  try {
    await within(connectMs, () => client.connect());
  } catch (error) {
    const reason = lost?.message === 'timed out' ? lost : error;
    destroy();
    throw PostgresFailure.ofConnecting(reason, isEncrypted);
  }
  return {
    async query(text, values) {
      if (lost) throw lost;
      try {
        const query = values === undefined ? client.query(text) : client.query(text, [...values]);
        return (await within(statementMs, () => query)).rows as Row[];
      } catch (error) {
        const failure = lost ?? PostgresFailure.ofStatement(error);
        if (failure.outcome === 'lost') destroy();
        throw failure;
      }
    },
    get isUsable() {
      return lost === undefined;
    },
    keepAwake: (isBusy) => (isBusy ? inner.ref() : inner.unref()),
    async end() {
      if (lost) return;
      await within(connectMs, () => client.end()).catch(() => undefined);
      destroy();
    },
    destroy,
  };
}
