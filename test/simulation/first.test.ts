import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { acmeProblem } from '../support/acme-ca.ts';
import { createSimulatedWorld, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;
const byFlags = { ...job(simulatedSpec(), { obeyBackoff: false }), origin: 'command-line' } as const;
const noZone = () => Promise.reject(fail('dns/zone-not-found', { name: 'example.com' }));

/** What the store still has of the certificate. */
async function left({ store }: World): Promise<readonly string[]> {
  const found: string[] = [];
  for (const kind of ['lineage', 'key', 'version', 'credential'] as const)
    for await (const page of store.scan(kind, signal)) found.push(...page.map(({ key }) => `${kind}/${key.name}`));
  return found;
}

describe('a first issue by flags', () => {
  it('is remembered from its first order on, whatever fails next', async () => {
    const world = await createSimulatedWorld({
      settings: { validate: async () => acmeProblem('dns', 'no such value') },
    });
    await issue(world.replica(1), byFlags, signal);
    const solver: Solver = { ...world.solver, preflight: noZone };
    const again = await issue(world.replica(2, { solver }), byFlags, signal);
    expect(again).toMatchObject({ error: { code: 'dns/zone-not-found' } });
    expect((await world.readLineage())?.failure?.count).toBe(2);
  });

  it('that was stopped before its order is forgotten if the next try gets no further', async () => {
    const world = await createSimulatedWorld();
    const stop = new AbortController();
    const stopped: Solver = { ...world.solver, preflight: async () => stop.abort(new Error('SIGINT')) };
    await expect(issue(world.replica(1, { solver: stopped }), byFlags, stop.signal)).rejects.toThrow('SIGINT');
    const solver: Solver = { ...world.solver, preflight: noZone };
    await issue(world.replica(2, { solver }), { ...byFlags, obeyBackoff: true }, signal);
    expect(await left(world)).toEqual([]);
  });

  it('that cannot store its credentials leaves no key', async () => {
    const world = await createSimulatedWorld();
    const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
    const keepCredentials = () => Promise.reject(full);
    const outcome = await issue(world.replica(1), { ...byFlags, keepCredentials }, signal);
    expect(outcome).toMatchObject({ error: { code: 'store/unusable' } });
    expect(await left(world)).toEqual([]);
  });
});
