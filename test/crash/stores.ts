import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../src/core/errors/secret.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Store } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import postgresStore from '../../src/stores/postgres.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';
import { newSchema } from '../support/postgres-bench.ts';
import { until } from '../support/service.ts';
import type { Needed } from '../support/vitest.ts';

/** The part `store` of a state's configuration. */
export type StoreSettings =
  | { readonly type: 'file'; readonly path: string }
  | {
      readonly type: 'postgres';
      readonly url: string;
      readonly schema: string;
      readonly tls: 'off';
      readonly plaintext: true;
    };

/** Where the stores of states are. */
export interface StatePlace {
  /** A place for a new store, with the content of another one if given. */
  make(folder: string, from?: StoreSettings): Promise<StoreSettings>;
  /** Waits until nothing is under way that a killed process has begun. */
  settle(): Promise<void>;
}

export const inFolders: StatePlace = {
  async make(folder, from) {
    const path = join(folder, 'store');
    if (from?.type === 'file')
      await cp(from.path, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    return { type: 'file', path };
  },
  settle: async () => undefined,
};

/** A server that waits for its disk, with a schema for each state. */
async function startDatabase(): Promise<StatePlace> {
  const server = await startPostgres({ isDurable: true, settings: { max_connections: '300' } });
  return {
    async make(_folder, from) {
      const schema = newSchema();
      const made: StoreSettings = { type: 'postgres', url: server.url(), schema, tls: 'off', plaintext: true };
      if (from?.type !== 'postgres') return made;
      const store = openStoreAt(made);
      const key = { kind: 'meta', name: 'to make the schema' } as const;
      const { signal } = new AbortController();
      const ifRevision = await store.put(key, new Uint8Array(), { ifRevision: null, signal });
      await store.delete(key, { ifRevision, signal });
      await store.close?.();
      const columns = 'kind, name, revision, bytes';
      await server.sql(
        `insert into ${schema}.document (${columns}) select ${columns} from ${from.schema}.document where bytes is not null`,
      );
      return made;
    },
    async settle() {
      const count = "select count(*) from pg_stat_activity where application_name = 'certfleet'";
      await until(async () => (await server.sql(count))[0] === '0', { what: 'the server has ended all sessions' });
    },
  };
}

/** The kinds of stores that are tested, with what they need, and what starts one. */
export const storeKinds: readonly {
  readonly kind: string;
  readonly needs: readonly Needed[];
  readonly start: () => Promise<StatePlace>;
}[] = [
  { kind: 'files', needs: [], start: async () => inFolders },
  { kind: 'PostgreSQL', needs: [hasPostgres], start: startDatabase },
];

/** Opens the store at a place beside the processes that work on it. */
export function openStoreAt(settings: StoreSettings): Store {
  const quiet = { debug() {}, info() {}, warn() {} };
  const world = { ...createWorld({ env: {}, log: quiet }), files: createFiles() };
  if (settings.type === 'file') return fileStore.connect({ options: { path: settings.path }, name: 'store', world });
  const { url, schema, tls, plaintext } = settings;
  return postgresStore.connect({ options: { url: new Secret(url), schema, tls, plaintext }, name: 'store', world });
}
