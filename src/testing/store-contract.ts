import { type CertfleetError, isFailure } from '../core/errors/errors.ts';
import { maxDocumentBytes } from '../core/lineage/document-limits.ts';
import type { Entry, Key, Kind, Store } from '../ports/store.ts';
import { isSample } from './sample.ts';
import { type StoreMedium, storeMediumContract } from './store-medium.ts';

/** The functions of a test framework that the suite needs. Those of vitest and jest fit. */
export interface ContractTest {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  expect(actual: unknown): {
    toBe(expected: unknown): void;
    toEqual(expected: unknown): void;
  };
}

export interface StoreUnderTest {
  readonly store: Store;
  /** Opens the same medium again, as another process would. Omitted if the object itself is the medium. */
  readonly again?: () => Promise<Store>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);
const textOf = (entry: Entry | undefined): string | undefined => entry && decoder.decode(entry.bytes);

/** Difficult names: too long, other scripts, paths, names that look like a revision or a temporary file. */
const oddNames: readonly string[] = [
  'plain',
  'a',
  '.',
  '..',
  '.hidden',
  '../escape',
  'a/b',
  '/etc/passwd',
  'a\\b',
  'two words',
  'name@7',
  'name@7@8',
  '=hash',
  '~tilde',
  '*.example.com',
  'line\nbreak',
  'quote"and\'quote',
  '%2e%2e',
  'null\u0000byte',
  'パンダ.例え',
  '证书',
  'e\u0301',
  '\u00e9',
  '🔑',
  'UPPER',
  'upper',
  'x'.repeat(200),
  'x'.repeat(201),
  'x'.repeat(255),
  'y'.repeat(1_000),
  '长'.repeat(1_000),
];

/**
 * The contract of the port `Store`. Every store runs it; each test gets a new store from `makeStore`.
 *
 * @param medium if writes take time on it, and answers may be lost; then `again` is needed, too
 */
export function storeContract(
  test: ContractTest,
  makeStore: () => Promise<StoreUnderTest>,
  medium?: StoreMedium,
): void {
  const { describe, it, expect } = test;
  const { signal } = new AbortController();
  const key = (name: string, kind: Kind = 'lineage'): Key => ({ kind, name });

  const codeOf = async (call: Promise<unknown>): Promise<string> => {
    try {
      await call;
      return 'resolved';
    } catch (error) {
      return isFailure(error) ? (error as CertfleetError).code : String(error);
    }
  };

  const scanAll = async (store: Store, kind: Kind): Promise<Entry[]> => {
    const all: Entry[] = [];
    for await (const page of store.scan(kind, signal)) all.push(...page);
    return all;
  };

  describe('store contract: compare-and-set', () => {
    it('returns undefined for a missing document', async () => {
      const { store } = await makeStore();
      expect(await store.get(key('none'), signal)).toBe(undefined);
    });

    it('returns what was put, with the revision from put', async () => {
      const { store, again } = await makeStore();
      const revision = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      for (const each of [store, await again?.()]) {
        if (!each) continue;
        const entry = await each.get(key('a'), signal);
        expect(textOf(entry)).toBe('one');
        expect(entry?.revision).toBe(revision);
        expect(entry?.key).toEqual(key('a'));
      }
    });

    it('stores any bytes, also an empty document', async () => {
      const { store } = await makeStore();
      const all = Uint8Array.from({ length: 256 }, (_, value) => value);
      await store.put(key('bytes'), all, { ifRevision: null, signal });
      await store.put(key('empty'), new Uint8Array(), { ifRevision: null, signal });
      expect([...((await store.get(key('bytes'), signal))?.bytes ?? [])]).toEqual([...all]);
      expect((await store.get(key('empty'), signal))?.bytes.length).toBe(0);
    });

    it('does not share memory with its callers', async () => {
      const { store } = await makeStore();
      const bytes = bytesOf('one');
      await store.put(key('a'), bytes, { ifRevision: null, signal });
      bytes[0] = 0;
      const first = await store.get(key('a'), signal);
      first?.bytes.fill(0);
      expect(textOf(await store.get(key('a'), signal))).toBe('one');
    });

    it('creates only if the document does not exist', async () => {
      const { store } = await makeStore();
      await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      expect(await codeOf(store.put(key('a'), bytesOf('two'), { ifRevision: null, signal }))).toBe('store/conflict');
      expect(textOf(await store.get(key('a'), signal))).toBe('one');
    });

    it('replaces only the current revision', async () => {
      const { store } = await makeStore();
      const first = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      const second = await store.put(key('a'), bytesOf('two'), { ifRevision: first, signal });
      expect(second === first).toBe(false);
      const late = store.put(key('a'), bytesOf('late'), { ifRevision: first, signal });
      expect(await codeOf(late)).toBe('store/conflict');
      await store.put(key('a'), bytesOf('three'), { ifRevision: second, signal });
      for (const stale of [first, second, 'nonsense', '', '../x', '1-x']) {
        const put = store.put(key('a'), bytesOf('late'), { ifRevision: stale, signal });
        expect(await codeOf(put)).toBe('store/conflict');
      }
      expect(textOf(await store.get(key('a'), signal))).toBe('three');
    });

    it('refuses a revision if the document does not exist', async () => {
      const { store } = await makeStore();
      const revision = await store.put(key('other'), bytesOf('x'), { ifRevision: null, signal });
      expect(await codeOf(store.put(key('a'), bytesOf('one'), { ifRevision: revision, signal }))).toBe(
        'store/conflict',
      );
      expect(await store.get(key('a'), signal)).toBe(undefined);
    });

    it('keeps kinds apart', async () => {
      const { store } = await makeStore();
      await store.put(key('a', 'lineage'), bytesOf('lineage'), { ifRevision: null, signal });
      await store.put(key('a', 'token'), bytesOf('token'), { ifRevision: null, signal });
      expect(textOf(await store.get(key('a', 'lineage'), signal))).toBe('lineage');
      expect(textOf(await store.get(key('a', 'token'), signal))).toBe('token');
      expect((await scanAll(store, 'token')).length).toBe(1);
    });

    it('lets exactly one of many writers win', async () => {
      const { store, again } = await makeStore();
      const other = (await again?.()) ?? store;
      for (let round = 0; round < 5; round += 1) {
        const ifRevision = (await store.get(key('race'), signal))?.revision ?? null;
        const codes = await Promise.all(
          Array.from({ length: 12 }, (_, writer) =>
            codeOf(
              (writer % 2 ? store : other).put(key('race'), bytesOf(`${round}/${writer}`), { ifRevision, signal }),
            ),
          ),
        );
        expect(codes.filter((code) => code === 'resolved').length).toBe(1);
        expect(codes.filter((code) => code === 'store/conflict').length).toBe(11);
        expect(textOf(await other.get(key('race'), signal))).toBe(`${round}/${codes.indexOf('resolved')}`);
      }
    });

    it('loses no increments of many writers', async () => {
      const { store, again } = await makeStore();
      const other = (await again?.()) ?? store;
      const increment = async (through: Store): Promise<void> => {
        for (;;) {
          const entry = await through.get(key('count'), signal);
          const next = bytesOf(String(Number(textOf(entry) ?? '0') + 1));
          const put = through.put(key('count'), next, { ifRevision: entry?.revision ?? null, signal });
          const code = await codeOf(put);
          if (code === 'resolved') return;
          expect(code).toBe('store/conflict');
        }
      };
      await Promise.all(
        [store, other, store, other].map(async (through) => {
          for (let n = 0; n < 10; n += 1) await increment(through);
        }),
      );
      expect(textOf(await store.get(key('count'), signal))).toBe('40');
    });
  });

  describe('store contract: delete', () => {
    it('deletes only the current revision', async () => {
      const { store } = await makeStore();
      const first = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      const second = await store.put(key('a'), bytesOf('two'), { ifRevision: first, signal });
      expect(await codeOf(store.delete(key('a'), { ifRevision: first, signal }))).toBe('store/conflict');
      expect(textOf(await store.get(key('a'), signal))).toBe('two');
      await store.delete(key('a'), { ifRevision: second, signal });
      expect(await store.get(key('a'), signal)).toBe(undefined);
      expect(await scanAll(store, 'lineage')).toEqual([]);
    });

    it('succeeds if the document does not exist', async () => {
      const { store } = await makeStore();
      const revision = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      await store.delete(key('a'), { ifRevision: revision, signal });
      await store.delete(key('a'), { ifRevision: revision, signal });
      await store.delete(key('never'), { ifRevision: revision, signal });
      expect(await store.get(key('a'), signal)).toBe(undefined);
    });

    it('refuses writes on a deleted revision', async () => {
      const { store } = await makeStore();
      const revision = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      await store.delete(key('a'), { ifRevision: revision, signal });
      const late = store.put(key('a'), bytesOf('late'), { ifRevision: revision, signal });
      expect(await codeOf(late)).toBe('store/conflict');
      expect(await store.get(key('a'), signal)).toBe(undefined);
    });

    it('never repeats a revision, even for the same content after delete and create', async () => {
      const { store, again } = await makeStore();
      const seen = new Set<string>();
      let through = store;
      for (let round = 0; round < 4; round += 1) {
        const first = await through.put(key('a'), bytesOf('same'), { ifRevision: null, signal });
        const second = await through.put(key('a'), bytesOf('same'), { ifRevision: first, signal });
        await through.delete(key('a'), { ifRevision: second, signal });
        for (const revision of [first, second]) {
          expect(seen.has(revision)).toBe(false);
          seen.add(revision);
        }
        through = (await again?.()) ?? store;
        await through.tidy(signal);
      }
      await through.put(key('a'), bytesOf('same'), { ifRevision: null, signal });
      for (const revision of seen) {
        const late = through.put(key('a'), bytesOf('late'), { ifRevision: revision, signal });
        expect(await codeOf(late)).toBe('store/conflict');
      }
      expect(textOf(await store.get(key('a'), signal))).toBe('same');
    });
  });

  describe('store contract: names, sizes, scan', () => {
    it('stores odd names unchanged, each as its own document', async () => {
      const { store, again } = await makeStore();
      for (const name of oddNames) await store.put(key(name), bytesOf(name), { ifRevision: null, signal });
      const through = (await again?.()) ?? store;
      for (const name of oddNames) {
        const entry = await through.get(key(name), signal);
        expect(entry?.key).toEqual(key(name));
        expect(textOf(entry)).toBe(name);
      }
      const scanned = await scanAll(through, 'lineage');
      expect(scanned.map((entry) => entry.key.name).sort()).toEqual([...oddNames].sort());
      expect(scanned.every((entry) => textOf(entry) === entry.key.name && !entry.corrupt)).toBe(true);
    });

    it('refuses names and documents that are too long, without an effect', async () => {
      const { store } = await makeStore();
      const full = new Uint8Array(maxDocumentBytes).fill(120);
      await store.put(key('full'), full, { ifRevision: null, signal });
      expect((await store.get(key('full'), signal))?.bytes.length).toBe(full.length);
      const refused = [
        store.put(key('over'), new Uint8Array(maxDocumentBytes + 1), { ifRevision: null, signal }),
        store.put(key(''), bytesOf('x'), { ifRevision: null, signal }),
        store.put(key('x'.repeat(1_001)), bytesOf('x'), { ifRevision: null, signal }),
      ];
      for (const put of refused) expect(await codeOf(put)).toBe('bug/unexpected');
      expect((await scanAll(store, 'lineage')).length).toBe(1);
    });

    it('scans every document of a kind exactly once, with its current revision', async () => {
      const { store } = await makeStore();
      const names = Array.from({ length: 600 }, (_, n) => `name-${n}`);
      await Promise.all(names.map((name) => store.put(key(name), bytesOf(name), { ifRevision: null, signal })));
      const gone = await store.get(key('name-5'), signal);
      await store.delete(key('name-5'), { ifRevision: gone?.revision ?? '', signal });
      const entries = await scanAll(store, 'lineage');
      expect(entries.map((entry) => entry.key.name).sort()).toEqual(names.filter((name) => name !== 'name-5').sort());
      const one = entries.find((entry) => entry.key.name === 'name-7');
      await store.put(key('name-7'), bytesOf('new'), { ifRevision: one?.revision ?? '', signal });
      expect(textOf(await store.get(key('name-7'), signal))).toBe('new');
      expect(await scanAll(store, 'account')).toEqual([]);
    });

    it('leaves out of a scan what the caller knows, until it changes', async () => {
      const { store, again } = await makeStore();
      const revisions = new Map<string, string>();
      for (const name of oddNames)
        revisions.set(name, await store.put(key(name), bytesOf(name), { ifRevision: null, signal }));
      const known = new Map<string, string>();
      const read = async (each: Store): Promise<readonly string[]> => {
        const names: string[] = [];
        for await (const page of each.scan('lineage', signal, (name, stamp) => known.get(name) === stamp))
          for (const entry of page) {
            names.push(entry.key.name);
            if (entry.stamp !== undefined) known.set(entry.key.name, entry.stamp);
          }
        return names.sort();
      };
      const all = [...oddNames].sort();
      expect(await read(store)).toEqual(all);
      // A store may be unable to tell yet.
      const unknown = all.filter((name) => !known.has(name));
      expect(await read((await again?.()) ?? store)).toEqual(unknown);
      for (const name of all)
        await store.put(key(name), bytesOf(name), { ifRevision: revisions.get(name) ?? '', signal });
      expect(await read(store)).toEqual(all);
    });

    it('lists what exists, under any name and at any revision, and nothing that was deleted', async () => {
      const { store, again } = await makeStore();
      for (const name of oddNames) {
        const first = await store.put(key(name), bytesOf(name), { ifRevision: null, signal });
        if (name.length % 2 === 0) await store.put(key(name), bytesOf(name), { ifRevision: first, signal });
      }
      const gone = await store.put(key('gone'), bytesOf('x'), { ifRevision: null, signal });
      await store.delete(key('gone'), { ifRevision: gone, signal });
      const listing = await ((await again?.()) ?? store).list('lineage', signal);
      expect(oddNames.filter((name) => !listing.has(name))).toEqual([]);
      expect(listing.names.filter((name) => !oddNames.includes(name))).toEqual([]);
      expect(listing.names.includes('plain')).toBe(true);
      expect(['gone', 'never', 'plain~1'].some((name) => listing.has(name))).toBe(false);
      expect((await store.list('account', signal)).names).toEqual([]);
    });

    it('has room for thousands of documents', async () => {
      const { store, again } = await makeStore();
      let { cursor } = await store.changes('lineage', undefined, signal);
      // More than any store lists in one answer.
      const count = isSample() ? 5_200 : 10_000;
      const names = Array.from({ length: count }, (_, n) => `many-${n}`).sort();
      for (let at = 0; at < names.length; at += 200)
        await Promise.all(
          names
            .slice(at, at + 200)
            // Some are longer than a store reads at once.
            .map((name, n) =>
              store.put(key(name), bytesOf(name.repeat(n === 0 ? 1_000 : 1)), { ifRevision: null, signal }),
            ),
        );
      const through = (await again?.()) ?? store;
      expect((await scanAll(through, 'lineage')).map((entry) => entry.key.name).sort()).toEqual(names);
      expect((await through.list('lineage', signal)).names.toSorted()).toEqual(names);
      const seen = new Set<string>();
      for (let rest = 1; rest > 0; ) {
        const found = await store.changes('lineage', cursor, signal);
        cursor = found.cursor;
        rest = found.entries.length;
        for (const entry of found.entries) seen.add(entry.key.name);
      }
      expect([...seen].sort()).toEqual(names);
    });

    it('never misses a document that exists all the time while others write', async () => {
      const { store, again } = await makeStore();
      const names = Array.from({ length: 20 }, (_, n) => `busy-${n}`);
      for (const name of names) await store.put(key(name), bytesOf('0'), { ifRevision: null, signal });
      const other = (await again?.()) ?? store;
      let writing = true;
      const writer = (async () => {
        for (let n = 0; writing; n += 1) {
          const name = names[n % names.length] ?? '';
          const entry = await other.get(key(name), signal);
          await other.put(key(name), bytesOf(String(n)), { ifRevision: entry?.revision ?? null, signal });
          // The memory store never waits, so this lets the reader continue.
          await new Promise((done) => setImmediate(done));
        }
      })();
      for (let round = 0; round < 10; round += 1) {
        const scanned = await scanAll(store, 'lineage');
        expect(scanned.map((entry) => entry.key.name).sort()).toEqual([...names].sort());
      }
      writing = false;
      await writer;
    });
  });

  describe('store contract: changes', () => {
    /** Follows the changes of lineages, and returns the latest text of each, empty if it is gone. */
    const follow = async (store: Store) => {
      let { cursor } = await store.changes('lineage', undefined, signal);
      return async (): Promise<ReadonlyMap<string, string>> => {
        const found = await store.changes('lineage', cursor, signal);
        cursor = found.cursor;
        return new Map(found.entries.map((one) => [one.key.name, 'gone' in one ? '' : (textOf(one) ?? '')]));
      };
    };

    it('has nothing at first, and then what was written or deleted, by any process, under any name', async () => {
      const { store, again } = await makeStore();
      const revisions = new Map<string, string>();
      const write = async (through: Store, name: string, text: string) => {
        const put = { ifRevision: revisions.get(name) ?? null, signal };
        revisions.set(name, await through.put(key(name), bytesOf(text), put));
      };
      for (const name of oddNames) await write(store, name, 'old');
      const other = (await again?.()) ?? store;
      const next = await follow(store);
      for (const name of oddNames) await write(other, name, 'new');
      await other.put(key('account', 'account'), bytesOf('x'), { ifRevision: null, signal });
      const changed = await next();
      expect(oddNames.filter((name) => changed.get(name) !== 'new')).toEqual([]);
      expect(changed.has('account')).toBe(false);
      for (const name of oddNames) await other.delete(key(name), { ifRevision: revisions.get(name) ?? '', signal });
      await write(other, 'another', 'new');
      const gone = await next();
      expect(oddNames.filter((name) => gone.get(name) !== '')).toEqual([]);
      expect(gone.get('another')).toBe('new');
    });

    it('never misses a change while others write', async () => {
      const { store, again } = await makeStore();
      const names = Array.from({ length: 12 }, (_, n) => `busy-${n}`);
      const next = await follow(store);
      const other = (await again?.()) ?? store;
      const seen = new Map<string, string>();
      const see = async () => {
        for (const [name, text] of await next()) seen.set(name, text);
      };
      let writing = true;
      const writer = (async () => {
        for (let n = 0; n < 120; n += 1) {
          const name = names[n % names.length] ?? '';
          const entry = await other.get(key(name), signal);
          if (entry && n % 5 === 0) await other.delete(key(name), { ifRevision: entry.revision, signal });
          else await other.put(key(name), bytesOf(String(n)), { ifRevision: entry?.revision ?? null, signal });
          await new Promise((done) => setImmediate(done));
        }
        writing = false;
      })();
      while (writing) {
        await see();
        await new Promise((done) => setImmediate(done));
      }
      await writer;
      await see();
      for (const name of names)
        expect([name, seen.get(name)]).toEqual([name, textOf(await store.get(key(name), signal)) ?? '']);
    });
  });

  describe('store contract: abort, check, tidy', () => {
    it('obeys an aborted signal before it has an effect', async () => {
      const { store } = await makeStore();
      const revision = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      const reason = new Error('stop');
      const aborted = AbortSignal.abort(reason);
      const reject = async (call: Promise<unknown>): Promise<void> => {
        let thrown: unknown;
        await call.catch((error: unknown) => {
          thrown = error;
        });
        expect(thrown).toBe(reason);
      };
      await reject(store.get(key('a'), aborted));
      await reject(store.put(key('a'), bytesOf('two'), { ifRevision: revision, signal: aborted }));
      await reject(store.put(key('b'), bytesOf('two'), { ifRevision: null, signal: aborted }));
      await reject(store.delete(key('a'), { ifRevision: revision, signal: aborted }));
      await reject(store.check(aborted));
      await reject(store.tidy(aborted));
      await reject(
        (async () => {
          for await (const _ of store.scan('lineage', aborted)) break;
        })(),
      );
      expect(textOf(await store.get(key('a'), signal))).toBe('one');
      expect(await store.get(key('b'), signal)).toBe(undefined);
    });

    it('checks and tidies without changing a document', async () => {
      const { store } = await makeStore();
      await store.check(signal);
      const revision = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      await store.check(signal);
      await store.tidy(signal);
      const entry = await store.get(key('a'), signal);
      expect(entry?.revision).toBe(revision);
      expect(textOf(entry)).toBe('one');
      expect((await scanAll(store, 'lineage')).length).toBe(1);
    });

    it('names its location', async () => {
      const { store } = await makeStore();
      expect(store.location.length > 0).toBe(true);
    });
  });

  if (medium)
    storeMediumContract(
      test,
      async () => {
        const { store, again } = await makeStore();
        return { store, other: (await again?.()) ?? store };
      },
      medium,
    );
}
