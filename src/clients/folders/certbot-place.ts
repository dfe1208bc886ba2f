import { dirname, join, resolve } from 'node:path';
import type { FileAttributes, FilesWithin } from '../../ports/files.ts';

/** In the order in which links are swapped: a server reads fullchain and privkey, so these two change side by side. */
export const kinds = ['chain', 'cert', 'privkey', 'fullchain'] as const;
export type Kind = (typeof kinds)[number];

/** Where each link in `live/<name>/` leads, as it is written there. */
export type Links = Readonly<Record<Kind, string>>;

/** What there was before certfleet wrote here. */
export interface Mark {
  /** The name of the folder in `live/`. */
  readonly name: string;
  /** Undefined if certfleet made the lineage. */
  readonly before?: Links;
  /** The numbers that certfleet has written. */
  readonly made: readonly number[];
}

/** In the archive of a lineage. */
export const markFile = '.certfleet.json';
/** The longest chain of links to a key: with `reuse_key`, certbot makes a link to the one before. */
const mostLinks = 40;
/** Of the private key before, certbot keeps what its group may do, and whether others may read it. */
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

  /** Undefined unless all four are links, as certbot makes them. */
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

  /** The folder that the links lead to: a renamed lineage may keep its old one. */
  archiveOf(links: Links | undefined): string {
    return links ? resolve(this.live, dirname(links.fullchain)) : this.#ownArchive;
  }

  /** The link to a numbered file. */
  target(links: Links | undefined, kind: Kind, number: number): string {
    return join(links ? dirname(links[kind]) : `../../archive/${this.name}`, `${kind}${number}.pem`);
  }

  /** The numbers that any of the files have, highest first. */
  async numbers(archive: string): Promise<readonly number[]> {
    const names = (await this.inside.list(archive)) ?? [];
    const found = names.flatMap((name) => /^(?:cert|privkey|chain|fullchain)([0-9]+)\.pem$/.exec(name)?.[1] ?? []);
    return [...new Set(found.map(Number))].sort((a, b) => b - a);
  }

  /** The text of a file, through links; undefined if there is none. */
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

  /** Owner, group and mode for a private key: those of the one in use, as certbot keeps them. */
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
