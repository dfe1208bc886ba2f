import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import { exportCurrent } from '../../src/engine/acts/export.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

// Documents that are missing while others of the same certificate are there: named in each pass, and never replaced in
// silence.

const { signal } = new AbortController();
const flags = { origin: 'command-line', isStored: true } as const;

async function createWorld() {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  await issue(world.replica(1), { ...simulatedJob(simulatedSpec()), origin: 'command-line' }, signal);
  const { id } = (await world.readLineage())!.current!;
  const accounts: string[] = [];
  for await (const page of world.store.scan('account', signal)) accounts.push(...page.map(({ key }) => key.name));
  const remove = async (kind: Kind) => {
    const name = kind === 'account' ? accounts[0]! : kind === 'lineage' ? 'abc' : `abc~${id}`;
    const { revision } = (await world.store.get({ kind, name }, signal))!;
    await world.store.delete({ kind, name }, { ifRevision: revision, signal });
  };
  const opened: string[] = [];
  const counting: Store = {
    ...world.store,
    get: (key, s) => {
      opened.push(`${key.kind}/${key.name}`);
      return world.store.get(key, s);
    },
    scan: (kind, s) => {
      opened.push(kind);
      return world.store.scan(kind, s);
    },
  };
  /** A pass over certificates made by flags, or over `abc` as it is declared. */
  const renew = (how: 'flags' | 'declared' = 'flags') => {
    const jobs = how === 'declared' ? [simulatedJob(simulatedSpec())] : [];
    const jobOf = () => ({ ...simulatedJob(simulatedSpec()), ...flags });
    return passing(world.clock, reconcileAll(world.replica(2, { store: counting }), { jobs, jobOf }, signal));
  };
  const warnings = () => events.filter(({ level }) => level === 'warn').map(({ message }) => message);
  return { ...world, id, remove, renew, opened, warnings, orders: () => world.ca.accepted('newOrder') };
}

describe('a pass', () => {
  it('opens no key and no version if nothing is missing', async () => {
    const { renew, opened, warnings } = await createWorld();
    expect(await renew()).toMatchObject([{ result: 'unchanged' }]);
    expect([opened.sort(), warnings()]).toEqual([['account', 'lineage', 'lock/hooks', 'token'], []]);
  });

  it.each(['flags', 'declared'] as const)('names a lineage that is missing, and orders nothing: %s', async (how) => {
    const { renew, remove, readLineage, orders } = await createWorld();
    await remove('lineage');
    const before = orders();
    expect(await renew(how)).toMatchObject([
      { certificate: 'abc', result: 'failed', error: { code: 'store/lineage-missing' } },
    ]);
    expect([await readLineage(), orders()]).toEqual([undefined, before]);
  });

  it('goes on if a lineage that its scan did not see cannot be read', async () => {
    const { store, replica, id } = await createWorld();
    const scan: Store['scan'] = async function* (kind, s) {
      if (kind !== 'lineage') yield* store.scan(kind, s);
    };
    const get: Store['get'] = async (key, s) => {
      if (key.kind === 'lineage') throw fail('store/corrupt', { key: 'lineage/abc', reason: 'no JSON', file: '/s' });
      return store.get(key, s);
    };
    const hidden = { ...store, scan, get };
    expect(id).not.toBe('');
    const outcomes = reconcileAll(replica(2, { store: hidden }), { jobs: [], jobOf: () => undefined }, signal);
    expect(await outcomes).toEqual([]);
  });

  it('orders a declared one again once the version that is there is due', async () => {
    const { renew, remove, pass } = await createWorld();
    await remove('lineage');
    pass(80 * dayMs);
    expect(await renew('declared')).toMatchObject([{ result: 'issued' }]);
  });

  it.each(['key', 'version'] as const)(
    'names a current %s that is missing, until it gets another one',
    async (kind) => {
      const { renew, remove, id, pass } = await createWorld();
      await remove(kind);
      const failed = { result: 'failed', error: { code: 'store/part-missing' }, message: expect.stringContaining(id) };
      expect(await renew()).toMatchObject([failed]);
      pass(80 * dayMs);
      expect(await renew()).toMatchObject([{ result: 'renewed' }]);
      expect(await renew()).toMatchObject([{ result: 'unchanged' }]);
    },
  );

  it('names an account that is missing, and is content once there is another one', async () => {
    const { renew, remove, warnings, pass } = await createWorld();
    await remove('account');
    expect(await renew()).toMatchObject([{ result: 'unchanged' }]);
    expect(warnings()).toEqual([expect.stringContaining('that was used to issue abc')]);
    pass(80 * dayMs);
    expect(await renew()).toMatchObject([{ result: 'renewed' }]);
    const before = warnings().length;
    expect(before).toBe(2);
    await renew();
    expect(warnings().length).toBe(before);
  });

  it.each([
    ['a key alone, which a first order that failed leaves', 'version'],
    ['a version alone', 'key'],
  ] as const)('says nothing of %s', async (_what, kind) => {
    const { renew, remove } = await createWorld();
    await remove('lineage');
    await remove(kind);
    expect(await renew()).toEqual([]);
  });
});

it('an export refuses a key that is not the certificate’s', async () => {
  const world = await createWorld();
  const key = { kind: 'key', name: `abc~${world.id}` } as const;
  const { revision } = (await world.store.get(key, signal))!;
  const other = await world.replica(1).pki.newKey();
  const document = encodeDocument({ keyPem: other.reveal() });
  await world.store.put(key, document, { ifRevision: revision, signal });
  let isWritten = false;
  const asked = { name: 'abc', format: 'pem', to: '/root/x' } as const;
  const done = exportCurrent(world.replica(1), asked, signal, async () => {
    isWritten = true;
  });
  await expect(done).rejects.toMatchObject({ code: 'store/corrupt', message: expect.stringContaining('another key') });
  expect([isWritten, (await world.readLineage())?.exports]).toEqual([false, undefined]);
});
