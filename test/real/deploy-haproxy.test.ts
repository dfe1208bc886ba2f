import {
  chmod,
  chown,
  lchown,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import haproxy from '../../src/deployers/haproxy.ts';
import { lookAtEndpoint } from '../../src/engine/looks/endpoint.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createVantage } from '../../src/lib/vantage.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import type { Files } from '../../src/ports/files.ts';
import type { World } from '../../src/ports/world.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { pki } from '../../src/x509/pki.ts';
import { createDeployWorld, type DeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { temporaryOfDead, temporaryOfLiving } from '../support/left-temporaries.ts';
import { sampled } from '../support/seeded.ts';
import { stopAll, temporaryFolder, until } from '../support/service.ts';
import { createVersionMaker, shakeHands, shakeHandsUntilStopped, type VersionMaker } from '../support/versions.ts';
import { describeWith, noteSkipped } from '../support/vitest.ts';

process.umask(0o022);
const signal = new AbortController().signal;
const note = async () => {};

describeWith(['haproxy', 'openssl'], 'the haproxy deployer', () => {
  let versions: VersionMaker;
  beforeAll(async () => {
    versions = await createVersionMaker();
  });
  afterAll(stopAll);

  const make = (lineage = 'www') => versions.make(lineage, [`${lineage}.example.test`]);
  const deploy = async (deployer: Deployer, version: VersionBundle) =>
    deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

  interface Edge {
    readonly server: Haproxy;
    readonly certificates: string;
    readonly crtList: string | undefined;
    readonly made: DeployWorld;
    connect(options?: Record<string, unknown>, world?: World): Deployer;
    served(name?: string): Promise<string | undefined>;
  }
  async function start(options: { crtList?: boolean } = {}): Promise<Edge> {
    const folder = await temporaryFolder('edge');
    const certificates = join(folder, 'certs');
    const crtList = options.crtList ? join(folder, 'crt-list.txt') : undefined;
    const server = await startHaproxy({ certificates, ...(crtList === undefined ? {} : { crtList }) });
    const made = createDeployWorld();
    return {
      server,
      certificates,
      crtList,
      made,
      connect: (extra = {}, world = made.world) =>
        haproxy.connect({
          options: haproxy.options.parse({ socket: server.socket, certificates, crtList, ...extra }),
          owner: '0123456789ab',
          name: 'edge',
          world,
        }),
      served: async (name = 'www') => (await shakeHands(server.httpsPort, `${name}.example.test`)).fingerprint,
    };
  }
  /** One command on the admin socket, without certfleet's code. */
  const admin = (server: Haproxy, text: string): Promise<string> =>
    new Promise((answer, reject) => {
      let all = '';
      connect(server.socket, function (this: import('node:net').Socket) {
        this.write(text);
      })
        .on('data', (chunk) => (all += chunk))
        .on('end', () => answer(all))
        .on('error', reject);
    });

  for (const crtList of sampled([false, true], 1, 'places of certificates')) {
    describe(crtList ? 'with a crt-list' : 'with a folder', () => {
      deployerContract(test, async () => {
        const edge = await start({ crtList });
        return {
          connect: () => edge.connect(),
          version: () => make(),
          inUse: () => edge.served(),
          keyFiles: () => findKeyFiles(edge.certificates),
          async breakActivation() {
            // The socket disappears after `stage`, or before it if nothing was staged.
            await rename(edge.server.socket, `${edge.server.socket}.away`);
            return () => rename(`${edge.server.socket}.away`, edge.server.socket);
          },
          logged: () => edge.made.lines,
          stop: () => edge.server.stop(),
        };
      });

      itDrawn('a restart serves the same, from disk', async () => {
        const edge = await start({ crtList });
        const [a, b, other] = [await make(), await make(), await make('other')];
        await deploy(edge.connect(), a);
        await deploy(edge.connect(), b);
        await deploy(edge.connect(), other);
        expect(await readdir(edge.certificates)).toEqual(['other.pem', 'www.pem']);
        if (edge.crtList !== undefined)
          expect(await readFile(edge.crtList, 'utf8')).toBe(
            `${edge.certificates}/www.pem\n${edge.certificates}/other.pem\n`,
          );
        await edge.server.restart();
        expect(await edge.served()).toBe(b.facts.fingerprint);
        expect(await edge.served('other')).toBe(other.facts.fingerprint);
        expect((await edge.connect().look(b, signal)).state).toBe('current');
      });
    });
  }

  test('the endpoint is checked: nothing yet, current, old, another certificate', async () => {
    const edge = await start();
    const [old, young] = [await make(), await make()];
    const look = (expect: VersionBundle, previous?: VersionBundle) =>
      lookAtEndpoint(
        {
          endpoint: `www.example.test:${edge.server.httpsPort}`,
          expectFingerprint: expect.facts.fingerprint,
          ...(previous ? { previousFingerprint: previous.facts.fingerprint } : {}),
          now: new Date(),
          vantage: createVantage({ clock: systemClock }),
          pki,
          resolve: async () => ['127.0.0.1'],
        },
        signal,
      );
    expect((await look(old)).state).toBe('handshake-failed');
    await deploy(edge.connect(), old);
    expect(await look(old)).toMatchObject({
      state: 'current',
      words: expect.stringMatching(
        /^127\.0\.0\.1: www\.example\.test; serial [0-9a-f]+; not after 20\d\d-\S+Z; from .*Test CA/,
      ),
    });
    expect((await look(young, old)).state).toBe('old');
    expect((await look(young)).state).toBe('other');
    await edge.server.stop();
    expect((await look(old)).state).toBe('unreachable');
  });

  test('not one handshake fails while certificates change', async () => {
    const edge = await start();
    const deployer = edge.connect();
    const all = [await make(), await make(), await make(), await make(), await make()];
    await deploy(deployer, all[0]!);
    const loop = shakeHandsUntilStopped(edge.server.httpsPort, 'www.example.test');
    for (const version of all.slice(1)) {
      await deploy(deployer, version);
      const before = loop.answers.length;
      await until(() => loop.answers.length > before + 8, { what: 'some more handshakes' });
    }
    const answers = await loop.stop();
    expect(answers.filter((answer) => answer.error !== undefined)).toEqual([]);
    // In the order of deployment, each of them seen.
    expect([...new Set(answers.map((answer) => answer.fingerprint))]).toEqual(all.map((one) => one.facts.fingerprint));
  });

  itDrawn('twelve lineages at once: HAProxy allows one transaction at a time, so the deployer queues', async () => {
    const edge = await start();
    const lineages = await Promise.all(Array.from({ length: 12 }, (_, index) => make(`n${index}`)));
    // Two objects, because transactions of another process are waited for, too.
    const deployers = [edge.connect(), edge.connect()];
    await Promise.all(lineages.map((version, index) => deploy(deployers[index % 2]!, version)));
    for (const version of lineages) expect(await edge.served(version.lineage)).toBe(version.facts.fingerprint);
  });

  itDrawn('ends a transaction that a dead process left open, for its own file or another one', async () => {
    const edge = await start();
    const [www, other, young] = [await make(), await make('other'), await make()];
    await deploy(edge.connect(), www);
    await deploy(edge.connect(), other);
    const file = (name: string) => join(edge.certificates, `${name}.pem`);
    const open = async (name: string, version: VersionBundle) => {
      const pem = version.fullchainPem + version.keyPem.reveal();
      return admin(edge.server, `set ssl cert ${file(name)} <<\n${pem}\n`);
    };
    expect(await open('www', www)).toContain('Transaction created');
    await deploy(edge.connect(), young);
    expect(await edge.served()).toBe(young.facts.fingerprint);
    expect(await open('other', other)).toContain('Transaction created');
    await deploy(edge.connect(), www);
    expect(await edge.served()).toBe(www.facts.fingerprint);
    expect(await admin(edge.server, 'show ssl cert\n')).not.toContain('# transaction');
  });

  itDrawn('delivers a PEM with blank lines and Windows line ends', async () => {
    const edge = await start();
    const version = await make();
    const fullchainPem = `\r\n${version.certPem.replaceAll('\n', '\r\n')}\n\n \n${version.chainPem}\n\n`;
    await deploy(edge.connect(), { ...version, fullchainPem });
    expect(await edge.served()).toBe(version.facts.fingerprint);
    await edge.server.restart();
    expect(await edge.served()).toBe(version.facts.fingerprint);
  });

  itDrawn('refuses a key that does not match, keeps the old one, leaves no transaction', async () => {
    const edge = await start();
    const [old, young] = [await make(), await make()];
    const wrong = { ...young, keyPem: old.keyPem };
    await expect(deploy(edge.connect(), wrong)).rejects.toMatchObject({ code: 'deploy/target-failed' });
    expect(await edge.served()).toBeUndefined();
    expect(await admin(edge.server, 'show ssl cert\n')).not.toContain('www.pem');
    await deploy(edge.connect(), old);
    await expect(deploy(edge.connect(), wrong)).rejects.toMatchObject({
      message: expect.stringContaining('inconsistencies between private key and certificate'),
    });
    expect(await edge.served()).toBe(old.facts.fingerprint);
    expect((await edge.connect().look(old, signal)).state).toBe('current');
    expect(await admin(edge.server, 'show ssl cert\n')).not.toContain('# transaction');
  });

  itDrawn('quotes HAProxy on a chain that is too long for its buffer', async () => {
    const edge = await start();
    const version = await make();
    const long = { ...version, fullchainPem: version.certPem + version.chainPem.repeat(40) };
    await expect(deploy(edge.connect(), long)).rejects.toMatchObject({
      message: expect.stringContaining('tune.bufsize'),
    });
    expect(await edge.served()).toBeUndefined();
  });

  test.each(['first', 'later'])('if the disk refuses the file, HAProxy goes back (%s delivery)', async (which) => {
    const edge = await start();
    const [old, young] = [await make(), await make()];
    if (which === 'later') await deploy(edge.connect(), old);
    edge.made.interfere = (_call, path) => {
      if (path.endsWith('/www.pem')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await expect(deploy(edge.connect(), young)).rejects.toMatchObject({
      message: expect.stringContaining('no space left on the disk'),
    });
    edge.made.interfere = () => {};
    expect(await edge.served()).toBe(which === 'later' ? old.facts.fingerprint : undefined);
    if (which === 'later') expect((await edge.connect().look(old, signal)).state).toBe('current');
    await deploy(edge.connect(), young);
    expect(await edge.served()).toBe(young.facts.fingerprint);
    expect((await readdir(edge.certificates)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  itDrawn(
    'a difference between disk and HAProxy is stale: after a kill between the two, or a file changed by hand',
    async () => {
      const edge = await start();
      const [old, young] = [await make(), await make()];
      await deploy(edge.connect(), old);
      const file = join(edge.certificates, 'www.pem');
      await writeFile(file, young.fullchainPem + young.keyPem.reveal());
      expect((await edge.connect().look(old, signal)).detail).toContain('on disk differs');
      expect((await edge.connect().look(young, signal)).detail).toContain('another certificate');
      await rm(file);
      expect((await edge.connect().look(old, signal)).state).toBe('stale');
      await deploy(edge.connect(), old);
      expect((await edge.connect().look(old, signal)).state).toBe('current');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    },
  );

  itDrawn('a crt-list that is a symlink stays one; its target gets the line and keeps its mode', async () => {
    const edge = await start({ crtList: true });
    const crtList = edge.crtList ?? '';
    const real = join(dirname(crtList), 'managed.txt');
    await rename(crtList, real);
    await chmod(real, 0o640);
    await writeFile(real, '# by somebody');
    await symlink(real, crtList);
    const version = await make();
    await deploy(edge.connect(), version);
    expect(await readlink(crtList)).toBe(real);
    expect(await readFile(real, 'utf8')).toBe(`# by somebody\n${join(edge.certificates, 'www.pem')}\n`);
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    await edge.server.restart();
    expect(await edge.served()).toBe(version.facts.fingerprint);
  });

  const isRoot = process.geteuid?.() === 0;
  if (!isRoot) noteSkipped('not tested: HAProxy’s files of other users (needs root)');
  const stranger = 65_534;

  test.skipIf(!isRoot)('a NAME.pem of another user is stale, and is replaced by a new file of ours', async () => {
    const edge = await start();
    const [old, young] = [await make(), await make()];
    const file = join(edge.certificates, 'www.pem');
    await deploy(edge.connect(), old);
    await chown(file, stranger, stranger);
    expect(await edge.connect().look(old, signal)).toMatchObject({ state: 'stale' });
    await deploy(edge.connect(), young);
    const { uid, gid, mode } = await stat(file);
    expect([uid, gid, mode & 0o7777]).toEqual([0, 0, 0o600]);
    expect((await edge.connect().look(young, signal)).state).toBe('current');
  });

  test.skipIf(!isRoot)('a NAME.pem that is a link is replaced, and its target stays as it is', async () => {
    const edge = await start();
    const precious = join(dirname(edge.certificates), 'precious');
    await writeFile(precious, 'root’s', { mode: 0o644 });
    await symlink(precious, join(edge.certificates, 'www.pem'));
    await deploy(edge.connect(), await make());
    expect(await readFile(precious, 'utf8')).toBe('root’s');
    expect((await stat(precious)).mode & 0o777).toBe(0o644);
  });

  test.skipIf(!isRoot)('a folder of another user gets nothing', async () => {
    const edge = await start();
    const version = await make();
    await chown(edge.certificates, stranger, stranger);
    await expect(deploy(edge.connect(), version)).rejects.toMatchObject({
      code: 'deploy/unsafe-folder',
      message: expect.stringContaining(`${edge.certificates} belongs to user 65534`),
    });
    await expect(edge.connect().look(version, signal)).rejects.toMatchObject({ code: 'deploy/unsafe-folder' });
    expect(await readdir(edge.certificates)).toEqual([]);
  });

  test.skipIf(!isRoot)('a crt-list that is a link of another user is not followed', async () => {
    const edge = await start({ crtList: true });
    const crtList = edge.crtList ?? '';
    const precious = join(dirname(crtList), 'precious');
    await writeFile(precious, 'root’s\n');
    await rm(crtList);
    await symlink(precious, crtList);
    await lchown(crtList, stranger, stranger);
    await expect(deploy(edge.connect(), await make())).rejects.toMatchObject({ code: 'deploy/target-failed' });
    expect(await readFile(precious, 'utf8')).toBe('root’s\n');
  });

  itDrawn('a crt-list keeps a line that another process adds at the same time', async () => {
    const edge = await start({ crtList: true });
    const [ours, theirs] = [await make('ours'), await make('theirs')];
    const { world } = edge.made;
    let reads = 0;
    const files: Files = {
      ...world.files,
      async read(path) {
        const content = await world.files.read(path);
        if (path === edge.crtList && ++reads === 1) await deploy(edge.connect(), theirs);
        return content;
      },
    };
    await deploy(edge.connect({}, { ...world, files }), ours);
    const lines = (await readFile(edge.crtList ?? '', 'utf8')).split('\n').filter((line) => line !== '');
    expect(lines).toEqual(['theirs', 'ours'].map((name) => join(edge.certificates, `${name}.pem`)));
    await edge.server.restart();
    for (const { lineage, facts } of [ours, theirs]) expect(await edge.served(lineage)).toBe(facts.fingerprint);
  });

  itDrawn('a draft left by a kill does not keep HAProxy from starting, and the next try removes it', async () => {
    const edge = await start();
    const [dead, young] = [await make(), await make()];
    await edge.connect().stage(dead, note, signal);
    const [left, living] = [temporaryOfDead(), temporaryOfLiving()];
    for (const name of [left, living, '.certfleet-1-ab-1.tmp'])
      await writeFile(join(edge.certificates, name), 'half a fi');
    await edge.server.restart();
    await deploy(edge.connect(), young);
    // The writer of the other one is unknown, so it is removed once it is old.
    expect((await readdir(edge.certificates)).sort()).toEqual(['.certfleet-1-ab-1.tmp', living, 'www.pem'].sort());
  });

  itDrawn('a folder or list that HAProxy does not use is reported, with the line to add', async () => {
    const edge = await start();
    const elsewhere = await temporaryFolder('elsewhere');
    await expect(deploy(edge.connect({ certificates: elsewhere }), await make())).rejects.toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining(`ssl strict-sni crt ${elsewhere}`),
    });
    await expect(deploy(edge.connect({ crtList: '/etc/nowhere.txt' }), await make())).rejects.toMatchObject({
      message: expect.stringContaining('does not use /etc/nowhere.txt'),
    });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  itDrawn('a trailing slash does not matter; a path with a space is refused at once', async () => {
    const edge = await start();
    await deploy(edge.connect({ certificates: `${edge.certificates}/` }), await make());
    expect(haproxy.options.safeParse({ socket: '/run/a.sock', certificates: '/etc/my certs' }).success).toBe(false);
  });
});
