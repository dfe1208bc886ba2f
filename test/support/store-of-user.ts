import { isFailure } from '../../src/core/errors/errors.ts';
import fileStore from '../../src/stores/file.ts';
import { storeWorld } from './store-world.ts';

// A process that uses a store as another user (see storeOfUser). Arguments: the store's folder, and the calls.

/** What a call gave: the text of the document, or what the error says. */
export interface Given {
  readonly text?: string;
  readonly failed?: {
    readonly code: string;
    readonly exitCode: number;
    readonly message: string;
    readonly hint: string;
  };
}

const [, , path = '', ...names] = process.argv;
const { signal } = new AbortController();
const key = { kind: 'lineage', name: 'a' } as const;
const store = fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });
const calls: Readonly<Record<string, () => Promise<Given>>> = {
  check: async () => {
    await store.check(signal);
    return {};
  },
  create: async () => {
    await store.put(key, Buffer.from('one'), { ifRevision: null, signal });
    return {};
  },
  get: async () => {
    const entry = await store.get(key, signal);
    return entry ? { text: Buffer.from(entry.bytes).toString() } : {};
  },
};

const given: Given[] = [];
for (const name of names)
  given.push(
    await calls[name]!().catch((error: unknown) => {
      if (!isFailure(error)) throw error;
      const { code, exitCode, message, hint } = error;
      return { failed: { code, exitCode, message, hint } };
    }),
  );
process.stdout.write(JSON.stringify(given));
