import { reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';

/**
 * How a statement ended.
 *
 * - `unsent`: there was no connection;
 * - `lost`: no answer came, so it may have had its effect, or may still have it;
 * - `again`: the server undid it, and it may succeed at once;
 * - `moved`: the server takes no writes (any longer);
 * - `refused`: the server's answer, which stays.
 */
type Outcome = 'unsent' | 'lost' | 'again' | 'moved' | 'refused';

/** What the server or the network said. */
export class PostgresFailure extends Error {
  readonly outcome: Outcome;
  /** The five characters of the server's answer (SQLSTATE), if there was one. */
  readonly state: string | undefined;
  readonly isOfEncryption: boolean;

  constructor(outcome: Outcome, reason: string, state?: string, isOfEncryption = false) {
    super(reason);
    this.name = 'PostgresFailure';
    this.outcome = outcome;
    this.state = state;
    this.isOfEncryption = isOfEncryption;
  }

  /** The server, or a pooler, does not let the role in. */
  get isOfLogin(): boolean {
    return this.state?.startsWith('28') === true;
  }

  static ofStatement(error: unknown): PostgresFailure {
    const state = stateOf(error);
    if (state === undefined) return new PostgresFailure('lost', wordsOf(error));
    return new PostgresFailure(outcomeOf(state), wordsOf(error), state);
  }

  static ofConnecting(error: unknown, isEncrypted: boolean): PostgresFailure {
    const given = stateOf(error);
    // PgBouncer gives the code of a broken protocol.
    const state = given !== undefined && /authentication failed/i.test(reasonOf(error)) ? '28P01' : given;
    if (state !== undefined) {
      const outcome = outcomeOf(state);
      return new PostgresFailure(outcome === 'lost' || outcome === 'again' ? 'unsent' : outcome, wordsOf(error), state);
    }
    if (error instanceof PostgresFailure) return new PostgresFailure('unsent', error.message);
    if (isAboutPassword(error)) return new PostgresFailure('refused', 'the server wants a password', '28P01');
    const isOfEncryption = isEncrypted && isAboutTls(error);
    return new PostgresFailure(isOfEncryption ? 'refused' : 'unsent', wordsOf(error), undefined, isOfEncryption);
  }
}

/** Errors that pass by themselves: serialization failure, deadlock, lock not available, too many connections. */
const passing = ['40001', '40P01', '55P03', '53300'];

/**
 * The server or a pooler ended the connection: classes 08 and 57, except that of a database that was dropped, and 25P03
 * of a process that was stopped within a transaction. A statement that took too long (57014) was undone, but that is no
 * reason to begin it anew at once.
 */
const isEnd = (state: string): boolean =>
  state.startsWith('08') || state === '25P03' || (state.startsWith('57') && state !== '57P04');

const outcomeOf = (state: string): Outcome =>
  passing.includes(state) ? 'again' : state === '25006' ? 'moved' : isEnd(state) ? 'lost' : 'refused';

/** An error of the server has a severity besides. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
}

/** Node and OpenSSL have codes for what is wrong with a certificate; pg has words for a server without TLS. */
function isAboutTls(error: unknown): boolean {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (typeof syscall === 'string') return false;
  return typeof code === 'string' ? !/^E[A-Z]+$/.test(code) || code === 'EPROTO' : /\bSSL\b/.test(message);
}

/** The words of pg if it has none to give. */
const isAboutPassword = (error: unknown): boolean => /^SASL: .*password must be/.test((error as Error).message);

const wordsOf = (error: unknown): string => {
  const reason = remoteText(reasonOf(error));
  if (reason === 'The server does not support SSL connections') return 'the server has no TLS';
  return reason.startsWith('Connection terminated') ? 'the connection was closed' : reason;
};
