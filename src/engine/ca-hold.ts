import { type CertfleetError, isFailure } from '../core/errors.ts';
import { decodeDocument, encodeDocument } from '../core/lineage.ts';
import { longestRetryAfterMs } from '../core/retry-after.ts';
import { isToCome } from '../core/stored-time.ts';
import type { Key } from '../ports/store.ts';
import type { EngineContext } from './context.ts';

/** Until when a CA wants no call at all, whatever it would be about. */
interface HoldDocument {
  readonly until: string;
}

const keyOf = (directory: string): Key => ({ kind: 'ledger', name: `${directory}~hold` });

/** RFC 3339; undefined where the CA has not asked for a pause, or it is over. */
export async function holdOf(
  context: EngineContext,
  directory: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const entry = await context.store.get(keyOf(directory), signal);
  if (!entry) return undefined;
  const where = { key: `ledger/${keyOf(directory).name}`, file: context.store.location };
  const { until } = decodeDocument<HoldDocument>(entry.bytes, where, ['until']);
  return isToCome(until, longestRetryAfterMs, context.clock.now()) ? until : undefined;
}

/**
 * Remembers that a CA is too busy for anybody (a 5xx with Retry-After): the other certificates leave it in peace too,
 * and so does a first `issue` by flags, which keeps nothing else. A rate limit is about names and stays with them.
 */
export async function keepHold(context: EngineContext, directory: string, error: CertfleetError): Promise<void> {
  if (error.code !== 'acme/busy' || !error.retryAt) return;
  const { signal } = new AbortController();
  const entry = await context.store.get(keyOf(directory), signal);
  const document: HoldDocument = { until: error.retryAt.toISOString() };
  try {
    await context.store.put(keyOf(directory), encodeDocument(document), {
      ifRevision: entry?.revision ?? null,
      signal,
    });
  } catch (conflict) {
    // Another process has just been told the same.
    if (!isFailure(conflict, 'store/conflict')) throw conflict;
  }
}
