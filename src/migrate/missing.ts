import { isAbsolute } from 'node:path';
import { reasonOf } from '../core/errors/errors.ts';
import type { Files } from '../ports/files.ts';

// What another client's settings name may be gone since its last renewal, which is up to months ago.

/** Why a renewal will not find a file, in words; undefined if it will. */
export const whyNoFile = (files: Files, path: string): Promise<string | undefined> =>
  why(path, async () => (await files.read(path, { named: true })) !== undefined);

/** The same for a folder. */
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
