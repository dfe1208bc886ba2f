import { dirname, join } from 'node:path';
import { addressOf } from '../core/contact.ts';
import { fail, reasonOf } from '../core/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/found.ts';
import type { ImportContext, Importer } from './importer.ts';
import { keyFromDer, keyFromPem } from './keys.ts';
import { accountName, certificateOr, directoryAt, settingsAt, unknownSolver } from './settings.ts';
import { openTrusted, readableFiles } from './trusted-files.ts';

interface Resolver {
  readonly Account?: {
    readonly Email?: string;
    readonly Registration?: { readonly uri?: string; readonly body?: { readonly contact?: readonly string[] } };
    readonly PrivateKey?: string;
  } | null;
  readonly Certificates?:
    | readonly {
        readonly domain?: { readonly main?: string };
        readonly certificate?: string;
        readonly key?: string;
      }[]
    | null;
}

/** Traefik’s `acme.json`: an object for each certificate resolver, with an account and certificates in base64. */
export const traefik: Importer = {
  id: 'traefik',
  title: 'Traefik',
  path: '/etc/traefik/acme.json',
  async read(named, context): Promise<Found> {
    const path = await fileAt(named, context);
    const files = await openTrusted(context.files, dirname(path), 'traefik');
    const text = await files.text(path);
    if (text === undefined) throw fail('import/absent', { client: 'traefik', path });
    const remarks: Remark[] = [];
    const accounts: FoundAccount[] = [];
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const [resolver, value] of Object.entries(resolversIn(text, path))) {
      const account = accountIn(resolver, value, path, context);
      if (typeof account === 'string')
        remarks.push({ kind: 'dropped', text: `the account of ${resolver}: ${account}` });
      else if (!accounts.some(({ directory, name }) => directory === account.directory && name === account.name))
        accounts.push(account);
      for (const { domain, certificate, key } of value.Certificates ?? []) {
        const name = domain?.main ?? '';
        certificates.push(
          await certificateOr(name, `${path} (${resolver})`, async () => {
            if (typeof account === 'string') throw new Error(`its CA is not known: ${account}`);
            const answering = unknownSolver('Traefik’s acme.json', name);
            return {
              chainPem: decoded(certificate),
              keyPem: keyFromPem(decoded(key)),
              settings: settingsAt(account.directory, account.name, { answering, hooks: {} }, context),
              remarks: [
                ...answering.remarks,
                {
                  kind: 'changed',
                  text: 'Traefik reads certificates of certfleet from files: --deploy files:FOLDER, and its file provider with tls.certificates',
                },
              ],
            };
          }),
        );
      }
    }
    return { accounts, certificates, remarks };
  },
};

/** The file itself, or that in the folder. Fails with `import/absent` for a device. */
async function fileAt(path: string, { files }: ImportContext): Promise<string> {
  const stat = await readableFiles(files, 'traefik').stat(path);
  if (stat?.kind === 'other') throw fail('import/absent', { client: 'traefik', path });
  return stat?.kind === 'folder' ? join(path, 'acme.json') : path;
}

/** Throws `import/absent` unless it is an object of resolvers; the error does not repeat the text. */
function resolversIn(text: string, path: string): Readonly<Record<string, Resolver>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === 'object' && one !== null));
  } catch {
    // Said below.
  }
  throw fail('import/absent', { client: 'traefik', path });
}

const decoded = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');

/** The account of a resolver, or why there is none. The directory is that at the host of the account’s URL. */
function accountIn(
  resolver: string,
  { Account: account }: Resolver,
  path: string,
  { settings }: ImportContext,
): FoundAccount | string {
  const url = account?.Registration?.uri;
  if (!account?.PrivateKey || url === undefined || !URL.canParse(url)) return 'it is not registered';
  const { host } = new URL(url);
  const directory = directoryAt(host, settings);
  if (directory === undefined) return `declare the CA at ${host} as an issuer in certfleet.yaml`;
  try {
    const contacts = account.Registration?.body?.contact ?? (account.Email ? [account.Email] : []);
    return {
      directory,
      name: accountName(url, resolver),
      keyPem: keyFromDer(account.PrivateKey),
      url,
      contacts: contacts.map(addressOf),
      from: `${path} (${resolver})`,
    };
  } catch (error) {
    return reasonOf(error);
  }
}
