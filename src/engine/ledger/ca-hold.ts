import { createRecent, type Recent } from '../../core/async/recent.ts';
import type { CertificateFacts } from '../../core/ca/certificate-facts.ts';
import { endOfHold, longestRetryAfterMs } from '../../core/ca/retry-after.ts';
import { type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage/lineage.ts';
import { isFromTheFuture, isToCome } from '../../core/lineage/stored-time.ts';
import { present } from '../../core/text/present.ts';
import type { Key } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';
import type { CaHold } from '../memory/memory.ts';
import { ignoreConflict } from './conflict.ts';

export type { CaHold };

const keyOf = (directory: string): Key => ({ kind: 'ledger', name: `${directory}~hold` });

/** For how long a process believes what it has read. Its certificates that are due at the same time share one read. */
const recentMs = 1_000;

type Ports = Pick<Engine, 'store' | 'clock' | 'memory'>;

/** Returns a CA's last hold, if any, which may have ended. Another process may have written it within the last second. */
export const holdOf = (engine: Ports, directory: string, signal: AbortSignal): Promise<CaHold | undefined> =>
  recentHold(engine, directory).get(recentMs, signal);

function recentHold(engine: Ports, directory: string): Recent<CaHold | undefined> {
  const { holds } = engine.memory;
  const recent = holds.get(directory) ?? createRecent(engine.clock, (signal) => readHold(engine, directory, signal));
  holds.set(directory, recent);
  return recent;
}

async function readHold(
  engine: Pick<Engine, 'store'>,
  directory: string,
  signal: AbortSignal,
): Promise<CaHold | undefined> {
  const entry = await engine.store.get(keyOf(directory), signal).catch((error: unknown) => {
    if (isFailure(error, 'store/corrupt')) return undefined; // reported when all documents are read
    throw error;
  });
  if (!entry) return undefined;
  const where = { key: `ledger/${keyOf(directory).name}`, file: engine.store.location };
  try {
    const hold = decodeDocument<CaHold>(entry.bytes, where, ['since', 'until']);
    return [hold.since, hold.until].some((time) => Number.isNaN(Date.parse(time))) ? undefined : hold;
  } catch {
    return undefined; // not essential: the CA will repeat it, and the next hold overwrites this one
  }
}

/**
 * Returns until when a hold applies to a certificate, RFC 3339, or undefined if it has ended. A hold never lets a
 * certificate expire.
 */
export function endOfCaHold(
  hold: CaHold | undefined,
  lineage: { readonly current?: { readonly facts: Pick<CertificateFacts, 'notAfter'> } | undefined } | undefined,
  now: Date,
): string | undefined {
  if (!hold || isFromTheFuture(hold.since, now)) return undefined;
  const since = new Date(hold.since);
  const notAfter = lineage?.current?.facts.notAfter;
  const validityLeftMs = notAfter === undefined ? undefined : Date.parse(notAfter) - since.getTime();
  const until = endOfHold(new Date(hold.until), { now: since, validityLeftMs, isLimit: false }).toISOString();
  return isToCome(until, longestRetryAfterMs, now) ? until : undefined;
}

/**
 * Records that a CA is busy (a 5xx with Retry-After) or is not accepting orders, so that no other certificate's order
 * is sent to it. This also applies to a first `issue`, which stores nothing else when it fails. A rate limit concerns
 * names, so it is stored with the certificate instead.
 */
export async function keepHold(
  engine: Ports & Pick<Engine, 'pass'>,
  directory: string,
  error: CertfleetError,
): Promise<void> {
  const named = error.code === 'acme/busy' ? error.retryAt : undefined;
  // Without a response from the directory, its URL may be wrong, which is no reason to store something about it.
  const wasReached = error.code !== 'acme/directory-unreachable';
  const isDown = wasReached && engine.pass.cas(directory).state() === 'down';
  if (!named && !isDown) return;
  const now = engine.clock.now();
  const since = now.toISOString();
  // If this certificate got no Retry-After, keep the one that another certificate got.
  const before = named ? undefined : await readHold(engine, directory, new AbortController().signal);
  const until = named?.toISOString() ?? endOfCaHold(before, undefined, now) ?? since;
  await write(engine, directory, { since, until, ...present({ isDown: isDown || undefined }) });
}

/**
 * Records that a CA limits requests for its directory. That limit concerns no name, so it holds all certificates,
 * including a first `issue`, which stores nothing else.
 */
export async function keepLimit(engine: Ports, directory: string, error: unknown): Promise<void> {
  if (!isFailure(error, 'acme/rate-limited') || !error.retryAt) return;
  await write(engine, directory, { since: engine.clock.now().toISOString(), until: error.retryAt.toISOString() });
}

/** Removes the hold, because the CA is accepting orders again. */
export async function endHold(engine: Ports, directory: string): Promise<void> {
  const { store } = engine;
  const { signal } = new AbortController();
  const entry = await store.get(keyOf(directory), signal);
  if (!entry) return;
  await store.delete(keyOf(directory), { ifRevision: entry.revision, signal }).catch(ignoreConflict);
  recentHold(engine, directory).forget();
}

async function write(engine: Ports, directory: string, hold: CaHold): Promise<void> {
  const { store } = engine;
  const { signal } = new AbortController();
  const entry = await store.get(keyOf(directory), signal);
  const options = { ifRevision: entry?.revision ?? null, signal };
  await store.put(keyOf(directory), encodeDocument(hold), options).catch(ignoreConflict);
  recentHold(engine, directory).forget();
}
