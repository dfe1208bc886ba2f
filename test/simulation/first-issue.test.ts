import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors.ts';

import { sweep } from '../../src/engine/sweep.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Kind } from '../../src/ports/store.ts';
import { createSimulatedWorld, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

it('a first issue that came to no order keeps what its journal owes, until the sweep has removed it', async () => {
  const world = await createSimulatedWorld();
  const probes = new Set<string>();
  let broken = true;
  const solver: Solver = {
    ...world.solver,
    probe: async (lineage) => {
      probes.add(lineage);
      throw fail('solver/webroot-unwritable', { folder: '/var/www', reason: 'no space left on device' });
    },
    unprobe: async (lineage) => {
      if (broken) throw new Error('the folder cannot be read');
      probes.delete(lineage);
    },
  };
  const names = async (kind: Kind) => {
    const found: string[] = [];
    for await (const page of world.store.scan(kind, signal)) found.push(...page.map(({ key }) => key.name));
    return found;
  };
  const byFlags = { ...job(simulatedSpec(), { obeyBackoff: false }), origin: 'command-line' as const };
  expect(await issue(world.replica(1, { solver }), byFlags, signal)).toMatchObject({ result: 'failed' });
  expect([...probes]).toEqual(['abc']);
  expect(await names('key')).toEqual([]);
  expect(await names('lineage')).toEqual(['abc']);

  expect((await sweep(world.replica(2, { solver }), signal)).failed).toHaveLength(1);
  broken = false;
  expect((await sweep(world.replica(2, { solver }), signal)).failed).toEqual([]);
  expect([...probes]).toEqual([]);
  expect(await names('lineage')).toEqual([]);
  expect(world.ca.requests.filter(({ kind }) => kind === 'newOrder')).toEqual([]);
});
