import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lchown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtProgram } from '../support/built.ts';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, bareEnvironment, nodeAs, temporaryFolder } from '../support/service.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// The cache of compiled code (decision 0034). To see whether a file of it is used, it is replaced by the code of another
// program: V8 itself would take it, because the source has the same length.

stopAllAfterwards();

const isRoot = process.getuid?.() === 0;
const user = 54_321;
const stranger = 54_322;

/** A copy of the build that every user can read. */
let dist: string;
beforeAll(async () => {
  const folder = await temporaryFolder('code-cache-build');
  await chmod(folder, 0o755);
  dist = join(folder, 'dist');
  await cp(dirname(builtProgram()), dist, { recursive: true });
});

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly program?: string;
  readonly args?: readonly string[];
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run({ env = {}, uid, program = join(dist, 'cli.cjs'), args = ['--help'] }: Options): Promise<Ran> {
  const [file, ...more] = uid === undefined ? [process.execPath, program, ...args] : nodeAs(uid, [program, ...args]);
  return new Promise((resolve) => {
    execFile(file!, more, { env: { ...bareEnvironment(), ...env }, cwd: '/' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const poison = 'the code of another program';
const isRight = ({ code, stdout, stderr }: Ran): boolean =>
  code === 0 && stderr === '' && stdout.startsWith('Usage: certfleet');

/** A folder for a cache, filled by one run. */
async function filled(): Promise<{
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly set: string;
}> {
  const folder = join(await temporaryFolder('code-cache'), 'certfleet');
  const env = { CERTFLEET_CODE_CACHE: folder };
  expect(await run({ env })).toSatisfy(isRight);
  const [set, ...others] = await readdir(folder);
  expect(others).toEqual([]);
  return { folder, env, set: join(folder, set!) };
}

const entry = async (set: string): Promise<string> =>
  join(set, (await readdir(set)).find((name) => /^run-[\w-]+\.cjs\.bin$/.test(name))!);

/** Replaces what the cache has for the first file by code that prints {@link poison} and ends with 7. */
async function plant(set: string): Promise<string> {
  const file = await entry(set);
  const source = await readFile(join(dist, 'chunks', file.slice(set.length + 1, -'.bin'.length)));
  const code = `process.stdout.write('${poison}');process.exit(7);`.padEnd(source.toString().length);
  const make = `const { Script } = require('node:vm');
    const script = new Script(${JSON.stringify(`(function(exports,require,module,__filename,__dirname){\n${code}\n})`)});
    process.stdout.write(script.createCachedData());`;
  const data = execFileSync(process.execPath, ['-e', make]);
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(data, crc32(source)));
  await writeFile(file, Buffer.concat([check, data]));
  return file;
}

describe('the code cache', () => {
  it('is filled by the first run, for its user alone, and used by the next, which writes nothing', async () => {
    const { folder, env, set } = await filled();
    for (const path of [folder, set]) expect((await lstat(path)).mode & 0o777).toBe(0o700);
    const files = await readdir(set);
    expect(files.length).toBeGreaterThan(2);
    const before = await Promise.all(files.map((name) => lstat(join(set, name))));
    for (const { mode } of before) expect(mode & 0o777).toBe(0o600);
    expect(await run({ env })).toSatisfy(isRight);
    const after = await Promise.all(files.map((name) => lstat(join(set, name))));
    expect(after.map(({ ino }) => ino)).toEqual(before.map(({ ino }) => ino));

    await plant(set);
    expect(await run({ env })).toEqual({ code: 7, stdout: poison, stderr: '' });
  });

  it('grows with the commands that are used', async () => {
    const { env, set } = await filled();
    const before = await readdir(set);
    const ran = await run({ env, args: ['explain', 'usage/invalid'] });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const after = await readdir(set);
    expect(after.length).toBeGreaterThan(before.length);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  type Change = (at: { readonly folder: string; readonly set: string; readonly file: string }) => Promise<unknown>;
  const changes: readonly (readonly [string, Change, 'as root'?])[] = [
    ['a file that its group can write', ({ file }) => chmod(file, 0o620)],
    ['a file that every user can write', ({ file }) => chmod(file, 0o602)],
    ['a folder that its group can write', ({ folder }) => chmod(folder, 0o770)],
    ['a folder that every user can write', ({ folder }) => chmod(folder, 0o777)],
    ['a folder in it that every user can write', ({ set }) => chmod(set, 0o777)],
    ['a folder above it that every user can write', ({ folder }) => chmod(dirname(folder), 0o777)],
    ['a file of another user', ({ file }) => chown(file, stranger, stranger), 'as root'],
    ['a folder of another user', ({ folder }) => chown(folder, stranger, stranger), 'as root'],
    ['a folder in it of another user', ({ set }) => chown(set, stranger, stranger), 'as root'],
    ['a folder above it of another user', ({ folder }) => chown(dirname(folder), stranger, stranger), 'as root'],
    [
      'a folder in a sticky folder, made by another user',
      async ({ folder }) => {
        await chmod(dirname(folder), 0o1777);
        await chown(folder, stranger, stranger);
      },
      'as root',
    ],
    [
      'a link of another user to a folder of ours',
      async ({ folder }) => {
        await rename(folder, `${folder}-real`);
        await symlink(`${folder}-real`, folder);
        execFileSync('chown', ['--no-dereference', `${stranger}`, folder]);
      },
      'as root',
    ],
    [
      'a link in place of a file',
      async ({ file }) => {
        await rename(file, `${file}-real`);
        await symlink(`${file}-real`, file);
      },
    ],
    [
      'a pipe in place of a file',
      async ({ file }) => {
        await rm(file);
        execFileSync('mkfifo', ['--mode=600', file]);
      },
    ],
    [
      'a folder in place of a file',
      async ({ file }) => {
        await rm(file);
        await mkdir(file);
      },
    ],
    ['an empty file', ({ file }) => truncate(file, 0)],
    ['a file that is cut off', async ({ file }) => truncate(file, (await lstat(file)).size - 1)],
    ['a file with two bytes', ({ file }) => truncate(file, 2)],
    [
      'a file with one bit changed',
      async ({ file }) => {
        const content = await readFile(file);
        content[content.length >> 1]! ^= 1;
        await writeFile(file, content);
      },
    ],
    [
      'a file of zeros, as a power cut may leave it',
      async ({ file }) => writeFile(file, Buffer.alloc((await lstat(file)).size)),
    ],
    [
      'the code of another version of V8',
      async ({ file, set }) => {
        // The version is in the second word of the data.
        const content = await readFile(file);
        content[8]! ^= 1;
        const source = await readFile(join(dist, 'chunks', file.slice(set.length + 1, -'.bin'.length)));
        content.writeUInt32LE(crc32(content.subarray(4), crc32(source)));
        await writeFile(file, content);
      },
    ],
  ];
  const possible = changes.filter(([, , as]) => as === undefined || isRoot);
  const tried = sampled(possible, 3, 'changes of a code cache');
  it.each(tried.map(([what, change]) => ({ what, change })))('does not use $what', async ({ change }) => {
    const { folder, env, set } = await filled();
    const file = await plant(set);
    await change({ folder, set, file });
    expect(await run({ env })).toSatisfy(isRight);
    // And it did no harm to the next run.
    expect(await run({ env })).toSatisfy(isRight);
  });
  if (!isRoot) noteSkipped('not tested: a code cache of another user (needs root)');

  it('is not that of a source which was changed since, if only by a letter', async () => {
    const folder = await temporaryFolder('code-cache-edited');
    await cp(dist, join(folder, 'dist'), { recursive: true });
    const program = join(folder, 'dist/cli.cjs');
    const env = { CERTFLEET_CODE_CACHE: join(folder, 'cache') };
    expect(await run({ env, program })).toSatisfy(isRight);
    const chunks = join(folder, 'dist/chunks');
    const start = join(chunks, (await readdir(chunks)).find((name) => /^start-[\w-]+\.cjs$/.test(name))!);
    await writeFile(start, (await readFile(start, 'utf8')).replace('Start here:', 'Begin here:'));
    expect((await run({ env, program })).stdout).toContain('Begin here:');
    expect((await run({ env, program })).stdout).toContain('Begin here:');
  });

  itDrawn('is another one for other options of Node.js', async () => {
    const { folder, env } = await filled();
    expect(await run({ env: { ...env, NODE_OPTIONS: '--stack-trace-limit=20' } })).toSatisfy(isRight);
    expect(await readdir(folder)).toHaveLength(2);
  });

  itDrawn('is not used with source maps, which need Node’s own loader', async () => {
    const folder = await temporaryFolder('code-cache');
    expect(await run({ env: { CERTFLEET_CODE_CACHE: folder, NODE_OPTIONS: '--enable-source-maps' } })).toSatisfy(
      isRight,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  itDrawn('keeps the four newest sets, and nothing else is removed', async () => {
    const folder = await temporaryFolder('code-cache');
    const old = ['v20.1.0-x64-00000001', 'v20.1.0-x64-00000002', 'v20.1.0-x64-00000003', 'v20.1.0-arm64-00000004'];
    const foreign = ['notes', 'v20.1.0-x64-00000001.txt'];
    for (const [i, name] of [...old, ...foreign].entries()) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'file'), '');
      await utimes(join(folder, name), i, i);
    }
    expect(await run({ env: { CERTFLEET_CODE_CACHE: folder } })).toSatisfy(isRight);
    const names = await readdir(folder);
    expect(names.filter((name) => foreign.includes(name) || old.includes(name)).sort()).toEqual(
      [...foreign, ...old.slice(1)].sort(),
    );
    expect(names).toHaveLength(6);
  });

  itDrawn('is written by many at once, each file whole', async () => {
    const folder = join(await temporaryFolder('code-cache'), 'certfleet');
    const env = { CERTFLEET_CODE_CACHE: folder };
    const ran = await Promise.all(Array.from({ length: 6 }, () => run({ env })));
    for (const one of ran) expect(one).toSatisfy(isRight);
    const [set] = await readdir(folder);
    const files = await readdir(join(folder, set!));
    expect(files.filter((name) => !name.endsWith('.cjs.bin'))).toEqual([]);
    const inodes = async () => Promise.all(files.map(async (name) => (await lstat(join(folder, set!, name))).ino));
    const before = await inodes();
    expect(await run({ env })).toSatisfy(isRight);
    expect(await inodes()).toEqual(before);
  });

  itDrawn(
    'is written although a process with the same PID was killed as it wrote, and what that left is removed',
    async () => {
      const preload = join(await temporaryFolder('code-cache-preload'), 'preload.cjs');
      await writeFile(
        preload,
        `Object.defineProperty(process, 'pid', { value: 4242 });
       if (process.env.KILLED) require('node:fs').renameSync = () => require('node:child_process').execSync('kill -KILL $PPID');`,
      );
      const folder = join(await temporaryFolder('code-cache'), 'certfleet');
      const env = { CERTFLEET_CODE_CACHE: folder, NODE_OPTIONS: `--require=${preload}` };
      await run({ env: { ...env, KILLED: '1' } });
      const set = join(folder, (await readdir(folder))[0]!);
      const left = await readdir(set);
      expect(left).toHaveLength(1);
      expect(await run({ env })).toSatisfy(isRight);
      const file = await entry(set);
      // It may be at work still.
      expect(await readdir(set)).toEqual(expect.arrayContaining(left));

      await utimes(join(set, left[0]!), 1, 1);
      await rm(file);
      expect(await run({ env })).toSatisfy(isRight);
      expect((await readdir(set)).filter((name) => !name.endsWith('.cjs.bin'))).toEqual([]);
      expect(existsSync(file)).toBe(true);
    },
  );
});

describe('without a place for the code cache', () => {
  /** Ready for `user`, unless the test runs as a user anyway. */
  const ofUser = async (): Promise<{ readonly folder: string; readonly uid?: number }> => {
    const folder = await temporaryFolder('code-cache');
    if (!isRoot) return { folder };
    await chown(folder, user, user);
    return { folder, uid: user };
  };

  const places: readonly (readonly [string, (folder: string) => Promise<Readonly<Record<string, string>>>])[] = [
    ['it is off', async (folder) => ({ CERTFLEET_CODE_CACHE: 'off', CERTFLEET_ROOT: folder })],
    ['HOME is not set', async () => ({ CERTFLEET_ROOT: '' })],
    ['HOME does not exist', async (folder) => ({ CERTFLEET_ROOT: '', HOME: join(folder, 'none') })],
    [
      'Node.js itself cannot be looked at',
      async (folder) => {
        const hide = join(await temporaryFolder('hide'), 'hide.cjs');
        await chmod(dirname(hide), 0o755);
        await writeFile(hide, `process.execPath = '/nonexistent/node';`);
        return { CERTFLEET_CODE_CACHE: join(folder, 'cache'), NODE_OPTIONS: `--require=${hide}` };
      },
    ],
    [
      'there is a file in its place',
      async (folder) => {
        await writeFile(join(folder, 'file'), '');
        return { CERTFLEET_CODE_CACHE: join(folder, 'file') };
      },
    ],
    [
      'there is a file on the way',
      async (folder) => {
        await writeFile(join(folder, 'file'), '');
        return { CERTFLEET_CODE_CACHE: join(folder, 'file/cache') };
      },
    ],
    [
      'a link on the way leads nowhere',
      async (folder) => {
        await symlink('nowhere', join(folder, 'link'));
        return { CERTFLEET_CODE_CACHE: join(folder, 'link/cache') };
      },
    ],
    [
      'links lead in a circle',
      async (folder) => {
        await symlink('circle', join(folder, 'circle'));
        return { CERTFLEET_CODE_CACHE: join(folder, 'circle/cache') };
      },
    ],
    [
      'a link on the way belongs to another user',
      async (folder) => {
        if (!isRoot) return { CERTFLEET_CODE_CACHE: 'off' };
        await mkdir(join(folder, 'target'));
        await chown(join(folder, 'target'), user, user);
        await symlink('target', join(folder, 'link'));
        await lchown(join(folder, 'link'), stranger, stranger);
        return { CERTFLEET_CODE_CACHE: join(folder, 'link') };
      },
    ],
    [
      'its folder is read-only',
      async (folder) => {
        await chmod(folder, 0o500);
        return { CERTFLEET_CODE_CACHE: join(folder, 'cache') };
      },
    ],
    [
      'it belongs to root',
      async (folder) => {
        await mkdir(join(folder, 'cache'), { mode: 0o755 });
        return { CERTFLEET_CODE_CACHE: join(folder, 'cache') };
      },
    ],
  ];
  it.each(sampled(places, 3, 'places'))('everything works if %s', async (_, prepare) => {
    const { folder, uid } = await ofUser();
    const env = await prepare(folder);
    const before = await readdir(folder, { recursive: true });
    for (let i = 0; i < 2; i++) expect(await run({ env, ...(uid !== undefined && { uid }) })).toSatisfy(isRight);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it.runIf(isRoot)('everything works if the disk is full', async () => {
    const { folder, uid } = await ofUser();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=64k,mode=700,uid=${user}`, 'certfleet-test', folder]);
    } catch {
      return noteSkipped('not tested: a code cache on a full disk (mounting needs root)');
    }
    atEnd(() => void execFileSync('umount', ['--lazy', folder]));
    const env = { CERTFLEET_CODE_CACHE: join(folder, 'cache') };
    for (let i = 0; i < 2; i++) expect(await run({ env, ...(uid !== undefined && { uid }) })).toSatisfy(isRight);
    const left = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(left.filter((one) => one.isFile() && !one.name.endsWith('.cjs.bin'))).toEqual([]);
    expect(left.filter(({ name }) => name.startsWith('draft-'))).toEqual([]);
  });
});
