import { dirname } from 'node:path';
import type { Files, Foreign, ReadOptions } from '../../ports/files.ts';
import { untrusted } from './unusable.ts';

/**
 * What a store contains says which commands to run, so only root and the effective user may be able to write it:
 * neither on the way to its folder, nor in it. If it was open to others before, they may have left folders and files.
 */
export interface Trust {
  /** Fails with `store/untrusted`. Looks once at the store's folder and each folder in it. */
  folder(path: string): Promise<void>;
  /** For reading a document. */
  readonly file: ReadOptions;
}

export function createTrust(root: string, files: Files): Trust {
  const trusted = new Set<string>();
  const refuse = (foreign: Foreign) => untrusted(root, foreign);

  async function folder(path: string): Promise<void> {
    if (trusted.has(path)) return;
    const parent = path === root ? undefined : dirname(path);
    if (parent !== undefined) await folder(parent);
    const foreign = await files.foreign(path, parent);
    if (foreign) throw refuse(foreign);
    // In a folder that is not there yet, or whose parent is sticky, another user may make the next one.
    if (parent === undefined ? await files.stat(path) : trusted.has(parent)) trusted.add(path);
  }

  return { folder, file: { trusted: refuse } };
}
