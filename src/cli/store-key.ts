import { dirname } from 'node:path';
import { fail, reasonOf } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { newStoreKey } from '../whole-store.ts';
import type { Run } from './context.ts';
import { wholePathOf } from './flag-values.ts';
import { openToOthers, refuseInStore } from './outside-store.ts';

/** `certfleet store key FILE`: makes a key. Replaces no file, which may be the only copy of another key. */
export const makeStoreKey: Run = async (session) => {
  const [given = ''] = session.invocation.args;
  const path = wholePathOf('', given, session.context.env);
  const { files, random } = await session.world();
  await refuseInStore(session, path, 'a copy of the store would have its key with it');
  const { id, text } = newStoreKey(random);
  const refuseOpen = async () => {
    const open = await openToOthers(dirname(path), 'the key', files);
    if (open) throw fail('usage/invalid', { what: `${path}: ${open}` });
  };
  await refuseOpen();
  try {
    await files.makeFolders(dirname(path), 0o755);
    await refuseOpen(); // in a sticky folder, another user may have made it just now
    const temporary = await files.draft(dirname(path), text, { mode: 0o600 });
    const isMade = await files.link(temporary, path).finally(() => files.remove(temporary));
    if (!isMade) throw fail('usage/invalid', { what: `${path} exists, and may be the key of a store` });
    await files.syncFolder(dirname(path));
  } catch (error) {
    if (isSystem(error)) throw fail('usage/invalid', { what: `${path}: ${reasonOf(error)}` });
    throw error;
  }
  session.printJson({ object: 'store-key', id, path });
  session.print(`Made the key ${id} in ${path}, which only its owner can read.`);
  session.note(
    `Keep a copy in another place than copies of the store: without the key, every private key in the store is lost.\nNext: add \`storeKey: file:${path}\` to certfleet.yaml, or give --store-key ${shellWord(`file:${path}`)} to every command.`,
  );
  return 0;
};

const isSystem = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string';
