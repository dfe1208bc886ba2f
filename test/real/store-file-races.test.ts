import {
  closeSync,
  copyFileSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Key, Store } from '../../src/ports/store.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  bytesOf,
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
import { isLong } from '../support/seeded.ts';

const { newPath } = ownFolder();

describe('writers that were too slow', () => {
  /** Files whose `link` waits until it is released, as after a SIGSTOP. */
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

  it('get a conflict and change nothing, however far the others are', async () => {
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

  it('do not bring back a deleted and tidied document, with or without their temporary file', async () => {
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

  it('succeed if the next one built on them before they checked', async () => {
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

  it('succeed even if the next one was killed between renaming a file and linking it', async () => {
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

describe('a deletion marker of a name that is never used again', () => {
  const token: Key = { kind: 'token', name: 'a' };
  const put = (store: Store, text: string, ifRevision: string | null) =>
    store.put(token, bytesOf(text), { ifRevision, signal });
  /** Deletes the token like a process that does only this, and ends. */
  async function deleteAndEnd(root: string): Promise<void> {
    const store = open(root);
    const entry = await store.get(token, signal);
    await store.delete(token, { ifRevision: entry?.revision ?? '', signal });
    await store.close?.();
  }
  const markersOf = (root: string) => namesIn(root).filter((name) => name.startsWith('a@'));

  it('goes with its folder when the process that made it ends', async () => {
    const root = newPath();
    await put(open(root), '0', null);
    await deleteAndEnd(root);
    expect(readdirSync(join(root, 'token'))).toEqual([]);
    expect(await open(root).get(token, signal)).toBeUndefined();
  });

  itDrawn('goes while the process that made it runs on, which leaves and remembers no more than 256', async () => {
    const root = newPath();
    const store = open(root);
    for (let i = 0; i < 300; i += 1) {
      const key: Key = { kind: 'version', name: `v${i}` };
      await store.delete(key, { ifRevision: await store.put(key, bytesOf('x'), { ifRevision: null, signal }), signal });
    }
    expect(namesIn(root).filter((name) => name.startsWith('v'))).toHaveLength(256);
    await store.close?.();
    expect(namesIn(root)).toEqual([]);
  });

  it('stays if the document was created again', async () => {
    const root = newPath();
    const store = open(root);
    const first = await put(store, '0', null);
    await store.delete(token, { ifRevision: first, signal });
    const again = await put(open(root), 'again', null);
    await store.close?.();
    expect(markersOf(root)).toEqual(['a@2', 'a@3']);
    expect((await open(root).get(token, signal))?.revision).toBe(again);
  });

  it.each(['before', 'after'] as const)(
    'stays while a slow writer is there, stopped %s its link, and he raises nothing',
    async (when) => {
      const root = newPath();
      const revision = await put(open(root), '0', null);
      let go = () => {};
      const gate = new Promise<void>((done) => {
        go = done;
      });
      let reached = () => {};
      const arrived = new Promise<void>((done) => {
        reached = done;
      });
      const wait = async () => {
        reached();
        await gate;
      };
      const slow = filesWith((real) => ({
        link: async (existing, path) => {
          if (when === 'before') await wait();
          const linked = await real.link(existing, path);
          if (when === 'after') await wait();
          return linked;
        },
      }));
      const tooLate = put(open(root, slow), 'slow', revision).catch((error: unknown) => error);
      await arrived;
      await deleteAndEnd(root);
      expect(markersOf(root)).toEqual([when === 'before' ? 'a@2' : 'a@3']);
      // A process that creates it again continues after the marker.
      const again = await put(open(root), 'again', null);
      go();
      // If it was linked, the deletion was built on it: it succeeded, and is gone.
      if (when === 'after') expect(await tooLate).toMatch(/^2-/);
      else expect(await tooLate).toMatchObject({ code: 'store/conflict' });
      expect((await open(root).get(token, signal))?.revision).toBe(again);
      // An hour later no process is in the way any more.
      await deleteAndEnd(root);
      await open(root, later(2 * hourMs)).tidy(signal);
      expect(readdirSync(join(root, 'token'))).toEqual([]);
    },
  );

  it.each(['put', 'delete'] as const)(
    'is gone, and the document made again under the same number, before a slow %s has begun to write',
    async (what) => {
      const root = newPath();
      const revision = await put(open(root), '0', null);
      let again = '';
      const slow = filesWith((real) => ({
        draft: async (...args) => {
          await deleteAndEnd(root);
          again = await put(open(root), 'again', null);
          return real.draft(...args);
        },
      }));
      const store = open(root, slow);
      const tooLate =
        what === 'put' ? put(store, 'slow', revision) : store.delete(token, { ifRevision: revision, signal });
      expect((await failureOf(tooLate)).code).toBe('store/conflict');
      expect(again.split('-')[0]).toBe(revision.split('-')[0]);
      expect((await open(root).get(token, signal))?.revision).toBe(again);
      expect(namesIn(root)).toEqual(['a@1']);
    },
  );

  it('may go while a process creates the document again: it gets a conflict, and no marker is left', async () => {
    const root = newPath();
    const store = open(root);
    await store.delete(token, { ifRevision: await put(store, '0', null), signal });
    const slow = filesWith((real) => ({
      draft: async (...args) => {
        await store.close?.();
        return real.draft(...args);
      },
    }));
    expect((await failureOf(put(open(root, slow), 'again', null))).code).toBe('store/conflict');
    expect(filesOf(root)).toEqual([]);
    await put(open(root), 'again', null);
  });

  it('may take its folder along while another process makes it: that process makes it again', async () => {
    const root = newPath();
    let left = 2;
    const slow = filesWith((real) => ({
      async makeFolders(path, mode) {
        const made = await real.makeFolders(path, mode);
        if (path.includes('/token/') && left > 0) {
          left -= 1;
          rmdirSync(path);
          // As the real one looks at what it has made.
          statSync(path);
        }
        return made;
      },
    }));
    const revision = await put(open(root, slow), '0', null);
    expect([left, (await open(root).get(token, signal))?.revision]).toEqual([0, revision]);
  });

  const passes = isLong ? 40 : 4;
  it(`does not accumulate: ${passes} passes over 30 lineages leave nothing more`, async () => {
    const root = newPath();
    const kinds = ['key', 'version', 'token'] as const;
    for (let pass = 0; pass < passes; pass += 1) {
      const store = open(root);
      for (const kind of kinds)
        for (let n = 0; n < 30; n += 1) {
          const document = { kind, name: `c${n}~${pass}` };
          const revision = await store.put(document, bytesOf('x'), { ifRevision: null, signal });
          const old = kind === 'token' ? document : { kind, name: `c${n}~${pass - 2}` };
          const entry = kind === 'token' ? { revision } : await store.get(old, signal);
          if (entry) await store.delete(old, { ifRevision: entry.revision, signal });
        }
      await store.close?.();
    }
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile())).toHaveLength(30 * 2 * 2);
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    expect(folders.filter((folder) => readdirSync(folder).length === 0)).toEqual([join(root, 'token')]);
  });
});

describe('a revision that is written over', () => {
  /** Three revisions; the first one is gone, and the second would be written over next. */
  async function threeRevisions() {
    const root = newPath();
    const store = open(root);
    return { root, store, revision: await revisions(store, '1', '2', '3') };
  }

  it('needs no new file: two files alternate', async () => {
    const { root, store, revision } = await threeRevisions();
    const inode = (name: string) => statSync(fileOf(root, name)).ino;
    const [second, third] = [inode('a@2'), inode('a@3')];
    const fourth = await write(store, 'a longer one, and then a', revision);
    await write(store, '5', fourth);
    expect([inode('a@4'), inode('a@5')]).toEqual([second, third]);
    expect(textOf(await store.get(key('a'), signal))).toBe('5');
    expect((await scanAll(store)).map((entry) => entry.corrupt)).toEqual([undefined]);
  });

  it('is left alone if a backup has a hard link to it', async () => {
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

  it('is never read as its old content, however slow the reader', async () => {
    for (const stops of ['before', 'after'] as const) {
      for (const ahead of [1, 2, 3, 4]) {
        const { root, store, revision } = await threeRevisions();
        let first = true;
        // A reader that has listed the folder, or opened the file, and then waits while others write.
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
        // Still revision 3 if it was read before it was written over, else a later one, complete.
        expect(textOf(entry)).toBe(number === 3 ? '3' : `later ${number - 4}`);
        expect(number > 3).toBe(ahead >= 2);
      }
    }
  });

  it('that changes during a read makes the reader read the next one', async () => {
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
