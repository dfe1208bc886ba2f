import type { Composed } from '../../compose.ts';
import { may, type Who } from '../../core/access/role.ts';
import { knownIssuerAt, knownIssuers } from '../../core/ca/known-issuers.ts';
import type { Declared } from '../../core/lineage/declaration.ts';
import type { ConnectionOptions, ConnectionSection, KnownType, NamedConnection } from '../../core/spec/connection.ts';
import { chosenType, shownOptions } from '../../core/spec/connection-options.ts';
import type { ShownOption } from '../../core/spec/shown-settings.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { isInFile, type Sources, type StoredDeclaration } from '../sources.ts';
import type { DeclaredDocuments } from './declared-documents.ts';
import { leadsKeys, type UsersOf, usersIn } from './users-of-connections.ts';

/** An issuer, balancer, solver, deployer or notifier that the file or the store declares. */
export interface ConnectionView extends NamedConnection {
  readonly type: string;
  /** Of a solver over DNS. */
  readonly provider?: string;
  readonly declaredIn: 'file' | 'store';
  /** By the names of its type’s fields, without secrets. Of one in the file, as the settings page shows them. */
  readonly options: ConnectionOptions;
  /** The names of the secrets that are set. */
  readonly secrets: readonly string[];
  /** At most 20 of the certificates that use it. */
  readonly certificates: readonly string[];
  /** How many certificates use it. */
  readonly certificateCount: number;
  /** The connections that use it. */
  readonly usedBy: readonly NamedConnection[];
  readonly canTest: boolean;
  /** Whether private keys go where it says, so that only administrators may change it, if the file lets them. */
  readonly leadsKeys: boolean;
  /** The revision of the store’s declaration. */
  readonly revision?: string;
  readonly by?: string;
  /** RFC 3339. */
  readonly at?: string;
  /** Why the store’s declaration is not used. */
  readonly refused?: string;
}

interface Viewing {
  readonly composed: Pick<Composed, 'connectionType' | 'shown' | 'ruleSolver'>;
  readonly documents: Pick<DeclaredDocuments, 'looked'>;
  readonly sources: Pick<Sources, 'settings'>;
}

interface Known {
  readonly settings: Settings;
  readonly stored: ReadonlyMap<string, StoredDeclaration>;
  readonly users: UsersOf;
  /** What may be shown of those of the file. */
  readonly inFile: ReadonlyMap<string, ConnectionOptions>;
}

/** Returns a function that shows the connections of some sections, by name, or those of one name. */
export function viewsFrom({ composed, documents, sources }: Viewing) {
  async function viewsOf(
    sections: readonly ConnectionSection[],
    signal: AbortSignal,
    only?: string,
  ): Promise<readonly ConnectionView[]> {
    const stored = await documents.looked(signal);
    const settings = sources.settings();
    const { parts } = await composed.shown();
    const known: Known = {
      settings,
      stored: new Map(stored.map((one) => [placeOf(one), one])),
      users: usersIn(settings),
      // Commands and addresses may contain secrets.
      inFile: new Map(parts.map(({ path, options }) => [path, optionsIn(options)])),
    };
    const all = sections.flatMap((section) => {
      const ofStore = stored.filter((one) => one.section === section).map(({ name }) => name);
      const names = [...new Set([...Object.keys(settings[section]), ...ofStore])].sort();
      return names.filter((name) => only === undefined || name === only).map((name) => ({ section, name }));
    });
    return Promise.all(all.map((one) => viewOf(one, known)));
  }

  async function viewOf(one: NamedConnection, { settings, stored, users, ...known }: Known): Promise<ConnectionView> {
    const { section, name } = one;
    const inFile = isInFile(settings, one);
    const found = stored.get(placeOf(one));
    const declaration = found?.declaration;
    const ofStore = declaration && 'settings' in declaration ? declaration : undefined;
    const own = inFile ? settingsOf(settings, one) : (ofStore?.settings ?? {});
    const chosen = chosenType(section, own);
    const type = await composed.connectionType(section, chosen);
    const shown = shownOptions(type ?? { options: [] }, own);
    const { certificates, connections } = users(one);
    const refused = settings.inStore?.connections.refused.find(isOf(one))?.why;
    return {
      ...{ section, name, ...chosen },
      declaredIn: inFile ? 'file' : 'store',
      options: inFile ? (known.inFile.get(placeOf(one)) ?? {}) : shown.options,
      secrets: shown.secrets,
      certificates: certificates.slice(0, mostShown),
      certificateCount: certificates.length,
      usedBy: connections,
      canTest: refused === undefined && (await canTest(one, type)),
      leadsKeys: leadsKeys(one, settings, [...stored.values()]),
      ...present({ revision: found?.revision, by: ofStore?.by, at: ofStore?.at, refused }),
    };
  }

  /** Reports whether there is a way to try a connection without a certificate. */
  async function canTest({ section, name }: NamedConnection, type: KnownType | undefined): Promise<boolean> {
    if (section !== 'solvers') return section !== 'deployers';
    return type?.provider !== undefined || (await composed.ruleSolver(name))?.name === name;
  }

  return viewsOf;
}

/** Returns what someone may see of a connection. What it is set to is for those who may change connections. */
export const seenBy = (who: Pick<Who, 'role' | 'scope'>, view: ConnectionView): ConnectionView =>
  may(who, 'connect') ? view : { ...view, options: caIn(view), secrets: [] };

/** Returns the directory of a CA if everybody knows that. Another address may contain a secret. */
function caIn({ section, options: { directory } }: ConnectionView): ConnectionOptions {
  if (section !== 'issuers' || typeof directory !== 'string') return {};
  return Object.hasOwn(knownIssuers, directory) || knownIssuerAt(directory) ? { directory } : {};
}

const mostShown = 20;

const placeOf = ({ section, name }: Declared): string => `${section}.${name}`;

const optionsIn = (options: readonly ShownOption[]): ConnectionOptions =>
  Object.fromEntries(
    options.flatMap(({ name, value }) =>
      value === undefined || name === 'type' || name === 'provider' ? [] : [[name, value]],
    ),
  );

export const isOf =
  ({ section, name }: NamedConnection) =>
  (other: NamedConnection): boolean =>
    other.section === section && other.name === name;

/** Returns what a connection’s entry in the file says. */
function settingsOf(settings: Settings, { section, name }: NamedConnection): Fields {
  const found: unknown = settings[section][name];
  const own = isFields(found) && isFields(found['settings']) ? found['settings'] : found;
  return isFields(own) ? own : {};
}
