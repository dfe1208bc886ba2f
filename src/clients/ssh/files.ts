import { dirname, join } from 'node:path';
import type { Attributes, SFTPWrapper } from 'ssh2';
import { present } from '../../core/text/present.ts';
import type { FileAttributes, FileStat, FolderGuard } from '../../ports/files.ts';
import type { Random } from '../../ports/random.ts';
import type { LiveFiles, LiveFilesWithin } from '../folders/live-folder.ts';
import type { SshConnection } from './ssh.ts';

/** SSH_FX_NO_SUCH_FILE of draft-ietf-secsh-filexfer-02, the version of SFTP that OpenSSH implements. */
const noSuchFile = 2;
const words: Readonly<Record<number, string>> = {
  2: 'no such file or folder',
  3: 'permission denied',
  // The only code for a full disk, a read-only file system, an existing name…
  4: 'the node reports only “Failure”: its disk may be full or read-only',
  8: 'its SFTP server cannot do that',
};
const maxBytes = 1024 * 1024;

/**
 * Creates access to the files of one node over SFTP, as far as a live folder needs it. Checks each folder once for each
 * connection. SFTP cannot keep a folder open, so replacements by the node's own users in between go unnoticed.
 */
export function createSshFiles(connection: SshConnection, random: Random): LiveFiles {
  let opened: Promise<SFTPWrapper> | undefined;
  const sftp = () => {
    opened ??= connection.sftp();
    return opened;
  };
  const temporaryIn = (folder: string): string =>
    join(folder, `.certfleet-${Buffer.from(random.bytes(8)).toString('hex')}.tmp`);

  /** Makes one request. Its error names the path. */
  async function call<T>(path: string, start: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T> {
    const client = await sftp();
    return Promise.race([
      connection.lost,
      new Promise<T>((resolve, reject) => {
        start(client, (error, value) => (error ? reject(spoken(error, path)) : resolve(value as T)));
      }),
    ]);
  }
  const orUndefined = async <T>(result: Promise<T>): Promise<T | undefined> => {
    try {
      return await result;
    } catch (error) {
      if (codeOf(error) === noSuchFile) return undefined;
      throw error;
    }
  };

  const attributesOf = (path: string) => orUndefined(call<Attributes>(path, (sftp, done) => sftp.lstat(path, done)));
  const stat = async (path: string): Promise<FileStat | undefined> => {
    const found = await attributesOf(path);
    return found && statOf(found);
  };
  const list = (path: string) =>
    orUndefined(
      call<readonly { filename: string; attrs: Attributes }[]>(path, (sftp, done) => sftp.readdir(path, done)),
    );
  const remove = async (path: string): Promise<void> =>
    void (await orUndefined(call<void>(path, (sftp, done) => sftp.unlink(path, done))));
  const removeFolderIfEmpty = (path: string): Promise<boolean> =>
    call<void>(path, (sftp, done) => sftp.rmdir(path, done)).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === undefined) throw error;
        return false;
      },
    );
  const rename = (from: string, to: string): Promise<void> =>
    call<void>(to, (sftp, done) => {
      try {
        sftp.ext_openssh_rename(from, to, done);
      } catch {
        done(new Error('its SFTP server cannot replace a file in one step (posix-rename@openssh.com): use OpenSSH’s'));
      }
    });

  /** Returns the folder's stat if this call created it. The umask does not change its mode. */
  async function makeFolder(path: string, mode: number): Promise<boolean> {
    try {
      await call<void>(path, (sftp, done) => sftp.mkdir(path, { mode }, done));
    } catch (error) {
      if (codeOf(error) === undefined || (await stat(path))?.kind !== 'folder') throw error;
      return false;
    }
    await call<void>(path, (sftp, done) => sftp.setstat(path, { mode }, done));
    return true;
  }

  /**
   * Writes a new file. The file is empty with mode 0600 until it has its owner, gets its mode before its content, and
   * is then synced.
   */
  async function write(path: string, content: string | Uint8Array, wanted: FileAttributes): Promise<void> {
    const bytes = Buffer.from(content as string);
    const handle = await call<Buffer>(path, (sftp, done) => sftp.open(path, 'wx', 0o600, done));
    try {
      if (wanted.uid !== undefined || wanted.gid !== undefined) {
        const fresh = await call<Attributes>(path, (sftp, done) => sftp.fstat(handle, done));
        const owner = { uid: wanted.uid ?? fresh.uid, gid: wanted.gid ?? fresh.gid };
        if (owner.uid !== fresh.uid || owner.gid !== fresh.gid)
          await call<void>(path, (sftp, done) => sftp.fsetstat(handle, owner, done));
      }
      await call<void>(path, (sftp, done) => sftp.fsetstat(handle, { mode: wanted.mode }, done));
      if (bytes.length > 0) await call<void>(path, (sftp, done) => sftp.write(handle, bytes, 0, bytes.length, 0, done));
      await call<void>(path, (sftp, done) => {
        try {
          sftp.ext_openssh_fsync(handle, done);
        } catch {
          done(undefined); // otherwise, the node's own file system decides when the content reaches the disk
        }
      });
    } finally {
      // An error of the write takes precedence over one of closing.
      await call<void>(path, (sftp, done) => sftp.close(handle, done)).catch(() => {});
    }
  }

  /** Creates a file or link under a temporary name beside the path, and renames it to the path. */
  async function swap(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = temporaryIn(dirname(path));
    try {
      await make(temporary);
      await rename(temporary, path);
    } catch (error) {
      await remove(temporary).catch(() => {});
      throw error;
    }
  }

  async function link(path: string, target: string): Promise<void> {
    await call<void>(path, (sftp, done) => sftp.symlink(target, path, done));
    // Servers differ in the order of the two names, and a wrong link could not be noticed later.
    const made = await orUndefined(call<string>(path, (sftp, done) => sftp.readlink(path, done)));
    if (made !== target) throw new Error('its SFTP server cannot make symbolic links: use OpenSSH’s');
  }

  async function readFile(path: string): Promise<Uint8Array | undefined> {
    const found = await stat(path);
    if (found?.kind !== 'file') return undefined;
    if (found.size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes (${path})`);
    return orUndefined(call<Buffer>(path, (sftp, done) => sftp.readFile(path, done)));
  }

  // Read once; undefined if the node's file lacks this user, as with a directory service or a chroot.
  let uid: Promise<number | undefined> | undefined;
  const findUid = (): Promise<number | undefined> => {
    const { user } = connection.place;
    uid ??= user === 'root' ? Promise.resolve(0) : uidOf(user);
    return uid;
  };

  const uidOf = async (user: string) => uidIn(await readFile('/etc/passwd').catch(() => undefined), user);

  const checked = new Map<string, Promise<void>>();

  /** Refuses links, and folders that other users of the node could change. A missing folder is fine. */
  async function check(root: string, path: string, guard: FolderGuard): Promise<void> {
    if (path !== root) {
      if (!path.startsWith(`${root}/`)) throw new Error(`${path} is not in ${root}`);
      await checkOnce(root, dirname(path), guard);
    }
    let found = await attributesOf(path);
    const own = await findUid();
    const owners = [
      0,
      ...(own === undefined ? [] : [own]),
      ...(path === root || guard.owners === 'any' ? [] : guard.owners),
    ];
    const isTrusted = (uid: number): boolean => own === undefined || owners.includes(uid);
    if (found && statOf(found).kind === 'symlink') {
      if (path !== root || !isTrusted(found.uid))
        throw guard.refuse(
          `${path} is a symbolic link, which could lead files elsewhere: name the folder that it leads to`,
        );
      found = await orUndefined(call<Attributes>(path, (sftp, done) => sftp.stat(path, done)));
    }
    if (!found) {
      checked.delete(path);
      return;
    }
    if (statOf(found).kind !== 'folder') throw guard.refuse(`${path} is not a folder`);
    if (!isTrusted(found.uid))
      throw guard.refuse(
        `${path} belongs to user ${found.uid}, who could replace what is written there: give it to root or to ${connection.place.user}, or log in as its owner`,
      );
  }
  function checkOnce(root: string, path: string, guard: FolderGuard): Promise<void> {
    const known = checked.get(path);
    if (known) return known;
    const check_ = check(root, path, guard);
    checked.set(path, check_);
    return check_;
  }

  return {
    read: readFile,
    within: async (folder, guard, work) => {
      const root = join(folder, '.');
      /** Checks the folder that contains the path, and then runs the work. */
      const at = async <T>(path: string, run: () => Promise<T>): Promise<T> => {
        await checkOnce(root, path === root ? root : dirname(path), guard);
        return run();
      };
      async function makeFolders(path: string, mode: number): Promise<readonly string[]> {
        const found = await orUndefined(call<Attributes>(path, (sftp, done) => sftp.stat(path, done)));
        if (found && statOf(found).kind === 'folder') {
          if (path === root || path.startsWith(`${root}/`)) await checkOnce(root, path, guard);
          return [];
        }
        const made = await makeFolders(dirname(path), mode);
        return (await makeFolder(path, mode)) ? [...made, path] : made;
      }
      const inside: LiveFilesWithin = {
        uid: await findUid(),
        stat: (path) => at(path, () => stat(path)),
        read: (path) => at(path, () => readFile(path)),
        list: (path) => at(join(path, '.'), async () => (await list(path))?.map(({ filename }) => filename)),
        readLink: (path) => at(path, () => orUndefined(call<string>(path, (sftp, done) => sftp.readlink(path, done)))),
        replace: (path, content, attributes) =>
          at(path, () => swap(path, (temporary) => write(temporary, content, attributes))),
        replaceLink: (path, target) => at(path, () => swap(path, (temporary) => link(temporary, target))),
        makeFolders,
        async createFolder(path, mode, entries) {
          await makeFolders(dirname(path), mode);
          if (!(await at(path, () => makeFolder(path, mode)))) return false;
          for (const { name, content, attributes } of entries) await write(join(path, name), content, attributes);
          return true;
        },
        remove: (path) => at(path, () => remove(path)),
        removeFolderIfEmpty: (path) => at(path, () => removeFolderIfEmpty(path)),
        removeFolder: (path, isOurs) =>
          at(path, async () => {
            if ((await stat(path))?.kind !== 'folder') return false;
            const entries = (await list(path)) ?? [];
            if (entries.some(({ filename, attrs }) => statOf(attrs).kind === 'folder' || !isOurs(filename)))
              return false;
            for (const { filename } of entries) await remove(join(path, filename));
            return removeFolderIfEmpty(path);
          }),
        // SFTP cannot open a folder. After a power cut, a name may be lost, and the next look finds it missing.
        syncFolder: async () => {},
      };
      return work(inside);
    },
  };
}

type Done<T> = (error: Error | null | undefined, value?: T) => void;

const codeOf = (error: unknown): number | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
};

function spoken(error: Error, path: string): Error {
  const code = codeOf(error);
  const text = (code === undefined ? undefined : words[code]) ?? error.message;
  return Object.assign(new Error(text, { cause: error }), { path, ...present({ code }) });
}

function statOf(found: Attributes): FileStat {
  const kinds: Readonly<Record<number, FileStat['kind']>> = { 8: 'file', 4: 'folder', 10: 'symlink' };
  return {
    kind: kinds[found.mode >> 12] ?? 'other',
    size: found.size,
    links: 1,
    mode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    modifiedMs: found.mtime * 1000,
    changedMs: found.mtime * 1000,
  };
}

function uidIn(passwd: Uint8Array | undefined, user: string): number | undefined {
  const lines = Buffer.from(passwd ?? '')
    .toString('utf8')
    .split('\n');
  const uid = lines.map((line) => line.split(':')).find(([name]) => name === user)?.[2];
  return uid === undefined ? undefined : Number.parseInt(uid, 10);
}
