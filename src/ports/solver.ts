import type { ChallengeType } from '../core/ca/challenge-type.ts';
import type { PersistAccount } from '../core/ca/persist-record.ts';
import type { KeptRecord } from '../core/lineage/lineage.ts';
import type { Identifier } from '../core/names/identifier.ts';
import type { Hop } from '../core/request-path/hop.ts';
import type { Json } from '../core/text/json.ts';

export type { ChallengeType };

/**
 * Answers challenges. The engine journals the intent before `present` and the receipt after it, does all waiting, and
 * finally calls `cleanup`, perhaps in another process.
 *
 * - `present` MUST be repeatable: it is called again for the same challenge after a crash.
 * - `ready` returns at once and MUST NOT wait.
 * - `cleanup` MUST work without a receipt, and if there is nothing to remove; it MUST remove only what belongs to this
 *   challenge (a TXT value by its value, a file by the token in it).
 * - On abort, each rejects with the signal's reason; `cleanup` removes what was done by then.
 */
export interface Solver {
  /** `http01-webroot`, `dns01`… */
  readonly type: string;
  readonly answers: readonly ChallengeType[];
  /** What answers, if not certfleet itself, in words: `the web server that serves the webroot`. */
  readonly answeredBy?: string;
  /** How long `ready` may return false before the engine gives up, in ms; 10 minutes by default. */
  readonly readyBudgetMs?: number;
  /** How long a removal may take before it is left to a later sweep, in ms; 30 s by default. */
  readonly cleanupBudgetMs?: number;
  /**
   * For how long after `ready` a wrong answer by the public path proves nothing, in ms (0 by default): a cloud's rule
   * takes effect everywhere only after a while.
   */
  readonly settleMs?: number;
  /**
   * How long a balancer on the public path may take to notice the responder, in ms; 6 s by default. Until then, its 502,
   * 503 and 504 prove nothing.
   */
  readonly noticedMs?: number;
  /** What `prepare` creates stays until the challenges are removed, so a run that resumes an order prepares again. */
  readonly stays?: true;
  /**
   * Makes the public path of these names lead to the solver before the order (HTTP-01 only): a probe file, a forward
   * rule. The engine journals the intent first. `withdraw` removes it: right after the preflight or, if it `stays`,
   * when the challenges are removed. A rule that several lineages share stays until the last of them withdraws.
   */
  prepare?(
    lineage: string,
    identifiers: readonly Identifier[],
    signal: AbortSignal,
    account?: SolverAccount,
  ): Promise<Prepared>;
  /**
   * Removes what `prepare` created. Repeatable; also works in a process that did not call `prepare`.
   *
   * @param late check the outside world even if the journal has nothing: a process that was suspended may have created
   * it after its removal
   */
  withdraw?(lineage: string, signal: AbortSignal, late?: boolean): Promise<void>;
  /** Removes what `withdraw` left in place, because the certificate is being deleted. */
  forget?(lineage: string, signal: AbortSignal): Promise<void>;
  /**
   * Checks, without changing anything, whether the challenge can be answered for this identifier (the zone exists, no
   * wildcard would be hidden). Fails with the error to show: `solver/wrong-answer` and `preflight/hides-wildcard` stop
   * the order; other errors of the areas `dns/` and `solver/` mean "cannot tell". They stop a first issue, and a change
   * of settings, if they occur for every name.
   *
   * @param account undefined if none is stored yet
   */
  preflight?(identifier: Identifier, signal: AbortSignal, account?: SolverAccount): Promise<void>;
  /**
   * Describes what currently lies between the name and the answer, for `certfleet doctor`. Changes nothing outside; it
   * may listen on the responder's port until the process ends. A failure becomes a hop. On abort, it rejects with the
   * signal's reason.
   */
  describePath?(identifier: Identifier, signal: AbortSignal, account?: SolverAccount): Promise<DescribedPath>;
  /** Returns the receipt, or null if `cleanup` needs none, which saves a durable write. */
  present(challenge: SolverChallenge, note: Note, signal: AbortSignal): Promise<Json>;
  ready(challenge: SolverChallenge, receipt: Json, signal: AbortSignal): Promise<Readiness>;
  /**
   * Removes the answer. A solver that can tell records on the signal whether there was something to remove
   * (`core/async/writes.ts`).
   */
  cleanup(challenge: SolverChallenge, receipt: Json | undefined, signal: AbortSignal): Promise<void>;
  /** Returns where a person finds the answer, to remove it by hand: the TXT name and value. */
  placeOf?(challenge: SolverChallenge, receipt: Json | undefined): string | undefined;
  /**
   * Returns for how many ms a removal that succeeded may have missed the answer, because the service's own list may not
   * have the latest values yet; undefined if the answer is found at once. The engine then keeps a tombstone, and cleans
   * up again after that time, and later.
   */
  mayMissForMs?(challenge: SolverChallenge, receipt: Json | undefined): number | undefined;
  /**
   * Releases ports and child processes. Called once, when the process has finished its work. If other processes rely on
   * the solver, it may wait for them until the signal aborts; without a signal, it ends at once.
   */
  close?(signal?: AbortSignal): Promise<void>;
}

/** The account for which challenges are answered. */
export interface SolverAccount {
  /** Undefined until the CA has responded to newAccount. */
  readonly url?: string | undefined;
  /** RFC 7638 thumbprint of the account key. */
  readonly thumbprint: string;
}

export interface SolverChallenge {
  readonly type: ChallengeType;
  /** As ordered: with `*.` for a wildcard. */
  readonly identifier: Identifier;
  /** Empty for dns-persist-01, which has none. */
  readonly token: string;
  /** RFC 8555 §8.1. */
  readonly keyAuthorization: string;
  /** The account's URL, for dns-account-01, whose record name depends on it. */
  readonly accountUrl?: string | undefined;
  /** For `present`, if the type is dns-persist-01. */
  readonly persist?: PersistTerms;
  /** The lineage's name, for locks, logs and names. */
  readonly lineage: string;
  /**
   * All identifiers of the certificate for which this solver answers. `remaining` is how many of their challenges
   * follow this one. For certbot's hooks.
   */
  readonly allIdentifiers: readonly Identifier[];
  readonly remaining: number;
}

/** What a dns-persist-01 record must say. */
export interface PersistTerms {
  /** The CA's names for itself; the record must have one of them. */
  readonly issuers: readonly string[];
  readonly directory: string;
  readonly account: PersistAccount;
  /** Whether the certificate also has a wildcard of the name. */
  readonly wildcard: boolean;
  /** Records that were written, or were about to be. */
  readonly kept: readonly KeptRecord[];
}

/** Makes a durable checkpoint between two effects of one call: replaces the receipt in the journal. */
export type Note = (receipt: Json) => Promise<void>;

export type Readiness =
  | { readonly ready: true }
  | {
      readonly ready: false;
      readonly reason: string;
      readonly retryAfterMs?: number;
      /** A person may have to act, so the reason is a warning. */
      readonly isDoubtful?: true;
    };

export interface Prepared {
  /** What to request by the public path. */
  readonly probe?: Probe;
  /**
   * For TLS-ALPN-01, instead of a probe: returns the key authorization of the certificate that a handshake for the
   * identifier must present by the public path.
   */
  readonly handshake?: (identifier: Identifier) => string;
  /** Reports whether everything is in place; returns at once. `readyBudgetMs` also applies here. */
  ready?(signal: AbortSignal): Promise<Readiness>;
  /** Set if nothing was created, because it already existed. Creates it again; called if the probe is not answered. */
  again?(signal: AbortSignal): Promise<Prepared>;
}

export interface DescribedPath {
  /** In the order in which a request passes them. */
  readonly hops: readonly Hop[];
  /** What the public path must currently answer; absent if it leads to the solver only during an order. */
  readonly probe?: Probe;
  /** As in {@link Prepared}. */
  readonly handshake?: (identifier: Identifier) => string;
  /** Reports whether the balancer reaches the responder, in its own words; returns at once. */
  healthy?(signal: AbortSignal): Promise<Readiness>;
  /** As in {@link Solver}. */
  readonly noticedMs?: number;
  /** The balancer's public addresses, which may be private in a test or a private cloud. */
  readonly addresses?: readonly string[];
}

export interface Probe {
  /** The path below the host, in the form of a challenge's path. */
  readonly path: string;
  /** The path as shown in messages, if it has a part that differs each time: `/.well-known/acme-challenge/_health`. */
  readonly shownPath?: string;
  readonly body: string;
  /** What to do if it is not answered, if leading the path to the solver is not enough. */
  readonly advice?: string;
  /** What a balancer's health check may ask of the responder: `GET or HEAD / on the port 30080 of the node`. */
  readonly healthCheck?: string;
}
