import { createHash, X509Certificate } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { isTemporaryName } from '../../lib/files/files.ts';
import type { Deployer, Restored, VersionBundle } from '../../ports/deployer.ts';
import type { World } from '../../ports/world.ts';
import { CertbotPlace, type Kind, kinds, type Links, type Mark, markFile } from './certbot-place.ts';
import { type LeftWorld, removeLeftTemporaries } from './left-temporaries.ts';
import { onTarget, targetName } from './target.ts';

export interface CertbotFolderOptions {
  readonly world: Pick<World, 'files'> & LeftWorld;
  readonly root: string;
  /** certbot's name of the lineage; by default, certfleet's name. */
  readonly certbotName: string | undefined;
  /** The deployer's name in the configuration. */
  readonly name: string;
  /** The mode of a first private key. Later ones get the group and mode of their predecessor, as with certbot. */
  readonly keyMode: number;
}

/**
 * Writes versions into certbot's own folders, so that certbot and the servers that read the folders find what certbot
 * would have written:
 *
 *     <root>/archive/<name>/{cert,privkey,chain,fullchain}<number>.pem
 *     <root>/live/<name>/{cert,privkey,chain,fullchain}.pem → ../../archive/<name>/…<number>.pem
 *     <root>/renewal/<name>.conf
 *
 * Each link is swapped separately, so for a moment key and certificate may not match, as with certbot. Before the first
 * change, `archive/<name>/.certfleet.json` records the original state, to which `restore` returns.
 */
export function createCertbotFolder(options: CertbotFolderOptions): Deployer {
  const { world, keyMode } = options;
  const { files } = world;
  const root = resolve(options.root); // without a slash at its end
  const target = targetName('files', options.name);

  function within<T>(lineage: string, signal: AbortSignal, work: (place: CertbotPlace) => Promise<T>): Promise<T> {
    const name = options.certbotName ?? lineage;
    return onTarget(target, lineage, signal, async () => {
      // The name becomes part of paths.
      if (name.startsWith('.') || name.includes('/')) throw new Error(`"${name}" cannot be a folder here`);
      const refuse = (reason: string) =>
        fail('deploy/unsafe-folder', { target, certificate: lineage, reason }, { cause: new Error(reason) });
      return files.within(root, { owners: [], refuse }, (inside) => work(new CertbotPlace(inside, root, name)));
    });
  }

  const tidy = async ({ inside }: CertbotPlace, ...folders: readonly string[]): Promise<void> => {
    for (const folder of folders) await removeLeftTemporaries(inside, folder, world);
  };

  /** Tidies `renewal/` and the folders of all lineages. A killed process may not have written a mark there yet. */
  async function tidyAll(signal: AbortSignal): Promise<void> {
    const folders = [join(root, 'renewal')];
    for (const part of ['live', 'archive'])
      for (const name of (await files.list(join(root, part))) ?? [])
        if (!name.startsWith('.')) folders.push(join(root, part, name));
    for (const folder of folders) {
      // certbot keeps a README beside the folders.
      if ((await files.stat(folder))?.kind !== 'folder') continue;
      if ((await files.list(folder))?.some(isTemporaryName))
        await within(basename(folder), signal, (place) => tidy(place, folder));
    }
  }

  /**
   * Refuses to replace a version that certbot itself renewed by an older one. Versions that certfleet wrote or took
   * over may be rolled back.
   */
  async function refuseOlder(place: CertbotPlace, links: Links | undefined, version: VersionBundle): Promise<void> {
    if (!links) return;
    const { made = [] } = (await place.mark(place.archiveOf(links))) ?? {};
    if (made.includes(numberIn(links.cert))) return;
    const there = certificateIn(await place.text(resolve(place.live, links.cert)));
    if (there && version.stored?.includes(fingerprintOf(there))) return;
    const from = there && new Date(there.validFrom);
    if (from === undefined || !(from.getTime() > Date.parse(version.facts.notBefore))) return;
    const words = { path: place.live, from: from.toISOString(), root: shellWord(root) };
    throw fail('deploy/newer-there', { target, certificate: version.lineage, ...words });
  }

  return {
    type: 'files',
    scope: 'node',
    concurrent: true,

    has: ({ lineage, fingerprint }, signal) =>
      within(lineage, signal, async (place) => {
        const links = await place.links();
        // A kill may have come between two of the links.
        if (!links || new Set(kinds.map((kind) => numberIn(links[kind]))).size > 1) return false;
        const text = (kind: Kind) => place.text(resolve(place.live, links[kind]));
        const [cert, chain, fullchain] = [await text('cert'), await text('chain'), await text('fullchain')];
        if (cert === undefined || chain === undefined || fullchain === undefined || !(await text('privkey')))
          return false;
        const there = certificateIn(fullchain);
        const isWhole = plain(cert + chain) === plain(fullchain);
        return isWhole && there !== undefined && fingerprintOf(there) === fingerprint;
      }),

    look: (version, signal) =>
      within(version.lineage, signal, async (place) => {
        const links = await place.links();
        if (!links) return { state: 'absent', detail: `${place.live} does not have certbot’s four links` };
        for (const kind of kinds)
          if (!(await hasText(place, resolve(place.live, links[kind]), textOf(version, kind))))
            return { state: 'stale', detail: `${join(place.live, `${kind}.pem`)} belongs to another version` };
        return { state: 'current', detail: place.live };
      }),

    stage: (version, _note, signal) =>
      within(version.lineage, signal, async (place) => {
        const { inside, live } = place;
        const links = await place.links();
        const isBroken =
          !links && ((await inside.list(live)) ?? []).some((name) => name !== 'README' && !isPartOfOurs(name));
        if (isBroken) throw new Error(`${live} is not as certbot makes it; it was left alone`);
        const archive = place.archiveOf(links);
        await tidy(place, live, archive);
        await refuseOlder(place, links, version);
        const numbers = await place.numbers(archive);
        if ((await numberOf(place, archive, version)) !== undefined) return null;
        const mark = await place.mark(archive);
        const last = Math.max(numbers[0] ?? 0, ...(mark?.made ?? []));
        // A killed run may have left some of the version's files.
        const isBegun = mark?.made.includes(last) === true && (await isPart(place, archive, last, version));
        const number = isBegun ? last : last + 1;
        await inside.makeFolders(archive, 0o700);
        if (!isBegun) {
          const first = mark ?? { name: place.name, ...present({ before: links }) };
          await place.setMark(archive, { ...first, made: [...(mark?.made ?? []), number] });
        }
        for (const kind of kinds) {
          const attributes = kind === 'privkey' ? await place.keyAttributes(links, keyMode) : { mode: 0o644 };
          const path = join(archive, `${kind}${number}.pem`);
          await inside.replace(path, textOf(version, kind), { ...attributes, losable: 'name' });
        }
        await inside.syncFolder(archive);
        return null;
      }),

    admit: (version, signal) =>
      within(version.lineage, signal, async (place) => refuseOlder(place, await place.links(), version)),

    activate: (version, _staged, _note, signal) =>
      within(version.lineage, signal, async (place) => {
        const links = await place.links();
        const archive = place.archiveOf(links);
        await tidy(place, place.live, archive);
        await refuseOlder(place, links, version);
        const number = await numberOf(place, archive, version);
        if (number === undefined) throw new Error(`its files in ${archive} are gone`);
        await place.inside.makeFolders(place.live, 0o755);
        try {
          await place.setLinks(linksTo(place, links, number));
        } catch (error) {
          if (links) await place.setLinks(links);
          else for (const kind of kinds) await place.inside.remove(join(place.live, `${kind}.pem`));
          throw error;
        }
        await writeConf(place, archive, (folder) => tidy(place, folder));
      }),

    async restore({ dryRun, except }, signal) {
      const restored: Restored[] = [];
      if (!dryRun) await tidyAll(signal);
      for (const name of (await files.list(join(root, 'archive'))) ?? []) {
        const path = join(root, 'archive', name, markFile);
        if (!(await files.stat(path))) continue;
        await within(name, signal, async (place) => {
          const archive = join(root, 'archive', name);
          const mark = await place.mark(archive);
          if (!mark || except?.has(mark.name)) return;
          const own = new CertbotPlace(place.inside, root, mark.name);
          const links = await linksAfter(own, mark);
          const pem = links && (await place.text(resolve(own.live, links.cert)));
          const notAfter = certificateIn(pem)?.validTo;
          if (!dryRun) await restore(own, archive, mark, links);
          restored.push({
            what: own.live,
            ...present({ notAfter: notAfter === undefined ? undefined : new Date(notAfter).toISOString() }),
          });
        });
      }
      return restored;
    },
  };
}

const linksTo = (place: CertbotPlace, links: Links | undefined, number: number): Links =>
  Object.fromEntries(kinds.map((kind) => [kind, place.target(links, kind, number)])) as Record<Kind, string>;

function textOf({ certPem, chainPem, fullchainPem, keyPem }: VersionBundle, kind: Kind): string {
  switch (kind) {
    case 'cert':
      return certPem;
    case 'chain':
      return chainPem;
    case 'fullchain':
      return fullchainPem;
    case 'privkey':
      return keyPem.reveal();
  }
}

const numberIn = (link: string): number => Number(/(\d+)\.pem$/.exec(link)?.[1]);

/** Returns undefined if the text has no certificate. */
function certificateIn(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

const fingerprintOf = ({ raw }: X509Certificate): string => createHash('sha256').update(raw).digest('hex');

/** Removes whitespace, because line ends and blank lines differ between clients. */
const plain = (pem: string): string => pem.replaceAll(/\s+/g, '');

const hasText = async (place: CertbotPlace, path: string, wanted: string): Promise<boolean> => {
  const text = await place.text(path);
  return text !== undefined && plain(text) === plain(wanted);
};

/** Returns the number of the archive files that contain a version. certbot itself may have written them. */
async function numberOf(place: CertbotPlace, archive: string, version: VersionBundle): Promise<number | undefined> {
  for (const number of await place.numbers(archive)) {
    let isWhole = true;
    for (const kind of kinds)
      isWhole &&= await hasText(place, join(archive, `${kind}${number}.pem`), textOf(version, kind));
    if (isWhole) return number;
  }
  return undefined;
}

/** Reports whether all existing files with a number belong to a version. */
async function isPart(place: CertbotPlace, archive: string, number: number, version: VersionBundle): Promise<boolean> {
  for (const kind of kinds) {
    const text = await place.text(join(archive, `${kind}${number}.pem`));
    if (text !== undefined && plain(text) !== plain(textOf(version, kind))) return false;
  }
  return true;
}

const isPartOfOurs = (name: string): boolean => kinds.some((kind) => name === `${kind}.pem`);

/**
 * Writes a renewal file for a lineage that certbot does not know yet: `certbot certificates` shows it, and `certbot
 * renew` leaves it alone.
 */
async function writeConf(place: CertbotPlace, archive: string, tidy: (folder: string) => Promise<void>): Promise<void> {
  const path = confOf(place);
  if (await place.inside.stat(path)) return;
  // An existing renewal file may have a different name than the folders.
  const mark = await place.mark(archive);
  if (!mark || mark.before) return;
  const paths = kinds.map((kind) => `${kind} = ${join(place.live, `${kind}.pem`)}\n`).join('');
  const folder = join(place.root, 'renewal');
  await place.inside.makeFolders(folder, 0o755);
  await tidy(folder);
  await place.inside.replace(
    path,
    `# certfleet renews it\nversion = 4.0.0\narchive_dir = ${archive}\n${paths}\n[renewalparams]\nautorenew = False\n`,
    { mode: 0o644 },
  );
}

const confOf = (place: CertbotPlace): string => join(place.root, 'renewal', `${place.name}.conf`);

/** Returns the original links to restore. If certbot has renewed since, the present links stay. */
async function linksAfter(place: CertbotPlace, { before, made }: Mark): Promise<Links | undefined> {
  const links = await place.links();
  const isOurs = (path: string) => made.includes(numberIn(path));
  return before && links && !kinds.some((kind) => isOurs(links[kind])) ? links : before;
}

/**
 * Restores the links first, so that none leads to a deleted file, and deletes the mark last, so that a killed restore
 * is repeated.
 */
async function restore(
  place: CertbotPlace,
  archive: string,
  { before, made }: Mark,
  links: Links | undefined,
): Promise<void> {
  const { inside, live } = place;
  if (links) await place.setLinks(links);
  else {
    await inside.remove(confOf(place));
    for (const kind of kinds) await inside.remove(join(live, `${kind}.pem`));
    await inside.removeFolderIfEmpty(live);
  }
  for (const number of made) for (const kind of kinds) await inside.remove(join(archive, `${kind}${number}.pem`));
  await place.removeMark(archive);
  if (!before) await inside.removeFolderIfEmpty(archive);
}
