import { writeSync } from 'node:fs';
import { isFailure } from '../../src/core/errors/errors.ts';
import type { Store } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import { storeWorld } from './store-world.ts';

// One process of test/long/store-torture.test.ts: writes until it is killed, and prints a line for each write that the
// store acknowledged. Arguments: folder, its own id, how many writes (0: for ever).

/** The content of the shared documents: how often each worker has written, and the sum. */
export interface Tally {
  readonly total: number;
  readonly by: Readonly<Record<string, number>>;
}

const [, , path = '', id = '', limit = '0'] = process.argv;
const { signal } = new AbortController();
const names = ['tally-a', 'tally-b', 'tally-c'] as const;

// Synchronous, so that the line is in the pipe unless the process died before.
const say = (...words: readonly (string | number)[]): void => void writeSync(1, `${words.join(' ')}\n`);

const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** One increment, repeated until it is known to be stored. */
async function increment(store: Store, name: string, sequence: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    const tally = entry ? (JSON.parse(Buffer.from(entry.bytes).toString()) as Tally) : { total: 0, by: {} };
    const mine = tally.by[id] ?? 0;
    if (mine === sequence && tries > 0) return say('late', name, sequence);
    if (mine !== sequence - 1) return say('LOST', name, `${mine} where ${sequence - 1} was acknowledged`);
    const next: Tally = { total: tally.total + 1, by: { ...tally.by, [id]: sequence } };
    try {
      const ifRevision = entry?.revision ?? null;
      say('ack', name, sequence, await store.put({ kind: 'lineage', name }, encode(next), { ifRevision, signal }));
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

/** All processes create the same document, and one may win. */
async function claim(store: Store, name: string): Promise<void> {
  try {
    say('claim', name, id, await store.put({ kind: 'key', name }, encode(id), { ifRevision: null, signal }));
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
  }
}

/** A document that is deleted and created again all the time; its revisions must never come back. */
async function rise(store: Store): Promise<void> {
  const key = { kind: 'token', name: 'phoenix' } as const;
  try {
    const entry = await store.get(key, signal);
    if (entry) await store.delete(key, { ifRevision: entry.revision, signal });
    else say('rise', 'phoenix', id, await store.put(key, encode(id), { ifRevision: null, signal }));
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
  }
}

const ended = new Set<string>();

/** The same, by processes that end each time, so that deletion markers go and numbers begin again. */
async function flicker(n: number): Promise<void> {
  const own = fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });
  // Another name four times a second, because what a killed process leaves in a folder keeps the markers there.
  const name = `spark-${Math.floor(performance.timeOrigin + performance.now()) >> 8}`;
  const key = { kind: 'token', name } as const;
  const base = await own.get(key, signal);
  if (base && ended.has(base.revision)) say('LOST', name, `${base.revision} was replaced or deleted`);
  try {
    if (base && n % 3 > 0) await own.delete(key, { ifRevision: base.revision, signal });
    else {
      const revision = await own.put(key, encode(`${id} ${n}`), { ifRevision: base?.revision ?? null, signal });
      say('spark', name, base?.revision ?? 'none', revision);
    }
    if (base) ended.add(base.revision);
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
  }
  await own.close?.();
}

const store = fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });
const sequences: Record<string, number> = {};
try {
  for (let n = 0; limit === '0' || n < Number(limit); n += 1) {
    const name = names[n % names.length] ?? names[0];
    sequences[name] = (sequences[name] ?? 0) + 1;
    await increment(store, name, sequences[name]);
    if (n % 5 === 0) await claim(store, `claim-${Math.floor(performance.timeOrigin + performance.now()) >> 3}`);
    if (n % 3 === 0) await rise(store);
    await flicker(n);
  }
} catch (error) {
  say('FAILED', String(error));
}
