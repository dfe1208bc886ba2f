import { describe, expect, it } from 'vitest';
import { languages, say } from '../../src/core/errors/wording.ts';
import { type Lineage, storeFormat, type Work } from '../../src/core/lineage/lineage.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job } from '../support/simulated-world.ts';
import {
  fieldsOf,
  fillStore,
  killed,
  makeStore,
  readFixture,
  type StoredStore,
  specOf,
} from '../support/stored-format.ts';

const { signal } = new AbortController();
const fixture = readFixture() as StoredStore;

/** The fixture in a world whose CA has forgotten everything. */
async function restored(change = (documents: StoredStore['documents']) => documents) {
  const world = await createSimulatedWorld({ clock: fakeClock(new Date(fixture.at)) });
  for (const pid of Object.values(killed)) world.dead.add(pid);
  await fillStore(world.store, { ...fixture, documents: change(fixture.documents) });
  const run = (name: string) => passing(world.clock, reconcile(world.replica(1), [job(specOf(name))], signal));
  return { world, run };
}

describe(`a store of format ${storeFormat}`, () => {
  it('has the fields that the program writes; if not, run `npx tsx scripts/stored-format.ts`, or raise the format', async () => {
    expect(fixture.format).toBe(storeFormat);
    expect(fieldsOf(await makeStore())).toEqual(fieldsOf(fixture));
  });

  it('is read, and nothing is ordered that is not due', async () => {
    const { world, run } = await restored();
    const before = await world.readLineage('renewed');
    expect(before).toMatchObject({ current: { id: expect.any(String) }, previous: { id: expect.any(String) } });
    expect(await run('renewed')).toMatchObject([{ result: 'unchanged' }]);
    expect(await run('failed')).toMatchObject([{ result: 'unchanged', failing: true }]);
    expect(await world.readLineage('renewed')).toMatchObject({ current: before?.current });
    expect(world.ca.state.orders.size).toBe(0);
  });

  it('is read if its failures are sentences, as earlier versions stored them', async () => {
    const id = 'lineage/failed';
    const words = { message: 'it failed', hint: 'Mend it.' };
    const { world, run } = await restored(({ [id]: document, ...others }) => {
      const lineage = document as Lineage;
      const { params: _none, ...failure } = lineage.failure!;
      const { params: _gone, ...last } = lineage.last!;
      return { ...others, [id]: { ...lineage, failure: { ...failure, ...words }, last: { ...last, ...words } } };
    });
    expect(await run('failed')).toMatchObject([
      { result: 'unchanged', failing: true, message: 'failed earlier: it failed' },
    ]);
    const { failure } = (await world.readLineage('failed'))!;
    expect(languages.map((language) => say(failure!, language))).toEqual([words, words]);
    world.pass(2 * dayMs);
    expect(await run('failed')).toMatchObject([{ result: 'issued' }]);
  });

  it('is continued where a process was killed', async () => {
    const { world, run } = await restored();
    const delivering = await world.readLineage('delivering');
    expect(await run('delivering')).toMatchObject([{ result: 'issued' }]);
    expect(world.delivered.at(-1)).toBe(delivering?.current?.id);
    expect(world.ca.state.orders.size).toBe(0);
    const presented = await world.readLineage('presented');
    expect(presented?.work?.challenges).toHaveLength(1);
    expect(await run('presented')).toMatchObject([{ result: 'issued' }]);
    // The CA no longer knows the order, and may have issued a certificate for the stored key.
    const after = await world.readLineage('presented');
    expect(after?.current?.id).not.toBe(presented?.work?.version);
    const { names } = await world.store.list('key', signal);
    expect(names.filter((name) => name.startsWith('presented~'))).toEqual([`presented~${after?.current?.id}`]);
    world.pass(61 * dayMs);
    expect(await run('renewed')).toMatchObject([{ result: 'renewed' }]);
    expect(world.txt.size).toBe(0);
  });

  it('is continued with the stored key where a run was stopped', async () => {
    const id = 'lineage/presented';
    const { world, run } = await restored(({ [id]: killedThere, ...others }) => {
      const { lease: _given, ...work } = (killedThere as Lineage).work as Work;
      return { ...others, [id]: { ...killedThere, work } };
    });
    const presented = await world.readLineage('presented');
    expect(await run('presented')).toMatchObject([{ result: 'issued' }]);
    expect((await world.readLineage('presented'))?.current?.id).toBe(presented?.work?.version);
  });

  it('is refused if another program has written a later one, which loses nothing', async () => {
    const later = (documents: StoredStore['documents']) =>
      Object.fromEntries(
        Object.entries(documents).map(([id, document]) => [
          id,
          id.startsWith('lineage/') ? { ...document, schema: storeFormat + 1 } : document,
        ]),
      );
    const { world, run } = await restored(later);
    world.pass(61 * dayMs);
    const reason = expect.stringContaining('this version of certfleet reads only');
    for (const name of ['renewed', 'presented', 'delivering', 'failed'])
      expect(await run(name)).toMatchObject([{ result: 'failed', message: reason }]);
    const kept = await world.store.get({ kind: 'lineage', name: 'renewed' }, signal);
    expect(JSON.parse(new TextDecoder().decode(kept?.bytes))).toEqual(later(fixture.documents)['lineage/renewed']);
    expect(world.ca.state.orders.size).toBe(0);
  });
});
