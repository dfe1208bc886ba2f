import { isFailure } from '../../core/errors/errors.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { type ApiRefusal, refusalOf } from './json-api.ts';

// Finds out what a key may do where no call that would change something is certainly harmless, so only what reads is
// tried.

export interface ReadTries {
  /** Calls by the right that each needs. What they return does not matter, and what they name need not exist. */
  readonly reads: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>;
  /** The rights that no call can show. */
  readonly changes: readonly string[];
}

export async function readRights(
  { reads, changes }: ReadTries,
  isDenial: (refusal: ApiRefusal) => boolean,
  signal: AbortSignal,
): Promise<readonly Right[]> {
  const rightOf = async ([action, read]: (typeof entries)[number]): Promise<Right> => {
    try {
      await read(signal);
      return { action, state: 'allowed' };
    } catch (error) {
      signal.throwIfAborted();
      const refusal = refusalOf(error);
      if (refusal && isDenial(refusal)) return { action, state: 'denied', reason: refusal.code ?? 'refused' };
      if (!isFailure(error, 'balancer/not-found')) throw error;
      return { action, state: 'allowed' };
    }
  };
  const entries = Object.entries(reads);
  return [
    ...(await Promise.all(entries.map(rightOf))),
    ...changes.map((action): Right => ({ action, state: 'untried' })),
  ];
}
