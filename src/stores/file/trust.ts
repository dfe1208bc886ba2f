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
  /** Lets each folder be checked again. */
  forget(): void;
  /** The options for reading a document. */
  readonly file: ReadOptions;
}

const done = Promise.resolve();

export function createTrust(root: string, files: Files): Trust {
  const trusted = new Set<string>();
  /** The checks that run now, because thousands of documents may be written at once. */
  const running = new Map<string, Promise<void>>();
  const refuse = (found: Untrusted) => untrusted(root, found);

  function folder(path: string): Promise<void> {
    if (trusted.has(path)) return done;
    const check = running.get(path) ?? checked(path).finally(() => running.delete(path));
    running.set(path, check);
    return check;
  }

  async function checked(path: string): Promise<void> {
    const parent = path === root ? undefined : dirname(path);
    if (parent !== undefined) await folder(parent);
    const found = await files.untrusted(path, parent);
    if (found) throw refuse(found);
    // In a folder that does not exist yet, or whose parent is sticky, another user may create the next one.
    if (parent === undefined ? await files.stat(path) : trusted.has(parent)) trusted.add(path);
  }

  return { folder, forget: () => trusted.clear(), file: { trusted: refuse } };
}
