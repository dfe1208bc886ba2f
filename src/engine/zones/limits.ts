import type { CertfleetError } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';

/** Limits on what name servers may cost, whatever they answer. */

/** How many CNAMEs to follow. Unbound, which Let's Encrypt uses, follows 11. */
export const chainLimit = 10;

/** How long to wait for a server if there is another one to query. */
export const serverMs = 1_500;

/**
 * The root and the large top-level domains have 13 name servers, as many as fitted into 512 octets. If a zone has more
 * than this limit, the first ones by name are queried, so that the choice is stable.
 */
export const mostServers = 16;
/**
 * How many of a zone's servers are queried until one answers. `mostReferrals` is how many delegations are followed
 * below a zone.
 */
export const mostAsked = 16;
export const mostReferrals = 4;

/** How many servers of one zone are queried at a time. Fewer than a process's sockets, so that others have some. */
export const mostAtOnce = 32;

/**
 * How long a search may take, whatever the servers do: a zone with 16 silent servers, or a chain of zones in which each
 * server responds late. Real ones take less than a second.
 */
export const searchMs = 30_000;
export const chainMs = 60_000;

/** Runs a search with a time limit, which ends it with the error that `late` returns. */
export const createTimeLimit =
  (clock: Clock) =>
  async <T>(
    ms: number,
    signal: AbortSignal,
    late: (ms: number) => CertfleetError,
    search: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const limit = clock.deadline(ms, signal);
    try {
      return await search(limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      throw limit.expired ? late(ms) : error;
    } finally {
      limit.done();
    }
  };
