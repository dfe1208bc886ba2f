import { join } from 'node:path';
import { reasonOf } from '../../core/errors/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../../core/lineage/found.ts';
import { present } from '../../core/text/present.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import type { ImportContext, Importer } from '../importer.ts';
import { urlAt } from '../json.ts';
import { beforeEndMs, keyFromPem } from '../keys.ts';
import { accountName, type Copies, certificateOr, settingsAt, writesBack } from '../settings.ts';
import { shellVariables } from '../shell-variables.ts';
import { openTrusted, readableFiles, type TrustedFiles } from '../trusted-files.ts';
import { answeringOf } from './solvers.ts';

/** acme.sh’s folder: `account.conf`, `NAME[_ecc]/NAME.conf` for each certificate, `ca/HOST/PATH` for each account. */
export const acmeSh: Importer = {
  id: 'acme.sh',
  title: 'acme.sh',
  path: '~/.acme.sh',
  async read(root, context): Promise<Found> {
    const files = await openTrusted(context.files, root, 'acme.sh');
    const variables = shellVariables((await files.text(join(root, 'account.conf'))) ?? '');
    const home = variables.get('CERT_HOME') || root;
    const inHome = home === root ? files : await openTrusted(context.files, home, 'acme.sh');
    const readable = readableFiles(context.files, 'acme.sh');
    const accounts = createAccounts(files, root);
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const folder of await inHome.list(home)) {
      const name = folder.replace(/_ecc$/, '');
      const from = join(home, folder, `${name}.conf`);
      if ((await readable.stat(from)) === undefined) continue;
      certificates.push(
        await certificateOr(name, from, context, async () => {
          const conf = shellVariables((await inHome.text(from)) ?? '');
          return read({ name, folder: join(home, folder), conf }, inHome, accounts, { root, context });
        }),
      );
    }
    return { accounts: accounts.found(), certificates, remarks: accounts.remarks() };
  },
};

interface Conf {
  readonly name: string;
  readonly folder: string;
  readonly conf: ReadonlyMap<string, string>;
}

async function read(
  { name, folder, conf }: Conf,
  files: TrustedFiles,
  accounts: Accounts,
  { root, context }: { readonly root: string; readonly context: ImportContext },
): Promise<Omit<FoundCertificate, 'name' | 'from'>> {
  const directory = conf.get('Le_API');
  if (!directory) throw new Error('Le_API is missing, the URL of the CA; was the file half written?');
  if (!URL.canParse(directory)) throw new Error('Le_API is not the URL of a CA');
  const [own, key] = ['fullchain.cer', `${name}.key`].map((file) => join(folder, file)) as [string, string];
  const [chainPem, keyText] = [await files.text(own), await files.text(key)];
  if (chainPem === undefined || keyText === undefined)
    throw new Error(`${chainPem === undefined ? own : key} is missing: it was never issued, or is not to be renewed`);
  const answering = await answeringOf(conf, root, context);
  const account = await accounts.at(directory);
  const text = (variable: string): string | undefined => conf.get(variable)?.trim() || undefined;
  const installed: Copies = {
    privkey: text('Le_RealKeyPath'),
    cert: text('Le_RealCertPath'),
    chain: text('Le_RealCACertPath'),
    fullchain: text('Le_RealFullChainPath'),
  };
  const isInstalled = Object.values(installed).some((path) => path !== undefined);
  const copies: Copies = isInstalled
    ? installed
    : { privkey: key, cert: join(folder, `${name}.cer`), chain: join(folder, 'ca.cer'), fullchain: own };
  const written = await writesBack(copies, { client: 'acme.sh', root, context });
  const commands = [text('Le_ReloadCmd'), text('Le_RenewHook')].filter((command) => command !== undefined);
  const variables = commands.length > 0 ? [`export Le_Domain=${shellWord(name)}${pathsText(copies)}`] : [];
  const [pre, post] = [text('Le_PreHook'), text('Le_PostHook')];
  const renewAt = Number(conf.get('Le_NextRenewTime'));
  const before = renewAt > 0 ? beforeEndMs(chainPem, new Date(renewAt * 1_000)) : undefined;
  const chain = text('Le_Preferred_Chain');
  return {
    chainPem,
    keyPem: keyFromPem(keyText),
    settings: settingsAt(
      directory,
      account?.name,
      {
        answering,
        deployers: written.deployers,
        hooks: present({
          pre,
          post,
          deploy: commands.length === 0 ? undefined : [...variables, ...commands].join('\n'),
        }),
        wishes: chain === undefined ? {} : { preferredChain: chain },
      },
      context,
    ),
    remarks: [
      ...(account
        ? []
        : [{ kind: 'dropped', text: 'the account, which is not there: the next renewal opens a new one' } as const]),
      ...answering.remarks,
      ...written.remarks,
      ...commands
        .map((): Remark => ({ kind: 'kept', text: 'the reload command and the renew hook run after a renewal' }))
        .slice(0, 1),
      ...[pre, post].flatMap((hook, at): Remark[] =>
        hook === undefined ? [] : [{ kind: 'kept', text: `the ${at === 0 ? 'pre' : 'post'}-hook` }],
      ),
      ...(text('Le_DeployHook') === undefined
        ? []
        : [
            {
              kind: 'dropped',
              text: `the deploy hooks ${text('Le_DeployHook')}: see \`certfleet providers\` for deployers`,
            } as const,
          ]),
      ...(text('Le_ChallengeAlias') === undefined
        ? []
        : [{ kind: 'kept', text: 'the challenge alias: certfleet follows the CNAME record' } as const]),
    ],
    ...present({ renewBeforeMs: before }),
  };
}

/** Returns the variables that acme.sh passes to a reload command. */
const pathsText = ({ privkey, cert, chain, fullchain }: Copies): string =>
  Object.entries({ CERT_KEY_PATH: privkey, CERT_PATH: cert, CA_CERT_PATH: chain, CERT_FULLCHAIN_PATH: fullchain })
    .map(([name, path]) => (path === undefined ? '' : ` ${name}=${shellWord(path)}`))
    .join('');

interface Accounts {
  /** Returns the account at a directory, read once. */
  at(directory: string): Promise<FoundAccount | undefined>;
  found(): readonly FoundAccount[];
  remarks(): readonly Remark[];
}

function createAccounts(files: TrustedFiles, root: string): Accounts {
  const read = new Map<string, FoundAccount | undefined>();
  const remarks: Remark[] = [];
  return {
    async at(directory) {
      if (read.has(directory)) return read.get(directory);
      const folder = folderOf(root, directory);
      let account: FoundAccount | undefined;
      try {
        account = await accountIn(files, folder, directory);
      } catch (error) {
        remarks.push({ kind: 'dropped', text: `the account in ${folder}: ${reasonOf(error)}` });
      }
      read.set(directory, account);
      return account;
    },
    found: () => [...read.values()].filter((one) => one !== undefined),
    remarks: () => remarks,
  };
}

/** Returns the folder of an account. acme.sh omits the port. */
const folderOf = (root: string, directory: string): string => {
  const { hostname, pathname } = new URL(directory);
  return join(root, 'ca', hostname, pathname);
};

async function accountIn(files: TrustedFiles, folder: string, directory: string): Promise<FoundAccount | undefined> {
  const key = await files.text(join(folder, 'account.key'));
  if (key === undefined) return undefined;
  const variables = shellVariables((await files.text(join(folder, 'ca.conf'))) ?? '');
  const url = urlAt(variables.get('ACCOUNT_URL'));
  const email = variables.get('CA_EMAIL') || undefined;
  return {
    directory,
    name: accountName(url, 'acme.sh'),
    keyPem: keyFromPem(key),
    ...present({ url }),
    contacts: email === undefined ? [] : [email],
    from: folder,
  };
}
