import { type CertfleetError, isFailure } from '../../core/errors.ts';
import { decodeDocument, encodeDocument, type Lineage } from '../../core/lineage.ts';
import { endOfHold, longestRetryAfterMs } from '../../core/retry-after.ts';
import { isFromTheFuture, isToCome } from '../../core/stored-time.ts';
import type { Key } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';

/** What the last runs learned of a CA as a whole, whatever the certificate. */
export interface CaHold {
  /** RFC 3339, as the end. */
  readonly since: string;
  /** It asked everybody to wait; not after `since` where it named no time. */
  readonly until: string;
  /** It gave no answer to newOrder, or a 5xx: the next run tries one certificate before all others. */
  readonly isDown?: true;
}

const keyOf = (directory: string): Key => ({ kind: 'ledger', name: `${directory}~hold` });

/** What a CA has asked for last, where it did; it may be over. */
export async function holdOf(
  engine: Pick<Engine, 'store' | 'clock'>,
  directory: string,
  signal: AbortSignal,
): Promise<CaHold | undefined> {
  const entry = await engine.store.get(keyOf(directory), signal).catch((error: unknown) => {
    if (isFailure(error, 'store/corrupt')) return undefined; // it is told by whatever reads all documents
    throw error;
  });
  if (!entry) return undefined;
  const where = { key: `ledger/${keyOf(directory).name}`, file: engine.store.location };
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
 * Remembers that a CA is too busy for anybody (a 5xx with Retry-After), or took no order at all: the other
 * certificates leave it in peace too, and so does a first `issue` by flags, which keeps nothing else. A rate limit is
 * about names and stays with them.
 */
export async function keepHold(
  engine: Pick<Engine, 'store' | 'clock' | 'memory'>,
  directory: string,
  error: CertfleetError,
): Promise<void> {
  const named = error.code === 'acme/busy' ? error.retryAt : undefined;
  const isDown = engine.memory.paces(directory).state() === 'down';
  if (!named && !isDown) return;
  const now = engine.clock.now();
  const since = now.toISOString();
  // Where this certificate was told no time, what another one was told stands.
  const before = named ? undefined : await holdOf(engine, directory, new AbortController().signal);
  const until = named?.toISOString() ?? endOfCaHold(before, undefined, now) ?? since;
  await write(engine, directory, { since, until, ...(isDown ? { isDown } : {}) });
}

/** The CA takes orders again. */
export async function endHold({ store }: Pick<Engine, 'store'>, directory: string): Promise<void> {
  const { signal } = new AbortController();
  const entry = await store.get(keyOf(directory), signal);
  if (entry) await store.delete(keyOf(directory), { ifRevision: entry.revision, signal }).catch(ignoreConflict);
}

async function write({ store }: Pick<Engine, 'store'>, directory: string, hold: CaHold): Promise<void> {
  const { signal } = new AbortController();
  const entry = await store.get(keyOf(directory), signal);
  const options = { ifRevision: entry?.revision ?? null, signal };
  await store.put(keyOf(directory), encodeDocument(hold), options).catch(ignoreConflict);
}

/** Another process has just learned the same. */
function ignoreConflict(error: unknown): void {
  if (!isFailure(error, 'store/conflict')) throw error;
}
