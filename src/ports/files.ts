/**
 * The file system, as much of it as certfleet uses. One object implements it (`lib/files/files.ts`), so that the crash tests
 * can name and interrupt every write and rename.
 */
export interface FileAttributes {
  /** Permission bits, for instance 0o600; the umask does not change them. */
  readonly mode: number;
  /** Numeric owner and group; those of a new file if undefined. */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * What a power cut may lose; nothing by default. `name`: the name, until the caller calls `syncFolder`, for several
   * files in one folder. `all`: name and content, for instance of a challenge file.
   */
  readonly losable?: 'name' | 'all';
}

/** A file of a folder that is created with its files. */
export interface FolderEntry {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly attributes: FileAttributes;
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'symlink' | 'other';
  readonly size: number;
  /** The number of its names (hard links). */
  readonly links: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** When content, name, owner or mode last changed. */
  readonly changedMs: number;
}

/** How to read a file; by default, one that another user may have put there. */
export interface ReadOptions {
  /**
   * The operator named this path: a symlink is followed, and it may be a pipe (`/dev/stdin`), unless another user could
   * replace it.
   */
  readonly named?: true;
  /** A larger file is refused; 1 MiB by default. */
  readonly maxBytes?: number;
  /** Reads only the beginning of a regular file, of any size. */
  readonly firstBytes?: number;
  /** Refuses a regular file that users other than root and the effective user could write: makes the error. */
  readonly trusted?: (untrusted: Untrusted) => Error;
  /** With `named` and `trusted`: also refuses a file if such users could change a folder or a link on the way to it. */
  readonly isWayTrusted?: true;
  /**
   * Refuses a regular file that other users could read: makes the error. A file of root may be open to a group, because
   * there is no other way to hand one to another user (a mounted secret).
   */
  readonly readable?: (reason: string) => Error;
}

/** A file, folder or link that users other than root and the effective user can change. */
export interface Untrusted {
  readonly path: string;
  /** `/srv belongs to user 65534` */
  readonly reason: string;
  /**
   * The command that ends it, without the path: `chown` and `root`, `chmod` and `go-w`, or `rm` for a link, because its
   * owner chose where it leads. `none` for a sticky folder, which is meant for all.
   */
  readonly command: 'chown' | 'chmod' | 'rm' | 'none';
  readonly change: string;
  /** Only root can run it. */
  readonly needsRoot: boolean;
}

/** Where a path leads, or what users other than root and the effective user can change on the way. */
export type Place =
  | { readonly path: string; readonly untrusted?: undefined }
  | { readonly path?: undefined; readonly untrusted: Untrusted };

/** Space on a file system, in bytes. */
export interface FileSpace {
  /** Free for this user. */
  readonly free: number;
  readonly total: number;
}

/**
 * System errors (EACCES, ENOSPC, ENOTDIR…) are thrown as Node makes them; the caller decides who is to blame and words
 * them with `reasonOf`.
 */
export interface Files {
  /** The user as whom this process opens files; 0 where the system has no users. */
  user(): number;
  /** The content of a regular file, or undefined if there is no such file. Waits for nothing that another user made. */
  read(path: string, options?: ReadOptions): Promise<Uint8Array | undefined>;
  /**
   * What users other than root and the effective user can change on the way to a path, from `/` (or below a folder that
   * was found to be safe) to the path itself. A sticky folder is safe on the way, but not at the end.
   */
  untrusted(path: string, below?: string): Promise<Untrusted | undefined>;
  /**
   * Where a file is, or would be made, with links followed. Unlike with `untrusted`, a sticky folder is not safe for it, and
   * the file itself may belong to another user: in a folder of root, only root can have given it to him.
   *
   * @param seen for many paths: a folder that a call with the same map has found safe is not looked at again
   */
  place(path: string, seen?: Map<string, unknown>): Promise<Place>;
  /** undefined if there is nothing. Does not follow a symlink. */
  stat(path: string): Promise<FileStat | undefined>;
  /** The names in a folder, or undefined if there is no such folder. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Where a symlink leads, as it is written in it; undefined if there is no symlink. */
  readLink(path: string): Promise<string | undefined>;
  /**
   * Writes a file so that readers, also after a crash, see the old content or the new, never a part: temporary file
   * beside it, fsync, rename, fsync of the folder. Parent folders must exist. The file is a new one, which inherits no
   * owner and no mode from the one before.
   */
  replace(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<void>;
  /** Creates a folder and its missing parents with this mode, unless it exists. Returns the folders created. */
  makeFolders(path: string, mode: number): Promise<readonly string[]>;
  /** Removes a file or symlink, if there is one. */
  remove(path: string): Promise<void>;
  /** Removes a folder if it is empty; returns false if it is not, or does not exist. */
  removeFolderIfEmpty(path: string): Promise<boolean>;
  /**
   * The first step of a put of the file store, which has to look between the steps. Writes and fsyncs a temporary file
   * in a folder and returns its path. `spare` is a file in that folder that is no longer needed: it is renamed and
   * written over, which is cheaper than creating one file and removing another.
   */
  draft(folder: string, content: string | Uint8Array, attributes: FileAttributes, spare?: string): Promise<string>;
  /** Gives a file a second name (a hard link); returns false if that name is taken. Durable after `syncFolder`. */
  link(existing: string, path: string): Promise<boolean>;
  /** Makes names created and removed in a folder survive a power cut (fsync). */
  syncFolder(folder: string): Promise<void>;
  /** Space on the file system of this path, which must exist. */
  space(path: string): Promise<FileSpace>;
  /**
   * Works in a folder that other users may be able to change. Every folder below it is opened without following links
   * and stays open until `work` ends, so that nothing is read, written or removed anywhere else. Paths are absolute.
   */
  within<T>(folder: string, guard: FolderGuard, work: (inside: FilesWithin) => Promise<T>): Promise<T>;
}

export interface FolderGuard {
  /**
   * The folder must belong to root or this user, and so must each link on the way to it; each folder below it belongs
   * to one of them or to one of these users. `any`: to anyone, as the folder of a web server may; then a link on the way
   * or below is also followed if it leads to a folder of its owner, who could write there without us.
   */
  readonly owners: readonly number[] | 'any';
  /**
   * Only root and this user may be able to change the folder, each folder above it (a sticky one is safe if the way goes
   * on in it) and each link on the way. So it is made only in a folder that others cannot change; a sticky one is not safe.
   */
  readonly isPrivate?: true;
  /**
   * Makes the error for a link or an owner that is not allowed; the reason names path, owner and remedy. With `isPrivate`,
   * it says only what others can change.
   */
  refuse(reason: string): Error;
}

/** The file system in one folder, which need not exist yet. */
export interface FilesWithin
  extends Pick<
    Files,
    'stat' | 'list' | 'readLink' | 'replace' | 'makeFolders' | 'remove' | 'removeFolderIfEmpty' | 'syncFolder'
  > {
  /** The user that new files belong to. */
  readonly uid: number;
  /** The content of a file; undefined if there is nothing, or anything but a regular file. */
  read(path: string, options?: Pick<ReadOptions, 'firstBytes'>): Promise<Uint8Array | undefined>;
  /** Writes a new file as `replace` does; returns false if there is anything at the path already. */
  create(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<boolean>;
  /**
   * Appends whole lines to a file, durably and in one write, so that concurrent appends lose nothing. Keeps owner and
   * mode, follows a symlink of root or this user, and creates a missing file.
   */
  append(path: string, lines: string): Promise<void>;
  /** Points a symlink to a target in one step (symlink beside it, rename). */
  replaceLink(path: string, target: string): Promise<void>;
  /**
   * Creates a folder with files in it, durably; returns false if it exists. A crash may leave part of it, so use it for
   * folders that are not read yet. Missing parents get the same mode.
   */
  createFolder(path: string, mode: number, entries: readonly FolderEntry[]): Promise<boolean>;
  /** Removes a folder with its files; returns false if it contains anything else, or is not root's or this user's. */
  removeFolder(path: string, isOurs: (name: string) => boolean): Promise<boolean>;
}
