import { describe, expect, it } from 'vitest';
import { chanceOf, firstSeed } from '../../test/support/seeded.ts';
import { isFailure } from '../core/errors/errors.ts';
import type { FileStat, Files } from '../ports/files.ts';
import type { Key, Kind, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import fileStore from './file.ts';

// Several processes on one document, in any order of their calls to the file system: each call of each process waits
// until it is picked at random. Some are killed anywhere. What test/long/store-torture.test.ts does with signals, on a
// file system in memory: thousands of orders, and each can be repeated by its seed.

/** Draws a whole number below another. */
function drawing(seed: number): (below: number) => number {
  const chance = chanceOf(seed);
  return (below) => Math.floor(chance() * below);
}

interface Inode {
  content: Uint8Array;
  links: number;
}

const systemError = (code: string, syscall: string, path: string) =>
  Object.assign(new Error(`${code}: ${syscall} ${path}`), { code, syscall, path });

/** A file system in memory: what the file store needs of one, each call in one step. */
class Disk {
  readonly names = new Map<string, Inode>();
  readonly folders = new Set<string>();
  #drafts = 0;
  readonly nowMs: number;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  filesOf(turn: () => Promise<void>): Files {
    const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
    const inFolder = (folder: string) =>
      [...this.names.keys(), ...this.folders]
        .filter((path) => folderOf(path) === folder)
        .map((path) => path.slice(folder.length + 1));
    const calls: Partial<Files> = {
      read: async (path) => this.names.get(path)?.content.slice(),
      stat: async (path): Promise<FileStat | undefined> => {
        const inode = this.names.get(path);
        const kind = inode ? 'file' : this.folders.has(path) ? 'folder' : undefined;
        if (kind === undefined) return undefined;
        const facts = { size: 0, mode: 0o600, uid: 0, gid: 0, modifiedMs: this.nowMs, changedMs: this.nowMs };
        return { ...facts, kind, links: inode?.links ?? 1 };
      },
      list: async (folder) => (this.folders.has(folder) ? inFolder(folder) : undefined),
      makeFolders: async (path) => {
        for (let folder = path; folder !== ''; folder = folderOf(folder)) this.folders.add(folder);
        return [];
      },
      remove: async (path) => {
        const inode = this.names.get(path);
        if (inode) inode.links -= 1;
        this.names.delete(path);
      },
      removeFolderIfEmpty: async (folder) => inFolder(folder).length === 0 && this.folders.delete(folder),
      draft: async (folder, content, _attributes, spare) => {
        const path = `${folder}/.certfleet-1-a-${++this.#drafts}.tmp`;
        const old = spare === undefined ? undefined : this.names.get(spare);
        if (spare !== undefined && old) {
          this.names.delete(spare);
          this.names.set(path, old);
          await turn();
        }
        if (old?.links === 1) old.content = content as Uint8Array;
        else {
          if (!this.folders.has(folder)) throw systemError('ENOENT', 'open', path);
          if (old) old.links -= 1;
          this.names.set(path, { content: content as Uint8Array, links: 1 });
        }
        await turn();
        return path;
      },
      link: async (existing, path) => {
        const inode = this.names.get(existing);
        if (!inode) throw systemError('ENOENT', 'link', existing);
        if (this.names.has(path)) return false;
        inode.links += 1;
        this.names.set(path, inode);
        return true;
      },
      syncFolder: async (folder) => {
        if (!this.folders.has(folder)) throw systemError('ENOENT', 'open', folder);
      },
    };
    const turned = Object.fromEntries(
      Object.entries(calls).map(([name, call]) => [
        name,
        async (...args: unknown[]) => {
          await turn();
          return (call as (...args: unknown[]) => unknown)(...args);
        },
      ]),
    );
    // Not a step, because nothing changes the owners on this disk.
    return { ...turned, untrusted: async () => undefined } as unknown as Files;
  }
}

interface Act {
  readonly what: 'get' | 'put' | 'delete';
  /** The revision that was written on, or that was read; null: there was none. */
  readonly base: string | null;
  readonly began: number;
  /** undefined: killed, or told a conflict (which may have been taken). */
  ended?: number;
  revision?: string;
}

const { signal } = new AbortController();

/** Documents that the store keeps in the same folder as `a`. */
const neighbours = ['b308', 'b319'];
const conflictIsFine = (error: unknown): void => {
  if (!isFailure(error, 'store/conflict')) throw error;
};

/** Runs processes in an order that the seed decides; answers everything they did, and what is there in the end. */
async function play(kind: Kind, seed: number, { scrubs = false } = {}) {
  const document: Key = { kind, name: 'a' };
  const pick = drawing(seed);
  const clock = fakeClock(new Date('2026-11-24T10:00:00Z'));
  const disk = new Disk(clock.now().getTime());
  const acts: Act[] = [];
  const waiting: { readonly who: number; readonly go: () => void }[] = [];
  let time = 0;
  let bytes = 0;
  const random = { bytes: (length: number) => Uint8Array.from({ length }, () => (bytes = (bytes * 31 + 7) % 251)) };

  async function act(what: Act['what'], base: string | null, call: () => Promise<string | undefined>): Promise<void> {
    const one: Act = { what, base, began: ++time };
    acts.push(one);
    try {
      const revision = await call();
      if (revision !== undefined) one.revision = revision;
      one.ended = ++time;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }

  async function process(who: number, rounds: number): Promise<void> {
    const turn = () => new Promise<void>((go) => waiting.push({ who, go }));
    const open = (): Store => {
      const world = { files: disk.filesOf(turn), clock, random: { ...random } } as unknown as World;
      return fileStore.connect({ options: { path: '/s' }, name: 'store', world });
    };
    // One of them removes whatever is not the document.
    if (scrubs && who === 0) {
      for (let round = 0; round < rounds; round += 1) await open().scrub?.(kind, () => false, signal);
      return;
    }
    for (let round = 0; round < rounds; round += 1) {
      const store = open();
      let base: string | null = null;
      await act('get', null, async () => {
        base = (await store.get(document, signal))?.revision ?? null;
        return base ?? undefined;
      });
      const ifRevision = base as string | null;
      if (ifRevision !== null && pick(3) > 0)
        await act('delete', ifRevision, async () => void (await store.delete(document, { ifRevision, signal })));
      else {
        // Created while others are being created in its folder, it shares what they do.
        const besides = ifRevision === null && pick(2) === 0 ? neighbours : [];
        const others = besides.map((name) =>
          store.put({ kind, name }, new Uint8Array([who]), { ifRevision: null, signal }).then(() => {}, conflictIsFine),
        );
        await act('put', ifRevision, () => store.put(document, new Uint8Array([who, round]), { ifRevision, signal }));
        await Promise.all(others);
      }
      await store.close?.();
    }
  }

  const count = 2 + pick(3);
  let failed: unknown;
  let running = 0;
  for (let who = 0; who < count; who += 1) {
    running += 1;
    process(who, 1 + pick(3))
      .catch((error: unknown) => {
        failed = error;
      })
      .finally(() => {
        running -= 1;
      });
  }
  const killed = new Set<number>();
  const sticks = pick(4);
  let last = -1;
  for (let idle = 0; idle < 50; ) {
    await Promise.resolve();
    const ready = waiting.filter(({ who }) => !killed.has(who));
    // Every process that runs waits for its turn, once the callbacks in between are through.
    if (ready.length < running - killed.size || ready.length === 0) {
      idle += 1;
      continue;
    }
    idle = 0;
    // Often the same one goes on, as in life; a stop in one unlucky place is then followed by much of the others.
    const same = ready.find(({ who }) => who === last);
    const next = same && pick(4) < sticks ? same : ready[pick(ready.length)]!;
    last = next.who;
    if (killed.size < count - 1 && pick(60) === 0) {
      killed.add(next.who);
      continue;
    }
    waiting.splice(waiting.indexOf(next), 1);
    next.go();
  }
  if (failed) throw failed;
  const store = fileStore.connect({
    options: { path: '/s' },
    name: 'store',
    world: { files: disk.filesOf(async () => {}), clock, random } as unknown as World,
  });
  const left = (await store.get(document, signal))?.revision;
  return { acts, left, names: [...disk.names.keys()], killed: killed.size };
}

/** What must not happen, no matter which process is killed and how slow each one is. */
function violations({ acts, left, killed }: Awaited<ReturnType<typeof play>>): readonly string[] {
  const found: string[] = [];
  const puts = acts.filter(({ what, ended }) => what === 'put' && ended !== undefined);
  // The third known flaw of the store (file.ts): one that was killed right after a late link, on a marker that was being
  // removed, leaves its revision above those that were acknowledged. One history of 40,000 has it.
  const isLate = killed > 0 && left !== undefined && acts.every(({ revision }) => revision !== left);
  const doubled = puts.filter(({ base }, at) => base !== null && puts.findIndex((other) => other.base === base) !== at);
  for (const { base } of doubled) found.push(`${base} was replaced twice`);
  for (const { revision, ended } of puts) {
    const onIt = acts.filter(({ what, base }) => what !== 'get' && base === revision);
    if (revision !== left && onIt.length === 0 && !isLate) found.push(`${revision} was acknowledged, and is gone`);
    const over = Math.min(...onIt.flatMap((one) => one.ended ?? []));
    for (const read of acts)
      if (read.what === 'get' && read.revision === revision && read.began > over)
        found.push(`${revision} was read after it had been replaced or deleted`);
    const before = Math.min(...onIt.map(({ began }) => began));
    for (const read of acts)
      if (read.what === 'get' && read.ended !== undefined && read.revision === undefined)
        if (read.began > ended! && read.ended < before) found.push(`${revision} was missed by a reader`);
  }
  return found;
}

describe('several processes on one document', () => {
  // Deletion markers of tokens go early and their numbers begin anew; those of lineages stay.
  it.each(['token', 'lineage'] as const)(
    'of the kind %s lose no acknowledged write and raise nothing',
    async (kind) => {
      const orders = process.env['CERTFLEET_LONG'] ? 50_000 : 150;
      let anew = 0;
      for (let seed = firstSeed; seed < firstSeed + orders; seed += 1) {
        const played = await play(kind, seed);
        expect(violations(played), `seed ${seed}: ${JSON.stringify(played)}`).toEqual([]);
        const begun = played.acts.filter(
          ({ what, base, revision }) => what === 'put' && base === null && revision?.startsWith('1-'),
        );
        if (begun.length > 1) anew += 1;
      }
      expect(anew > 0).toBe(kind === 'token');
    },
    600_000,
  );

  it.each(['key', 'account'] as const)(
    'of the kind %s lose no acknowledged write to a scrub',
    async (kind) => {
      const orders = process.env['CERTFLEET_LONG'] ? 50_000 : 150;
      for (let seed = firstSeed; seed < firstSeed + orders; seed += 1) {
        const played = await play(kind, seed, { scrubs: true });
        expect(violations(played), `seed ${seed}: ${JSON.stringify(played)}`).toEqual([]);
      }
    },
    600_000,
  );
});
