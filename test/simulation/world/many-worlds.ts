import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { build, type Plugin } from 'esbuild';
import { type Mutant, mutated } from './mutants.ts';
import { fullSize, type Size } from './scenario.ts';
import type { Ending } from './world.ts';

const root = resolve(import.meta.dirname, '../../..');

// A world calls much code a few times: V8 would spend a quarter of the time on optimizing it (vitest.config.ts).
if (process.versions.node.startsWith('20.')) setFlagsFromString('--interrupt-budget=1081344');

/** Nearly everything in a world is garbage before the new generation is full, so a large one leaves little to copy. */
const resourceLimits = { maxYoungGenerationSizeMb: 192 };

/** Puts the changed text in the place of the file's. */
const swap = (mutant: Mutant): Plugin => ({
  name: 'mutant',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path !== join(root, mutant.file)) return undefined;
      return { contents: mutated(mutant, await readFile(path, 'utf8')), loader: 'ts' };
    });
  },
});

/** Runs the worlds of many seeds in threads, and tells how each ended, until `isEnough`. */
export async function runWorlds({
  seeds,
  workers,
  mutant,
  size = fullSize,
  ended,
}: {
  readonly seeds: Iterable<number>;
  readonly workers: number;
  readonly mutant?: Mutant | undefined;
  readonly size?: Size;
  /** Returns true to end early. */
  readonly ended: (ending: Ending) => boolean;
}): Promise<void> {
  // Inside the repository, so that the packages are found.
  const folder = await mkdtemp(join(root, 'node_modules', '.world-'));
  try {
    const file = join(folder, 'worker.mjs');
    const { outputFiles } = await build({
      ...{ entryPoints: [join(import.meta.dirname, 'worker.ts')], absWorkingDir: root },
      ...{ bundle: true, write: false, platform: 'node', target: 'node20', format: 'esm', packages: 'external' },
      plugins: mutant ? [swap(mutant)] : [],
    });
    await writeFile(file, outputFiles[0]!.contents);
    const left = seeds[Symbol.iterator]();
    let isEnough = false;
    const one = () =>
      new Promise<void>((done, failed) => {
        const worker = new Worker(file, { workerData: size, resourceLimits });
        const next = () => {
          const { value, done: isOver } = left.next();
          if (isOver || isEnough) void worker.terminate().then(() => done());
          else worker.postMessage(value);
        };
        worker.on('message', (ending: Ending) => {
          isEnough ||= ended(ending);
          next();
        });
        worker.on('error', failed);
        next();
      });
    await Promise.all(Array.from({ length: workers }, one));
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function* seedsFrom(first: number, count: number): Iterable<number> {
  for (let at = 0; at < count; at += 1) yield first + at;
}
