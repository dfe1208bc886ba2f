import type { Identifier } from '../core/names/identifier.ts';
import type { Json } from '../core/text/json.ts';
import type { Probe, Readiness, SolverChallenge } from './solver.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/**
 * The HTTP server for HTTP-01 challenges at one address. All solvers of a process that name the address share it, and
 * so do all processes of the store: any of them answers for all.
 */
export interface Responder {
  /** As configured: `0.0.0.0:30080`. */
  readonly address: string;
  /** How long it may take until this process, or another one of the store, answers on the port, in ms. */
  readonly patienceMs: number;
  /** Listens, and returns a path whose answer proves that a responder of this store was reached. */
  probe(signal: AbortSignal): Promise<Probe>;
  /**
   * Reports whether a responder of this store answers on a port of this machine to which a balancer leads: the own port,
   * or another one that is mapped to a responder.
   */
  reachedAt(at: { readonly port: number; readonly address?: string }, signal: AbortSignal): Promise<boolean>;
  /**
   * Answers a challenge from now on; repeatable. With `shared`, responders on other nodes also answer it. Resolves with
   * a receipt for `withdraw`.
   */
  answer(challenge: SolverChallenge, options: { readonly shared: boolean }, signal: AbortSignal): Promise<Json>;
  ready(challenge: SolverChallenge, signal: AbortSignal): Promise<Readiness>;
  /** Stops answering; works without a receipt. */
  withdraw(challenge: SolverChallenge, receipt: Json | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Listens until the signal aborts, and answers what other processes store. While another process of the store has the
   * port, that one answers. Fails with `solver/port-taken`, `solver/cannot-listen`.
   */
  serve(signal: AbortSignal): Promise<void>;
  /** Frees the port. With a signal, it first waits for other processes that rely on the port. */
  close(signal?: AbortSignal): Promise<void>;
}

/** The TLS server for TLS-ALPN-01 challenges at one address, shared like {@link Responder}. */
export interface AlpnResponder extends Omit<Responder, 'probe' | 'reachedAt'> {
  /**
   * Listens, and returns a function for what a responder of this store proves for an identifier without a challenge:
   * the key authorization of the certificate that it presents.
   */
  proof(signal: AbortSignal): Promise<(identifier: Identifier) => string>;
}

/**
 * Answers that only a reader of the store can give to a challenge (decision 0021): HMAC-SHA-256 over the purpose and
 * the challenge, with a secret of the store as the key.
 */
export interface StoreProof {
  /**
   * Returns the answer of a responder that was reached at this address and port. A relay cannot use the answer of
   * another one.
   */
  atPort(challenge: string, at: { readonly address: string; readonly port: number }): string;
  /**
   * Returns the answer of a responder that was reached over the public path, which may lead to any node, through any
   * balancer.
   */
  byPath(challenge: string): string;
  /** Returns the answer of a TLS-ALPN-01 responder, which is identified only by the requested name. */
  byName(serverName: string): string;
}

/** The tokens that the processes of the store answer for each other. */
export interface TokenLookup {
  /**
   * Returns the key authorization of a token that was stored before the call. Rejects if there are too many calls at the
   * same time, or if the store does not respond within 5 s.
   */
  find(token: string): Promise<string | undefined>;
  /** Fails if no token can be found now. */
  look(): Promise<void>;
}

/** What all responders of a process share. */
export interface ResponderParts {
  readonly world: World;
  readonly store: Store;
  readonly tokens: TokenLookup;
  /** Returns the proof, for which the store's secret is read once. */
  readonly proof: () => Promise<StoreProof>;
}
