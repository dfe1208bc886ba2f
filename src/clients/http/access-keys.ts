import type { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import { type ApiCall, type ApiRequest, isRefusal, type JsonApi } from './json-api.ts';
import { createRefreshed } from './refreshed.ts';

/** The keys that sign a call. */
export interface AccessKeys {
  readonly id: Secret;
  readonly secret: Secret;
  /** Of temporary keys. */
  readonly token?: Secret;
}

/** Temporary keys. */
export interface TemporaryKeys extends AccessKeys {
  readonly expires: Date;
}

/** Where keys come from. */
export interface KeySource {
  /** Keys that are valid for a while. */
  keys(signal: AbortSignal): Promise<AccessKeys>;
  /** Forgets keys that the service calls expired; returns false if there are no others. */
  renew(): boolean;
}

/** Keys from the configuration. @param token of temporary ones */
export function fixedKeys({
  id,
  secret,
  token,
}: Omit<AccessKeys, 'token'> & { token?: Secret | undefined }): KeySource {
  const keys = { id, secret, ...present({ token }) };
  return { keys: async () => keys, renew: () => false };
}

/** Temporary keys, fetched when they are first needed and again in time before they expire. */
export function refreshedKeys(fetchKeys: (signal: AbortSignal) => Promise<TemporaryKeys>, clock: Clock): KeySource {
  const { current, renew } = createRefreshed(fetchKeys, clock);
  return { keys: current, renew };
}

/** A call of an API whose requests are signed with keys that may change between two tries. */
export interface KeyedCall<T> extends Omit<ApiCall<T>, 'build' | 'secrets'> {
  readonly credentials: KeySource;
  /** The service's codes for keys that have expired. */
  readonly expiredCodes?: readonly string[];
  /** What must not be shown, besides the keys. */
  readonly secrets?: readonly Secret[];
  /** Builds and signs one try. */
  build(keys: AccessKeys): ApiRequest;
}

/** Sends a signed call, and once more with new keys if the service says that they have expired. */
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
    // Temporary keys can end before the time that was given with them.
    if (!isRefusal(error, ...expiredCodes) || !credentials.renew()) throw error;
    return once();
  }
}
