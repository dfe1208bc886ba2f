import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLiveFolder } from '../../src/clients/folders/live-folder.ts';
import { loadSettings, refuseUntrusted } from '../../src/config/file/load.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { type LogFile, openLogFile } from '../../src/lib/files/log-file.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import type { FilesWithin } from '../../src/ports/files.ts';
import { buildCertfleet, type Certfleet, stderrOf, succeeded } from '../support/e2e.ts';
import { ownFolder, signal } from '../support/file-store-bench.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { createVersionMaker } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// A pipe, a link or a huge file that another user put where certfleet expects a file of its own. Opening a pipe waits
// for its other end: in a synchronous call, that stops the whole process with its signal handlers.

stopAllAfterwards();
const real = createFiles();
const { base, newPath } = ownFolder();
const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: pipes that belong to another user (needs root)');

function pipeAt(path: string, uid?: number): string {
  execFileSync('mkfifo', ['-m', '600', path]);
  if (uid !== undefined) chownSync(path, uid, uid);
  return path;
}
const write = (path: string, text: string): string => {
  writeFileSync(path, text);
  return path;
};
const linkTo = (target: string): string => {
  const path = newPath('link');
  symlinkSync(target, path);
  return path;
};
/** A configuration that names a file with a secret. */
const declaring = (secret: string): string =>
  `solvers: { dns: { type: dns01, provider: rfc2136, options: { server: '127.0.0.1:53', keyName: k, secret: 'file:${secret}' } } }\n`;

describe('reading', () => {
  it.each<readonly [string, () => string, RegExp]>([
    ['a pipe', () => pipeAt(newPath('pipe')), /^it is a pipe of (root|user \d+); remove it/],
    ['a pipe behind a link', () => linkTo(pipeAt(newPath('pipe'))), /^it is a symbolic link of/],
    ['a link to a file', () => linkTo(write(newPath('file'), 'x')), /^it is a symbolic link of/],
    ['a link to nothing', () => linkTo('/nowhere'), /^it is a symbolic link of/],
    ['a device', () => linkTo('/dev/zero'), /^it is a symbolic link of/],
    ['a folder', () => base, /it is a folder/],
    ['a file of more than 1 MiB', () => write(newPath('big'), 'x'.repeat(1024 * 1024 + 1)), /^it is larger than 1 MiB/],
  ])('refuses %s', async (_what, make, reason) => {
    await expect(real.read(make())).rejects.toThrow(reason);
  });

  it('refuses a socket', async () => {
    const path = newPath('socket');
    const server = createServer();
    await new Promise<void>((done) => server.listen(path, done));
    try {
      for (const options of [undefined, { named: true } as const])
        await expect(real.read(path, options)).rejects.toThrow(/^it is not a regular file of/);
    } finally {
      server.close();
    }
  });

  it('reads regular files, also empty ones and those whose size is not known', async () => {
    expect(`${await real.read(write(newPath('file'), 'abc'))}`).toBe('abc');
    expect(`${await real.read(write(newPath('file'), ''))}`).toBe('');
    expect(await real.read(newPath('none'))).toBeUndefined();
    expect(`${await real.read('/proc/self/stat')}`).toContain(`${process.pid}`);
    await expect(real.read('/proc/self/stat', { maxBytes: 5 })).rejects.toThrow('it is larger than 5 bytes');
  });
});

describe('reading what the operator named', () => {
  const named = (path: string, maxBytes?: number) =>
    real.read(path, { named: true, ...(maxBytes === undefined ? {} : { maxBytes }) });

  it('follows links, as those of a mounted secret', async () => {
    const folder = newPath('secret');
    mkdirSync(join(folder, '..2026'), { recursive: true });
    write(join(folder, '..2026/key'), 'abc');
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync('..data/key', join(folder, 'key'));
    expect(`${await named(join(folder, 'key'))}`).toBe('abc');
    expect(`${await named('/dev/null')}`).toBe('');
    expect(await named(linkTo('/nowhere'))).toBeUndefined();
    await expect(named('/dev/zero')).rejects.toThrow('it is larger than 1 MiB');
  });

  it('refuses a pipe with a name at once, also behind a link', async () => {
    const path = pipeAt(newPath('pipe'));
    for (const one of [path, linkTo(path)])
      await expect(named(one)).rejects.toThrow(/^it is a pipe of (root|user \d+);/);
  });

  it('reads what a shell has in a pipe as often as a command asks', () => {
    const { href } = new URL('../../src/lib/files/files.ts', import.meta.url);
    const script = `const { createFiles } = await import('${href}');
      const files = createFiles();
      for (const _ of [1, 2]) process.stdout.write(await files.read(process.argv[1], { named: true }));`;
    const command = `exec "$0" --import tsx --input-type=module -e "$1" <(printf abc)`;
    expect(execFileSync('bash', ['-c', command, process.execPath, script], { encoding: 'utf8' })).toBe('abcabc');
  });

  it('refuses a pipe as caFile', async () => {
    const http = createHttp({ caFile: pipeAt(newPath('pipe')), env: {}, userAgent: 'test' });
    const asked = async () => http.request({ method: 'GET', url: 'https://127.0.0.1:1/', signal });
    await expect(asked()).rejects.toMatchObject({
      code: 'config/ca-file-unusable',
      message: expect.stringMatching(/it is a pipe of/),
    });
  });
});

describe('the log file', () => {
  it('logs to a pipe of the operator that is read', async () => {
    const path = pipeAt(newPath('pipe'));
    expect(() => openLogFile(path)).toThrow('it is a pipe that no program reads');
    const read = promisify(execFile)('cat', [path]);
    const log = await opened(() => openLogFile(path));
    log.write('one');
    // More than a pipe holds: the write waits.
    log.write('x'.repeat(100_000));
    log.close();
    expect((await read).stdout.length).toBe(4 + 100_001);
    openLogFile('/dev/null').close();
  });

  it.skipIf(!isRoot)('logs to no pipe of another user', async () => {
    const path = pipeAt(newPath('pipe'), stranger);
    const reader = spawn('cat', [path], { stdio: 'ignore' });
    try {
      await expect(opened(() => openLogFile(path))).rejects.toThrow(
        `it is not a regular file, and ${path} belongs to user ${stranger}`,
      );
    } finally {
      reader.kill('SIGKILL');
    }
  });

  it('is made with mode 0600, also where a link of the operator leads', () => {
    const path = newPath('log');
    for (const name of [path, linkTo(path), linkTo(basename(path)), linkTo(linkTo(path))]) {
      const log = openLogFile(name);
      log.write('line');
      log.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('line\n'.repeat(4));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const descriptor = openSync(newPath('log'), 'w');
    openLogFile(`/dev/fd/${descriptor}`).close();
    closeSync(descriptor);
    const loop = newPath('loop');
    symlinkSync(loop, loop);
    expect(() => openLogFile(loop)).toThrow('too many symbolic links');
  });

  it.skipIf(!isRoot).each<readonly [string, (victim: string) => readonly [string, string]]>([
    ['a link of another user', (victim) => [foreignLink(victim), 'it is a symbolic link of user']],
    ['a link of another user to nothing', () => [foreignLink(newPath('none')), 'it is a symbolic link of user']],
    [
      'a link to a link of another user',
      (victim) => {
        const link = foreignLink(victim);
        return [linkTo(link), `${link} is a symbolic link of user`];
      },
    ],
    ['a file of another user', () => [foreignFile(), 'it belongs to user']],
    ['a link to a file of another user', () => [linkTo(foreignFile()), 'it belongs to user']],
  ])('is not %s', (_what, make) => {
    const victim = write(newPath('victim'), 'as it was');
    const [path, reason] = make(victim);
    const before = readdirSync(base);
    expect(() => openLogFile(path)).toThrow(
      new RegExp(`--log-file ${path} cannot be written: ${reason} ${stranger}, .*; name another file, or remove it`),
    );
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    expect(readdirSync(base)).toEqual(before);
  });
});

describe.skipIf(!isRoot)('a log file in a folder of another user', () => {
  const folders: readonly (readonly [string, (folder: string) => void, string])[] = [
    ['belongs to another user', (folder) => chownSync(folder, stranger, stranger), `belongs to user ${stranger}`],
    ['may be written by every user', (folder) => chmodSync(folder, 0o777), 'can be changed by every user'],
  ];
  it.each(
    folders.flatMap(([what, open, reason]) =>
      (['', 'below'] as const).map((below) => [what, below, open, reason] as const),
    ),
  )('is refused where it %s, and not made: %s', (_what, below, open, reason) => {
    const folder = newPath('folder');
    mkdirSync(join(folder, below), { recursive: true });
    open(folder);
    const path = join(folder, below, 'log');
    expect(() => openLogFile(path)).toThrow(
      `--log-file ${path} cannot be written: other users could replace it: ${folder}`,
    );
    expect(() => openLogFile(path)).toThrow(reason);
    expect(() => openLogFile(linkTo(path))).toThrow(reason);
    expect(readdirSync(join(folder, below))).toEqual([]);
  });

  it.each([
    ['is sticky', 0o1777],
    ['may be written by its group, as /var/log', 0o775],
  ])('is made where it %s', (_what, mode) => {
    const folder = newPath('folder');
    mkdirSync(folder);
    chmodSync(folder, mode);
    openLogFile(join(folder, 'log')).close();
    expect(readdirSync(folder)).toEqual(['log']);
  });
});

function foreignLink(target: string): string {
  const link = linkTo(target);
  lchownSync(link, stranger, stranger);
  return link;
}
function foreignFile(): string {
  const path = write(newPath('file'), '');
  chownSync(path, stranger, stranger);
  return path;
}

/** Tries until the pipe has a reader. */
const opened = (open: () => LogFile): Promise<LogFile> =>
  until(
    () => {
      try {
        return open();
      } catch (error) {
        if ((error as Error).message.includes('no program reads')) return undefined;
        throw error;
      }
    },
    { what: 'the pipe has a reader' },
  );

describe('an output folder with pipes in it', () => {
  const refuse = (reason: string) => new Error(reason);
  const within = <T>(folder: string, work: (inside: FilesWithin) => Promise<T>) =>
    real.within(folder, { owners: [], refuse }, work);

  it('is read and appended to without waiting', async () => {
    const folder = newPath('output');
    mkdirSync(folder);
    const path = pipeAt(join(folder, 'crt-list.txt'));
    expect(await within(folder, (inside) => inside.read(path))).toBeUndefined();
    const append = () => within(folder, (inside) => inside.append(path, 'line\n'));
    await expect(append()).rejects.toThrow(/ENXIO/);
    const reader = spawn('cat', [path], { stdio: 'ignore' });
    try {
      const refused = async () => {
        const error = await append().catch((caught: Error) => caught.message);
        return /ENXIO/.test(`${error}`) ? undefined : `${error}`;
      };
      expect(await until(refused, { what: 'the pipe has a reader' })).toContain('not a file');
    } finally {
      reader.kill('SIGKILL');
    }
  });

  it('stops no delivery', async () => {
    const root = await temporaryFolder('live');
    const version = await (await createVersionMaker()).make('www', ['www.example.test']);
    const folder = createLiveFolder({ files: real, root, target: 'the deployer "web" (nginx)' });
    await folder.stage(version);
    await folder.use('www', version.id);
    pipeAt(join(root, 'archive/www/.mark.json'));
    expect(await folder.mark('www')).toEqual({});
    const key = join(root, 'archive/www', version.id, 'privkey.pem');
    rmSync(key);
    pipeAt(key);
    expect(await folder.look(version)).toMatchObject({ state: 'stale', detail: expect.stringContaining('is missing') });
    await folder.stage(version);
    expect((await folder.look(version)).state).toBe('current');
    const live = join(root, 'live/www');
    rmSync(live);
    pipeAt(live);
    const reason = `${live} is a pipe, socket or device that certfleet did not make`;
    expect(await folder.look(version)).toEqual({ state: 'absent', detail: reason });
    await expect(folder.use('www', version.id)).rejects.toThrow(reason);
  });
});

describe.skipIf(!isRoot)('the configuration at its default place', () => {
  /** Makes the folder of the configuration, and returns it. */
  function made(): string {
    const folder = join(newPath('root'), 'etc/certfleet');
    mkdirSync(join(folder, 'certfleet.d'), { recursive: true });
    write(join(folder, 'certfleet.yaml'), 'leaseTtl: 30s\n');
    write(join(folder, 'certfleet.d/x.yaml'), '{}\n');
    return folder;
  }
  const load = (folder: string) =>
    loadSettings({ files: real, env: { CERTFLEET_ROOT: join(folder, '../..') } }).then(({ leaseTtlMs }) => leaseTtlMs);
  const foreignLink = (target: string, path: string) => {
    symlinkSync(target, path);
    lchownSync(path, stranger, stranger);
  };
  /** Makes of a folder what a mounted ConfigMap is. */
  function mount(folder: string, name: string): void {
    mkdirSync(join(folder, '..2026'));
    renameSync(join(folder, name), join(folder, '..2026', name));
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync(`..data/${name}`, join(folder, name));
    chmodSync(folder, 0o777);
  }

  it.each<readonly [string, (folder: string) => void, RegExp]>([
    ['a folder that every user can write', (at) => chmodSync(at, 0o777), /certfleet, which .* changed by every user/],
    ['such a folder beside it', (at) => chmodSync(join(at, 'certfleet.d'), 0o777), /certfleet\.d, which .* every user/],
    ['a folder beside it of another user', (at) => chownSync(join(at, 'certfleet.d'), stranger, 0), /\.d belongs to/],
    [
      'a link of another user to a file of root',
      (at) => {
        chmodSync(join(at, 'certfleet.d'), 0o1777);
        foreignLink('x.yaml', join(at, 'certfleet.d/y.yaml'));
      },
      /y\.yaml belongs to user 65534/,
    ],
    [
      'a file that another user put into a mounted ConfigMap',
      (at) => {
        mount(join(at, 'certfleet.d'), 'x.yaml');
        foreignLink('..data/x.yaml', join(at, 'certfleet.d/y.yaml'));
      },
      /y\.yaml belongs to another user/,
    ],
    [
      'a folder of another user beside a mounted ConfigMap',
      (at) => {
        mount(at, 'certfleet.yaml');
        chownSync(join(at, 'certfleet.d'), stranger, stranger);
      },
      /certfleet\.d belongs to another user/,
    ],
  ])('is refused: %s', async (_what, change, reason) => {
    const folder = made();
    change(folder);
    await expect(load(folder)).rejects.toMatchObject({
      code: 'config/untrusted',
      message: expect.stringMatching(reason),
    });
  });

  it.each<readonly [string, (folder: string) => void, RegExp | undefined]>([
    ['nothing that others can change', () => {}, undefined],
    ['a sticky folder', (at) => chmodSync(join(at, 'certfleet.d'), 0o1777), undefined],
    ['mounted ConfigMaps', (at) => [mount(at, 'certfleet.yaml'), mount(join(at, 'certfleet.d'), 'x.yaml')], undefined],
    ['a file that all can write', (at) => chmodSync(join(at, 'certfleet.yaml'), 0o666), /changed by every user/],
    ['a file of another user', (at) => chownSync(join(at, 'certfleet.d/x.yaml'), stranger, 0), /belongs to user/],
    [
      'an empty folder that all can write',
      (at) => [rmSync(join(at, 'certfleet.d/x.yaml')), chmodSync(join(at, 'certfleet.d'), 0o777)],
      /changed by every user/,
    ],
  ])('is judged before it is read again, also if a person named it: %s', async (_what, change, reason) => {
    const folder = made();
    change(folder);
    const judged = refuseUntrusted(real, join(folder, 'certfleet.yaml'));
    const hint = expect.stringContaining('reads it again whenever it changes');
    if (reason === undefined) await expect(judged).resolves.toBeUndefined();
    else await expect(judged).rejects.toMatchObject({ message: expect.stringMatching(reason), hint });
  });

  it.each<readonly [string, (folder: string) => void]>([
    ['folders of root', () => {}],
    ['mounted ConfigMaps', (at) => [mount(at, 'certfleet.yaml'), mount(join(at, 'certfleet.d'), 'x.yaml')]],
    ['a sticky folder', (at) => chmodSync(join(at, 'certfleet.d'), 0o1777)],
  ])('is read from %s', async (_what, change) => {
    const folder = made();
    change(folder);
    expect(await load(folder)).toBe(30_000);
  });
});

it('writes over no pipe in place of a spare revision', async () => {
  const folder = newPath('shard');
  mkdirSync(folder);
  const draft = await real.draft(folder, 'content', { mode: 0o600 }, pipeAt(join(folder, 'a@1')));
  expect(readdirSync(folder)).toEqual([basename(draft)]);
  expect(statSync(draft).isFile()).toBe(true);
  expect(readFileSync(draft, 'utf8')).toBe('content');
});

describe('the command line', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });
  const check = (config: string, inside?: readonly string[]) =>
    certfleet(['config', 'check', '--config', config], inside ? { inside } : {});

  it('reads a configuration and a secret from a pipe', async () => {
    const bash = ['/bin/bash', '-c'];
    const config = write(newPath('config'), 'certificates: []\n');
    for (const [path, shell] of [
      ['/dev/stdin', `cat ${config} | "$@"`],
      ['/dev/stdin', `"$@" < ${config}`],
      ['/dev/fd/9', `"$@" 9< <(cat ${config})`],
    ] as const) {
      const ran = await check(path, [...bash, shell, 'bash']);
      succeeded(ran);
      expect(ran.stdout).toContain('is valid: 0 certificates');
    }
    const named = write(newPath('config'), declaring('/dev/fd/9'));
    const ran = await check(named, [...bash, '"$@" 9< <(printf c2VjcmV0)', 'bash']);
    expect(ran.stdout).toContain('is valid');
  });

  it.skipIf(!isRoot)('does not run with a configuration that others can write', async () => {
    const config = write(newPath('config'), 'certificates: []\n');
    chmodSync(config, 0o666);
    const ran = await certfleet(['run', '--config', config, '--store', newPath('store')]);
    expect([ran.status, stderrOf(ran)]).toEqual([2, expect.stringContaining('can be changed by every user')]);
    succeeded(await check(config));
  });

  it('ends at a signal while it waits for the pipe', async () => {
    const shell = '"$@" < <(sleep 20)';
    const ran = await check('/dev/stdin', ['timeout', '-s', 'TERM', '2', '/bin/bash', '-c', shell, 'bash']);
    expect(ran.status).toBe(124);
  });

  it('refuses a pipe with a name as configuration, beside it, and as secret, without waiting for it', async () => {
    const pipe = pipeAt(newPath('pipe'));
    const beside = write(newPath('config'), 'certificates: []\n');
    mkdirSync(`${beside}.d`);
    const inFolder = pipeAt(join(`${beside}.d`, 'x.yaml'));
    for (const [config, named] of [
      [pipe, pipe],
      [beside, inFolder],
      [write(newPath('config'), declaring(pipe)), pipe],
    ] as const) {
      const ran = await check(config, ['timeout', '10']);
      const said = `${ran.stdout} ${stderrOf(ran)}`;
      expect([ran.status, said]).toEqual([2, expect.stringMatching(/: it is a pipe of (root|user \d+); remove/)]);
      expect(said).toContain(named);
    }
  });
});
