/**
 * The part of the file system that certfleet uses. One object implements it (`lib/files/files.ts`), so that the crash
 * tests can name and interrupt every write and rename.
 */
export interface FileAttributes {
  /** Permission bits, for instance 0o600. The umask does not affect them. */
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

/** A file in a folder that is created together with its files. */
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

/** How to read a file. By default, the file may have been put there by another user. */
export interface ReadOptions {
  /**
   * The operator named this path: a symlink is followed, and it may be a pipe that is open already (`/dev/stdin`, or
   * `<(…)` of a shell). A pipe with a name is refused, because it may never be written to.
   */
  readonly named?: true;
  /** A larger file is refused; 1 MiB by default. */
  readonly maxBytes?: number;
  /** Reads only the beginning of a regular file, of any size. */
  readonly firstBytes?: number;
  /**
   * Refuses a regular file that users other than root and the effective user could write, with the error that this
   * function returns.
   */
  readonly trusted?: (untrusted: Untrusted) => Error;
  /** With `named` and `trusted`: also refuses a file if such users could change a folder or a link on the way to it. */
  readonly isWayTrusted?: true;
  /**
   * Refuses a regular file that other users could read, with the error that this function returns. A file of root may
   * be readable by a group, because that is the only way to hand one to another user (a mounted secret).
   */
  readonly readable?: (reason: string) => Error;
}

/** A file, folder or link that users other than root and the effective user can change. */
export interface Untrusted {
  readonly path: string;
  /** `/srv belongs to user 65534` */
  readonly reason: string;
  /**
   * The command that corrects it, without the path: `chown` and `root`, `chmod` and `go-w`, or `rm` for a link, because
   * its owner chose where it leads. `none` for a sticky folder, which is meant for all users.
   */
  readonly command: 'chown' | 'chmod' | 'rm' | 'none';
  readonly change: string;
  /** Whether only root can run it. */
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
 * System errors (EACCES, ENOSPC, ENOTDIR…) are thrown as Node creates them; the caller decides who is to blame and
 * words them with `reasonOf`.
 */
export interface Files {
  /** Returns the user as whom this process opens files; 0 where the system has no users. */
  user(): number;
  /**
   * Returns the content of a regular file, or undefined if there is no such file. Never waits for anything that another
   * user created.
   */
  read(path: string, options?: ReadOptions): Promise<Uint8Array | undefined>;
  /**
   * Returns what users other than root and the effective user can change on the way to a path, from `/` (or below a
   * folder that was found to be safe) to the path itself. A sticky folder is safe on the way, but not at the end.
   */
  untrusted(path: string, below?: string): Promise<Untrusted | undefined>;
  /**
   * Returns where a file is, or would be created, with links followed. Unlike with `untrusted`, a sticky folder is not
   * safe for it, and the file itself may belong to another user: in a folder of root, only root can have given it to
   * that user.
   *
   * @param seen for many paths: a folder that a call with the same map has found safe is not checked again
   */
  place(path: string, seen?: Map<string, unknown>): Promise<Place>;
  /** Returns the attributes of a file, or undefined if nothing exists there. Does not follow a symlink. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Returns the names in a folder, or undefined if there is no such folder. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Returns a symlink's target as written in it, or undefined if there is no symlink. */
  readLink(path: string): Promise<string | undefined>;
  /**
   * Writes a file so that readers, even after a crash, see the old content or the new, never a part: temporary file
   * beside it, fsync, rename, fsync of the folder. Parent folders must exist. The file is a new one, which inherits
   * neither owner nor mode from the previous one.
   */
  replace(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<void>;
  /** Creates a folder and its missing parents with this mode, unless it exists. Returns the folders created. */
  makeFolders(path: string, mode: number): Promise<readonly string[]>;
  /** Removes a file or symlink, if it exists. */
  remove(path: string): Promise<void>;
  /** Removes a folder if it is empty; returns false if it is not, or does not exist. */
  removeFolderIfEmpty(path: string): Promise<boolean>;
  /**
   * Writes and fsyncs a temporary file in a folder and returns its path. This is the first step of a put of the file
   * store, which has to check things between the steps. `spare` is a file in that folder that is no longer needed: it
   * is renamed and overwritten, which is cheaper than creating one file and removing another.
   */
  draft(folder: string, content: string | Uint8Array, attributes: FileAttributes, spare?: string): Promise<string>;
  /** Gives a file a second name (a hard link); returns false if that name is taken. Durable after `syncFolder`. */
  link(existing: string, path: string): Promise<boolean>;
  /** Makes a folder's changes of names survive a power cut (fsync). */
  syncFolder(folder: string): Promise<void>;
  /** Returns the space on the file system of this path, which must exist. */
  space(path: string): Promise<FileSpace>;
  /**
   * Works in a folder that other users may be able to change. Every folder below it is opened without following links
   * and stays open until `work` ends, so that nothing is read, written or removed anywhere else. Paths are absolute.
   */
  within<T>(folder: string, guard: FolderGuard, work: (inside: FilesWithin) => Promise<T>): Promise<T>;
}

export interface FolderGuard {
  /**
   * The folder, and each link on the way to it, must belong to root or this user. Each folder below it must belong to
   * one of them or to one of these users. `any`: to any user, as a web server's folder may; in this case, a link on the
   * way or below is also followed if it leads to a folder of the link's owner, who could write there anyway.
   */
  readonly owners: readonly number[] | 'any';
  /**
   * Only root and this user may be able to change the folder, each folder above it (a sticky one is safe if the path
   * continues in it) and each link on the way. So the folder is created only in a folder that others cannot change; a
   * sticky one is not safe.
   */
  readonly isPrivate?: true;
  /**
   * Returns the error for a link or an owner that is not allowed. The reason names path, owner and remedy; with
   * `isPrivate`, it says only what others can change.
   */
  refuse(reason: string): Error;
}

/** The file system in one folder, which need not exist yet. */
export interface FilesWithin
  extends Pick<
    Files,
    'stat' | 'list' | 'readLink' | 'replace' | 'makeFolders' | 'remove' | 'removeFolderIfEmpty' | 'syncFolder'
  > {
  /** The user who will own new files. */
  readonly uid: number;
  /** Returns the content of a file, or undefined if there is nothing, or anything but a regular file. */
  read(path: string, options?: Pick<ReadOptions, 'firstBytes'>): Promise<Uint8Array | undefined>;
  /** Writes a new file as `replace` does. Returns false if anything already exists at the path. */
  create(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<boolean>;
  /**
   * Appends whole lines to a file, durably and in one write, so that concurrent appends lose nothing. Keeps owner and
   * mode, follows a symlink of root or this user, and creates a missing file.
   */
  append(path: string, lines: string): Promise<void>;
  /** Points a symlink to a target in one step (symlink beside it, rename). */
  replaceLink(path: string, target: string): Promise<void>;
  /**
   * Creates a folder with files in it, durably. Returns false if it exists. A crash may leave part of it, so use it
   * only for folders that are not read yet. Missing parents get the same mode.
   */
  createFolder(path: string, mode: number, entries: readonly FolderEntry[]): Promise<boolean>;
  /**
   * Removes a folder with its files. Returns false if it contains anything else, or does not belong to root or this
   * user.
   */
  removeFolder(path: string, isOurs: (name: string) => boolean): Promise<boolean>;
}
