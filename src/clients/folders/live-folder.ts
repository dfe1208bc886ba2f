import { join } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import type { Look, VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { FileAttributes, FileStat, Files, FilesWithin, FolderEntry, FolderGuard } from '../../ports/files.ts';
import { type Keystore, keystoreName } from './keystore.ts';

/**
 * certbot's folders, as servers and scripts know them:
 *
 *     <root>/archive/<name>/<version id>/{cert,chain,fullchain,privkey}.pem   (and haproxy.pem, keystore.p12 if asked for)
 *     <root>/live/<name> → ../archive/<name>/<version id>
 *
 * Unlike certbot's, `live/<name>` is itself the symlink: one rename changes key and chain together, so a kill at any
 * point leaves a complete version there.
 *
 * A {@link Mark} in `archive/<name>/` records which version the program that reads the folder was last reloaded with.
 * Otherwise a crash between the rename and the reload would go unnoticed.
 */
export interface LiveFolder {
  /**
   * Reports whether `live/<name>` points to the version, and its files are there with the right owners and modes. Reads
   * no certificate and no key. Undefined on another machine.
   */
  has?(version: VersionRef): Promise<boolean>;
  look(version: VersionBundle): Promise<Look>;
  /** Writes the version's folder, without using it. Refuses a `live/<name>` that certfleet did not make. */
  stage(version: VersionBundle): Promise<void>;
  /** Returns the version that `live/<name>` points to. */
  inUse(lineage: string): Promise<string | undefined>;
  /** Points `live/<name>` to a staged version, or removes the link if undefined. */
  use(lineage: string, id: string | undefined): Promise<void>;
  /** Removes every version except the one in use and `old`, which a deployment may go back to. */
  retire(old: VersionRef): Promise<void>;
  /** Removes all files of a lineage. Fails if something in its folder is not certfleet's. */
  forget(lineage: string): Promise<void>;
  mark(lineage: string): Promise<Mark>;
  setMark(lineage: string, mark: Mark): Promise<void>;
}

interface Mark {
  /** The version of the last successful reload. */
  readonly done?: string;
  /** What that reload ran, as a digest. */
  readonly settings?: string;
  /** The version of a reload that has begun. The program may or may not have read it. */
  readonly trying?: string;
  /** While `trying` is set: the version to point the link back to, or undefined to remove the link. */
  readonly before?: string;
}

/** What `has` uses: a run looks at thousands of folders, and opening each of them costs more than all the rest. */
type QuickFiles = Pick<Files, 'readLink' | 'stat' | 'user'>;

/** The file system operations that a live folder needs, on this machine or on a node over SFTP. */
export interface LiveFiles extends Pick<Files, 'read'>, Partial<QuickFiles> {
  within<T>(folder: string, guard: FolderGuard, work: (inside: LiveFilesWithin) => Promise<T>): Promise<T>;
}

export interface LiveFilesWithin extends Omit<FilesWithin, 'append' | 'create' | 'uid'> {
  /** The owner of new files; undefined if unknown. */
  readonly uid: number | undefined;
}

export interface LiveFolderOptions {
  readonly files: LiveFiles;
  readonly root: string;
  /** The deployer in messages: `the deployer "web" (nginx)`. */
  readonly target: string;
  /** Part of the mark's file name, because several deployers may share a root. */
  readonly markName?: string;
  /**
   * The mode of the private key and of the bundle, which contains it; by default, 0600. Certificates are public: 0644.
   */
  readonly keyMode?: number;
  readonly owner?: string;
  readonly group?: string;
  /** Whether to write haproxy.pem, too: fullchain and key in one file. */
  readonly haproxyBundle?: boolean;
  /** Also writes a PKCS#12 file, with the key's mode. */
  readonly keystore?: Keystore;
}

export function createLiveFolder(options: LiveFolderOptions): LiveFolder {
  const { files, root, target } = options;
  const archive = (lineage: string): string => join(root, 'archive', lineage);
  const live = (lineage: string): string => join(root, 'live', lineage);
  const markFile = (lineage: string): string => join(archive(lineage), `.${options.markName ?? 'mark'}.json`);

  // The cause contains only the reason, for a message about several nodes.
  const refuse = (certificate: string, reason: string) =>
    fail('deploy/target-failed', { target, certificate, reason }, { cause: new Error(reason) });

  /**
   * Returns the version that `live/<name>` points to, `foreign` if certfleet did not make it, and neither if it does
   * not exist.
   */
  async function readLive(
    inside: LiveFilesWithin,
    lineage: string,
  ): Promise<{ readonly id?: string; readonly foreign?: string }> {
    // The name becomes part of a path, and the schema of names allows `..`.
    if (lineage.startsWith('.')) throw refuse(lineage, 'a name that begins with a dot cannot be a folder here');
    const path = live(lineage);
    const stat = await inside.stat(path);
    if (!stat) return {};
    if (stat.kind !== 'symlink') {
      const kind = stat.kind === 'other' ? 'pipe, socket or device' : stat.kind;
      return { foreign: `${path} is a ${kind} that certfleet did not make` };
    }
    const link = (await inside.readLink(path)) ?? '';
    const prefix = `../archive/${lineage}/`;
    const id = link.startsWith(prefix) ? link.slice(prefix.length) : '';
    if (!isName(id)) return { foreign: `${path} is a link to ${link} that certfleet did not make` };
    return { id };
  }

  async function readMark(inside: LiveFilesWithin, lineage: string): Promise<Mark> {
    const bytes = await inside.read(markFile(lineage));
    if (!bytes) return {};
    try {
      const mark = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
      const known = (['done', 'settings', 'trying', 'before'] as const).filter((field) => isName(mark[field]));
      return Object.fromEntries(known.map((field) => [field, mark[field]]));
    } catch {
      // Without a mark, the program is reloaded once more.
      return {};
    }
  }

  // Read once, because user and group numbers do not change while a program runs.
  let found: ReturnType<typeof findOwnership> | undefined;
  const ownership = () => {
    found ??= findOwnership(options);
    return found;
  };
  const contents = async (version: VersionBundle) => contentsOf(version, options, await ownership());
  const closed = async () => attributesOf(options, await ownership()).closed;

  async function within<T>(lineage: string, work: (inside: LiveFilesWithin) => Promise<T>): Promise<T> {
    const { uid } = await ownership();
    return files.within(
      root,
      {
        owners: uid === undefined ? [] : [uid],
        refuse: (reason) =>
          fail('deploy/unsafe-folder', { target, certificate: lineage, reason }, { cause: new Error(reason) }),
      },
      work,
    );
  }

  /**
   * Guards the way to the folders at the first look and then once in a thousand, because that costs more than the look:
   * a user who can replace one of them could keep an old certificate in use. `stage` and `look` guard each step.
   */
  const hasWith = (quick: QuickFiles) => {
    const parent = `${join(root, 'live')}/`;
    const folder = `${join(root, 'archive')}/`;
    let wanted: readonly NamedFile[] | undefined;
    let leftLooks = 0;
    const guard = async (lineage: string) => {
      await within(lineage, (inside) => Promise.all([inside.stat(live(lineage)), inside.stat(archive(lineage))]));
      leftLooks = 1_000;
    };
    return async ({ lineage, id }: VersionRef): Promise<boolean> => {
      if (lineage.startsWith('.')) return false;
      leftLooks -= 1;
      if (leftLooks < 0) await guard(lineage);
      if ((await quick.readLink(parent + lineage)) !== `../archive/${lineage}/${id}`) return false;
      wanted ??= namedFilesOf(options, await ownership());
      const inVersion = `${folder}${lineage}/${id}/`;
      let leftBytes = 0;
      for (const { name, attributes, counts } of wanted) {
        const stat = await quick.stat(inVersion + name);
        if (stat?.kind !== 'file' || differenceOf(stat, attributes, quick.user()) !== undefined) return false;
        if (stat.size === 0 && name !== 'chain.pem') return false;
        leftBytes += counts * stat.size;
      }
      return leftBytes === 0 && (options.keystore?.isSealed((name) => files.read(inVersion + name)) ?? true);
    };
  };

  return {
    ...present({ has: files.readLink && files.stat && files.user && hasWith(files as QuickFiles) }),

    look: (version) =>
      within(version.lineage, async (inside) => {
        const { id, foreign } = await readLive(inside, version.lineage);
        if (foreign) return { state: 'absent', detail: foreign };
        if (id === undefined) return { state: 'absent', detail: `${live(version.lineage)} does not exist` };
        const stale = (detail: string): Look => ({ state: 'stale', detail });
        const shown = (name: string) => join(live(version.lineage), name);
        const folder = join(archive(version.lineage), id);
        const keystore = await options.keystore?.find((name) => inside.read(join(folder, name)), version);
        for (const file of [...(await contents(version)), ...(keystore?.(await closed()) ?? [])]) {
          const difference = await compare(inside, join(folder, file.name), file, shown(file.name));
          if (difference) return stale(difference);
        }
        if (options.keystore && !keystore)
          return stale(`${shown(keystoreName)} is missing, or is not of this version with this password`);
        return { state: 'current', detail: live(version.lineage) };
      }),

    stage: (version) =>
      within(version.lineage, async (inside) => {
        // Its folder would be the archive itself.
        if (version.id === '') throw refuse(version.lineage, 'this version has no id');
        const { foreign } = await readLive(inside, version.lineage);
        if (foreign)
          throw refuse(
            version.lineage,
            `${foreign}; it was left alone. Give this deployer another path, or move it away (and archive/${version.lineage}) once no server reads it`,
          );
        const folder = join(archive(version.lineage), version.id);
        await inside.makeFolders(join(root, 'live'), 0o755);
        const { keystore } = options;
        const found = await keystore?.find((name) => inside.read(join(folder, name)), version);
        const stored = found ?? (await keystore?.make(version));
        const wanted = [...(await contents(version)), ...(stored?.(await closed()) ?? [])];
        if (await inside.createFolder(folder, 0o755, wanted)) return;
        for (const file of wanted) {
          const path = join(folder, file.name);
          // The version may have been staged earlier, and may be in use, so files that are already right stay.
          if (await compare(inside, path, file))
            await inside.replace(path, file.content, { ...file.attributes, losable: 'name' });
        }
        await inside.syncFolder(folder);
      }),

    inUse: (lineage) => within(lineage, async (inside) => (await readLive(inside, lineage)).id),

    use: (lineage, id) =>
      within(lineage, async (inside) => {
        const { id: now, foreign } = await readLive(inside, lineage);
        if (foreign) throw refuse(lineage, `${foreign}; it was left alone`);
        if (now === id) return;
        if (id === undefined) await inside.remove(live(lineage));
        else await inside.replaceLink(live(lineage), `../archive/${lineage}/${id}`);
      }),

    retire: (old) =>
      within(old.lineage, async (inside) => {
        const { id: current } = await readLive(inside, old.lineage);
        const { done, before } = await readMark(inside, old.lineage);
        for (const name of (await inside.list(archive(old.lineage))) ?? []) {
          if ([current, old.id, done, before].includes(name) || name.startsWith('.')) continue;
          // certbot and people keep files here, too, so this removes only files that certfleet could have written.
          await inside.removeFolder(join(archive(old.lineage), name), (file) => ours.test(file));
        }
      }),

    forget: (lineage) =>
      within(lineage, async (inside) => {
        if (lineage.startsWith('.')) return; // nothing was ever written for it
        const { id } = await readLive(inside, lineage);
        if (id !== undefined) await inside.remove(live(lineage));
        for (const name of (await inside.list(archive(lineage))) ?? []) {
          const path = join(archive(lineage), name);
          if (name.startsWith('.')) await inside.remove(path);
          else if (!(await inside.removeFolder(path, (file) => ours.test(file))))
            throw refuse(lineage, `${path} contains something that certfleet did not make`);
        }
        await inside.removeFolderIfEmpty(archive(lineage));
      }),

    mark: (lineage) => within(lineage, (inside) => readMark(inside, lineage)),

    setMark: (lineage, mark) =>
      within(lineage, (inside) => inside.replace(markFile(lineage), `${JSON.stringify(mark)}\n`, { mode: 0o600 })),
  };
}

/** Reports whether a version ID that was read from the disk can be a folder name. */
const isName = (id: unknown): id is string => typeof id === 'string' && /^[^./][^/]*$/.test(id);

// Includes the temporary files of lib/files/files.ts, which a killed process may leave behind.
const ours = /^((cert|chain|fullchain|privkey|haproxy)\.pem|keystore\.p12(\.seal)?|\.certfleet-.*\.tmp)$/;

/** A file of a version's folder, without its content. */
interface NamedFile extends Pick<FolderEntry, 'name' | 'attributes'> {
  /** Its part in a sum of sizes that is 0 while the chain is whole: fullchain.pem is cert.pem and chain.pem. */
  readonly counts: -1 | 0 | 1;
}

function namedFilesOf(options: LiveFolderOptions, owner: Omit<FileAttributes, 'mode'>): readonly NamedFile[] {
  const { open, closed } = attributesOf(options, owner);
  const more = [options.haproxyBundle ? 'haproxy.pem' : [], options.keystore ? keystoreName : []].flat();
  return [
    ...['privkey.pem', ...more].map((name) => ({ name, attributes: closed, counts: 0 as const })),
    { name: 'cert.pem', attributes: open, counts: 1 },
    { name: 'chain.pem', attributes: open, counts: 1 },
    { name: 'fullchain.pem', attributes: open, counts: -1 },
  ];
}

const attributesOf = ({ keyMode = 0o600 }: LiveFolderOptions, owner: Omit<FileAttributes, 'mode'>) => ({
  open: { mode: 0o644, ...owner },
  closed: { mode: keyMode, ...owner },
});

function contentsOf(
  version: VersionBundle,
  options: LiveFolderOptions,
  owner: Omit<FileAttributes, 'mode'>,
): readonly FolderEntry[] {
  const { open, closed } = attributesOf(options, owner);
  const key = version.keyPem.reveal();
  return [
    { name: 'privkey.pem', content: key, attributes: closed },
    { name: 'cert.pem', content: version.certPem, attributes: open },
    // Written even if it is empty, because scripts name its path.
    { name: 'chain.pem', content: version.chainPem, attributes: open },
    { name: 'fullchain.pem', content: version.fullchainPem, attributes: open },
    ...(options.haproxyBundle
      ? [{ name: 'haproxy.pem', content: bundlePem(version.fullchainPem, key), attributes: closed }]
      : []),
  ];
}

/**
 * Joins chain and key in one file, as HAProxy reads it. Removes blank lines, which would end a payload on the admin
 * socket.
 */
export const bundlePem = (fullchainPem: string, keyPem: string): string =>
  `${fullchainPem}\n${keyPem}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');

/** Describes how the file differs from the wanted one. Returns undefined if they are equal. */
async function compare(
  inside: LiveFilesWithin,
  path: string,
  wanted: FolderEntry,
  shown = path,
): Promise<string | undefined> {
  const stat = await inside.stat(path);
  const content = stat?.kind === 'file' ? await inside.read(path) : undefined;
  if (!stat || !content) return `${shown} is missing`;
  if (!Buffer.from(content).equals(Buffer.from(wanted.content))) return `${shown} belongs to another version`;
  const difference = differenceOf(stat, wanted.attributes, inside.uid);
  return difference === undefined ? undefined : `${shown} ${difference}`;
}

/** Describes how owner and mode of a file differ from the wanted ones. */
function differenceOf(
  stat: FileStat,
  { mode, uid, gid }: FileAttributes,
  user: number | undefined,
): string | undefined {
  if (stat.mode !== mode) return `has mode ${stat.mode.toString(8)} instead of ${mode.toString(8)}`;
  const owner = uid ?? user;
  // If no owner is wanted, files of root are acceptable, too.
  if (owner !== undefined && stat.uid !== owner && (uid !== undefined || stat.uid !== 0))
    return `belongs to user ${stat.uid} instead of ${owner}`;
  if (gid !== undefined && stat.gid !== gid) return `belongs to group ${stat.gid} instead of ${gid}`;
  return undefined;
}

/** Looks names up in /etc/passwd and /etc/group. Users of a directory service must be given as numbers. */
async function findOwnership(options: LiveFolderOptions): Promise<Omit<FileAttributes, 'mode'>> {
  const find = async (name: string | undefined, file: string, what: string): Promise<number | undefined> => {
    if (name === undefined) return undefined;
    if (/^\d+$/.test(name)) return Number.parseInt(name, 10);
    const lines = Buffer.from((await options.files.read(file, { named: true, maxBytes: 16 * 1024 * 1024 })) ?? '')
      .toString('utf8')
      .split('\n');
    const fields = lines.map((line) => line.split(':')).find((line) => line[0] === name);
    if (fields?.[2] === undefined) {
      const advice = name.includes(':') ? 'write the user in `owner` and the group in `group`' : 'give it as a number';
      throw new Error(`there is no ${what} "${name}" in ${file}; ${advice}`);
    }
    return Number.parseInt(fields[2], 10);
  };
  const uid = await find(options.owner, '/etc/passwd', 'user');
  const gid = await find(options.group, '/etc/group', 'group');
  return present({ uid, gid });
}
