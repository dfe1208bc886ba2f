import { join } from 'node:path';
import { knownIssuers } from '../core/ca/known-issuers.ts';
import { isFailure, reasonOf } from '../core/errors/errors.ts';
import type { Found, FoundAccount, FoundCertificate, Remark, Unusable } from '../core/lineage/found.ts';
import { addressOf } from '../core/names/contact.ts';
import { present } from '../core/text/present.ts';
import { shellWord } from '../core/text/shell-word.ts';
import { remedyOf } from '../core/trust/untrusted-code.ts';
import type { ImportContext, Importer } from './importer.ts';
import { jsonIn, textsAt, urlAt } from './json.ts';
import { keyFromPem } from './keys.ts';
import { type Answering, accountName, certificateOr, settingsAt, standalone, writesBack } from './settings.ts';
import { shellVariables } from './shell-variables.ts';
import { openTrusted, type TrustedFiles } from './trusted-files.ts';

/** dehydrated’s short names of CAs. */
const named: Readonly<Record<string, string | undefined>> = {
  letsencrypt: knownIssuers['letsencrypt']!.directory,
  'letsencrypt-test': knownIssuers['letsencrypt-staging']!.directory,
  zerossl: knownIssuers['zerossl']!.directory,
  google: knownIssuers['google']!.directory,
  'google-test': knownIssuers['google']!.testDirectory,
};

/** The folder with dehydrated’s `config`, which names the folder with `certs` and `accounts`. */
export const dehydrated: Importer = {
  id: 'dehydrated',
  title: 'dehydrated',
  path: '/etc/dehydrated',
  async read(root, context): Promise<Found> {
    const inRoot = await openTrusted(context.files, root, 'dehydrated');
    const variables = await readConfig(inRoot, root);
    const base = variables.get('BASEDIR') || root;
    const files = base === root ? inRoot : await openTrusted(context.files, base, 'dehydrated');
    const typed = variables.get('CA') || 'letsencrypt';
    const directory = (Object.hasOwn(named, typed) ? named[typed] : undefined) ?? typed;
    const remarks: Remark[] = [];
    const account = await accountIn(files, variables.get('ACCOUNTDIR') || join(base, 'accounts'), directory).catch(
      (error: unknown) => {
        if (isFailure(error, 'import/unreadable')) throw error;
        remarks.push({ kind: 'dropped', text: `the account at ${directory}: ${reasonOf(error)}` });
        return undefined;
      },
    );
    const folder = variables.get('CERTDIR') || join(base, 'certs');
    const domainOf = await aliases(files, variables.get('DOMAINS_TXT') || join(base, 'domains.txt'));
    const certificates: (FoundCertificate | Unusable)[] = [];
    for (const name of await files.list(folder)) {
      const at = join(folder, name);
      certificates.push(
        await certificateOr(name, at, context, async () => {
          const texts = [await textOf(files, at, 'fullchain.pem'), await textOf(files, at, 'privkey.pem')];
          const [privkey, cert, fullchain, chain] = ['privkey', 'cert', 'fullchain', 'chain'].map((file) =>
            join(at, `${file}.pem`),
          );
          const back = await writesBack({ privkey, cert, fullchain, chain }, { client: 'dehydrated', root, context });
          const answering = answeringOf(variables, base);
          const hook = variables.get('HOOK') || undefined;
          const written = [privkey!, cert!, fullchain!, chain!];
          const domain = domainOf.get(name) ?? name;
          const deploy = hook && `${[hook, 'deploy_cert', domain, ...written].map(shellWord).join(' ')} "$(date +%s)"`;
          const preferredChain = variables.get('PREFERRED_CHAIN') || undefined;
          const profile = variables.get('ACME_PROFILE') || undefined;
          const reuses = variables.get('PRIVATE_KEY_RENEW') === 'no';
          return {
            chainPem: texts[0]!,
            keyPem: keyFromPem(texts[1]!),
            settings: settingsAt(
              directory,
              account?.name,
              {
                answering,
                deployers: back.deployers,
                hooks: deploy === undefined ? {} : { deploy },
                wishes: present({ preferredChain, profile, reuseKey: reuses || undefined }),
              },
              context,
            ),
            remarks: [
              ...(account
                ? []
                : [
                    {
                      kind: 'dropped',
                      text: 'the account, which is not there: the next renewal opens a new one',
                    } as const,
                  ]),
              ...answering.remarks,
              ...(await whyNoAnswers(answering, context)),
              ...back.remarks,
              ...(hook === undefined ? [] : [{ kind: 'kept', text: `the hook ${hook} deploys, as before` } as const]),
            ],
            renewBeforeMs: (Number(variables.get('RENEW_DAYS')) || 32) * 86_400_000,
          };
        }),
      );
    }
    return { accounts: account ? [account] : [], certificates, remarks };
  },
};

/**
 * Returns the first name of each certificate that has an alias in `domains.txt` (`a.test b.test > alias`). The alias is
 * the name of the certificate's folder, and the hook gets the first name.
 */
async function aliases(files: TrustedFiles, path: string): Promise<ReadonlyMap<string, string>> {
  const more = (await files.list(`${path}.d`)).filter((name) => name.endsWith('.txt'));
  const texts = await Promise.all([path, ...more.map((name) => join(`${path}.d`, name))].map((at) => files.text(at)));
  const lines = texts.flatMap((text = '') => text.toLowerCase().split('\n')).map((line) => line.trim());
  return new Map(
    lines.flatMap((line) => {
      const alias = />\s*(\S+)/.exec(line)?.[1];
      const [domain] = line
        .replace(/>\s*\S+/, '')
        .trim()
        .split(/\s+/);
      return alias === undefined || !domain || line.startsWith('#') ? [] : [[alias, domain] as const];
    }),
  );
}

/** Reads `config`, and the files `*.sh` in the folder that it names. */
async function readConfig(files: TrustedFiles, root: string): Promise<ReadonlyMap<string, string>> {
  const variables = shellVariables((await files.text(join(root, 'config'))) ?? '');
  const more = variables.get('CONFIG_D');
  if (!more?.startsWith(`${root}/`)) return variables;
  let all = variables;
  for (const name of await files.list(more))
    if (name.endsWith('.sh')) all = shellVariables((await files.text(join(more, name))) ?? '', all);
  return all;
}

/** Reads a file of a certificate, which is a link to that of the newest version. */
async function textOf(files: TrustedFiles, folder: string, name: string): Promise<string> {
  const link = join(folder, name);
  const { text } = await files.linked(link);
  if (text === undefined) throw new Error(`${link} is missing: it was never issued`);
  return text;
}

function answeringOf(variables: ReadonlyMap<string, string>, base: string): Answering {
  const challenge = variables.get('CHALLENGETYPE') || 'http-01';
  const hook = variables.get('HOOK') || undefined;
  const one = (name: string, settings: Answering['solvers'][string], remark: Remark): Answering => ({
    ...{ solver: name, solvers: { [name]: settings }, solverOf: {}, remarks: [remark] },
  });
  if (challenge === 'dns-01' && hook !== undefined) {
    const call = (what: string) =>
      `${shellWord(hook)} ${what} "$CERTBOT_DOMAIN" "$CERTBOT_TOKEN" "$CERTBOT_VALIDATION"`;
    return one(
      'hook',
      { type: 'command', challenge: 'dns-01', present: call('deploy_challenge'), cleanup: call('clean_challenge') },
      { kind: 'kept', text: `answers over DNS with the hook ${hook}, which may run again for the same value` },
    );
  }
  const folder = variables.get('WELLKNOWN') || '/var/www/dehydrated';
  const inner = '/.well-known/acme-challenge';
  if (challenge === 'http-01')
    return one(
      'webroot',
      folder.endsWith(inner)
        ? { type: 'http01-webroot', folders: [folder.slice(0, -inner.length) || '/'] }
        : // the folder itself contains the answers; a web server maps the path of the challenges to it
          { type: 'http01-webroot', folders: [folder], layout: 'answers' },
      { kind: 'kept', text: `answers over HTTP with files in ${folder}` },
    );
  return one('standalone', standalone, {
    kind: 'dropped',
    text: `the challenge type ${challenge} in ${base}: choose another way with certfleet issue NAME --http or --dns. Until then, a renewal needs port 80 for itself`,
  });
}

/** Returns remarks on what prevents the next renewal from answering with files. */
async function whyNoAnswers({ solvers }: Answering, { files }: ImportContext): Promise<readonly Remark[]> {
  const [folder] = (solvers['webroot']?.['folders'] ?? []) as readonly string[];
  if (folder === undefined) return [];
  const untrusted = await files.untrusted(folder).catch(() => undefined);
  if (untrusted?.command === 'rm')
    return [{ kind: 'missing', text: `${untrusted.reason}, so no answers are written there: ${remedyOf(untrusted)}` }];
  const isThere = (await files.list(folder).catch(() => [])) !== undefined;
  return isThere ? [] : [{ kind: 'missing', text: `the folder ${folder}: make it before the next renewal` }];
}

async function accountIn(files: TrustedFiles, folder: string, directory: string): Promise<FoundAccount | undefined> {
  // Encodes the output of `echo`, and therefore includes the newline.
  const at = join(folder, Buffer.from(`${directory}\n`).toString('base64url'));
  const key = await files.text(join(at, 'account_key.pem'));
  if (key === undefined) return undefined;
  const read = async (name: string) => {
    const text = await files.text(join(at, name));
    return text === undefined ? undefined : jsonIn(text);
  };
  const url = urlAt(await read('account_id.json'), 'url');
  const contact = textsAt(await read('registration_info.json'), 'contact');
  return {
    directory,
    name: accountName(url, 'dehydrated'),
    keyPem: keyFromPem(key),
    ...present({ url }),
    contacts: contact.map(addressOf),
    from: at,
  };
}
