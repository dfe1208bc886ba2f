import type { Version } from './lineage.ts';
import type { Wishes } from './spec.ts';

/** The kinds of private keys that public CAs accept, as the configuration names them. */
export const keyTypes = ['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096'] as const;

export type KeyType = (typeof keyTypes)[number];

/** The type of a first key that is not named. Small and fast, and every CA and client accepts it. */
export const usualKeyType: KeyType = 'p256';

/** The key of a stored version; old ones do not say, and are P-256. */
export const keyTypeOfVersion = ({ keyType = usualKeyType }: Pick<Version, 'keyType'>): KeyType => keyType;

/**
 * The key of the next version. A type that is not named stays what it was, so that a certificate taken over from
 * another client keeps its kind of key. `reuses` is the version whose key it gets.
 */
export function nextKey(
  { keyType, reuseKey }: Wishes,
  current: Version | undefined,
): { readonly type: KeyType; readonly reuses?: string } {
  const before = current && keyTypeOfVersion(current);
  const type = keyType ?? before ?? usualKeyType;
  const reuses = reuseKey === true && before === type && current?.compromised !== true;
  return reuses ? { type, reuses: current!.id } : { type };
}
