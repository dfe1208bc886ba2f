import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../../../test/support/memory-files.ts';
import { storeWorld } from '../../../../test/support/store-world.ts';
import { encodeDocument } from '../../../core/lineage/lineage.ts';
import type { World } from '../../../ports/world.ts';
import fileStore from '../../../stores/file.ts';
import { fakeClock } from '../../../testing/fake-clock.ts';
import { main } from '../../main.ts';

const { signal } = new AbortController();

/** The command line on a disk in memory, with a store that has one planted secret. */
async function machine() {
  const clock = fakeClock();
  const files = memoryFiles(() => clock.now());
  const world: World = { ...storeWorld({ clock, files }), close: async () => undefined };
  const store = fileStore.connect({ options: { path: '/s' }, name: 'store', world });
  await store.check(signal);
  await files.makeFolders('/out', 0o755);
  const anyone = { owners: 'any', refuse: () => new Error() } as const;
  await files.within('/', anyone, async ({ replaceLink }) => {
    await replaceLink('/link', '/s');
    await replaceLink('/far', 'out/../link');
  });
  for (const [kind, name] of [
    ['meta', 'store'],
    ['key', 'abc~1'],
  ] as const)
    await store.put({ kind, name }, encodeDocument({ schema: 1, id: 'planted' }), { ifRevision: null, signal });
  const run = async (...argv: string[]) => {
    let [stdout, stderr] = ['', ''];
    const code = await main(argv, {
      env: {},
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      isTerminal: false,
      world,
    });
    return { code, stdout, stderr: stderr.replaceAll(/\s+/g, ' ') };
  };
  const plain = () =>
    Object.entries(files.contents('/s/key')).filter(([, content]) => content.includes('planted')).length;
  return { run, files, plain, world };
}

it('makes a key, encrypts, refuses other keys, changes the key, decrypts', async () => {
  const { run, files, plain } = await machine();
  const key = (name: string) => ['--store', '/s', '--store-key', `file:/etc/${name}.key`];
  for (const name of ['a', 'b']) {
    const made = await run('store', 'key', `/etc/${name}.key`);
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining(`storeKey: file:/etc/${name}.key`) });
    expect(made.stdout + made.stderr).not.toContain(files.contents('/etc')[`/etc/${name}.key`]!.trim());
    expect((await files.stat(`/etc/${name}.key`))?.mode).toBe(0o600);
  }
  expect(plain()).toBe(1);
  expect(await run('status', ...key('a'))).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('warning: the store /s is not encrypted yet: new keys and credentials are'),
  });
  expect(await run('store', 'encrypt', ...key('a'))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 document was written'),
  });
  expect(plain()).toBe(0);

  const before = files.contents('/s');
  expect(await run('status', '--store', '/s')).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('the store /s is encrypted, but no store key was given Give the store key'),
  });
  expect(await run('store', 'encrypt', ...key('b'))).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('nothing was changed'),
  });
  expect(files.contents('/s')).toEqual(before);

  expect(await run('store', 'encrypt', ...key('b'), ...key('a').slice(2))).toMatchObject({ code: 0 });
  expect(await run('status', ...key('a'))).toMatchObject({ code: 7 });
  expect(await run('store', 'encrypt', ...key('b'))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('already encrypted'),
  });
  const without = await run('store', 'decrypt', '--store', '/s');
  expect(without).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('requires the key that it is encrypted with'),
  });
  expect(await run('store', 'decrypt', ...key('b'))).toMatchObject({ code: 0 });
  expect(plain()).toBeGreaterThan(0);
});

it.each([
  ['store key /s/store.key --store /s', '/s/store.key is in the store /s: a copy'],
  ['store key /link/store.key --store /s', '/link/store.key is in the store /s: a copy'],
  ['backup /s/b --store /s', '/s/b is in the store /s: it would be lost'],
  ['backup /far/b --store /link', '/far/b is in the store /link: it would be lost'],
  ['export v --out /s/v.pem --store /s', '/s/v.pem is in the store /s: the key'],
  ['export v --out /far/new/v --store /s', '/far/new/v is in the store /s: the key'],
  ['store key /s/meta', 'exists, and may be a store key'],
  ['store encrypt --store /s', 'Give it with --store-key file:/path'],
  ['store encrypt --store /s --store-key c2VjcmV0', 'every user of this machine can see a secret on the command line'],
  ...['bla:x', 'file:', 'files:/c2VjcmV0'].map((key) => [
    `store encrypt --store /s --store-key ${key}`,
    '--store-key: expected a reference to a key: file:/path, env:NAME',
  ]),
  ['store encrypt --store /s --store-key file:/none', 'there is no file /none'],
  ['store encrypt --store /none --store-key env:NO_KEY', 'the environment variable NO_KEY is not set'],
])('%s: %s', async (line, words) => {
  const { run, plain } = await machine();
  const done = await run(...line.split(' '));
  expect(done.code).toBeGreaterThan(1);
  expect(done.stderr).toContain(words);
  expect(done.stderr).not.toContain('c2VjcmV0');
  expect(plain()).toBe(1);
});

it('writes the secret of responders, the same each time, and never over a file', async () => {
  const { run, files } = await machine();
  for (const name of ['one', 'two']) {
    const done = await run('store', 'responder-secret', `/etc/${name}`, '--store', '/s');
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining(`responderSecret: file:/etc/${name}`) });
    expect((await files.stat(`/etc/${name}`))?.mode).toBe(0o600);
  }
  const { '/etc/one': one, '/etc/two': two } = files.contents('/etc');
  expect(one).toMatch(/^[\w-]{43}\n$/);
  expect(two).toBe(one);
  expect(await run('store', 'responder-secret', '/etc/one', '--store', '/s')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it already exists'),
  });
  expect(await run('store', 'responder-role', '--store', '/s')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('only a store in a database has roles'),
  });
});

it('writes no backup if it is stopped while it is put together', async () => {
  const { files, world } = await machine();
  const handlers = new Set<() => void>();
  const turn = () => new Promise<void>((done) => void setImmediate(done));
  const list = async (folder: string) => {
    // As a real signal, which arrives once the process has nothing else to do.
    if (folder === '/s/meta') setImmediate(() => handlers.forEach((handle) => void handle()));
    return files.list(folder);
  };
  const within: typeof files.within = (_folder, _guard, work) => work({ ...files, syncFolder: turn });
  const code = await main(['backup', '/out/b', '--store', '/s'], {
    ...{ env: {}, isTerminal: false, stdout: { write: () => {} }, stderr: { write: () => {} } },
    signals: { on: (_name, handle) => handlers.add(handle), off: (_name, handle) => handlers.delete(handle) },
    world: { ...world, files: { ...files, list, within } },
  });
  expect([code, files.contents('/out')]).toEqual([130, {}]);
});

describe('backup and restore', () => {
  const backedUp = async () => {
    const made = await machine();
    expect(await made.run('backup', '/out/b', '--store', '/s')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        'Backed up /s to /out/b: 0 certificates, 2 documents. warning: the backup has private keys',
      ),
    });
    return made;
  };

  it('are the same store, in a file that only its owner can read', async () => {
    const { run, files } = await backedUp();
    expect((await files.stat('/out/b'))?.mode).toBe(0o600);
    expect(await run('restore', '/out/b', '--store', '/t')).toMatchObject({
      code: 0,
      stdout: 'Restored /t: 0 certificates, 2 documents.\n',
    });
    const body = (text: string) => text.split('\n').slice(1, -2).sort();
    await run('backup', '/out/c', '--store', '/t');
    const both = files.contents('/out');
    expect(body(both['/out/c']!)).toEqual(body(both['/out/b']!));
    expect(await run('restore', '/out/b', '--store', '/t')).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('there is already a store at /t'),
    });
  });

  it('a restore that is stopped says what is true, and every command but itself refuses its store', async () => {
    const { run, files, world } = await backedUp();
    const handlers = new Map<string, () => void>();
    let drafts = 0;
    const stopping: World = {
      ...world,
      files: {
        ...world.files,
        draft: async (...args) => {
          drafts += 1;
          if (drafts === 2) handlers.get('SIGTERM')?.();
          return world.files.draft(...args);
        },
      },
    };
    let stderr = '';
    const code = await main(['restore', '/out/b', '--store', '/t'], {
      env: {},
      stdout: { write: () => undefined },
      stderr: { write: (text) => (stderr += text) },
      isTerminal: false,
      world: stopping,
      signals: { on: (name, handle) => void handlers.set(name, handle), off: () => undefined },
    });
    expect([code, stderr]).toEqual([143, expect.stringContaining('The restore has not ended: run it again')]);
    expect(stderr).not.toContain('journalled');
    const before = files.contents('/t');
    for (const line of ['status', 'renew', 'renew --quiet', 'sweep', 'store check', 'backup /out/c', 'show abc'])
      expect(await run(...line.split(' '), '--store', '/t'), line).toMatchObject({
        code: 7,
        stderr: expect.stringContaining('certfleet restore /out/b --store /t'),
      });
    expect(files.contents('/t')).toEqual(before);
    expect(await run('restore', '/out/b', '--store', '/t')).toMatchObject({ code: 0 });
    expect(await run('status', '--store', '/t')).toMatchObject({ code: 0 });
  });

  it('to stdout has nothing else on it', async () => {
    const { run, files } = await backedUp();
    const { stdout } = await run('backup', '-', '--store', '/s');
    expect(stdout).toBe(files.contents('/out')['/out/b']);
    expect(await run('backup', '-', '--store', '/s', '--json')).toMatchObject({ code: 2 });
  });

  it.each([
    ['is cut', (text: string) => text.slice(0, -30), 'its end is missing'],
    ['has a line more', (text: string) => `${text}more\n`, 'or something was added to it'],
    ['lacks a line', (text: string) => text.replace(/\n[^\n]*/, ''), 'it has changed since it was written'],
    ['has another byte', (text: string) => text.replace('meta', 'mete'), 'it has changed since it was written'],
    ['is another file', () => 'PK\n', 'it is no backup of certfleet'],
    ['is empty', () => '', 'it is no backup of certfleet'],
    ['is of a later version', (text: string) => text.replace('"version":1', '"version":2'), 'a later version'],
  ])('a backup that %s changes nothing', async (_what, change, words) => {
    const { run, files } = await backedUp();
    await files.replace('/out/b', change(files.contents('/out')['/out/b']!), { mode: 0o600 });
    const done = await run('restore', '/out/b', '--store', '/t');
    expect(done).toMatchObject({ code: 7, stderr: expect.stringContaining(words) });
    expect(await files.stat('/t')).toBeUndefined();
  });

  it('of an encrypted store stay encrypted, need no key, and are refused with a wrong one', async () => {
    const { run, files } = await machine();
    const key = (name: string) => ['--store-key', `file:/etc/${name}.key`];
    for (const name of ['a', 'b']) await run('store', 'key', `/etc/${name}.key`);
    await run('store', 'encrypt', '--store', '/s', ...key('a'));
    const made = await run('backup', '/out/b', '--store', '/s');
    expect(made.stderr).not.toContain('warning');
    const text = files.contents('/out')['/out/b']!;
    const [, sealed] = /"key","name":"abc~1","data":"([^"]+)"/.exec(text) ?? [];
    expect(Buffer.from(sealed!, 'base64').toString('latin1')).toMatch(/^certfleet-sealed 1 /);
    expect(await run('restore', '/out/b', '--store', '/t', ...key('b'))).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('certfleet: /out/b is encrypted with'),
    });
    expect(await files.stat('/t')).toBeUndefined();
    expect(await run('restore', '/out/b', '--store', '/t')).toMatchObject({ code: 0 });
    expect(await run('restore', '/out/b', '--store', '/u', ...key('a'))).toMatchObject({ code: 0 });
    expect(await run('store', 'encrypt', '--store', '/t', ...key('a'))).toMatchObject({
      stdout: expect.stringContaining('already encrypted'),
    });
  });

  it('names what it cannot read, and backs up the rest', async () => {
    const { run, files } = await machine();
    const [path] = Object.keys(files.contents('/s/key'));
    await files.replace(path!, 'damaged', { mode: 0o600 });
    const done = await run('backup', '/out/b', '--store', '/s');
    expect(done).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('left out, because it cannot be read: key/'),
    });
    expect(await run('restore', '/out/b', '--store', '/t')).toMatchObject({ code: 0 });
  });
});
