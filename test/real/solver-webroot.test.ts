import { execFileSync } from 'node:child_process';
import fs, {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Probe, Solver, SolverChallenge } from '../../src/ports/solver.ts';
import http01Webroot from '../../src/solvers/http01-webroot.ts';
import { solverContract } from '../../src/testing/solver-contract.ts';
import { temporaryOfDead, temporaryOfLiving } from '../support/left-temporaries.ts';
import { respondersOf } from '../support/responders.ts';
import { stopAllAfterwards } from '../support/vitest.ts';
import { type Bench, ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

stopAllAfterwards();

const inner = '.well-known/acme-challenge';

const connect = (
  bench: Bench,
  folders: string | readonly string[] = bench.folder,
  layout?: 'webroot' | 'answers',
): Solver =>
  bench.keep(
    http01Webroot.connect({
      name: 'web',
      options: http01Webroot.options.parse({ folders, layout }),
      world: bench.world,
      store: bench.store,
      storeId,
      ...respondersOf(bench.world, bench.store),
    }),
  );

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};
const seen = (bench: Bench, { token }: SolverChallenge) => read(join(bench.folder, inner, token));
const everythingBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true }).map(String).sort();

solverContract(test, async () => {
  const bench = await makeBench();
  return {
    connect: () => connect(bench),
    challenge: () => makeChallenge(),
    seen: async (challenge) => seen(bench, challenge),
    expected: ({ keyAuthorization }) => keyAuthorization,
    plant: async () => {
      const path = join(bench.folder, inner, 'someone-elses');
      mkdirSync(join(bench.folder, inner), { recursive: true });
      writeFileSync(path, 'theirs');
      return async () => read(path) === 'theirs';
    },
    refused: () => connect(bench, join(bench.folder, 'missing')),
    logged: () => bench.logged,
    stop: bench.stop,
  };
});

test('the file contains only the key authorization, readable by every web server under any umask', async () => {
  const bench = await makeBench();
  const challenge = makeChallenge();
  const before = process.umask(0o077);
  try {
    await connect(bench).present(challenge, ignore, signal());
  } finally {
    process.umask(before);
  }
  expect(seen(bench, challenge)).toBe(challenge.keyAuthorization);
  const modeOf = (path: string) => statSync(join(bench.folder, path)).mode & 0o777;
  expect(modeOf('.well-known')).toBe(0o755);
  expect(modeOf(inner)).toBe(0o755);
  expect(modeOf(`${inner}/${challenge.token}`)).toBe(0o644);
});

test.each([
  ['a symlink to a file', (path: string, precious: string) => symlinkSync(precious, path)],
  ['a symlink to a folder', (path: string, precious: string) => symlinkSync(dirname(precious), path)],
])('%s instead of a folder just created: its target keeps its mode', async (_name, plant) => {
  const bench = await makeBench();
  const precious = join(bench.folder, 'private/shadow');
  mkdirSync(dirname(precious), { mode: 0o700 });
  writeFileSync(precious, 'x', { mode: 0o600 });
  const root = join(bench.folder, 'www');
  mkdirSync(root);
  // The webroot's owner replaces the new folder before its creator checks it again.
  const mkdir = fs.mkdir as (path: string, options: object, done: (error: Error | null) => void) => void;
  const spy = vi.spyOn(fs, 'mkdir').mockImplementation(((
    path: string,
    options: object,
    done: (error: Error | null) => void,
  ) =>
    mkdir(path, options, (error) => {
      const planted = join(root, '.well-known');
      // The path may lead through an open folder.
      if (!error && path.endsWith('/.well-known')) {
        rmdirSync(planted);
        plant(planted, precious);
      }
      done(error);
    })) as typeof fs.mkdir);
  const present = connect(bench, root).present(makeChallenge(), ignore, signal());
  await expect(present)
    .rejects.toMatchObject({ code: 'solver/webroot-unwritable' })
    .finally(() => spy.mockRestore());
  expect(statSync(precious).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(precious)).mode & 0o777).toBe(0o700);
  expect(readdirSync(dirname(precious))).toEqual(['shadow']);
});

test('folders that it created go with the last file, even by another process', async () => {
  const bench = await makeBench();
  const solver = connect(bench);
  const [one, two] = [makeChallenge(), makeChallenge()];
  const first = await solver.present(one, ignore, signal());
  const second = await solver.present(two, ignore, signal());
  await solver.cleanup(one, first, signal());
  expect(everythingBelow(bench.folder)).toEqual(['.well-known', inner, `${inner}/${two.token}`]);
  await connect(bench).cleanup(two, second, signal());
  expect(everythingBelow(bench.folder)).toEqual([]);
});

test('folders that it found stay, and so do folders that are not empty', async () => {
  const bench = await makeBench();
  mkdirSync(join(bench.folder, '.well-known'));
  const solver = connect(bench);
  const challenge = makeChallenge();
  const receipt = await solver.present(challenge, ignore, signal());
  await solver.cleanup(challenge, receipt, signal());
  expect(everythingBelow(bench.folder)).toEqual(['.well-known']);
  const again = await solver.present(challenge, ignore, signal());
  writeFileSync(join(bench.folder, inner, 'security.txt'), 'theirs');
  await solver.cleanup(challenge, again, signal());
  expect(everythingBelow(bench.folder)).toEqual(['.well-known', inner, `${inner}/security.txt`]);
});

test('all folders get the file; one that fails is named, and cleanup removes what was written', async () => {
  const bench = await makeBench();
  const [a, b] = ['a', 'b'].map((name) => join(bench.folder, name)) as [string, string];
  mkdirSync(a);
  mkdirSync(b);
  const solver = connect(bench, [a, b]);
  const challenge = makeChallenge();
  const receipt = await solver.present(challenge, ignore, signal());
  for (const root of [a, b]) expect(read(join(root, inner, challenge.token))).toBe(challenge.keyAuthorization);
  rmSync(join(b, inner, challenge.token));
  expect(await solver.ready(challenge, receipt, signal())).toMatchObject({ ready: false });
  await solver.cleanup(challenge, receipt, signal());
  expect(everythingBelow(bench.folder)).toEqual(['a', 'b']);

  rmSync(b, { recursive: true });
  writeFileSync(b, 'a file');
  const error: unknown = await solver.present(challenge, ignore, signal()).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'solver/webroot-unwritable' });
  expect(String(error)).toContain(b);
  await solver.cleanup(challenge, undefined, signal());
  expect(everythingBelow(a)).toEqual([]);
});

test('the receipt finds the files after the configuration has changed', async () => {
  const bench = await makeBench();
  const [old, now] = ['old', 'now'].map((name) => join(bench.folder, name)) as [string, string];
  mkdirSync(old);
  mkdirSync(now);
  const challenge = makeChallenge();
  const receipt = await connect(bench, old).present(challenge, ignore, signal());
  await connect(bench, now).cleanup(challenge, receipt, signal());
  expect(everythingBelow(bench.folder)).toEqual(['now', 'old']);
});

test.each([
  ['a part of it is a file', (folder: string) => writeFileSync(join(folder, '.well-known'), '')],
  ['a file of somebody else has the name', (folder: string, token: string) => foreign(folder, token, 'theirs')],
  ['a very long file has the name', (folder: string, token: string) => foreign(folder, token, `${token}.`.repeat(99))],
  [
    'a FIFO has the name',
    (folder: string, token: string) => {
      mkdirSync(join(folder, inner), { recursive: true });
      execFileSync('mkfifo', [join(folder, inner, token)]);
    },
  ],
])('%s: refused, and left as it is', async (_name, prepare) => {
  const bench = await makeBench();
  const challenge = makeChallenge();
  prepare(bench.folder, challenge.token);
  const before = everythingBelow(bench.folder);
  const solver = connect(bench);
  await expect(solver.present(challenge, ignore, signal())).rejects.toMatchObject({
    code: 'solver/webroot-unwritable',
  });
  await solver.cleanup(challenge, undefined, signal());
  expect(everythingBelow(bench.folder)).toEqual(before);
});

function foreign(folder: string, token: string, content: string): void {
  mkdirSync(join(folder, inner), { recursive: true });
  writeFileSync(join(folder, inner, token), content);
}

test('an answer of an earlier account key is replaced; a symlink is not followed', async () => {
  const bench = await makeBench();
  const challenge = makeChallenge();
  foreign(bench.folder, challenge.token, `${challenge.token}.oldThumbprint`);
  const solver = connect(bench);
  await solver.present(challenge, ignore, signal());
  expect(seen(bench, challenge)).toBe(challenge.keyAuthorization);

  const linked = makeChallenge();
  const target = join(bench.folder, 'target');
  writeFileSync(target, 'precious');
  symlinkSync(target, join(bench.folder, inner, linked.token));
  await expect(solver.present(linked, ignore, signal())).rejects.toMatchObject({ code: 'solver/webroot-unwritable' });
  await solver.cleanup(linked, undefined, signal());
  expect(read(target)).toBe('precious');
});

test('the webroot may be a symlink; a missing one is not created', async () => {
  const bench = await makeBench();
  const real = join(bench.folder, 'real');
  const link = join(bench.folder, 'link');
  mkdirSync(real);
  symlinkSync(real, link);
  const challenge = makeChallenge();
  await connect(bench, link).present(challenge, ignore, signal());
  expect(read(join(real, inner, challenge.token))).toBe(challenge.keyAuthorization);
  const missing = join(bench.folder, 'missing');
  const solver = connect(bench, missing);
  await expect(solver.present(challenge, ignore, signal())).rejects.toMatchObject({
    code: 'solver/webroot-unwritable',
  });
  await solver.cleanup(challenge, undefined, signal());
  expect(everythingBelow(bench.folder)).not.toContain('missing');
});

test('the temporary file of a killed process is removed too', async () => {
  const bench = await makeBench();
  const solver = connect(bench);
  const challenge = makeChallenge();
  mkdirSync(join(bench.folder, inner), { recursive: true });
  const leave = (number: number, content: string, ageS = 0) => {
    const name = `.certfleet-999-0a1b2c3d-${number}.tmp`;
    const path = join(bench.folder, inner, name);
    writeFileSync(path, content);
    const time = Date.now() / 1000 - ageS;
    utimesSync(path, time, time);
    return name;
  };
  leave(1, challenge.keyAuthorization);
  leave(2, challenge.keyAuthorization.slice(0, 20), 3_600);
  // Another process may be writing these.
  const kept = [leave(3, ''), leave(4, makeChallenge().keyAuthorization, 3_600)];
  await solver.cleanup(challenge, undefined, signal());
  expect(readdirSync(join(bench.folder, inner)).sort()).toEqual(kept);
});

test('an empty temporary file is removed once its writer is gone, or it is old', async () => {
  const bench = await makeBench();
  const folder = join(bench.folder, inner);
  mkdirSync(folder, { recursive: true });
  const [dead, full, living] = [temporaryOfDead(1), temporaryOfDead(5), temporaryOfLiving(4)];
  const [young, old] = ['.certfleet-4194305-0a1b2c3d-2.tmp', '.certfleet-4194305-0a1b2c3d-3.tmp'];
  for (const name of [dead, young, old, living]) writeFileSync(join(folder, name), '');
  writeFileSync(join(folder, full), makeChallenge().keyAuthorization);
  utimesSync(join(folder, old), 1, 1);
  const solver = connect(bench);
  await solver.cleanup(makeChallenge(), undefined, signal());
  expect(readdirSync(folder).sort()).toEqual([young, living, full].sort());
  writeFileSync(join(folder, dead), '');
  await solver.prepare!('a', [], signal());
  await solver.withdraw!('a', signal());
  expect(readdirSync(folder).sort()).toEqual([young, living, full].sort());
});

test('a folder of answers has them without the path, and keeps the folder', async () => {
  const bench = await makeBench();
  const folder = join(bench.folder, 'answers');
  mkdirSync(folder);
  const solver = connect(bench, folder, 'answers');
  const challenge = makeChallenge();
  const { probe } = (await solver.prepare!('a', [], signal())) as { probe: Probe };
  expect(probe.path).toMatch(/^\/\.well-known\/acme-challenge\/certfleet-probe-/);
  expect(read(join(folder, probe.path.split('/').pop()!))).toBe(probe.body);
  await solver.withdraw!('a', signal());
  const receipt = await solver.present(challenge, ignore, signal());
  expect(readdirSync(folder)).toEqual([challenge.token]);
  expect(read(join(folder, challenge.token))).toBe(challenge.keyAuthorization);
  expect(await solver.ready(challenge, receipt, signal())).toEqual({ ready: true });
  await solver.cleanup(challenge, receipt, signal());
  expect(readdirSync(folder)).toEqual([]);
});

test('the probe file contains a random text, is shared by the lineages of a process, and goes with its folders', async () => {
  const bench = await makeBench();
  const solver = connect(bench);
  const { probe } = (await solver.prepare!('a', [], signal())) as { probe: Probe };
  expect(await solver.prepare!('b', [], signal())).toEqual({ probe });
  expect(read(join(bench.folder, probe.path))).toBe(probe.body);
  expect(probe.body).toMatch(/^[A-Za-z0-9_-]{43}$/);
  // A lineage may call withdraw twice (it failed before the order), or for a dead process.
  for (const lineage of ['a', 'a', 'left']) await solver.withdraw!(lineage, signal());
  expect(read(join(bench.folder, probe.path))).toBe(probe.body);
  await solver.withdraw!('b', signal());
  expect(everythingBelow(bench.folder)).toEqual([]);
  const { probe: next } = (await solver.prepare!('a', [], signal())) as { probe: Probe };
  expect(read(join(bench.folder, next.path))).toBe(next.body);
  expect(next.body).not.toBe(probe.body);
});

test('a token file that two lineages share stays until the second is done', async () => {
  const bench = await makeBench();
  const solver = connect(bench);
  const ours = makeChallenge();
  const theirs = { ...ours, lineage: 'other' };
  const receipt = await solver.present(ours, ignore, signal());
  await solver.present(theirs, ignore, signal());
  // A lineage may clean up more than once.
  for (let times = 1; times <= 2; times++) await solver.cleanup(ours, receipt, signal());
  expect(seen(bench, ours)).toBe(ours.keyAuthorization);
  expect(await solver.ready(theirs, null, signal())).toEqual({ ready: true });
  await solver.cleanup(theirs, receipt, signal());
  expect(everythingBelow(bench.folder)).toEqual([]);
});

test('withdraw removes probe files of dead processes and leaves those of living ones', async () => {
  const bench = await makeBench();
  const { probe: living } = (await connect(bench).prepare!('living', [], signal())) as { probe: Probe };
  const solver = connect(bench);
  // The living one's name with a pid that cannot exist (pid_max is at most 2^22).
  const parts = living.path.split('/').pop()!.split('-');
  const nameOf = (change: Readonly<Record<number, string>>) => parts.map((part, i) => change[i] ?? part).join('-');
  const put = (name: string, ageS: number) => {
    const path = join(bench.folder, inner, name);
    writeFileSync(path, storeId);
    const time = Date.now() / 1000 - ageS;
    utimesSync(path, time, time);
    return name;
  };
  put(nameOf({ 4: '5000000' }), 0);
  put(nameOf({ 3: '00000000' }), 3_600);
  const elsewhere = put(nameOf({ 3: '00000001' }), 1);
  const otherStore = put(nameOf({ 2: '00000000' }), 3_600);
  await solver.withdraw!('a', signal());
  expect(readdirSync(join(bench.folder, inner)).sort()).toEqual([parts.join('-'), elsewhere, otherStore].sort());
});

test('many orders at once in one new webroot', async () => {
  const bench = await makeBench();
  const solvers = [connect(bench), connect(bench)];
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const solver = solvers[i % 2]!;
      const challenge = makeChallenge();
      const receipt = await solver.present(challenge, ignore, signal());
      expect(seen(bench, challenge)).toBe(challenge.keyAuthorization);
      await solver.cleanup(challenge, receipt, signal());
    }),
  );
  expect(everythingBelow(bench.folder).filter((name) => !inner.startsWith(name))).toEqual([]);
});

test('a folder must be an absolute path', () => {
  expect(http01Webroot.options.safeParse({ folders: 'public' }).success).toBe(false);
  expect(http01Webroot.options.safeParse({ folders: [] }).success).toBe(false);
  expect(http01Webroot.options.safeParse({ folders: ['/srv/a', '/srv/b'] }).success).toBe(true);
});
