import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/lib/cache.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { temporaryFolder } from '../support/service.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// What a run leaves for the next one: only its user may write it, and its loss is no failure.

stopAllAfterwards();
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: a cache that belongs to another user (needs root)');

const files = createFiles();
const bytes = Buffer.from('what the next run may know');

async function newCache() {
  const root = join(await temporaryFolder('cache'), 'certfleet');
  const cache = createCache(files, { CERTFLEET_CODE_CACHE: root });
  return { root, folder: join(root, 'passes'), file: join(root, 'passes/one'), cache };
}

describe('a cache', () => {
  it('gives the next run what it wrote, for its user alone', async () => {
    const { cache, folder, file } = await newCache();
    expect(await cache.read('one')).toBeUndefined();
    await cache.write('one', bytes);
    expect(await cache.read('one')).toEqual(bytes);
    expect([statSync(folder).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it('keeps the newest files', async () => {
    const { cache, folder } = await newCache();
    for (let number = 0; number < 70; number += 1) await cache.write(`n${number}`, bytes);
    expect(readdirSync(folder)).toHaveLength(64);
    expect(await cache.read('n69')).toEqual(bytes);
  });

  type Made = Awaited<ReturnType<typeof newCache>>;
  const spoiled: readonly (readonly [string, (made: Made) => void])[] = [
    ['is cut off', ({ file }) => truncateSync(file, 20)],
    ['is empty', ({ file }) => truncateSync(file, 0)],
    ['can be written by a group', ({ file }) => chmodSync(file, 0o620)],
    ['is in a folder that all can write', ({ folder }) => chmodSync(folder, 0o777)],
    ['is below a folder that all can write', ({ root }) => chmodSync(root, 0o777)],
    [
      'is a link',
      ({ file, root }) => {
        rmSync(file);
        symlinkSync(join(root, 'elsewhere'), file);
      },
    ],
    [
      'is a folder',
      ({ file }) => {
        rmSync(file);
        mkdirSync(file);
      },
    ],
    ...(isRoot ? [['belongs to another user', ({ file }: Made) => chownSync(file, 65_534, 65_534)] as const] : []),
  ];
  it.each(spoiled)('has nothing in a file that %s', async (_what, spoil) => {
    const made = await newCache();
    await made.cache.write('one', bytes);
    spoil(made);
    expect(await made.cache.read('one')).toBeUndefined();
    await expect(made.cache.write('one', bytes)).resolves.toBeUndefined();
  });

  it('is not made in a folder where others could put a link to another place', async () => {
    const { cache, root } = await newCache();
    chmodSync(dirname(root), 0o1777);
    await cache.write('one', bytes);
    expect(existsSync(root)).toBe(false);
  });

  it('that is switched off, or cannot be made, has nothing and does not fail', async () => {
    for (const place of ['off', '/proc/none']) {
      const cache = createCache(files, { CERTFLEET_CODE_CACHE: place });
      await cache.write('one', bytes);
      expect(await cache.read('one')).toBeUndefined();
    }
  });
});
