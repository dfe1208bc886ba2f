import { expect, it } from 'vitest';
import { exportCurrent } from '../../src/engine/acts/export.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

it.each([
  ['was written', async () => {}, [{ format: 'pem', to: '/root/x' }]],
  ['could not be written', () => Promise.reject(new Error('the file system is read-only')), undefined],
])('an export that %s', async (_, write, records) => {
  const world = await createSimulatedWorld({ settings: { validate: async () => undefined } });
  const engine = world.replica(1);
  await issue(engine, simulatedJob(simulatedSpec('abc')), signal);
  const before = await world.readLineage();
  const asked = { name: 'abc', format: 'pem', to: '/root/x' } as const;
  let audited: unknown;
  const done = await exportCurrent(engine, asked, signal, async () => {
    // The record comes first: a kill must not leave an export that nothing tells of.
    audited = (await world.readLineage())?.exports;
    return write();
  }).catch((error: Error) => error.message);
  expect(done).toBe(records ? true : 'the file system is read-only');
  expect(audited).toMatchObject([{ to: '/root/x' }]);
  const after = await world.readLineage();
  if (records) expect(after?.exports).toMatchObject(records);
  else expect(after).toEqual(before);
});
