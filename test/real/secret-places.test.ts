import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
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
  const world = storeWorld();
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
      world: { ...world, close: async () => undefined } as World,
    });
    return { code, stdout, stderr: stderr.replaceAll(/\s+/g, ' ') };
  };
  return { home, store, run, files: world.files };
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
  it.each(places)('%s gets no backup, no key of the store and no folder for one', async (_what, make) => {
    const { home, run } = await machine();
    const folder = make(home);
    for (const line of [
      ['backup', join(folder, 'b')],
      ['store', 'key', join(folder, 'k')],
      ['store', 'key', join(folder, 'new/k')],
    ]) {
      const words = expect.stringMatching(/other users could read the (backup|key) there/);
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
        code: 'usage/place-untrusted',
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
      stderr: expect.stringContaining('the store key cannot be used: other users could know it or change it'),
    });
  });
});

describe.skipIf(!isRoot)('a folder that is not there', () => {
  const attacks: readonly [string, (path: string, home: string) => void][] = [
    [
      'made by another user',
      (path) => {
        mkdirSync(path, { mode: 0o777 });
        chownSync(path, stranger, stranger);
      },
    ],
    [
      'replaced by a link of another user',
      (path, home) => {
        symlinkSync(join(home, 'precious'), path);
        lchownSync(path, stranger, stranger);
      },
    ],
  ];
  it.each(
    attacks.flatMap(([what, attack]) => [['backup'], ['store', 'key']].map((command) => ({ what, attack, command }))),
  )('$command: $what between two looks gets nothing', async ({ attack, command }) => {
    const { home, run, files } = await machine();
    mkdirSync(join(home, 'precious'));
    writeFileSync(join(home, 'precious/file'), 'x');
    const sticky = join(home, 'sticky');
    mkdirSync(sticky);
    chmodSync(sticky, 0o1777);
    const path = join(sticky, 'd');
    // After each look at the place.
    for (const name of ['untrusted', 'stat', 'syncFolder', 'makeFolders'] as const) {
      const look = files[name] as (...args: readonly unknown[]) => Promise<unknown>;
      Object.assign(files, {
        [name]: (...args: readonly unknown[]) =>
          look(...args).finally(() => {
            if (`${args[0]}/`.startsWith(`${path}/`) && !readdirSync(sticky).includes('d')) attack(path, home);
          }),
      });
    }
    expect(await run(...command, join(path, 'file'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        command[0] === 'backup'
          ? `there is no folder ${path}`
          : `${sticky}, which belongs to root, can be changed by every user`,
      ),
    });
    expect(readFileSync(join(home, 'precious/file'), 'utf8')).toBe('x');
    expect(readdirSync(join(home, 'precious'))).toEqual(['file']);
    if (existsSync(path)) expect(readdirSync(path)).not.toContainEqual(expect.stringContaining('certfleet'));
  });
});

describe.skipIf(!isRoot)('a backup', () => {
  /** Makes it one that another user can change; returns what is restored, and what is wrong. */
  const changed: readonly [string, (backup: string, home: string) => readonly [string, string]][] = [
    [
      'of another user',
      (backup) => {
        chownSync(backup, stranger, stranger);
        return [
          backup,
          `${backup} belongs to user ${stranger} A backup names commands that run as the user that runs certfleet. Check ${backup}, then run \`chown root ${backup}\``,
        ];
      },
    ],
    [
      'that all can write',
      (backup) => {
        chmodSync(backup, 0o666);
        return [backup, `${backup}, which belongs to root, can be changed by every user`];
      },
    ],
    [
      'in a folder of another user',
      (backup, home) => {
        mkdirSync(join(home, 'theirs'));
        renameSync(backup, join(home, 'theirs/b'));
        chownSync(join(home, 'theirs'), stranger, stranger);
        return [join(home, 'theirs/b'), `${join(home, 'theirs')} belongs to user ${stranger}`];
      },
    ],
    [
      'to which a link of another user leads',
      (backup, home) => {
        symlinkSync(backup, join(home, 'link'));
        lchownSync(join(home, 'link'), stranger, stranger);
        return [join(home, 'link'), `${join(home, 'link')} belongs to user ${stranger}`];
      },
    ],
  ];
  it.each(changed)('%s is not restored, because it has hooks', async (_what, change) => {
    const { home, store, run } = await machine();
    const backup = join(home, 'b');
    expect(await run('backup', backup)).toMatchObject({ code: 0 });
    rmSync(store, { recursive: true });
    const [path, reason] = change(backup, home);
    const refused = await run('restore', path);
    expect(refused).toMatchObject({ code: 7, stdout: '' });
    expect(refused.stderr).toContain(`${path} cannot be trusted: ${reason}`);
    expect(existsSync(store)).toBe(false);
  });

  it('of root is restored from a sticky folder, and by way of a link of root', async () => {
    const { home, store, run } = await machine();
    const sticky = join(home, 'sticky');
    expect(await run('backup', join(home, 'b'))).toMatchObject({ code: 0 });
    rmSync(store, { recursive: true });
    mkdirSync(sticky);
    chmodSync(sticky, 0o1777);
    renameSync(join(home, 'b'), join(sticky, 'b'));
    symlinkSync(join(sticky, 'b'), join(home, 'link'));
    expect(await run('restore', join(home, 'link'))).toMatchObject({ code: 0 });
  });

  it('replaces an earlier one and an empty file, and nothing else', async () => {
    const { home, run } = await machine();
    const path = join(home, 'b');
    writeFileSync(path, '');
    expect(await run('backup', path)).toMatchObject({ code: 0 });
    const first = readFileSync(path, 'utf8');
    expect(await run('backup', path)).toMatchObject({ code: 0 });
    for (const content of ['precious', `{"certfleet":"export"}\n`, 'x'.repeat(2 << 20)]) {
      writeFileSync(path, content);
      expect(await run('backup', path)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${path}: a file that is not a backup already exists there`),
      });
      expect(readFileSync(path, 'utf8')).toBe(content);
    }
    expect(await run('backup', path, '--force')).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8').slice(0, 30)).toBe(first.slice(0, 30));
    expect(readdirSync(home).sort()).toEqual(['b', 'store']);
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
