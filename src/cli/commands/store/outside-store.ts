import { isAbsolute, join } from 'node:path';
import { fail, isFailure, reasonOf } from '../../../core/errors/errors.ts';
import type { Files, FilesWithin } from '../../../ports/files.ts';
import type { Session } from '../../context.ts';

/**
 * Refuses a path inside the store's folder for a file with secrets: the file would be in each copy of the store, and
 * `store encrypt` would not encrypt it. Fails with `usage/place-in-store`.
 *
 * @param why what is wrong with the place, for a person
 */
export async function refuseInStore(session: Session, path: string, why: string): Promise<void> {
  const { files } = await session.world();
  const { store } = await session.settings();
  if (typeof store['path'] !== 'string') return;
  const [folder, place] = [await followed(store['path'], files), await followed(path, files)];
  if (`${place}/`.startsWith(`${folder}/`))
    throw fail('usage/place-in-store', { place: path, store: store['path'], reason: why });
}

/**
 * Works in a folder that only root and this user can change, so that other users can neither read what is written there
 * nor redirect it. Fails with `usage/place-untrusted` or `usage/place-unwritable`.
 *
 * @param given what is written there, and the path as the user typed it
 */
export async function inOurFolder<T>(
  session: Session,
  folder: string,
  { what, place }: { readonly what: string; readonly place: string },
  work: (inside: FilesWithin) => Promise<T>,
): Promise<T> {
  const { files } = await session.world();
  const guard = {
    owners: [],
    isPrivate: true,
    refuse: (reason: string) => fail('usage/place-untrusted', { place, harm: `read ${what} there`, reason }),
  } as const;
  return files.within(folder, guard, work).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error && !isFailure(error)
      ? fail('usage/place-unwritable', { place, reason: reasonOf(error) })
      : error;
  });
}

/** The limit that Linux has, too. */
const maxLinks = 40;

/** Resolves the links in a path. The part that does not exist has none. */
async function followed(path: string, files: Files): Promise<string> {
  let at = '/';
  let todo = path.split('/');
  for (let links = 0; todo.length > 0; ) {
    const [name = '', ...rest] = todo;
    const next = join(at, name);
    const link = links < maxLinks ? await files.readLink(next) : undefined;
    if (link !== undefined) links += 1;
    todo = link === undefined ? rest : [...link.split('/'), ...rest];
    if (link === undefined) at = next;
    else if (isAbsolute(link)) at = '/';
  }
  return at;
}
