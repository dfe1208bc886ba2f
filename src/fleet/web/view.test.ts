import { expect, it } from 'vitest';
import { notingStore } from '../../../test/support/noting-store.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../../../test/support/simulated-world.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { createRows } from '../../engine/steady/rows.ts';
import { createView } from './view.ts';

const { signal } = new AbortController();

it('reads nothing for a list and for the overview, and at most three documents for a certificate', async () => {
  const { store, replica } = await createSimulatedWorld();
  const noting = notingStore(store);
  const engine = replica(1, { store: noting.store });
  const job = { ...simulatedJob(simulatedSpec()), unattended: true };
  await issue(engine, job, signal);
  const declared = { names: () => ['abc'], jobOf: () => job };
  const rows = createRows(engine, () => declared, { isBegun: false, watch: () => () => {} });
  await rows.begin(signal);
  const open = () => ({ settings: {} as Settings, composed: {} as never });
  const view = createView({ engine, rows, declared: () => declared, nodes: () => [], file: '', open });

  noting.read.length = 0;
  expect(view.list({ sort: 'expiry', search: 'ab', limit: 50 }).rows).toMatchObject([{ name: 'abc', state: 'valid' }]);
  expect(view.overview()).toMatchObject({ total: 1, byState: { valid: 1 } });
  expect(noting.read).toEqual([]);
  expect(await view.certificate('abc', signal)).toMatchObject({ status: { name: 'abc', state: 'valid' } });
  expect(noting.read.length).toBeLessThanOrEqual(3);
  expect(noting.read).toContain('lineage abc');
});
