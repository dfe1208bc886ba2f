import { createBatches } from '../../core/async/batches.ts';
import { longestSkewMs } from '../../core/ca/clock-skew.ts';
import { type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { type Bucket, sinceIssue } from '../../core/limits/order-buckets.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage/lineage.ts';
import { type BucketStanding, standingOf } from '../../core/plan/bucket-status.ts';
import type { Entry, Key } from '../../ports/store.ts';
import { type Engine, report } from '../engine.ts';
import type { Gathering } from '../memory/gathering.ts';
import type { Change } from '../memory/memory.ts';

// The arrival times of a CA's buckets (core/limits/gcra.ts), by the hash of the bucket's key. Each account's orders have
// a document; everything else is in 64 documents, by registered domain, so an order for names of one domain changes one.

type Ports = Pick<Engine, 'store' | 'clock' | 'connect' | 'memory'>;

interface BucketsDocument {
  readonly arrivals: Readonly<Record<string, number>>;
}

/** Where a bucket is stored. */
export interface Place {
  readonly bucket: Bucket;
  readonly document: string;
  readonly hash: string;
}

export function placeOf(
  { connect }: Pick<Engine, 'connect'>,
  directory: string,
  bucket: Bucket,
  registeredDomain: (value: string) => string,
): Place {
  const hashOf = (text: string) => connect.digest(text).slice(0, 16);
  const { limit, of, key } = bucket;
  if (limit.scope === 'account') {
    const hash = hashOf(key);
    return { bucket, document: `${directory}~${hash}~orders`, hash };
  }
  const [first = ''] = of.split(' ');
  const domain = limit.scope === 'domain' ? of : registeredDomain(first);
  const shard = Buffer.from(connect.digest(domain), 'base64url').readUInt8() >> 2;
  return { bucket, document: `${directory}~${shard.toString(16).padStart(2, '0')}`, hash: hashOf(key) };
}

/**
 * Reads the arrival times of buckets. One that only a wrong clock can have written counts as the latest possible one. A
 * document that cannot be read counts as empty, because the CA corrects what we believe; each pass warns of it.
 */
export async function readArrivals(
  ports: Ports & Pick<Engine, 'pass' | 'reporter'>,
  places: readonly Place[],
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const names = [...new Set(places.map(({ document }) => document))];
  const read = async (name: string) => {
    const { arrivals, damage } = await readDocument(ports, name, signal);
    const { damaged } = ports.pass.limits;
    if (damage && !damaged.has(name)) {
      damaged.add(name);
      const message = `what earlier orders have used up of the CA’s rate limits cannot be read, so it counts as nothing; the next order writes it anew, and \`certfleet store check\` shows the damage: ${damage.message}`;
      report(ports, { level: 'warn', event: 'log', message });
    }
    return [name, arrivals] as const;
  };
  const documents = new Map(await Promise.all(names.map(read)));
  const found = new Map<string, number>();
  for (const { bucket, document, hash } of places) {
    const arrivalMs = possible(bucket, documents.get(document)?.get(hash), ports.clock.now().getTime());
    if (arrivalMs !== undefined) found.set(bucket.key, arrivalMs);
  }
  return found;
}

/** Returns which documents of the ledger are damaged, of all CAs. */
export async function damagedLedger(
  { store }: Pick<Engine, 'store'>,
  signal: AbortSignal,
): Promise<readonly CertfleetError[]> {
  const found: CertfleetError[] = [];
  for await (const page of store.scan('ledger', signal))
    for (const entry of page) {
      const damage = entry.corrupt ?? damageIn(entry, store.location);
      if (damage) found.push(damage);
    }
  return found;
}

function damageIn({ key, bytes }: Entry, file: string): CertfleetError | undefined {
  try {
    decodeDocument(bytes, { key: `ledger/${key.name}`, file }, []);
    return undefined;
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return error;
  }
}

/** Reads one time of a document. */
export async function readTime(
  ports: Ports,
  { document, hash }: Pick<Place, 'document' | 'hash'>,
  signal: AbortSignal,
): Promise<number | undefined> {
  return (await readDocument(ports, document, signal)).arrivals.get(hash);
}

/** Returns an arrival time, or the latest one that a correct clock can have written. */
export const possible = (bucket: Bucket, arrivalMs: number | undefined, nowMs: number): number | undefined =>
  arrivalMs === undefined ? undefined : Math.min(arrivalMs, latestMs(bucket, nowMs));

/** Returns the latest arrival time that a correct clock can have written. */
export const latestMs = ({ limit: { burst, intervalMs } }: Bucket, nowMs: number): number =>
  nowMs + longestSkewMs + (burst + 1) * intervalMs;

/** Says how a bucket of a CA stands, by its stored arrival time and by when the last certificate for its set was issued. */
export function standingAt(
  { clock, memory }: Pick<Engine, 'clock' | 'memory'>,
  directory: string,
  {
    bucket,
    storedMs,
    issuedAtMs,
  }: { readonly bucket: Bucket } & Readonly<Record<'storedMs' | 'issuedAtMs', number | undefined>>,
): BucketStanding {
  const now = clock.now();
  const arrivalMs = sinceIssue(bucket, storedMs, issuedAtMs);
  const isFromTheFuture = arrivalMs !== undefined && arrivalMs >= latestMs(bucket, now.getTime());
  return standingOf(bucket, arrivalMs, { now, skewMs: memory.skews.get(directory) ?? 0, isFromTheFuture });
}

const keyOf = (name: string): Key => ({ kind: 'ledger', name });

/** Reads a document. It has no revision if the store cannot read it. */
async function readDocument({ store }: Pick<Ports, 'store'>, name: string, signal: AbortSignal) {
  try {
    const entry = await store.get(keyOf(name), signal);
    return { ...arrivalsIn(entry, store.location), revision: entry?.revision ?? null };
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return { arrivals: new Map<string, number>(), revision: undefined, damage: error };
  }
}

/** Returns what a document says; nothing if that cannot be decoded, so that the next write replaces it. */
function arrivalsIn(
  entry: Entry | undefined,
  file: string,
): { readonly arrivals: Map<string, number>; readonly damage?: CertfleetError } {
  if (!entry) return { arrivals: new Map() };
  try {
    const where = { key: `ledger/${entry.key.name}`, file };
    const { arrivals } = decodeDocument<BucketsDocument>(entry.bytes, where, ['arrivals']);
    return { arrivals: new Map(Object.entries(arrivals ?? {}).filter(([, at]) => Number.isFinite(at))) };
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return { arrivals: new Map(), damage: error };
  }
}

/**
 * Changes the arrival times of buckets that are in one document, durably. Changes that come while an earlier one is being
 * written share the next write.
 *
 * @param change gets the arrival times by hash; what it returns is the result
 * @param gathering who else is on the way to this document, always the same for one document
 */
export function changeDocument<T>(
  ports: Ports,
  document: string,
  change: (arrivals: Map<string, number>) => T,
  signal: AbortSignal,
  gathering?: Gathering,
): Promise<T> {
  const { ledgerWrites } = ports.memory;
  const work = (changes: readonly Change[], s: AbortSignal) => {
    gathering?.served();
    return write(ports, document, changes, s);
  };
  const inBatch = ledgerWrites.get(document) ?? createBatches(work, gathering?.ready);
  ledgerWrites.set(document, inBatch);
  gathering?.came();
  return inBatch(change, signal) as Promise<T>;
}

async function write(
  ports: Ports,
  document: string,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const { store, clock } = ports;
  let wasSetAside = false;
  for (;;) {
    const { arrivals, revision } = await readDocument(ports, document, signal);
    const before = new Map(arrivals);
    const results = changes.map((change) => change(arrivals));
    if (isSame(before, arrivals)) return results;
    if (revision === undefined) {
      if (wasSetAside || !store.setAside) return results;
      wasSetAside = true;
      await store.setAside(keyOf(document), signal);
      continue;
    }
    // A bucket that is full again is like one that was never used.
    const fullMs = clock.now().getTime() - longestSkewMs;
    const kept = [...arrivals].filter(([, arrivalMs]) => arrivalMs > fullMs);
    const bytes = encodeDocument({ arrivals: Object.fromEntries(kept) });
    try {
      if (kept.length > 0) await store.put(keyOf(document), bytes, { ifRevision: revision, signal });
      else if (revision !== null) await store.delete(keyOf(document), { ifRevision: revision, signal });
      return results;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

const isSame = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean =>
  a.size === b.size && [...a].every(([hash, arrivalMs]) => b.get(hash) === arrivalMs);
