import { createPublicKey } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { temporaryOf } from '../../../test/support/left-temporaries.ts';
import { type MemoryFiles, memoryFiles } from '../../../test/support/memory-files.ts';
import { Secret } from '../../core/errors/secret.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import type { FilesWithin } from '../../ports/files.ts';
import { pki } from '../../x509/pki.ts';
import { testCertificate, testParty } from '../../x509/test-certificates.ts';
import { createCertbotFolder } from './certbot-folder.ts';
import { kinds } from './certbot-place.ts';

const { signal } = new AbortController();
const note = async () => {};
const really = { dryRun: false };
const root = '/etc/letsencrypt';

const bundle = (id: string): VersionBundle => ({
  lineage: 'a.test',
  id,
  facts: {
    identifiers: [],
    notBefore: '',
    notAfter: '',
    serial: id,
    fingerprint: id,
    spkiFingerprint: id,
    issuerName: '',
  },
  keyPem: new Secret(`key of ${id}\n`),
  certPem: `cert of ${id}\n`,
  chainPem: 'chain\n',
  fullchainPem: `cert of ${id}\nchain\n`,
});
const [v1, v2, v3] = [bundle('v1'), bundle('v2'), bundle('v3')];

/** As certbot leaves it after its first order. */
async function certbots(): Promise<MemoryFiles> {
  const files = memoryFiles(() => new Date(0));
  for (const folder of ['live/a.test', 'archive/a.test', 'renewal'])
    await files.makeFolders(`${root}/${folder}`, 0o700);
  const texts = { cert: v1.certPem, chain: v1.chainPem, fullchain: v1.fullchainPem, privkey: v1.keyPem.reveal() };
  for (const kind of kinds) {
    await files.replace(`${root}/archive/a.test/${kind}1.pem`, texts[kind], {
      mode: kind === 'privkey' ? 0o640 : 0o644,
    });
    await files.replaceLink(`${root}/live/a.test/${kind}.pem`, `../../archive/a.test/${kind}1.pem`);
  }
  await files.replace(`${root}/renewal/a.test.conf`, 'version = 4.0.0\n', { mode: 0o644 });
  return files;
}

/** Every file with its text and mode, every link with where it leads, every folder. */
async function treeOf(files: MemoryFiles, folder = root): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const name of (await files.list(folder)) ?? []) {
    const path = `${folder}/${name}`;
    const { kind, mode } = (await files.stat(path))!;
    if (kind === 'folder') Object.assign(tree, { [path]: 'folder' }, await treeOf(files, path));
    else if (kind === 'symlink') tree[path] = `→ ${await files.readLink(path)}`;
    else tree[path] = `${mode.toString(8)} ${Buffer.from((await files.read(path))!).toString()}`;
  }
  return tree;
}

/** What certbot requires of a lineage before it renews it: four links to files that exist, and its renewal file. */
async function expectReadable(files: MemoryFiles): Promise<void> {
  for (const kind of kinds) {
    const link = `${root}/live/a.test/${kind}.pem`;
    const target = (await files.readLink(link)) ?? '';
    expect(target).toMatch(new RegExp(`^\\.\\./\\.\\./archive/a\\.test/${kind}[0-9]+\\.pem$`));
    expect((await files.read(resolve(dirname(link), target)))?.length).toBeGreaterThan(0);
  }
  expect(files.contents(root)[`${root}/renewal/a.test.conf`]).toBe('version = 4.0.0\n');
}

const effects = ['replace', 'replaceLink', 'remove', 'makeFolders', 'removeFolderIfEmpty'] as const;

/** The files, where the process dies before its nth effect. */
function dying(files: MemoryFiles, at: number): { readonly files: MemoryFiles; died(): boolean } {
  let count = 0;
  const dies = { ...files };
  for (const effect of effects)
    (dies as Record<string, unknown>)[effect] = (...args: readonly unknown[]) => {
      count += 1;
      if (count >= at) return Promise.reject(new Error('killed'));
      return (files[effect] as (...all: readonly unknown[]) => unknown)(...args);
    };
  const within: MemoryFiles['within'] = (_folder, _guard, work) => work(dies as FilesWithin);
  return { files: Object.assign(dies, { within }), died: () => count >= at };
}

const worldOf = (files: MemoryFiles) => ({
  files,
  clock: systemClock,
  processes: fakeProcesses({ dead: new Set([7]) }),
});
const connect = (files: MemoryFiles): Deployer =>
  createCertbotFolder({
    ...{ world: worldOf(files), root: `${root}/`, certbotName: undefined },
    ...{ name: `files:${root}`, keyMode: 0o600 },
  });
const deliver = async (deployer: Deployer, version: VersionBundle): Promise<void> =>
  deployer.activate(version, await deployer.stage(version, note, signal), note, signal);

describe('layout: certbot', () => {
  it('writes the next number, and keeps the mode of the key, the links and the renewal file', async () => {
    const files = await certbots();
    const deployer = connect(files);
    expect(await deployer.look(v1, signal)).toMatchObject({ state: 'current' });
    expect(await deployer.look(v2, signal)).toMatchObject({ state: 'stale' });
    await deliver(deployer, v2);
    expect(await deployer.look(v2, signal)).toMatchObject({ state: 'current' });
    const tree = await treeOf(files);
    expect(tree[`${root}/live/a.test/privkey.pem`]).toBe('→ ../../archive/a.test/privkey2.pem');
    expect(tree[`${root}/archive/a.test/privkey2.pem`]).toBe('640 key of v2\n');
    expect(tree[`${root}/archive/a.test/cert1.pem`]).toBe('644 cert of v1\n');
    await expectReadable(files);
  });

  it('goes back to a version that is there, and writes nothing twice', async () => {
    const files = await certbots();
    const deployer = connect(files);
    await deliver(deployer, v2);
    const tree = await treeOf(files);
    await deliver(deployer, v1);
    expect(await deployer.look(v1, signal)).toMatchObject({ state: 'current' });
    await deliver(deployer, v2);
    expect(await treeOf(files)).toEqual(tree);
  });

  it('leaves certbot able to go on wherever a delivery or its undoing is killed, and then finishes', async () => {
    const before = await treeOf(await certbots());
    for (let at = 1; ; at++) {
      const files = await certbots();
      await deliver(connect(files), v2);
      const killed = dying(files, at);
      await deliver(connect(killed.files), v3).catch(() => undefined);
      await expectReadable(files);
      await deliver(connect(files), v3);
      expect(await connect(files).look(v3, signal)).toMatchObject({ state: 'current' });
      const numbers = Object.keys(await treeOf(files)).filter((path) => path.includes('archive/a.test/cert'));
      expect(numbers.map((path) => path.at(-5))).toEqual(['1', '2', '3']);
      if (!killed.died()) break;
    }
    for (let at = 1; ; at++) {
      const files = await certbots();
      for (const version of [v2, v3]) await deliver(connect(files), version);
      const killed = dying(files, at);
      await connect(killed.files)
        .restore?.(really, signal)
        .catch(() => undefined);
      await expectReadable(files);
      await connect(files).restore?.(really, signal);
      expect(await treeOf(files)).toEqual(before);
      if (!killed.died()) break;
    }
  });

  it('removes temporary files and links of a killed process, and keeps those of others', async () => {
    const files = await certbots();
    const before = await treeOf(files);
    const folders = ['live/a.test', 'archive/a.test', 'archive/b.test', 'renewal'];
    const plant = async (pid: number, inFolders: readonly string[]) => {
      for (const folder of inFolders) {
        await files.makeFolders(`${root}/${folder}`, 0o700);
        const path = (number: number) => `${root}/${folder}/${temporaryOf(identityOf(pid), number)}`;
        // memoryFiles dates everything 1970, so a writer that cannot be known would be old.
        await files.replace(path(1), 'half a key', { mode: 0o600 });
        await files.replaceLink(path(2), 'nowhere.pem');
      }
    };
    const left = async () => Object.keys(await treeOf(files)).filter((path) => path.endsWith('.tmp'));
    await plant(7, ['live/a.test', 'archive/a.test']);
    await deliver(connect(files), v2);
    expect(await left()).toEqual([]);

    await plant(7, folders);
    await connect(files).restore?.({ dryRun: true }, signal);
    expect(await left()).toHaveLength(8);
    await connect(files).restore?.(really, signal);
    expect(await treeOf(files)).toEqual({ ...before, [`${root}/archive/b.test`]: 'folder' });

    // A kill before the mark was written leaves nothing else to restore.
    await plant(7, ['archive/a.test']);
    expect(await connect(files).restore?.(really, signal)).toEqual([]);
    expect(await left()).toEqual([]);

    await plant(8, folders);
    await deliver(connect(files), v2);
    await connect(files).restore?.(really, signal);
    expect(await left()).toHaveLength(8);
  });

  it.each([
    ['older', '2026-05-01T00:00:00.000Z', 'deploy/newer-there'],
    ['older', '2026-05-01T00:00:00.000Z', undefined, 'taken over'],
    ['newer', '2026-07-01T00:00:00.000Z', undefined],
  ])('over what certbot has renewed itself, writes no %s version (%s: %s, %s)', async (_, notBefore, code, taken?) => {
    const files = await certbots();
    const ca = testParty('CA');
    const live = testCertificate({
      subject: '',
      issuer: ca,
      publicKey: createPublicKey(ca.key),
      notBefore: '2026-06-01T00:00:00Z',
    });
    for (const kind of kinds) {
      await files.replace(`${root}/archive/a.test/${kind}2.pem`, live, { mode: 0o644 });
      await files.replaceLink(`${root}/live/a.test/${kind}.pem`, `../../archive/a.test/${kind}2.pem`);
    }
    const before = await treeOf(files);
    const stored = taken ? [pki.readChain(live).facts.fingerprint] : [];
    const version = { ...v3, facts: { ...v3.facts, notBefore }, stored };
    const admitted = await connect(files)
      .admit?.(version, signal)
      .catch((error: { code?: string }) => error.code);
    expect(admitted).toBe(code);
    const delivered = await deliver(connect(files), version).catch((error: { code?: string }) => error.code);
    expect(delivered).toBe(code);
    if (code !== undefined) return expect(await treeOf(files)).toEqual(before);
    // What certfleet wrote itself may be rolled back.
    await deliver(connect(files), v1);
    expect(await connect(files).look(v1, signal)).toMatchObject({ state: 'current' });
  });

  it('keeps what certbot itself has renewed since, when it is undone', async () => {
    const files = await certbots();
    await deliver(connect(files), v2);
    for (const kind of kinds) {
      await files.replace(`${root}/archive/a.test/${kind}3.pem`, `certbot's ${kind}`, { mode: 0o644 });
      await files.replaceLink(`${root}/live/a.test/${kind}.pem`, `../../archive/a.test/${kind}3.pem`);
    }
    await connect(files).restore?.(really, signal);
    await expectReadable(files);
    const tree = await treeOf(files);
    expect(tree[`${root}/live/a.test/cert.pem`]).toBe('→ ../../archive/a.test/cert3.pem');
    expect(tree[`${root}/archive/a.test/cert2.pem`]).toBeUndefined();
  });

  it('follows the link that certbot makes for a key that is used again', async () => {
    const files = await certbots();
    await deliver(connect(files), v2);
    await files.remove(`${root}/archive/a.test/privkey2.pem`);
    await files.replaceLink(`${root}/archive/a.test/privkey2.pem`, 'privkey1.pem');
    const reused = { ...v2, keyPem: v1.keyPem };
    expect(await connect(files).look(reused, signal)).toMatchObject({ state: 'current' });
  });

  it('makes a new lineage that certbot shows and leaves alone, and removes all of it again', async () => {
    const files = memoryFiles(() => new Date(0));
    await files.makeFolders(root, 0o755);
    await deliver(connect(files), v1);
    expect(files.contents(root)[`${root}/renewal/a.test.conf`]).toContain('autorenew = False');
    expect(await connect(files).look(v1, signal)).toMatchObject({ state: 'current' });
    expect(await connect(files).restore?.(really, signal)).toEqual([{ what: `${root}/live/a.test` }]);
    expect(files.contents(root)).toEqual({});
    expect(await connect(files).restore?.(really, signal)).toEqual([]);
  });

  it('refuses a folder that is not as certbot makes it, and a name that leads elsewhere', async () => {
    const files = await certbots();
    await files.replace(`${root}/live/a.test/cert.pem`, 'by hand', { mode: 0o644 });
    await files.replace(`${root}/live/a.test/mine.txt`, 'by hand', { mode: 0o644 });
    await expect(deliver(connect(files), v2)).rejects.toMatchObject({ code: 'deploy/target-failed' });
    const odd = createCertbotFolder({ world: worldOf(files), root, certbotName: '../x', name: 'x', keyMode: 0o600 });
    await expect(deliver(odd, v2)).rejects.toMatchObject({ code: 'deploy/target-failed' });
  });
});
