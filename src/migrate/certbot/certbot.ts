import { basename, dirname, join } from 'node:path';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Found, FoundCertificate, Unusable } from '../../core/lineage/found.ts';
import { inPlaceTarget } from '../../core/spec/in-place.ts';
import type { Files } from '../../ports/files.ts';
import type { Importer } from '../importer.ts';
import { whyNoHook, whyUnusable } from '../settings.ts';
import { openTrusted, readableFiles, type TrustedFiles } from '../trusted-files.ts';
import { readAccounts } from './accounts.ts';
import { mergedWith, readCliIni, renewalsOfIni } from './cli-ini.ts';
import { parseConfigObj, type Section, textIn } from './config-obj.ts';
import { hookFolders } from './hooks.ts';
import { readLive } from './lineage.ts';
import { settingsOf } from './settings.ts';

/** certbot's configuration folder: `renewal/`, `live/`, `archive/`, `accounts/`, `renewal-hooks/`. */
export const certbot: Importer = {
  id: 'certbot',
  title: 'certbot',
  path: '/etc/letsencrypt',
  inPlace: true,
  async read(root, context): Promise<Found> {
    const files = await openTrusted(context.files, root, 'certbot');
    const readable = readableFiles(context.files, 'certbot');
    const { accounts, remarks } = await readAccounts(files, root);
    const ofIni = await cliIniIn(files, root);
    const shared = {
      accounts: new Set(accounts.map(({ directory, name }) => `${directory} ${name}`)),
      folders: await hookFolders(readable, root),
      context,
    };
    const certificates: (FoundCertificate | Unusable)[] = [];
    /** The certificate that is delivered to each folder. */
    const inFolder = new Map<string, string>();
    for (const file of await files.list(join(root, 'renewal'))) {
      if (!file.endsWith('.conf')) continue;
      const name = file.slice(0, -'.conf'.length);
      const one = await readOne(files, { root, name, ofIni, readable, ...shared });
      certificates.push(withoutSecond(one, inFolder));
    }
    return { accounts, certificates, remarks };
  },
};

/** Returns the settings in `cli.ini` that apply to all renewals. */
async function cliIniIn(files: TrustedFiles, root: string): Promise<Section> {
  const path = join(root, 'cli.ini');
  const text = await files.text(path);
  try {
    return renewalsOfIni(readCliIni(text ?? ''), path);
  } catch (error) {
    throw fail('import/damaged', { client: 'certbot', path, reason: reasonOf(error) });
  }
}

type Shared = Omit<Parameters<typeof settingsOf>[2], 'name'>;

async function readOne(
  files: TrustedFiles,
  {
    root,
    name,
    ofIni,
    readable,
    ...shared
  }: Shared & {
    readonly root: string;
    readonly name: string;
    readonly ofIni: Section;
    readonly readable: Files;
  },
): Promise<FoundCertificate | Unusable> {
  const from = join(root, 'renewal', `${name}.conf`);
  try {
    const conf = parseConfigObj((await files.text(from)) ?? '', from);
    const params = conf.sections.get('renewalparams');
    if (textIn(params, 'autorenew')?.toLowerCase() === 'false')
      return { name, from, reason: 'autorenew is False, so certbot does not renew it', isLeft: true };
    const { chainPem, keyPem, fullchain } = await readLive({ files: readable, trusted: files }, root, conf);
    if (!params) throw new Error('the section [renewalparams] is missing; was the file half written?');
    const settled = await settingsOf(conf, mergedWith(ofIni, params), { name, ...shared });
    const problem = await whyNoHook(settled.settings, shared.context);
    if (problem !== undefined) return { name, from, reason: problem };
    const one = { name, from, chainPem, keyPem, ...settled };
    return shared.context.inPlace ? inPlace(one, root, dirname(fullchain.link)) : one;
  } catch (error) {
    if (isFailure(error, 'import/unreadable')) throw error;
    return { name, from, reason: whyUnusable(error) };
  }
}

/** Refuses a second renewal file for the same folder, where two certificates would alternate. */
function withoutSecond(one: FoundCertificate | Unusable, inFolder: Map<string, string>): FoundCertificate | Unusable {
  if ('reason' in one) return one;
  for (const target of Object.values(one.settings.deployers)) {
    const folder = `${String(target['path'])}/live/${String(target['certbotName'])}`;
    const first = inFolder.get(folder);
    if (first !== undefined) {
      const reason = `${first} has its files in the same folder, ${folder}, and is renewed there`;
      return { name: one.name, from: one.from, reason, isLeft: true };
    }
    inFolder.set(folder, one.name);
  }
  return one;
}

/** Adds the target that writes versions into certbot's own folders. */
function inPlace(found: FoundCertificate, root: string, live: string): FoundCertificate {
  const target = { type: 'files', path: root, layout: 'certbot', certbotName: basename(live) };
  return { ...found, settings: { ...found.settings, deployers: { [inPlaceTarget(root)]: target } } };
}
