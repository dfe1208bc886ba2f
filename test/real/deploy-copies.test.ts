import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import copies from '../../src/deployers/copies.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { createDeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { temporaryOfDead, temporaryOfLiving } from '../support/left-temporaries.ts';
import { temporaryFolder } from '../support/service.ts';
import { createVersionMaker, fingerprintOfFile, type VersionMaker } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();
let versions: VersionMaker;
beforeAll(async () => {
  versions = await createVersionMaker();
});

const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: copies in folders of other users (needs root)');

const signal = new AbortController().signal;
const note = async () => {};
const make = () => versions.make('www', ['www.example.test']);
const kinds = ['privkey', 'cert', 'chain', 'fullchain'] as const;
const optionsIn = (folder: string) => Object.fromEntries(kinds.map((kind) => [kind, join(folder, `${kind}.pem`)]));
const open = (options: Readonly<Record<string, string>>, made = createDeployWorld()) =>
  copies.connect({ options: copies.options.parse(options), owner: '0123456789ab', name: 'disk', world: made.world });
const deploy = async (deployer: Deployer, version: Awaited<ReturnType<typeof make>>) =>
  deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

// The last of the four files cannot be written.
deployerContract(test, async () => {
  const path = await temporaryFolder('copies');
  const made = createDeployWorld();
  return {
    connect: () => open(optionsIn(path), made),
    version: () => make(),
    inUse: () => fingerprintOfFile(join(path, 'fullchain.pem')).catch(() => undefined),
    keyFiles: () => findKeyFiles(path),
    async breakActivation() {
      made.interfere = (call, at) => {
        if (call === 'replace' && at.endsWith('fullchain.pem'))
          throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
      };
      return async () => {
        made.interfere = () => {};
      };
    },
    logged: () => made.lines,
    stop: async () => rmSync(path, { recursive: true, force: true }),
  };
});

/** Owner, group and mode of a file. */
const rightsOf = (path: string): string => {
  const { uid, gid, mode } = statSync(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
};

describe.skipIf(!isRoot)('a file', () => {
  test.each([
    ['a new one', undefined, '0:0 600', '0:0 644'],
    ['a stricter mode', [0, 0o400], '0:0 400', '0:0 400'],
    ['a group', [0, 0o640, 33], '0:33 640', '0:33 640'],
    ['open to all', [0, 0o666], '0:0 640', '0:0 644'],
    ['open to its group', [0, 0o770, 33], '0:33 640', '0:33 640'],
  ] as const)('keeps owner and mode, and is closed to others: %s', async (_name, before, ofKey, ofCertificate) => {
    const folder = await temporaryFolder('copies');
    const [key, chain] = [join(folder, 'k'), join(folder, 'c')];
    for (const path of before ? [key, chain] : []) {
      writeFileSync(path, 'before');
      chownSync(path, before![0], before![2] ?? 0);
      chmodSync(path, before![1]);
    }
    const umask = process.umask(0);
    const version = await make();
    await deploy(open({ privkey: key, fullchain: chain }), version).finally(() => process.umask(umask));
    expect([rightsOf(key), rightsOf(chain)]).toEqual([ofKey, ofCertificate]);
    expect(readFileSync(key, 'utf8')).toBe(version.keyPem.reveal());
    expect(readFileSync(chain, 'utf8')).toBe(version.fullchainPem);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('with a certificate alone keeps its owner, who gets no key', async () => {
    const chain = join(await temporaryFolder('copies'), 'c');
    writeFileSync(chain, 'before', { mode: 0o600 });
    chownSync(chain, 33, 33);
    await deploy(open({ fullchain: chain }), await make());
    expect(rightsOf(chain)).toBe('33:33 600');
  });

  test('behind links of root is written, and the links stay', async () => {
    const folder = await temporaryFolder('copies');
    mkdirSync(join(folder, 'real/deep'), { recursive: true });
    symlinkSync('real/deep', join(folder, 'short'));
    symlinkSync('../key-1.pem', join(folder, 'real/deep/key.pem'));
    await deploy(open({ privkey: join(folder, 'short/key.pem') }), await make());
    expect(lstatSync(join(folder, 'real/key-1.pem')).isFile()).toBe(true);
    expect(readlinkSync(join(folder, 'real/deep/key.pem'))).toBe('../key-1.pem');
  });

  test('that a killed process began to write is removed, and one that lives keeps its own', async () => {
    const folder = await temporaryFolder('copies');
    const [dead, ours] = [temporaryOfDead(), temporaryOfLiving()];
    const [old, foreign] = ['.certfleet-1-a.tmp', '.certfleet-2-b.tmp'];
    for (const name of [dead, old, foreign, ours]) writeFileSync(join(folder, name), 'half a key');
    utimesSync(join(folder, old), 1, 1);
    utimesSync(join(folder, ours), 1, 1);
    utimesSync(join(folder, foreign), 1, 1);
    chownSync(join(folder, foreign), stranger, stranger);
    await deploy(open({ privkey: join(folder, 'k') }), await make());
    expect(readdirSync(folder).sort()).toEqual([foreign, ours, 'k'].sort());
  });
});

/** What another user may prepare where root is to write a private key. The path is below `folder`. */
describe.skipIf(!isRoot)('is refused, and nothing is written', () => {
  const give = (path: string) => execFileSync('chown', ['-h', `${stranger}:${stranger}`, path]);
  const theirs = (path: string) => {
    mkdirSync(path, { recursive: true });
    give(path);
  };
  const linkOf = (path: string, target: string) => {
    symlinkSync(target, path);
    give(path);
  };
  test.each<readonly [string, (folder: string, precious: string) => void, RegExp]>([
    ['a folder of another user', (folder) => theirs(join(folder, 'a')), /a belongs to user 65534.*chown root/],
    [
      'a folder of another user on the way',
      (folder) => {
        theirs(join(folder, 'a'));
        mkdirSync(join(folder, 'a/b'));
      },
      /a belongs to user 65534/,
    ],
    [
      'a folder that all can write',
      (folder) => {
        mkdirSync(join(folder, 'a'));
        chmodSync(join(folder, 'a'), 0o1777);
      },
      /a, which belongs to root, can be changed by every user: choose a place other than/,
    ],
    [
      'a folder that its group can write',
      (folder) => {
        mkdirSync(join(folder, 'a'));
        chmodSync(join(folder, 'a'), 0o775);
      },
      /can be changed by its group/,
    ],
    [
      'a link of another user to a folder',
      (folder, precious) => linkOf(join(folder, 'a'), precious),
      /a belongs to user/,
    ],
    [
      'a link of another user to a file',
      (folder, precious) => {
        mkdirSync(join(folder, 'a'));
        linkOf(join(folder, 'a/key.pem'), join(precious, 'file'));
      },
      /key\.pem belongs to user 65534: run `rm \S+key\.pem`/,
    ],
    [
      'a file of another user in what is now a folder of root',
      (folder) => {
        mkdirSync(join(folder, 'a'));
        writeFileSync(join(folder, 'a/key.pem'), 'theirs', { mode: 0o640 });
        give(join(folder, 'a/key.pem'));
      },
      /key\.pem belongs to user 65534, who could read each new private key: remove it, or, .*chown root:GROUP/,
    ],
    [
      'a link of root into a folder of another user',
      (folder) => {
        mkdirSync(join(folder, 'a'));
        theirs(join(folder, 'theirs'));
        symlinkSync('../theirs/key.pem', join(folder, 'a/key.pem'));
      },
      /theirs belongs to user 65534/,
    ],
    [
      'a pipe',
      (folder) => {
        mkdirSync(join(folder, 'a'));
        execFileSync('mkfifo', [join(folder, 'a/key.pem')]);
      },
      /key\.pem is not a regular file/,
    ],
    [
      'a folder in its place',
      (folder) => mkdirSync(join(folder, 'a/key.pem'), { recursive: true }),
      /not a regular file/,
    ],
  ])('%s', { timeout: 20_000 }, async (_name, prepare, reason) => {
    const base = await temporaryFolder('copies');
    const [folder, precious] = [join(base, 'out'), join(base, 'precious')];
    mkdirSync(folder);
    mkdirSync(precious, { mode: 0o700 });
    writeFileSync(join(precious, 'file'), 'root’s');
    prepare(folder, precious);
    const picture = () =>
      readdirSync(base, { recursive: true })
        .map(String)
        .sort()
        .map((name) => [name, lstatSync(join(base, name)).mtimeMs]);
    const before = picture();
    const version = await make();
    const path = `a/${_name.endsWith('on the way') ? 'b/' : ''}key.pem`;
    const deployer = open({ privkey: join(folder, path) });
    const refusal = { code: 'deploy/unsafe-folder', message: expect.stringMatching(reason) };
    await expect(deployer.look(version, signal)).rejects.toMatchObject(refusal);
    await expect(deployer.stage(version, note, signal)).rejects.toMatchObject(refusal);
    await expect(deployer.activate(version, null, note, signal)).rejects.toMatchObject(refusal);
    expect(picture()).toEqual(before);
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('root’s');
  });
});
