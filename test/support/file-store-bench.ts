import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, expect } from 'vitest';
import { type CertfleetError, isFailure } from '../../src/core/errors/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import type { Files } from '../../src/ports/files.ts';
import type { Entry, Key, Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import fileStore from '../../src/stores/file.ts';
import { bareEnvironment, nodeAs } from './service.ts';
import type { Given } from './store-of-user.ts';
import { storeWorld } from './store-world.ts';

export const { signal } = new AbortController();
export const hourMs = 3_600_000;

/** A folder for this test file, removed at its end, and new paths in it. */
export function ownFolder() {
  const base = mkdtempSync(join(tmpdir(), 'certfleet-store-'));
  let made = 0;
  afterAll(() => rmSync(base, { recursive: true, force: true }));
  return { base, newPath: (what = 'store'): string => join(base, `${what}-${++made}`) };
}

export const open = (path: string, replaced: Partial<World> = {}): Store =>
  fileStore.connect({ options: { path }, name: 'store', world: storeWorld(replaced) });

/** Shows an existing store the time `ms` from now. */
export const later = (ms: number) => ({ clock: { ...systemClock, now: () => new Date(Date.now() + ms) } });

export const key = (name: string): Key => ({ kind: 'lineage', name });
export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
export const textOf = (entry: Entry | undefined): string | undefined => entry && Buffer.from(entry.bytes).toString();

export const create = (store: Store, name: string, text: string): Promise<string> =>
  store.put(key(name), bytesOf(text), { ifRevision: null, signal });
/** The next revision of the document `a`. */
export const write = (store: Store, text: string, ifRevision: string | null): Promise<string> =>
  store.put(key('a'), bytesOf(text), { ifRevision, signal });
/** Writes these revisions of the document `a` and returns the last one. */
export async function revisions(store: Store, ...texts: readonly string[]): Promise<string> {
  let last: string | null = null;
  for (const text of texts) last = await write(store, text, last);
  return last ?? expect.fail('no revision');
}

export async function scanAll(store: Store): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const page of store.scan('lineage', signal)) entries.push(...page);
  return entries;
}

/** Every file below the root, by its path from there. */
export function filesOf(root: string): readonly string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
export const namesIn = (root: string): readonly string[] => filesOf(root).map((path) => basename(path));
export const fileOf = (root: string, name: string): string =>
  filesOf(root).find((path) => basename(path) === name) ??
  expect.fail(`no file ${name} in ${filesOf(root).join(', ')}`);

/** What a process of another user gets from a store. Needs root. */
export async function storeOfUser(
  uid: number,
  path: string,
  ...calls: readonly ('check' | 'create' | 'get')[]
): Promise<readonly Given[]> {
  // One text on stdin, since the user may not be able to read these folders.
  const { outputFiles } = await build({
    entryPoints: [new URL('./store-of-user.ts', import.meta.url).pathname],
    ...({ bundle: true, write: false, platform: 'node', format: 'esm', target: 'node20' } as const),
  });
  const [program, ...args] = nodeAs(uid, ['--input-type=module', '-', path, ...calls]);
  const running = promisify(execFile)(program, args, { cwd: '/', env: bareEnvironment() });
  running.child.stdin?.end(outputFiles[0]!.text);
  return JSON.parse((await running).stdout) as readonly Given[];
}

export async function failureOf(call: Promise<unknown>): Promise<CertfleetError> {
  const error = await call.then(
    () => expect.fail('it did not fail'),
    (caught: unknown) => caught,
  );
  if (!isFailure(error)) throw error;
  return error;
}

/** Real files with some calls replaced. */
export function filesWith(replace: (real: Files) => Partial<Files>): { readonly files: Files } {
  const real = createFiles();
  return { files: { ...real, ...replace(real) } };
}

export const systemError = (code: string, text: string, syscall: string) =>
  Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, syscall });
