import { fail } from '../errors/errors.ts';
import { type Fields, isFields } from '../text/json.ts';
import { decodeDocument, encodeDocument } from './lineage.ts';

/** `declared/certificate~<name>`: a certificate that someone has declared on a page or through the API. */
export interface Declaration {
  readonly schema: 1;
  /** What an entry of `certificates` in certfleet.yaml says, except its name. */
  readonly certificate: Fields;
  /** Who declared it last. */
  readonly by: string;
  readonly at: string;
}

const prefix = 'certificate~';

export const declarationName = (certificate: string): string => `${prefix}${certificate}`;

/** Returns the certificate of a document; undefined if the document declares something else. */
export const certificateDeclaredBy = (name: string): string | undefined =>
  name.startsWith(prefix) ? name.slice(prefix.length) : undefined;

/** A declaration is read whole at each start, and has at most a hundred names. */
const mostBytes = 32 * 1024;

/** Returns the document, or undefined if it is too large. */
export function encodeDeclaration(declaration: Declaration): Uint8Array | undefined {
  const bytes = encodeDocument(declaration);
  return bytes.length <= mostBytes ? bytes : undefined;
}

/** Reads the document. Fails with `store/corrupt`. */
export function decodeDeclaration(bytes: Uint8Array, name: string, file: string): Declaration {
  const where = { key: `declared/${name}`, file };
  const declaration = decodeDocument<Declaration>(bytes, where, ['certificate', 'by', 'at']);
  if (!isFields(declaration.certificate))
    throw fail('store/corrupt', { ...where, reason: 'its certificate is not a group of settings' });
  return declaration;
}
