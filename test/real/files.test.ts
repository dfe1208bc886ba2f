import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFiles } from '../../src/lib/files/files.ts';
import type { FilesWithin } from '../../src/ports/files.ts';
import { ownFolder } from '../support/file-store-bench.ts';

const files = createFiles();
const { base: folder } = ownFolder();
const within = <T>(work: (inside: FilesWithin) => Promise<T>): Promise<T> =>
  files.within(folder, { owners: [], refuse: (reason) => new Error(reason) }, work);
const temporaries = () => readdirSync(folder).filter((name) => name.startsWith('.'));

it('replaces with the requested mode under any umask, and inherits no owner', async () => {
  const path = join(folder, 'a');
  const before = process.umask(0o077);
  try {
    await files.replace(path, 'one', { mode: 0o644 });
    expect(statSync(path).mode & 0o777).toBe(0o644);
    process.umask(0o022);
    await files.replace(path, 'two', { mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    expect(await files.makeFolders(join(folder, 'x', 'y'), 0o777)).toEqual([join(folder, 'x'), join(folder, 'x', 'y')]);
    expect(statSync(join(folder, 'x', 'y')).mode & 0o777).toBe(0o777);
    expect(await files.makeFolders(join(folder, 'x', 'y'), 0o700)).toEqual([]);
  } finally {
    process.umask(before);
  }
  if (process.geteuid?.() === 0) {
    await files.replace(path, 'three', { mode: 0o600, uid: 65_534, gid: 65_534 });
    await files.replace(path, 'four', { mode: 0o600 });
    const { uid, gid } = statSync(path);
    expect([uid, gid]).toEqual([0, process.getegid?.()]);
  }
  expect(temporaries()).toEqual([]);
});

it('creates a folder with its files once, each with its mode, under any umask', async () => {
  const path = join(folder, 'deep', 'once');
  const entries = [
    { name: 'open', content: 'for all', attributes: { mode: 0o644 } },
    { name: 'closed', content: 'for one', attributes: { mode: 0o600 } },
  ];
  const before = process.umask(0o077);
  try {
    const made = await Promise.all(
      Array.from({ length: 8 }, () => within((inside) => inside.createFolder(path, 0o755, entries))),
    );
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
  // A file that cannot be written rejects, with nothing running in the background.
  const bad = { name: 'no/such', content: '', attributes: { mode: 0o600 } };
  await expect(
    within((inside) => inside.createFolder(join(folder, 'deep', 'bad'), 0o755, [bad, ...entries])),
  ).rejects.toThrow(/ENOENT/);
  expect(readdirSync(join(folder, 'deep', 'bad')).sort()).toEqual(['closed', 'open']);
});

it('keeps few folders open, and none after the work', async () => {
  const root = join(folder, 'many');
  const open = (): number => readdirSync('/proc/self/fd').length;
  const [before, guard] = [open(), { owners: [], refuse: (reason: string) => new Error(reason) }];
  let most = 0;
  await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      files.within(root, guard, async (inside) => {
        const path = join(root, 'archive', String(i), 'a');
        await inside.createFolder(path, 0o755, [{ name: 'file', content: 'x', attributes: { mode: 0o600 } }]);
        most = Math.max(most, open() - before);
        expect(Buffer.from((await inside.read(join(path, 'file'))) ?? '').toString()).toBe('x');
        await expect(inside.replace(join(path, 'no', 'file'), 'x', { mode: 0o600 })).rejects.toMatchObject({
          code: 'ENOENT',
          path: join(path, 'no'),
        });
        await expect(inside.read(join(path, '../../../../a'))).rejects.toThrow(/is not in/);
      }),
    ),
  );
  expect(readdirSync(join(root, 'archive')).length).toBe(300);
  expect(most).toBeLessThan(400);
  expect(open()).toBe(before);
});

it('changes the target of links', async () => {
  const path = join(folder, 'a');
  await within(async (inside) => {
    await inside.replaceLink(join(folder, 'link'), 'once');
    await inside.replaceLink(join(folder, 'link'), 'a');
    expect(await inside.readLink(join(folder, 'link'))).toBe('a');
    expect(await inside.readLink(path)).toBeUndefined();
  });
  expect((await files.stat(join(folder, 'link')))?.kind).toBe('symlink');
  expect(temporaries()).toEqual([]);
});

it('succeeds if there is nothing to do, and leaves nothing if a step fails', async () => {
  const absent = join(folder, 'absent');
  expect(await files.read(absent)).toBeUndefined();
  expect(await files.stat(absent)).toBeUndefined();
  expect(await files.list(absent)).toBeUndefined();
  expect(await within((inside) => inside.readLink(absent))).toBeUndefined();
  expect(await files.removeFolderIfEmpty(absent)).toBe(false);
  await files.remove(absent);
  expect(await within((inside) => inside.removeFolder(absent, () => true))).toBe(false);
  mkdirSync(join(folder, 'occupied'));
  writeFileSync(join(folder, 'occupied', 'file'), '');
  expect(await files.removeFolderIfEmpty(join(folder, 'occupied'))).toBe(false);
  await expect(files.replace(join(folder, 'occupied'), 'x', { mode: 0o600 })).rejects.toThrow(/EISDIR|ENOTEMPTY/);
  await expect(within((inside) => inside.replaceLink(join(folder, 'occupied'), 'x'))).rejects.toThrow(
    /EISDIR|ENOTEMPTY|EEXIST/,
  );
  await expect(files.makeFolders(join(folder, 'occupied', 'file'), 0o700)).rejects.toThrow(/not a folder/);
  expect(temporaries()).toEqual([]);
});
