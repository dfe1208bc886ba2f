import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import { decodeLineage, type Lineage } from '../../src/core/lineage/lineage.ts';
import { planLineage } from '../../src/core/plan/plan.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import { pki } from '../../src/x509/pki.ts';
import { fillStore, nothing, type OldStore, oldStores } from '../support/old-store.ts';
import { foreignTxt, type OldWorld, oldWorld, webroot, zone } from '../support/old-world.ts';
import { passing } from '../support/passing-time.ts';
import { issue } from '../support/simulated-world.ts';

/**
 * Stores as 769111c left them, killed at every step, stopped, or idle (test/fixtures/store-769111c). Today's program
 * reads and resumes them, loses no key, orders nothing twice, and removes everything that they left.
 */
const { signal } = new AbortController();
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

// ── the product, as these tests call it ──────────────────────────────────────────────────────────────────────────

/** One run of the program in a new process; the holder of any lease is dead or on another machine. */
async function run(world: OldWorld, wanted: StoredSpec, rules: { readonly obeyBackoff: boolean }) {
  const engine = await world.open(++lastPid);
  const credentials = await engine.connect.credentialsOf(wanted);
  const origin = (await lineageOf(world, wanted))?.origin ?? 'configuration';
  return issue(engine, { wanted, origin, force: false, credentials, ...rules }, signal);
}
const sweepOnce = async (world: OldWorld) => passing(world.clock, sweep(await world.open(++lastPid), signal));
let lastPid = 9_000;

async function lineageOf(world: OldWorld, { spec: { name } }: StoredSpec): Promise<Lineage | undefined> {
  const entry = await world.store().get({ kind: 'lineage', name }, signal);
  return entry && decodeLineage(entry.bytes, name, 'the store');
}

async function document<T>(world: OldWorld, kind: 'key' | 'version', lineage: Lineage, id: string) {
  const entry = await world.store().get({ kind, name: `${lineage.name}~${id}` }, signal);
  return entry && (JSON.parse(Buffer.from(entry.bytes).toString()) as T);
}

// ── what is asserted of every one of them ────────────────────────────────────────────────────────────────────────

const all = oldStores();

/** The lineage of a store; a store that was killed before its first write has none. */
function oldLineage(old: OldStore): Lineage | undefined {
  const [, lineage] = Object.entries(old.documents).find(([id]) => id.startsWith('lineage/')) ?? [];
  return lineage as Lineage | undefined;
}
const specIn = (history: string): StoredSpec => {
  const [lineage] = all.flatMap(([name, old]) => (name.startsWith(history) ? (oldLineage(old) ?? []) : []));
  if (!lineage) throw new Error(`there is no ${history}`);
  return lineage.spec;
};
const [webrootSpec, hooksSpec] = [specIn('webroot-issue'), specIn('hooks-issue')];
const wantedOf = (old: OldStore): StoredSpec => oldLineage(old)?.spec ?? webrootSpec;
const of = (state: OldStore['state']) => all.filter(([, old]) => old.state === state);

async function restored(old: OldStore): Promise<OldWorld> {
  const world = await oldWorld(old);
  await fillStore(world.store(), old.documents);
  return world;
}

const bought = (world: OldWorld): number => world.ca.state.certificates.size;

/** How far the old program got, and what a run of today's must still do at the CA. */
function expectedOf(old: OldStore) {
  const lineage = oldLineage(old);
  const work = lineage?.work;
  const resumed = work?.step === 'deploy' ? work.parked : work?.step === 'close' ? undefined : work;
  const isStored = resumed !== undefined && `version/${lineage?.name}~${resumed.version}` in old.documents;
  const hasKey = resumed !== undefined && `key/${lineage?.name}~${resumed.version}` in old.documents;
  const orders = Object.values(old.orders) as readonly OldOrder[];
  const order = orders.find(({ id }) => id === resumed?.order?.url?.split('/').at(-1));
  const isOpen = ({ status, expires }: OldOrder) => (status === 'pending' || status === 'ready') && expires > old.at;
  const isWanted = !isStored && (resumed !== undefined || lineage?.current === undefined);
  return {
    /** The version that becomes current, if its key already exists. */
    version: resumed ? (hasKey ? resumed.version : undefined) : lineage?.current?.id,
    certificates: Object.keys(old.certificates).length + (isWanted && order?.certificateId === undefined ? 1 : 0),
    /** A finalized or open order is continued, even without its URL, because the CA returns the open one. */
    orders: isWanted && order?.certificateId === undefined && !orders.some(isOpen) ? 1 : 0,
    /** A process that is not proven dead may present these after they were removed. */
    tombstones: work?.takenOver || (work?.lease && work.lease.holder.bootId !== 'boot') ? work.challenges : [],
  };
}

interface OldOrder {
  readonly id: string;
  readonly status: string;
  readonly expires: string;
  readonly certificateId?: string;
}

/** Idle, with a current version that every target has, whose key matches, and nothing left behind. */
async function expectAtRest(world: OldWorld, wanted: StoredSpec): Promise<void> {
  const lineage = (await lineageOf(world, wanted)) as Lineage;
  expect(lineage).toMatchObject({ name: wanted.spec.name, current: { id: expect.any(String) } });
  expect(lineage.work).toBeUndefined();
  expect(lineage.failure).toBeUndefined();
  expect(lineage.retired).toBeUndefined();
  const { id } = lineage.current as NonNullable<Lineage['current']>;
  const key = await document<{ keyPem: string }>(world, 'key', lineage, id);
  const version = await document<{ chainPem: string }>(world, 'version', lineage, id);
  const [leaf = ''] = pki.readChain(version?.chainPem ?? '').certificates;
  expect(pki.mismatch(leaf, new Secret(key?.keyPem ?? ''), wanted.spec.identifiers, world.clock.now())).toBeUndefined();
  expect(Object.values(lineage.deployments)).not.toHaveLength(0);
  for (const deployment of Object.values(lineage.deployments))
    expect(deployment).toMatchObject({ state: 'current', version: id });
  expect(world.delivered.get('files')?.at(-1)).toBe(id);
  world.finishHooks();
  expect(world.txt()).toEqual([foreignTxt]);
  expect(world.files.contents(webroot)).toEqual({});
}

/** Tombstones are checked after an hour and after a day, and are then gone, like everything that expires. */
async function expectNothingOwed(world: OldWorld, wanted: StoredSpec): Promise<void> {
  for (const ms of [0, hourMs + minuteMs, dayMs]) {
    world.pass(ms);
    expect((await sweepOnce(world)).failed).toEqual([]);
  }
  expect((await lineageOf(world, wanted))?.tombstones).toBeUndefined();
  for await (const page of world.store().scan('token', signal)) expect(page).toEqual([]);
}

describe('a store of 769111c', () => {
  it('exists for every step and every state', () => {
    const works = all.map(([, old]) => oldLineage(old)?.work);
    const steps = new Set(works.map((work) => work?.step));
    expect([...steps].filter((step) => step !== undefined).sort()).toEqual([
      'challenges',
      'close',
      'deploy',
      'lease',
      'order',
    ]);
    for (const state of ['idle', 'interrupted', 'waiting', 'pending'] as const) expect(of(state)).not.toHaveLength(0);
    expect(works.some((work) => work?.parked)).toBe(true);
    expect(works.some((work) => work?.takenOver)).toBe(true);
    expect(works.map((work) => work?.probe)).toEqual(expect.arrayContaining(['ours', 'left', undefined]));
  });

  it.each(of('idle'))('that is idle is read, and nothing is ordered · %s', async (_name, old) => {
    const world = await restored(old);
    const wanted = wantedOf(old);
    const before = (await lineageOf(world, wanted)) as Lineage;
    expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({ result: 'unchanged' });
    expect((await lineageOf(world, wanted))?.current).toEqual(before.current);
    expect(world.ca.accepted('newOrder')).toBe(0);
    await expectNothingOwed(world, wanted);
    await expectAtRest(world, wanted);

    world.pass(80 * dayMs);
    expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({ result: 'renewed' });
    await expectAtRest(world, wanted);
    expect((await lineageOf(world, wanted))?.previous?.id).toBe(before.current?.id);
    expect(world.ca.state.accounts.size).toBe(1);
  });

  describe.each([
    ['issue', false],
    ['a sweep and issue', true],
  ] as const)('that was interrupted is resumed by %s', (_how, sweepsFirst) => {
    it.each(of('interrupted'))('%s', async (_name, old) => {
      const world = await restored(old);
      const wanted = wantedOf(old);
      const expected = expectedOf(old);
      if (sweepsFirst) expect((await sweepOnce(world)).failed).toEqual([]);
      let outcome = await run(world, wanted, { obeyBackoff: true });
      // A certificate that waits for the CA's hold was not interrupted; a sweep has delivered the version before.
      const delivered = sweepsFirst ? 'unchanged' : 'deployed';
      if (outcome.result === delivered && (await lineageOf(world, wanted))?.work) {
        world.pass(3 * hourMs);
        outcome = await run(world, wanted, { obeyBackoff: true });
      }
      expect(outcome).toMatchObject({ result: expect.stringMatching(/^(issued|renewed|deployed|unchanged)$/) });
      const tokensOf = (stones: readonly { readonly token?: string | undefined }[] = []) =>
        [...new Set(stones.map(({ token }) => token))].sort();
      // Removals that failed before are due at once.
      const before = sweepsFirst ? [] : (oldLineage(old)?.tombstones ?? []);
      expect(tokensOf((await lineageOf(world, wanted))?.tombstones)).toEqual(
        tokensOf([...before, ...expected.tombstones]),
      );
      await expectNothingOwed(world, wanted);
      await expectAtRest(world, wanted);
      if (expected.version !== undefined) expect((await lineageOf(world, wanted))?.current?.id).toBe(expected.version);
      expect(bought(world), 'certificates').toBe(expected.certificates);
      expect(world.ca.state.orders.size - Object.keys(old.orders).length, 'orders made').toBe(expected.orders);
      expect(world.ca.state.accounts.size).toBe(1);
      const asked = world.ca.requests.length;
      expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({ result: 'unchanged' });
      expect(world.ca.requests.slice(asked).map(({ kind }) => kind)).not.toContain('newOrder');
    });
  });

  it.each(
    of('interrupted').filter(([, { files, txt, hooks }]) =>
      [files, txt, hooks].some((all) => Object.keys(all).length > 0),
    ),
  )(
    'that was interrupted is resumed with another solver, and the old one removes what it left · %s',
    async (_name, old) => {
      const world = await restored(old);
      const stored = wantedOf(old);
      const { solver } = stored.solver.type === 'command' ? webrootSpec : hooksSpec;
      const wanted = { ...stored, spec: { ...stored.spec, solver: 'another' }, solver };
      const outcome = await run(world, wanted, { obeyBackoff: true });
      expect(outcome).toMatchObject({ result: expect.stringMatching(/^(issued|renewed|deployed|unchanged)$/) });
      await expectNothingOwed(world, wanted);
      await expectAtRest(world, wanted);
    },
  );

  it.each(of('waiting'))('that waits keeps waiting, and is resumed afterwards · %s', async (_name, old) => {
    const world = await restored(old);
    const wanted = wantedOf(old);
    const expected = expectedOf(old);
    const lineage = oldLineage(old) as Lineage;
    const { failure } = lineage;
    const untilMs = Math.max(...[failure?.retryAt, failure?.holdUntil].map((time) => Date.parse(time ?? '') || 0));
    expect(untilMs).toBeGreaterThan(world.clock.now().getTime());
    const plan = planLineage(wanted, lineage, world.clock.now(), { obeyBackoff: true, force: false });
    expect(plan).toMatchObject({ wakeAt: new Date(untilMs).toISOString() });
    await run(world, wanted, { obeyBackoff: true });
    if (failure?.holdUntil !== undefined)
      expect(await run(world, wanted, { obeyBackoff: false })).toMatchObject({
        result: 'failed',
        error: { code: 'acme/hold' },
      });
    expect(world.ca.accepted('newOrder') + world.ca.accepted('finalize')).toBe(0);
    expect((await lineageOf(world, wanted))?.failure).toMatchObject({ count: failure?.count, code: failure?.code });

    world.pass(untilMs - world.clock.now().getTime() + 1_000);
    expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({
      result: expect.stringMatching(/issued|renewed/),
    });
    await expectAtRest(world, wanted);
    if (expected.version !== undefined) expect((await lineageOf(world, wanted))?.current?.id).toBe(expected.version);
    expect(bought(world), 'certificates').toBe(expected.certificates);
  });

  it('with a CA’s hold in its ledger holds other certificates too', async () => {
    const [, old] = all.find(([name]) => name.startsWith('failed-ca-busy')) ?? ['', nothing];
    const world = await restored(old);
    const other = wantedOf(old);
    const wanted = {
      ...other,
      spec: { ...other.spec, name: 'other', identifiers: [{ type: 'dns', value: zone }] },
    } as const;
    expect(await run(world, wanted, { obeyBackoff: false })).toMatchObject({
      result: 'failed',
      error: { code: 'acme/hold' },
    });
    expect(world.ca.requests).toEqual([]);
  });

  it.each(of('pending'))(
    'whose target lacks a version gets it delivered, and nothing is ordered · %s',
    async (_name, old) => {
      const world = await restored(old);
      const wanted = wantedOf(old);
      const before = oldLineage(old) as Lineage;
      const waits = Object.values(before.deployments).some(({ retryAt }) => retryAt !== undefined);
      if (waits) {
        expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({ result: 'pending' });
        expect(world.delivered.get('files')).toEqual(old.delivered['files']);
        world.pass(dayMs + minuteMs);
      }
      expect(await run(world, wanted, { obeyBackoff: true })).toMatchObject({ result: 'deployed' });
      await expectAtRest(world, wanted);
      const after = (await lineageOf(world, wanted)) as Lineage;
      expect(after.current).toEqual(before.current);
      expect(world.ca.accepted('newOrder')).toBe(0);
      for (const id of before.retired ?? [])
        expect(await document(world, 'key', after, id), 'a retired key').toBeUndefined();
    },
  );
});
