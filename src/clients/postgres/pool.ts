import { orAborted } from '../../core/async/on-abort.ts';
import { createTurns } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { type Connection, connect, type Row, type Value } from './connection.ts';
import type { Place } from './place.ts';
import { PostgresFailure } from './postgres-failure.ts';

/** Statements on one database, each a transaction of its own. All fail with {@link PostgresFailure}. */
export interface Pool {
  /** Rejects with the signal's reason as soon as it aborts. */
  read(text: string, values: readonly Value[], signal: AbortSignal): Promise<readonly Row[]>;
  /**
   * Repeats the statement if its answer was lost, so it must be one that may have its effect twice. An abort counts only
   * until it is sent.
   */
  write(text: string, values: readonly Value[], signal: AbortSignal): Promise<Written>;
  /**
   * Gives one connection to several statements, which are one transaction. If the connection is lost, they are done again,
   * so they must first look at what is there.
   */
  alone<T>(work: (connection: Pick<Connection, 'query'>) => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface Written {
  readonly rows: readonly Row[];
  /** An answer was lost before, so the statement may have had its effect twice, and others may have come between. */
  readonly isRepeated: boolean;
}

const mostConnections = 10;
/** Longer than the pause of those who look every few seconds. */
const idleMs = 30_000;
/** A server that starts again, or its successor, takes some seconds. */
const patienceMs = 10_000;
const longestPauseMs = 1_000;

interface Statement {
  readonly text: string;
  readonly values: readonly Value[];
  /** Takes note of a failure after which it is tried again. */
  readonly saw: (failure: PostgresFailure) => void;
}

interface Ports {
  readonly clock: Pick<Clock, 'deadline' | 'monotonicMs' | 'sleep'>;
  readonly random: Pick<Random, 'number'>;
}

export function createPool(place: Place, { clock, random }: Ports): Pool {
  const turns = createTurns(mostConnections);
  /** The one that was used last comes last. */
  let idle: { readonly connection: Connection; readonly sinceMs: number }[] = [];
  let isClosed = false;
  let hasLimit = true;
  /** It is the right server and password, so what fails now may pass. */
  let hasWorked = false;
  let { password } = place;

  async function latestPassword(): Promise<typeof password> {
    try {
      return place.rereadPassword ? await place.rereadPassword() : password;
    } catch {
      // The refusal says more than that a file cannot be read just now.
      return password;
    }
  }

  async function open(): Promise<Connection> {
    const used = { password, hasLimit };
    try {
      const opened = await connect({ ...place, password }, clock, hasLimit);
      hasWorked = true;
      return opened;
    } catch (error) {
      if (!(error instanceof PostgresFailure)) throw error;
      if (error.message.includes('statement_timeout')) hasLimit = false;
      else if (error.isOfLogin) password = await latestPassword();
      const isOther = used.hasLimit !== hasLimit || used.password?.reveal() !== password?.reveal();
      if (!isOther) throw error;
      return open();
    }
  }

  async function take(): Promise<Connection> {
    for (let last = idle.pop(); last; last = idle.pop()) {
      if (!last.connection.isUsable) continue;
      last.connection.keepAwake(true);
      return last.connection;
    }
    return open();
  }

  function giveBack(connection: Connection): void {
    if (!connection.isUsable) return;
    if (isClosed) return void connection.end();
    connection.keepAwake(false);
    idle.push({ connection, sinceMs: clock.monotonicMs() });
    // No timer ends connections that are unused for a while: something looks at the store every few seconds.
    const before = clock.monotonicMs() - idleMs;
    for (const old of idle.filter(({ sinceMs }) => sinceMs < before)) void old.connection.end();
    idle = idle.filter(({ sinceMs }) => sinceMs >= before);
  }

  /** Runs a statement once. */
  async function once(text: string, values: readonly Value[], signal: AbortSignal): Promise<readonly Row[]> {
    const done = await turns.take(signal);
    try {
      const connection = await take();
      // A connection may take seconds, and nothing has been sent yet.
      if (signal.aborted) {
        giveBack(connection);
        throw signal.reason;
      }
      try {
        return await connection.query(text, values);
      } finally {
        giveBack(connection);
      }
    } finally {
      done();
    }
  }

  /** Runs a call. If a deadline of the caller ends it, why the database was not quicker is the failure. */
  async function inTime<T>(call: (saw: (failure: PostgresFailure) => void) => Promise<T>): Promise<T> {
    let last: PostgresFailure | undefined;
    try {
      return await call((failure) => (last = failure));
    } catch (error) {
      if ((error as Error)?.name !== 'TimeoutError') throw error;
      throw last ?? new PostgresFailure('unsent', 'timed out');
    }
  }

  async function run({ text, values, saw }: Statement, signal: AbortSignal): Promise<Written> {
    const began = clock.monotonicMs();
    let isSent = false;
    for (let tries = 1; ; tries += 1) {
      try {
        return { rows: await once(text, values, signal), isRepeated: isSent };
      } catch (error) {
        if (!(error instanceof PostgresFailure)) throw error;
        saw(error);
        const { outcome } = error;
        isSent ||= outcome === 'lost';
        if (outcome === 'lost' || outcome === 'moved') dropIdle();
        const isFirstLoss = outcome === 'lost' && tries === 1;
        const isPatient = clock.monotonicMs() - began < patienceMs && (hasWorked || outcome === 'again');
        if (outcome === 'refused' || !(isFirstLoss || isPatient)) throw error;
        if (signal.aborted) throw isSent ? error : signal.reason;
        if (isFirstLoss) continue;
        const pauseMs = Math.min(longestPauseMs, 50 * 2 ** Math.min(tries, 6)) * (0.5 + random.number() / 2);
        await clock.sleep(pauseMs, signal).catch((reason: unknown) => {
          throw isSent ? error : reason;
        });
      }
    }
  }

  async function together<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal): Promise<T> {
    const done = await turns.take(signal);
    try {
      const connection = await take();
      try {
        signal.throwIfAborted();
        const result = await work(connection);
        giveBack(connection);
        return result;
      } catch (error) {
        // A transaction may be open.
        connection.destroy();
        throw error;
      }
    } finally {
      done();
    }
  }

  /** The server went, so the others lead nowhere, too. */
  function dropIdle(): void {
    for (const { connection } of idle.splice(0)) connection.destroy();
  }

  return {
    read: (text, values, signal) =>
      inTime(async (saw) => (await orAborted(run({ text, values, saw }, signal), signal)).rows),
    write: (text, values, signal) => inTime((saw) => run({ text, values, saw }, signal)),
    alone: (work, signal) =>
      inTime(async () => {
        try {
          return await together(work, signal);
        } catch (error) {
          if (!(error instanceof PostgresFailure) || error.outcome !== 'lost') throw error;
          dropIdle();
          return together(work, signal);
        }
      }),
    async close() {
      isClosed = true;
      await Promise.all(idle.splice(0).map(({ connection }) => connection.end()));
    },
  };
}
