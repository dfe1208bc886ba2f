import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, findProgram, until } from '../support/service.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, documents, leftovers, liveFits, plantForeign, readLineage } from './inspect.ts';
import { type Ran, type Rig, type RigConfig, type State, startRig } from './rig.ts';

/** A full, read-only or damaged disk: the command line says so clearly, and nothing is lost. */
describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'a store whose disk fails', () => {
  let rig: Rig;
  stopAllAfterwards();
  beforeAll(async () => {
    rig = await startRig();
    await plantForeign(rig);
  });
  beforeEach(() => {
    rig.proxy.clear();
    rig.proxy.forget();
  });

  const mounts = process.getuid?.() === 0 && mayMount();
  if (!mounts) noteSkipped('not tested: full and read-only disks (mounting needs root)');

  it.runIf(mounts)('full before the start: no order is placed', async () => {
    const state = await mounted(await rig.state('dns'));
    await writeFile(join(state.store, 'filler'), Buffer.alloc(20 * mebi));
    const ran = await rig.cli(state, 'issue').done;
    expect(ran.status, ran.stderr).toBe(7);
    expect(wordsOf(ran)).toMatch(/disk is full: [\d.]+ MiB are free/);
    expect(wordsOf(ran)).toContain(state.store);
    expect(rig.proxy.requests).toEqual([]);

    await rm(join(state.store, 'filler'));
    expect((await rig.cli(state, 'issue').done).status).toBe(0);
    await isWhole(state, 'abc', 'issued');
  });

  it.runIf(mounts)('full during an order: key and order are kept, and the next run uses them', async () => {
    const state = await mounted(await rig.state('dns'));
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const held = rig.proxy.fault({ on: 'finalize', what: { type: 'hold', when: 'after', until: released } });
    const running = rig.cli(state, 'issue');
    await until(() => held.hits > 0, { what: 'finalize is reached', deadlineMs: 60_000 });
    const keys = [...(await documents(state, 'key')).keys()];
    expect(keys).toHaveLength(1);
    // Larger than the free space: writes until the disk is full.
    await writeFile(join(state.store, 'filler'), Buffer.alloc(64 * mebi)).catch(() => undefined);
    release();
    const ran = await running.done;
    expect(ran.status, ran.stderr).toBe(7);
    expect(wordsOf(ran)).toMatch(/no space left/i);
    expect(wordsOf(ran)).toContain('Make room');

    await rm(join(state.store, 'filler'));
    // `issue`, not `renew`: if there was room to store the failure, `renew` waits a minute.
    const next = await rig.cli(state, 'issue').done;
    expect(next.status, next.stderr).toBe(0);
    await isWhole(state, 'abc', 'issued');
    expect([...(await documents(state, 'key')).keys()]).toEqual(keys);
    expect([rig.proxy.accepted('newOrder'), rig.proxy.accepted('finalize')]).toEqual([1, 1]);
  });

  if (mounts)
    itDrawn('read-only: reported, and nothing is changed', async () => {
      const state = await mounted(await rig.state('dns'));
      expect((await rig.cli(state, 'issue').done).status).toBe(0);
      rig.proxy.forget();
      const before = await contents(state.store);
      execFileSync('mount', ['-o', 'remount,ro', state.store]);
      const ran = await rig.cli(state, 'renew', '--force').done;
      expect(ran.status, ran.stderr).toBe(7);
      expect(wordsOf(ran)).toContain('the file system is read-only');
      expect(wordsOf(ran)).toContain('Mount it writable');
      expect(rig.proxy.requests).toEqual([]);
      expect(await contents(state.store)).toEqual(before);

      execFileSync('mount', ['-o', 'remount,rw', state.store]);
      expect((await rig.cli(state, 'renew', '--force').done).status).toBe(0);
      await isWhole(state, 'abc', 'renewed');
    });

  const damages = [
    ['cut in half', async (file: string, size: number) => truncate(file, Math.floor(size / 2))],
    ['empty', async (file: string) => truncate(file, 0)],
    ['of zeros', async (file: string, size: number) => writeFile(file, Buffer.alloc(size))],
  ] as const;
  for (const [how, spoil] of sampled(damages, 1, 'damages'))
    it(`a lineage that is ${how} is reported, nothing is ordered for it, and the others continue`, async () => {
      const state = await rig.state('webroot', undefined, { change: withSecond });
      const issued = await rig.cli(state, 'issue').done;
      expect(issued.status, issued.stderr).toBe(0);
      rig.proxy.forget();
      const file = await newestLineage(state, 'abc');
      await spoil(file, (await readFile(file)).length);
      const before = await contents(state.store, (name) => name.includes('abc'));

      const ran = await rig.cli(state, 'renew', '--force').done;
      expect(ran.status, ran.stderr).toBe(7);
      expect(wordsOf(ran)).toContain(file);
      expect(rig.proxy.accepted('newOrder'), 'for the other one alone').toBe(1);
      await isWhole(state, 'xyz', 'renewed');
      expect(await contents(state.store, (name) => name.includes('abc')), 'nothing of it was touched').toEqual(before);
      expect(await readFile(join(state.live, 'live/abc/fullchain.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');

      const status = await rig.cli(state, 'status').done;
      expect(status.stdout).toMatch(/abc.*corrupt/);
      expect(status.stdout).toMatch(/xyz.*valid/);
    });

  async function isWhole(state: State, name: string, result: string): Promise<void> {
    const lineage = await readLineage(state, name);
    expect([lineage?.last?.result, lineage?.work]).toEqual([result, undefined]);
    expect(await currentKeyFits(state, name)).toBe(true);
    expect(await liveFits(state, name)).toBe(true);
    expect(await leftovers(rig, state)).toEqual([]);
  }
});

/** Without the line breaks of the terminal. */
const wordsOf = (ran: Ran): string => `${ran.stdout} ${ran.stderr}`.replace(/\s+/g, ' ');

const mebi = 1024 * 1024;

/** Puts the store on its own file system, small enough to fill. */
async function mounted(state: State): Promise<State> {
  await mkdir(state.store, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=700', 'certfleet-test', state.store]);
  atEnd(() => void execFileSync('umount', ['--lazy', state.store]));
  return state;
}

/** Even root in a container may not be allowed to mount. */
function mayMount(): boolean {
  const unshare = findProgram('unshare', 'system');
  if (unshare === undefined) return false;
  try {
    // A private mount namespace, so that nothing is left behind.
    execFileSync(unshare, ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Every file below a folder with its content. */
async function contents(
  folder: string,
  wanted: (name: string) => boolean = () => true,
): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && wanted(entry.name)).map((e) => join(e.parentPath, e.name));
  return Object.fromEntries(
    await Promise.all(files.sort().map(async (f) => [f, await readFile(f, 'base64')] as const)),
  );
}

async function newestLineage(state: State, name: string): Promise<string> {
  const files = Object.keys(await contents(join(state.store, 'lineage'), (file) => file.startsWith(`${name}@`)));
  const numberOf = (file: string) => Number(file.slice(file.lastIndexOf('@') + 1));
  return files.toSorted((a, b) => numberOf(b) - numberOf(a))[0] as string;
}

const withSecond = (config: RigConfig): RigConfig => ({
  ...config,
  certificates: config.certificates.flatMap((c) => [c, { ...c, name: 'xyz', identifiers: ['xyz.example.test'] }]),
});
