import type { Composed } from '../compose.ts';
import type { ConnectionOptions, ConnectionSection, KnownType, NamedConnection } from '../core/spec/connection.ts';
import { chosenType, shownOptions } from '../core/spec/connection-options.ts';
import type { Settings } from '../core/spec/spec.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { DeclaredDocuments } from './declared-documents.ts';
import { isInFile, type Sources, type StoredDeclaration } from './sources.ts';
import { type UsersOf, usersIn } from './users-of-connections.ts';

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
  readonly stored: StoredDeclaration | undefined;
  readonly users: UsersOf;
}

/** Returns a function that shows the connections of a section, by name. */
export function viewsFrom({ composed, documents, sources }: Viewing) {
  async function viewsOf(section: ConnectionSection, signal: AbortSignal): Promise<readonly ConnectionView[]> {
    const stored = new Map((await documents.looked(section, signal)).map((one) => [one.name, one]));
    const settings = sources.settings();
    const users = usersIn(settings);
    const names = new Set([...Object.keys(settings[section]), ...stored.keys()]);
    const views = [...names]
      .sort()
      .map((name) => viewOf({ section, name }, { settings, stored: stored.get(name), users }));
    return Promise.all(views);
  }

  async function viewOf(one: NamedConnection, { settings, stored, users }: Known): Promise<ConnectionView> {
    const { section, name } = one;
    const inFile = isInFile(settings, one);
    const declaration = stored?.declaration;
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
      options: inFile ? await optionsInFile(one) : shown.options,
      secrets: shown.secrets,
      certificates: certificates.slice(0, mostShown),
      certificateCount: certificates.length,
      usedBy: connections,
      canTest: refused === undefined && (await canTest(one, type)),
      ...present({ revision: stored?.revision, by: ofStore?.by, at: ofStore?.at, refused }),
    };
  }

  /** Reports whether there is a way to try a connection without a certificate. */
  async function canTest({ section, name }: NamedConnection, type: KnownType | undefined): Promise<boolean> {
    if (section !== 'solvers') return section !== 'deployers';
    return type?.provider !== undefined || (await composed.ruleSolver(name))?.name === name;
  }

  /** Commands and addresses of the file may contain secrets. */
  async function optionsInFile({ section, name }: NamedConnection): Promise<ConnectionOptions> {
    const { parts: all } = await composed.shown();
    const found = all.find(({ path }) => path === `${section}.${name}`)?.options ?? [];
    const isOption = (option: string) => option !== 'type' && option !== 'provider';
    return Object.fromEntries(
      found.flatMap((one) => (one.value === undefined || !isOption(one.name) ? [] : [[one.name, one.value]])),
    );
  }

  return viewsOf;
}

const mostShown = 20;

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
