import { isAbsolute, join } from 'node:path';
import { fail } from '../core/errors.ts';
import type { Files } from '../ports/files.ts';
import type { Session } from './context.ts';

/**
 * Refuses a path in the folder of the store for a file with secrets: it would be in each copy of the store, and `store
 * encrypt` would not know it. Fails with `usage/invalid`.
 *
 * @param why what is wrong with it, for a person
 */
export async function refuseInStore(session: Session, path: string, why: string): Promise<void> {
  const { files } = await session.world();
  const { store } = await session.settings();
  if (typeof store['path'] !== 'string') return;
  const [folder, place] = [await followed(store['path'], files), await followed(path, files)];
  if (`${place}/`.startsWith(`${folder}/`))
    throw fail('usage/invalid', { what: `${path} is in the store ${store['path']}: ${why}` });
}

/** Why no file with secrets may be in a folder, in words: others could take or replace it. Undefined if it may. */
export async function openToOthers(folder: string, what: string, files: Files): Promise<string | undefined> {
  const foreign = await files.foreign(folder);
  return foreign && `others could take ${what} from there (${foreign.reason}); choose a folder that only you can write`;
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
