import type { By } from '../access/audit.ts';
import type { Composed, WrongFields } from '../compose.ts';
import { asFailure, fail, isFailure } from '../core/errors/errors.ts';
import { type Declaration, declarationName, encodeDeclaration } from '../core/lineage/declaration.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { EngineProcess } from '../engine/engine.ts';
import { type Asker, refuseRole } from './actions.ts';
import type { Sources, StoredDeclaration } from './sources.ts';

/** A certificate that the store declares. */
export interface DeclarationView {
  readonly name: string;
  /** What an entry of `certificates` in the file would say, except the name; undefined if it cannot be read. */
  readonly certificate?: Fields;
  readonly revision: string;
  readonly by?: string;
  /** RFC 3339. */
  readonly at?: string;
  /** The file declares a certificate of this name, too, and wins. */
  readonly isInFile: boolean;
  /** Why it is not used, and the certificate keeps its settings of before. */
  readonly refused?: string;
}

export type { WrongFields };

/** A declaration that someone wants. */
export interface DeclareRequest {
  readonly name: string;
  readonly certificate: Fields;
  /** The revision of the declaration that they saw; null if there must be none, undefined for whatever there is. */
  readonly ifRevision?: string | null | undefined;
}

/** The names that a declaration may refer to. */
export interface Choices {
  readonly issuers: readonly string[];
  readonly solvers: readonly string[];
  readonly deployers: readonly string[];
}

/** Shows and changes what the store declares. */
export interface FleetDeclarations {
  choices(): Choices;
  /** Returns all, by name. */
  list(signal: AbortSignal): Promise<readonly DeclarationView[]>;
  get(name: string, signal: AbortSignal): Promise<DeclarationView | undefined>;
  /** Returns what is wrong with a certificate; undefined if nothing is. Writes nothing. */
  check(name: string, certificate: Fields): Promise<WrongFields | undefined>;
  /**
   * Declares a certificate for those who may, in place of an earlier declaration of that name, and writes down who has. Each
   * process takes it over within seconds. Fails with `access/…`, `config/declared-in-file`, `config/declaration-changed`.
   */
  declare(
    asker: Asker,
    request: DeclareRequest,
    signal: AbortSignal,
  ): Promise<{ readonly revision: string } | { readonly wrong: WrongFields }>;
  /**
   * Removes a declaration. The certificate stays, and is not renewed any longer. Fails like `declare`, and with
   * `config/not-declared`.
   */
  remove(asker: Asker, request: Omit<DeclareRequest, 'certificate'>, signal: AbortSignal): Promise<void>;
}

interface Declaring {
  readonly engine: Pick<EngineProcess, 'store' | 'clock'>;
  readonly sources: Pick<Sources, 'settings' | 'stored' | 'store'>;
  readonly checkDeclarations: Composed['checkDeclarations'];
  readonly audit: {
    record(
      by: By,
      act: {
        readonly what: string;
        readonly object: string;
        readonly detail?: string | undefined;
        readonly result: string;
      },
      signal: AbortSignal,
    ): Promise<void>;
  };
}

const isInFile = ({ certificates, inStore }: Settings, name: string): boolean =>
  inStore?.names.has(name) !== true && certificates.some((one) => one.name === name);

export function createDeclarations({ engine, sources, checkDeclarations, audit }: Declaring): FleetDeclarations {
  const { store, clock } = engine;

  function viewOf(name: string, { declaration, revision }: StoredDeclaration): DeclarationView {
    const settings = sources.settings();
    const common = { name, revision, isInFile: isInFile(settings, name) };
    const refused = settings.inStore?.refused.get(name);
    if (!('certificate' in declaration)) return { ...common, refused: refused ?? declaration.message };
    const { certificate, by, at } = declaration;
    return { ...common, certificate, by, at, ...present({ refused }) };
  }

  async function check(name: string, { name: given, ...certificate }: Fields): Promise<WrongFields | undefined> {
    const settings = sources.settings();
    // Its own earlier declaration does not count.
    const others = { ...settings, certificates: settings.certificates.filter((one) => one.name !== name) };
    const { refused } = await checkDeclarations(new Map([[name, certificate]]), others, clock.now());
    const isOther = given !== undefined && given !== name;
    const wrong = {
      ...refused.get(name),
      ...present({ name: isOther ? 'it is not the name for which it is declared' : undefined }),
    };
    return Object.keys(wrong).length > 0 ? wrong : undefined;
  }

  /** Returns the stored document for whoever saw it in that revision. */
  async function found({ name, ifRevision }: Omit<DeclareRequest, 'certificate'>, signal: AbortSignal) {
    if (isInFile(sources.settings(), name)) throw fail('config/declared-in-file', { name });
    const entry = await store.get({ kind: 'declared', name: declarationName(name) }, signal);
    if (ifRevision !== undefined && ifRevision !== (entry?.revision ?? null))
      throw fail('config/declaration-changed', { name });
    return entry;
  }

  async function declare(
    { who }: Asker,
    request: DeclareRequest,
    signal: AbortSignal,
  ): Promise<{ readonly revision: string } | { readonly wrong: WrongFields }> {
    const { name, certificate } = request;
    const wrong = await check(name, certificate);
    // A name that no certificate may have is not asked for in the store.
    if (wrong) return { wrong };
    const before = await found(request, signal);
    const { name: _name, ...entry } = certificate;
    const at = clock.now().toISOString();
    const bytes = encodeDeclaration({ schema: 1, certificate: entry, by: who.name, at } satisfies Declaration);
    if (!bytes) return { wrong: { '': 'it is too large: a declaration has at most 32 KiB' } };
    const key = { kind: 'declared', name: declarationName(name) } as const;
    const revision = await store
      .put(key, bytes, { ifRevision: before?.revision ?? null, signal })
      .catch((error: unknown) => {
        throw isFailure(error, 'store/conflict') ? fail('config/declaration-changed', { name }) : error;
      });
    return { revision };
  }

  async function remove(request: Omit<DeclareRequest, 'certificate'>, signal: AbortSignal): Promise<undefined> {
    const { name } = request;
    const before = await found(request, signal);
    if (!before) throw fail('config/not-declared', { name });
    const key = { kind: 'declared', name: declarationName(name) } as const;
    await store.delete(key, { ifRevision: before.revision, signal }).catch((error: unknown) => {
      throw isFailure(error, 'store/conflict') ? fail('config/declaration-changed', { name }) : error;
    });
  }

  /** Lets those who may do something, writes down what came of it, and takes over what has changed. */
  async function recorded<T extends object | undefined>(
    { who, from }: Asker,
    { what, name }: { readonly what: string; readonly name: string },
    run: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const by = { name: who.name, via: who.via, from };
    const record = (result: string) => audit.record(by, { what, object: name, result }, signal);
    let done: T;
    try {
      refuseRole(who, 'declare');
      done = await run();
    } catch (error) {
      await record(asFailure(error).code);
      throw error;
    }
    await record(done && 'wrong' in done ? 'refused' : 'done');
    // This process need not wait until it looks again; a failure there is reported by that look.
    await sources.store.look(signal).catch(() => undefined);
    return done;
  }

  const looked = async (signal: AbortSignal) => {
    await sources.store.look(signal);
    return sources.stored();
  };

  return {
    choices() {
      const { issuers, solvers, deployers } = sources.settings();
      return { issuers: Object.keys(issuers), solvers: Object.keys(solvers), deployers: Object.keys(deployers) };
    },
    async list(signal) {
      const stored = await looked(signal);
      return [...stored].map(([name, one]) => viewOf(name, one)).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async get(name, signal) {
      const one = (await looked(signal)).get(name);
      return one && viewOf(name, one);
    },
    check,
    declare: (asker, request, signal) =>
      recorded(
        asker,
        { what: 'certificate.declare', name: request.name },
        () => declare(asker, request, signal),
        signal,
      ),
    remove: (asker, request, signal) =>
      recorded(asker, { what: 'certificate.undeclare', name: request.name }, () => remove(request, signal), signal),
  };
}
