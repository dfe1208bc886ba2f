import { expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { Settings } from '../../src/core/spec/spec.ts';
import { declaredAs, namedAdapters } from '../../src/core/spec/spec-parts.ts';
import { dryRun } from '../../src/fleet/dry-run.ts';
import type { OpenFleet } from '../../src/fleet/opened.ts';
import type { Store } from '../../src/ports/store.ts';
import { declaredOf } from '../support/declared.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedSpec, withCa } from '../support/simulated-world.ts';

const { signal } = new AbortController();

/** How many documents a dry run of some certificates reads, and what it leaves in the store. */
async function readsOf(count: number) {
  const world = await createSimulatedWorld();
  let reads = 0;
  const store: Store = {
    ...world.store,
    get(key, within) {
      reads += 1;
      return world.store.get(key, within);
    },
    async *scan(kind, within) {
      for await (const page of world.store.scan(kind, within)) {
        reads += page.length;
        yield page;
      }
    },
  };
  const engine = world.replica(1, { store });
  const specs = Array.from({ length: count }, (_, i) => simulatedSpec(`c${i}`, [`c${i}.example.com`]));
  const { issuer, solver, preflight } = declaredOf(specs[0]!);
  const settings = {
    ...{ certificates: specs.map((spec) => ({ ...declaredAs(spec), deploy: [] })), deployers: {}, preflight },
    ...{ issuers: { sim: issuer }, solvers: namedAdapters({ sim: solver }) },
  } as unknown as Settings;
  const fleet = { settings, engine } as unknown as OpenFleet;
  const outcomes = await passing(world.clock, dryRun(fleet, { names: [] }, signal));
  expect(outcomes.map(({ result }) => result)).toEqual(specs.map(() => 'issued'));
  for (const kind of ['key', 'version', 'lineage'] as const)
    for await (const page of world.store.scan(kind, signal)) expect(page).toEqual([]);
  return reads;
}

it('says of each certificate that was not tried how it can be', async () => {
  const world = await createSimulatedWorld();
  const stored = simulatedSpec('own', ['own.example.com']);
  const own = declaredOf(stored);
  const byFlags = { ...withCa(stored, { test: false }), name: 'flags', targets: [] };
  const document = { schema: 1, name: 'flags', origin: 'command-line', spec: byFlags, deployments: {} };
  await world.store.put({ kind: 'lineage', name: 'flags' }, encodeDocument(document), { ifRevision: null, signal });
  const settings = {
    ...{
      certificates: [
        { ...own.spec, deploy: [] },
        { ...own.spec, name: 'private', issuer: 'private', deploy: [] },
      ],
    },
    ...{
      issuers: { sim: own.issuer, private: byFlags.issuer.settings },
      solvers: namedAdapters({ sim: own.solver }),
      deployers: {},
    },
    preflight: own.preflight,
  } as unknown as Settings;
  const fleet = { settings, engine: world.replica(1) } as unknown as OpenFleet;
  const outcomes = await passing(world.clock, dryRun(fleet, { names: [] }, signal));
  expect(outcomes.map(({ certificate, result, message }) => [certificate, result, message])).toEqual([
    ['own', 'issued', expect.anything()],
    [
      'private',
      'unchanged',
      'not tried, because private has no test directory; `testDirectory` of the issuer names one',
    ],
    [
      'flags',
      'unchanged',
      'not tried, because sim has no test directory; `certfleet issue flags --test-directory URL` names one',
    ],
  ]);
});

it('reads as many documents more for each certificate, however many there are', async () => {
  const [few, more, many] = [await readsOf(5), await readsOf(10), await readsOf(30)];
  expect(many - more).toBe(4 * (more - few));
});
