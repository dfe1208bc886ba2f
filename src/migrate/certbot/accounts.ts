import { join } from 'node:path';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { FoundAccount, Remark } from '../../core/lineage/found.ts';
import { addressOf } from '../../core/names/contact.ts';
import { present } from '../../core/text/present.ts';
import { jsonIn, textsAt, urlAt } from '../json.ts';
import { keyFromJwk } from '../jwk.ts';
import type { TrustedFiles } from '../trusted-files.ts';

/** Reads certbot's accounts: `accounts/<host>/<path of the directory>/<id>/{private_key,regr,meta}.json`. */
export async function readAccounts(
  files: TrustedFiles,
  root: string,
): Promise<{ readonly accounts: readonly FoundAccount[]; readonly remarks: readonly Remark[] }> {
  const accounts: FoundAccount[] = [];
  const remarks: Remark[] = [];
  /** Walks down folders, but no deeper than a directory URL is long. */
  const walk = async (folder: string, server: readonly string[]): Promise<void> => {
    const text = server.length > 1 ? await files.text(join(folder, 'private_key.json')).catch(asReason) : undefined;
    if (text === undefined) {
      if (server.length > 8) return;
      for (const name of await files.list(folder)) await walk(join(folder, name), [...server, name]);
      return;
    }
    const directory = `https://${server.slice(0, -1).join('/')}`;
    // The CA's first protocol was shut down in 2021. certbot keeps a link from its accounts to those of the second one.
    if (server[0]!.startsWith('acme-v01.')) return;
    const name = server.at(-1)!;
    try {
      if (typeof text !== 'string') throw text;
      const registration = await registrationIn(files, folder);
      const url = urlAt(registration, 'uri');
      accounts.push({
        directory,
        name,
        keyPem: keyFromJwk(text),
        ...present({ url }),
        contacts: textsAt(registration, 'body', 'contact').map(addressOf),
        from: folder,
      });
    } catch (error) {
      if (isFailure(error, 'import/unreadable')) throw error;
      remarks.push({ kind: 'dropped', text: `the account ${name} at ${directory}: ${reasonOf(error)}` });
    }
  };
  await walk(join(root, 'accounts'), []);
  return { accounts, remarks };
}

function asReason(error: unknown): Error {
  if (isFailure(error, 'import/unreadable')) throw error;
  return new Error(reasonOf(error));
}

/** Reads the registration. Without it, the CA finds the account by its key. */
async function registrationIn(files: TrustedFiles, folder: string): Promise<unknown> {
  const text = await files.text(join(folder, 'regr.json'));
  return text === undefined ? undefined : jsonIn(text);
}
