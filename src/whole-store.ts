import { type Backup, backUp, isBackup, readBackup, restoreAll } from './compose/backup.ts';
import { type Checked, checkAll, type Mended, mendAll, type StoreFault } from './compose/check.ts';
import type { ComposeContext } from './compose/context.ts';
import { withoutLiterals } from './compose/literals.ts';
import { type Counts, cancelMove, type Moving, moveAll } from './compose/move.ts';
import { moveLiterals } from './compose/move-literals.ts';
import { responderSecretOf } from './compose/responder.ts';
import { refuseUnready } from './compose/restoring.ts';
import { sealAll, unsealAll } from './compose/sealing.ts';
import { makeStoreId, storeIdKey } from './compose/store-id.ts';
import { readStoreKeys } from './compose/store-keys.ts';
import { lookAtStore } from './compose/store-look.ts';
import { idOf, type PlainDocument } from './compose/without-lease.ts';
import { absent, connectStore, openStore, pki, storeDefinition } from './compose.ts';
import { type ErrorParams, fail, isFailure, reasonOf } from './core/errors/errors.ts';
import type { AdapterSettings, Settings } from './core/spec/spec.ts';
import type { Random } from './ports/random.ts';
import type { Store } from './ports/store.ts';
import { isOpenSecret, isSealed, openEncrypted, type StoreKey, storeKeyOf } from './stores/encrypted.ts';

/** What works on the store as a whole, without the engine: the second interface of the application, beside `fleet.ts`. */

type Context = Pick<ComposeContext, 'world' | 'env'>;

/** A new key for a store, and its text for a file. */
export function newStoreKey({ bytes }: Random): { readonly id: string; readonly text: string } {
  const key = bytes(32);
  return { id: storeKeyOf(key).id, text: `${Buffer.from(key).toString('base64')}\n` };
}

export interface Rewritten {
  readonly location: string;
  /** How many documents were written. */
  readonly count: number;
  /** The id of the key that was used. */
  readonly key: string;
}

/**
 * Encrypts the secrets that a store has in the clear or under another key, and removes every trace of them in its files.
 * May be killed and called again. Fails with `store/absent`, `store/wrong-key`, `store/in-use`.
 */
export async function encryptStore(settings: Settings, context: Context, signal: AbortSignal): Promise<Rewritten> {
  const [plain, keys] = await Promise.all([
    existing(settings, context, signal),
    keysOf(settings, context, {
      action: 'encrypting the store',
      key: 'a store key; `certfleet store key FILE` generates one',
    }),
  ]);
  const encryption = { keys, random: context.world.random };
  const { store: sealed } = await openEncrypted(plain, { ...encryption, isNew: false }, signal);
  await moveLiterals({ plain, sealed }, context.world, signal);
  const count = await sealAll(plain, encryption, signal);
  await plain.close?.();
  return { location: plain.location, count, key: keys[0]!.id };
}

/** The opposite. */
export async function decryptStore(settings: Settings, context: Context, signal: AbortSignal): Promise<Rewritten> {
  const [plain, keys] = await Promise.all([
    existing(settings, context, signal),
    keysOf(settings, context, {
      action: 'decrypting the store',
      key: 'the key that it is encrypted with',
    }),
  ]);
  const count = await unsealAll(plain, { keys, random: context.world.random }, signal);
  await plain.close?.();
  return { location: plain.location, count, key: keys[0]!.id };
}

async function keysOf(settings: Settings, context: Context, needed: ErrorParams<'usage/store-key-missing'>) {
  const keys = await readStoreKeys(settings.storeKeys ?? [], context);
  if (keys.length > 0) return keys;
  throw fail('usage/store-key-missing', needed);
}

/** The store as it is on its medium. */
async function existing(settings: Settings, context: Context, signal: AbortSignal): Promise<Store> {
  const store = await connectStore(settings.store, context);
  if (!(await store.exists(signal))) throw await absent(store, signal);
  await store.anchor?.(storeIdKey, signal);
  await refuseUnready(store, signal);
  return store;
}

/**
 * Returns what the owner of the store's medium runs to make a role for responders; undefined if the medium has no roles.
 * Fails with `store/absent`.
 */
export async function responderRoleOf(
  settings: Settings,
  role: string,
  context: Context,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { definition, options } = await storeDefinition(settings.store, context);
  if (!definition.responderRole) return undefined;
  // It refers to what each version of certfleet may add to the store.
  await (await existing(settings, context, signal)).close?.();
  return definition.responderRole(options, role);
}

export { isBackup, lookAtStore, responderSecretOf };

export interface BackedUp extends Backup {
  readonly location: string;
}

/** Reads the whole store, as it is: sealed documents stay sealed. Fails with `store/absent`. */
export async function backUpStore(settings: Settings, context: Context, signal: AbortSignal): Promise<BackedUp> {
  const store = await existing(settings, context, signal);
  const made = await backUp(store, context.world.clock.now(), signal);
  await store.close?.();
  return { ...made, location: store.location };
}

export interface CheckedStore extends Pick<Checked, 'documents' | 'certificates' | 'faults' | 'unused'> {
  readonly location: string;
  /** Faults that could be mended, and are not. */
  readonly mendable: number;
  readonly mended: readonly Mended[];
  /** It had lost its id. */
  readonly hasNewId: boolean;
}

export type { Mended };

/**
 * Reads every document and finds what is damaged, missing, or under another name. With `mend`, makes the documents of
 * certificates again that are missing or damaged, and whose versions and keys are there. Fails with `store/absent`, `store/key-missing`.
 */
export async function checkStore(
  settings: Settings,
  context: ComposeContext,
  { mend }: { readonly mend: boolean },
  signal: AbortSignal,
): Promise<CheckedStore> {
  const { world } = context;
  const opened = await openStore(settings, { ...context, makeStore: false }, signal);
  const store = withoutLiterals(opened, world.random);
  const found = await checkAll({ store, pki, signal });
  const { mended, failed } = mend
    ? await mendAll(store, found, { settings, now: world.clock.now(), signal })
    : { mended: [], failed: new Map<string, never>() };
  const lacksId = found.faults.some(({ error }) => error.code === 'store/id-missing');
  const hasNewId = mend && lacksId && (await makeStoreId(store, world.random, signal)) !== undefined;
  await opened.close?.();
  const isMended = ({ document: { kind, name } }: StoreFault) =>
    kind === 'lineage' && mended.some(({ certificate }) => certificate === name);
  const faults = found.faults
    .filter((fault) => !isMended(fault) && !(hasNewId && fault.error.code === 'store/id-missing'))
    .map((fault) => {
      const error = fault.document.kind === 'lineage' ? failed.get(fault.document.name) : undefined;
      return error ? { ...fault, error } : fault;
    });
  const { documents, certificates, unused, lost } = found;
  return {
    ...{ location: store.location, unused, faults, mended, hasNewId },
    documents: documents + mended.filter(({ certificate }) => !found.damaged.has(certificate)).length,
    certificates: certificates + mended.length,
    mendable: lost.size - mended.length - failed.size + (lacksId && !hasNewId ? 1 : 0),
  };
}

export interface Restored {
  readonly location: string;
  /** Secrets stand in it in the clear, although keys are given. */
  readonly isOpen: boolean;
  readonly documents: number;
  readonly certificates: number;
}

/**
 * Writes a backup into a store that is not there yet. If keys are given, every secret must open with them. Fails with
 * `store/backup-damaged`, `store/wrong-key`, `store/not-empty`, `store/restoring`.
 */
export async function restoreStore(
  { bytes, path }: { readonly bytes: Uint8Array; readonly path: string },
  settings: Settings,
  context: Context,
  signal: AbortSignal,
): Promise<Restored> {
  const documents = readBackup(bytes, path);
  const keys = await readStoreKeys(settings.storeKeys ?? [], context);
  const hasOpen = documents.some(({ key, bytes: content }) => isOpenSecret(key, content));
  const store = await connectStore(settings.store, context);
  if (hasOpen) refuseOpenFrom(path, store);
  if (keys.length > 0) await checkOpens(documents, { keys, store, path, context }, signal);
  const certificates = await restoreAll(store, documents, path, signal);
  await store.close?.();
  const isOpen = keys.length > 0 && hasOpen;
  return { location: store.location, documents: documents.length, certificates, isOpen };
}

/** Fails with `store/secrets-open` if the new place must not have the secrets that are in the clear at the old one. */
function refuseOpenFrom(from: string, { demandsKey, location: path }: Store): void {
  if (demandsKey) throw fail('store/secrets-open', { from, path });
}

export interface MoveRequest {
  readonly from: AdapterSettings;
  readonly to: AdapterSettings;
  /** The command line that continues the move, for others. */
  readonly command: string;
}

export interface MovedStore extends Partial<Counts> {
  readonly from: string;
  readonly to: string;
}

/**
 * Moves a store to a place where there is none, or continues a move. No key is needed. Without counts, the move had
 * already ended. Fails with the errors of {@link moveAll}, with `store/absent`, and with `store/secrets-open`.
 */
export async function moveStore(
  { from, to, command }: MoveRequest,
  context: Context,
  signal: AbortSignal,
): Promise<MovedStore> {
  return withBoth({ from, to }, context, async (moving) => {
    if (!(await moving.from.exists(signal))) throw await absent(moving.from, signal);
    if (!(await isSealed(moving.from, signal))) refuseOpenFrom(moving.from.location, moving.to);
    const counts = await moveAll(moving, command, context.world, signal);
    return { from: moving.from.location, to: moving.to.location, ...counts };
  });
}

/** Gives up a move. Returns why the new place could not be emptied, if it could not. */
export const cancelMoveOfStore = (
  { from, to }: Pick<MoveRequest, 'from' | 'to'>,
  context: Context,
  signal: AbortSignal,
): Promise<{ readonly from: string; readonly to: string; readonly left?: string | undefined }> =>
  withBoth({ from, to }, context, async (moving) => {
    const left = await cancelMove(moving, signal);
    return { from: moving.from.location, to: moving.to.location, left };
  });

async function withBoth<T>(
  settings: Pick<MoveRequest, 'from' | 'to'>,
  context: Context,
  work: (moving: Moving) => Promise<T>,
): Promise<T> {
  const [from, to] = await Promise.all([connectStore(settings.from, context), connectStore(settings.to, context)]);
  try {
    if (from.location === to.location)
      throw fail('usage/not-applicable', {
        typed: 'store move',
        reason: `both places are ${from.location}`,
        advice: 'Name the store first, and a place where there is none second.',
      });
    return await work({ from, to });
  } finally {
    await Promise.all([from.close?.(), to.close?.()]);
  }
}

/** Opens every document of a backup, before anything is written. */
async function checkOpens(
  documents: readonly PlainDocument[],
  given: {
    readonly keys: readonly StoreKey[];
    readonly store: Store;
    readonly path: string;
    readonly context: Context;
  },
  signal: AbortSignal,
): Promise<void> {
  const { keys, store, path, context } = given;
  const byId = new Map(documents.map((document) => [idOf(document.key), { ...document, revision: '' }]));
  const inBackup: Store = { ...store, location: path, get: async (key) => byId.get(idOf(key)) };
  const { random } = context.world;
  const { store: opened } = await openEncrypted(inBackup, { keys, random, isNew: false }, signal);
  for (const { key } of documents)
    await opened.get(key, signal).catch((error: unknown) => {
      if (!isFailure(error, 'store/corrupt')) throw error;
      throw fail('store/backup-damaged', { file: path, reason: reasonOf(error) });
    });
}
