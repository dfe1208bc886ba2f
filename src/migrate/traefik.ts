import { dirname, join } from 'node:path';
import { fail, reasonOf } from '../core/errors/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/lineage/found.ts';
import { addressOf } from '../core/names/contact.ts';
import { isFields } from '../core/text/json.ts';
import type { ImportContext, Importer } from './importer.ts';
import { jsonIn, listAt, textAt, textsAt, urlAt, valueAt } from './json.ts';
import { keyFromDer, keyFromPem } from './keys.ts';
import { accountName, certificateOr, directoryAt, settingsAt, unknownSolver } from './settings.ts';
import { openTrusted, readableFiles } from './trusted-files.ts';

/** Enough for about ten thousand certificates. */
const maxBytes = 64 * 1024 ** 2;

/** Traefik’s `acme.json`: an object for each certificate resolver, with an account and certificates in base64. */
export const traefik: Importer = {
  id: 'traefik',
  title: 'Traefik',
  path: '/etc/traefik/acme.json',
  async read(named, context): Promise<Found> {
    const path = await fileAt(named, context);
    const files = await openTrusted(context.files, dirname(path), 'traefik');
    const text = await files.text(path, maxBytes);
    if (text === undefined) throw fail('import/absent', { client: 'traefik', path });
    const remarks: Remark[] = [];
    const accounts: FoundAccount[] = [];
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const [resolver, value] of resolversIn(text, path)) {
      const account = accountIn(resolver, value, path, context);
      if (typeof account === 'string')
        remarks.push({ kind: 'dropped', text: `the account of ${resolver}: ${account}` });
      else if (!accounts.some(({ directory, name }) => directory === account.directory && name === account.name))
        accounts.push(account);
      for (const one of listAt(value, 'Certificates')) {
        const name = textAt(one, 'domain', 'main') ?? '';
        certificates.push(
          await certificateOr(name, `${path} (${resolver})`, context, async () => {
            if (typeof account === 'string') throw new Error(`its CA is not known: ${account}`);
            const answering = unknownSolver('Traefik’s acme.json', name);
            return {
              chainPem: decoded(textAt(one, 'certificate')),
              keyPem: keyFromPem(decoded(textAt(one, 'key'))),
              settings: settingsAt(account.directory, account.name, { answering }, context),
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

/** Returns the file itself, or the one in the folder. Fails with `import/absent` for a device. */
async function fileAt(path: string, { files }: ImportContext): Promise<string> {
  const stat = await readableFiles(files, 'traefik').stat(path);
  if (stat?.kind === 'other') throw fail('import/absent', { client: 'traefik', path });
  return stat?.kind === 'folder' ? join(path, 'acme.json') : path;
}

/** Throws `import/absent` unless the text is an object of resolvers. The error does not repeat the text. */
function resolversIn(text: string, path: string): readonly (readonly [string, unknown])[] {
  try {
    const value = jsonIn(text);
    if (isFields(value)) return Object.entries(value);
  } catch {
    // The code below reports this.
  }
  throw fail('import/absent', { client: 'traefik', path });
}

const decoded = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');

/**
 * Returns the account of a resolver, or the reason why there is none. The directory is at the host in the account’s
 * URL.
 */
function accountIn(resolver: string, value: unknown, path: string, { settings }: ImportContext): FoundAccount | string {
  const account = valueAt(value, 'Account');
  const [url, privateKey] = [urlAt(account, 'Registration', 'uri'), textAt(account, 'PrivateKey')];
  if (privateKey === undefined || url === undefined) return 'it is not registered';
  const { host } = new URL(url);
  const directory = directoryAt(host, settings);
  if (directory === undefined) return `declare the CA at ${host} as an issuer in certfleet.yaml`;
  try {
    const [written, email] = [textsAt(account, 'Registration', 'body', 'contact'), textAt(account, 'Email')];
    const contacts = written.length > 0 || email === undefined ? written : [email];
    return {
      directory,
      name: accountName(url, resolver),
      keyPem: keyFromDer(privateKey),
      url,
      contacts: contacts.map(addressOf),
      from: `${path} (${resolver})`,
    };
  } catch (error) {
    return reasonOf(error);
  }
}
