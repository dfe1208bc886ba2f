import type { Audit } from '../../access/audit.ts';
import type { WrongFields } from '../../compose.ts';
import type { Who } from '../../core/access/role.ts';
import { asFailure, fail, isFailure } from '../../core/errors/errors.ts';
import {
  type Declared,
  type DeclaredSection,
  declarationName,
  decodeDeclaration,
  encodeDeclaration,
  tooLarge,
} from '../../core/lineage/declaration.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import type { EngineProcess } from '../../engine/engine.ts';
import { isInFile, type Sources, type StoredDeclaration } from '../sources.ts';
import type { Asker } from './actions.ts';

export interface Declaring {
  readonly engine: Pick<EngineProcess, 'store' | 'clock'>;
  readonly sources: Pick<Sources, 'settings' | 'stored' | 'store'>;
  readonly audit: Pick<Audit, 'record'>;
}

/** The revision that whoever asks has seen; null if there must be none, undefined for whatever there is. */
export type IfRevision = string | null | undefined;

/** The revision of what was declared, or what is wrong with it, by field. */
export type Written = { readonly revision: string } | { readonly wrong: WrongFields };

/** An entry as someone wants it. */
export interface Wanted {
  readonly declared: Declared;
  readonly settings: Fields;
  /** The revision that it replaces; undefined for none. */
  readonly before: string | undefined;
}

/** What someone does to a declaration, for the audit log. */
interface Deed {
  readonly what: string;
  readonly object: string;
  /** Fails if they may not do it. */
  readonly allow: (who: Who) => Promise<void> | void;
}

/** The documents of what the store declares. */
export interface DeclaredDocuments {
  /** Returns the declarations of a section, or all, after a look at what others have declared. */
  looked(signal: AbortSignal, section?: DeclaredSection): Promise<readonly StoredDeclaration[]>;
  /**
   * Returns the revision of a document, and what it says if that can be read. Fails with `config/declared-in-file`, and
   * with `config/declaration-changed` if that is not the one that was seen.
   */
  found(
    declared: Declared,
    ifRevision: IfRevision,
    signal: AbortSignal,
  ): Promise<{ readonly revision: string; readonly settings: Fields | undefined } | undefined>;
  /** Writes a declaration. Fails with `config/declaration-changed`. */
  write(who: Who, wanted: Wanted, signal: AbortSignal): Promise<Written>;
  /** Removes a declaration. Fails like `found`, and with `config/not-declared`. */
  remove(declared: Declared, ifRevision: IfRevision, signal: AbortSignal): Promise<void>;
  /** Lets those who may do something, writes down what came of it, and takes over what has changed. */
  recorded<T>(asker: Asker, deed: Deed, run: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export function createDeclaredDocuments({ engine, sources, audit }: Declaring): DeclaredDocuments {
  const { store, clock } = engine;
  const keyOf = (declared: Declared) => ({ kind: 'declared', name: declarationName(declared) }) as const;

  const changedBy =
    ({ name }: Declared) =>
    (error: unknown): never => {
      throw isFailure(error, 'store/conflict') ? fail('config/declaration-changed', { name }) : error;
    };

  async function found(declared: Declared, ifRevision: IfRevision, signal: AbortSignal) {
    const { name } = declared;
    if (isInFile(sources.settings(), declared)) throw fail('config/declared-in-file', { name });
    const entry = await store.get(keyOf(declared), signal);
    if (ifRevision !== undefined && ifRevision !== (entry?.revision ?? null))
      throw fail('config/declaration-changed', { name });
    return entry && { revision: entry.revision, settings: settingsIn(declared, entry.bytes) };
  }

  function settingsIn(declared: Declared, bytes: Uint8Array): Fields | undefined {
    try {
      return decodeDeclaration(bytes, declarationName(declared), store.location).settings;
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      return undefined;
    }
  }

  return {
    async looked(signal, section) {
      await sources.store.look(signal);
      return sources.stored(section);
    },
    found,
    async write(who, { declared, settings, before }, signal) {
      const at = clock.now().toISOString();
      const bytes = encodeDeclaration({ schema: 1, settings, by: who.name, at });
      if (!bytes) return { wrong: { '': tooLarge } };
      const revision = await store
        .put(keyOf(declared), bytes, { ifRevision: before ?? null, signal })
        .catch(changedBy(declared));
      return { revision };
    },
    async remove(declared, ifRevision, signal) {
      const before = await found(declared, ifRevision, signal);
      if (!before) throw fail('config/not-declared', { name: declared.name });
      await store.delete(keyOf(declared), { ifRevision: before.revision, signal }).catch(changedBy(declared));
    },
    async recorded(asker, { what, object, allow }, run, signal) {
      const { who, from } = asker;
      const record = (result: string) => audit.record({ name: who.name, via: who.via, from }, { what, object, result });
      let done: Awaited<ReturnType<typeof run>>;
      try {
        await allow(who);
        done = await run();
      } catch (error) {
        await record(asFailure(error).code);
        throw error;
      }
      await record(resultOf(done));
      // This process need not wait until it looks again; a failure there is reported by that look.
      await sources.store.look(signal).catch(() => undefined);
      return done;
    },
  };
}

/** Returns what came of a deed, for the audit log. */
function resultOf(done: unknown): string {
  if (!isFields(done)) return 'done';
  if ('wrong' in done) return 'refused';
  return isFailure(done['failure']) ? done['failure'].code : 'done';
}
