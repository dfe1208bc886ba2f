import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  bytesOf,
  create,
  failureOf,
  filesWith,
  key,
  namesIn,
  open,
  ownFolder,
  scanAll,
  signal,
  storeOfUser,
  systemError,
  textOf,
  write,
} from '../support/file-store-bench.ts';
import type { Given } from '../support/store-of-user.ts';
import { noteSkipped } from '../support/vitest.ts';

const { base, newPath } = ownFolder();
const mounts: string[] = [];
afterAll(() => {
  for (const mount of mounts) execFileSync('umount', [mount]);
});

function expectUnusable(error: Given['failed'], reason: RegExp): void {
  expect(error?.code).toBe('store/unusable');
  expect(error?.exitCode).toBe(7);
  expect(error?.message).toMatch(reason);
  expect(error?.hint.length).toBeGreaterThan(10);
  expect(error?.hint).not.toContain('{');
}

describe('an unusable place', () => {
  const failing = (code: string, text: string) => async (): Promise<never> => {
    throw systemError(code, text, 'link');
  };

  it('is created if missing, and the check leaves nothing', async () => {
    const root = join(newPath(), 'deep', 'er');
    await open(root).check(signal);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(readdirSync(root)).toEqual([]);
  });

  it('reports a file in the way', async () => {
    const root = newPath();
    writeFileSync(root, '');
    for (const path of [root, join(root, 'below')]) {
      const store = open(path);
      const calls = [store.check(signal), store.get(key('a'), signal), create(store, 'a', 'x'), scanAll(store)];
      for (const error of await Promise.all(calls.map(failureOf))) expectUnusable(error, /not a folder/);
    }
  });

  it('reports missing write permission', async () => {
    const root = newPath();
    await create(open(root), 'a', 'one');
    if (process.geteuid?.() === 0) {
      // Root ignores modes, so this is another user, with files of root that all can read.
      for (const path of [
        base,
        root,
        ...readdirSync(root, { recursive: true }).map((name) => join(root, String(name))),
      ]) {
        chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
      }
      const [check, get] = await storeOfUser(65_534, root, 'check', 'get');
      expectUnusable(check?.failed, /permission denied/);
      expect(get).toEqual({ text: 'one' });
      return;
    }
    chmodSync(root, 0o500);
    try {
      const store = open(root);
      expectUnusable(await failureOf(store.check(signal)), /permission denied/);
      expect(textOf(await store.get(key('a'), signal))).toBe('one');
    } finally {
      chmodSync(root, 0o700);
    }
  });

  it.each([
    ['has no hard links', { link: failing('EPERM', 'operation not permitted') }, /no hard links/],
    ['lets two links win', { link: async () => true }, /does not keep/],
  ])('refuses a file system that %s', async (_what, broken, reason) => {
    const root = newPath();
    expectUnusable(
      await failureOf(
        open(
          root,
          filesWith(() => broken),
        ).check(signal),
      ),
      reason,
    );
    expect(readdirSync(root)).toEqual([]);
  });

  it('removes its temporary file if the write fails', async () => {
    const root = newPath();
    await create(open(root), 'a', 'one');
    const broken = filesWith(() => ({ link: failing('EIO', 'i/o error') }));
    expectUnusable(await failureOf(create(open(root, broken), 'b', 'two')), /i\/o error/);
    expect(namesIn(root)).toEqual(['a@1']);
  });
});

describe('a store that goes while a process uses it', () => {
  const id = { kind: 'meta', name: 'store' } as const;
  async function begun(root: string) {
    const store = open(root);
    await store.put(id, bytesOf('the one'), { ifRevision: null, signal });
    const revision = await create(store, 'a', 'one');
    await store.anchor!(id, signal);
    return { store, revision };
  }

  const empty = /it is gone/;
  it.each<[what: string, reason: RegExp, go: (root: string) => unknown]>([
    ['leaves nothing', empty, () => undefined],
    ['leaves an empty mount point', empty, (root) => mkdirSync(root)],
    ['leaves folders of its kinds', empty, (root) => mkdirSync(join(root, 'meta'), { recursive: true })],
    [
      'makes room for another one',
      /another store is in its place/,
      (root) => open(root).put(id, bytesOf('another'), { ifRevision: null, signal }),
    ],
  ])('that %s is unusable, and not made anew, until it is back', async (_what, reason, go) => {
    const root = newPath();
    const { store, revision } = await begun(root);
    const { cursor } = await store.changes('lineage', undefined, signal);
    renameSync(root, `${root}.away`);
    await go(root);
    const left = existsSync(root) && readdirSync(root, { recursive: true });
    const calls = [
      ...[create(store, 'b', 'two'), create(store, 'a', 'again'), write(store, 'two', revision)],
      ...[store.get(key('a'), signal), scanAll(store), store.list('lineage', signal)],
      ...[store.changes('lineage', cursor, signal), store.exists(signal), store.check(signal), store.tidy(signal)],
      store.delete(key('a'), { ifRevision: revision, signal }),
    ];
    for (const error of await Promise.all(calls.map(failureOf))) expectUnusable(error, reason);
    expect(existsSync(root) && readdirSync(root, { recursive: true })).toEqual(left);

    rmSync(root, { recursive: true, force: true });
    renameSync(`${root}.away`, root);
    expect(textOf(await store.get(key('a'), signal))).toBe('one');
    await write(store, 'two', revision);
    expect((await store.changes('lineage', cursor, signal)).entries).toMatchObject([{ key: key('a') }]);
  });

  it('is not made anew by a write that has begun before', async () => {
    const root = newPath();
    const holding = filesWith((files) => ({
      async makeFolders(path, mode) {
        expect(existsSync(root)).toBe(true);
        return files.makeFolders(path, mode);
      },
      async list(path) {
        if (path.includes('/token/') && existsSync(root)) renameSync(root, `${root}.away`);
        return files.list(path);
      },
    }));
    await begun(root);
    const store = open(root, holding);
    await store.anchor!(id, signal);
    const put = store.put({ kind: 'token', name: 'x' }, bytesOf('x'), { ifRevision: null, signal });
    expectUnusable(await failureOf(put), empty);
    expect(existsSync(root)).toBe(false);
  });

  it('may come back as a copy, as from a backup', async () => {
    const root = newPath();
    const { store } = await begun(root);
    cpSync(root, `${root}.copy`, { recursive: true });
    rmSync(root, { recursive: true });
    expectUnusable(await failureOf(store.get(key('a'), signal)), empty);
    renameSync(`${root}.copy`, root);
    expect(textOf(await store.get(key('a'), signal))).toBe('one');
  });
});

/** A small separate disk, if this machine and user can make one. */
function tinyDisk(): string | undefined {
  const folder = newPath('disk');
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

  it('full: reported before an order and later, nothing lost, and works again', async () => {
    const store = open(root);
    await store.check(signal);
    const revision = await create(store, 'a', 'one');

    fill(4);
    const early = await failureOf(store.check(signal));
    expectUnusable(early, /the disk is full: \d\.\d MiB are free, but 16 MiB are needed/);
    // Low, but not full: work that has begun is finished.
    const second = await write(store, 'two', revision);

    fill(0);
    const big = new Uint8Array(60 * 1024).fill(120);
    const error = await failureOf(store.put(key('a'), big, { ifRevision: second, signal }));
    expectUnusable(error, /no space left/);
    expect(error.hint).toMatch(/Make room/);
    expect(textOf(await store.get(key('a'), signal))).toBe('two');
    // Its predecessor was to be written over, but was too small.
    expect(namesIn(root)).toEqual(['a@2']);

    rmSync(filler);
    await store.check(signal);
    await store.put(key('a'), big, { ifRevision: second, signal });
    expect((await store.get(key('a'), signal))?.bytes.length).toBe(big.length);
  });

  it('read-only: reported, still readable, and works again', async () => {
    const store = open(root);
    await create(store, 'b', 'one');
    execFileSync('mount', ['-o', 'remount,ro', disk ?? '']);
    try {
      for (const call of [() => store.check(signal), () => create(store, 'c', 'x'), () => store.tidy(signal)]) {
        const error = await failureOf(call());
        expectUnusable(error, /read-only/);
        expect(error.hint).toMatch(/writable/);
      }
      expect(textOf(await store.get(key('b'), signal))).toBe('one');
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk ?? '']);
    }
    await create(store, 'c', 'x');
  });
});
