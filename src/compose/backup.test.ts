import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { Killed, mortalFiles } from '../../test/support/mortal-files.ts';
import { storeWorld } from '../../test/support/store-world.ts';
import { compose, openStore } from '../compose.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import { testLineage, testSpec } from '../core/lineage/test-lineages.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Files } from '../ports/files.ts';
import type { Key, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import fileStore from '../stores/file.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { backUpStore, checkStore } from '../whole-store.ts';
import { type Backup, backUp, readBackup, restoreAll } from './backup.ts';
import { refuseUnready, restoreMarkKey } from './restoring.ts';

const { signal } = new AbortController();
const at = new Date('2026-11-26T02:00:00Z');

async function write(store: Store, key: Key, document: object): Promise<void> {
  const ifRevision = (await store.get(key, signal))?.revision ?? null;
  await store.put(key, encodeDocument(document), { ifRevision, signal });
}
async function remove(store: Store, key: Key): Promise<void> {
  await store.delete(key, { ifRevision: (await store.get(key, signal))!.revision, signal });
}

/** Makes a version the current one, as a renewal does: its key and chain first, the old ones go last. */
async function renewed(store: Store, id: string, before?: string): Promise<void> {
  for (const kind of ['key', 'version'] as const) await write(store, { kind, name: `abc~${id}` }, { id });
  const lineage = { schema: 1, name: 'abc', origin: 'configuration', spec: testSpec, deployments: {} };
  const current = { id, facts: testLineage.current.facts };
  await write(store, { kind: 'lineage', name: 'abc' }, { ...lineage, current });
  for (const kind of ['key', 'version'] as const) if (before) await remove(store, { kind, name: `abc~${before}` });
}

const namesIn = (text: string) =>
  readBackup(Buffer.from(text), 'backup').map(({ key: { kind, name } }) => `${kind}/${name}`);

it('has users, API tokens, declarations and the audit log, but no logins', async () => {
  const store = createMemoryStore();
  const kinds = ['declared', 'user', 'access', 'audit', 'login'] as const;
  for (const kind of kinds) await write(store, { kind, name: 'abc' }, { kind });
  const { text, isOpen } = await backUp(store, at, signal);
  expect(namesIn(text)).toEqual(['declared/abc', 'user/abc', 'access/abc', 'audit/abc']);
  // A hash of a password is a secret, too.
  expect(isOpen).toBe(true);
});

it.each(['key', 'version', 'meta'] as const)(
  'a certificate that is renewed while the backup reads %s has its new key and chain',
  async (kind) => {
    const inner = createMemoryStore();
    await renewed(inner, 'v1');
    const store: Store = {
      ...inner,
      async *scan(scanned, s) {
        if (scanned === kind) await renewed(inner, 'v2', 'v1');
        yield* inner.scan(scanned, s);
      },
    };
    const { text } = await backUp(store, at, signal);
    const lineage = readBackup(Buffer.from(text), 'backup').find(({ key }) => key.kind === 'lineage');
    const { current } = JSON.parse(Buffer.from(lineage!.bytes).toString()) as { current: { id: string } };
    expect(namesIn(text)).toEqual(expect.arrayContaining([`key/abc~${current.id}`, `version/abc~${current.id}`]));
  },
);

it('a certificate that is deleted meanwhile is not in it', async () => {
  const inner = createMemoryStore();
  await renewed(inner, 'v1');
  const store: Store = {
    ...inner,
    async *scan(kind, s) {
      if (kind === 'key')
        for (const key of ['key', 'version', 'lineage'] as const)
          await remove(inner, { kind: key, name: key === 'lineage' ? 'abc' : 'abc~v1' });
      yield* inner.scan(kind, s);
    },
  };
  expect(namesIn((await backUp(store, at, signal)).text)).toEqual([]);
});

it.each<[string, Key, Partial<Backup>]>([
  ['a lineage', { kind: 'lineage', name: 'abc' }, { missing: ['lineage/abc'], certificates: 0 }],
  ['a current key', { kind: 'key', name: 'abc~v1' }, { missing: ['key/abc~v1'] }],
  ['a current version', { kind: 'version', name: 'abc~v1' }, { missing: ['version/abc~v1'] }],
  ['nothing', { kind: 'meta', name: 'store' }, { missing: [] }],
])('a backup names what the store lacks: %s', async (_what, key, words) => {
  const store = createMemoryStore();
  await renewed(store, 'v1');
  await write(store, { kind: 'meta', name: 'store' }, { schema: 1, id: 'x' });
  await remove(store, key);
  expect(await backUp(store, at, signal)).toMatchObject({ damaged: [], ...words });
});

it('a backup leaves out a lineage that is not one, and has the others', async () => {
  const store = createMemoryStore();
  await renewed(store, 'v1');
  for (const [name, document] of [
    ['copied', { ...testLineage, name: 'abc' }],
    ['bad', { schema: 1 }],
  ] as const)
    await write(store, { kind: 'lineage', name }, document);
  const made = await backUp(store, at, signal);
  expect([made.certificates, [...made.damaged].sort()]).toEqual([1, ['lineage/bad', 'lineage/copied']]);
  expect(namesIn(made.text)).not.toContain('lineage/copied');
});

/** A backup with the right checksum and these lines. */
function forged(...lines: readonly unknown[]): Uint8Array {
  const body = [{ certfleet: 'backup', version: 1, at: at.toISOString() }, ...lines]
    .map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
    .join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  return Buffer.from(`${body}${JSON.stringify({ documents: lines.length, sha256 })}\n`);
}
const lineFor = (kind: string, name: string, content: object | string = { schema: 1 }) => ({
  ...{ kind, name },
  data: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64'),
});
const lineageNamed = (name: string, more: object = {}) => lineFor('lineage', name, { ...testLineage, name, ...more });
const sealedStore = lineFor('meta', 'encryption', { schema: 1, keys: ['0123456789abcdef'], whole: true });
const deep = `{"schema":1,"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;

it.each<[string, readonly unknown[], string]>([
  ['an unknown kind', [lineFor('../../x', 'abc')], 'a document of the kind ../../x'],
  ['a kind that every object has', [lineFor('__proto__', 'abc')], 'a document of the kind __proto__'],
  ['no kind', [{ name: 'abc', data: '' }], 'a document of the kind undefined'],
  ['a kind that is a list', [{ ...lineFor('key', 'abc~1'), kind: [['key']] }], 'a document of the kind object'],
  ...['../../x', '__proto__', 'constructor', '..', 'a/b', 'A', '', 'x'.repeat(101)].map(
    (name): [string, readonly unknown[], string] => [
      `a lineage ${name}`,
      [lineageNamed(name)],
      'whose name is not valid',
    ],
  ),
  ...['../../x~v1', 'abc~../x', 'abc', '~v1', 'abc~staging~'].map((name): [string, readonly unknown[], string] => [
    `a key ${name}`,
    [lineFor('key', name, { keyPem: 'x' })],
    'whose name is not valid',
  ]),
  ['a name too long', [lineFor('account', 'x'.repeat(1_001))], 'whose name is not valid'],
  ['a lineage under another name', [lineFor('lineage', 'abc', { ...testLineage, name: '../x' })], 'it belongs to'],
  ['a lineage without its fields', [lineFor('lineage', 'abc')], 'is missing'],
  [
    'a version id that is a path',
    [lineageNamed('abc', { current: { ...testLineage.current, id: '../../x' } })],
    '../../x is not a valid version name',
  ],
  ['a document twice', [lineFor('account', 'a'), lineFor('account', 'a')], 'it has account/a twice'],
  ['JSON that is too deep', [lineFor('lineage', 'abc', deep)], 'nested too deeply'],
  ['deep JSON in another kind', [lineFor('token', 'abc', deep)], 'nested too deeply'],
  ['no JSON', [lineFor('token', 'abc', 'x')], 'it is not JSON'],
  ['a large document', [lineFor('token', 'abc', `"${'x'.repeat(300_000)}"`)], 'empty or too large'],
  ['no content', [{ kind: 'token', name: 'abc' }], 'empty or too large'],
  ['a line that is null', ['null'], 'a document of the kind undefined'],
  ['a line that is nothing', ['x'], 'a document of the kind undefined'],
  [
    'a secret in the clear, although it was encrypted',
    [sealedStore, lineFor('key', 'abc~1', { keyPem: 'x' })],
    'key/abc~1: it is not encrypted',
  ],
])('a backup is refused that has %s', (_what, lines, words) => {
  expect(() => readBackup(forged(...lines), '/b')).toThrow(
    expect.objectContaining({ code: 'store/backup-damaged', message: expect.stringContaining(words) }),
  );
});

it('a backup may have whatever a store has', () => {
  const lines = [
    ...['abc', 'wildcard.example.com', '0--1', 'abc~staging', '~dns-test-a1b2'].map((name) => lineageNamed(name)),
    ...['abc~20261124-120000-b2bdd9', 'abc~staging~v1'].map((name) => lineFor('key', name, { keyPem: 'x' })),
    lineFor('account', 'https://ca.test/directory~a b'),
  ];
  expect(readBackup(forged(...lines), '/b')).toHaveLength(lines.length);
});

it('a backup leaves out a secret in the clear of a store that has none, and names it', async () => {
  const store = createMemoryStore();
  await renewed(store, 'v1');
  await write(store, { kind: 'meta', name: 'encryption' }, { schema: 1, keys: ['0123456789abcdef'], whole: true });
  const made = await backUp(store, at, signal);
  expect([made.damaged, made.missing, made.isOpen, made.certificates]).toEqual([['key/abc~v1'], [], false, 1]);
});

describe('a restore that ends before any change of a file', () => {
  const source = async () => {
    const store = createMemoryStore();
    await renewed(store, 'v1');
    for (const name of ['store', 'responder']) await write(store, { kind: 'meta', name }, { schema: 1, id: name });
    const { text } = await backUp(store, at, signal);
    return { text, documents: readBackup(Buffer.from(text), 'backup') };
  };
  const clock = fakeClock();
  const settings = { store: { type: 'file', path: '/s' } } as unknown as Settings;
  const open = (files: Files) =>
    fileStore.connect({ options: { path: '/s' }, name: 'store', world: storeWorld({ files, clock }) });

  it.each([
    ['is refused by other commands, and can be repeated', '/b'],
    ['can be repeated with the backup in another place', '/moved'],
  ])('%s', async (_what, file) => {
    const { text, documents } = await source();
    const whole = mortalFiles(
      memoryFiles(() => clock.now()),
      Number.POSITIVE_INFINITY,
    );
    await restoreAll(open(whole.files), documents, '/b', signal);
    let refusals = 0;
    for (let killAt = 0; killAt < whole.changes(); killAt += 1) {
      const disk = memoryFiles(() => clock.now());
      const { files } = mortalFiles(disk, killAt);
      await expect(restoreAll(open(files), documents, '/b', signal)).rejects.toThrow(Killed);
      const store = open(disk);
      const world: World = { ...storeWorld({ files: disk, clock }), close: async () => undefined };
      const context = { world, env: {}, reporter: { report: () => undefined } };
      const listed = await Promise.all(
        (['lineage', 'key', 'version', 'meta'] as const).map((kind) => store.list(kind, signal)),
      );
      const isBegun = listed.some(({ names }) => names.length > 0);
      const isMarked = (await store.get(restoreMarkKey, signal)) !== undefined;
      const before = disk.contents('/s');
      const refused = { code: 'store/restoring', hint: expect.stringContaining('`certfleet restore /b --store /s`.') };
      if (isMarked)
        for (const use of [
          () => openStore(settings, { ...context, makeStore: false }, signal),
          () => compose(settings, context),
          () => checkStore(settings, context, { mend: false }, signal),
          () => backUpStore(settings, context, signal),
          () => restoreAll(store, documents.slice(1), '/other', signal),
        ]) {
          refusals += 1;
          await expect(use(), `killed at ${killAt}`).rejects.toMatchObject(refused);
        }
      expect(disk.contents('/s')).toEqual(before);
      // Killed after the mark was deleted, it is whole.
      const isWhole = isBegun && !isMarked;
      if (isWhole)
        await expect(restoreAll(store, documents, file, signal)).rejects.toMatchObject({ code: 'store/not-empty' });
      else await restoreAll(store, documents, file, signal);
      expect(namesIn((await backUp(store, at, signal)).text).sort()).toEqual(namesIn(text).sort());
    }
    expect(refusals).toBeGreaterThan(20);
  });

  it('is known as long as its signal stops it, at any document', async () => {
    const { documents } = await source();
    for (let stopAt = 1; stopAt <= documents.length + 1; stopAt += 1) {
      const inner = createMemoryStore();
      const stop = new AbortController();
      let puts = 0;
      const store: Store = {
        ...inner,
        put: async (...args) => {
          puts += 1;
          if (puts === stopAt) stop.abort(new Error('stopped'));
          return inner.put(...args);
        },
      };
      await expect(restoreAll(store, documents, '/b', stop.signal)).rejects.toThrow('stopped');
      if (stopAt > 1) await expect(refuseUnready(inner, signal)).rejects.toMatchObject({ code: 'store/restoring' });
      await restoreAll(inner, documents, '/b', signal);
      await refuseUnready(inner, signal);
    }
  });
});
