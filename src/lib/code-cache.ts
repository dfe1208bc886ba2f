import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { foreignIn, trustedAt } from './foreign.ts';
import { effectiveUid } from './owners.ts';

/**
 * Loads a file of the build and what it requires, through the cache if there is one. A stack trace that source maps are to
 * translate needs Node's own loader.
 */
export function loadBuilt<Exports>(path: string): Exports {
  const folder = process.sourceMapsEnabled ? undefined : codeCacheFolder(process.env);
  const set = setOf(basename(path));
  if (folder === undefined || set === undefined) return createRequire(path)(path) as Exports;
  const cache = openCodeCache(join(folder, set));
  // After a signal, nothing may take time.
  process.once('exit', (code) => {
    if (code < 128) cache.save();
  });
  return cache.load(path) as Exports;
}

/**
 * Loads the files of the build, which are CommonJS, with what V8 compiled in an earlier run: to compile takes longer than
 * most commands (decision 0034). Who can write the cache runs code as this user, so it counts only if nobody but root and
 * this user can change it and the way to it. Whatever is wrong with it, the sources are compiled as without it.
 */
interface CodeCache {
  /** What the file exports. The files beside it that it requires come through the cache, too. */
  load(path: string): unknown;
  /** Writes what this run compiled, if the cache lacked any of its files. */
  save(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder of the cache; undefined if there is none. HOME is not asked for root: it may be that of the user who became
 * root. With CERTFLEET_ROOT, it is below that folder, as all default paths are.
 */
export function codeCacheFolder(env: Environment): string | undefined {
  const { CERTFLEET_CODE_CACHE: named, CERTFLEET_ROOT: root, XDG_CACHE_HOME: cache, HOME: home } = env;
  if (named) return isAbsolute(named) ? named : undefined;
  if (root || effectiveUid() === 0) return resolve(root || '/', 'var/cache/certfleet');
  if (cache && isAbsolute(cache)) return join(cache, 'certfleet');
  // One that does not exist, as that of many system users, stays so.
  return home && isAbsolute(home) && fs.existsSync(home) ? join(home, '.cache/certfleet') : undefined;
}

/** How many builds, versions of Node.js and settings of it have a cache at once. */
const maxSets = 4;

function openCodeCache(set: string): CodeCache {
  const readable = trusted(set);
  const own = createRequire(import.meta.url);
  const loaded: { readonly script: Script; readonly source: Buffer; readonly name: string }[] = [];
  let isComplete = true;

  function load(path: string): unknown {
    const known = own.cache[path];
    if (known) return known.exports;
    const source = fs.readFileSync(path);
    // Node cannot import from code that was compiled before. What the file requires is still the same.
    if (source.includes('import(')) return own(path);
    const module = new Module(path);
    module.filename = path;
    // Also for `certfleet/define` in a module of the operator's, which must get this very instance.
    own.cache[path] = module;
    const name = `${basename(path)}.bin`;
    const cachedData = readable === undefined ? undefined : read(join(readable, name), source);
    const script = new Script(`(function(exports,require,module,__filename,__dirname){\n${source}\n})`, {
      ...{ filename: path, lineOffset: -1, cachedData },
    });
    if (cachedData === undefined || script.cachedDataRejected) isComplete = false;
    loaded.push({ script, source, name });
    const beside = dirname(path);
    const required = (id: string) => (id.startsWith('./') ? load(join(beside, id)) : own(id));
    script.runInThisContext()(module.exports, required, module, path, beside);
    module.loaded = true;
    return module.exports;
  }

  function save(): void {
    if (isComplete) return;
    try {
      const isNew = fs.mkdirSync(set, { recursive: true, mode: 0o700 }) !== undefined;
      const writable = trusted(set);
      if (writable === undefined) return;
      if (isNew) removeOldSets(dirname(writable));
      // Also what was in the cache: functions that no run had called before are compiled now.
      for (const { script, source, name } of loaded)
        write(join(writable, name), () => {
          const data = script.createCachedData();
          return Buffer.concat([checkOf(source, data), data]);
        });
    } catch {
      // A full disk, a file system that is read-only, a folder that is being removed: the next run compiles again.
    }
  }

  return { load, save };
}

/**
 * The name of what belongs together. V8 checks its version and flags, but not which build of it wrote the data, and of the
 * source only the length. Undefined if the program of Node.js cannot be looked at: it was removed, or root started it for
 * another user.
 *
 * @param build what changes with any file of the build
 */
function setOf(build: string): string | undefined {
  const { execPath, execArgv, version, arch, env } = process;
  try {
    const { size, mtimeMs } = fs.statSync(execPath);
    const told = [build, execPath, size, mtimeMs, ...execArgv, env['NODE_OPTIONS']].join('\0');
    return `${version}-${arch}-${crc32(told).toString(16).padStart(8, '0')}`;
  } catch {
    return undefined;
  }
}

/** Where the folder really is, if only root and this user can change it and the way to it. */
function trusted(folder: string): string | undefined {
  try {
    const { at, stats } = { at: undefined, ...trustedAt(folder) };
    return stats?.isDirectory() ? at : undefined;
  } catch {
    return undefined;
  }
}

/** Of source and data, so that damaged data is not given to V8, nor that of another source. */
function checkOf(source: Buffer, data: Buffer): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(data, crc32(source)));
  return check;
}

/** What was compiled from this source; undefined if there is nothing, or nothing that can be trusted. */
function read(path: string, source: Buffer): Buffer | undefined {
  let file: number | undefined;
  try {
    file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    const stats = fs.fstatSync(file);
    if (!stats.isFile() || foreignIn(path, stats)) return undefined;
    const content = fs.readFileSync(file);
    const data = content.subarray(4);
    return checkOf(source, data).equals(content.subarray(0, 4)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
}

/** Under a name of its own until it is whole. Not synced: what a power cut leaves fails the check. */
function write(path: string, content: () => Buffer): void {
  const draft = `${path}.${process.pid}`;
  const file = fs.openSync(draft, 'wx', 0o600);
  try {
    try {
      fs.writeFileSync(file, content());
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(draft, path);
  } catch (error) {
    fs.rmSync(draft, { force: true });
    throw error;
  }
}

const setName = /^v[\d.]+-\w+-[0-9a-f]{8}$/;

/** Removes all but the newest sets. What else is in the folder is not ours. */
function removeOldSets(folder: string): void {
  const sets = fs
    .readdirSync(folder)
    .filter((name) => setName.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, mtimeMs: fs.lstatSync(path).mtimeMs }));
  for (const { path } of sets.sort((a, b) => b.mtimeMs - a.mtimeMs).slice(maxSets))
    fs.rmSync(path, { recursive: true, force: true });
}
