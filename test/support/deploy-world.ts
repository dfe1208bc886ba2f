import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { createFiles } from '../../src/lib/files/files.ts';
import { createProcesses } from '../../src/lib/processes/processes.ts';
import { createStreams } from '../../src/lib/streams.ts';
import type { Files, FilesWithin } from '../../src/ports/files.ts';
import type { World } from '../../src/ports/world.ts';

export interface DeployWorld {
  readonly world: World;
  readonly lines: readonly string[];
  /** Called before each change of the file system; if it throws, the change fails. */
  interfere: (call: keyof FilesWithin, path: string) => void;
}

/** The parts of the real world that deployers use, with a hook for every change of the file system. */
export function createDeployWorld(): DeployWorld {
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const real = createFiles();
  const made: { interfere: DeployWorld['interfere'] } = { interfere: () => {} };
  const interfered = (real: FilesWithin): FilesWithin => ({
    ...real,
    async replace(path, content, attributes) {
      made.interfere('replace', path);
      return real.replace(path, content, attributes);
    },
    async createFolder(path, mode, entries) {
      for (const [index, entry] of entries.entries()) {
        try {
          made.interfere('createFolder', join(path, entry.name));
        } catch (error) {
          // As after a crash in the middle: the files before are complete, this one is cut.
          const cut = { ...entry, content: entry.content.slice(0, entry.content.length / 2) };
          await real.createFolder(path, mode, [...entries.slice(0, index), cut]);
          throw error;
        }
      }
      return real.createFolder(path, mode, entries);
    },
    async replaceLink(path, target) {
      made.interfere('replaceLink', path);
      return real.replaceLink(path, target);
    },
  });
  const files: Files = {
    ...real,
    within: (folder, guard, work) => real.within(folder, guard, (inside) => work(interfered(inside))),
  };
  const world = {
    clock: systemClock,
    files,
    streams: createStreams(systemClock),
    processes: createProcesses(systemClock),
    log: { debug: note, info: note, warn: note },
    // The deployers tested here use no DNS, HTTP or randomness.
  } as unknown as World;
  return Object.assign(made, { world, lines });
}

/** Every file below a folder that contains a private key, with its mode. */
export async function findKeyFiles(folder: string): Promise<{ path: string; mode: number }[]> {
  const found: { path: string; mode: number }[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path, 'utf8')).includes('PRIVATE KEY'))
      found.push({ path, mode: (await stat(path)).mode & 0o7777 });
  }
  return found;
}
