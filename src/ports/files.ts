/**
 * The file system, as far as certfleet changes it. One object stands behind it (`lib/files.ts`), so that the crash
 * tests can name and interrupt every write and rename.
 */
export interface FileAttributes {
  /** Permission bits, for instance 0o600; applied right under any umask. */
  readonly mode: number;
  /** Numeric owner and group; kept as they are where undefined. */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * What a power cut may take. Nothing unless said. `name`: the content is on the disk, the name only after a
   * `syncFolder` of the caller, for several files in one folder. `all`: what a crash may lose (a challenge file).
   */
  readonly losable?: 'name' | 'all';
}

/** A file in a folder that is made with its content. */
export interface FolderEntry {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly attributes: FileAttributes;
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'symlink' | 'other';
  readonly size: number;
  /** How many names it has (hard links). */
  readonly links: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** When content, name, owner or mode was changed last. */
  readonly changedMs: number;
}

/** How much a file system can still take, in bytes. */
export interface FileSpace {
  /** Free for this user. */
  readonly free: number;
  readonly total: number;
}

/**
 * System errors (EACCES, ENOSPC, ENOTDIR…) come through as Node gives them; the caller says whose fault they are and
 * words them with `reasonOf`.
 */
export interface Files {
  /** The content, or undefined where there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** undefined where there is nothing; does not follow a symlink. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, or undefined where there is no such folder. */
  list(folder: string): Promise<readonly string[] | undefined>;
  readLink(path: string): Promise<string | undefined>;
  /**
   * Writes a file so that a reader or a crash sees the old content or the new, never a part: temporary file beside
   * it, fsync, rename, fsync of the folder. Parent folders must exist.
   */
  replace(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<void>;
  /**
   * Adds whole lines at the end of a file, in one write and durably: nobody else's are lost who does the same at that
   * moment. The file keeps owner and mode, a symlink is followed; a missing file is made.
   */
  append(path: string, lines: string): Promise<void>;
  /** Points a symlink at a target in one step (symlink beside it, rename). */
  replaceLink(path: string, target: string): Promise<void>;
  /** Creates a folder and its missing parents with this mode; fine where it exists. Answers which were made. */
  makeFolders(path: string, mode: number): Promise<readonly string[]>;
  /**
   * Makes a folder that must not exist, with files in it, all of it durable in the end; false where it exists. A crash
   * may leave a part of it: for folders that nobody reads yet. Missing parents are made with the same mode.
   */
  createFolder(path: string, mode: number, entries: readonly FolderEntry[]): Promise<boolean>;
  /** Removes a file or symlink; fine where there is none. */
  remove(path: string): Promise<void>;
  /** Removes a folder when it is empty; false where it is not, or not there. */
  removeFolderIfEmpty(path: string): Promise<boolean>;
  /** Removes a folder with all that is in it; fine where there is none. */
  removeTree(path: string): Promise<void>;
  /**
   * What the file store makes a revision of; it must look between the steps. `draft` writes and fsyncs a
   * temporary file in a folder and answers its path. `spare` is the path of a file in that folder that nobody needs any
   * more: it is taken away and written over, which costs a file system less than making one file and removing another.
   */
  draft(folder: string, content: string | Uint8Array, attributes: FileAttributes, spare?: string): Promise<string>;
  /** Gives a file a second name (a hard link); false where that name is taken. Not durable before `syncFolder`. */
  link(existing: string, path: string): Promise<boolean>;
  /** fsync of a folder: names made and removed in it survive a power cut. */
  syncFolder(folder: string): Promise<void>;
  /** Space on the file system that holds this path, which must exist. */
  space(path: string): Promise<FileSpace>;
}
