import { describe, expect, it } from 'vitest';
import { describeLineage } from '../../src/core/plan/status.ts';
import { sameSpec } from '../../src/core/spec/same-spec.ts';
import type { StoredSpec, Wishes } from '../../src/core/spec/spec.ts';
import { renewedAsStored } from '../../src/fleet/wanted.ts';
import { limitDetail } from '../support/acme-ca.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob,
  simulatedSpec,
  withCa,
  withSolver,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const later = (type: string) => ({ type: `urn:ietf:params:acme:error:${type}`, detail: 'no', status: 403 });

const inTwoHours = ({ clock }: World) => new Date(clock.now().getTime() + 7_200_000);

const withWishes = (names: readonly string[], wishes: Wishes = {}): StoredSpec => ({
  ...simulatedSpec('abc', names),
  ...wishes,
});
const stored = withWishes(['a.test']);
const others = withWishes(['a.test', 'fails.test']);

const byFlags = (wanted: StoredSpec, force = false) => ({
  ...simulatedJob(wanted, { obeyBackoff: false, force }),
  origin: 'command-line' as const,
});

/** A world with a valid certificate that was issued by flags; names that fail at the CA begin so. */
async function begin() {
  const world = await createSimulatedWorld({
    settings: {
      validate: async ({ value }) => (value.startsWith('fails') ? later('unauthorized') : undefined),
    },
  });
  expect(await issue(world.replica(1), byFlags(stored), signal)).toMatchObject({ result: 'issued' });
  const lineage = async () => (await world.readLineage())!;
  const first = (await lineage()).current!.id;
  let pid = 1;
  const change = (wanted: StoredSpec, force = false) => {
    pid += 1;
    return issue(world.replica(pid), byFlags(wanted, force), signal);
  };
  /** As `certfleet renew`, which has only the document. */
  const renew = async (rules: { readonly force?: boolean } = {}) => {
    pid += 1;
    const job = { ...simulatedJob(stored, rules), ...renewedAsStored({}, await lineage())! };
    return issue(world.replica(pid), rules.force ? { ...job, obeyBackoff: false } : job, signal);
  };
  const status = async () => {
    const found = await lineage();
    const wanted = { spec: found.spec, origin: 'command-line' as const };
    const now = world.clock.now();
    return describeLineage('abc', { wanted, lineage: found, corrupt: undefined, now, isWorking: false });
  };
  return { ...world, lineage, first, change, renew, status };
}
type World = Awaited<ReturnType<typeof begin>>;

async function expectAsBefore(world: World): Promise<void> {
  const { spec, current, work, tombstones, renewal } = await world.lineage();
  expect(sameSpec(spec, stored)).toBe(true);
  expect([current?.id, work, tombstones, world.txt.size]).toEqual([world.first, undefined, undefined, 0]);
  expect(await world.status()).toMatchObject({ state: 'valid', identifiers: ['a.test'], renewAt: renewal?.at });
  const orders = world.ca.accepted('newOrder');
  expect(await world.renew()).toMatchObject({ result: 'unchanged' });
  expect(world.ca.accepted('newOrder')).toBe(orders);
}

describe('a change of a valid certificate that fails', () => {
  const solver = withSolver(stored, { type: 'sim', folder: '/new' });
  const elsewhere = withCa(stored, { directory: 'https://other.test/directory' });
  const refused = (world: World, kind: 'newOrder' | 'finalize') =>
    world.ca.failNext(kind, { problem: later('rejectedIdentifier'), status: 403 });
  const limited = (world: World) =>
    world.ca.failNext('newOrder', {
      problem: { ...later('rateLimited'), detail: limitDetail.domain('b.test', inTwoHours(world)) },
      status: 429,
      retryAfter: { seconds: 7_200 },
    });
  const down = (world: World) => world.ca.failNext('newOrder', { cut: true, times: 2 });

  it.each<[string, StoredSpec, boolean, (world: World) => void]>([
    ['of its names, one of which the CA cannot validate', others, false, () => {}],
    ['of its names, which the CA refuses', withWishes(['b.test']), false, (world) => refused(world, 'newOrder')],
    ['of its names, with a rate limit', withWishes(['b.test']), false, limited],
    ['of its names, with a CA that is down', withWishes(['b.test']), false, down],
    ['of its key type', withWishes(['a.test'], { keyType: 'rsa2048' }), false, (world) => refused(world, 'finalize')],
    [
      'of its names, where all new ones may be dropped',
      withWishes(['fails.test'], { onFailedName: 'drop' }),
      false,
      () => {},
    ],
    ['of its solver, with a forced order', solver, true, (world) => refused(world, 'newOrder')],
    ['of its CA', elsewhere, false, (world) => refused(world, 'newOrder')],
  ])('leaves certificate and settings as they were: %s', async (_what, wanted, force, prepare) => {
    const world = await begin();
    prepare(world);
    const outcome = await world.change(wanted, force);
    const next = (await world.lineage()).renewal?.at;
    expect(outcome).toMatchObject({ result: 'failed', settingsStay: true, notDue: true, next });
    await expectAsBefore(world);
    world.pass(70 * dayMs);
    expect(await world.renew()).toMatchObject({ result: 'renewed' });
    const { spec, current, retired } = await world.lineage();
    expect(sameSpec(spec, stored)).toBe(true);
    expect(current?.facts.identifiers.map(({ value }) => value)).toEqual(['a.test']);
    expect(retired, 'the key of the change is gone').toBeUndefined();
  });

  it('several times in a row goes back to the first settings, and can succeed in the end', async () => {
    const world = await begin();
    for (const wanted of [others, withWishes(['fails2.test']), others]) {
      expect(await world.change(wanted)).toMatchObject({ settingsStay: true });
      await expectAsBefore(world);
    }
    const more = withWishes(['a.test', 'b.test']);
    expect(await world.change(more)).toMatchObject({ result: 'renewed' });
    const { spec, work } = await world.lineage();
    expect([sameSpec(spec, more), work]).toEqual([true, undefined]);
  });

  it('keeps targets that it would have dropped, with what they have', async () => {
    const world = await begin();
    const { deployments } = await world.lineage();
    const wanted = { ...others, targets: [] };
    expect(await world.change(wanted)).toMatchObject({ settingsStay: true });
    expect((await world.lineage()).deployments).toEqual(deployments);
    await expectAsBefore(world);
  });

  it('is resumed after a stop, and then goes back', async () => {
    const world = await begin();
    const stop = new AbortController();
    const present = async () => {
      stop.abort(new Error('stopped'));
      return stop.signal.throwIfAborted() as never;
    };
    const engine = world.replica(50, { solver: { ...world.solver, present } });
    await expect(issue(engine, byFlags(others), stop.signal)).rejects.toThrow('stopped');
    expect(await world.lineage()).toMatchObject({ spec: others, work: { before: { spec: stored } } });
    expect(await world.renew()).toMatchObject({ result: 'failed', settingsStay: true });
    await expectAsBefore(world);
  });

  it('leaves an earlier failure of the renewal as it was', async () => {
    const world = await begin();
    world.pass(61 * dayMs);
    world.ca.failNext('newOrder', { problem: later('rejectedIdentifier'), status: 403 });
    expect(await world.renew()).toMatchObject({ result: 'failed' });
    const { failure } = await world.lineage();
    expect(await world.change(withWishes(['fails.test']))).toMatchObject({ settingsStay: true });
    const { validations: _ofChange, ...rest } = (await world.lineage()).failure!;
    expect(rest).toEqual(failure);
  });

  it('stays pending where the old certificate is of no use', async () => {
    const world = await begin();
    world.pass(100 * dayMs);
    expect(await world.change(others)).not.toHaveProperty('settingsStay');
    expect(await world.lineage()).toMatchObject({ spec: others, failure: { count: 1 } });
    expect(await world.status()).toMatchObject({ state: 'expired' });
  });

  it('stays for a certificate of the configuration, which says so until it is changed there', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), simulatedJob(stored), signal);
    world.ca.failNext('newOrder', { problem: later('rejectedIdentifier'), status: 403 });
    expect(await issue(world.replica(2), simulatedJob(others), signal)).not.toHaveProperty('settingsStay');
    expect((await world.readLineage())?.spec).toEqual(others);
  });
});

describe('a forced renewal that fails', () => {
  it.each([
    ['at newOrder', 'newOrder'],
    ['after newOrder', 'finalize'],
    ['at the validation', 'challenge'],
  ] as const)('%s does not make the certificate due', async (_when, kind) => {
    const world = await begin();
    world.ca.failNext(kind, { problem: later('rejectedIdentifier'), status: 403 });
    const outcome = await world.renew({ force: true });
    const { renewal, failure, spec } = await world.lineage();
    expect(outcome).toMatchObject({ result: 'failed', notDue: true, next: renewal?.at });
    expect(failure?.count).toBe(1);
    expect(spec).toEqual(stored);
    expect(await world.status()).toMatchObject({ failure: { notDue: true, retryAt: renewal?.at } });
    world.pass(3_600_000);
    await expectAsBefore(world);
    expect(await world.renew({ force: true })).toMatchObject({ result: 'renewed' });
    expect((await world.lineage()).failure).toBeUndefined();
  });
});
