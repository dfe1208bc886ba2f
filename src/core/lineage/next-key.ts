import { type KeyType, usualKeyType } from '../spec/key-type.ts';
import type { Wishes } from '../spec/spec.ts';
import type { Version } from './lineage.ts';

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
