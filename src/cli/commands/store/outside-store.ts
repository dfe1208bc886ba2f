import { isAbsolute, join } from 'node:path';
import { fail, isFailure, reasonOf } from '../../../core/errors/errors.ts';
import type { Files, FilesWithin } from '../../../ports/files.ts';
import type { Session } from '../../context.ts';

/**
 * Refuses a path in the folder of the store for a file with secrets: it would be in each copy of the store, and `store
 * encrypt` would not know it. Fails with `usage/place-in-store`.
 *
 * @param why what is wrong with it, for a person
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
 * Works in a folder that only root and this user can change, so that others can neither take what is written there nor
 * lead it elsewhere. Fails with `usage/place-untrusted` or `usage/place-unwritable`.
 *
 * @param given what is written there, and the path as the user gave it
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
    refuse: (reason: string) => fail('usage/place-untrusted', { place, harm: `take ${what} from there`, reason }),
  } as const;
  return files.within(folder, guard, work).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error && !isFailure(error)
      ? fail('usage/place-unwritable', { place, reason: reasonOf(error) })
      : error;
  });
}

/** As many links as Linux follows. */
const maxLinks = 40;

/** Where a path leads once its links are followed. What does not exist has none. */
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
