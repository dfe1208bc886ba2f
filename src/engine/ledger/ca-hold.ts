import { type CertfleetError, isFailure } from '../../core/errors.ts';
import { decodeDocument, encodeDocument, type Lineage } from '../../core/lineage.ts';
import { endOfHold, longestRetryAfterMs } from '../../core/retry-after.ts';
import { isFromTheFuture, isToCome } from '../../core/stored-time.ts';
import type { Key } from '../../ports/store.ts';
import type { EngineContext } from '../engine.ts';

/** A CA wants no call at all, whatever it would be about. */
export interface CaHold {
  /** When it said so. RFC 3339, as the end. */
  readonly since: string;
  readonly until: string;
}

const keyOf = (directory: string): Key => ({ kind: 'ledger', name: `${directory}~hold` });

/** What a CA has asked for last, where it did; it may be over. */
export async function holdOf(
  context: EngineContext,
  directory: string,
  signal: AbortSignal,
): Promise<CaHold | undefined> {
  const entry = await context.store.get(keyOf(directory), signal).catch((error: unknown) => {
    if (isFailure(error, 'store/corrupt')) return undefined; // it is told by whatever reads all documents
    throw error;
  });
  if (!entry) return undefined;
  const where = { key: `ledger/${keyOf(directory).name}`, file: context.store.location };
  try {
    const hold = decodeDocument<CaHold>(entry.bytes, where, ['since', 'until']);
    return [hold.since, hold.until].some((time) => Number.isNaN(Date.parse(time))) ? undefined : hold;
  } catch {
    return undefined; // a courtesy: the CA says it again, and the next one is written over it
  }
}

/** Until when it holds for one certificate, RFC 3339: never so long that this one expires. undefined where it is over. */
export function endOfCaHold(hold: CaHold | undefined, lineage: Lineage | undefined, now: Date): string | undefined {
  if (!hold || isFromTheFuture(hold.since, now)) return undefined;
  const since = new Date(hold.since);
  const notAfter = lineage?.current?.facts.notAfter;
  const validityLeftMs = notAfter === undefined ? undefined : Date.parse(notAfter) - since.getTime();
  const until = endOfHold(new Date(hold.until), { now: since, validityLeftMs, isLimit: false }).toISOString();
  return isToCome(until, longestRetryAfterMs, now) ? until : undefined;
}

/**
 * Remembers that a CA is too busy for anybody (a 5xx with Retry-After): the other certificates leave it in peace too,
 * and so does a first `issue` by flags, which keeps nothing else. A rate limit is about names and stays with them.
 */
export async function keepHold(context: EngineContext, directory: string, error: CertfleetError): Promise<void> {
  if (error.code !== 'acme/busy' || !error.retryAt) return;
  const { signal } = new AbortController();
  const entry = await context.store.get(keyOf(directory), signal);
  const document: CaHold = { since: context.clock.now().toISOString(), until: error.retryAt.toISOString() };
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
