import { fail } from '../errors/errors.ts';
import { type ConnectionSection, connectionSections } from '../spec/connection.ts';
import { type Fields, isDeep, isFields } from '../text/json.ts';
import { decodeDocument, encodeDocument } from './lineage.ts';

/** The sections of certfleet.yaml whose entries the store may declare, too. */
export type DeclaredSection = ConnectionSection | 'certificates';

/** What is declared: an entry of a section. */
export interface Declared {
  readonly section: DeclaredSection;
  readonly name: string;
}

/** `declared/<section>~<name>`: what someone has declared on a page or through the API. */
export interface Declaration {
  readonly schema: 1;
  /** What the entry says in certfleet.yaml, except its name. */
  readonly settings: Fields;
  /** Who declared it last. */
  readonly by: string;
  readonly at: string;
}

export const declarationName = ({ section, name }: Declared): string => `${section}~${name}`;

/** Returns what a document declares; undefined if that is of no section, as of a later version. */
export function declaredBy(document: string): Declared | undefined {
  const [first = '', ...rest] = document.split('~');
  const section = [...connectionSections, 'certificates' as const].find((one) => one === first);
  return section && rest.length > 0 ? { section, name: rest.join('~') } : undefined;
}

/** A declaration is read whole at each start, and has at most a hundred names. */
const mostBytes = 32 * 1024;

export const tooLarge = 'it is too large: a declaration has at most 32 KiB, 1,000 values, and 64 groups in each other';

/**
 * Says that an entry is larger or deeper than any that may be declared. To look closer at such an entry takes minutes,
 * in which the process does nothing else.
 */
export function sizeProblem(settings: Fields): string | undefined {
  if (isDeep(settings) || valuesIn(settings) > mostValues) return tooLarge;
  return encodeDocument(settings).length > mostBytes ? tooLarge : undefined;
}

const mostValues = 1_000;

const valuesIn = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((count: number, inner) => count + valuesIn(inner), 0)
    : 1;

/** Returns the document, or undefined if it is too large. */
export function encodeDeclaration(declaration: Declaration): Uint8Array | undefined {
  const bytes = encodeDocument(declaration);
  return bytes.length <= mostBytes ? bytes : undefined;
}

/** Reads the document. Fails with `store/corrupt`. */
export function decodeDeclaration(bytes: Uint8Array, name: string, file: string): Declaration {
  const where = { key: `declared/${name}`, file };
  const declaration = decodeDocument<Declaration>(bytes, where, ['settings', 'by', 'at']);
  if (!isFields(declaration.settings))
    throw fail('store/corrupt', { ...where, reason: 'what it declares is not a group of settings' });
  return declaration;
}
