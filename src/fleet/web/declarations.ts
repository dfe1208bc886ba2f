import type { Composed, WrongFields } from '../../compose.ts';
import type { Who } from '../../core/access/role.ts';
import { fail } from '../../core/errors/errors.ts';
import { sizeProblem } from '../../core/lineage/declaration.ts';
import { mostIdentifiers } from '../../core/names/identifiers.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { isInFile, type StoredDeclaration } from '../sources.ts';
import { type Asker, refuseRole } from './actions.ts';
import { createDeclaredDocuments, type Declaring, type IfRevision, type Written } from './declared-documents.ts';

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
  /** The revision of the declaration that they saw. */
  readonly ifRevision?: IfRevision;
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
  declare(asker: Asker, request: DeclareRequest, signal: AbortSignal): Promise<Written>;
  /**
   * Removes a declaration. The certificate stays, and is not renewed any longer. Fails like `declare`, and with
   * `config/not-declared`.
   */
  remove(asker: Asker, request: Omit<DeclareRequest, 'certificate'>, signal: AbortSignal): Promise<void>;
}

interface Checking extends Declaring {
  readonly checkDeclarations: Composed['checkDeclarations'];
}

export function createDeclarations({ checkDeclarations, ...parts }: Checking): FleetDeclarations {
  const { engine, sources } = parts;
  const documents = createDeclaredDocuments(parts);

  function viewOf({ name, declaration, revision }: StoredDeclaration): DeclarationView {
    const settings = sources.settings();
    const common = { name, revision, isInFile: isInFile(settings, declaredOf(name)) };
    const refused = settings.inStore?.refused.get(name);
    if (!('settings' in declaration)) return { ...common, refused: refused ?? declaration.message };
    const { settings: certificate, by, at } = declaration;
    return { ...common, certificate, by, at, ...present({ refused }) };
  }

  async function check(name: string, { name: given, ...certificate }: Fields): Promise<WrongFields | undefined> {
    const large = tooLargeIn(certificate);
    if (large) return large;
    const settings = sources.settings();
    // Its own earlier declaration does not count.
    const others = { ...settings, certificates: settings.certificates.filter((one) => one.name !== name) };
    const { refused } = await checkDeclarations(new Map([[name, certificate]]), others, engine.clock.now());
    const isOther = given !== undefined && given !== name;
    const wrong = {
      ...refused.get(name),
      ...present({ name: isOther ? 'it is not the name for which it is declared' : undefined }),
    };
    return Object.keys(wrong).length > 0 ? wrong : undefined;
  }

  async function declare(
    { who }: Asker,
    { name, certificate, ifRevision }: DeclareRequest,
    signal: AbortSignal,
  ): Promise<Written> {
    const wrong = await check(name, certificate);
    // A name that no certificate may have is not asked for in the store.
    if (wrong) return { wrong };
    const declared = declaredOf(name);
    const before = (await documents.found(declared, ifRevision, signal))?.revision;
    const { name: _name, ...settings } = certificate;
    return documents.write(who, { declared, settings, before }, signal);
  }

  const deed = (what: string, object: string) => ({
    ...{ what, object },
    allow: (who: Who) => refuseRole(who, 'declare'),
  });

  return {
    choices() {
      const { issuers, solvers, deployers } = sources.settings();
      return { issuers: Object.keys(issuers), solvers: Object.keys(solvers), deployers: Object.keys(deployers) };
    },
    async list(signal) {
      const stored = await documents.looked(signal, 'certificates');
      return stored.map(viewOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async get(name, signal) {
      const one = (await documents.looked(signal, 'certificates')).find((found) => found.name === name);
      return one && viewOf(one);
    },
    check,
    declare: (asker, request, signal) =>
      documents.recorded(
        asker,
        deed('certificate.declare', request.name),
        () => declare(asker, request, signal),
        signal,
      ),
    remove: (asker, { name, ifRevision }, signal) =>
      documents.recorded(
        asker,
        deed('certificate.undeclare', name),
        () => documents.remove(declaredOf(name), ifRevision, signal),
        signal,
      ),
  };
}

/** Says that a certificate is too large to be looked at closer, beside what makes it so. */
export function tooLargeIn(certificate: Fields): WrongFields | undefined {
  const problem = sizeProblem(certificate);
  if (problem === undefined) return undefined;
  const { identifiers } = certificate;
  if (!Array.isArray(identifiers) || identifiers.length <= mostIdentifiers) return { '': problem };
  const error = fail('identifier/too-many', { count: identifiers.length, limit: mostIdentifiers });
  return { identifiers: `${error.message}. ${error.hint}` };
}

const declaredOf = (name: string) => ({ section: 'certificates', name }) as const;
