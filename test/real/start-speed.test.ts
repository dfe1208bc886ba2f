import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { builtProgram } from '../support/built.ts';

const execute = promisify(execFile);

it('the built command line prints its version as fast as node starts', async () => {
  const took = async (args: readonly string[]) => {
    const before = performance.now();
    await execute(process.execPath, [...args]);
    return performance.now() - before;
  };
  let [ours, bare] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // In turn, and the minimum of several, because the rest is other load. More rounds on a busy machine.
  for (let round = 0; round < 12 || (round < 60 && ours / bare >= 1.3); round++) {
    ours = Math.min(ours, await took([builtProgram(), '--version']));
    bare = Math.min(bare, await took(['-e', '0']));
  }
  expect(ours / bare).toBeLessThan(1.3);
});
