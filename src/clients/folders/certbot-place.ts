import { dirname, join, resolve } from 'node:path';
import type { FileAttributes, FilesWithin } from '../../ports/files.ts';

/**
 * In the order in which links are swapped. A server reads fullchain and privkey, so these two change one right after
 * the other.
 */
export const kinds = ['chain', 'cert', 'privkey', 'fullchain'] as const;
export type Kind = (typeof kinds)[number];

/** The target of each link in `live/<name>/`, as the link contains it. */
export type Links = Readonly<Record<Kind, string>>;

/** The state before certfleet wrote here. */
export interface Mark {
  /** The name of the folder in `live/`. */
  readonly name: string;
  /** Undefined if certfleet created the lineage. */
  readonly before?: Links;
  /** The numbers of the files that certfleet wrote. */
  readonly made: readonly number[];
}

/** The mark's name, in a lineage's archive folder. */
export const markFile = '.certfleet.json';
/** The longest chain of links to a key: with `reuse_key`, certbot links each key to the previous one. */
const mostLinks = 40;
/**
 * The mode bits of the previous private key that certbot keeps: the group's permissions, and read permission for
 * others.
 */
const keptMode = 0o074;

/** One lineage in certbot's folders. Every path is below the root. */
export class CertbotPlace {
  readonly inside: FilesWithin;
  readonly root: string;
  readonly name: string;
  readonly live: string;
  readonly #ownArchive: string;

  constructor(inside: FilesWithin, root: string, name: string) {
    this.inside = inside;
    this.root = root;
    this.name = name;
    this.live = join(root, 'live', name);
    this.#ownArchive = join(root, 'archive', name);
  }

  /** Returns undefined unless all four are links, as certbot makes them. */
  async links(): Promise<Links | undefined> {
    const found: Partial<Record<Kind, string>> = {};
    for (const kind of kinds) {
      const target = await this.inside.readLink(join(this.live, `${kind}.pem`));
      if (target === undefined || !new RegExp(`(^|/)${kind}[0-9]+\\.pem$`).test(target)) return undefined;
      found[kind] = target;
    }
    return found as Links;
  }

  async setLinks(links: Links): Promise<void> {
    for (const kind of kinds) {
      const path = join(this.live, `${kind}.pem`);
      if ((await this.inside.readLink(path)) !== links[kind]) await this.inside.replaceLink(path, links[kind]);
    }
  }

  /** Returns the folder that the links lead to. A renamed lineage may keep its old folder. */
  archiveOf(links: Links | undefined): string {
    return links ? resolve(this.live, dirname(links.fullchain)) : this.#ownArchive;
  }

  /** Returns the link's target for a numbered file. */
  target(links: Links | undefined, kind: Kind, number: number): string {
    return join(links ? dirname(links[kind]) : `../../archive/${this.name}`, `${kind}${number}.pem`);
  }

  /** Returns the numbers of all files, highest first. */
  async numbers(archive: string): Promise<readonly number[]> {
    const names = (await this.inside.list(archive)) ?? [];
    const found = names.flatMap((name) => /^(?:cert|privkey|chain|fullchain)([0-9]+)\.pem$/.exec(name)?.[1] ?? []);
    return [...new Set(found.map(Number))].sort((a, b) => b - a);
  }

  /** Returns the text of a file, following links, or undefined if it does not exist. */
  async text(path: string): Promise<string | undefined> {
    let at = path;
    for (let hops = 0; hops < mostLinks; hops++) {
      const target = await this.inside.readLink(at);
      if (target === undefined) break;
      at = resolve(dirname(at), target);
    }
    const bytes = at.startsWith(`${this.root}/`) ? await this.inside.read(at) : undefined;
    return bytes && Buffer.from(bytes).toString('utf8');
  }

  /** Returns owner, group and mode for a private key: those of the key in use, as certbot keeps them. */
  async keyAttributes(links: Links | undefined, mode: number): Promise<FileAttributes> {
    let at = links && resolve(this.live, links.privkey);
    for (let hops = 0; at !== undefined && hops < mostLinks; hops++) {
      const target = await this.inside.readLink(at);
      if (target === undefined) break;
      at = resolve(dirname(at), target);
    }
    const before = at === undefined ? undefined : await this.inside.stat(at);
    if (!before) return { mode };
    return { mode: mode | (before.mode & keptMode), gid: before.gid };
  }

  async mark(archive: string): Promise<Mark | undefined> {
    const bytes = await this.inside.read(join(archive, markFile));
    return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as Mark);
  }

  async setMark(archive: string, mark: Mark): Promise<void> {
    await this.inside.replace(join(archive, markFile), `${JSON.stringify(mark)}\n`, { mode: 0o600 });
  }

  async removeMark(archive: string): Promise<void> {
    await this.inside.remove(join(archive, markFile));
  }
}
