import type { Composed, DeclaredConnection, WrongFields } from '../../compose.ts';
import type { Who } from '../../core/access/role.ts';
import { fail } from '../../core/errors/errors.ts';
import { sizeProblem } from '../../core/lineage/declaration.ts';
import { isLineageName, lineageNameRule } from '../../core/names/identifiers.ts';
import {
  type ConnectionSection,
  type ConnectionType,
  connectionSections,
  type KnownType,
  type NamedConnection,
} from '../../core/spec/connection.ts';
import { chosenType, enteredOptions, shownOptions, withKeptSecrets } from '../../core/spec/connection-options.ts';
import type { Fields } from '../../core/text/json.ts';
import { shortList } from '../../core/text/short-list.ts';
import { isInFile, refusedIn, type Sources } from '../sources.ts';
import { type Asker, refuseRole } from './actions.ts';
import type { ConnectionTest, TryConnection } from './connection-test.ts';
import { type ConnectionView, isOf, seenBy, viewsFrom } from './connection-views.ts';
import { createDeclaredDocuments, type Declaring, type IfRevision, type Written } from './declared-documents.ts';
import { leadsKeys, usersIn } from './users-of-connections.ts';

/** A connection that someone wants. */
export interface ConnectionRequest extends NamedConnection {
  /**
   * Its type, provider and options, in groups as in the file or by the names of its type’s fields. A text may stand for a
   * number or a list. A secret that is left out, or empty, stays as it is; null removes it.
   */
  readonly settings: Fields;
  /** The revision of the declaration that they saw. */
  readonly ifRevision?: IfRevision;
}

/** Shows and changes the connections of a fleet. */
export interface FleetConnections {
  /** Returns the types that may be declared in the store, by title. */
  types(section: ConnectionSection): Promise<readonly ConnectionType[]>;
  /** Whether the store has a key, without which it takes no secrets. */
  readonly takesSecrets: boolean;
  /** Whether administrators may change where private keys are sent. */
  changesTargets(): boolean;
  /** Returns all, by section and name. */
  list(signal: AbortSignal): Promise<readonly ConnectionView[]>;
  get(section: ConnectionSection, name: string, signal: AbortSignal): Promise<ConnectionView | undefined>;
  /** Returns what is wrong with a connection, by the names of its fields; undefined if nothing is. Writes nothing. */
  check(request: ConnectionRequest, signal: AbortSignal): Promise<WrongFields | undefined>;
  /**
   * Declares a connection for those who may, in place of an earlier declaration of that name, and writes down who has.
   * Fails with `access/…`, `config/declared-in-file`, `config/declaration-changed`.
   */
  declare(asker: Asker, request: ConnectionRequest, signal: AbortSignal): Promise<Written>;
  /** Removes a declaration that nothing uses. Fails like `declare`, and with `config/connection-in-use` and `config/not-declared`. */
  remove(asker: Asker, request: Omit<ConnectionRequest, 'settings'>, signal: AbortSignal): Promise<void>;
  /** Tries a connection against what it leads to, and leaves nothing there. */
  test(
    asker: Asker,
    request: TestRequest,
    signal: AbortSignal,
  ): Promise<ConnectionTest | { readonly wrong: WrongFields }>;
}

export { type ConnectionView, seenBy };

export interface TestRequest extends NamedConnection {
  /** The zone in which a solver over DNS is tried; the host with which a balancer is tried, which may be left out. */
  readonly zone?: string | undefined;
}

interface Connecting extends Declaring {
  readonly sources: Declaring['sources'] & Pick<Sources, 'file' | 'preview'>;
  readonly composed: Pick<
    Composed,
    'connectionTypes' | 'connectionType' | 'checkConnections' | 'shown' | 'takesSecrets' | 'ruleSolver'
  >;
  readonly tryOut: TryConnection;
}

export function createConnections({ composed, tryOut, ...parts }: Connecting): FleetConnections {
  const { sources } = parts;
  const documents = createDeclaredDocuments(parts);
  const viewsOf = viewsFrom({ composed, documents, sources });
  const changesTargets = () => sources.settings().pages?.changeTargets === true;

  /** Returns the settings that are wanted, whole, or what is wrong with them. */
  async function wantedOf(
    { section, name, settings: entered }: ConnectionRequest,
    before: Fields | undefined,
  ): Promise<{ readonly settings: Fields } | { readonly wrong: WrongFields }> {
    const size = sizeProblem(entered);
    if (size !== undefined) return { wrong: { '': size } };
    const chosen = chosenType(section, entered);
    const type = await composed.connectionType(section, chosen);
    const known = before && (await composed.connectionType(section, chosenType(section, before)));
    const wanted = enteredOptions(type ?? { options: [] }, entered);
    const kept = type && withKeptSecrets(type, wanted, before && known ? { type: known, settings: before } : undefined);
    const settings = { ...(kept ?? wanted).settings, ...chosen };
    if (kept && kept.again.length > 0) {
      const others = await ownWrong({ section, name, settings }, type);
      return { wrong: { ...others, ...Object.fromEntries(kept.again.map((one) => [one, again])) } };
    }
    const secrets = type && !composed.takesSecrets ? shownOptions(type, settings).secrets : [];
    if (secrets.length > 0) return { wrong: Object.fromEntries(secrets.map((one) => [one, noKey])) };
    const wrong =
      (await ownWrong({ section, name, settings }, type)) ?? (await wrongForOthers({ section, name, settings }));
    return wrong ? { wrong } : { settings };
  }

  /** Says also what else is wrong, as with a name that may be. */
  async function wrongWithName(request: ConnectionRequest): Promise<WrongFields> {
    const wanted = await wantedOf({ ...request, name: nobodys }, undefined);
    return { ...('wrong' in wanted ? wanted.wrong : {}), name: lineageNameRule };
  }

  async function ownWrong(one: DeclaredConnection, type: KnownType | undefined): Promise<WrongFields | undefined> {
    const file = sources.file();
    const others = sources.stored().flatMap(({ section, name, declaration }): readonly DeclaredConnection[] => {
      if (section === 'certificates' || !('settings' in declaration)) return [];
      const isOther = !isOf(one)({ section, name }) && !isInFile(file, { section, name });
      return isOther ? [{ section, name, settings: declaration.settings }] : [];
    });
    const { refused } = await composed.checkConnections([...others, one], file);
    const wrong = refused.find(isOf(one))?.wrong;
    return wrong && byField(wrong, type);
  }

  /** Says which declarations would not fit any longer. */
  async function wrongForOthers(one: DeclaredConnection): Promise<WrongFields | undefined> {
    const before = new Set(refusedIn(sources.settings()).map(([what]) => what));
    const after = refusedIn(await sources.preview(one, one.settings)).filter(([what]) => !before.has(what));
    const [first] = after;
    if (!first) return undefined;
    const others = shortList(after.map(([what]) => what));
    return { '': `other declarations would not fit any longer: ${others}; the first says: ${first[1]}` };
  }

  /** Lets those who may change a connection. Whoever may change a balancer decides where its deployers send private keys. */
  async function allow(who: Who, { section, name }: NamedConnection, signal: AbortSignal): Promise<void> {
    refuseRole(who, 'connect');
    // Another node may have declared a deployer just now.
    await sources.store.look(signal);
    const leads = leadsKeys({ section, name }, sources.settings(), sources.stored('deployers'));
    refuseRole(who, leads ? 'targets' : 'connect');
    if (leads && !changesTargets()) throw fail('access/fixed-targets', { name });
  }

  async function declare({ who }: Asker, request: ConnectionRequest, signal: AbortSignal) {
    const { section, name, ifRevision } = request;
    if (!isLineageName(name)) return { wrong: await wrongWithName(request) };
    const declared = { section, name };
    const before = await documents.found(declared, ifRevision, signal);
    const wanted = await wantedOf(request, before?.settings);
    if ('wrong' in wanted) return wanted;
    return documents.write(who, { declared, settings: wanted.settings, before: before?.revision }, signal);
  }

  async function remove({ section, name, ifRevision }: Omit<ConnectionRequest, 'settings'>, signal: AbortSignal) {
    const declared = { section, name };
    const { certificates, connections } = usersIn(sources.settings())(declared);
    const users = [...certificates, ...connections.map((one) => `${one.section}.${one.name}`)];
    const isStored = !isInFile(sources.settings(), declared);
    if (isStored && users.length > 0) throw fail('config/connection-in-use', { name, users: shortList(users) });
    await documents.remove(declared, ifRevision, signal);
  }

  async function test({ section, name, zone }: TestRequest, signal: AbortSignal) {
    await sources.store.look(signal);
    const settings = sources.settings();
    if (!Object.hasOwn(settings[section], name)) throw fail('config/not-declared', { name });
    return tryOut({ section, name }, zone, signal);
  }

  const deed = (what: string, one: NamedConnection, may: (who: Who) => Promise<void> | void) => ({
    ...{ what: `connection.${what}`, object: `${one.section}.${one.name}` },
    allow: may,
  });
  const changing = (what: string, one: NamedConnection, signal: AbortSignal) =>
    deed(what, one, (who) => allow(who, one, signal));

  return {
    types: composed.connectionTypes,
    takesSecrets: composed.takesSecrets,
    changesTargets,
    list: (signal) => viewsOf(connectionSections, signal),
    async get(section, name, signal) {
      const [found] = await viewsOf([section], signal, name);
      return found;
    },
    async check(request, signal) {
      const { section, name } = request;
      if (!isLineageName(name)) return wrongWithName(request);
      if (isInFile(sources.settings(), { section, name }))
        return { name: 'the configuration file declares one of this name' };
      const wanted = await wantedOf(request, (await documents.found({ section, name }, undefined, signal))?.settings);
      return 'wrong' in wanted ? wanted.wrong : undefined;
    },
    declare: (asker, request, signal) =>
      documents.recorded(asker, changing('declare', request, signal), () => declare(asker, request, signal), signal),
    remove: (asker, request, signal) =>
      documents.recorded(asker, changing('remove', request, signal), () => remove(request, signal), signal),
    test: (asker, request, signal) =>
      documents.recorded(
        asker,
        deed('test', request, (who) => refuseRole(who, 'connect')),
        () => test(request, signal),
        signal,
      ),
  };
}

const nobodys = 'z'.repeat(100);
const again = 'enter it again, because it would be sent elsewhere than before';
const noKey =
  'the store has no key, so it takes no secrets: make one with `certfleet store key FILE`, name it in `storeKey` of the configuration file, and restart certfleet';

/** Puts what is wrong within an option beside that option. */
function byField(wrong: WrongFields, type: KnownType | undefined): WrongFields {
  const names = new Set([...['name', 'type', 'provider'], ...(type?.options ?? []).map((one) => one.name)]);
  const found = new Map<string, string>();
  for (const [key, message] of Object.entries(wrong)) {
    // No option is in so many groups, and what was typed may have any number of dots.
    const parts = key.split('.', 10);
    const candidates = parts.map((_part, index) => parts.slice(0, parts.length - index).join('.'));
    const field = candidates.find((one) => names.has(one)) ?? '';
    if (!found.has(field)) found.set(field, message);
  }
  return Object.fromEntries(found);
}
