import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Bench, type Configuration, documents, onlyCertificate, readLineage, startBench } from '../support/e2e.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** Mounts a small disk at a path, until the end of the test. Returns false if this user cannot. */
function mountDisk(path: string): boolean {
  mkdirSync(path, { mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return true;
}

describeWith(['pebble', 'haproxy', ...bindPrograms], 'a store that fails while it is used', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
  });

  const orders = () => bench.pebble.service.log().split('POST /order-plz').length - 1;
  const withMore = (one: Configuration): Configuration => ({
    ...one,
    certificates: [
      ...one.certificates,
      { ...one.certificates[0]!, name: 'more', identifiers: ['more.example.test'], endpoints: [] },
    ],
  });

  it('stops certfleet run where it is gone, until it is back', { timeout: 120_000 }, async () => {
    const port = await freePort();
    const home = await bench.home((one) => ({ ...onlyCertificate('abc')(one), listen: `127.0.0.1:${port}` }));
    const answers = async () => {
      const paths = ['healthz', 'readyz'].map(async (path) => fetch(`http://127.0.0.1:${port}/${path}`));
      return (await Promise.all(paths)).map(({ status }) => status).join();
    };
    const daemon = startDaemon(home);
    await daemon.saw('"certificate.deployed","certificate":"abc"');
    const [before, current] = [orders(), (await readLineage(home.store, 'abc')).current?.id];
    expect(await answers()).toBe('200,200');

    // As if its volume were unmounted, and the mount point stayed.
    await rename(home.store, `${home.store}.away`);
    await mkdir(home.store);
    await home.configure((one) => withMore({ ...onlyCertificate('abc')(one), listen: `127.0.0.1:${port}` }));
    await daemon.saw('the configuration was read again');
    await until(async () => (await answers()) === '503,503', { what: 'it is not healthy', deadlineMs: 30_000 });
    await daemon.saw('it is gone', 2);
    expect([orders(), await readdir(home.store)]).toEqual([before, []]);

    await rm(home.store, { recursive: true });
    await rename(`${home.store}.away`, home.store);
    await daemon.saw('"certificate.deployed","certificate":"more"');
    await until(async () => (await answers()) === '200,200', { what: 'it is healthy', deadlineMs: 40_000 });
    expect(orders()).toBe(before + 1);
    expect((await readLineage(home.store, 'abc')).current?.id).toBe(current);
    expect(await daemon.stop()).toMatchObject({ status: 0 });
  });

  it('is not ready while its disk is full, although it takes signs of life', { timeout: 120_000 }, async () => {
    const port = await freePort();
    // A sign of life each second.
    const settings = { leaseTtl: '3s', node: 'a', listen: `127.0.0.1:${port}` };
    const home = await bench.home((one) => ({ ...onlyCertificate('abc')(one), ...settings }));
    if (!mountDisk(home.store)) return noteSkipped('not tested: certfleet run on a full disk (mounting needs root)');
    const status = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    const beats = async () => {
      const { running } = JSON.parse((await documents(home.store, 'replica')).get('a')!);
      return running.node.lease.beat as number;
    };
    const daemon = startDaemon(home);
    await daemon.saw('"certificate.deployed","certificate":"abc"');
    const before = orders();
    const filler = join(home.store, '.filler.tmp');
    await writeFile(filler, Buffer.alloc(12 * 1024 * 1024));
    await home.configure((one) => ({ ...withMore(onlyCertificate('abc')(one)), ...settings }));
    await until(async () => (await status()) === 503, { what: 'it is not ready' });
    const last = (await beats()) + 5;
    await until(
      async () => {
        expect(await status()).toBe(503);
        return (await beats()) >= last;
      },
      { what: 'signs of life', everyMs: 100 },
    );
    expect(orders()).toBe(before);
    await rm(filler);
    await until(async () => (await status()) === 200, { what: 'it is ready' });
    expect(await daemon.stop()).toMatchObject({ status: 0 });
  });

  it('stops certfleet renew where it goes in the middle', async () => {
    const home = await bench.home();
    const script = join(home.folder, 'unmount');
    const lines = ['#!/bin/sh', `mv '${home.store}' '${home.store}.away' && mkdir -m 700 '${home.store}'`];
    await writeFile(script, lines.join('\n'), { mode: 0o700 });
    const before = orders();
    await home.configure((one) => ({
      ...one,
      certificates: one.certificates.map((certificate) => ({ ...certificate, hooks: { pre: script } })),
    }));
    const ran = await home.certfleet(['renew']);
    expect([ran.status, orders(), await readdir(home.store)]).toEqual([7, before, []]);
    expect(ran.stderr).toContain('it is gone');
  });
});
