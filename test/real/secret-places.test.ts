import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { editText } from '../../src/lib/editor.ts';
import type { World } from '../../src/ports/world.ts';
import { create, open, signal } from '../support/file-store-bench.ts';
import { storeWorld } from '../support/store-world.ts';
import { noteSkipped } from '../support/vitest.ts';

// Another user owns a folder, a file or a link where certfleet, as root, is to write or read secrets.

const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: secrets in places of other users (needs root)');
const base = mkdtempSync(join(tmpdir(), 'certfleet-places-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

let made = 0;
async function machine() {
  made += 1;
  const home = join(base, `${made}`);
  mkdirSync(home, { mode: 0o700 });
  const store = join(home, 'store');
  await open(store).put({ kind: 'meta', name: 'store' }, Buffer.from('{"schema":1,"id":"x"}'), {
    ifRevision: null,
    signal,
  });
  const run = async (...argv: string[]) => {
    let [stdout, stderr] = ['', ''];
    const code = await main([...argv, '--store', store], {
      env: {},
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      isTerminal: false,
      world: { ...storeWorld(), close: async () => undefined } as World,
    });
    return { code, stdout, stderr: stderr.replaceAll(/\s+/g, ' ') };
  };
  return { home, store, run };
}

/** Makes a folder that others can change, in `home`; returns the folder to write into. */
const places: readonly [string, (home: string) => string][] = [
  [
    'of another user',
    (home) => {
      const path = join(home, 'theirs');
      mkdirSync(path);
      chownSync(path, stranger, stranger);
      return path;
    },
  ],
  [
    'that all can write',
    (home) => {
      const path = join(home, 'all');
      mkdirSync(path);
      chmodSync(path, 0o777);
      return path;
    },
  ],
  [
    'that all can write, and that is sticky',
    (home) => {
      const path = join(home, 'sticky');
      mkdirSync(path);
      chmodSync(path, 0o1777);
      return path;
    },
  ],
  [
    'below a folder of another user',
    (home) => {
      mkdirSync(join(home, 'theirs/ours'), { recursive: true });
      chownSync(join(home, 'theirs'), stranger, stranger);
      return join(home, 'theirs/ours');
    },
  ],
  [
    'to which a link of another user leads',
    (home) => {
      mkdirSync(join(home, 'open'));
      mkdirSync(join(home, 'ours'));
      chmodSync(join(home, 'open'), 0o1777);
      symlinkSync(join(home, 'ours'), join(home, 'open/link'));
      lchownSync(join(home, 'open/link'), stranger, stranger);
      return join(home, 'open/link');
    },
  ],
];

describe.skipIf(!isRoot)('a folder', () => {
  it.each(places)('%s gets no backup, no key of the store and no folder for one', async (what, make) => {
    const { home, run } = await machine();
    const folder = make(home);
    for (const line of [
      ['backup', join(folder, 'b')],
      ['store', 'key', join(folder, 'k')],
      // In a sticky folder, nobody else can change a new folder of root.
      ...(what.includes('sticky') ? [] : [['store', 'key', join(folder, 'new/k')]]),
    ]) {
      const words = expect.stringMatching(/others could take the (backup|key) from there/);
      expect([line, await run(...line)]).toEqual([line, { code: 2, stdout: '', stderr: words }]);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(places.filter(([what]) => !what.includes('sticky')))(
    '%s is no place for what is edited',
    async (_what, make) => {
      const { home } = await machine();
      const folder = make(home);
      vi.stubEnv('TMPDIR', folder);
      const edited = editText('old\n', { EDITOR: 'echo new >' }, { isTerminal: false, signal });
      await expect(edited).rejects.toMatchObject({
        code: 'usage/invalid',
        message: expect.stringContaining('other users could change what you edit'),
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('that is sticky, as /tmp, is a place for what is edited, and only root can read it', async () => {
    const { home } = await machine();
    const folder = places.find(([what]) => what.includes('sticky'))![1](home);
    vi.stubEnv('TMPDIR', folder);
    const EDITOR = `stat -c %a "$1" "$(dirname "$1")" > ${join(home, 'modes')}; true`;
    const edited = await editText('old\n', { EDITOR }, { isTerminal: false, signal });
    expect(readFileSync(join(home, 'modes'), 'utf8')).toBe('600\n700\n');
    await edited.remove();
  });

  it.each(places.filter(([what]) => !what.includes('sticky')))('%s has no key of the store', async (_what, make) => {
    const { home, run } = await machine();
    const folder = make(home);
    writeFileSync(join(folder, 'k'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    expect(await run('store', 'encrypt', '--store-key', `file:${join(folder, 'k')}`)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('the key of the store cannot be used: other users could know it or change it'),
    });
  });
});

describe.skipIf(!isRoot)('a file', () => {
  it('of another user is no key of the store, though only its owner can read it', async () => {
    const { home, store, run } = await machine();
    await create(open(store), 'a', '{}');
    const path = join(home, 'k');
    writeFileSync(path, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    chownSync(path, stranger, stranger);
    expect(await run('store', 'encrypt', '--store-key', `file:${path}`)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining(`${path} belongs to user ${stranger}`),
    });
    chownSync(path, 0, 0);
    expect(await run('store', 'encrypt', '--store-key', `file:${path}`)).toMatchObject({ code: 0 });
  });

  it('that is a link is replaced by the backup, and what it names stays', async () => {
    const { home, run } = await machine();
    writeFileSync(join(home, 'precious'), 'x');
    symlinkSync(join(home, 'precious'), join(home, 'b'));
    expect(await run('backup', join(home, 'b'))).toMatchObject({ code: 0 });
    expect(readFileSync(join(home, 'precious'), 'utf8')).toBe('x');
    expect(existsSync(join(home, 'b'))).toBe(true);
  });
});
