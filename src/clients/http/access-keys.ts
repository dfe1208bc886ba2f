import type { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import { type ApiCall, type ApiRequest, isRefusal, type JsonApi } from './json-api.ts';
import { createRefreshed } from './refreshed.ts';

/** The keys that sign a call. */
export interface AccessKeys {
  readonly id: Secret;
  readonly secret: Secret;
  /** For temporary keys. */
  readonly token?: Secret;
}

/** Temporary keys. */
export interface TemporaryKeys extends AccessKeys {
  readonly expires: Date;
}

/** A source of keys. */
export interface KeySource {
  /** Returns keys that are currently valid. */
  keys(signal: AbortSignal): Promise<AccessKeys>;
  /** Discards keys that the service reports as expired. Returns false if there are no others. */
  renew(): boolean;
}

/** Returns keys from the configuration. @param token for temporary keys */
export function fixedKeys({
  id,
  secret,
  token,
}: Omit<AccessKeys, 'token'> & { token?: Secret | undefined }): KeySource {
  const keys = { id, secret, ...present({ token }) };
  return { keys: async () => keys, renew: () => false };
}

/** Returns a source of temporary keys, which are fetched when first needed, and again well before they expire. */
export function refreshedKeys(fetchKeys: (signal: AbortSignal) => Promise<TemporaryKeys>, clock: Clock): KeySource {
  const { current, renew } = createRefreshed(fetchKeys, clock);
  return { keys: current, renew };
}

/** A call of an API whose requests are signed with keys that may change between two attempts. */
export interface KeyedCall<T> extends Omit<ApiCall<T>, 'build' | 'secrets'> {
  readonly credentials: KeySource;
  /** The service's codes for keys that have expired. */
  readonly expiredCodes?: readonly string[];
  /** Values that must not be shown, besides the keys. */
  readonly secrets?: readonly Secret[];
  /** Builds and signs one attempt. */
  build(keys: AccessKeys): ApiRequest | Promise<ApiRequest>;
}

/** Sends a signed call, and repeats it once with new keys if the service reports that the keys have expired. */
export async function callWithKeys<T>(
  api: JsonApi,
  { credentials, expiredCodes = [], secrets: others = [], build, ...call }: KeyedCall<T>,
): Promise<T> {
  const secrets = [...others];
  const once = () =>
    api.call({
      ...call,
      secrets,
      build: async (signal) => {
        const keys = await credentials.keys(signal);
        secrets.push(keys.id, keys.secret, ...(keys.token === undefined ? [] : [keys.token]));
        return build(keys);
      },
    });
  try {
    return await once();
  } catch (error) {
    // Temporary keys can become invalid before their given expiry.
    if (!isRefusal(error, ...expiredCodes) || !credentials.renew()) throw error;
    return once();
  }
}
