import { decodeDocument, encodeDocument } from '../../core/lineage.ts';
import type { Engine } from '../engine.ts';
import { ignoreConflict } from './conflict.ts';

/** The account at a CA. */
export interface AccountDocument {
  readonly directory: string;
  readonly keyPem: string;
  /** Undefined until the CA has answered newAccount. */
  readonly url?: string;
  /** The addresses that the CA knows. */
  readonly contacts?: readonly string[];
  /** The deactivated accounts that this one replaced. */
  readonly replaced?: readonly { readonly keyPem: string; readonly url: string }[];
}

const keyOf = (directory: string) => ({ kind: 'account', name: directory }) as const;

/** The stored account at a CA, and its document's revision. */
export async function readAccount(
  { store }: Pick<Engine, 'store'>,
  directory: string,
  signal: AbortSignal,
): Promise<{ readonly document: AccountDocument; readonly revision: string } | undefined> {
  const entry = await store.get(keyOf(directory), signal);
  if (!entry) return undefined;
  const where = { key: `account/${directory}`, file: store.location };
  return { document: decodeDocument(entry.bytes, where, ['directory', 'keyPem']), revision: entry.revision };
}

/** Writes the account, unless another process has changed it since `revision`; null means that there was none. */
export async function writeAccount(
  { store }: Pick<Engine, 'store'>,
  document: AccountDocument,
  revision: string | null,
  signal: AbortSignal,
): Promise<void> {
  const options = { ifRevision: revision, signal };
  await store.put(keyOf(document.directory), encodeDocument(document), options).catch(ignoreConflict);
}
