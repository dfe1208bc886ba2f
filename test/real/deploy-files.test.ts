import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import files from '../../src/deployers/files.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { pki } from '../../src/x509/pki.ts';
import { createDeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { findProgram, temporaryFolder } from '../support/service.ts';
import { createVersionMaker, fingerprintOfFile, type VersionMaker } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();
process.umask(0o022);
let versions: VersionMaker;
beforeAll(async () => {
  versions = await createVersionMaker();
});

const signal = new AbortController().signal;
const note = async () => {};
const open = (options: Record<string, unknown>, made = createDeployWorld()) =>
  files.connect({
    ...{ options: files.options.parse(options), owner: '0123456789ab', name: 'disk', world: made.world, pki },
  });
const make = (lineage = 'www') => versions.make(lineage, [`${lineage}.example.test`]);
const deploy = async (deployer: Deployer, version: Awaited<ReturnType<typeof make>>) =>
  deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

const has = (deployer: Deployer, { lineage, id, facts: { fingerprint } }: Awaited<ReturnType<typeof make>>) =>
  deployer.has?.({ lineage, id, fingerprint }, signal);

const execute = promisify(execFile);
const password = 'correct horse';
const withKeystore = { pkcs12: 'modern', pkcs12Password: new Secret(password) };

// With a keystore, whose bytes are others each time.
deployerContract(drawnExcept(/is absent, staged|a new version is used/), async () => {
  const path = await temporaryFolder('deploy');
  const made = createDeployWorld();
  return {
    connect: () => open({ path, ...withKeystore }, made),
    version: () => make(),
    inUse: () => fingerprintOfFile(join(path, 'live/www/fullchain.pem')).catch(() => undefined),
    async keyFiles() {
      const stores = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.p12'));
      const modes = stores.map(async (name) => {
        return { path: join(path, name), mode: (await stat(join(path, name))).mode & 0o7777 };
      });
      return [...(await findKeyFiles(path)), ...(await Promise.all(modes))];
    },
    async breakActivation() {
      made.interfere = (call) => {
        if (call === 'replaceLink') throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
      };
      return async () => {
        made.interfere = () => {};
      };
    },
    logged: () => made.lines,
    stop: () => rm(path, { recursive: true, force: true }),
  };
});

describe('a keystore', () => {
  test.each(
    sampled(
      [
        ['modern', /PBES2, PBKDF2, AES-256-CBC/, []],
        ['legacy', /pbeWithSHA1And3-KeyTripleDES-CBC/, ['-legacy']],
      ],
      1,
      'keystores',
    ),
  )('OpenSSL and Java read the %s form', async (pkcs12, info, flags) => {
    const path = await temporaryFolder('deploy');
    const version = await make();
    await deploy(open({ path, ...withKeystore, pkcs12 }), version);
    const file = join(path, 'live/www/keystore.p12');
    const read = ['pkcs12', '-in', file, '-passin', `pass:${password}`, '-nodes', '-info', ...flags];
    const { stdout, stderr } = await execute('openssl', read);
    expect(stderr).toMatch(info);
    const leaf = new X509Certificate(version.certPem);
    expect(new X509Certificate(stdout.slice(stdout.indexOf('-----BEGIN CERT'))).fingerprint).toBe(leaf.fingerprint);
    expect(leaf.checkPrivateKey(createPrivateKey(stdout.slice(stdout.indexOf('-----BEGIN PRIVATE'))))).toBe(true);
    if (findProgram('keytool') === undefined) return;
    const java = await execute('keytool', ['-list', '-v', '-keystore', file, '-storepass', password]);
    expect(java.stdout).toContain('Alias name: www');
    expect(java.stdout).toContain('Certificate chain length: 2');
  });

  itDrawn(
    'a look and another delivery leave it alone; what is missing or changed is stale and made again',
    async () => {
      const path = await temporaryFolder('deploy');
      const version = await make();
      const file = join(path, 'live/www/keystore.p12');
      const deployer = open({ path, ...withKeystore });
      // An installation that had only the PEM files.
      await deploy(open({ path }), version);
      expect((await deployer.look(version, signal)).detail).toMatch(
        /keystore\.p12 is missing, or is not of this version/,
      );
      await deploy(deployer, version);
      const first = await readFile(file);
      expect((await open({ path, ...withKeystore }).look(version, signal)).state).toBe('current');
      await deploy(open({ path, ...withKeystore }), version);
      expect(await readFile(file)).toEqual(first);
      const damages: readonly (() => Promise<unknown>)[] = [
        () => rm(file),
        () => writeFile(file, 'theirs'),
        () => rm(`${file}.seal`),
        () => chmod(file, 0o644),
      ];
      expect(await has(deployer, version)).toBe(true);
      for (const [at, damage] of damages.entries()) {
        await damage();
        // A glance sees what is missing or has another mode, without reading the keystore.
        if (at !== 1) expect(await has(deployer, version)).toBe(false);
        const looked = await deployer.look(version, signal);
        expect([looked.state, looked.detail]).toEqual(['stale', expect.stringContaining('keystore.p12')]);
        await deploy(deployer, version);
        expect((await deployer.look(version, signal)).state).toBe('current');
      }
      const other = open({ path, ...withKeystore, pkcs12Password: new Secret('another') });
      const legacy = open({ path, ...withKeystore, pkcs12: 'legacy' });
      for (const changed of [legacy, other]) {
        expect((await changed.look(version, signal)).state).toBe('stale');
        expect(await has(changed, version)).toBe(false);
        await deploy(changed, version);
        expect(await has(changed, version)).toBe(true);
      }
      await execute('openssl', ['pkcs12', '-in', file, '-passin', 'pass:another', '-noout']);
      const [second, third] = [await make(), await make()];
      for (const young of [second, third]) await deploy(other, young);
      await other.retire?.(second, undefined, signal);
      expect((await readdir(join(path, 'archive/www'))).sort()).toEqual([second.id, third.id].sort());
    },
  );

  test('what it cannot be made with is refused', async () => {
    const path = await temporaryFolder('deploy');
    for (const [more, words] of [
      [{ layout: 'certbot' }, 'layout: certbot'],
      [{ pkcs12Password: undefined }, 'needs `pkcs12Password`'],
      [{ pkcs12Password: new Secret('密码') }, 'a character outside ASCII'],
    ] as const)
      expect(() => open({ path, ...withKeystore, ...more })).toThrow(words);
  });
});

deployerContract(test, async () => {
  const path = await temporaryFolder('deploy');
  const made = createDeployWorld();
  return {
    connect: () => open({ path }, made),
    version: () => make(),
    inUse: () => fingerprintOfFile(join(path, 'live/www/fullchain.pem')).catch(() => undefined),
    keyFiles: () => findKeyFiles(path),
    async breakActivation() {
      made.interfere = (call) => {
        if (call === 'replaceLink') throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
      };
      return async () => {
        made.interfere = () => {};
      };
    },
    logged: () => made.lines,
    stop: () => rm(path, { recursive: true, force: true }),
  };
});

// certbot's own folders: the last of the four links cannot be changed.
deployerContract(drawnExcept(/is absent, staged|a new version is used/), async () => {
  const path = await temporaryFolder('deploy');
  const made = createDeployWorld();
  let links = 0;
  return {
    connect: () => open({ path, layout: 'certbot' }, made),
    version: () => make(),
    inUse: () => fingerprintOfFile(join(path, 'live/www/fullchain.pem')).catch(() => undefined),
    keyFiles: () => findKeyFiles(path),
    async breakActivation() {
      links = 0;
      made.interfere = (call) => {
        if (call === 'replaceLink' && ++links === 4) throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
      };
      return async () => {
        made.interfere = () => {};
      };
    },
    logged: () => made.lines,
    stop: () => rm(path, { recursive: true, force: true }),
  };
});

describe.each(['versions', 'certbot'])('a glance at the layout %s', (layout) => {
  test('sees each file that is gone, cut or empty, and a delivery repairs it', async () => {
    const path = await temporaryFolder('deploy');
    const [deployer, version] = [open({ path, layout }), await make()];
    await deploy(deployer, version);
    const damages: readonly ((file: string) => Promise<unknown>)[] = [
      async (file) => rm(await realpath(file)),
      async (file) => truncate(file, (await stat(file)).size - 100),
      (file) => truncate(file),
    ];
    for (const name of ['cert', 'chain', 'fullchain', 'privkey'])
      for (const [at, damage] of damages.entries()) {
        if (name === 'privkey' && at === 1) continue; // only a look reads the key
        const file = join(path, `live/www/${name}.pem`);
        const whole = await readFile(file, 'utf8');
        expect(await has(deployer, version)).toBe(true);
        await damage(file);
        expect([name, at, await has(deployer, version)]).toEqual([name, at, false]);
        await deploy(deployer, version);
        expect(await readFile(file, 'utf8')).toBe(whole);
      }
    expect(await has(deployer, version)).toBe(true);
  });
});

describe('certbot’s layout', () => {
  test('a version without an id is refused: its folder would be the archive itself', async () => {
    const path = await temporaryFolder('deploy');
    const staging = open({ path }).stage({ ...(await make()), id: '' }, note, signal);
    await expect(staging).rejects.toMatchObject({ code: 'deploy/target-failed' });
    expect(await readdir(path)).toEqual([]);
  });

  test('live/<name> is one symlink into the archive, with the four files', async () => {
    const path = await temporaryFolder('deploy');
    const version = await make();
    await deploy(open({ path }), version);
    expect(await readlink(join(path, 'live/www'))).toBe(`../archive/www/${version.id}`);
    expect((await readdir(join(path, 'live/www'))).sort()).toEqual([
      'cert.pem',
      'chain.pem',
      'fullchain.pem',
      'privkey.pem',
    ]);
    const read = (name: string) => readFile(join(path, 'live/www', name), 'utf8');
    expect(await read('cert.pem')).toBe(version.certPem);
    expect(await read('chain.pem')).toBe(version.chainPem);
    expect(await read('fullchain.pem')).toBe(version.fullchainPem);
    expect(await read('privkey.pem')).toBe(version.keyPem.reveal());
    const mode = async (name: string) => ((await stat(join(path, 'live/www', name))).mode & 0o777).toString(8);
    expect([await mode('privkey.pem'), await mode('fullchain.pem')]).toEqual(['600', '644']);
  });

  test('chain.pem exists even if the chain is empty', async () => {
    const path = await temporaryFolder('deploy');
    const version = { ...(await make()), chainPem: '' };
    await deploy(open({ path }), version);
    expect(await readFile(join(path, 'live/www/chain.pem'), 'utf8')).toBe('');
    expect((await open({ path }).look(version, signal)).state).toBe('current');
  });

  test('haproxyBundle, mode, owner and group; a changed mode is stale and is corrected', async () => {
    const path = await temporaryFolder('deploy');
    const version = await make();
    const root = process.getuid?.() === 0;
    const deployer = open({
      path,
      haproxyBundle: true,
      mode: '0640',
      ...(root ? { owner: 'daemon', group: 1 } : {}),
    });
    await deploy(deployer, version);
    const bundle = join(path, 'live/www/haproxy.pem');
    const text = await readFile(bundle, 'utf8');
    expect(text).toBe(version.fullchainPem + version.keyPem.reveal());
    expect((await stat(bundle)).mode & 0o777).toBe(0o640);
    if (root) expect([(await stat(bundle)).uid, (await stat(bundle)).gid]).toEqual([1, 1]);
    const plain = open({ path, haproxyBundle: true });
    expect((await plain.look(version, signal)).detail).toMatch(/privkey\.pem has mode 640 instead of 600/);
    await deploy(plain, version);
    expect((await plain.look(version, signal)).state).toBe('current');
  });

  test('an unknown owner is reported', async () => {
    const path = await temporaryFolder('deploy');
    await expect(deploy(open({ path, owner: '0:0' }), await make())).rejects.toMatchObject({
      message: expect.stringContaining('write the user in `owner` and the group in `group`'),
    });
    await expect(deploy(open({ path, owner: 'nobody-of-that-name' }), await make())).rejects.toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining('there is no user "nobody-of-that-name" in /etc/passwd'),
    });
  });

  test('certbot’s own live folder is refused and left alone', async () => {
    const path = await temporaryFolder('deploy');
    await mkdir(join(path, 'live/www'), { recursive: true });
    await writeFile(join(path, 'live/www/privkey.pem'), 'certbot’s');
    const version = await make();
    const deployer = open({ path });
    expect((await deployer.look(version, signal)).state).toBe('absent');
    await expect(deployer.stage(version, note, signal)).rejects.toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringMatching(/is a folder that certfleet did not make.*another path/),
    });
    await expect(deployer.activate(version, null, note, signal)).rejects.toMatchObject({
      code: 'deploy/target-failed',
    });
    expect(await readFile(join(path, 'live/www/privkey.pem'), 'utf8')).toBe('certbot’s');
    expect(await readdir(path)).toEqual(['live']);
  });

  test('a symlink of others is refused, and a name that would leave the folder', async () => {
    const path = await temporaryFolder('deploy');
    await mkdir(join(path, 'live'));
    await symlink('/etc', join(path, 'live/www'));
    await expect(deploy(open({ path }), await make())).rejects.toMatchObject({ code: 'deploy/target-failed' });
    expect(await readlink(join(path, 'live/www'))).toBe('/etc');
    await expect(deploy(open({ path }), { ...(await make()), lineage: '..' })).rejects.toMatchObject({
      code: 'deploy/target-failed',
    });
  });

  test('retire keeps the version in use, the previous one, and files of others', async () => {
    const path = await temporaryFolder('deploy');
    const deployer = open({ path });
    const [a, b, c] = [await make(), await make(), await make()];
    await mkdir(join(path, 'archive/www/notes'), { recursive: true });
    await writeFile(join(path, 'archive/www/notes/read.me'), 'mine');
    await writeFile(join(path, 'archive/www/cert1.pem'), 'certbot’s');
    for (const version of [a, b, c]) await deploy(deployer, version);
    await deployer.retire?.(b, undefined, signal);
    expect((await readdir(join(path, 'archive/www'))).sort()).toEqual([b.id, c.id, 'cert1.pem', 'notes'].sort());
  });

  test('interrupted at any write, live/ keeps a complete version, and the next try finishes', async () => {
    const [old, young] = [await make(), await make()];
    for (let at = 1; ; at++) {
      const path = await temporaryFolder('deploy');
      const made = createDeployWorld();
      await deploy(open({ path }, made), old);
      let calls = 0;
      made.interfere = () => {
        if (++calls === at) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      };
      const outcome = await deploy(open({ path }, made), young).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      if (outcome === 'done') {
        expect(at).toBeGreaterThan(5); // four files and the link
        break;
      }
      expect(outcome).toBe('deploy/target-failed');
      expect(await fingerprintOfFile(join(path, 'live/www/fullchain.pem'))).toBe(old.facts.fingerprint);
      expect((await open({ path }).look(old, signal)).state).toBe('current');
      await deploy(open({ path }), young);
      expect((await open({ path }).look(young, signal)).state).toBe('current');
      expect((await lstat(join(path, 'live/www'))).isSymbolicLink()).toBe(true);
    }
  });
});
