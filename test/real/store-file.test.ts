import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFiles } from '../../src/lib/files/files.ts';
import type { Files } from '../../src/ports/files.ts';
import type { Store } from '../../src/ports/store.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import {
  create,
  failureOf,
  fileOf,
  filesOf,
  filesWith,
  hourMs,
  key,
  later,
  namesIn,
  open,
  ownFolder,
  revisions,
  scanAll,
  signal,
  textOf,
  write,
} from '../support/file-store-bench.ts';
import { until } from '../support/service.ts';

const { newPath } = ownFolder();

describe('the store contract on files', () => {
  storeContract({ describe, it, expect }, async () => {
    const root = newPath();
    return { store: open(root), again: async () => open(root) };
  });
});

it('begins no other document once all callers have left, and leaves no temporary file', async () => {
  const root = newPath();
  const files = createFiles();
  const stop = new AbortController();
  let begun = 0;
  const draft: Files['draft'] = async (...args) => {
    begun += 1;
    if (begun === 10) stop.abort(new Error('stopped'));
    return files.draft(...args);
  };
  const store = open(root, { files: { ...files, draft } });
  await store.check(signal);
  // Of one folder, so that they are created together.
  const names = Array.from({ length: 60_000 }, (_, at) => `n${at}`)
    .filter((name) => createHash('sha1').update(name).digest('hex').startsWith('00'))
    .slice(0, 200);
  const put = (name: string) => store.put(key(name), Buffer.from('{}'), { ifRevision: null, signal: stop.signal });
  const ended = await Promise.allSettled(names.map(put));
  const stored = ended.filter(({ status }) => status === 'fulfilled').length;
  expect(names).toHaveLength(200);
  expect(begun).toBeLessThan(100);
  expect(stored).toBeLessThan(100);
  const left = filesOf(root).filter((path) => !/\/meta\//.test(path));
  expect(left.filter((path) => path.endsWith('.tmp'))).toEqual([]);
  expect(left).toHaveLength(stored);
});

describe('layout', () => {
  it('is <kind>/<2 hex of sha1>/<name>@<number>, only for the owner, under any umask', async () => {
    const root = newPath();
    const before = process.umask(0o022);
    try {
      const store = open(root);
      await store.check(signal);
      await create(store, 'www.example.com', '{"a":1}');
    } finally {
      process.umask(before);
    }
    // sha1('www.example.com') begins with 1b: `printf www.example.com | sha1sum`.
    const shard = execFileSync('sha1sum', { input: 'www.example.com' }).toString().slice(0, 2);
    const path = join(root, 'lineage', shard, 'www.example.com@1');
    expect(filesOf(root)).toEqual([path]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const folder of [root, join(root, 'lineage'), join(root, 'lineage', shard)]) {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    }
    const [line, body] = readFileSync(path, 'utf8').split('\n');
    expect(line).toMatch(/^certfleet 1 live 1 [\w-]{8} - 7 [0-9a-f]{32} "www\.example\.com"$/);
    expect(body).toBe('{"a":1}');
  });

  it('keeps one predecessor, and none after a delete', async () => {
    const root = newPath();
    const store = open(root);
    const revision = await revisions(store, '0', ...[1, 2, 3, 4, 5].map((n) => `secret ${n}`));
    expect(namesIn(root)).toEqual(['a@5', 'a@6']);
    await store.delete(key('a'), { ifRevision: revision, signal });
    expect(namesIn(root)).toEqual(['a@7']);
    expect(readFileSync(fileOf(root, 'a@7'), 'utf8')).not.toContain('secret');
  });

  it('writes nothing outside its folder, whatever the name', async () => {
    const root = join(newPath(), 'inner');
    const store = open(root);
    for (const name of ['../../x', '/tmp/x', '..', 'a/../../b']) await create(store, name, 'x');
    for (const path of filesOf(join(root, '..')))
      expect(path).toMatch(/\/inner\/lineage\/[0-9a-f]{2}\/=[0-9a-f]{64}@1$/);
    expect(filesOf(root).length).toBe(4);
  });

  it('skips files that are not its own', async () => {
    const root = newPath();
    const store = open(root);
    await create(store, 'a', 'one');
    const folder = join(fileOf(root, 'a@1'), '..');
    for (const name of ['a@1.bak', 'a@01', 'a@0', 'a', 'a@', '.certfleet-7-ab-1.tmp', '#a@2#', 'README']) {
      writeFileSync(join(folder, name), 'foreign');
    }
    mkdirSync(join(root, 'lineage', 'lost+found'));
    expect(textOf(await store.get(key('a'), signal))).toBe('one');
    const entries = await scanAll(store);
    expect(entries.map((entry) => entry.key.name)).toEqual(['a']);
  });
});

describe('a damaged document', () => {
  const spoil: Readonly<Record<string, (path: string) => void>> = {
    'cut to nothing': (path) => truncateSync(path, 0),
    'cut in its first line': (path) => truncateSync(path, 20),
    'cut in its content': (path) => truncateSync(path, statSync(path).size - 3),
    'longer than written': (path) => writeFileSync(path, `${readFileSync(path, 'latin1')}x`, 'latin1'),
    'one bit off': (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    'another document’s': (path) => {
      const other = fileOf(join(path, '../../..'), 'other@1');
      copyFileSync(other, path);
    },
    'zeros, as some disks leave it': (path) => writeFileSync(path, Buffer.alloc(500)),
  };

  for (const [how, change] of Object.entries(spoil)) {
    it(`${how}: is reported, not used, not replaced by its predecessor, not removed`, async () => {
      const root = newPath();
      const store = open(root);
      const first = await create(store, 'a', 'the first content');
      const second = await write(store, 'the second content', first);
      await create(store, 'other', 'fine');
      const path = fileOf(root, 'a@2');
      change(path);
      const spoiled = readFileSync(path);

      const attempts = [
        () => store.get(key('a'), signal),
        () => write(store, 'new', second),
        () => write(store, 'new', null),
        () => store.delete(key('a'), { ifRevision: second, signal }),
      ];
      for (const attempt of attempts) {
        const error = await failureOf(attempt());
        expect(error.code).toBe('store/corrupt');
        expect(error.exitCode).toBe(7);
        expect(error.message).toContain('lineage/a');
        expect(error.hint).toContain(path);
      }
      const { hint } = await failureOf(store.get(key('a'), signal));
      expect(hint).toContain(`${path.slice(0, -1)}1`);
      // A writer cannot use the predecessor either.
      expect((await failureOf(write(store, 'new', first))).code).toBe('store/conflict');

      await open(root, later(100 * hourMs)).tidy(signal);
      expect(readFileSync(path)).toEqual(spoiled);
      expect(readFileSync(fileOf(root, 'a@1'), 'utf8')).toContain('the first content');

      // Other documents still work.
      expect(textOf(await store.get(key('other'), signal))).toBe('fine');

      // The hint works: without the damaged file, the previous revision is the document.
      renameSync(path, newPath('away'));
      expect(textOf(await store.get(key('a'), signal))).toBe('the first content');
    });
  }

  it('is marked in a scan, and hides no others', async () => {
    const root = newPath();
    const store = open(root);
    for (let n = 0; n < 10; n += 1) await create(store, `n${n}`, `content ${n}`);
    truncateSync(fileOf(root, 'n3@1'), 9);
    const entries = await scanAll(store);
    expect(entries.length).toBe(10);
    const bad = entries.filter((entry) => entry.corrupt);
    expect(bad.map((entry) => entry.key.name)).toEqual(['n3']);
    expect(bad[0]?.corrupt?.code).toBe('store/corrupt');
    expect(bad[0]?.bytes.length).toBe(0);
  });
});

describe('tidy', () => {
  it('removes tombstones after a day and temporary files after an hour, not before', async () => {
    const root = newPath();
    const store = open(root);
    const revision = await create(store, 'gone', 'x');
    await store.delete(key('gone'), { ifRevision: revision, signal });
    await create(store, 'kept', 'x');
    const folder = join(fileOf(root, 'kept@1'), '..');
    const temporaries = [join(folder, '.certfleet-1-ab-1.tmp'), join(root, '.certfleet-1-ab-2-check.tmp')];
    for (const path of temporaries) writeFileSync(path, 'left by a crash');
    for (const [hours, left] of [
      [0, ['.certfleet-1-ab-1.tmp', '.certfleet-1-ab-2-check.tmp', 'gone@2', 'kept@1']],
      [2, ['gone@2', 'kept@1']],
      [23, ['gone@2', 'kept@1']],
      [25, ['kept@1']],
    ] as const) {
      await open(root, later(hours * hourMs)).tidy(signal);
      const names = namesIn(root).filter((name) => name !== '.tidied');
      expect(names.sort(), `after ${hours} h`).toEqual(left);
    }
  });

  it('removes markers of a killed process after an hour if names are never used again, with their folders', async () => {
    const root = newPath();
    const store = open(root);
    const kinds = ['token', 'key', 'version', 'lineage', 'credential', 'ledger'] as const;
    for (const kind of kinds) {
      const revision = await store.put({ kind, name: kind }, Buffer.from('x'), { ifRevision: null, signal });
      await store.delete({ kind, name: kind }, { ifRevision: revision, signal });
    }
    // Files of a deployer, which are not documents, whatever its name.
    mkdirSync(join(root, 'deployed/ab'), { recursive: true });
    writeFileSync(join(root, 'deployed/ab/own@1'), 'x');
    for (const [minutes, left] of [
      [50, ['credential@2', 'key@2', 'ledger@2', 'lineage@2', 'own@1', 'token@2', 'version@2']],
      [130, ['credential@2', 'ledger@2', 'lineage@2', 'own@1']],
      [25 * 60, ['own@1']],
    ] as const) {
      await open(root, later(minutes * 60_000)).tidy(signal);
      const names = namesIn(root).filter((name) => name !== '.tidied');
      expect(names.sort(), `after ${minutes} min`).toEqual(left);
    }
    for (const kind of kinds) expect(readdirSync(join(root, kind))).toEqual([]);
  });

  it('reads no document that is longer than a marker, and finds markers of long names', async () => {
    const root = newPath();
    const store = open(root);
    await create(store, 'kept', 'x'.repeat(300));
    const long = 'é'.repeat(1_000);
    await store.delete(key(long), { ifRevision: await create(store, long, 'x'), signal });
    const read: string[] = [];
    const real = createFiles();
    const files: Files = {
      ...real,
      read(path) {
        read.push(basename(path));
        return real.read(path);
      },
    };
    await open(root, { ...later(25 * hourMs), files }).tidy(signal);
    expect(read).toEqual(['.tidied', expect.stringMatching(/^=[0-9a-f]{64}@2$/)]);
    expect(namesIn(root)).toEqual(expect.arrayContaining(['.tidied', 'kept@1']));
    expect(namesIn(root)).toHaveLength(2);
  });

  it('leaves a file that was a revision for a year and was renamed a moment ago to be written over', async () => {
    const root = newPath();
    await create(open(root), 'a', '1');
    const old = fileOf(root, 'a@1');
    utimesSync(old, 1, 1);
    const taken = join(old, '..', '.certfleet-1-ab-1.tmp');
    renameSync(old, taken);
    await open(root).tidy(signal);
    expect(filesOf(root)).toContain(taken);
    await open(root, later(2 * hourMs)).tidy(signal);
    expect(filesOf(root)).not.toContain(taken);
  });

  it('lets no revision come back after its tombstone is gone', async () => {
    const root = newPath();
    const revisions: string[] = [];
    for (let day = 1; day < 4; day += 1) {
      const store = open(root, later(day * 25 * hourMs));
      const revision = await create(store, 'a', 'same');
      for (const old of revisions) {
        const put = write(store, 'late', old);
        expect((await failureOf(put)).code).toBe('store/conflict');
        expect((await failureOf(store.delete(key('a'), { ifRevision: old, signal }))).code).toBe('store/conflict');
      }
      revisions.push(revision);
      await store.delete(key('a'), { ifRevision: revision, signal });
      await open(root, later((day + 1) * 25 * hourMs)).tidy(signal);
      expect(namesIn(root)).toEqual(['.tidied']);
    }
    expect(new Set(revisions).size).toBe(3);
  });

  it('removes what a crash left below the predecessor, and costs one read if it ran recently', async () => {
    const root = newPath();
    const store = open(root);
    let revision = await create(store, 'a', '0');
    const copy = newPath('copy');
    copyFileSync(fileOf(root, 'a@1'), copy);
    for (const text of ['1', '2', '3']) revision = await write(store, text, revision);
    const folder = join(fileOf(root, 'a@4'), '..');
    copyFileSync(copy, join(folder, 'a@1'));
    await open(root).tidy(signal);
    expect(readdirSync(folder).sort()).toEqual(['a@3', 'a@4']);

    let calls = 0;
    const real = createFiles();
    const files = new Proxy(real, {
      get: (target, name: keyof typeof real) => {
        calls += 1;
        return target[name];
      },
    });
    const recent = open(root, { files });
    // The first call of a process also looks at who can write the store.
    await recent.tidy(signal);
    calls = 0;
    await recent.tidy(signal);
    expect(calls).toBe(1);
  });
});

describe('speed', () => {
  it('reads a thousand documents quickly', async () => {
    const root = newPath();
    const store = open(root);
    const content = 'x'.repeat(700);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => create(store, `name-${n}.example.com`, content)));
    // Make the files old, so that nothing looks recently written.
    utimesSync(root, 1, 1);
    // The goal is 60 ms. The best of many rounds, because other tests share this machine.
    const limitMs = 250;
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + 60_000;
    while (best >= limitMs && performance.now() < end) {
      const began = performance.now();
      const entries = await scanAll(open(root));
      best = Math.min(best, performance.now() - began);
      expect(entries.length).toBe(1_000);
    }
    expect(best).toBeLessThan(limitMs);
  });
});

describe('something else in the place of one document', () => {
  const places: readonly [string, (path: string) => unknown, string][] = [
    ['a folder', (path) => mkdirSync(path), 'it is a folder'],
    ['a link', (path) => symlinkSync('/etc/hostname', path), 'it is a symbolic link'],
    ['a pipe', (path) => execFileSync('mkfifo', [path]), 'it is a pipe'],
    ['a huge file', (path) => writeFileSync(path, new Uint8Array(2 * 1024 ** 2)), 'it is larger than 1 MiB'],
    [
      'the file of another document',
      (path) => copyFileSync(fileOf(dirname(dirname(path)), 'b@1'), path),
      'it belongs to',
    ],
  ];
  it.each(places)('%s: it alone is refused, and the others go on', async (_what, put, reason) => {
    const root = newPath();
    const store = open(root);
    for (const name of ['a', 'b']) await create(store, name, name);
    const path = fileOf(root, 'a@1');
    rmSync(path);
    put(path);
    const corrupt = { code: 'store/corrupt', message: expect.stringContaining(reason) };
    expect(await failureOf(store.get(key('a'), signal))).toMatchObject(corrupt);
    expect(await failureOf(store.put(key('a'), Buffer.from('x'), { ifRevision: '1-abcdefgh', signal }))).toMatchObject(
      corrupt,
    );
    expect(await failureOf(create(store, 'a', 'x'))).toBeDefined();
    const entries = await scanAll(store);
    expect(entries.map((entry) => [entry.key.name, entry.corrupt?.code]).sort()).toEqual([
      ['a', 'store/corrupt'],
      ['b', undefined],
    ]);
    expect([...(await store.list('lineage', signal)).names].sort()).toEqual(['a', 'b']);
    await create(store, 'c', 'c');
    await open(root, later(30 * hourMs)).tidy(signal);
    expect(lstatSync(path)).toBeDefined();
  });

  it('is found by a listing without opening it, nor any document', async () => {
    const root = newPath();
    const made = open(root);
    await revisions(made, ...['1', '2', '3'].map((text) => text.repeat(400)));
    await create(made, 'b', 'first');
    const read: string[] = [];
    const store = open(
      root,
      filesWith((real) => ({ read: (path, options) => real.read(path, options).finally(() => void read.push(path)) })),
    );
    expect([...(await store.list('lineage', signal)).names].sort()).toEqual(['a', 'b']);
    expect(read).toEqual([]);
  });
});

describe('a new store', () => {
  it.each(['certs', '.bashrc', 'metadata', 'toString'])(
    'is not made in a folder that has %s, and nothing is written there',
    async (name) => {
      const root = newPath();
      mkdirSync(root);
      mkdirSync(join(root, name));
      const error = await failureOf(open(root).check(signal));
      expect(error).toMatchObject({
        code: 'store/unusable',
        message: expect.stringContaining(`there is no store in this folder, and it is not empty (${name})`),
        hint: expect.stringContaining(join(root, 'certfleet')),
      });
      expect(readdirSync(root)).toEqual([name]);
    },
  );

  it.each([[], ['lost+found'], ['.certfleet-9-9-9.tmp'], ['lineage', 'account']])(
    'is made in a folder that has %s',
    async (...names) => {
      const root = newPath();
      mkdirSync(root);
      for (const name of names) mkdirSync(join(root, name));
      await open(root).check(signal);
    },
  );

  it('may get other files later', async () => {
    const root = newPath();
    const store = open(root);
    await store.check(signal);
    await store.put({ kind: 'meta', name: 'store' }, Buffer.from('{}'), { ifRevision: null, signal });
    writeFileSync(join(root, 'notes'), '');
    await store.check(signal);
  });
});

describe('a scan by someone who knows the documents', () => {
  const changes: readonly (readonly [string, (file: string) => void])[] = [
    ['was overwritten', (file) => writeFileSync(file, readFileSync(file).reverse())],
    ['can be written by others', (file) => chmodSync(file, 0o666)],
    [
      'was replaced by a copy of the same age',
      (file) => {
        const { atime, mtime } = statSync(file);
        copyFileSync(file, `${file}.copy`);
        utimesSync(`${file}.copy`, atime, mtime);
        renameSync(`${file}.copy`, file);
      },
    ],
  ];
  it.each(changes)('reads one that %s', async (what, change) => {
    const root = newPath();
    for (const name of ['a', 'b']) await create(open(root), name, 'one');
    const known = new Map<string, string>();
    const scan = async (store: Store) => {
      const read: string[] = [];
      for await (const page of store.scan('lineage', signal, (name, stamp) => known.get(name) === stamp))
        for (const { key, stamp } of page) {
          read.push(key.name);
          if (stamp !== undefined) known.set(key.name, stamp);
        }
      return read.sort();
    };
    expect([await scan(open(root)), known.size]).toEqual([['a', 'b'], 0]); // too young to tell
    const store = open(root, later(hourMs));
    expect([await scan(store), known.size]).toEqual([['a', 'b'], 2]);
    expect(await scan(store)).toEqual([]);
    const { changedMs } = (await createFiles().stat(fileOf(root, 'a@1')))!;
    await until(() => Date.now() > changedMs + 20, { what: 'the file system counts on' });
    change(fileOf(root, 'a@1'));
    const seen = await scan(store).catch((error: { readonly code: string }) => error.code);
    expect(seen).toEqual(what.startsWith('can') ? 'store/untrusted' : ['a']);
  });
});
