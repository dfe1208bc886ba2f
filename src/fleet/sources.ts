import type { Composed } from '../compose.ts';
import { asFailure, type CertfleetError, isFailure } from '../core/errors/errors.ts';
import { certificateDeclaredBy, type Declaration, decodeDeclaration } from '../core/lineage/declaration.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Fields } from '../core/text/json.ts';
import { shortList } from '../core/text/short-list.ts';
import { type EngineProcess, report } from '../engine/engine.ts';
import { createTrouble } from '../engine/steady/complain.ts';
import type { Source, SourceProblem } from '../ports/source.ts';
import type { Cursor, Entry } from '../ports/store.ts';

/** A declaration of the store, or why it cannot be read. */
export interface StoredDeclaration {
  readonly declaration: Declaration | CertfleetError;
  readonly revision: string;
}

/** What the file and the store declare together. The file wins. */
export interface Sources {
  /** Returns what applies now. It is the same object until something changes. */
  settings(): Settings;
  /** Calls a function after each change, too. */
  onChange(call: () => void): void;
  /** Takes other settings of the file. */
  useFile(file: Settings): Promise<void>;
  /** The declarations of the store, by the names of their certificates. */
  stored(): ReadonlyMap<string, StoredDeclaration>;
  readonly store: Source & {
    /** Takes over what others have declared in the store. Fails if that cannot be read: then nothing changes. */
    look(signal: AbortSignal): Promise<void>;
    /** The same for a process that looks again and again: it never fails, and reports a failure once. */
    lookAgain(signal: AbortSignal): Promise<void>;
  };
}

interface Sourcing {
  readonly engine: Pick<EngineProcess, 'store' | 'clock' | 'reporter'>;
  readonly check: Composed['checkDeclarations'];
  /** Called with other settings, which apply from now on. */
  readonly changed: (settings: Settings) => void;
}

/** Reads what the store declares. Fails if that cannot be read. */
export async function openSources(
  first: Settings,
  { engine, check, changed }: Sourcing,
  signal: AbortSignal,
): Promise<Sources> {
  const { store, clock } = engine;
  const stored = new Map<string, StoredDeclaration>();
  let file = first;
  let settings = first;
  let cursor: Cursor;
  let since: string | undefined;
  const trouble = createTrouble(engine);
  let call = () => {};
  let isOpen = false;
  let merging: Promise<void> = Promise.resolve();
  let looking: Promise<void> = Promise.resolve();

  function learn({ key, bytes, revision, corrupt }: Entry): void {
    const name = certificateDeclaredBy(key.name);
    if (name === undefined) return;
    try {
      if (corrupt) throw corrupt;
      stored.set(name, { declaration: decodeDeclaration(bytes, key.name, store.location), revision });
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      stored.set(name, { declaration: error, revision });
    }
  }

  /** Works out what applies, one call after another. */
  function merge(): Promise<void> {
    const done = merging.then(async () => {
      const next = await withDeclarations(file, stored, check);
      if (next === settings) return;
      const before = settings;
      settings = next;
      const refused = next.inStore?.refused.size ?? 0;
      since = refused > 0 ? (since ?? clock.now().toISOString()) : undefined;
      changed(next);
      call();
      if (isOpen) tellChanges(before, next);
    });
    merging = done.catch(() => undefined);
    return done;
  }

  function tellChanges(before: Settings, now: Settings): void {
    const [old, all] = [before.inStore?.names ?? new Set<string>(), now.inStore?.names ?? new Set<string>()];
    const added = [...all].filter((name) => !old.has(name));
    const isThere = new Set([...now.certificates.map(({ name }) => name), ...(now.inStore?.refused.keys() ?? [])]);
    const gone = [...old].filter((name) => !isThere.has(name));
    const tell = (level: 'info' | 'warn', message: string) => report(engine, { level, event: 'log', message });
    if (added.length > 0) tell('info', `declared in the store: ${shortList(added)}`);
    if (gone.length > 0)
      tell('warn', `no longer declared in the store, so not renewed: ${shortList(gone)}; what is stored of it stays`);
  }

  const revisions = (): string => JSON.stringify([...stored].map(([name, { revision }]) => [name, revision]).sort());

  /** Reads all declarations. Resolves with whether they are others than before. */
  async function readAll(signal: AbortSignal): Promise<boolean> {
    const all: Entry[] = [];
    for await (const page of store.scan('declared', signal)) all.push(...page);
    const before = revisions();
    stored.clear();
    for (const entry of all) learn(entry);
    return revisions() !== before;
  }

  async function lookNow(signal: AbortSignal): Promise<void> {
    const found = await store.changes('declared', cursor, signal);
    // A cursor begins with what changes from now on.
    const isNews = cursor === undefined && (await readAll(signal));
    for (const entry of found.entries) {
      if ('gone' in entry) stored.delete(certificateDeclaredBy(entry.key.name) ?? '');
      else learn(entry);
    }
    ({ cursor } = found);
    if (isNews || found.entries.length > 0) await merge();
  }

  /** One look after another, because each goes on from the last. */
  function look(signal: AbortSignal): Promise<void> {
    const done = looking.then(() => lookNow(signal));
    looking = done.catch(() => undefined);
    return done;
  }

  function problem(): SourceProblem | undefined {
    const refused = settings.inStore?.refused;
    const [first] = refused ?? [];
    if (!refused || !first || since === undefined) return undefined;
    const more = refused.size > 1 ? `, and so are ${refused.size - 1} more` : '';
    return {
      since,
      message: `the declaration of ${first[0]} in the store is refused${more}: ${first[1]}`,
      hint: 'Correct the declaration, or what it names in the configuration file. Until then, the certificate is renewed with its settings of before.',
    };
  }

  // Most commands end without another look, so they need no cursor.
  if (await readAll(signal)) await merge();
  isOpen = true;
  return {
    settings: () => settings,
    onChange(run) {
      call = run;
    },
    useFile(next) {
      file = next;
      return merge();
    },
    stored: () => stored,
    store: {
      name: 'store',
      problem,
      look,
      lookAgain: (until) =>
        look(until).then(trouble.succeeded, (error: unknown) => {
          // What was declared before stays.
          if (!until.aborted) trouble.failed(error);
        }),
    },
  };
}

/** Returns the settings of the file with what the store declares. */
async function withDeclarations(
  file: Settings,
  stored: ReadonlyMap<string, StoredDeclaration>,
  check: Sourcing['check'],
): Promise<Settings> {
  const inFile = new Set(file.certificates.map(({ name }) => name));
  const others = [...stored].filter(([name]) => !inFile.has(name));
  if (others.length === 0) return file;
  const entries = new Map<string, Fields>();
  const refused = new Map<string, string>();
  for (const [name, { declaration }] of others) {
    if ('certificate' in declaration) entries.set(name, declaration.certificate);
    else refused.set(name, asFailure(declaration).message);
  }
  const found = await check(entries, file);
  for (const [name, fields] of found.refused) refused.set(name, Object.values(fields).join('; '));
  const names = new Set(found.certificates.map(({ name }) => name));
  return { ...file, certificates: [...file.certificates, ...found.certificates], inStore: { names, refused } };
}
