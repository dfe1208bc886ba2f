import type { ChallengeType } from '../core/challenge-type.ts';
import type { Identifier } from '../core/identifier.ts';
import type { Json } from '../core/json.ts';

export type { ChallengeType };

/**
 * Makes challenges answerable. The engine journals the intent before `present` and the receipt after it, owns all
 * waiting, and calls `cleanup` in the end, perhaps in another process.
 *
 * - `present` MUST be repeatable: after a crash it is called again for the same challenge.
 * - `ready` answers now and MUST NOT wait.
 * - `cleanup` MUST work from the challenge alone (no receipt), when nothing is there, and MUST remove only what
 *   belongs to this challenge (a TXT value by its value, a file by its content's token).
 * - On abort each rejects with the signal's reason; what it had done by then is for `cleanup`.
 */
export interface Solver {
  /** `http01-webroot`, `dns01`… */
  readonly type: string;
  readonly answers: readonly ChallengeType[];
  /** How long `ready` may say «not yet» before the engine gives up, in ms; 10 minutes where it does not say. */
  readonly readyBudgetMs?: number;
  /**
   * Something the public path can be asked for before there is an order (HTTP-01 only). Whatever it changes in the
   * world is journalled first: `probe` is called under the lease, and `unprobe` undoes it from nothing. The probe is
   * there until every lineage of this process that asked for it has taken it back; a lineage may do so more than once,
   * also without having asked (for a process that is dead).
   */
  probe?(lineage: string, signal: AbortSignal): Promise<Probe>;
  unprobe?(lineage: string, signal: AbortSignal): Promise<void>;
  /**
   * Looks whether the challenge could be answered for this identifier, without changing anything (the zone exists,
   * no wildcard would be hidden). Fails with the error to show; `preflight/no` and `preflight/hides-wildcard` stop
   * the order, other errors of area `dns/` mean «cannot tell».
   */
  preflight?(identifier: Identifier, signal: AbortSignal): Promise<void>;
  /** Answers the receipt; null where `cleanup` needs none, which spares the engine a durable write. */
  present(challenge: SolverChallenge, note: Note, signal: AbortSignal): Promise<Json>;
  ready(challenge: SolverChallenge, receipt: Json, signal: AbortSignal): Promise<Readiness>;
  cleanup(challenge: SolverChallenge, receipt: Json | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Lets go of ports and child processes; called once, at the end of the process's work. A solver that other processes
   * rely on may stay for them while a signal is given and not aborted; without one it ends at once.
   */
  close?(signal?: AbortSignal): Promise<void>;
}

export interface SolverChallenge {
  readonly type: ChallengeType;
  /** As ordered: with `*.` for a wildcard. */
  readonly identifier: Identifier;
  readonly token: string;
  /** RFC 8555 §8.1. */
  readonly keyAuthorization: string;
  /** Which lineage asks, for locks, logs and names. */
  readonly lineage: string;
  /** All identifiers of the certificate and how many challenges of it remain after this one (certbot's hooks want both). */
  readonly allIdentifiers: readonly Identifier[];
  readonly remaining: number;
}

/** A durable checkpoint between two effects of one call: what it is given replaces the receipt in the journal. */
export type Note = (receipt: Json) => Promise<void>;

export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: string; readonly retryAfterMs?: number };

export interface Probe {
  /** The path below the host, `/.well-known/acme-challenge/_health`. */
  readonly path: string;
  readonly body: string;
}
