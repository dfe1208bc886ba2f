import { basename, dirname, normalize, resolve } from 'node:path';
import type { FileAttributes, FileStat, Files, FilesWithin } from '../../src/ports/files.ts';

interface Node {
  kind: 'file' | 'folder' | 'symlink';
  content: Uint8Array;
  target: string;
  mode: number;
  links: number;
  modifiedMs: number;
}

export type Snapshot = ReadonlyMap<string, Node>;

/** The port `Files` in memory, for whole runs of the program without a disk. Symbolic links are not followed. */
export interface MemoryFiles extends Files, Omit<FilesWithin, 'read'> {
  /** A copy of the whole disk, for {@link memoryFiles}. */
  snapshot(): Snapshot;
  /** Every file below a folder with its text. */
  contents(folder: string): Readonly<Record<string, string>>;
}

/** The limit of Linux. */
const maxLinks = 40;

/** Begins with an empty disk, or with a copy of another one. */
export function memoryFiles(now: () => Date, like?: Snapshot): MemoryFiles {
  // Names of one file stay names of one file.
  const nodes = new Map(structuredClone(like));
  const clean = (path: string): string => normalize(path).replace(/(?<=.)\/$/, '');
  const make = (path: string, fields: Partial<Node>): void => {
    if (path !== '/' && nodes.get(dirname(path))?.kind !== 'folder') throw refusal('ENOENT', path);
    const node = { kind: 'file', content: new Uint8Array(), target: '', mode: 0o644, links: 1 } as const;
    nodes.set(path, { ...node, modifiedMs: now().getTime(), ...fields });
  };
  const below = (folder: string): string[] => [...nodes.keys()].filter((path) => path.startsWith(`${folder}/`));
  const write = (path: string, content: string | Uint8Array, { mode }: FileAttributes): void =>
    make(clean(path), { content: Buffer.from(content), mode });
  const remove = (path: string): void => {
    const node = nodes.get(path);
    if (node) node.links -= 1;
    nodes.delete(path);
  };
  let drafts = 0;
  if (like === undefined) make('/', { kind: 'folder', mode: 0o755 });

  const files: MemoryFiles = {
    user: () => 0,
    snapshot: () => structuredClone(nodes),
    contents: (folder) =>
      Object.fromEntries(
        below(folder)
          .filter((path) => nodes.get(path)?.kind === 'file')
          .map((path) => [path, Buffer.from(nodes.get(path)?.content ?? '').toString('utf8')]),
      ),
    read: async (path) => nodes.get(clean(path))?.content.slice(),
    async stat(path): Promise<FileStat | undefined> {
      const node = nodes.get(clean(path));
      if (!node) return undefined;
      const { kind, mode, links, modifiedMs, content } = node;
      return { kind, mode, links, modifiedMs, changedMs: modifiedMs, size: content.length, uid: 0, gid: 0 };
    },
    untrusted: async () => undefined,
    async place(path) {
      let at = clean(path);
      for (let links = 0; links <= maxLinks; links += 1) {
        const node = nodes.get(at);
        if (node?.kind !== 'symlink') return { path: at };
        at = resolve(dirname(at), node.target);
      }
      throw refusal('ELOOP', path);
    },
    async list(folder) {
      const at = clean(folder);
      if (nodes.get(at)?.kind !== 'folder') return undefined;
      return below(at)
        .filter((path) => dirname(path) === at)
        .map((path) => basename(path));
    },
    readLink: async (path) => {
      const node = nodes.get(clean(path));
      return node?.kind === 'symlink' ? node.target : undefined;
    },
    replace: async (path, content, attributes) => write(path, content, attributes),
    async create(path, content, attributes) {
      if (nodes.has(clean(path))) return false;
      write(path, content, attributes);
      return true;
    },
    async append(path, lines) {
      const before = nodes.get(clean(path));
      write(path, Buffer.concat([before?.content ?? new Uint8Array(), Buffer.from(lines)]), {
        mode: before?.mode ?? 0o644,
      });
    },
    replaceLink: async (path, target) => make(clean(path), { kind: 'symlink', target }),
    async makeFolders(path, mode) {
      const made: string[] = [];
      for (let at = clean(path); !nodes.has(at); at = dirname(at)) made.unshift(at);
      for (const folder of made) make(folder, { kind: 'folder', mode });
      return made;
    },
    async createFolder(path, mode, entries) {
      if (nodes.has(clean(path))) return false;
      await files.makeFolders(path, mode);
      for (const { name, content, attributes } of entries) write(`${path}/${name}`, content, attributes);
      return true;
    },
    remove: async (path) => remove(clean(path)),
    async removeFolderIfEmpty(path) {
      const at = clean(path);
      if (!nodes.has(at) || below(at).length > 0) return false;
      return nodes.delete(at);
    },
    async removeFolder(path, isOurs) {
      const inside = below(clean(path));
      if (!inside.every((one) => nodes.get(one)?.kind === 'file' && isOurs(basename(one)))) return false;
      for (const one of [...inside, clean(path)]) remove(one);
      return true;
    },
    async draft(folder, content, attributes, spare) {
      if (spare !== undefined) remove(clean(spare));
      drafts += 1;
      const path = `${clean(folder)}/.certfleet-1-0-${drafts}.tmp`;
      write(path, content, attributes);
      return path;
    },
    async link(existing, path) {
      const node = nodes.get(clean(existing));
      if (!node) throw refusal('ENOENT', existing);
      if (nodes.has(clean(path))) return false;
      node.links += 1;
      nodes.set(clean(path), node);
      return true;
    },
    uid: 0,
    within: (_folder, _guard, work) => work(files),
    syncFolder: async () => undefined,
    space: async () => ({ free: 2 ** 40, total: 2 ** 40 }),
  };
  return files;
}

const refusal = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code, path, syscall: 'open' });
