import type { CertfleetError } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';

/** What name servers may cost, whatever they answer. */

/** How many CNAMEs to follow. Unbound, which Let's Encrypt uses, follows 11. */
export const chainLimit = 10;

/** How long to wait for a server if there is another one to ask. */
export const serverMs = 1_500;

/**
 * The root and the large top-level domains have 13 name servers, as many as fitted into 512 octets. With more, the
 * first ones by name are asked, so that it is the same ones each time.
 */
export const mostServers = 16;
/** How many servers of a zone are asked until one answers, and how many delegations are followed below a zone. */
export const mostAsked = 16;
export const mostReferrals = 4;

/** How many servers of one zone are asked at a time. Fewer than the sockets of a process, so that others have some. */
export const mostAtOnce = 32;

/**
 * How long a search may take, whatever the servers do: a zone with 16 silent servers, a chain of zones in which each
 * server answers late. Real ones take less than a second.
 */
export const searchMs = 30_000;
export const chainMs = 60_000;

/** Runs a search with a time limit of its own, which ends it with the error that `late` makes. */
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
