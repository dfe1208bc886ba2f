import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors.ts';
import { orAborted } from '../core/on-abort.ts';
import { describePortHolder } from '../lib/port-holder.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Vantage } from '../ports/vantage.ts';
import { formatListenAddress, type ListenAddress, localAddresses } from './listen-address.ts';
import { challengePath, healthPath, type Listening, type Responder } from './server.ts';

/** Who answers on the port: this process, or another one of the same store at this address. */
export type Holder = { readonly kind: 'self' } | { readonly kind: 'other'; readonly address: string };

export interface PortClaim {
  /**
   * Listens, or finds the other process of this store that does. Repeatable: while another one has the port, each
   * call tries to bind again, and so does a loop in the background for as long as `wanted` says so. Errors:
   * `solver/port-taken`, `solver/cannot-listen`.
   */
  hold(signal: AbortSignal): Promise<Holder>;
  /** What the other responder answers for a token; undefined where it does not know it or does not answer. */
  ask(address: string, token: string, signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface PortClaimOptions {
  readonly responder: Responder;
  readonly at: ListenAddress;
  readonly storeId: string;
  /** Whether any challenge still needs an answer. */
  readonly wanted: () => boolean;
  readonly clock: Clock;
  readonly vantage: Vantage;
  readonly log: Log;
}

// A responder on this machine answers within a millisecond; one that is stopped (SIGSTOP) never does.
const healthMs = 2_000;
// A process that ends waits for those it answers for (guests.ts), but one that is killed does not: the CA may be about
// to look, and repeats nothing. A try to bind costs 50 µs.
const rebindMs = 25;
// Port taken, but no process is seen that has it: it has just ended, or belongs to another user.
const maxTries = 3;

/** Shares one port between the processes of one store (issue 3: `_health`). */
export function createPortClaim({ responder, at, storeId, wanted, clock, vantage, log }: PortClaimOptions): PortClaim {
  const ended = new AbortController();
  const where = formatListenAddress(at);
  let listening: Listening | undefined;
  let attempt: Promise<Holder> | undefined;
  let waiting = false;

  const listen = async (): Promise<Listening> => {
    try {
      return await responder.listen(at);
    } catch (error) {
      // `::` means every address; on a machine without IPv6 these are the IPv4 ones.
      const { code } = error as NodeJS.ErrnoException;
      if (at.host !== '::' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
      return responder.listen({ ...at, host: '0.0.0.0' });
    }
  };

  /** Whether this process listens now; false where the port is taken. */
  const bind = async (): Promise<boolean> => {
    if (listening) return true;
    try {
      const server = await listen();
      if (ended.signal.aborted) {
        await server.close();
        throw ended.signal.reason;
      }
      listening = server;
      log.debug(`the HTTP-01 responder listens on ${where}`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      if (ended.signal.aborted) throw error;
      throw fail('solver/cannot-listen', { address: where, reason: reasonOf(error) }, { cause: error });
    }
  };

  const get = async (address: string, path: string, parent: AbortSignal) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const deadline = clock.deadline(healthMs, parent);
    try {
      // The vantage, not an HTTP client: that one would take the proxy of the environment even for this machine.
      return await vantage.get(`http://${host}:${at.port}${path}`, { address, port: at.port }, deadline.signal);
    } catch (error) {
      if (parent.aborted) throw parent.reason;
      return { failed: error };
    } finally {
      deadline.done();
    }
  };

  /** The address at which a responder of this store answers; undefined where something else does, or nobody. */
  const findTwin = async (): Promise<string | undefined> => {
    for (const address of localAddresses(at.host)) {
      const answer = await get(address, healthPath, ended.signal);
      if (!('failed' in answer) && answer.status === 200 && answer.body === storeId) return address;
    }
    return undefined;
  };

  const tryOnce = async (): Promise<Holder> => {
    for (let tries = 1; ; tries++) {
      if (await bind()) return { kind: 'self' };
      const address = await findTwin();
      if (address !== undefined) {
        waitForPort();
        return { kind: 'other', address };
      }
      const holder = await describePortHolder(at.port);
      if (holder === undefined && tries < maxTries) continue;
      throw fail('solver/port-taken', { address: where, holder: holder ?? 'another program' });
    }
  };

  const waitForPort = (): void => {
    if (waiting) return;
    waiting = true;
    log.debug(`another certfleet process of this store listens on ${where}; using it`);
    const loop = async (): Promise<void> => {
      while (wanted() && !listening) {
        await clock.sleep(rebindMs, ended.signal);
        if (await bind()) log.debug(`the other process has let go of ${where}`);
      }
    };
    // It ends by close() or by an error that the next hold() meets as well and tells.
    loop()
      .catch(() => {})
      .finally(() => {
        waiting = false;
      });
  };

  return {
    async hold(signal) {
      signal.throwIfAborted();
      if (listening) return { kind: 'self' };
      // One attempt for all callers; it obeys close(), each caller obeys its own signal.
      attempt ??= tryOnce().finally(() => {
        attempt = undefined;
      });
      return orAborted(attempt, signal);
    },

    async ask(address, token, signal) {
      const answer = await get(address, `${challengePath}${token}`, signal);
      return 'failed' in answer || answer.status !== 200 ? undefined : answer.body;
    },

    async close() {
      ended.abort(new Error('the responder was closed'));
      await attempt?.catch(() => {});
      await listening?.close();
      listening = undefined;
    },
  };
}

/** Whether an error of `hold` may pass by itself, so that waiting is right. */
export const isPortError = (error: unknown): error is CertfleetError =>
  isFailure(error, 'solver/port-taken', 'solver/cannot-listen');
