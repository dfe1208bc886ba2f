import type { Composed, DeclaredConnection, WrongFields } from '../compose.ts';
import { asFailure, type CertfleetError, isFailure } from '../core/errors/errors.ts';
import {
  type Declaration,
  type Declared,
  type DeclaredSection,
  declarationName,
  declaredBy,
  decodeDeclaration,
} from '../core/lineage/declaration.ts';
import type { NamedConnection } from '../core/spec/connection.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Fields } from '../core/text/json.ts';
import { shortList } from '../core/text/short-list.ts';
import { type EngineProcess, report } from '../engine/engine.ts';
import { createTrouble } from '../engine/steady/complain.ts';
import type { Source, SourceProblem } from '../ports/source.ts';
import type { Cursor, Entry } from '../ports/store.ts';

/** A declaration of the store, or why it cannot be read. */
export interface StoredDeclaration extends Declared {
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
  /** What the file alone declares. */
  file(): Settings;
  /** The declarations of the store, of one section or all. */
  stored(section?: DeclaredSection): readonly StoredDeclaration[];
  /** Returns what would apply if this were declared in the store, too. Changes nothing. */
  preview(declared: Declared, settings: Fields): Promise<Settings>;
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
  readonly checkConnections: Composed['checkConnections'];
  /** Called with other settings, which apply from now on. */
  readonly changed: (settings: Settings) => void;
}

/** Reads what the store declares. Fails if that cannot be read. */
export async function openSources(
  first: Settings,
  { engine, check, checkConnections, changed }: Sourcing,
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
    const declared = declaredBy(key.name);
    if (!declared) return;
    try {
      if (corrupt) throw corrupt;
      const declaration = decodeDeclaration(bytes, key.name, store.location);
      stored.set(key.name, { ...declared, declaration, revision });
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      stored.set(key.name, { ...declared, declaration: error, revision });
    }
  }

  /** Works out what applies, one call after another. */
  function merge(): Promise<void> {
    const done = merging.then(async () => {
      const next = await withDeclarations(file, [...stored.values()], { check, checkConnections });
      if (next === settings) return;
      const before = settings;
      settings = next;
      since = refusedIn(next).length > 0 ? (since ?? clock.now().toISOString()) : undefined;
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
    const usedIn = ({ inStore }: Settings) => inStore?.connections.used ?? [];
    const earlier = new Set(usedIn(before).map(placeOf));
    const refused = new Set(now.inStore?.connections.refused.map(placeOf));
    const removed = usedIn(before).filter(
      (one) => !Object.hasOwn(now[one.section], one.name) && !refused.has(placeOf(one)),
    );
    added.unshift(
      ...usedIn(now)
        .map(placeOf)
        .filter((place) => !earlier.has(place)),
    );
    if (removed.length > 0) tell('info', `no longer declared in the store: ${shortList(removed.map(placeOf))}`);
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
      if ('gone' in entry) stored.delete(entry.key.name);
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
    const refused = refusedIn(settings);
    const [first] = refused;
    if (!first || since === undefined) return undefined;
    const more = refused.length > 1 ? `, and so are ${refused.length - 1} more` : '';
    return {
      since,
      message: `the declaration of ${first[0]} in the store is refused${more}: ${first[1]}`,
      hint: 'Correct the declaration, or what it names in the configuration file. Until then, certificates are renewed with their settings of before.',
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
    file: () => file,
    stored: (section) => [...stored.values()].filter((one) => section === undefined || one.section === section),
    preview(declared, wanted) {
      const declaration: Declaration = { schema: 1, settings: wanted, by: '', at: '' };
      const all = new Map(stored).set(declarationName(declared), { ...declared, declaration, revision: '' });
      return withDeclarations(file, [...all.values()], { check, checkConnections });
    },
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

const placeOf = ({ section, name }: NamedConnection): string => `${section}.${name}`;

/** Returns what is refused, with the reasons: connections first, because certificates refer to them. */
export const refusedIn = ({ inStore }: Settings): readonly (readonly [what: string, why: string])[] => [
  ...(inStore?.connections.refused ?? []).map((one) => [placeOf(one), one.why] as const),
  ...(inStore?.refused ?? []),
];

/** Reports whether the file declares an entry of this name, too. */
export const isInFile = ({ inStore, ...settings }: Settings, { section, name }: Declared): boolean => {
  if (section === 'certificates')
    return inStore?.names.has(name) !== true && settings.certificates.some((one) => one.name === name);
  const isUsed = inStore?.connections.used.some((one) => one.section === section && one.name === name);
  return isUsed !== true && Object.hasOwn(settings[section], name);
};

/** Returns the settings of the file with what the store declares. */
async function withDeclarations(
  file: Settings,
  stored: readonly StoredDeclaration[],
  { check, checkConnections }: Pick<Sourcing, 'check' | 'checkConnections'>,
): Promise<Settings> {
  const others = stored.filter((one) => !isInFile(file, one));
  if (others.length === 0) return file;
  const [connections, entries] = [[] as DeclaredConnection[], new Map<string, Fields>()];
  const damaged: (NamedConnection & { readonly why: string })[] = [];
  const refused = new Map<string, string>();
  for (const { section, name, declaration } of others) {
    const why = 'settings' in declaration ? undefined : asFailure(declaration).message;
    const fields = 'settings' in declaration ? declaration.settings : {};
    if (section === 'certificates') {
      if (why === undefined) entries.set(name, fields);
      else refused.set(name, why);
    } else if (why === undefined) connections.push({ section, name, settings: fields });
    else damaged.push({ section, name, why });
  }
  // Certificates refer to connections.
  const connected = await checkConnections(connections, file);
  const found = await check(entries, connected.settings);
  for (const [name, fields] of found.refused) refused.set(name, sentenceOf(fields));
  return {
    ...connected.settings,
    certificates: [...file.certificates, ...found.certificates],
    inStore: {
      names: new Set(found.certificates.map(({ name }) => name)),
      refused,
      connections: {
        used: connected.used,
        refused: [...damaged, ...connected.refused.map(({ wrong, ...one }) => ({ ...one, why: sentenceOf(wrong) }))],
      },
    },
  };
}

const sentenceOf = (wrong: WrongFields): string => Object.values(wrong).join('; ');
