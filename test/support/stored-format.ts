import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { storeFormat } from '../../src/core/lineage/lineage.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { reconcile } from './passes.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from './simulated-world.ts';

/** A store as a file of this repository keeps it. */
export interface StoredStore {
  readonly format: number;
  /** When it was left. RFC 3339. */
  readonly at: string;
  /** By `kind/name`. */
  readonly documents: Readonly<Record<string, object>>;
}

const { signal } = new AbortController();
const file = fileURLToPath(new URL(`../fixtures/store-of-format-${storeFormat}.json`, import.meta.url));

/** The processes that were killed while they held a lease. */
export const killed = { atChallenges: 101, atDeployment: 102 };

export const specOf = (name: string) => simulatedSpec(name, [`${name}.example.com`]);

/**
 * Makes a store with the program as it is: a certificate that was renewed, one whose order failed, one whose process was
 * killed with its challenges presented, and one whose process was killed while it delivered.
 */
export async function makeStore(): Promise<StoredStore> {
  const world = await createSimulatedWorld();
  const job = (name: string, force = false) => simulatedJob(specOf(name), { force });
  await issue(world.replica(1), job('renewed'), signal);
  await issue(world.replica(1), job('renewed', true), signal);
  const refusing: Solver = { ...world.solver, present: () => Promise.reject(new Error('the DNS service is closed')) };
  await issue(world.replica(1, { solver: refusing }), job('failed'), signal);

  /** Runs until the process reaches the place where it is killed. */
  const killAt = async (pid: number, name: string, own: (reach: () => Promise<never>) => object) => {
    let isThere = false;
    const reach = () => {
      isThere = true;
      return new Promise<never>(() => {});
    };
    reconcile(world.replica(pid, own(reach)), [job(name)], signal).catch(() => undefined);
    while (!isThere) await world.clock.advance(10);
    world.dead.add(pid);
  };
  await killAt(killed.atChallenges, 'presented', (reach) => ({ solver: { ...world.solver, ready: reach } as Solver }));
  await killAt(killed.atDeployment, 'delivering', (reach) => ({
    deployer: { ...world.deployer, activate: reach } as Deployer,
  }));
  return { format: storeFormat, at: world.clock.now().toISOString(), documents: await documentsOf(world.store) };
}

async function documentsOf(store: Store): Promise<Readonly<Record<string, object>>> {
  const documents: Record<string, object> = {};
  for (const kind of kinds)
    for await (const page of store.scan(kind, signal))
      for (const { key, bytes } of page)
        documents[`${key.kind}/${key.name}`] = JSON.parse(new TextDecoder().decode(bytes)) as object;
  return Object.fromEntries(Object.entries(documents).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const kinds: readonly Kind[] = ['account', 'key', 'ledger', 'lineage', 'lock', 'token', 'version'];

export const readFixture = (): StoredStore | undefined =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StoredStore) : undefined;

export const writeFixture = (store: StoredStore): void =>
  writeFileSync(file, `${JSON.stringify(store, undefined, 2)}\n`);

/** Writes the documents into an empty store. */
export async function fillStore(store: Store, { documents }: StoredStore): Promise<void> {
  for (const [id, document] of Object.entries(documents)) {
    const at = id.indexOf('/');
    const key = { kind: id.slice(0, at) as Kind, name: id.slice(at + 1) };
    await store.put(key, Buffer.from(JSON.stringify(document)), { ifRevision: null, signal });
  }
}

/** The fields of all documents, with the kinds of their values: what a format is, whatever the values are. */
export function fieldsOf({ documents }: StoredStore): readonly string[] {
  const fields = new Set<string>();
  const walk = (path: string, value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) walk(`${path}[]`, one);
    else if (typeof value === 'object' && value !== null)
      for (const [name, one] of Object.entries(value)) walk(`${path}.${name}`, one);
    else fields.add(`${path}: ${value === null ? 'null' : typeof value}`);
  };
  // Ids of versions are new each time.
  for (const [id, document] of Object.entries(documents)) walk(id.replace(/~\d{8}-.*/, '~ID'), document);
  return [...fields].sort();
}
