import { unusableText } from '../config/file/unusable-text.ts';
import type { Problem } from '../config/problems.ts';
import { checkDeclarations } from '../config/settings/declarations.ts';
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
