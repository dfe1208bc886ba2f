import type { ComposeContext } from './compose/context.ts';
import { sealAll, unsealAll } from './compose/sealing.ts';
import { readStoreKeys } from './compose/store-keys.ts';
import { connectStore } from './compose.ts';
import { fail } from './core/errors.ts';
import type { Settings } from './core/spec.ts';
import type { Random } from './ports/random.ts';
import type { Store } from './ports/store.ts';
import { storeKeyOf } from './stores/encrypted.ts';

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
export const encryptStore = (settings: Settings, context: Context, signal: AbortSignal): Promise<Rewritten> =>
  rewrite(settings, context, signal, sealAll);

/** The opposite. */
export const decryptStore = (settings: Settings, context: Context, signal: AbortSignal): Promise<Rewritten> =>
  rewrite(settings, context, signal, unsealAll);

async function rewrite(
  settings: Settings,
  context: Context,
  signal: AbortSignal,
  all: typeof sealAll,
): Promise<Rewritten> {
  const [store, keys] = await Promise.all([existing(settings, context, signal), keysOf(settings, context)]);
  const count = await all(store, { keys, random: context.world.random }, signal);
  await store.close?.();
  return { location: store.location, count, key: keys[0]?.id ?? '' };
}

async function keysOf(settings: Settings, context: Context) {
  const keys = await readStoreKeys(settings.storeKeys ?? [], context);
  if (keys.length > 0) return keys;
  throw fail('usage/invalid', {
    what: 'name a key: --store-key file:/path, or `storeKey` in certfleet.yaml; `certfleet store key FILE` makes one',
  });
}

/** The store as it is on its medium. */
async function existing(settings: Settings, context: Context, signal: AbortSignal): Promise<Store> {
  const store = await connectStore(settings.store, context);
  if (!(await store.exists(signal))) throw fail('store/absent', { path: store.location });
  return store;
}
