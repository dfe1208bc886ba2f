import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CertfleetError, isFailure } from '../../src/core/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createFiles } from '../../src/lib/files.ts';
import type { Entry, Key, Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import fileStore from '../../src/stores/file.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { storeWorld } from '../support/store-world.ts';
import { noteSkipped } from '../support/vitest.ts';

const { signal } = new AbortController();
const base = mkdtempSync(join(tmpdir(), 'certfleet-store-'));
const mounts: string[] = [];
let made = 0;

afterAll(() => {
  for (const mount of mounts) execFileSync('umount', [mount]);
  rmSync(base, { recursive: true, force: true });
});

const newRoot = (): string => join(base, `store-${++made}`);
const open = (path: string, replaced: Partial<World> = {}): Store =>
  fileStore.connect({ options: { path }, name: 'store', world: storeWorld(replaced) });

const key = (name: string, kind: Key['kind'] = 'lineage'): Key => ({ kind, name });
const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const textOf = (entry: Entry | undefined): string | undefined => entry && Buffer.from(entry.bytes).toString();
const create = (store: Store, name: string, text: string) =>
  store.put(key(name), bytesOf(text), { ifRevision: null, signal });

async function scanAll(store: Store): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const page of store.scan('lineage', signal)) entries.push(...page);
  return entries;
}

/** Every file below the root, by its path from there. */
function filesOf(root: string): readonly string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
const fileOf = (root: string, name: string): string =>
  filesOf(root).find((path) => basename(path) === name) ??
  expect.fail(`no file ${name} in ${filesOf(root).join(', ')}`);

async function failureOf(call: Promise<unknown>): Promise<CertfleetError> {
  const error = await call.then(
    () => expect.fail('it did not fail'),
    (caught: unknown) => caught,
  );
  if (!isFailure(error)) throw error;
  return error;
}

/** `n` ms from now, to a store that has been there all along. */
const later = (ms: number) => ({ clock: { ...systemClock, now: () => new Date(Date.now() + ms) } });
const hourMs = 3_600_000;

describe('the store contract on files', () => {
  storeContract({ describe, it, expect }, async () => {
    const root = newRoot();
    return { store: open(root), again: async () => open(root) };
  });
});

describe('layout', () => {
  it('is <kind>/<2 hex of sha1>/<name>@<number>, for the owner alone, under any umask', async () => {
    const root = newRoot();
    const before = process.umask(0o022);
    try {
      const store = open(root);
      await store.check(signal);
      await create(store, 'www.example.com', '{"a":1}');
    } finally {
      process.umask(before);
    }
    // sha1('www.example.com') begins with 1b: `printf www.example.com | sha1sum`.
    const shard = execFileSync('sha1sum', { input: 'www.example.com' }).toString().slice(0, 2);
    const path = join(root, 'lineage', shard, 'www.example.com@1');
    expect(filesOf(root)).toEqual([path]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const folder of [root, join(root, 'lineage'), join(root, 'lineage', shard)]) {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    }
    const [line, body] = readFileSync(path, 'utf8').split('\n');
    expect(line).toMatch(/^certfleet 1 live 1 [\w-]{8} - 7 [0-9a-f]{32} "www\.example\.com"$/);
    expect(body).toBe('{"a":1}');
  });

  it('keeps one predecessor, and none of what was deleted', async () => {
    const root = newRoot();
    const store = open(root);
    let revision = await create(store, 'a', '0');
    for (let n = 1; n < 6; n += 1) {
      revision = await store.put(key('a'), bytesOf(`secret ${n}`), { ifRevision: revision, signal });
    }
    expect(filesOf(root).map((path) => basename(path))).toEqual(['a@5', 'a@6']);
    await store.delete(key('a'), { ifRevision: revision, signal });
    expect(filesOf(root).map((path) => basename(path))).toEqual(['a@7']);
    expect(readFileSync(fileOf(root, 'a@7'), 'utf8')).not.toContain('secret');
  });

  it('writes nothing outside its folder, whatever the name', async () => {
    const root = join(newRoot(), 'inner');
    const store = open(root);
    for (const name of ['../../x', '/tmp/x', '..', 'a/../../b']) await create(store, name, 'x');
    for (const path of filesOf(join(root, '..')))
      expect(path).toMatch(/\/inner\/lineage\/[0-9a-f]{2}\/=[0-9a-f]{64}@1$/);
    expect(filesOf(root).length).toBe(4);
  });

  it('passes over files that are not its own', async () => {
    const root = newRoot();
    const store = open(root);
    await create(store, 'a', 'one');
    const folder = join(fileOf(root, 'a@1'), '..');
    for (const name of ['a@1.bak', 'a@01', 'a@0', 'a', 'a@', '.certfleet-7-ab-1.tmp', '#a@2#', 'README']) {
      writeFileSync(join(folder, name), 'foreign');
    }
    mkdirSync(join(root, 'lineage', 'lost+found'));
    expect(textOf(await store.get(key('a'), signal))).toBe('one');
    const entries = await scanAll(store);
    expect(entries.map((entry) => entry.key.name)).toEqual(['a']);
  });
});

describe('a spoiled document', () => {
  const spoil: Readonly<Record<string, (path: string) => void>> = {
    'cut to nothing': (path) => truncateSync(path, 0),
    'cut in its first line': (path) => truncateSync(path, 20),
    'cut in its content': (path) => truncateSync(path, statSync(path).size - 3),
    'longer than written': (path) => writeFileSync(path, `${readFileSync(path, 'latin1')}x`, 'latin1'),
    'one bit off': (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    'another document’s': (path) => {
      const other = fileOf(join(path, '../../..'), 'other@1');
      copyFileSync(other, path);
    },
    'zeros, as some disks leave it': (path) => writeFileSync(path, Buffer.alloc(500)),
  };

  for (const [how, change] of Object.entries(spoil)) {
    it(`${how}: is named, not used, not fallen back from, not removed`, async () => {
      const root = newRoot();
      const store = open(root);
      const first = await create(store, 'a', 'the first content');
      const second = await store.put(key('a'), bytesOf('the second content'), { ifRevision: first, signal });
      await create(store, 'other', 'fine');
      const path = fileOf(root, 'a@2');
      change(path);
      const spoiled = readFileSync(path);

      const attempts = [
        () => store.get(key('a'), signal),
        () => store.put(key('a'), bytesOf('new'), { ifRevision: second, signal }),
        () => store.put(key('a'), bytesOf('new'), { ifRevision: null, signal }),
        () => store.delete(key('a'), { ifRevision: second, signal }),
      ];
      for (const attempt of attempts) {
        const error = await failureOf(attempt());
        expect(error.code).toBe('store/corrupt');
        expect(error.exitCode).toBe(7);
        expect(error.message).toContain('lineage/a');
        expect(error.hint).toContain(path);
      }
      const { hint } = await failureOf(store.get(key('a'), signal));
      expect(hint).toContain(`${path.slice(0, -1)}1`);
      // The predecessor is no answer to a writer either.
      expect((await failureOf(store.put(key('a'), bytesOf('new'), { ifRevision: first, signal }))).code).toBe(
        'store/conflict',
      );

      await open(root, later(100 * hourMs)).tidy(signal);
      expect(readFileSync(path)).toEqual(spoiled);
      expect(readFileSync(fileOf(root, 'a@1'), 'utf8')).toContain('the first content');

      // The others go on.
      expect(textOf(await store.get(key('other'), signal))).toBe('fine');

      // What the hint says works: moved away, the revision before it is the document.
      renameSync(path, join(base, `away-${++made}`));
      expect(textOf(await store.get(key('a'), signal))).toBe('the first content');
    });
  }

  it('is marked in a scan, and hides nobody', async () => {
    const root = newRoot();
    const store = open(root);
    for (let n = 0; n < 10; n += 1) await create(store, `n${n}`, `content ${n}`);
    truncateSync(fileOf(root, 'n3@1'), 9);
    const entries = await scanAll(store);
    expect(entries.length).toBe(10);
    const bad = entries.filter((entry) => entry.corrupt);
    expect(bad.map((entry) => entry.key.name)).toEqual(['n3']);
    expect(bad[0]?.corrupt?.code).toBe('store/corrupt');
    expect(bad[0]?.bytes.length).toBe(0);
  });
});

describe('tidy', () => {
  it('removes tombstones after a day and temporary files after an hour, not before', async () => {
    const root = newRoot();
    const store = open(root);
    const revision = await create(store, 'gone', 'x');
    await store.delete(key('gone'), { ifRevision: revision, signal });
    await create(store, 'kept', 'x');
    const folder = join(fileOf(root, 'kept@1'), '..');
    const temporaries = [join(folder, '.certfleet-1-ab-1.tmp'), join(root, '.certfleet-1-ab-2-check.tmp')];
    for (const path of temporaries) writeFileSync(path, 'left by a crash');
    const names = () =>
      filesOf(root)
        .map((path) => basename(path))
        .filter((name) => name !== '.tidied');

    await open(root).tidy(signal);
    expect(names().length).toBe(4);
    await open(root, later(2 * hourMs)).tidy(signal);
    expect(names().sort()).toEqual(['gone@2', 'kept@1']);
    await open(root, later(23 * hourMs)).tidy(signal);
    expect(names().sort()).toEqual(['gone@2', 'kept@1']);
    await open(root, later(25 * hourMs)).tidy(signal);
    expect(names()).toEqual(['kept@1']);
  });

  it('leaves a file that was a revision for a year and was taken to be written over a moment ago', async () => {
    const root = newRoot();
    await create(open(root), 'a', '1');
    const old = fileOf(root, 'a@1');
    utimesSync(old, 1, 1);
    const taken = join(old, '..', '.certfleet-1-ab-1.tmp');
    renameSync(old, taken);
    await open(root).tidy(signal);
    expect(filesOf(root)).toContain(taken);
    await open(root, later(2 * hourMs)).tidy(signal);
    expect(filesOf(root)).not.toContain(taken);
  });

  it('lets no revision come back after its tombstone is gone', async () => {
    const root = newRoot();
    const revisions: string[] = [];
    for (let day = 1; day < 4; day += 1) {
      const store = open(root, later(day * 25 * hourMs));
      const revision = await create(store, 'a', 'same');
      for (const old of revisions) {
        const put = store.put(key('a'), bytesOf('late'), { ifRevision: old, signal });
        expect((await failureOf(put)).code).toBe('store/conflict');
        expect((await failureOf(store.delete(key('a'), { ifRevision: old, signal }))).code).toBe('store/conflict');
      }
      revisions.push(revision);
      await store.delete(key('a'), { ifRevision: revision, signal });
      await open(root, later((day + 1) * 25 * hourMs)).tidy(signal);
      expect(filesOf(root).map((path) => basename(path))).toEqual(['.tidied']);
    }
    expect(new Set(revisions).size).toBe(3);
  });

  it('removes what a crash left below the predecessor, and costs one read when it was done lately', async () => {
    const root = newRoot();
    let revision = await create(open(root), 'a', '0');
    const copy = join(base, `copy-${++made}`);
    copyFileSync(fileOf(root, 'a@1'), copy);
    for (let n = 1; n < 4; n += 1) {
      revision = await open(root).put(key('a'), bytesOf(String(n)), { ifRevision: revision, signal });
    }
    const folder = join(fileOf(root, 'a@4'), '..');
    copyFileSync(copy, join(folder, 'a@1'));
    await open(root).tidy(signal);
    expect(readdirSync(folder).sort()).toEqual(['a@3', 'a@4']);

    const real = createFiles();
    let calls = 0;
    const counting = new Proxy(real, {
      get: (target, name: keyof typeof real) => {
        calls += 1;
        return target[name];
      },
    });
    await open(root, { files: counting }).tidy(signal);
    expect(calls).toBe(1);
  });
});

describe('writers that were too slow', () => {
  /** Files whose `link` waits until it is let go, as after a SIGSTOP. */
  function slowFiles() {
    const real = createFiles();
    let go = () => {};
    let reached = () => {};
    const gate = new Promise<void>((done) => {
      go = done;
    });
    const arrived = new Promise<void>((done) => {
      reached = done;
    });
    const files = {
      ...real,
      link: async (existing: string, path: string) => {
        reached();
        await gate;
        return real.link(existing, path);
      },
    };
    return { files, arrived, go };
  }

  it('are told so, and change nothing, however far the others have gone', async () => {
    for (const ahead of [1, 2, 3, 5]) {
      const root = newRoot();
      const quick = open(root);
      let revision = await create(quick, 'a', '0');
      const { files, arrived, go } = slowFiles();
      const slow = failureOf(open(root, { files }).put(key('a'), bytesOf('slow'), { ifRevision: revision, signal }));
      await arrived;
      for (let n = 1; n <= ahead; n += 1) {
        revision = await quick.put(key('a'), bytesOf(String(n)), { ifRevision: revision, signal });
      }
      go();
      expect((await slow).code).toBe('store/conflict');
      expect(textOf(await quick.get(key('a'), signal))).toBe(String(ahead));
      expect(filesOf(root).length).toBe(2);
      await quick.put(key('a'), bytesOf('next'), { ifRevision: revision, signal });
    }
  });

  it('do not raise the dead: deleted and tidied, with or without their temporary file', async () => {
    for (const tidies of [true, false]) {
      const root = newRoot();
      const quick = open(root);
      const revision = await create(quick, 'a', '0');
      const { files, arrived, go } = slowFiles();
      const slow = failureOf(open(root, { files }).put(key('a'), bytesOf('slow'), { ifRevision: revision, signal }));
      await arrived;
      await quick.delete(key('a'), { ifRevision: revision, signal });
      if (tidies) await open(root, later(25 * hourMs)).tidy(signal);
      else rmSync(fileOf(root, 'a@2'));
      go();
      expect((await slow).code).toBe('store/conflict');
      expect(await quick.get(key('a'), signal)).toBeUndefined();
    }
  });

  it('are told that they have won when the next one built on them before they looked', async () => {
    const root = newRoot();
    const quick = open(root);
    const first = await create(quick, 'a', '0');
    const real = createFiles();
    const files = {
      ...real,
      link: async (existing: string, path: string) => {
        const linked = await real.link(existing, path);
        const entry = await quick.get(key('a'), signal);
        await quick.put(key('a'), bytesOf(`on ${textOf(entry)}`), { ifRevision: entry?.revision ?? '', signal });
        return linked;
      },
    };
    await open(root, { files }).put(key('a'), bytesOf('mine'), { ifRevision: first, signal });
    expect(textOf(await quick.get(key('a'), signal))).toBe('on mine');
  });
});

describe('a writer that looks late', () => {
  it('has won, though the next one was killed between taking a file away and linking it', async () => {
    const root = newRoot();
    const quick = open(root);
    let revision = await create(quick, 'a', '0');
    for (const text of ['1', '2', '3'])
      revision = await quick.put(key('a'), bytesOf(text), { ifRevision: revision, signal });
    const real = createFiles();
    const killed = { ...real, link: () => Promise.reject(new Error('killed')), remove: async () => {} };
    const late = {
      ...real,
      link: async (existing: string, path: string) => {
        const linked = await real.link(existing, path);
        const next = (await quick.get(key('a'), signal))?.revision ?? '';
        await open(root, { files: killed })
          .put(key('a'), bytesOf('lost'), { ifRevision: next, signal })
          .catch(() => undefined);
        return linked;
      },
    };
    await open(root, { files: late }).put(key('a'), bytesOf('mine'), { ifRevision: revision, signal });
    expect(textOf(await quick.get(key('a'), signal))).toBe('mine');
  });
});

describe('a revision that is written over', () => {
  /** Three revisions; the first one is gone, and the second would be written over next. */
  async function threeRevisions() {
    const root = newRoot();
    const store = open(root);
    let revision = await create(store, 'a', '1');
    for (const text of ['2', '3'])
      revision = await store.put(key('a'), bytesOf(text), { ifRevision: revision, signal });
    return { root, store, revision };
  }

  it('makes no new file and frees none: two take turns', async () => {
    const { root, store, revision } = await threeRevisions();
    const inode = (name: string) => statSync(fileOf(root, name)).ino;
    const [second, third] = [inode('a@2'), inode('a@3')];
    const fourth = await store.put(key('a'), bytesOf('a longer one, and then a'), { ifRevision: revision, signal });
    await store.put(key('a'), bytesOf('5'), { ifRevision: fourth, signal });
    expect([inode('a@4'), inode('a@5')]).toEqual([second, third]);
    expect(textOf(await store.get(key('a'), signal))).toBe('5');
    expect((await scanAll(store)).map((entry) => entry.corrupt)).toEqual([undefined]);
  });

  it('is left alone where a backup has a hard link to it', async () => {
    const { root, store, revision } = await threeRevisions();
    const backup = join(base, `backup-${++made}`);
    linkSync(fileOf(root, 'a@2'), backup);
    const before = readFileSync(backup, 'utf8');
    await store.put(key('a'), bytesOf('4'), { ifRevision: revision, signal });
    expect(readFileSync(backup, 'utf8')).toBe(before);
    expect(filesOf(root).map((path) => basename(path))).toEqual(['a@3', 'a@4']);
  });

  it('is removed after what a crash left below it', async () => {
    const { root, store, revision } = await threeRevisions();
    copyFileSync(fileOf(root, 'a@2'), join(fileOf(root, 'a@2'), '../a@1'));
    const removed: string[] = [];
    const real = createFiles();
    const files = {
      ...real,
      draft: (...[folder, content, attributes, spare]: Parameters<typeof real.draft>) => {
        if (spare !== undefined) removed.push(basename(spare));
        return real.draft(folder, content, attributes, spare);
      },
      remove: (path: string) => {
        if (path.includes('@')) removed.push(basename(path));
        return real.remove(path);
      },
    };
    await open(root, { files }).put(key('a'), bytesOf('4'), { ifRevision: revision, signal });
    expect(removed).toEqual(['a@1', 'a@2']);
    expect(textOf(await store.get(key('a'), signal))).toBe('4');
  });

  it('is never taken for what it was, however late its reader comes', async () => {
    for (const stops of ['before', 'after'] as const) {
      for (const ahead of [1, 2, 3, 4]) {
        const { root, store, revision } = await threeRevisions();
        const real = createFiles();
        let first = true;
        // A reader that has listed the folder, or opened the file, and then waits while others go on.
        const slow = async (path: string) => {
          const stale = stops === 'after' ? openSync(path, 'r') : undefined;
          let last = revision;
          for (let n = 0; n < ahead; n += 1)
            last = await store.put(key('a'), bytesOf(`later ${n}`), { ifRevision: last, signal });
          if (stale === undefined) return real.read(path);
          const bytes = readFileSync(stale);
          closeSync(stale);
          return bytes;
        };
        const files = {
          ...real,
          read: (path: string) => {
            if (!first) return real.read(path);
            first = false;
            return slow(path);
          },
        };
        const entry = await open(root, { files }).get(key('a'), signal);
        const number = Number(entry?.revision.split('-')[0]);
        // Still revision 3 where it was read before it was written over (its reader is only late), else a later one whole.
        expect(textOf(entry)).toBe(number === 3 ? '3' : `later ${number - 4}`);
        expect(number > 3).toBe(ahead >= 2);
      }
    }
  });

  it('torn under the eyes of a reader sends him to the next one', async () => {
    const { root, store, revision } = await threeRevisions();
    const real = createFiles();
    let first = true;
    const files = {
      ...real,
      read: async (path: string) => {
        const bytes = await real.read(path);
        if (!first || !bytes) return bytes;
        first = false;
        let last = revision;
        for (const text of ['4', '5']) last = await store.put(key('a'), bytesOf(text), { ifRevision: last, signal });
        return bytes.subarray(0, bytes.length - 1);
      },
    };
    expect(textOf(await open(root, { files }).get(key('a'), signal))).toBe('5');
    expect((await scanAll(open(root, { files }))).map((entry) => entry.corrupt)).toEqual([undefined]);
  });
});

describe('an unusable place', () => {
  const expectUnusable = (error: CertfleetError, reason: RegExp): void => {
    expect(error.code).toBe('store/unusable');
    expect(error.exitCode).toBe(7);
    expect(error.message).toMatch(reason);
    expect(error.hint.length).toBeGreaterThan(10);
    expect(error.hint).not.toContain('{');
  };

  it('is made where it is missing, with nothing left of the check', async () => {
    const root = join(newRoot(), 'deep', 'er');
    await open(root).check(signal);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(readdirSync(root)).toEqual([]);
  });

  it('says that a file is in the way', async () => {
    const root = newRoot();
    writeFileSync(root, '');
    for (const path of [root, join(root, 'below')]) {
      const store = open(path);
      expectUnusable(await failureOf(store.check(signal)), /not a folder/);
      expectUnusable(await failureOf(store.get(key('a'), signal)), /not a folder/);
      expectUnusable(await failureOf(create(store, 'a', 'x')), /not a folder/);
      expectUnusable(await failureOf(scanAll(store)), /not a folder/);
    }
  });

  it('says when it may not be written', async () => {
    const root = newRoot();
    await create(open(root), 'a', 'one');
    const asRoot = process.geteuid?.() === 0;
    if (asRoot) {
      // Root ignores modes: be somebody else for a moment. Files of root, readable to all, in a folder of root.
      for (const path of [
        base,
        root,
        ...readdirSync(root, { recursive: true }).map((name) => join(root, String(name))),
      ]) {
        chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
      }
      process.seteuid?.(65_534);
    } else chmodSync(root, 0o500);
    try {
      const store = open(root);
      expectUnusable(await failureOf(store.check(signal)), /permission denied/);
      expect(textOf(await store.get(key('a'), signal))).toBe('one');
    } finally {
      if (asRoot) process.seteuid?.(0);
      else chmodSync(root, 0o700);
    }
  });

  it('refuses a file system without hard links', async () => {
    const files = {
      ...createFiles(),
      link: async () => {
        throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM', syscall: 'link' });
      },
    };
    const root = newRoot();
    expectUnusable(await failureOf(open(root, { files }).check(signal)), /no hard links/);
    expect(readdirSync(root)).toEqual([]);
  });

  it('refuses a file system that lets two links win', async () => {
    const files = { ...createFiles(), link: async () => true };
    expectUnusable(await failureOf(open(newRoot(), { files }).check(signal)), /does not keep/);
  });

  it('removes its temporary file when the write fails in the middle', async () => {
    const real = createFiles();
    const files = {
      ...real,
      link: async () => {
        throw Object.assign(new Error('EIO: i/o error, link'), { code: 'EIO', syscall: 'link' });
      },
    };
    const root = newRoot();
    await create(open(root), 'a', 'one');
    expectUnusable(await failureOf(create(open(root, { files }), 'b', 'two')), /i\/o error/);
    expect(filesOf(root).map((path) => basename(path))).toEqual(['a@1']);
  });
});

/** A small disk of its own, where this machine and user can make one. */
function tinyDisk(): string | undefined {
  const folder = join(base, `disk-${++made}`);
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounts.push(folder);
  return folder;
}

const disk = tinyDisk();
if (!disk) noteSkipped('not tested: the store on a full and on a read-only disk (mounting a tmpfs needs root)');

describe.skipIf(!disk)('a real small disk', () => {
  const root = join(disk ?? base, 'store');
  const filler = join(disk ?? base, 'filler');

  function fill(leaveMiB: number): void {
    rmSync(filler, { force: true });
    const block = Buffer.alloc(1024 * 1024);
    for (let mib = 0; mib < 24 - leaveMiB; mib += 1) {
      try {
        writeFileSync(filler, block, { flag: 'a' });
      } catch {
        return;
      }
    }
  }

  it('full: clear before the CA is asked, clear afterwards, nothing lost, and fine again', async () => {
    const store = open(root);
    await store.check(signal);
    const revision = await create(store, 'a', 'one');

    fill(4);
    const early = await failureOf(store.check(signal));
    expect(early.code).toBe('store/unusable');
    expect(early.message).toMatch(/the disk is full: \d\.\d MiB are free, 16 are needed/);
    // Low, but not out: work that has begun is finished.
    const second = await store.put(key('a'), bytesOf('two'), { ifRevision: revision, signal });

    fill(0);
    const big = new Uint8Array(60 * 1024).fill(120);
    const error = await failureOf(store.put(key('a'), big, { ifRevision: second, signal }));
    expect(error.code).toBe('store/unusable');
    expect(error.message).toMatch(/no space left/);
    expect(error.hint).toMatch(/Make room/);
    expect(textOf(await store.get(key('a'), signal))).toBe('two');
    // Its predecessor was to be written over; the room it had was not enough either.
    expect(filesOf(root).map((path) => basename(path))).toEqual(['a@2']);

    rmSync(filler);
    await store.check(signal);
    await store.put(key('a'), big, { ifRevision: second, signal });
    expect((await store.get(key('a'), signal))?.bytes.length).toBe(big.length);
  });

  it('read-only: clear, still readable, and fine again', async () => {
    const store = open(root);
    await create(store, 'b', 'one');
    execFileSync('mount', ['-o', 'remount,ro', disk ?? '']);
    try {
      for (const call of [() => store.check(signal), () => create(store, 'c', 'x'), () => store.tidy(signal)]) {
        const error = await failureOf(call());
        expect(error.code).toBe('store/unusable');
        expect(error.message).toMatch(/read-only/);
        expect(error.hint).toMatch(/writable/);
      }
      expect(textOf(await store.get(key('b'), signal))).toBe('one');
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk ?? '']);
    }
    await create(store, 'c', 'x');
  });
});

describe('files', () => {
  const files = createFiles();
  const folder = join(base, 'files');
  mkdirSync(folder);

  it('replaces with the mode that is asked for, under any umask, and keeps the owner', async () => {
    const path = join(folder, 'a');
    const before = process.umask(0o077);
    try {
      await files.replace(path, 'one', { mode: 0o644 });
      expect(statSync(path).mode & 0o777).toBe(0o644);
      process.umask(0o022);
      await files.replace(path, 'two', { mode: 0o666 });
      expect(statSync(path).mode & 0o777).toBe(0o666);
      expect(await files.makeFolders(join(folder, 'x', 'y'), 0o777)).toEqual([
        join(folder, 'x'),
        join(folder, 'x', 'y'),
      ]);
      expect(statSync(join(folder, 'x', 'y')).mode & 0o777).toBe(0o777);
      expect(await files.makeFolders(join(folder, 'x', 'y'), 0o700)).toEqual([]);
    } finally {
      process.umask(before);
    }
    if (process.geteuid?.() === 0) {
      await files.replace(path, 'three', { mode: 0o600, uid: 65_534, gid: 65_534 });
      await files.replace(path, 'four', { mode: 0o600 });
      const { uid, gid } = statSync(path);
      expect([uid, gid]).toEqual([65_534, 65_534]);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('makes a folder with its files once, each with its mode, under any umask', async () => {
    const path = join(folder, 'deep', 'once');
    const entries = [
      { name: 'open', content: 'for all', attributes: { mode: 0o644 } },
      { name: 'closed', content: 'for one', attributes: { mode: 0o600 } },
    ];
    const before = process.umask(0o077);
    try {
      const made = await Promise.all(Array.from({ length: 8 }, () => files.createFolder(path, 0o755, entries)));
      expect(made.filter(Boolean).length).toBe(1);
    } finally {
      process.umask(before);
    }
    expect(readdirSync(path).sort()).toEqual(['closed', 'open']);
    expect(readFileSync(join(path, 'open'), 'utf8')).toBe('for all');
    const modes = [join(folder, 'deep'), path, join(path, 'open'), join(path, 'closed')].map(
      (one) => statSync(one).mode & 0o777,
    );
    expect(modes).toEqual([0o755, 0o755, 0o644, 0o600]);
    // One that cannot be written is told, with nothing going on behind it.
    const bad = { name: 'no/such', content: '', attributes: { mode: 0o600 } };
    await expect(files.createFolder(join(folder, 'deep', 'bad'), 0o755, [bad, ...entries])).rejects.toThrow(/ENOENT/);
    expect(readdirSync(join(folder, 'deep', 'bad')).sort()).toEqual(['closed', 'open']);
  });

  it('points links anew', async () => {
    const path = join(folder, 'a');
    await files.replaceLink(join(folder, 'link'), 'once');
    await files.replaceLink(join(folder, 'link'), 'a');
    expect(await files.readLink(join(folder, 'link'))).toBe('a');
    expect(await files.readLink(path)).toBeUndefined();
    expect((await files.stat(join(folder, 'link')))?.kind).toBe('symlink');
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('is fine with absence, and leaves nothing when a step fails', async () => {
    const absent = join(folder, 'absent');
    expect(await files.read(absent)).toBeUndefined();
    expect(await files.stat(absent)).toBeUndefined();
    expect(await files.list(absent)).toBeUndefined();
    expect(await files.readLink(absent)).toBeUndefined();
    expect(await files.removeFolderIfEmpty(absent)).toBe(false);
    await files.remove(absent);
    await files.removeTree(absent);
    mkdirSync(join(folder, 'occupied'));
    writeFileSync(join(folder, 'occupied', 'file'), '');
    expect(await files.removeFolderIfEmpty(join(folder, 'occupied'))).toBe(false);
    await expect(files.replace(join(folder, 'occupied'), 'x', { mode: 0o600 })).rejects.toThrow(/EISDIR|ENOTEMPTY/);
    await expect(files.replaceLink(join(folder, 'occupied'), 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    await expect(files.makeFolders(join(folder, 'occupied', 'file'), 0o700)).rejects.toThrow(/not a folder/);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('speed', () => {
  it('reads a thousand documents at the start in no time', async () => {
    const root = newRoot();
    const store = open(root);
    const content = 'x'.repeat(700);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => create(store, `name-${n}.example.com`, content)));
    // An old file system: nothing of it was written a moment ago.
    utimesSync(root, 1, 1);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round += 1) {
      const began = performance.now();
      const entries = await scanAll(open(root));
      best = Math.min(best, performance.now() - began);
      expect(entries.length).toBe(1_000);
    }
    // 60 ms is what was asked for; the guard is wide, because other tests share this machine.
    expect(best).toBeLessThan(250);
  });
});
