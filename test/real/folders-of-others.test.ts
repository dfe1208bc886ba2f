import fs, {
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import command from '../../src/deployers/command.ts';
import filesDeployer from '../../src/deployers/files.ts';
import nginx from '../../src/deployers/nginx.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import type { Files } from '../../src/ports/files.ts';
import http01Webroot from '../../src/solvers/http01-webroot.ts';
import { createDeployWorld } from '../support/deploy-world.ts';
import { respondersOf } from '../support/responders.ts';
import { temporaryFolder } from '../support/service.ts';
import { createVersionMaker, type VersionMaker } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';
import { ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

// Another user prepares, in folders that certfleet writes to as root, what he can: folders, files and links.

stopAllAfterwards();
afterEach(() => void vi.restoreAllMocks());
process.umask(0o022);

const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: folders of other users (needs root)');

const give = (path: string, uid = stranger): string => {
  lchownSync(path, uid, uid);
  return path;
};
/** A folder, a file or a link of the other user. */
const folderOf = (path: string, uid = stranger): string => {
  mkdirSync(path, { recursive: true });
  return give(path, uid);
};
const linkOf = (path: string, target: string, uid = stranger): void => {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
  give(path, uid);
};

/** Everything below a folder with owner, mode and content. */
function picture(folder: string): readonly string[] {
  const names = ['.', ...readdirSync(folder, { recursive: true }).map(String)].sort();
  return names.map((name) => {
    const path = join(folder, name);
    const stats = lstatSync(path);
    const content = stats.isFile() ? readFileSync(path, 'utf8') : stats.isSymbolicLink() ? readlinkSync(path) : '';
    return `${name} ${stats.mode.toString(8)} ${stats.uid}:${stats.gid} ${content}`;
  });
}

/** A folder of root, with files that have the names that certfleet writes. */
function makePrecious(base: string): string {
  const folder = join(base, 'precious');
  mkdirSync(folder, { mode: 0o700 });
  for (const name of ['privkey.pem', 'cert.pem', 'chain.pem', 'fullchain.pem'])
    writeFileSync(join(folder, name), `root’s ${name}`, { mode: 0o600 });
  return folder;
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** As on a system without /proc: what is checked stays the same. */
function withoutProc(): Files {
  const real = fs.statSync;
  vi.spyOn(fs, 'statSync').mockImplementation(((path: string, ...rest: []) => {
    if (String(path).startsWith('/proc/self/fd')) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    return real(path, ...rest);
  }) as typeof fs.statSync);
  return createFiles();
}

describe.skipIf(!isRoot)('a deployer', () => {
  let versions: VersionMaker;
  beforeAll(async () => {
    versions = await createVersionMaker();
  });
  const make = () => versions.make('www', ['www.example.test']);
  const note = async () => {};
  const world = createDeployWorld().world;

  const types: Readonly<Record<string, (path: string, files?: Files, more?: object) => Deployer>> = {
    files: (path, files = world.files, more = {}) =>
      filesDeployer.connect({
        options: filesDeployer.options.parse({ path, ...more }),
        owner: '0123456789ab',
        name: 'x',
        world: { ...world, files },
      }),
    'files with owner': (path, files = world.files) =>
      filesDeployer.connect({
        options: filesDeployer.options.parse({ path, owner: 'daemon' }),
        owner: '0123456789ab',
        name: 'x',
        world: { ...world, files },
      }),
    nginx: (path, files = world.files) =>
      nginx.connect({
        options: nginx.options.parse({ path, test: ['true'], reload: ['true'] }),
        owner: '0123456789ab',
        name: 'x',
        world: { ...world, files },
      }),
    command: (path, files = world.files) =>
      command.connect({
        options: command.options.parse({ path, run: 'true' }),
        owner: '0123456789ab',
        name: 'x',
        world: { ...world, files },
      }),
  };
  const open = types['files'] as (path: string, files?: Files, more?: object) => Deployer;
  const deploy = async (deployer: Deployer, version: VersionBundle) =>
    deployer.activate(version, await deployer.stage(version, note, signal()), note, signal());

  interface Trap {
    readonly name: string;
    prepare(folder: string, version: VersionBundle, precious: string): void;
    /** The folder or link that the refusal names. */
    readonly named: string;
    readonly remedy: RegExp;
  }
  const chown = /belongs to user 65534.*chown root .*certfleet as its owner/;
  const link = /is a symbolic link of user 65534.*make it a folder/;
  const traps: readonly Trap[] = [
    { name: 'the folder of another user', prepare: (folder) => void folderOf(folder), named: '', remedy: chown },
    {
      name: 'a link of another user instead of the folder',
      prepare: (folder, _version, precious) => linkOf(folder, precious),
      named: '',
      remedy: /is a symbolic link of user 65534.*name the folder/,
    },
    ...['live', 'archive', 'archive/www'].map(
      (below): Trap => ({
        name: `${below} of another user`,
        prepare: (folder) => void folderOf(join(folder, below)),
        named: below,
        remedy: chown,
      }),
    ),
    {
      name: 'archive/NAME/ID of another user',
      prepare: (folder, { id }) => void folderOf(join(folder, 'archive/www', id)),
      named: 'archive/www/ID',
      remedy: chown,
    },
    ...['live', 'archive', 'archive/www'].map(
      (below): Trap => ({
        name: `${below} is a link`,
        prepare: (folder, _version, precious) => linkOf(join(folder, below), precious),
        named: below,
        remedy: link,
      }),
    ),
    {
      name: 'archive/NAME/ID is a link',
      prepare: (folder, { id }, precious) => linkOf(join(folder, 'archive/www', id), precious),
      named: 'archive/www/ID',
      remedy: link,
    },
  ];

  /** A link on the way to a folder, which leads to a folder of root that has one of the same name. */
  const onTheWay = (base: string, uid: number): { readonly folder: string; readonly real: string } => {
    const real = join(base, 'precious/inner/out');
    mkdirSync(real, { recursive: true });
    linkOf(join(base, 'way'), 'precious', uid);
    return { folder: join(base, 'way/inner/out'), real };
  };

  describe.each(Object.keys(types))('%s', (type) => {
    test.each([
      { owner: 'another user', uid: stranger, missing: false },
      { owner: 'another user, and the folder is missing', uid: stranger, missing: true },
      { owner: 'root', uid: 0, missing: false },
      { owner: 'root, and the folder is missing', uid: 0, missing: true },
    ])('a link on the way of $owner', async ({ uid, missing }) => {
      for (const files of [() => world.files, withoutProc]) {
        const base = await temporaryFolder('others');
        const { folder, real } = onTheWay(base, uid);
        if (missing) rmdirSync(real);
        const [before, open] = [picture(base), descriptors()];
        const deployed = deploy(types[type]!(folder, files()), await make());
        if (uid === 0) {
          await deployed;
          expect(readdirSync(join(real, 'live/www'))).toHaveLength(4);
        } else {
          await expect(deployed).rejects.toMatchObject({
            code: 'deploy/unsafe-folder',
            message: expect.stringMatching(`${base}/way is a symbolic link of user ${uid}.*name the folder`),
          });
          expect(picture(base)).toEqual(before);
        }
        expect(descriptors()).toBe(open);
        vi.restoreAllMocks();
      }
    });

    test.each(traps)('$name: refused, and nothing is written there', async ({ prepare, named, remedy }) => {
      const base = await temporaryFolder('others');
      const [precious, folder, version] = [makePrecious(base), join(base, 'out'), await make()];
      prepare(folder, version, precious);
      const [before, open] = [picture(precious), descriptors()];
      for (const files of [() => world.files, withoutProc]) {
        const deployer = types[type]!(folder, files());
        const error = await deploy(deployer, version).then(
          () => undefined,
          (thrown: Error) => thrown,
        );
        expect(error).toMatchObject({ code: 'deploy/unsafe-folder', message: expect.stringMatching(remedy) });
        expect(error?.message).toContain(` ${join(folder, named.replace('ID', version.id))} `);
        expect(picture(precious)).toEqual(before);
        expect(picture(base).filter((line) => line.includes(version.keyPem.reveal()))).toEqual([]);
        await deployer.retire?.({ lineage: 'www', id: 'x' }, undefined, signal()).catch(() => {});
        expect(picture(precious)).toEqual(before);
      }
      expect(descriptors()).toBe(open);
    });
  });

  test('a prepared file is replaced by a new one of ours, and a name that somebody kept keeps nothing', async () => {
    const folder = await temporaryFolder('others');
    const version = await make();
    const key = join(folder, 'archive/www', version.id, 'privkey.pem');
    mkdirSync(dirname(key), { recursive: true });
    writeFileSync(key, 'prepared', { mode: 0o666 });
    chownSync(key, stranger, stranger);
    linkSync(key, join(folder, 'kept'));
    await deploy(open(folder), version);
    const { uid, gid, mode } = statSync(key);
    expect([uid, gid, mode & 0o7777]).toEqual([0, 0, 0o600]);
    expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('prepared');
  });

  test('files with the right content that belong to another user are stale, and are replaced', async () => {
    const folder = await temporaryFolder('others');
    const version = await make();
    await deploy(open(folder), version);
    const path = join(folder, 'live/www');
    for (const name of readdirSync(path)) chownSync(join(path, name), stranger, stranger);
    expect(await open(folder).look(version, signal())).toEqual({
      state: 'stale',
      detail: `${join(path, 'privkey.pem')} belongs to user 65534 instead of 0`,
    });
    await deploy(open(folder), version);
    expect((await open(folder).look(version, signal())).state).toBe('current');
    expect(readdirSync(path).map((name) => statSync(join(path, name)).uid)).toEqual([0, 0, 0, 0]);
  });

  test.each(['', 'live', 'archive'])('a look without a key trusts no folder of another user: %j', async (below) => {
    const folder = join(await temporaryFolder('others'), 'certs');
    const version = await make();
    await deploy(open(folder), version);
    const { lineage, id, facts } = version;
    const has = () => open(folder).has!({ lineage, id, fingerprint: facts.fingerprint }, signal());
    expect(await has()).toBe(true);
    chownSync(join(folder, below), stranger, stranger);
    await expect(has()).rejects.toMatchObject({ code: 'deploy/unsafe-folder' });
  });

  test('owner and mode are set before the content is written', async () => {
    const folder = await temporaryFolder('others');
    const seen: string[] = [];
    const write = fs.writeFileSync;
    vi.spyOn(fs, 'writeFileSync').mockImplementation((file, data) => {
      const { size, uid, gid, mode } = fs.fstatSync(file as number);
      seen.push(`${size} ${uid}:${gid} ${(mode & 0o7777).toString(8)}`);
      write(file, data);
    });
    await deploy(open(folder, world.files, { owner: 'daemon', group: '2', mode: '0640' }), await make());
    expect(new Set(seen)).toEqual(new Set(['0 1:2 640', '0 1:2 644']));
  });

  test('folders of the configured owner, and a link that root made to the folder, are used', async () => {
    const base = await temporaryFolder('others');
    const folder = join(base, 'out');
    mkdirSync(folder);
    symlinkSync(folder, join(base, 'link'));
    for (const below of ['live', 'archive', 'archive/www']) folderOf(join(folder, below), 1);
    const version = await make();
    const deployer = types['files with owner']!(join(base, 'link'));
    await deploy(deployer, version);
    expect((await deployer.look(version, signal())).state).toBe('current');
    await expect(deploy(open(folder), version)).rejects.toMatchObject({ code: 'deploy/unsafe-folder' });
  });

  test('a folder that is replaced by a link while files are written: they stay in the folder', async () => {
    const base = await temporaryFolder('others');
    const [precious, folder, version] = [makePrecious(base), join(base, 'out'), await make()];
    await deploy(open(folder), await make());
    const before = picture(precious);
    const path = join(folder, 'archive/www', version.id);
    const openFile = fs.open as (...args: unknown[]) => void;
    let moved = false;
    vi.spyOn(fs, 'open').mockImplementation(((...args: unknown[]) => {
      if (!moved && basename(String(args[0])) === 'privkey.pem') {
        moved = true;
        renameSync(path, `${path}-moved`);
        linkOf(path, precious);
      }
      openFile(...args);
    }) as typeof fs.open);
    await expect(deploy(types['files with owner']!(folder), version)).resolves.toBeUndefined();
    expect(moved).toBe(true);
    expect(picture(precious)).toEqual(before);
    expect(readdirSync(`${path}-moved`)).toContain('privkey.pem');
  });

  test.each([
    {
      name: 'a folder on the way becomes a link',
      swap: (way: string, real: string) => {
        renameSync(way, `${way}-moved`);
        linkOf(way, dirname(real));
      },
    },
    {
      name: 'a link of root on the way becomes one of another user',
      swap: (way: string, real: string) => {
        unlinkSync(way);
        linkOf(way, dirname(real));
      },
    },
  ])('$name while the folder is opened: refused', async ({ name, swap }) => {
    const base = await temporaryFolder('others');
    const [precious, way] = [makePrecious(base), join(base, 'way')];
    const real = join(precious, 'out');
    for (const path of [real, join(base, 'good/out')]) mkdirSync(path, { recursive: true });
    // A link of root before, so that the way is looked at link by link.
    symlinkSync('.', join(base, 'link'));
    if (name.startsWith('a folder')) renameSync(join(base, 'good'), way);
    else symlinkSync('good', way);
    const before = picture(precious);
    const lstat = fs.lstatSync as (...args: unknown[]) => fs.Stats;
    let swapped = false;
    vi.spyOn(fs, 'lstatSync').mockImplementation(((...args: unknown[]) => {
      const seen = lstat(...args);
      if (!swapped && args[0] === way) {
        swapped = true;
        swap(way, real);
      }
      return seen;
    }) as typeof fs.lstatSync);
    await expect(deploy(open(join(base, 'link/way/out'), createFiles()), await make())).rejects.toMatchObject({
      code: 'deploy/unsafe-folder',
      message: expect.stringMatching(/symbolic link of user 65534|made to lead elsewhere/),
    });
    expect(swapped).toBe(true);
    expect(picture(precious)).toEqual(before);
  });

  test('retire leaves links, folders of others, and folders with anything else alone', async () => {
    const base = await temporaryFolder('others');
    const [precious, folder] = [makePrecious(base), join(base, 'out')];
    const [old, young] = [await make(), await make()];
    for (const version of [old, young]) await deploy(open(folder), version);
    linkOf(join(folder, 'archive/www/link'), precious);
    folderOf(join(folder, 'archive/www/theirs'));
    writeFileSync(join(folder, 'archive/www/theirs/cert.pem'), 'theirs');
    mkdirSync(join(folder, 'archive/www/deep/cert.pem'), { recursive: true });
    mkdirSync(join(folder, 'archive/www/gone'));
    linkOf(join(folder, 'archive/www/gone/cert.pem'), join(precious, 'cert.pem'));
    const before = picture(precious);
    await open(folder).retire?.(old, undefined, signal());
    expect(readdirSync(join(folder, 'archive/www')).sort()).toEqual(
      [old.id, young.id, 'deep', 'link', 'theirs'].sort(),
    );
    expect(picture(precious)).toEqual(before);
  });

  test('a mark that leads elsewhere is ignored', async () => {
    const folder = await temporaryFolder('others');
    const version = await make();
    mkdirSync(join(folder, 'archive/www'), { recursive: true });
    writeFileSync(
      join(folder, 'archive/www/.nginx-x.json'),
      JSON.stringify({ trying: version.id, before: '../../../etc' }),
    );
    const broken = nginx.connect({
      options: nginx.options.parse({ path: folder, test: ['false'], reload: ['true'] }),
      owner: '0123456789ab',
      name: 'x',
      world,
    });
    await expect(deploy(broken, version)).rejects.toMatchObject({ code: 'deploy/config-test-failed' });
    expect(readdirSync(join(folder, 'live'))).toEqual([]);
  });
});

describe.skipIf(!isRoot)('http01-webroot', () => {
  const inner = '.well-known/acme-challenge';
  const connect = async (root: string, files?: Files, layout: 'webroot' | 'answers' = 'webroot') => {
    const bench = await makeBench();
    return bench.keep(
      http01Webroot.connect({
        name: 'web',
        options: http01Webroot.options.parse({ folders: root, layout }),
        world: files ? { ...bench.world, files } : bench.world,
        store: bench.store,
        storeId,
        ...respondersOf(bench.world, bench.store),
      }),
    );
  };
  const preciousIn = (base: string): string => {
    const path = join(base, 'precious');
    mkdirSync(join(path, 'acme-challenge'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, 'acme-challenge/file'), 'root’s', { mode: 0o600 });
    return path;
  };

  interface Case {
    readonly name: string;
    prepare(root: string, precious: string): void;
    readonly refused?: string;
  }
  const cases: readonly Case[] = [
    {
      name: '.well-known leads to a folder of root',
      prepare: (root, precious) => linkOf(join(give(root), '.well-known'), precious),
      refused: '.well-known',
    },
    {
      name: 'acme-challenge leads to a folder of root',
      prepare: (root, precious) => linkOf(join(give(root), inner), join(precious, 'acme-challenge')),
      refused: inner,
    },
    {
      name: 'a relative link leads to a folder of root',
      prepare: (root) => linkOf(join(give(root), '.well-known'), '../precious'),
      refused: '.well-known',
    },
    {
      name: 'a link that root made leads to a folder of root, but the webroot belongs to another user',
      prepare: (root, precious) => linkOf(join(give(root), '.well-known'), precious, 0),
      refused: '.well-known',
    },
    {
      name: 'a link of another user in root’s webroot leads to a folder of root',
      prepare: (root, precious) => linkOf(join(root, '.well-known'), precious),
      refused: '.well-known',
    },
    {
      name: 'a link of the webroot’s owner leads to another of his folders',
      prepare: (root) => {
        give(root);
        folderOf(join(dirname(root), 'his'));
        linkOf(join(root, '.well-known'), '../his');
      },
    },
    {
      name: 'a link of root in root’s webroot leads to a folder of root',
      prepare: (root) => {
        mkdirSync(join(dirname(root), 'shared'));
        linkOf(join(root, inner), join(dirname(root), 'shared'), 0);
      },
    },
    {
      name: 'a link of root leads through a link of another user to a folder of root',
      prepare: (root, precious) => {
        linkOf(join(dirname(root), 'theirs'), precious);
        linkOf(join(root, inner), join(dirname(root), 'theirs/acme-challenge'), 0);
      },
      refused: '../theirs',
    },
    { name: 'folders of another user', prepare: (root) => void folderOf(join(root, '.well-known')) },
  ];

  test.each(cases)('$name', async ({ prepare, refused }) => {
    for (const files of [() => undefined, withoutProc]) {
      const base = await temporaryFolder('others');
      const [root, precious, challenge] = [join(base, 'www'), preciousIn(base), makeChallenge()];
      mkdirSync(root);
      prepare(root, precious);
      const before = picture(base);
      const solver = await connect(root, files());
      const open = descriptors();
      if (refused === undefined) {
        const receipt = await solver.present(challenge, ignore, signal());
        expect(readFileSync(join(root, inner, challenge.token), 'utf8')).toBe(challenge.keyAuthorization);
        expect(await solver.ready(challenge, receipt, signal())).toEqual({ ready: true });
        await solver.cleanup(challenge, receipt, signal());
      } else {
        const refusal = {
          code: 'solver/webroot-unwritable',
          message: expect.stringMatching(
            new RegExp(
              `${join(root, refused)} is a symbolic link of user \\d+.*belongs to user 0; make it a folder|${join(root, refused)} is a symbolic link of user \\d+`,
            ),
          ),
        };
        await expect(solver.preflight?.(challenge.identifier, signal())).rejects.toMatchObject(refusal);
        await expect(solver.present(challenge, ignore, signal())).rejects.toMatchObject(refusal);
        await expect(solver.prepare?.('web', [], signal())).rejects.toMatchObject(refusal);
        await solver.cleanup(challenge, undefined, signal());
        await solver.withdraw?.('web', signal());
      }
      expect(picture(base)).toEqual(before);
      expect(descriptors()).toBe(open);
      vi.restoreAllMocks();
    }
  });

  test('the webroot itself as a link: of its owner to his folder it is used, to a folder of root it is refused', async () => {
    const base = await temporaryFolder('others');
    const [precious, challenge] = [preciousIn(base), makeChallenge()];
    const his = folderOf(join(base, 'his'));
    linkOf(join(base, 'good'), his);
    linkOf(join(base, 'bad'), precious);
    const before = picture(precious);
    await (await connect(join(base, 'good'))).present(challenge, ignore, signal());
    expect(readFileSync(join(his, inner, challenge.token), 'utf8')).toBe(challenge.keyAuthorization);
    await expect((await connect(join(base, 'bad'))).present(challenge, ignore, signal())).rejects.toMatchObject({
      code: 'solver/webroot-unwritable',
    });
    expect(picture(precious)).toEqual(before);
  });

  test.each([
    { name: 'of another user to his folder', link: stranger, folder: stranger },
    { name: 'of another user to a folder of root', link: stranger, folder: 0, refused: true },
    { name: 'of another user to a folder of a third user', link: stranger, folder: 1, refused: true },
    { name: 'of root to a folder of another user', link: 0, folder: stranger },
    { name: 'of root to a folder of root', link: 0, folder: 0 },
  ])('a link on the way to the webroot, $name: refused: $refused', async ({ link, folder, refused = false }) => {
    for (const files of [() => undefined, withoutProc]) {
      const [base, challenge] = [await temporaryFolder('others'), makeChallenge()];
      const real = folderOf(join(base, 'sites/www'), folder);
      linkOf(join(base, 'way'), 'sites', link);
      const [before, open] = [picture(base), descriptors()];
      const solver = await connect(join(base, 'way/www'), files());
      const presented = solver.present(challenge, ignore, signal());
      if (refused) {
        await expect(presented).rejects.toMatchObject({
          code: 'solver/webroot-unwritable',
          message: expect.stringMatching(`${base}/way is a symbolic link of user ${link}`),
        });
      } else {
        const receipt = await presented;
        expect(readFileSync(join(real, inner, challenge.token), 'utf8')).toBe(challenge.keyAuthorization);
        await solver.cleanup(challenge, receipt, signal());
      }
      expect(picture(base)).toEqual(before);
      expect(descriptors()).toBe(open);
      vi.restoreAllMocks();
    }
  });

  test('a folder of answers as a link: of its owner to his folder it is used, to a folder of root it is refused', async () => {
    const base = await temporaryFolder('others');
    const [precious, challenge] = [join(preciousIn(base), 'acme-challenge'), makeChallenge()];
    const his = folderOf(join(base, 'his'));
    linkOf(join(base, 'good'), his);
    linkOf(join(base, 'bad'), precious);
    const before = picture(precious);
    const solver = await connect(join(base, 'good'), undefined, 'answers');
    const receipt = await solver.present(challenge, ignore, signal());
    expect(readFileSync(join(his, challenge.token), 'utf8')).toBe(challenge.keyAuthorization);
    await solver.cleanup(challenge, receipt, signal());
    expect(readdirSync(his)).toEqual([]);
    // A name that leads elsewhere is not written through.
    linkOf(join(his, challenge.token), join(precious, 'file'));
    const refusal = { code: 'solver/webroot-unwritable' };
    await expect(solver.present(challenge, ignore, signal())).rejects.toMatchObject(refusal);
    const bad = await connect(join(base, 'bad'), undefined, 'answers');
    await expect(bad.present(challenge, ignore, signal())).rejects.toMatchObject(refusal);
    expect(picture(precious)).toEqual(before);
  });

  test('a folder that is replaced by a link right before the file is written: the file stays in the folder', async () => {
    const base = await temporaryFolder('others');
    const [root, precious, challenge] = [folderOf(join(base, 'www')), preciousIn(base), makeChallenge()];
    const before = picture(precious);
    const openFile = fs.open as (...args: unknown[]) => void;
    let moved = false;
    vi.spyOn(fs, 'open').mockImplementation(((...args: unknown[]) => {
      if (!moved) renameSync(join(root, inner), join(root, 'moved'));
      if (!moved) linkOf(join(root, inner), join(precious, 'acme-challenge'));
      moved = true;
      openFile(...args);
    }) as typeof fs.open);
    const solver = await connect(root);
    const receipt = await solver.present(challenge, ignore, signal());
    expect(picture(precious)).toEqual(before);
    expect(readdirSync(join(root, 'moved'))).toEqual([challenge.token]);
    await solver.cleanup(challenge, receipt, signal());
    expect(picture(precious)).toEqual(before);
  });
});
