import { unusableText } from '../config/file/unusable-text.ts';
import type { Problem } from '../config/problems.ts';
import { checkConnections } from '../config/settings/connections.ts';
import { checkDeclarations } from '../config/settings/declarations.ts';
import type { NamedConnection } from '../core/spec/connection.ts';
import type { CertificateSpec, Settings } from '../core/spec/spec.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { registry } from '../generated/registry.ts';
import type { ComposeContext } from './context.ts';

/** What is wrong with a declaration, by the field: `identifiers.0`, or an empty text for the whole. */
export type WrongFields = Readonly<Record<string, string>>;

/** Certificates that are declared outside the file, checked. */
export interface DeclaredCertificates {
  readonly certificates: readonly CertificateSpec[];
  /** What is wrong with the others, by their names. */
  readonly refused: ReadonlyMap<string, WrongFields>;
}

/**
 * Checks certificates as the file’s own, with whose issuers, solvers and deployers they are made.
 *
 * @param entries what each says, except its name
 * @param now if given, their dates are checked, too
 */
export async function declaredCertificates(
  entries: ReadonlyMap<string, Fields>,
  settings: Settings,
  { env }: Pick<ComposeContext, 'env'>,
  now?: Date,
): Promise<DeclaredCertificates> {
  const usable = new Map<string, Fields>();
  const refused = new Map<string, WrongFields>();
  for (const [name, entry] of entries) {
    const problems = unusableText(entry);
    if (problems.length === 0) usable.set(name, entry);
    else refused.set(name, byField(problems));
  }
  const checked = await checkDeclarations(usable, settings, { env, registry, ...present({ now }) });
  for (const [name, problems] of checked.refused) refused.set(name, byField(problems));
  return { certificates: checked.certificates, refused };
}

function byField(problems: readonly Problem[]): WrongFields {
  const fields = new Map<string, string>();
  for (const { path, message } of problems) {
    const field = path.map(String).join('.');
    if (!fields.has(field)) fields.set(field, message);
  }
  return Object.fromEntries(fields);
}

/** An entry of another section that is declared outside the file. */
export interface DeclaredConnection extends NamedConnection {
  /** What it says, with its type. */
  readonly settings: Fields;
}

/** The settings of a file with connections that are declared outside it, checked. */
export interface DeclaredConnections {
  readonly settings: Settings;
  readonly used: readonly NamedConnection[];
  readonly refused: readonly (NamedConnection & { readonly wrong: WrongFields })[];
}

/** Adds connections to the settings of a file. A wrong one does not keep the others from being used. */
export async function declaredConnections(
  entries: readonly DeclaredConnection[],
  file: Settings,
): Promise<DeclaredConnections> {
  if (entries.length === 0) return { settings: file, used: [], refused: [] };
  const unusable = entries.map((one) => [one, unusableText(one.settings)] as const);
  const usable = unusable.filter(([, problems]) => problems.length === 0).map(([one]) => one);
  const checked = await checkConnections(usable, file, registry);
  const refused = [...unusable.filter(([, problems]) => problems.length > 0), ...checked.refused];
  return {
    settings: checked.settings,
    used: usable.filter((one) => !checked.refused.has(one)).map(({ section, name }) => ({ section, name })),
    refused: refused.map(([{ section, name }, problems]) => ({ section, name, wrong: byField(problems) })),
  };
}
