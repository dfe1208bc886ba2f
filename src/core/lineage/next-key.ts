import { type KeyType, usualKeyType } from '../spec/key-type.ts';
import type { Wishes } from '../spec/spec.ts';
import type { Version } from './lineage.ts';

/** Returns a stored version's key type. Old versions do not say, and are P-256. */
export const keyTypeOfVersion = ({ keyType = usualKeyType }: Pick<Version, 'keyType'>): KeyType => keyType;

/**
 * Returns the key of the next version. An unspecified type stays as it was, so a certificate taken over from another
 * client keeps its key type. `reuses` is the version whose key is reused.
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
