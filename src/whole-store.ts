import type { Random } from './ports/random.ts';
import { storeKeyOf } from './stores/encrypted.ts';

/** What works on the store as a whole, without the engine: the second interface of the application, beside `fleet.ts`. */

/** A new key for a store, and its text for a file. */
export function newStoreKey({ bytes }: Random): { readonly id: string; readonly text: string } {
  const key = bytes(32);
  return { id: storeKeyOf(key).id, text: `${Buffer.from(key).toString('base64')}\n` };
}
