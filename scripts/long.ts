/**
 * `npm run test:long`: the whole of every test that `npm test` runs as a sample, what tests the tests, and the unit tests
 * and the simulation on other versions of Node. It takes hours, so it runs in pieces, and says at the end what it did not run.
 *
 *   npm run test:long                       all pieces
 *   npm run test:long -- crash/kill nodes   those whose name contains one of the words
 */
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

interface Piece {
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
}

const piecesOf = async (folder: string): Promise<readonly Piece[]> =>
  (await readdir(join(root, 'test', folder)))
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => ({
      name: `${folder}/${name.slice(0, -'.test.ts'.length)}`,
      args: [vitest, 'run', '--project', 'real', `test/${folder}/${name}`],
    }));

const pieces: readonly Piece[] = [
  { name: 'unit', args: [vitest, 'run', '--project', 'unit'] },
  { name: 'simulation', args: [vitest, 'run', '--project', 'simulation'] },
  { name: 'world', args: [vitest, 'run', '--project', 'world'] },
  { name: 'real', args: [vitest, 'run', '--project', 'real*', 'test/real/'] },
  { name: 'browser', args: [vitest, 'run', '--project', 'browser'] },
  ...(await piecesOf('crash')),
  ...(await piecesOf('long')),
  { name: 'nodes', args: [join(root, 'scripts/other-nodes.mjs')] },
];

const words = process.argv.slice(2);
const isWanted = ({ name }: Piece) => words.length === 0 || words.some((word) => name.includes(word));
const wanted = pieces.filter(isWanted);
const failed: string[] = [];
for (const { name, args } of wanted) {
  const began = Date.now();
  process.stdout.write(`\n=== ${name}\n`);
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, CERTFLEET_LONG: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) failed.push(name);
  process.stdout.write(
    `=== ${name}: ${status === 0 ? 'passed' : 'failed'} in ${Math.round((Date.now() - began) / 1000)} s\n`,
  );
}

const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '));
const skipped = pieces.filter((piece) => !isWanted(piece)).map(({ name }) => name);
process.stdout.write(`\nfailed: ${list(failed)}\nnot run: ${list(skipped)}\n`);
process.exitCode = failed.length > 0 || wanted.length === 0 ? 1 : 0;
