import { orAborted } from '../core/async/on-abort.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { formatListenAddress, type ListenAddress, localAddresses } from '../core/names/listen-address.ts';
import type { Listening } from '../lib/http/guarded-server.ts';
import { findPortHolder, type PortHolder } from '../lib/processes/port-holder.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { StoreProof } from '../ports/responder.ts';

/** The process that answers on the port: this one, or another one of the same store at this address. */
export type Holder = { readonly kind: 'self' } | { readonly kind: 'other'; readonly address: string };

export interface PortClaim {
  /**
   * Listens, or finds the other process of this store that listens. While another process has the port, each call tries
   * to bind again, and so does a background loop while `wanted` returns true. Errors: `solver/port-taken`,
   * `solver/port-held` (by a certfleet process that does not answer for this store), `solver/cannot-listen`.
   */
  hold(signal: AbortSignal): Promise<Holder>;
  /** Like `hold`, but returns undefined instead of `solver/port-held`, after which a later call may succeed. */
  holdIfFree(signal: AbortSignal): Promise<Holder | undefined>;
  /** Like `hold`, but waits for another certfleet process to release the port: one minute for all callers together. */
  holdPatiently(signal: AbortSignal): Promise<Holder>;
  /**
   * Listens until the signal aborts, or takes the port over as soon as a certfleet process that has it ends. Fails only
   * if the port was never held.
   */
  stay(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The responder that has the port in place of this process. */
export interface Neighbour {
  /**
   * Returns `twin` for a responder that proves to read this store, or `foreign` for one that only claims to be
   * certfleet's, as any user's program can on a port from 1024 on.
   */
  look(
    at: { readonly address: string; readonly port: number },
    proof: StoreProof,
    signal: AbortSignal,
  ): Promise<'twin' | 'foreign' | undefined>;
}

export interface PortClaimOptions {
  /** Rejects with the system's error (`EADDRINUSE`, `EACCES`…). */
  readonly listen: (at: ListenAddress) => Promise<Listening>;
  readonly neighbour: Neighbour;
  /** The challenge type, for messages: `HTTP-01`. */
  readonly what: string;
  readonly at: ListenAddress;
  /** Generates the store's secret if there is none, so it is called before the port is bound. */
  readonly proof: () => Promise<StoreProof>;
  /** Reports whether any challenge still needs an answer. */
  readonly wanted: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

// A responder on this machine responds within a millisecond, while a stopped one (SIGSTOP) never does.
export const healthMs = 2_000;
// A process that exits waits for its guests (guests.ts), but a killed one cannot, and the CA may be about to ask.
// Trying to bind costs 50 µs.
const rebindMs = 25;
// For when the port is taken, but its process is not visible, because it has just ended, or belongs to another user.
const maxTries = 3;
// Most orders take less than a minute. A stopped process may never continue.
export const patienceMs = 60_000;
const longestMs = 86_400_000;
// Each check reads all of /proc.
const lookAgainMs = 500;

/** Shares one port among the processes of one store. */
export function createPortClaim(options: PortClaimOptions): PortClaim {
  const { at, wanted, clock, log, what } = options;
  const ended = new AbortController();
  const where = formatListenAddress(at);
  let listening: Listening | undefined;
  let attempt: Promise<Holder> | undefined;
  let waiting = false;
  let heldSinceMs: number | undefined;

  const listen = async (): Promise<Listening> => {
    try {
      return await options.listen(at);
    } catch (error) {
      // `::` means all addresses. On a machine without IPv6, these are the IPv4 addresses.
      const { code } = error as NodeJS.ErrnoException;
      if (at.host !== '::' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
      return options.listen({ ...at, host: '0.0.0.0' });
    }
  };

  /** Tries to listen; returns false if the port is taken. */
  const bind = async (): Promise<boolean> => {
    if (listening) return true;
    try {
      const server = await listen();
      if (ended.signal.aborted) {
        await server.close();
        throw ended.signal.reason;
      }
      listening = server;
      log.debug(`the ${what} responder listens on ${where}`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      if (ended.signal.aborted) throw error;
      const hint = (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL' ? noSuchAddress : undefined;
      throw fail('solver/cannot-listen', { address: where, reason: reasonOf(error) }, { cause: error, hint });
    }
  };

  /** Finds a responder that proves to read this store, or one that claims to be certfleet's. */
  const findResponder = async (proof: StoreProof): Promise<{ readonly twin?: string; readonly isForeign: boolean }> => {
    let isForeign = false;
    for (const address of localAddresses(at.host)) {
      const found = await options.neighbour.look({ address, port: at.port }, proof, ended.signal);
      if (found === 'twin') return { twin: address, isForeign: false };
      isForeign ||= found === 'foreign';
    }
    return { isForeign };
  };

  const isTaken = (holder: PortHolder | undefined, isForeign: boolean): CertfleetError => {
    const owner = holder?.otherUser === undefined ? '' : ` of uid ${holder.otherUser}`;
    const shownPid = holder === undefined ? '' : ` (pid ${holder.pid}${owner})`;
    // Any user's program can answer like certfleet, and have certfleet's name. The owner of an invisible process is
    // unknown.
    const doubt = holder && holder.otherUser === undefined ? '' : ', or another program that only claims to be one,';
    const held = (words: string) => fail('solver/port-held', { address: where, holder: `${words}${shownPid}${doubt}` });
    if (isForeign) return held('a certfleet process that uses another store or version');
    if (holder?.isStopped && holder.isCertfleet) return held('a stopped certfleet process');
    if (holder?.isCertfleet) return held('a certfleet process that does not answer');
    return fail('solver/port-taken', { address: where, holder: `${holder?.name ?? 'another program'}${shownPid}` });
  };

  const tryOnce = async (): Promise<Holder> => {
    const proof = listening ? undefined : await orAborted(options.proof(), ended.signal);
    for (let tries = 1; ; tries++) {
      if (proof === undefined || (await bind())) return { kind: 'self' };
      const { twin, isForeign } = await findResponder(proof);
      if (twin !== undefined) {
        waitForPort();
        return { kind: 'other', address: twin };
      }
      const holder = await findPortHolder(at);
      if (holder === undefined && !isForeign && tries < maxTries) continue;
      throw isTaken(holder, isForeign);
    }
  };

  const waitForPort = (): void => {
    if (waiting) return;
    waiting = true;
    log.debug(`another certfleet process of this store listens on ${where}; using it`);
    const loop = async (): Promise<void> => {
      while (wanted() && !listening) {
        await clock.sleep(rebindMs, ended.signal);
        if (await bind()) log.debug(`the other process has released ${where}`);
      }
    };
    // Ends with close(), or with an error that the next hold() will report, too.
    loop()
      .catch(() => {})
      .finally(() => {
        waiting = false;
      });
  };

  const hold = async (signal: AbortSignal): Promise<Holder> => {
    signal.throwIfAborted();
    if (listening) return { kind: 'self' };
    // One attempt serves all callers. It obeys close(), and each caller obeys its own signal.
    attempt ??= tryOnce().finally(() => {
      attempt = undefined;
    });
    return orAborted(attempt, signal);
  };

  return {
    hold,

    holdIfFree: (signal) =>
      hold(signal).catch((error: unknown) => {
        if (!isFailure(error, 'solver/port-held')) throw error;
        return undefined;
      }),

    async holdPatiently(signal) {
      for (;;) {
        try {
          const holder = await hold(signal);
          heldSinceMs = undefined;
          return holder;
        } catch (error) {
          if (!isFailure(error, 'solver/port-held')) throw error;
          const nowMs = clock.monotonicMs();
          if (heldSinceMs === undefined)
            log.info(`${error.message}; waiting until it is free, ${patienceMs / 1000} s at most`);
          heldSinceMs ??= nowMs;
          if (nowMs - heldSinceMs >= patienceMs) throw error;
          await clock.sleep(lookAgainMs, signal);
        }
      }
    },

    async stay(signal) {
      let [isTold, wasHeld] = [false, false];
      while (!signal.aborted) {
        try {
          const holder = await hold(signal);
          [isTold, wasHeld] = [false, true];
          // A socket that listens does so until it is closed.
          await clock.sleep(holder.kind === 'self' ? longestMs : lookAgainMs, signal);
        } catch (error) {
          if (signal.aborted) return;
          // The process that answered before may only be overloaded.
          const mayPass = wasHeld ? isPortError(error) : isFailure(error, 'solver/port-held');
          if (!(mayPass && error instanceof Error)) throw error;
          if (!isTold) log.warn(`${error.message}; waiting until it is free`);
          isTold = true;
          await clock.sleep(lookAgainMs, signal).catch(() => undefined);
        }
      }
    },

    async close() {
      ended.abort(new Error('the responder was closed'));
      await attempt?.catch(() => {});
      await listening?.close();
      listening = undefined;
    },
  };
}

const noSuchAddress =
  'This machine has no such address. Set `listen` to an address that it has, or to the port alone, which means every address.';

/** Reports whether an error of `hold` may pass by itself, so that waiting helps. */
export const isPortError = (error: unknown): error is CertfleetError =>
  isFailure(error, 'solver/port-taken', 'solver/port-held', 'solver/cannot-listen');
