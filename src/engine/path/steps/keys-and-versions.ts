import { isFailure, reasonOf } from '../../../core/errors/errors.ts';
import type { Secret } from '../../../core/errors/secret.ts';
import { encodeDocument, type Lineage } from '../../../core/lineage/lineage.ts';
import type { nextKey } from '../../../core/lineage/next-key.ts';
import type { VersionRef } from '../../../ports/deployer.ts';
import { type Engine, report } from '../../engine.ts';
import { type KeyDocument, keyOf, readKey, type VersionDocument } from '../../run/bundles.ts';

/**
 * Step 4: returns the private key of a version, which is generated, or copied from another version, and stored on first
 * use, before the CA sees it. A reused key is stored again under the new version, so that each version has its own and
 * old ones can be deleted.
 */
export async function obtainKey(
  engine: Engine,
  version: VersionRef,
  { type, reuses }: ReturnType<typeof nextKey>,
  signal: AbortSignal,
): Promise<Secret> {
  const stored = await readKey(engine, version, signal);
  if (stored) return stored;
  const before = reuses === undefined ? undefined : await readKey(engine, { ...version, id: reuses }, signal);
  const keyPem = before ?? (await engine.pki.newKey(type));
  const document: KeyDocument = { keyPem: keyPem.reveal() };
  try {
    await engine.store.put(keyOf('key', version), encodeDocument(document), { ifRevision: null, signal });
    return keyPem;
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
    return obtainKey(engine, version, { type }, signal);
  }
}

/** Step 10: stores a version. If it exists, an earlier process has already stored it. */
export async function storeVersion(
  engine: Engine,
  version: VersionRef,
  document: VersionDocument,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf('version', version);
  try {
    await engine.store.put(key, encodeDocument(document), { ifRevision: null, signal });
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
  }
}

/**
 * Deletes retired versions and their keys from the store, except those whose revocation still needs them. Resolves with
 * the IDs of those that stay retired. Whatever the document says, the current and the previous version are never
 * deleted.
 */
export async function removeRetired(
  engine: Engine,
  { name, current, previous, retired: all = [], revoking = [] }: Lineage,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const retired = all.filter((id) => id !== current?.id && id !== previous?.id);
  const needed = new Set(revoking.map(({ version }) => version));
  const left = retired.filter((id) => needed.has(id));
  return [
    ...left,
    ...(await removeVersions(
      engine,
      name,
      retired.filter((id) => !needed.has(id)),
      signal,
    )),
  ];
}

/**
 * Deletes versions and their keys, as far as they are in the store. Resolves with the IDs of those that could not be
 * deleted.
 */
export async function removeVersions(
  engine: Engine,
  lineage: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const id of ids) {
    try {
      // Delete the key first, because it is the secret part.
      for (const kind of ['key', 'version'] as const) {
        const key = keyOf(kind, { lineage, id });
        const entry = await engine.store.get(key, signal);
        if (entry) await engine.store.delete(key, { ifRevision: entry.revision, signal });
      }
    } catch (error) {
      signal.throwIfAborted();
      // Nothing needs the version, so this is only a warning.
      const message = `could not remove version ${id} from the store: ${reasonOf(error)}`;
      report(engine, { level: 'warn', event: 'log', certificate: lineage, message });
      left.push(id);
    }
  }
  return left;
}
