import { orAborted } from '../../core/async/on-abort.ts';

/** A request that a bucket of a CA may refuse. */
export interface Asking<T> {
  /** The buckets that must have a token. */
  readonly keys: readonly string[];
  send(): Promise<T>;
  /** Resolves with the bucket that an error names, once it is known to be used up; undefined if it names none. */
  learn(error: unknown): Promise<string | undefined>;
}

interface Refusal {
  readonly key: string;
  readonly error: unknown;
}

/**
 * Of the requests that need a token of one bucket, sends the first ahead. Others may have used up that bucket without
 * our knowledge: then the CA refuses this request, and not all that are on their way.
 */
export type Pathfinders = <T>(asking: Asking<T>, signal: AbortSignal) => Promise<T>;

export function createPathfinders(): Pathfinders {
  const answered = new Set<string>();
  const ahead = new Map<string, Promise<Refusal | undefined>>();

  return async ({ keys, send, learn }, signal) => {
    const firstOf = () => keys.map((key) => ahead.get(key)).find((one) => one !== undefined);
    for (let first = firstOf(); first; first = firstOf()) {
      const refusal = await orAborted(first, signal);
      if (!refusal || !keys.includes(refusal.key)) continue;
      await learn(refusal.error);
      throw refusal.error;
    }
    const unknown = keys.filter((key) => !answered.has(key));
    let done = (_refusal?: Refusal) => {};
    const end = new Promise<Refusal | undefined>((resolve) => (done = resolve));
    for (const key of unknown) ahead.set(key, end);
    let refusal: Refusal | undefined;
    try {
      return await send();
    } catch (error) {
      const key = await learn(error);
      if (key !== undefined) refusal = { key, error };
      throw error;
    } finally {
      for (const key of unknown) {
        ahead.delete(key);
        answered.add(key);
      }
      done(refusal);
    }
  };
}
