import { join } from 'node:path';
import { addressOf } from '../core/contact.ts';
import { reasonOf } from '../core/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/found.ts';
import type { Settings } from '../core/spec.ts';
import type { Importer } from './importer.ts';
import { keyFromPem } from './keys.ts';
import { certificateOr, directoryAt, settingsAt, unknownSolver, writesBack, writesBackRemark } from './settings.ts';
import { openTrusted, type TrustedFiles } from './trusted-files.ts';

/**
 * lego’s folder: `certificates/NAME.{json,crt,issuer.crt,key}`, `accounts/SERVER/ID/account.json` with its key. Version 4
 * has the key in `keys/ID.key`, version 5 beside it.
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
        await certificateOr(file.slice(0, -'.json'.length), join(folder, file), async () => {
          const { domain, id, certUrl, certStableUrl } = parsed<Resource>(await files.text(`${stem}.json`));
          const name = id ?? domain ?? '';
          const host = hostOf(certUrl || certStableUrl);
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
          const copies = [
            ['privkey.pem', own[1]],
            [isWhole ? 'fullchain.pem' : 'cert.pem', own[0]],
            ['chain.pem', issuer === undefined ? undefined : `${stem}.issuer.crt`],
          ] as const;
          const answering = unknownSolver('lego', name);
          return {
            chainPem: isWhole ? crt : `${crt}\n${issuer ?? ''}`,
            keyPem: keyFromPem(keyText),
            settings: settingsAt(
              directory,
              account?.name,
              { answering, hooks: { first: { deploy: writesBack(copies) } } },
              context,
            ),
            remarks: [...answering.remarks, writesBackRemark(copies)],
          };
        }),
      );
    }
    return { accounts, certificates, remarks };
  },
};

interface Resource {
  readonly id?: string;
  readonly domain?: string;
  readonly certUrl?: string;
  readonly certStableUrl?: string;
}

interface Account {
  readonly id?: string;
  readonly email?: string;
  readonly server?: string;
  readonly registration?: {
    readonly uri?: string;
    readonly accountURL?: string;
    readonly contact?: readonly string[];
    readonly body?: { readonly contact?: readonly string[] };
  };
}

async function readAccounts(
  files: TrustedFiles,
  root: string,
  settings: Settings,
  remarks: Remark[],
): Promise<readonly FoundAccount[]> {
  const accounts: FoundAccount[] = [];
  for (const server of await files.list(root).catch(() => []))
    for (const id of await files.list(join(root, server)).catch(() => [])) {
      const folder = join(root, server, id);
      try {
        const account = await accountIn(files, folder, { server, id, settings });
        if (account) accounts.push(account);
      } catch (error) {
        remarks.push({ kind: 'dropped', text: `the account ${id} at ${server}: ${reasonOf(error)}` });
      }
    }
  return accounts;
}

async function accountIn(
  files: TrustedFiles,
  folder: string,
  { server, id, settings }: { readonly server: string; readonly id: string; readonly settings: Settings },
): Promise<FoundAccount | undefined> {
  // The first releases of version 5 had a folder for each type of key.
  const inside = await files.list(folder);
  const at = inside.includes('account.json')
    ? folder
    : join(folder, inside.find((name) => /^(EC|RSA)\d+$/i.test(name)) ?? '');
  const text = await files.text(join(at, 'account.json'));
  if (text === undefined) return undefined;
  const { email, server: directory, registration: { uri, accountURL, contact, body } = {} } = parsed<Account>(text);
  const key = (await files.text(join(at, `${id}.key`))) ?? (await files.text(join(at, 'keys', `${id}.key`)));
  if (key === undefined) throw new Error('its key is missing');
  const found = directory || directoryAt(server.replace(/_(\d+)$/, ':$1'), settings);
  if (found === undefined)
    throw new Error('lego does not write down the directory of this CA: declare it as an issuer in certfleet.yaml');
  const url = uri || accountURL;
  const contacts = body?.contact ?? contact ?? (email ? [email] : []);
  return {
    directory: found,
    name: id.replaceAll(/[^A-Za-z0-9_.@-]/g, '-'),
    keyPem: keyFromPem(key),
    ...(url ? { url } : {}),
    contacts: contacts.map(addressOf),
    from: folder,
  };
}

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;

function parsed<T>(text: string | undefined): T {
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    throw new Error('the file is not JSON; was it half written?');
  }
}
