import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import nginx from '../../src/deployers/nginx.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { createDeployWorld, type DeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Nginx, type NginxServer, startNginx } from '../support/nginx.ts';
import { stopAll, temporaryFolder, until } from '../support/service.ts';
import { createVersionMaker, shakeHands, shakeHandsUntilStopped, type VersionMaker } from '../support/versions.ts';
import { describeWith } from '../support/vitest.ts';

process.umask(0o022);
const signal = new AbortController().signal;
const note = async () => {};

describeWith(['nginx', 'openssl'], 'the nginx deployer', () => {
  let versions: VersionMaker;
  beforeAll(async () => {
    versions = await createVersionMaker();
  });
  afterEach(() => void vi.unstubAllEnvs());
  afterAll(stopAll);

  const make = () => versions.make('www', ['www.example.test']);
  const deploy = async (deployer: Deployer, version: VersionBundle) =>
    deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

  interface Bench {
    readonly server: Nginx;
    readonly path: string;
    readonly made: DeployWorld;
    readonly servers: readonly NginxServer[];
    connect(options?: Record<string, unknown>): Deployer;
    /** The certificate of a handshake; waits for the expected one, since a reload takes a moment. */
    served(expected: string | undefined): Promise<string | undefined>;
  }
  async function start(): Promise<Bench> {
    const path = join(await temporaryFolder('nginx-certs'), 'certs');
    const server = await startNginx();
    const servers = [{ serverName: 'www.example.test', certificate: join(path, 'live/www') }];
    // A user adds the server block before the first delivery; the running nginx has not read it.
    await server.configure(servers);
    const made = createDeployWorld();
    const look = async () => (await shakeHands(server.httpsPort, 'www.example.test')).fingerprint;
    return {
      server,
      path,
      made,
      servers,
      connect: (extra = {}) =>
        nginx.connect({
          options: nginx.options.parse({ path, test: server.testCommand, reload: server.reloadCommand, ...extra }),
          owner: '0123456789ab',
          name: 'web',
          world: made.world,
        }),
      async served(expected) {
        if (expected === undefined) return look();
        await until(async () => (await look()) === expected, { what: `nginx serves ${expected}\n${server.log()}` });
        await server.settled();
        return look();
      },
    };
  }

  deployerContract(test, async () => {
    const bench = await start();
    return {
      connect: () => bench.connect(),
      version: () => make(),
      inUse: bench.served,
      keyFiles: () => findKeyFiles(bench.path),
      async breakActivation() {
        await bench.server.configure(bench.servers, 'no_such_directive on;');
        return () => bench.server.configure(bench.servers);
      },
      logged: () => bench.made.lines,
      stop: () => bench.server.stop(),
    };
  });

  test('a failing configuration test quotes nginx and leaves nothing of ours in live/', async () => {
    const bench = await start();
    await bench.server.configure(bench.servers, 'no_such_directive on;');
    await expect(deploy(bench.connect(), await make())).rejects.toMatchObject({
      code: 'deploy/config-test-failed',
      message: expect.stringContaining('unknown directive "no_such_directive"'),
    });
    expect(await readdir(join(bench.path, 'live'))).toEqual([]);
  });

  itDrawn('a key that does not match: the previous files are restored, and `nginx -t` passes', async () => {
    const bench = await start();
    const [old, young] = [await make(), await make()];
    await deploy(bench.connect(), old);
    await expect(deploy(bench.connect(), { ...young, keyPem: old.keyPem })).rejects.toMatchObject({
      code: 'deploy/config-test-failed',
      message: expect.stringContaining('key values mismatch'),
    });
    expect((await bench.server.test()).code).toBe(0);
    expect(await readFile(join(bench.path, 'live/www/cert.pem'), 'utf8')).toBe(old.certPem);
    expect((await bench.connect().look(old, signal)).state).toBe('current');
  });

  itDrawn('three certificates share a reload; if the test fails for one, all have their previous files', async () => {
    const bench = await start();
    const names = ['www', 'mail', 'shop'];
    const makeAll = () => Promise.all(names.map((name) => versions.make(name, [`${name}.example.test`])));
    await bench.server.configure(
      names.map((name) => ({ serverName: `${name}.example.test`, certificate: join(bench.path, 'live', name) })),
    );
    const log = join(bench.path, '../reloads');
    const reload = ['/bin/sh', '-c', `echo reload >> ${log}; exec "$@"`, 'sh', ...bench.server.reloadCommand];
    const deployer = bench.connect({ reload });
    const together = async (all: readonly VersionBundle[]) => {
      for (const version of all) await deployer.stage(version, note, signal);
      return (await deployer.activateTogether?.(all, signal))?.map(({ id }) => id);
    };
    const states = async (all: readonly VersionBundle[]) =>
      (await Promise.all(all.map((version) => bench.connect({ reload }).look(version, signal)))).map(
        ({ state }) => state,
      );

    const [old, young] = [await makeAll(), await makeAll()];
    expect(await together(old)).toEqual(old.map(({ id }) => id));
    expect(await readFile(log, 'utf8')).toBe('reload\n');
    expect(await states(old)).toEqual(['current', 'current', 'current']);

    const [www, mail, shop] = young as [VersionBundle, VersionBundle, VersionBundle];
    const bad = { ...mail, keyPem: www.keyPem };
    await expect(together([www, bad, shop])).rejects.toMatchObject({ code: 'deploy/config-test-failed' });
    expect(await states(old)).toEqual(['current', 'current', 'current']);
    expect((await bench.server.test()).code).toBe(0);
    expect(await readFile(log, 'utf8')).toBe('reload\n');

    expect(await together(young)).toHaveLength(3);
    expect(await states(young)).toEqual(['current', 'current', 'current']);
    expect(await states(old)).toEqual(['stale', 'stale', 'stale']);
    expect(await bench.served(www.facts.fingerprint)).toBe(www.facts.fingerprint);
  });

  test('not one handshake fails while certificates change', async () => {
    const bench = await start();
    const deployer = bench.connect();
    const all = [await make(), await make(), await make(), await make(), await make()];
    await deploy(deployer, all[0]!);
    await bench.served(all[0]!.facts.fingerprint);
    const loop = shakeHandsUntilStopped(bench.server.httpsPort, 'www.example.test');
    for (const version of all.slice(1)) {
      await deploy(deployer, version);
      await until(() => loop.answers.some((answer) => answer.fingerprint === version.facts.fingerprint), {
        what: 'the new certificate is seen',
      });
    }
    const answers = await loop.stop();
    expect(answers.filter((answer) => answer.error !== undefined)).toEqual([]);
    expect(new Set(answers.map((answer) => answer.fingerprint)).size).toBe(5);
  });

  itDrawn('interrupted before any write: `nginx -t` passes, the old one is served, the next try finishes', async () => {
    const [old, young] = [await make(), await make()];
    const bench = await start();
    let at = 1;
    for (; ; at++) {
      await deploy(bench.connect(), old);
      await bench.served(old.facts.fingerprint);
      let calls = 0;
      // Like a kill: nothing runs after it, so nothing goes back.
      bench.made.interfere = () => {
        if (++calls >= at) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      };
      const ended = await deploy(bench.connect(), young).then(
        () => true,
        () => false,
      );
      bench.made.interfere = () => {};
      expect(await bench.server.test()).toMatchObject({ code: 0 });
      if (ended) break;
      await deploy(bench.connect(), young);
      expect((await bench.connect().look(young, signal)).state).toBe('current');
      await bench.served(young.facts.fingerprint);
      // So that the next round writes everything again.
      await deploy(bench.connect(), old);
      await rm(join(bench.path, 'archive/www', young.id), { recursive: true });
    }
    // Four files, the mark, the link, the mark.
    expect(at).toBeGreaterThanOrEqual(7);
  });

  itDrawn('killed after the link was swapped: stale until nginx is reloaded, and can still go back', async () => {
    const bench = await start();
    const [old, young] = [await make(), await make()];
    await deploy(bench.connect(), old);
    // The state after a kill: mark and link are written, nothing else.
    await bench.connect().stage(young, note, signal);
    const mark = join(bench.path, 'archive/www/.nginx-web.json');
    await writeFile(mark, JSON.stringify({ done: old.id, trying: young.id, before: old.id }));
    const link = join(bench.path, 'live/www');
    await rm(link);
    await symlink(`../archive/www/${young.id}`, link);
    expect((await bench.connect().look(young, signal)).detail).toContain('not been reloaded');
    expect((await bench.connect().look(old, signal)).state).toBe('stale');
    await bench.server.configure(bench.servers, 'no_such_directive on;');
    await expect(deploy(bench.connect(), young)).rejects.toMatchObject({ code: 'deploy/config-test-failed' });
    expect(await readFile(join(bench.path, 'live/www/cert.pem'), 'utf8')).toBe(old.certPem);
    await bench.server.configure(bench.servers);
    await deploy(bench.connect(), young);
    expect((await bench.connect().look(young, signal)).state).toBe('current');
  });

  itDrawn(
    'nginx not running: a first delivery stays so that it can start, but is not current; a later one goes back',
    async () => {
      const bench = await start();
      const [old, young] = [await make(), await make()];
      await bench.server.stop();
      await expect(deploy(bench.connect(), old)).rejects.toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringContaining('nginx.pid'),
      });
      expect((await bench.connect().look(old, signal)).state).toBe('stale');
      expect(await readFile(join(bench.path, 'live/www/cert.pem'), 'utf8')).toBe(old.certPem);
      await deploy(bench.connect({ reload: ['true'] }), old);
      await expect(deploy(bench.connect(), young)).rejects.toMatchObject({ code: 'deploy/target-failed' });
      expect(await readFile(join(bench.path, 'live/www/cert.pem'), 'utf8')).toBe(old.certPem);
    },
  );

  test('its commands get the listed variables, nginx’s folders in PATH, and no secret', async () => {
    const bench = await start();
    const [checked, reloaded] = [join(bench.path, '../checked'), join(bench.path, '../reloaded')];
    vi.stubEnv('DOCKER_HOST', 'tcp://docker.test:1');
    vi.stubEnv('TSIG_SECRET_OF_SOMEBODY', 'hush');
    const writeTo = (file: string) => ['/bin/sh', '-c', 'env > "$0"', file];
    const options = { test: writeTo(checked), reload: writeTo(reloaded), passEnvironment: ['DOCKER_HOST'] };
    await deploy(bench.connect(options), await make());
    for (const file of [checked, reloaded]) {
      const text = await readFile(file, 'utf8');
      expect(text).toMatch(/^DOCKER_HOST=tcp:\/\/docker.test:1$/m);
      expect(text).toMatch(/^PATH=.*:\/usr\/sbin:\/sbin$/m);
      expect(text).toMatch(/^HOME=/m);
      expect(text).not.toContain('hush');
    }
  });

  test('a missing nginx is reported', async () => {
    const bench = await start();
    await expect(deploy(bench.connect({ test: ['/nowhere/nginx', '-t'] }), await make())).rejects.toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining('/nowhere/nginx'),
    });
    expect(await readdir(join(bench.path, 'live'))).toEqual([]);
  });
});
