import { connectStore, refuseOpenSecrets } from '../compose.ts';
import { fail } from '../core/errors/errors.ts';
import { failedAt, type Hop } from '../core/request-path/hop.ts';
import type { Settings } from '../core/spec/spec.ts';
import { spanText } from '../core/text/span.ts';
import type { Store } from '../ports/store.ts';
import { openEncrypted } from '../stores/encrypted.ts';
import type { ComposeContext } from './context.ts';
import { refuseUnready } from './restoring.ts';
import { readStoreKeys } from './store-keys.ts';

type Context = Pick<ComposeContext, 'world' | 'env'>;

export interface StoreLook {
  readonly location: string;
  readonly hops: readonly Hop[];
}

/** Finds out whether the store can be used, and why not. Changes nothing. */
export async function lookAtStore(settings: Settings, context: Context, signal: AbortSignal): Promise<StoreLook> {
  const keys = await readStoreKeys(settings.storeKeys ?? [], context);
  const store = await connectStore(settings.store, context);
  const { location } = store;
  try {
    const isThere = await store.exists(signal);
    if (!isThere) await store.checkUnused?.(signal);
    await store.check(signal);
    if (isThere) await refuseUnready(store, signal);
    refuseOpenSecrets(store, keys);
    await openEncrypted(store, { keys, random: context.world.random, isNew: false }, signal);
    const { message, hint } = fail('store/absent', { path: location });
    const hop: Hop = isThere
      ? { at: 'store', state: 'well', finding: 'it can be read and written' }
      : { at: 'store', state: 'cannot-tell', finding: `${message}, but one can be made`, advice: hint };
    return { location, hops: [hop, ...(await clockOf(store, context, signal))] };
  } catch (error) {
    return { location, hops: [failedAt('store', error)] };
  } finally {
    await store.close?.();
  }
}

/** More than an answer takes, and what certificates and leases do not mind. */
const mostSkewMs = 60_000;

async function clockOf(store: Store, { world }: Context, signal: AbortSignal): Promise<readonly Hop[]> {
  const theirs = await store.now?.(signal);
  if (!theirs) return [];
  const skewMs = theirs.getTime() - world.clock.now().getTime();
  if (Math.abs(skewMs) <= mostSkewMs)
    return [{ at: 'clock', state: 'well', finding: 'it agrees with that of this machine' }];
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  const error = fail('store/clock-off', { path: store.location, span: spanText(Math.abs(skewMs)), direction });
  return [failedAt('clock', error)];
}
