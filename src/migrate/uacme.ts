import { join } from 'node:path';
import { reasonOf } from '../core/errors/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/lineage/found.ts';
import type { Importer } from './importer.ts';
import { keyFromPem } from './keys.ts';
import { certificateOr, settingsAt, unknownSolver, usualDirectory, writesBack } from './settings.ts';
import { openTrusted, readableFiles } from './trusted-files.ts';

/** uacme’s folder: `NAME/cert.pem`, `private/NAME/key.pem`, and the account’s key in `private/key.pem`. */
export const uacme: Importer = {
  id: 'uacme',
  title: 'uacme',
  path: '/etc/ssl/uacme',
  async read(root, context): Promise<Found> {
    const files = await openTrusted(context.files, root, 'uacme');
    const readable = readableFiles(context.files, 'uacme');
    const directory = usualDirectory(context.settings);
    const remarks: Remark[] = [
      {
        kind: 'kept',
        text: `uacme does not write down its CA: ${directory} is assumed; declare another as the only issuer`,
      },
    ];
    const accounts: FoundAccount[] = [];
    const accountKey = join(root, 'private/key.pem');
    try {
      const text = await files.text(accountKey);
      if (text !== undefined)
        accounts.push({ directory, name: 'uacme', keyPem: keyFromPem(text), contacts: [], from: accountKey });
    } catch (error) {
      remarks.push({ kind: 'dropped', text: `the account in ${accountKey}: ${reasonOf(error)}` });
    }
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const name of await files.list(root)) {
      if (name === 'private') continue;
      const [own, key] = [join(root, name, 'cert.pem'), join(root, 'private', name, 'key.pem')];
      if ((await readable.stat(own)) === undefined) continue;
      certificates.push(
        await certificateOr(name, own, context, async () => {
          const [chainPem, keyText] = [await files.text(own), await files.text(key)];
          if (chainPem === undefined) throw new Error(`${own} is missing`);
          if (keyText === undefined) throw new Error(`${key} is missing`);
          const written = await writesBack({ privkey: key, fullchain: own }, { client: 'uacme', root, context });
          const answering = unknownSolver('uacme', name);
          return {
            chainPem,
            keyPem: keyFromPem(keyText),
            settings: settingsAt(directory, accounts[0]?.name, { answering, deployers: written.deployers }, context),
            remarks: [...answering.remarks, ...written.remarks],
          };
        }),
      );
    }
    return { accounts, certificates, remarks };
  },
};
