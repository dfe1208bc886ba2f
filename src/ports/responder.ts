import type { Identifier } from '../core/names/identifier.ts';
import type { Json } from '../core/text/json.ts';
import type { Probe, Readiness, SolverChallenge } from './solver.ts';

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
