import { dirname } from 'node:path';
import { fail } from '../../../core/errors/errors.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import { newStoreKey } from '../../../whole-store.ts';
import type { Run } from '../../context.ts';
import { wholePathOf } from '../../flags/values.ts';
import { inOurFolder, refuseInStore } from './outside-store.ts';

/** `certfleet store key FILE`: generates a key. Never replaces a file, which may be the only copy of another key. */
export const makeStoreKey: Run = async (session) => {
  const [given = ''] = session.invocation.args;
  const path = wholePathOf('', given, session.context.env);
  const { random } = await session.world();
  await refuseInStore(session, path, 'a copy of the store would have its key with it');
  const { id, text } = newStoreKey(random);
  await inOurFolder(session, dirname(path), { what: 'the key', place: path }, async (inside) => {
    await inside.makeFolders(dirname(path), 0o755);
    if (!(await inside.create(path, text, { mode: 0o600 })))
      throw fail('usage/place-unwritable', { place: path, reason: 'it already exists, and may be a store key' });
  });
  session.printJson({ object: 'store-key', id, path });
  session.print(`Made the key ${id} in ${path}, which only its owner can read.`);
  session.note(
    `Keep a copy in another place than copies of the store: without the key, every private key in the store is lost.\nNext: add \`storeKey: file:${path}\` to certfleet.yaml, or give --store-key ${shellWord(`file:${path}`)} to every command.`,
  );
  return 0;
};
