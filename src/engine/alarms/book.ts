import { type AlarmDocument, decodeAlarms, noAlarms } from '../../core/alarm/open-alarms.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import type { Cache } from '../../ports/cache.ts';
import type { Key } from '../../ports/store.ts';
import { type Connections, type EngineProcess, report } from '../engine.ts';

/** A document about alarms, as it was read or written last. */
export interface Page {
  readonly document: AlarmDocument;
  readonly revision: string | null;
}

/** Where alarms are kept. */
export interface AlarmBook {
  read(signal: AbortSignal): Promise<Page>;
  /** Resolves with undefined if the document has changed since it was read. */
  write(page: Page, signal: AbortSignal): Promise<Page | undefined>;
}

export const alarmsKey: Key = { kind: 'alarm', name: 'open' };

/** The alarms of all processes that share a store. */
export const createStoreBook = (engine: Pick<EngineProcess, 'store' | 'reporter' | 'clock'>): AlarmBook => ({
  async read(signal) {
    const { store } = engine;
    try {
      const entry = await store.get(alarmsKey, signal);
      if (!entry) return { document: noAlarms, revision: null };
      return { document: decodeAlarms(entry.bytes, store.location), revision: entry.revision };
    } catch (error) {
      if (!isFailure(error, 'store/corrupt') || !store.setAside) throw error;
      // Open alarms are found again. Only what was sent is forgotten, so it is sent once more.
      const aside = await store.setAside(alarmsKey, signal);
      const kept = aside ? `; what was left of it is in ${aside.kept}` : '';
      report(engine, { level: 'warn', event: 'log', message: `${error.message}${kept}` });
      if (aside?.standing) return await this.read(signal);
      return { document: noAlarms, revision: null };
    }
  },
  async write({ document, revision }, signal) {
    try {
      return {
        document,
        revision: await engine.store.put(alarmsKey, encodeDocument(document), { ifRevision: revision, signal }),
      };
    } catch (error) {
      if (isFailure(error, 'store/conflict')) return undefined;
      throw error;
    }
  },
});

/** The name in the cache of this node's alarms about the store at a place. */
export const ownName = ({ digest }: Pick<Connections, 'digest'>, location: string, node: string): string =>
  digest(['alarms', location, node]);

/** The alarms of one node about the store itself, which cannot be kept there. The cache may outlive the process. */
export function createOwnBook(cache: Cache | undefined, name: string): AlarmBook {
  let known: AlarmDocument | undefined;
  return {
    async read() {
      known ??= await readCached(cache, name);
      return { document: known, revision: null };
    },
    async write(page) {
      known = page.document;
      await cache?.write(name, encodeDocument(known));
      return page;
    },
  };
}

async function readCached(cache: Cache | undefined, name: string): Promise<AlarmDocument> {
  const bytes = await cache?.read(name);
  try {
    return bytes ? decodeAlarms(bytes, name) : noAlarms;
  } catch {
    return noAlarms;
  }
}
