import { join } from 'node:path';
import { isFailure, reasonOf } from '../core/errors/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/lineage/found.ts';
import { addressOf } from '../core/names/contact.ts';
import type { Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { Importer } from './importer.ts';
import { jsonIn, textAt, textsAt, urlAt, valueAt } from './json.ts';
import { keyFromPem } from './keys.ts';
import { certificateOr, directoryAt, settingsAt, unknownSolver, writesBack } from './settings.ts';
import { openTrusted, type TrustedFiles } from './trusted-files.ts';

/**
 * lego’s folder: `certificates/NAME.{json,crt,issuer.crt,key}`, `accounts/SERVER/ID/account.json` with its key. Version
 * 4 has the key in `keys/ID.key`, version 5 beside `account.json`.
 */
export const lego: Importer = {
  id: 'lego',
  title: 'lego',
  path: '~/.lego',
  async read(root, context): Promise<Found> {
    const files = await openTrusted(context.files, root, 'lego');
    const remarks: Remark[] = [];
    const accounts = await readAccounts(files, join(root, 'accounts'), context.settings, remarks);
    const folder = join(root, 'certificates');
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const file of await files.list(folder)) {
      if (!file.endsWith('.json')) continue;
      const stem = join(folder, file.slice(0, -'.json'.length));
      certificates.push(
        await certificateOr(file.slice(0, -'.json'.length), join(folder, file), context, async () => {
          const resource = jsonIn(await files.text(`${stem}.json`));
          const name = textAt(resource, 'id') ?? textAt(resource, 'domain') ?? '';
          const host = hostOf(textAt(resource, 'certUrl') ?? textAt(resource, 'certStableUrl'));
          const account = accounts.find(({ directory }) => hostOf(directory) === host);
          const directory =
            account?.directory ?? (host === undefined ? undefined : directoryAt(host, context.settings));
          if (directory === undefined)
            throw new Error(
              `lego does not write down the directory of ${host ?? 'its CA'}: declare it as an issuer in certfleet.yaml`,
            );
          const own = [`${stem}.crt`, `${stem}.key`] as const;
          const [crt, keyText] = [await files.text(own[0]), await files.text(own[1])];
          if (crt === undefined) throw new Error(`${own[0]} is missing`);
          if (keyText === undefined) throw new Error(`${own[1]} is missing: was it issued for a CSR?`);
          const isWhole = crt.split('-----BEGIN CERTIFICATE-----').length > 2;
          const issuer = await files.text(`${stem}.issuer.crt`);
          const written = await writesBack(
            {
              privkey: own[1],
              [isWhole ? 'fullchain' : 'cert']: own[0],
              chain: issuer === undefined ? undefined : `${stem}.issuer.crt`,
            },
            { client: 'lego', root, context },
          );
          const answering = unknownSolver('lego', name);
          return {
            chainPem: isWhole ? crt : `${crt}\n${issuer ?? ''}`,
            keyPem: keyFromPem(keyText),
            settings: settingsAt(directory, account?.name, { answering, deployers: written.deployers }, context),
            remarks: [...answering.remarks, ...written.remarks],
          };
        }),
      );
    }
    return { accounts, certificates, remarks };
  },
};

async function readAccounts(
  files: TrustedFiles,
  root: string,
  settings: Settings,
  remarks: Remark[],
): Promise<readonly FoundAccount[]> {
  const accounts: FoundAccount[] = [];
  const orRemark = async <T>(what: string, otherwise: T, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (isFailure(error, 'import/unreadable')) throw error;
      remarks.push({ kind: 'dropped', text: `${what}: ${reasonOf(error)}` });
      return otherwise;
    }
  };
  for (const server of await orRemark('the accounts', [], () => files.list(root)))
    for (const id of await orRemark(`the accounts at ${server}`, [], () => files.list(join(root, server)))) {
      const account = await orRemark(`the account ${id} at ${server}`, undefined, () =>
        accountIn(files, join(root, server, id), { server, id, settings }),
      );
      if (account) accounts.push(account);
    }
  return accounts;
}

async function accountIn(
  files: TrustedFiles,
  folder: string,
  { server, id, settings }: { readonly server: string; readonly id: string; readonly settings: Settings },
): Promise<FoundAccount | undefined> {
  // The first releases of version 5 had a folder for each key type.
  const inside = await files.list(folder);
  const at = inside.includes('account.json')
    ? folder
    : join(folder, inside.find((name) => /^(EC|RSA)\d+$/i.test(name)) ?? '');
  const text = await files.text(join(at, 'account.json'));
  if (text === undefined) return undefined;
  const account = jsonIn(text);
  const key = (await files.text(join(at, `${id}.key`))) ?? (await files.text(join(at, 'keys', `${id}.key`)));
  if (key === undefined) throw new Error('its key is missing');
  const found = textAt(account, 'server') ?? directoryAt(server.replace(/_(\d+)$/, ':$1'), settings);
  if (found === undefined)
    throw new Error('lego does not write down the directory of this CA: declare it as an issuer in certfleet.yaml');
  const registration = valueAt(account, 'registration');
  const url = urlAt(registration, 'uri') ?? urlAt(registration, 'accountURL');
  const email = textAt(account, 'email');
  const written = [...textsAt(registration, 'body', 'contact'), ...textsAt(registration, 'contact')];
  const contacts = written.length > 0 || email === undefined ? written : [email];
  return {
    directory: found,
    name: id.replaceAll(/[^A-Za-z0-9_.@-]/g, '-'),
    keyPem: keyFromPem(key),
    ...present({ url }),
    contacts: contacts.map(addressOf),
    from: folder,
  };
}

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
