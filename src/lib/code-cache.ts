import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { effectiveUid } from './trust/effective-user.ts';
import { trustedAt, untrustedIn } from './trust/untrusted.ts';

/**
 * Loads a file of the build and the files that it requires, through the cache if there is one. Source maps need Node's
 * own loader to translate stack traces.
 */
export function loadBuilt<Exports>(path: string): Exports {
  const folder = process.sourceMapsEnabled ? undefined : codeCacheFolder(process.env);
  const set = setOf(basename(path));
  if (folder === undefined || set === undefined) return createRequire(path)(path) as Exports;
  const cache = openCodeCache(join(folder, set));
  // After a signal, the process must end without delay.
  process.once('exit', (code) => {
    if (code < 128) cache.save();
  });
  return cache.load(path) as Exports;
}

/**
 * Loads the files of the build, which are CommonJS, with the code that V8 compiled in an earlier run, because compiling
 * takes longer than most commands (decision 0034). Anyone who can write to the cache can run code as this user, so the
 * cache is used only if no other user but root can change it or the folders that lead to it. If the cache is
 * unusable for any reason, the sources are compiled.
 */
interface CodeCache {
  /** Returns the exports of a file. The files beside it that it requires come through the cache, too. */
  load(path: string): unknown;
  /** Writes what this run compiled, if the cache lacked any of its files. */
  save(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the folder of the cache, or undefined if there is none. Ignores HOME for root, because it may be the home of
 * the user who became root. With CERTFLEET_ROOT, the folder is below that folder, like all default paths.
 */
export function codeCacheFolder(env: Environment): string | undefined {
  const { CERTFLEET_CODE_CACHE: named, CERTFLEET_ROOT: root, XDG_CACHE_HOME: cache, HOME: home } = env;
  if (named) return isAbsolute(named) ? named : undefined;
  if (root || effectiveUid() === 0) return resolve(root || '/', 'var/cache/certfleet');
  if (cache && isAbsolute(cache)) return join(cache, 'certfleet');
  // Does not create a home folder that does not exist, as for many system users.
  return home && isAbsolute(home) && fs.existsSync(home) ? join(home, '.cache/certfleet') : undefined;
}

/** How many combinations of build, Node.js version and Node.js settings have a cache at the same time. */
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
    if (importsLater(source)) return own(path);
    const module = new Module(path);
    module.filename = path;
    // Also for `certfleet/define` in an operator's module, which must get this same instance.
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
      // Another user's link must not decide where this user creates a folder.
      if (trustedAt(set).untrusted) return;
      const isNew = fs.mkdirSync(set, { recursive: true, mode: 0o700 }) !== undefined;
      const writable = trusted(set);
      if (writable === undefined) return;
      if (isNew) removeOldSets(dirname(writable));
      const drafts = fs.mkdtempSync(join(writable, draftPrefix));
      try {
        removeOldDrafts(writable, drafts);
        // Also rewrites code from the cache, because functions that no earlier run called are compiled now.
        for (const { script, source, name } of loaded) {
          const data = script.createCachedData();
          // Not synced, because a file damaged by a power cut fails the check.
          fs.writeFileSync(join(drafts, name), Buffer.concat([checkOf(source, data), data]), { mode: 0o600 });
          fs.renameSync(join(drafts, name), join(writable, name));
        }
      } finally {
        fs.rmSync(drafts, { recursive: true, force: true });
      }
    } catch {
      // The disk is full or read-only, or the folder is being removed. The next run compiles again.
    }
  }

  return { load, save };
}

/**
 * Whether a file has `import()`, which Node cannot do from cached code. The files that it requires still come from the
 * cache. A comment with these letters counts too, so it costs the file its cache.
 */
export const importsLater = (source: Buffer): boolean =>
  source.includes('import(') && /(?<![.\w$])import\(/.test(source.toString('latin1'));

/**
 * Returns the name of a set of files that belong together. V8 checks its version and flags, but not which build of V8
 * wrote the data, and only the length of the source. Returns undefined if the Node.js program cannot be inspected,
 * because it was removed, or because root started it for another user.
 *
 * @param build a value that changes with any file of the build
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

/** Returns the real path of the folder if only root and this user can change it and the folders that lead to it. */
function trusted(folder: string): string | undefined {
  try {
    const { at, stats } = { at: undefined, ...trustedAt(folder) };
    return stats?.isDirectory() ? at : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a checksum of source and data, so that V8 gets neither damaged data, nor the data of another source. */
function checkOf(source: Buffer, data: Buffer): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(data, crc32(source)));
  return check;
}

/** Returns the cached code of this source, or undefined if there is none, or none that can be trusted. */
function read(path: string, source: Buffer): Buffer | undefined {
  let file: number | undefined;
  try {
    file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    const stats = fs.fstatSync(file);
    if (!stats.isFile() || untrustedIn(path, stats)) return undefined;
    const content = fs.readFileSync(file);
    const data = content.subarray(4);
    return checkOf(source, data).equals(content.subarray(0, 4)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
}

/** Each run writes its files in a folder of its own, because processes of two containers may have the same PID. */
const draftPrefix = 'draft-';
const hourMs = 3_600_000;

/** Removes the drafts that killed processes left. Others may still be at work on younger ones. */
function removeOldDrafts(set: string, own: string): void {
  const { mtimeMs: now } = fs.lstatSync(own);
  for (const name of fs.readdirSync(set)) {
    const path = join(set, name);
    if (name.startsWith(draftPrefix) && now - fs.lstatSync(path).mtimeMs > hourMs)
      fs.rmSync(path, { recursive: true, force: true });
  }
}

const setName = /^v[\d.]+-\w+-[0-9a-f]{8}$/;

/** Removes all but the newest sets. Other files in the folder are not certfleet's. */
function removeOldSets(folder: string): void {
  const sets = fs
    .readdirSync(folder)
    .filter((name) => setName.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, mtimeMs: fs.lstatSync(path).mtimeMs }));
  for (const { path } of sets.sort((a, b) => b.mtimeMs - a.mtimeMs).slice(maxSets))
    fs.rmSync(path, { recursive: true, force: true });
}
