import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import type { LineageStatus } from '../../src/fleet.ts';
import { createWorld } from '../../src/lib/world.ts';
import fileStore from '../../src/stores/file.ts';
import { fillStore, oldStores } from '../support/old-store.ts';
import { bareEnvironment, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describe('the status of a store of 769111c', () => {
  it.each(oldStores())('%s', async (_name, { documents }) => {
    const path = join(await temporaryFolder('store'), 'store');
    const world = createWorld({ env: {}, log: { debug() {}, info() {}, warn() {} } });
    await fillStore(fileStore.connect({ options: { path }, name: 'store', world }), documents);
    let stdout = '';
    const output = {
      write(text: string) {
        stdout += text;
      },
    };
    const context = { env: bareEnvironment(), stdout: output, stderr: output, isTerminal: false };
    // In this process: 80 starts of the program would take most of the test's time.
    expect(await main(['status', '--json', '--store', path], context), stdout).toBe(0);
    const lineages = Object.entries(documents).flatMap(([id, document]) =>
      id.startsWith('lineage/') ? [document as Lineage] : [],
    );
    const seen = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LineageStatus]));
    expect(seen.map(({ name }) => name)).toEqual(lineages.map(({ name }) => name));
    for (const [at, { spec, current, deployments }] of lineages.entries()) {
      const one = seen[at];
      expect(one?.state).not.toBe('corrupt');
      expect(one?.identifiers).toEqual(spec.spec.identifiers.map(({ value }) => value));
      expect([one?.serial, one?.notAfter]).toEqual([current?.facts.serial, current?.facts.notAfter]);
      expect(one?.deployments.map(({ target }) => target)).toEqual(Object.keys(deployments));
    }
  });
});
