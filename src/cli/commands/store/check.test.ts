import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../../test/support/fake-processes.ts';
import { memoryFiles, type Snapshot } from '../../../../test/support/memory-files.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../../../../test/support/simulated-world.ts';
import { storeWorld } from '../../../../test/support/store-world.ts';
import { encodeDocument } from '../../../core/lineage/lineage.ts';
import type { Key, Kind } from '../../../ports/store.ts';
import type { World } from '../../../ports/world.ts';
import fileStore from '../../../stores/file.ts';
import { type FakeClock, fakeClock } from '../../../testing/fake-clock.ts';
import { pki } from '../../../x509/pki.ts';
import { main } from '../../main.ts';

const { signal } = new AbortController();

/** One machine, on a copy of a disk. */
function onDisk(clock: FakeClock, disk?: Snapshot) {
  const files = memoryFiles(() => clock.now(), disk);
  const world: World = {
    ...storeWorld({ clock, files }),
    processes: fakeProcesses({ dead: { has: () => true } }),
    lookup: async () => [],
    close: async () => undefined,
  };
  return { files, world, store: fileStore.connect({ options: { path: '/s' }, name: 'store', world }) };
}

/** A disk with a store that has the certificates `abc` and `other`, issued once for all tests, and the time after it. */
const issued = (async () => {
  const clock = fakeClock();
  const { files, store } = onDisk(clock);
  await store.check(signal);
  await store.put({ kind: 'meta', name: 'store' }, encodeDocument({ schema: 1, id: 'x' }), {
    ifRevision: null,
    signal,
  });
  const simulated = await createSimulatedWorld({ clock });
  const engine = simulated.replica(1, { store });
  for (const name of ['abc', 'other'])
    await issue(
      engine,
      { ...simulatedJob(simulatedSpec(name, [`${name}.example.com`])), origin: 'command-line' },
      signal,
    );
  return { disk: files.snapshot(), now: clock.now() };
})();

/** The command line on a disk in memory, with a store that has the certificates `abc` and `other`. */
async function machine() {
  const { disk, now } = await issued;
  const { files, world, store } = onDisk(fakeClock(now), disk);
  const lineage = async (name = 'abc') => {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    return entry && (JSON.parse(Buffer.from(entry.bytes).toString()) as Record<string, never>);
  };
  const { id } = (await lineage())!['current']! as { id: string };
  const keyOf = async (kind: Kind): Promise<Key> => {
    if (kind === 'account') for await (const [entry] of store.scan(kind, signal)) return entry!.key;
    return { kind, name: kind === 'lineage' ? 'abc' : `abc~${id}` };
  };
  const remove = async (kind: Kind) => {
    const key = await keyOf(kind);
    await store.delete(key, { ifRevision: (await store.get(key, signal))!.revision, signal });
  };
  const replace = async (kind: Kind, document: object) => {
    const key = await keyOf(kind);
    await store.put(key, encodeDocument(document), { ifRevision: (await store.get(key, signal))!.revision, signal });
  };
  /** The current version under another id, and valid longer. */
  const copyVersion = async (newId: string, days: number) => {
    for (const kind of ['key', 'version'] as const) {
      const { bytes } = (await store.get(await keyOf(kind), signal))!;
      const document = JSON.parse(Buffer.from(bytes).toString()) as { facts?: { notAfter: string } };
      const { facts } = document;
      const notAfter = new Date(Date.parse(facts?.notAfter ?? '') + days * 86_400_000);
      const changed = facts ? { ...document, facts: { ...facts, notAfter: notAfter.toISOString() } } : document;
      await store.put({ kind, name: `abc~${newId}` }, encodeDocument(changed), { ifRevision: null, signal });
    }
  };
  const run = async (...argv: string[]) => {
    let [stdout, stderr] = ['', ''];
    const code = await main([...argv, ...(argv.includes('--store') ? [] : ['--store', '/s'])], {
      env: {},
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      isTerminal: false,
      world,
    });
    return { code, stdout: stdout.replaceAll(/\s+/g, ' '), stderr: stderr.replaceAll(/\s+/g, ' '), lines: stdout };
  };
  return { run, files, id, lineage, remove, replace, copyVersion, pki };
}

type Machine = Awaited<ReturnType<typeof machine>>;
/** The file of the latest revision. */
const fileOf = ({ files }: Machine, kind: Kind, name = 'abc') =>
  Object.keys(files.contents(`/s/${kind}`))
    .filter((path) => path.includes(`/${name}`))
    .sort((a, b) => Number(a.split('@')[1]) - Number(b.split('@')[1]))
    .at(-1)!;

describe('store check', () => {
  it('says nothing of a whole store, and changes nothing', async () => {
    const { run, files } = await machine();
    const before = files.contents('/s');
    expect(await run('store', 'check')).toMatchObject({
      code: 0,
      stdout: 'Checked /s: 2 certificates, 8 documents, nothing is damaged. ',
      stderr: '',
    });
    expect(files.contents('/s')).toEqual(before);
  });

  /** What each command says of the damage, and the code it ends with. */
  interface Damage {
    readonly what: string;
    readonly damage: (at: Machine) => Promise<unknown>;
    readonly words: string;
    /** Those that say it, too. */
    readonly also: readonly ('status' | 'backup' | 'renew')[];
  }
  it.each<Damage>([
    {
      what: 'a lineage is missing',
      damage: ({ remove }) => remove('lineage'),
      words: 'lineage/abc',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'a lineage is damaged',
      damage: (at) => at.files.replace(fileOf(at, 'lineage'), 'x', { mode: 0o600 }),
      words: 'lineage/abc',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'a lineage is that of another certificate',
      damage: async (at) => {
        const content = at.files.contents('/s')[fileOf(at, 'lineage', 'other')]!;
        await at.files.replace(fileOf(at, 'lineage'), content, { mode: 0o600 });
      },
      words: 'lineage/abc',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'a lineage has another name inside',
      damage: async ({ replace, lineage }) => replace('lineage', { ...(await lineage('other')) }),
      words: 'lineage/abc',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'the current key is missing',
      damage: ({ remove }) => remove('key'),
      words: 'key/abc~',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'the current version is missing',
      damage: ({ remove }) => remove('version'),
      words: 'version/abc~',
      also: ['status', 'backup', 'renew'],
    },
    {
      what: 'the current key is damaged',
      damage: (at) => at.files.replace(fileOf(at, 'key'), 'x', { mode: 0o600 }),
      words: 'key/abc~',
      also: ['backup'],
    },
    {
      what: 'the key is that of another certificate',
      damage: async ({ replace, pki }) => replace('key', { keyPem: (await pki.newKey()).reveal() }),
      words: 'version/abc~',
      also: [],
    },
    {
      what: 'the account is missing',
      damage: ({ remove }) => remove('account'),
      words: 'account/https://ca.test',
      also: ['status', 'backup'],
    },
    {
      what: 'the store’s id is damaged',
      damage: (at) => at.files.replace(fileOf(at, 'meta', 'store'), 'x', { mode: 0o600 }),
      words: 'meta/store',
      also: ['backup'],
    },
  ])('$what: it is named, by other commands too', async ({ damage, words, also }) => {
    const at = await machine();
    await damage(at);
    const before = at.files.contents('/s');
    const said = await at.run('store', 'check');
    expect(said).toMatchObject({ code: 7, stdout: expect.stringContaining(words) });
    const json = (await at.run('store', 'check', '--json')).lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(json.find(({ object }) => object === 'fault')?.['document']).toContain(words);
    expect(said.lines).not.toMatch(/^: /m);
    expect(at.files.contents('/s')).toEqual(before);
    await at.files.makeFolders('/out', 0o700);
    for (const command of also) {
      const { code, stdout, stderr } = await at.run(command, ...(command === 'backup' ? ['/out/b'] : []));
      expect([command, code, stdout + stderr]).toEqual([command, 7, expect.stringContaining(words)]);
    }
  });
});

it.each<[string, (at: Machine) => Promise<unknown>]>([
  ['is damaged', (at) => at.files.replace(fileOf(at, 'key'), 'garbage\n', { mode: 0o600 })],
  ['is that of another one', async ({ replace, pki }) => replace('key', { keyPem: (await pki.newKey()).reveal() })],
  ['is none', ({ replace }) => replace('key', { keyPem: 'garbage' })],
])('status and show of a certificate by its name say that its key %s', async (_what, damage) => {
  const at = await machine();
  await damage(at);
  for (const command of ['status', 'show']) {
    const { code, stdout } = await at.run(command, 'abc');
    expect([command, code, stdout]).toEqual([
      command,
      command === 'status' ? 7 : 0,
      expect.stringContaining(`the document key/abc~${at.id} cannot be read`),
    ]);
    expect((await at.run(command, 'other')).stdout).toContain('other');
  }
  expect(await at.run('status', 'other')).toMatchObject({ code: 0, stdout: expect.stringContaining('valid') });
});

it.each([
  ['that is not one', 'x'],
  ['of nothing', 'certfleet 1 live 1 abcdefgh - 2 00000000000000000000000000000000 "store"\n{}'],
])('an id of the store %s stops nothing that does not need it', async (_what, content) => {
  const at = await machine();
  await at.files.replace(fileOf(at, 'meta', 'store'), content, { mode: 0o600 });
  await at.files.makeFolders('/out', 0o700);
  const warning = expect.stringContaining('the document meta/store cannot be read');
  expect(await at.run('status')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/abc .*other /),
    stderr: warning,
  });
  expect(await at.run('renew')).toMatchObject({ code: 0, stderr: warning });
  expect(await at.run('export', 'abc', '--out', '/out/abc.pem')).toMatchObject({ code: 0 });
  // Its marks say what is its own.
  expect(await at.run('sweep', '--lost', '--owner', '0123456789ab')).toMatchObject({ code: 7, stderr: warning });
});

it('a folder with another use is no store, and no command suggests to make one there', async () => {
  const { run, files } = await machine();
  await files.makeFolders('/used', 0o700);
  await files.replace('/used/notes.txt', 'x', { mode: 0o600 });
  await files.makeFolders('/le/renewal', 0o700);
  await files.replace('/le/renewal/www.conf', '[renewalparams]\n', { mode: 0o600 });
  const before = files.contents('/used');
  for (const line of ['status', 'store check', 'import certbot /le --dry-run'])
    expect([line, await run(...line.split(' '), '--store', '/used')]).toEqual([
      line,
      expect.objectContaining({
        code: 7,
        stderr: expect.stringMatching(/there is no store in this folder, and it is not empty \(notes\.txt\)/),
      }),
    ]);
  expect(files.contents('/used')).toEqual(before);
});

describe('store check --mend', () => {
  it('makes a lost document again; the certificate is there, and not renewed before it is declared or issued', async () => {
    const at = await machine();
    const before = (await at.lineage())!;
    await at.remove('lineage');
    expect(await at.run('store', 'check')).toMatchObject({ stderr: expect.stringContaining('store check --mend') });
    const mended = await at.run('store', 'check', '--mend');
    expect(mended).toMatchObject({ code: 0, stderr: '' });
    expect(mended.stdout).toContain(`abc: made again from version ${at.id}`);
    expect(mended.stdout).toContain('`certfleet issue --name abc -d abc.example.com --store /s`');
    const after = (await at.lineage())!;
    expect(after).toMatchObject({ origin: 'configuration', current: before['current']!, deployments: {} });
    expect(after['previous']).toBeUndefined();
    expect(await at.run('status', 'abc')).toMatchObject({ code: 0, stdout: expect.stringContaining('undeclared') });
    await at.files.makeFolders('/out', 0o700);
    expect(await at.run('export', 'abc', '--out', '/out/abc.pem')).toMatchObject({ code: 0 });
    expect(await at.run('store', 'check', '--mend')).toMatchObject({ code: 0 });
  });

  it('says of a certificate that was made again that its settings are unknown, until it is issued', async () => {
    const at = await machine();
    await at.remove('lineage');
    await at.run('store', 'check', '--mend');
    const line = '`certfleet issue --name abc -d abc.example.com --store /s` with its previous flags';
    const shown = await at.run('show', 'abc');
    expect(shown.stdout).toContain('Declared by unknown (lost with its document) ');
    expect(shown.stdout).toContain('Solver unknown ');
    expect(shown.stdout).not.toMatch(/standalone|formerly/);
    expect((await at.run('status')).stdout).toContain(line);
    expect(await at.run('renew', 'abc')).toMatchObject({ code: 2, stderr: expect.stringContaining(line) });
    expect((await at.run('renew')).stderr).toContain('its settings were lost with its document, so it is not renewed');
  });

  it('takes the settings of a declared one from the configuration', async () => {
    const at = await machine();
    await at.remove('lineage');
    await at.files.replace(
      '/c.yaml',
      `issuers: { sim: { directory: "https://ca.test/directory", test: true, agreeToTerms: true } }
solvers: { web: { type: http01-webroot, folders: [/www] } }
deployers: { files: { type: files, path: /certs } }
certificates: [{ name: abc, identifiers: [abc.example.com], issuer: sim, solver: web, deploy: [files] }]
`,
      { mode: 0o600 },
    );
    expect(await at.run('store', 'check', '--mend', '--config', '/c.yaml')).toMatchObject({ code: 0 });
    expect(await at.lineage()).toMatchObject({
      spec: { parts: [{ solver: { settings: { type: 'http01-webroot' } } }], targets: [{ name: 'files' }] },
    });
    expect(await at.run('status', 'abc', '--config', '/c.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('pending'),
    });
  });

  it('makes a damaged document again, and keeps what was there beside it', async () => {
    const at = await machine();
    await at.replace('lineage', { ...(await at.lineage()) }); // with an earlier revision
    const path = fileOf(at, 'lineage');
    await at.files.replace(path, 'garbage', { mode: 0o600 });
    const found = await at.run('store', 'check');
    expect(found).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('--mend --store /s` makes 1 document again'),
    });
    expect(found.stderr).not.toContain('of no certificate');
    const mended = await at.run('store', 'check', '--mend');
    expect(mended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('nothing is damaged') });
    expect(mended.stdout).toContain(`abc: made again from version ${at.id}`);
    expect(mended.stdout).toContain(`What was there is now ${path}.damaged`);
    expect(at.files.contents('/s')[`${path}.damaged`]).toBe('garbage');
    expect(await at.lineage()).toMatchObject({ current: { id: at.id } });
    expect(await at.run('store', 'check')).toMatchObject({ code: 0, stderr: '' });
  });

  it('names a lost id of the store, and makes another; no command takes the store for a new one', async () => {
    const at = await machine();
    const path = fileOf(at, 'meta', 'store');
    await at.files.remove(path);
    for (const folder of [path.slice(0, path.lastIndexOf('/')), '/s/meta']) await at.files.removeFolderIfEmpty(folder);
    expect(await at.run('store', 'check')).toMatchObject({
      code: 7,
      stdout: expect.stringContaining('the document meta/store of /s is missing'),
      stderr: expect.stringContaining('store check --mend'),
    });
    const status = await at.run('status');
    expect(status.stderr).toContain('so the store has certificates but no store ID');
    expect(status.stdout + status.stderr).not.toContain('new store');
    expect(at.files.contents('/s/meta')).toEqual({});
    expect(await at.run('store', 'check', '--mend')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('meta/store: made again with a new id'),
    });
    expect(await at.run('store', 'check')).toMatchObject({ code: 0 });
    expect((await at.run('status')).stderr).not.toContain('no id');
  });

  it('goes on past a document that it cannot move away, and says what to do', async () => {
    const at = await machine();
    const [folder, file] = [fileOf(at, 'lineage'), fileOf(at, 'lineage', 'other')];
    await at.files.remove(folder);
    await at.files.makeFolders(folder, 0o700);
    await at.files.replace(file, 'garbage', { mode: 0o600 });
    const mended = await at.run('store', 'check', '--mend');
    expect(mended).toMatchObject({ code: 7, stderr: '' });
    expect(mended.stdout).toContain('other: made again from version');
    expect(mended.stdout).toContain(`something other than a file is in its place, so it cannot be rebuilt`);
    expect(mended.stdout).toContain(`left unchanged in ${folder}. Restore it from a backup, or move it away.`);
    await at.files.removeFolderIfEmpty(folder);
    expect(await at.run('store', 'check', '--mend')).toMatchObject({ code: 0, stderr: '' });
    expect(await at.lineage()).toMatchObject({ current: { id: at.id } });
  });

  it('keeps the latest revision if what stands after it is only a copy under another number', async () => {
    const at = await machine();
    await at.replace('lineage', { ...(await at.lineage()) });
    const [path, before] = [fileOf(at, 'lineage'), await at.lineage()];
    const copy = path.replace(/\d+$/, '999999999');
    await at.files.link(path, copy);
    expect(await at.run('store', 'check')).toMatchObject({ code: 7 });
    const mended = await at.run('store', 'check', '--mend');
    expect(mended).toMatchObject({ code: 0, stderr: '' });
    expect(mended.stdout).toContain(
      `abc: its revision ${path.split('@')[1]} is the latest again, written at ${new Date((await at.files.stat(path))!.modifiedMs).toISOString()}. What stood after it was a copy of that or an earlier one, and is now ${copy}.damaged`,
    );
    expect(await at.lineage()).toEqual(before);
    expect(await at.run('store', 'check')).toMatchObject({ code: 0, stderr: '' });
  });

  it('does not go back behind a copy to a revision before it', async () => {
    const at = await machine();
    await at.replace('lineage', { ...(await at.lineage()) });
    const path = fileOf(at, 'lineage');
    await at.files.link(path, path.replace(/\d+$/, '999999999'));
    await at.files.remove(path);
    expect((await at.run('store', 'check', '--mend')).stdout).toContain(`abc: made again from version ${at.id}`);
  });

  it('does not call the key of a damaged certificate unused if it cannot mend it', async () => {
    const at = await machine();
    await at.remove('version');
    await at.files.replace(fileOf(at, 'lineage'), 'garbage', { mode: 0o600 });
    expect(await at.run('store', 'check', '--mend')).toMatchObject({ code: 7, stderr: '' });
  });

  it.each([
    ['the one that was issued later', 1, ['20260101-000000-bbbbbb', '20260101-000001-aaaaaa']],
    ['the one that is valid longer', 2, ['20260101-000001-aaaaaa', '20260101-000000-bbbbbb']],
  ])('of two versions that begin at the same second, it takes %s', async (_what, days, ids) => {
    const at = await machine();
    await at.remove('lineage');
    for (const [index, newId] of [...ids.entries()].reverse()) await at.copyVersion(newId, index * (days - 1));
    await at.remove('version');
    const newest = ids.at(-1)!;
    expect((await at.run('store', 'check', '--mend')).stdout).toContain(`abc: made again from version ${newest}`);
  });

  it('leaves what it cannot mend, and says so', async () => {
    const at = await machine();
    await at.remove('lineage');
    await at.replace('key', { keyPem: (await at.pki.newKey()).reveal() });
    const before = at.files.contents('/s');
    expect(await at.run('store', 'check', '--mend')).toMatchObject({
      code: 7,
      stdout: expect.stringContaining('it is for another key'),
    });
    expect(at.files.contents('/s')).toEqual(before);
  });
});
