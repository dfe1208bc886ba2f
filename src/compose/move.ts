import { createHash } from 'node:crypto';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Clock } from '../ports/clock.ts';
import type { Processes } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { Key, Kind, Store } from '../ports/store.ts';
import { kindsOfWork, workedOn } from './at-work.ts';
import { kinds } from './backup.ts';
import { moved, readRestoreMark, refuseUnready, restoreMarkKey, unfinished } from './restoring.ts';
import { type FoundStoreId, type Move, newId, readStoreId, type StoreId, storeIdKey } from './store-id.ts';
import { idOf, type PlainDocument, withoutLease } from './without-lease.ts';

/**
 * A move of a store (decision 0048), in this order:
 *
 * 1. the old store is marked in its ID, so no command opens it any longer, and processes that had opened it fail;
 * 2. a process that was quicker is found by its lease, and ends the move;
 * 3. the new store is marked as unfinished;
 * 4. each document is copied as it is, without leases, and read back;
 * 5. the old store is marked as moved: from here on, there is no way back;
 * 6. the new store gets the ID, and loses its mark.
 *
 * Killed anywhere, it goes on when it is called again, and at no time can both stores be used.
 */
export interface Moving {
  readonly from: Store;
  readonly to: Store;
}

interface Ports {
  readonly clock: Pick<Clock, 'now'>;
  readonly processes: Pick<Processes, 'look'>;
  readonly random: Random;
}

export interface Counts {
  readonly documents: number;
  readonly certificates: number;
}

/** The old store's ID with its move. */
interface Marked {
  readonly revision: string;
  readonly document: StoreId;
  readonly move: Move;
}

/**
 * Moves a store to a place where there is none, or continues a move. The caller has checked that the old one exists.
 * Fails with `store/held`, `store/node-runs`, `store/not-empty`, `store/moved`, `store/moving`, `store/corrupt`.
 *
 * @param command how to continue it, for others
 * @returns undefined if it had already ended
 */
export async function moveAll(
  moving: Moving,
  command: string,
  ports: Ports,
  signal: AbortSignal,
): Promise<Counts | undefined> {
  const { from, to } = moving;
  const found = await readStoreId(from, signal);
  const begun = markedIn(found);
  if (begun && begun.move.to !== to.location) throw moved(begun.move);
  if (begun?.move.endedAt !== undefined) return finish(moving, begun, signal);
  const marked = begun ?? (await begin(moving, { found, command }, ports, signal));
  const fenced = await fence(moving, marked, ports, signal);
  const counts = await copyAll(moving, signal);
  const endedAt = ports.clock.now().toISOString();
  const ended = await remark(from, fenced, { ...fenced.move, endedAt }, signal);
  await finish(moving, ended, signal);
  return counts;
}

const markedIn = (found: FoundStoreId | undefined): Marked | undefined =>
  found?.document.move && { ...found, move: found.document.move };

const withoutMove = ({ move: _of, ...document }: StoreId): StoreId => document;

/** Checks both stores, and marks the old one. Until then, nothing is changed. */
async function begin(
  { from, to }: Moving,
  { found, command }: { readonly found: FoundStoreId | undefined; readonly command: string },
  ports: Ports,
  signal: AbortSignal,
): Promise<Marked> {
  await refuseUnready(from, signal);
  if (!found) throw fail('store/id-missing', { path: from.location });
  await inspect(from, kinds, ports, signal);
  if (await to.exists(signal)) {
    await refuseUnready(to, signal);
    throw fail('store/not-empty', { path: to.location });
  }
  await to.check(signal);
  const move = { id: newId(ports.random), from: from.location, to: to.location, command };
  return remark(from, found, move, signal);
}

/** Fails if a process works on the store, or a document cannot be read. */
async function inspect(store: Store, of: readonly Kind[], ports: Ports, signal: AbortSignal): Promise<void> {
  for (const kind of [...kindsOfWork, ...of.filter((one) => !(kindsOfWork as readonly Kind[]).includes(one))])
    for await (const page of store.scan(kind, signal))
      for (const entry of page) {
        if (entry.corrupt) throw entry.corrupt;
        const error = await workedOn(entry, { store, ...ports }, signal);
        if (error) throw error;
        withoutLease(entry, store.location);
      }
}

/** Writes the old store's ID with its move, or without one. */
async function remark(
  store: Store,
  { document, revision }: FoundStoreId,
  move: Move | undefined,
  signal: AbortSignal,
): Promise<Marked> {
  const next = move ? { ...document, move } : withoutMove(document);
  try {
    const written = await store.put(storeIdKey, encodeDocument(next), { ifRevision: revision, signal });
    return { revision: written, document: next, move: move ?? document.move! };
  } catch (error) {
    const ours = document.move ?? move;
    if (!isFailure(error, 'store/conflict') || !ours) throw error;
    // Another process moves it at the same time, or has cancelled the move.
    const now = markedIn(await readStoreId(store, signal));
    if (!now) throw fail('store/move-cancelled', { from: ours.from, to: ours.to });
    const { endedAt, isFenced } = now.move;
    if (now.move.id !== ours.id || (endedAt !== undefined && !move)) throw moved(now.move);
    const isDone = endedAt !== undefined || (isFenced && move && move.endedAt === undefined);
    return isDone ? now : remark(store, now, move, signal);
  }
}

/**
 * Ends the use of the old store by processes that had opened it before it was marked, and marks the new one. If one of
 * them has taken a lease since the first look, it may be in the middle of something: then the move does not begin.
 */
async function fence(moving: Moving, marked: Marked, ports: Ports, signal: AbortSignal): Promise<Marked> {
  const { from, to } = moving;
  const fenced = marked.move.isFenced ? marked : await remark(from, marked, { ...marked.move, isFenced: true }, signal);
  if (await isMarked(to, fenced.move, signal)) return fenced;
  try {
    await inspect(from, kindsOfWork, ports, signal);
    // Another store may have been made there meanwhile.
    if (await to.get(storeIdKey, signal)) throw fail('store/not-empty', { path: to.location });
  } catch (error) {
    if (isFailure(error, 'store/held', 'store/node-runs', 'store/not-empty'))
      await remark(from, fenced, undefined, signal);
    throw error;
  }
  try {
    await to.put(restoreMarkKey, encodeDocument({ schema: 1, move: fenced.move }), { ifRevision: null, signal });
  } catch (error) {
    // Another process moves it at the same time, or a killed one has written it late.
    if (!isFailure(error, 'store/conflict') || !(await isMarked(to, fenced.move, signal))) throw error;
  }
  return fenced;
}

/** Reports whether the new store is marked by this move. Fails if it is by something else. */
async function isMarked(to: Store, move: Move, signal: AbortSignal): Promise<boolean> {
  const known = await readRestoreMark(to, signal);
  if (known && !isOf(known.mark, move)) throw unfinished(to, known.mark);
  return known !== undefined;
}

const isOf = (mark: object, { id }: Move): boolean => 'move' in mark && (mark.move as Move).id === id;

const atOnce = 32;

/** Copies every document, and compares each with what the new store has then. */
async function copyAll({ from, to }: Moving, signal: AbortSignal): Promise<Counts> {
  const written = new Map<string, string>();
  let certificates = 0;
  const cursors = new Map<Kind, unknown>();
  for (const kind of kinds) cursors.set(kind, (await from.changes(kind, undefined, signal)).cursor);
  const copy = async (entry: PlainDocument) => {
    if (isMark(entry.key)) return;
    const document = withoutLease(entry, from.location);
    await write(to, document, signal);
    written.set(idOf(entry.key), digestOf(document.bytes));
  };
  for (const kind of kinds)
    for await (const page of from.scan(kind, signal)) {
      const corrupt = page.find((entry) => entry.corrupt)?.corrupt;
      if (corrupt) throw corrupt;
      for (let done = 0; done < page.length; done += atOnce)
        await Promise.all(page.slice(done, done + atOnce).map(copy));
    }
  // A write that was under way when the old store was marked may have come after its page.
  for (const kind of kinds)
    for (const entry of (await from.changes(kind, cursors.get(kind), signal)).entries) {
      if ('gone' in entry) written.delete(idOf(entry.key));
      else if (entry.corrupt) throw entry.corrupt;
      else await copy(entry);
    }
  for (const id of written.keys()) if (id.startsWith('lineage/')) certificates += 1;
  const documents = written.size + 1;
  await compare(to, written, signal);
  return { documents, certificates };
}

const isMark = ({ kind, name }: Key): boolean =>
  kind === 'meta' && (name === storeIdKey.name || name === restoreMarkKey.name);

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** Writes a document into the new store, which no other process uses. An earlier call may have written it, or an older one. */
async function write(to: Store, { key, bytes }: PlainDocument, signal: AbortSignal): Promise<void> {
  for (let ifRevision: string | null = null; ; ) {
    try {
      await to.put(key, bytes, { ifRevision, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
      const there = await to.get(key, signal);
      if (there && Buffer.compare(there.bytes, bytes) === 0) return;
      ifRevision = there?.revision ?? null;
    }
  }
}

/** Reads the new store, removes what the old one no longer has, and fails if something differs. */
async function compare(to: Store, written: Map<string, string>, signal: AbortSignal): Promise<void> {
  const unequal = (key: string, reason: string) => fail('store/move-unequal', { key, to: to.location, reason });
  for (const kind of kinds)
    for await (const page of to.scan(kind, signal))
      for (const { key, bytes, revision, corrupt } of page) {
        const id = idOf(key);
        if (isMark(key)) continue;
        if (corrupt) throw unequal(id, reasonOf(corrupt));
        const digest = written.get(id);
        if (digest === undefined) await to.delete(key, { ifRevision: revision, signal });
        else if (digest !== digestOf(bytes)) throw unequal(id, 'it has another content');
        written.delete(id);
      }
  const [missing] = written.keys();
  if (missing !== undefined) throw unequal(missing, 'it is not there');
}

/** Gives the new store its ID, and ends the move there. Returns undefined, because nothing is copied. */
async function finish({ to }: Moving, { document, move }: Marked, signal: AbortSignal): Promise<undefined> {
  const known = await readRestoreMark(to, signal);
  const there = await readStoreId(to, signal);
  // The new store has since been removed, or moved on, or another one is there.
  if (known ? !isOf(known.mark, move) : there?.document.id !== document.id || there.document.move) throw moved(move);
  if (!known) return undefined;
  await write(to, { key: storeIdKey, bytes: encodeDocument(withoutMove(document)) }, signal);
  if ((await readStoreId(to, signal))?.document.id !== document.id)
    throw fail('store/move-unequal', { key: idOf(storeIdKey), to: to.location, reason: 'it has another content' });
  await to.delete(restoreMarkKey, { ifRevision: known.revision, signal });
  return undefined;
}

/**
 * Gives up a move that has not ended: empties the new store if it can, and makes the old one usable again. Fails with
 * `store/not-moving`, and with `store/moved` if it is too late.
 *
 * @returns why the new store could not be emptied, if it could not
 */
export async function cancelMove({ from, to }: Moving, signal: AbortSignal): Promise<string | undefined> {
  const marked = markedIn(await readStoreId(from, signal));
  if (!marked) throw fail('store/not-moving', { path: from.location });
  if (marked.move.endedAt !== undefined || marked.move.to !== to.location) throw moved(marked.move);
  const left = await empty(to, marked.move, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return reasonOf(error);
  });
  await remark(from, marked, undefined, signal);
  return left;
}

async function empty(to: Store, move: Move, signal: AbortSignal): Promise<undefined> {
  const known = await readRestoreMark(to, signal);
  if (!known || !isOf(known.mark, move)) return undefined;
  for (const kind of kinds)
    for await (const page of to.scan(kind, signal))
      for (const { key, revision } of page) if (!isMark(key)) await to.delete(key, { ifRevision: revision, signal });
  await to.delete(restoreMarkKey, { ifRevision: known.revision, signal });
  return undefined;
}
