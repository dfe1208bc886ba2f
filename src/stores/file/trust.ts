import { dirname } from 'node:path';
import type { Files, ReadOptions, Untrusted } from '../../ports/files.ts';
import { untrusted } from './unusable.ts';

/**
 * Checks who can write to the store. Its content determines which commands run, so only root and the effective user may
 * be able to write to it, or to the folders that lead to it. If it was open to others before, they may have left
 * folders and files.
 */
export interface Trust {
  /** Fails with `store/untrusted`. Checks the store's folder and each folder in it once. */
  folder(path: string): Promise<void>;
  /** The options for reading a document. */
  readonly file: ReadOptions;
}

export function createTrust(root: string, files: Files): Trust {
  const trusted = new Set<string>();
  const refuse = (found: Untrusted) => untrusted(root, found);

  async function folder(path: string): Promise<void> {
    if (trusted.has(path)) return;
    const parent = path === root ? undefined : dirname(path);
    if (parent !== undefined) await folder(parent);
    const found = await files.untrusted(path, parent);
    if (found) throw refuse(found);
    // In a folder that does not exist yet, or whose parent is sticky, another user may create the next one.
    if (parent === undefined ? await files.stat(path) : trusted.has(parent)) trusted.add(path);
  }

  return { folder, file: { trusted: refuse } };
}
