import { closeSync, copyFileSync, linkSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  create,
  failureOf,
  fileOf,
  filesOf,
  filesWith,
  hourMs,
  key,
  later,
  namesIn,
  open,
  ownFolder,
  revisions,
  scanAll,
  signal,
  textOf,
  write,
} from '../support/file-store-bench.ts';

const { newPath } = ownFolder();

describe('writers that were too slow', () => {
  /** Files whose `link` waits until it is let go, as after a SIGSTOP. */
  function slowFiles() {
    let go = () => {};
    let reached = () => {};
    const gate = new Promise<void>((done) => {
      go = done;
    });
    const arrived = new Promise<void>((done) => {
      reached = done;
    });
    const slow = filesWith((real) => ({
      link: async (existing, path) => {
        reached();
        await gate;
        return real.link(existing, path);
      },
    }));
    return { slow, arrived, go };
  }

  it('are told so, and change nothing, however far the others have gone', async () => {
    for (const ahead of [1, 2, 3, 5]) {
      const root = newPath();
      const quick = open(root);
      let revision = await create(quick, 'a', '0');
      const { slow, arrived, go } = slowFiles();
      const tooLate = failureOf(write(open(root, slow), 'slow', revision));
      await arrived;
      for (let n = 1; n <= ahead; n += 1) {
        revision = await write(quick, String(n), revision);
      }
      go();
      expect((await tooLate).code).toBe('store/conflict');
      expect(textOf(await quick.get(key('a'), signal))).toBe(String(ahead));
      expect(filesOf(root).length).toBe(2);
      await write(quick, 'next', revision);
    }
  });

  it('do not raise the dead: deleted and tidied, with or without their temporary file', async () => {
    for (const tidies of [true, false]) {
      const root = newPath();
      const quick = open(root);
      const revision = await create(quick, 'a', '0');
      const { slow, arrived, go } = slowFiles();
      const tooLate = failureOf(write(open(root, slow), 'slow', revision));
      await arrived;
      await quick.delete(key('a'), { ifRevision: revision, signal });
      if (tidies) await open(root, later(25 * hourMs)).tidy(signal);
      else rmSync(fileOf(root, 'a@2'));
      go();
      expect((await tooLate).code).toBe('store/conflict');
      expect(await quick.get(key('a'), signal)).toBeUndefined();
    }
  });

  it('are told that they have won when the next one built on them before they looked', async () => {
    const root = newPath();
    const quick = open(root);
    const first = await create(quick, 'a', '0');
    const overtaken = filesWith((real) => ({
      link: async (existing, path) => {
        const linked = await real.link(existing, path);
        const entry = await quick.get(key('a'), signal);
        await write(quick, `on ${textOf(entry)}`, entry?.revision ?? '');
        return linked;
      },
    }));
    await write(open(root, overtaken), 'mine', first);
    expect(textOf(await quick.get(key('a'), signal))).toBe('on mine');
  });

  it('have won, though the next one was killed between taking a file away and linking it', async () => {
    const root = newPath();
    const quick = open(root);
    const revision = await revisions(quick, '0', '1', '2', '3');
    const killed = filesWith(() => ({ link: () => Promise.reject(new Error('killed')), remove: async () => {} }));
    const late = filesWith((real) => ({
      link: async (existing, path) => {
        const linked = await real.link(existing, path);
        const next = (await quick.get(key('a'), signal))?.revision ?? '';
        await write(open(root, killed), 'lost', next).catch(() => undefined);
        return linked;
      },
    }));
    await write(open(root, late), 'mine', revision);
    expect(textOf(await quick.get(key('a'), signal))).toBe('mine');
  });
});

describe('a revision that is written over', () => {
  /** Three revisions; the first one is gone, and the second would be written over next. */
  async function threeRevisions() {
    const root = newPath();
    const store = open(root);
    return { root, store, revision: await revisions(store, '1', '2', '3') };
  }

  it('makes no new file and frees none: two take turns', async () => {
    const { root, store, revision } = await threeRevisions();
    const inode = (name: string) => statSync(fileOf(root, name)).ino;
    const [second, third] = [inode('a@2'), inode('a@3')];
    const fourth = await write(store, 'a longer one, and then a', revision);
    await write(store, '5', fourth);
    expect([inode('a@4'), inode('a@5')]).toEqual([second, third]);
    expect(textOf(await store.get(key('a'), signal))).toBe('5');
    expect((await scanAll(store)).map((entry) => entry.corrupt)).toEqual([undefined]);
  });

  it('is left alone where a backup has a hard link to it', async () => {
    const { root, store, revision } = await threeRevisions();
    const backup = newPath('backup');
    linkSync(fileOf(root, 'a@2'), backup);
    const before = readFileSync(backup, 'utf8');
    await write(store, '4', revision);
    expect(readFileSync(backup, 'utf8')).toBe(before);
    expect(namesIn(root)).toEqual(['a@3', 'a@4']);
  });

  it('is removed after what a crash left below it', async () => {
    const { root, store, revision } = await threeRevisions();
    copyFileSync(fileOf(root, 'a@2'), join(fileOf(root, 'a@2'), '../a@1'));
    const removed: string[] = [];
    const watched = filesWith((real) => ({
      draft: (folder, content, attributes, spare) => {
        if (spare !== undefined) removed.push(basename(spare));
        return real.draft(folder, content, attributes, spare);
      },
      remove: (path) => {
        if (path.includes('@')) removed.push(basename(path));
        return real.remove(path);
      },
    }));
    await write(open(root, watched), '4', revision);
    expect(removed).toEqual(['a@1', 'a@2']);
    expect(textOf(await store.get(key('a'), signal))).toBe('4');
  });

  it('is never taken for what it was, however late its reader comes', async () => {
    for (const stops of ['before', 'after'] as const) {
      for (const ahead of [1, 2, 3, 4]) {
        const { root, store, revision } = await threeRevisions();
        let first = true;
        // A reader that has listed the folder, or opened the file, and then waits while others go on.
        const slow = filesWith((real) => ({
          read: async (path) => {
            if (!first) return real.read(path);
            first = false;
            const stale = stops === 'after' ? openSync(path, 'r') : undefined;
            let last = revision;
            for (let n = 0; n < ahead; n += 1) last = await write(store, `later ${n}`, last);
            if (stale === undefined) return real.read(path);
            const bytes = readFileSync(stale);
            closeSync(stale);
            return bytes;
          },
        }));
        const entry = await open(root, slow).get(key('a'), signal);
        const number = Number(entry?.revision.split('-')[0]);
        // Still revision 3 where it was read before it was written over (its reader is only late), else a later one whole.
        expect(textOf(entry)).toBe(number === 3 ? '3' : `later ${number - 4}`);
        expect(number > 3).toBe(ahead >= 2);
      }
    }
  });

  it('torn under the eyes of a reader sends him to the next one', async () => {
    const { root, store, revision } = await threeRevisions();
    let first = true;
    const torn = filesWith((real) => ({
      read: async (path) => {
        const bytes = await real.read(path);
        if (!first || !bytes) return bytes;
        first = false;
        let last = revision;
        for (const text of ['4', '5']) last = await write(store, text, last);
        return bytes.subarray(0, bytes.length - 1);
      },
    }));
    expect(textOf(await open(root, torn).get(key('a'), signal))).toBe('5');
    expect((await scanAll(open(root, torn))).map((entry) => entry.corrupt)).toEqual([undefined]);
  });
});
