import { createPublicKey, X509Certificate } from 'node:crypto';
import { encodeDocument, type Lineage } from '../../src/core/lineage.ts';
import { createFiles } from '../../src/lib/files.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import type { State } from './rig.ts';

const quiet = { debug() {}, info() {}, warn() {} };
const { signal } = new AbortController();

/** The store of a state, opened by the test beside whatever process works on it. */
export const openState = (state: State): Store =>
  fileStore.connect({
    options: { path: state.store },
    name: 'store',
    world: { ...createWorld({ env: {}, log: quiet }), files: createFiles() },
  });

export async function documents(
  store: Store,
  kind: Kind,
): Promise<ReadonlyMap<string, { revision: string; json: Record<string, unknown> }>> {
  const found = new Map<string, { revision: string; json: Record<string, unknown> }>();
  for await (const page of store.scan(kind, signal))
    for (const { key, bytes, revision } of page)
      found.set(key.name, { revision, json: JSON.parse(new TextDecoder().decode(bytes)) });
  return found;
}

export async function readLineage(state: State, name = 'abc'): Promise<Lineage | undefined> {
  const entry = (await documents(openState(state), 'lineage')).get(name);
  return entry?.json as unknown as Lineage | undefined;
}

/** Changes a lineage as if the past had been another one. */
export async function rewriteLineage(state: State, change: (lineage: Lineage) => Lineage, name = 'abc'): Promise<void> {
  const store = openState(state);
  const key = { kind: 'lineage', name } as const;
  const entry = await store.get(key, signal);
  if (!entry) throw new Error(`no lineage ${name}`);
  const lineage = JSON.parse(new TextDecoder().decode(entry.bytes)) as Lineage;
  await store.put(key, encodeDocument(change(lineage)), { ifRevision: entry.revision, signal });
}

/** Whether the current version's certificate belongs to the key that is stored under its id. */
export async function currentKeyFits(state: State): Promise<boolean> {
  const store = openState(state);
  const id = (await readLineage(state))?.current?.id;
  const key = (await documents(store, 'key')).get(`abc~${id}`)?.json as { keyPem?: string } | undefined;
  const version = (await documents(store, 'version')).get(`abc~${id}`)?.json as { chainPem?: string } | undefined;
  if (!key?.keyPem || !version?.chainPem) return false;
  const spki = createPublicKey(key.keyPem).export({ type: 'spki', format: 'der' });
  return new X509Certificate(version.chainPem).publicKey.export({ type: 'spki', format: 'der' }).equals(spki);
}
