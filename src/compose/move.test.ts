import { describe, expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../test/support/fake-processes.ts';
import { type MemoryFiles, memoryFiles } from '../../test/support/memory-files.ts';
import { Killed, mortalFiles } from '../../test/support/mortal-files.ts';
import { sampled } from '../../test/support/seeded.ts';
import { storeWorld } from '../../test/support/store-world.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import { testLineage } from '../core/lineage/test-lineages.ts';
import type { Files } from '../ports/files.ts';
import type { Key, Store } from '../ports/store.ts';
import fileStore from '../stores/file.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { cancelMove, moveAll } from './move.ts';
import { refuseUnready, restoreMarkKey } from './restoring.ts';
import { readStoreId, storeIdKey } from './store-id.ts';

const { signal } = new AbortController();
const clock = fakeClock(new Date('2026-11-30T02:00:00Z'));
const ports = {
  clock,
  processes: fakeProcesses({ dead: new Set([9]) }),
  random: { bytes: (n: number) => new Uint8Array(n).fill(7), number: () => 0.5 },
};
const command = 'certfleet store move /s /t';
const now = clock.now().toISOString();

const lease = (pid: number) => ({ id: 'l', holder: identityOf(pid), beat: 1 });
const work = { step: 'order', version: 'v2', order: {}, directory: '', startedAt: now, challenges: [] };
const running = { version: '1', configuration: 'c', since: now, at: now, everyMs: 20_000 };

const documents: readonly (readonly [kind: Key['kind'], name: string, document: object])[] = [
  ['meta', 'store', { schema: 1, id: 'the id' }],
  ['lineage', 'abc', { ...testLineage, work: { ...work, lease: lease(9) } }],
  ['lineage', 'two', { ...testLineage, name: 'two' }],
  ['key', 'abc~v1', { keyPem: 'planted' }],
  ['version', 'abc~v1', { chainPem: 'c' }],
  ['account', `https://ca.test/directory~${'a b\u0000'.repeat(80)}`, { keyPem: 'k' }],
  ['lock', 'alibaba-clb lb-1', { schema: 1, lease: lease(9), listeners: {} }],
  [
    'replica',
    'n',
    { schema: 1, version: '1', runs: [now], lacks: [], running: { node: { ...running, lease: lease(9) } } },
  ],
];

async function write(store: Store, key: Key, document: object): Promise<void> {
  const ifRevision = (await store.get(key, signal))?.revision ?? null;
  await store.put(key, encodeDocument(document), { ifRevision, signal });
}

async function fill(store: Store): Promise<void> {
  await store.check(signal);
  for (const [kind, name, document] of documents) await write(store, { kind, name }, document);
}

const openAt = (path: string, files: Files): Store =>
  fileStore.connect({ options: { path }, name: 'store', world: storeWorld({ files, clock }) });
const both = (files: Files) => ({ from: openAt('/s', files), to: openAt('/t', files) });

async function diskWithStore(): Promise<MemoryFiles> {
  const disk = memoryFiles(() => clock.now());
  await fill(openAt('/s', disk));
  return disk;
}

/** The documents of a store, by their names. */
async function contentOf(store: Store): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const kind of new Set(documents.map(([of]) => of)))
    for await (const page of store.scan(kind, signal))
      for (const { key, bytes } of page) found[`${kind}/${key.name}`] = Buffer.from(bytes).toString();
  return found;
}

const refusalOf = (store: Store): Promise<string> =>
  refuseUnready(store, signal).then(
    () => 'usable',
    ({ code }: { readonly code: string }) => code,
  );

/** What the new store has at the end: the same bytes, without leases. */
const expected = {
  ...Object.fromEntries(documents.map(([kind, name, document]) => [`${kind}/${name}`, JSON.stringify(document)])),
  'lineage/abc': JSON.stringify({ ...testLineage, work: { ...work, takenOver: true } }),
  'lock/alibaba-clb lb-1': JSON.stringify({ schema: 1, listeners: {} }),
  'replica/n': JSON.stringify({ schema: 1, version: '1', runs: [now], lacks: [] }),
};

describe('a move of a store', () => {
  it('copies every document as it is, without leases, and leaves the old one refused', async () => {
    const moving = both(await diskWithStore());
    expect(await moveAll(moving, command, ports, signal)).toEqual({ documents: documents.length, certificates: 2 });
    expect(await contentOf(moving.to)).toEqual(expected);
    expect([await refusalOf(moving.from), await refusalOf(moving.to)]).toEqual(['store/moved', 'usable']);
    await expect(refuseUnready(moving.from, signal)).rejects.toThrow('the store /s was moved to /t on 2026-11-30');
    expect(await moveAll(moving, command, ports, signal), 'again').toBeUndefined();
    await expect(
      moveAll({ from: moving.from, to: both(await diskWithStore()).to }, command, ports, signal),
    ).rejects.toMatchObject({ code: 'store/moved' });
  });

  it('killed before any change of a file can be continued or cancelled, and never are both stores usable', async () => {
    const start = await diskWithStore();
    const again = () => memoryFiles(() => clock.now(), start.snapshot());
    const whole = mortalFiles(again(), Number.POSITIVE_INFINITY);
    await moveAll(both(whole.files), command, ports, signal);
    const seen = new Set<string>();
    const kills = Array.from({ length: whole.changes() }, (_, at) => at);
    for (const killAt of sampled(kills, 24, 'kills')) {
      const disk = again();
      await expect(moveAll(both(mortalFiles(disk, killAt).files), command, ports, signal)).rejects.toThrow(Killed);
      const half = both(disk);
      const is = `${await refusalOf(half.from)} ${(await half.to.exists(signal)) ? await refusalOf(half.to) : 'none'}`;
      seen.add(is);
      const isOver = is.startsWith('store/moved');
      const cancelled = both(memoryFiles(() => clock.now(), disk.snapshot()));
      if (is.startsWith('usable')) expect(is).toBe('usable none');
      else if (isOver) await expect(cancelMove(cancelled, signal)).rejects.toMatchObject({ code: 'store/moved' });
      else {
        expect(await cancelMove(cancelled, signal)).toBeUndefined();
        expect(await contentOf(cancelled.from)).toEqual(await contentOf(openAt('/s', start)));
        expect(await contentOf(cancelled.to)).toEqual({});
      }
      await moveAll(both(disk), command, ports, signal);
      expect(await contentOf(both(disk).to), `killed at ${killAt}`).toEqual(expected);
      expect(await refusalOf(both(disk).to)).toBe('usable');
    }
    expect([...seen].sort()).toEqual(
      expect.arrayContaining([
        'store/moved store/moving',
        'store/moving none',
        'store/moving store/moving',
        'usable none',
      ]),
    );
  });

  it('ends the use of it by processes that had opened it, until it is cancelled', async () => {
    const disk = await diskWithStore();
    const user = openAt('/s', disk);
    await user.anchor?.(storeIdKey, signal);
    const { from, to } = both(disk);
    const stop = new AbortController();
    const stopping = { ...to, put: () => Promise.reject(new Error('no disk')) };
    await expect(moveAll({ from, to: stopping }, command, ports, stop.signal)).rejects.toThrow('no disk');
    const key = { kind: 'lineage', name: 'two' } as const;
    for (const use of [
      () => user.get(key, signal),
      () => user.put({ kind: 'token', name: 't' }, encodeDocument({ schema: 1 }), { ifRevision: null, signal }),
    ])
      await expect(use()).rejects.toMatchObject({ code: 'store/unusable' });
    await cancelMove({ from, to }, signal);
    expect(await user.get(key, signal)).toBeDefined();
  });

  it.each<[what: string, Key, object, code: string]>([
    [
      'a certificate',
      { kind: 'lineage', name: 'two' },
      { ...testLineage, name: 'two', work: { ...work, lease: lease(1) } },
      'store/held',
    ],
    ['a balancer', { kind: 'lock', name: 'lb' }, { schema: 1, lease: lease(1) }, 'store/held'],
    [
      'a node',
      { kind: 'replica', name: 'm' },
      { schema: 1, version: '1', runs: [], lacks: [], running: { responder: { ...running, lease: lease(1) } } },
      'store/node-runs',
    ],
  ])(
    'is refused while a process works on %s, also one that was quicker than its mark',
    async (_what, key, document, code) => {
      const disk = await diskWithStore();
      const before = await contentOf(openAt('/s', disk));
      const { from, to } = both(disk);
      const quick: Store = {
        ...from,
        put: async (...args) => {
          await write(from, key, document);
          return from.put(...args);
        },
      };
      await expect(moveAll({ from: quick, to }, command, ports, signal)).rejects.toMatchObject({ code });
      expect([await refusalOf(from), await to.exists(signal)]).toEqual(['usable', false]);
      const after = await contentOf(from);
      await expect(moveAll({ from, to }, command, ports, signal)).rejects.toMatchObject({ code });
      expect(await contentOf(from)).toEqual(after);
      expect(after).toEqual({ ...before, [`${key.kind}/${key.name}`]: JSON.stringify(document) });
    },
  );

  it.each<[what: string, lease: object]>([
    ['has no document', { ...lease(1), session: { id: 's' } }],
    ['is of another process of its node', { ...lease(1), session: { id: 'before', node: 'n' } }],
  ])('is not refused because of a lease whose session %s', async (_what, without) => {
    const { from, to } = both(await diskWithStore());
    await write(
      from,
      { kind: 'lineage', name: 'two' },
      { ...testLineage, name: 'two', work: { ...work, lease: without } },
    );
    await write(from, { kind: 'lock', name: 'lb' }, { schema: 1, lease: without });
    expect(await moveAll({ from, to }, command, ports, signal)).toMatchObject({ certificates: 2 });
  });

  it('is not refused because of a node that has been missing for long', async () => {
    const { from, to } = both(await diskWithStore());
    const at = new Date(clock.now().getTime() - 3_600_000).toISOString();
    const silent = { ...running, at, lease: lease(1) };
    await write(
      from,
      { kind: 'replica', name: 'm' },
      { schema: 1, version: '1', runs: [], lacks: [], running: { node: silent } },
    );
    await moveAll({ from, to }, command, ports, signal);
    expect((await readStoreId(from, signal))?.document.move?.endedAt).toBeDefined();
  });

  it('copies a write that was under way when it began, and a deletion', async () => {
    const { from, to } = both(await diskWithStore());
    let scans = 0;
    const late: Store = {
      ...from,
      async *scan(kind, s) {
        yield* from.scan(kind, s);
        // The first time, it is looked for damage.
        if (kind !== 'account' || ++scans < 2) return;
        await write(from, { kind: 'lineage', name: 'three' }, { ...testLineage, name: 'three' });
        const gone = await from.get({ kind: 'lineage', name: 'two' }, s);
        await from.delete(gone!.key, { ifRevision: gone!.revision, signal: s });
      },
    };
    expect(await moveAll({ from: late, to }, command, ports, signal)).toMatchObject({ certificates: 2 });
    expect(
      Object.keys(await contentOf(to))
        .filter((id) => id.startsWith('lineage/'))
        .sort(),
    ).toEqual(['lineage/abc', 'lineage/three']);
  });

  it('notices what the new place keeps otherwise, and mends it when it is called again', async () => {
    const { from, to } = both(await diskWithStore());
    const bad: Store = {
      ...to,
      put: (key, bytes, options) =>
        to.put(key, key.kind === 'version' ? encodeDocument({ schema: 1 }) : bytes, options),
    };
    await expect(moveAll({ from, to: bad }, command, ports, signal)).rejects.toMatchObject({
      code: 'store/move-unequal',
      message: expect.stringContaining('the document version/abc~v1 was written to /t'),
    });
    await moveAll({ from, to }, command, ports, signal);
    expect(await contentOf(to)).toEqual(expected);
  });

  it.each<
    [what: string, code: string, prepare: (moving: ReturnType<typeof both>, disk: MemoryFiles) => Promise<unknown>]
  >([
    ['to where a store is', 'store/not-empty', ({ to }) => fill(to)],
    [
      'to where one was moved away',
      'store/moved',
      async ({ to }, disk) => {
        await fill(to);
        await moveAll({ from: to, to: openAt('/u', disk) }, command, ports, signal);
      },
    ],
    [
      'of one that a restore has not finished',
      'store/restoring',
      ({ from }) => write(from, restoreMarkKey, { schema: 1, sha256: 'x', file: '/b' }),
    ],
    [
      'into one that a restore has not finished',
      'store/restoring',
      ({ to }) => write(to, restoreMarkKey, { schema: 1, sha256: 'x', file: '/b' }),
    ],
    ['into a folder with another use', 'store/unusable', (_moving, disk) => disk.makeFolders('/t/other', 0o755)],
    [
      'of one without an ID',
      'store/id-missing',
      async ({ from }) => {
        const { revision } = (await readStoreId(from, signal))!;
        await from.delete(storeIdKey, { ifRevision: revision, signal });
      },
    ],
    [
      'of one with a damaged document',
      'store/corrupt',
      (_moving, disk) => disk.replace(Object.keys(disk.contents('/s/version'))[0]!, 'damaged', { mode: 0o600 }),
    ],
    [
      'of one that is moved elsewhere',
      'store/moving',
      async ({ from }, disk) => {
        const to = openAt('/u', disk);
        const stopping = { ...to, put: () => Promise.reject(new Error('stop')) };
        await moveAll({ from, to: stopping }, command, ports, signal).catch(() => undefined);
      },
    ],
  ])('%s is refused and changes nothing: %s', async (_what, code, prepare) => {
    const disk = await diskWithStore();
    const moving = both(disk);
    await prepare(moving, disk);
    const before = disk.contents('/');
    await expect(moveAll(moving, command, ports, signal)).rejects.toMatchObject({ code });
    expect(disk.contents('/')).toEqual(before);
  });

  it('by two processes at once is one move', async () => {
    const disk = await diskWithStore();
    const stop = { ...both(disk).to, put: () => Promise.reject(new Error('stop')) };
    await moveAll({ from: both(disk).from, to: stop }, command, ports, signal).catch(() => undefined);
    await Promise.allSettled([1, 2].map(() => moveAll(both(disk), command, ports, signal)));
    await moveAll(both(disk), command, ports, signal);
    expect(await contentOf(both(disk).to)).toEqual(expected);
  });
});

it.each([
  ['that nobody has begun', async () => undefined, 'store/not-moving'],
  ['that has ended', (moving: ReturnType<typeof both>) => moveAll(moving, command, ports, signal), 'store/moved'],
])('a move %s cannot be cancelled', async (_what, prepare, code) => {
  const moving = both(await diskWithStore());
  await prepare(moving);
  await expect(cancelMove(moving, signal)).rejects.toMatchObject({ code });
});

it('a cancelled move says what it could not remove', async () => {
  const { from, to } = both(await diskWithStore());
  const failing = { ...to, location: to.location, put: () => Promise.reject(new Error('stop')) };
  await moveAll({ from, to: failing }, command, ports, signal).catch(() => undefined);
  const away = { ...to, get: () => Promise.reject(new Error('no route')) };
  expect(await cancelMove({ from, to: away }, signal)).toBe('no route');
  expect(await refusalOf(from)).toBe('usable');
});
