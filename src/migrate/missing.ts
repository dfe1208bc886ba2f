import { isAbsolute } from 'node:path';
import { reasonOf } from '../core/errors/errors.ts';
import type { Files } from '../ports/files.ts';

// Files named in another client's settings may have been deleted since its last renewal, up to months ago.

/** Explains why a renewal will not find a file. Returns undefined if it will. */
export const whyNoFile = (files: Files, path: string): Promise<string | undefined> =>
  why(path, async () => (await files.read(path, { named: true })) !== undefined);

/** Explains why a renewal will not find a folder. Returns undefined if it will. */
export const whyNoFolder = (files: Files, path: string): Promise<string | undefined> =>
  why(path, async () => (await files.list(path)) !== undefined);

async function why(path: string, look: () => Promise<boolean>): Promise<string | undefined> {
  if (!isAbsolute(path)) return 'its path is not absolute, so it depends on where the other client ran';
  try {
    return (await look()) ? undefined : 'it does not exist';
  } catch (error) {
    return reasonOf(error);
  }
}
