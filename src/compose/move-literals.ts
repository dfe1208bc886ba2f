import { fail, isFailure } from '../core/errors/errors.ts';
import { decodeLineage } from '../core/lineage/lineage.ts';
import { isHeld } from '../engine/locks/held-leases.ts';
import type { Entry, Key, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import type { CredentialDocument } from './credentials.ts';
import { withoutLiterals } from './literals.ts';
import { scrubKind } from './sealing.ts';

/**
 * Takes the literal secrets out of all lineages, as the next change of each would, and removes their earlier content
 * from the store's files. Fails with `store/in-use` if another process is working on a lineage: a write would end its
 * lease.
 */
export async function moveLiterals(
  { plain, sealed }: { readonly plain: Store; readonly sealed: Store },
  { random, processes }: Pick<World, 'random' | 'processes'>,
  signal: AbortSignal,
): Promise<void> {
  const store = withoutLiterals(sealed, random);
  let isInUse = false;

  async function rewrite(key: Key, isNeeded: (stored: Entry) => Promise<boolean>): Promise<void> {
    for (;;) {
      const stored = await sealed.get(key, signal);
      if (!stored || !(await isNeeded(stored))) return;
      const lease = decodeLineage(stored.bytes, key.name, plain.location).work?.lease;
      if (await isHeld(lease, { store: sealed, processes }, signal)) {
        isInUse = true;
        return;
      }
      const found = await store.get(key, signal);
      if (!found) return;
      try {
        await store.put(key, found.bytes, { ifRevision: found.revision, signal });
        return;
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
    }
  }

  for await (const page of sealed.scan('lineage', signal))
    for (const { key, corrupt } of page) {
      if (corrupt) throw corrupt;
      await rewrite(key, ({ bytes }) => store.hasLiterals(bytes));
    }
  const values = await allLiterals(sealed, signal);
  const mayStay = (_key: Key, bytes: Uint8Array) => !values.some((value) => Buffer.from(bytes).includes(value));
  if (values.length > 0)
    await scrubKind({ plain, kind: 'lineage', mayStay }, (key) => rewrite(key, async () => true), signal);
  if (isInUse) throw fail('store/in-use', { path: plain.location });
}

/** Returns every literal as the lineages spell it: in JSON, or in JSON within JSON (the settings of a deployment). */
async function allLiterals(store: Store, signal: AbortSignal): Promise<readonly string[]> {
  const found = new Set<string>();
  for await (const page of store.scan('credential', signal))
    for (const { bytes, corrupt } of page) {
      if (corrupt) throw corrupt;
      const { literals = {} } = JSON.parse(new TextDecoder().decode(bytes)) as CredentialDocument;
      for (const value of Object.values(literals)) {
        const inJson = JSON.stringify(value);
        found.add(inJson).add(JSON.stringify(inJson).slice(1, -1));
      }
    }
  return [...found];
}
