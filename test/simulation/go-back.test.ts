import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { createFleetTarget, minuteMs } from '../support/fleet-target.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// Going back after a version broke the handshake of an endpoint, which is the web server of node a. Each node has a web
// server, and they may share a CDN.

const { signal } = new AbortController();
const endpoint = '192.0.2.9:443';
const hourMs = 60 * minuteMs;
type Node = 'a' | 'b';

async function createNodes({ rollOutMs }: { readonly rollOutMs?: number } = {}) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  const cdn = createFleetTarget({ clock: world.clock, rollOutMs: rollOutMs ?? 0, settleMs: 10 * minuteMs });
  /** The versions, in the order in which the web servers got them: 1 is the first. */
  const versions: { readonly fingerprint: string; readonly pem: string }[] = [];
  const webs: Partial<Record<Node, number>> = {};
  /** Each activation at a web server, as `a: 2`. */
  const got: string[] = [];
  /** The versions that break the handshake, and those that the web server of node a refuses. */
  const faults = { breaks: new Set<number>(), refuses: new Set<number>() };
  /** Whether the endpoint is the CDN, not the web server of node a. */
  const state = { isAtCdn: false };
  const numberOf = (fingerprint: string | undefined): number =>
    versions.findIndex((one) => one.fingerprint === fingerprint) + 1;

  const webOf = (node: Node): Deployer => ({
    type: 'sim',
    scope: 'node',
    concurrent: true,
    has: async ({ fingerprint }) => webs[node] === numberOf(fingerprint),
    look: async ({ facts }) => ({
      state: webs[node] === numberOf(facts.fingerprint) ? 'current' : 'stale',
      detail: '',
    }),
    stage: async () => null,
    async activate({ facts: { fingerprint }, certPem: pem }) {
      if (numberOf(fingerprint) === 0) versions.push({ fingerprint, pem });
      const number = numberOf(fingerprint);
      if (node === 'a' && faults.refuses.has(number)) throw new Error('nginx -t took too long');
      webs[node] = number;
      got.push(`${node}: ${number}`);
    },
  });
  const handshake = async () => {
    const number = state.isAtCdn ? numberOf(cdn.served('www.example.com')) : (webs.a ?? 0);
    if (number === 0) throw fail('network/failed', { method: 'TLS', url: '', reason: 'refused' });
    if (faults.breaks.has(number)) {
      const cause = Object.assign(new Error('handshake failure'), { phase: 'exchange' });
      throw fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause });
    }
    const der = versions[number - 1]!.pem.replace(/-----[^-]+-----/g, '');
    return { certificateDer: new Uint8Array(Buffer.from(der, 'base64')) };
  };
  const web = { name: 'web', settings: { type: 'sim' }, traits: { ofNode: 'target' } } as const;
  const targets = [web, ...(rollOutMs === undefined ? [] : [{ name: 'cdn', settings: { type: 'sim' } }])];
  const wanted: StoredSpec = { ...simulatedSpec(), endpoints: [endpoint], targets };

  let pid = 1;
  function engine(node: Node): Engine {
    pid += 1;
    const replica = world.replica(pid, { node, deployers: { web: webOf(node), cdn: cdn.connect() } });
    return { ...replica, lookup: async () => ['192.0.2.9'], vantage: { ...replica.vantage, handshake } };
  }
  const renew = async (node: Node, rules: Partial<Job> = {}) => {
    const jobs = [{ ...job(wanted), unattended: true, ...rules }];
    const pass = reconcileAll(engine(node), { jobs, jobOf: () => undefined, isWhole: true }, signal);
    return (await passing(world.clock, pass))[0];
  };
  /** `certfleet rollback` on node a. */
  const back = async () => {
    const on = engine('a');
    await passing(world.clock, rollBack(on, { name: 'abc', wanted }, signal));
    const again = { ...job(wanted, { obeyBackoff: false }), redeploy: true };
    return (await passing(world.clock, reconcile(on, [again], signal)))[0];
  };
  const lineage = async () => (await world.readLineage())!;
  /** The versions of the two web servers and of the CDN. */
  const has = () => [webs.a, webs.b, ...(rollOutMs === undefined ? [] : [numberOf(cdn.served('www.example.com'))])];
  const codes = async () => {
    const { deployments } = await lineage();
    return Object.fromEntries(Object.entries(deployments).map(([name, { code }]) => [name, code]));
  };

  await renew('a');
  world.pass(hourMs);
  await renew('a');
  await renew('b');
  expect(Object.values((await lineage()).deployments).map(({ state }) => state)).not.toContain('pending');
  got.length = 0;
  return { ...world, events, faults, state, got, renew, back, lineage, has, codes };
}

/** The second version breaks the handshake of node a. */
async function brokenBy(options: { readonly rollOutMs?: number } = {}, days = 80) {
  const world = await createNodes(options);
  world.faults.breaks.add(2);
  world.pass(days * dayMs);
  return { ...world, outcome: await world.renew('a') };
}

const slow = { rollOutMs: 7 * minuteMs };
const quick = { rollOutMs: 20_000 };
const putOff = { result: 'pending', error: { code: 'deploy/no-handshake' } };
const wentBack = { result: 'pending', error: { code: 'deploy/handshake-failed' } };

describe('going back that was put off while a CDN rolled the version out', () => {
  it.each([
    ['a slow CDN', slow],
    ['a quick CDN, whose servers may still lag', quick],
  ])('reaches every target that has it: %s', async (_what, options) => {
    const world = await brokenBy(options);
    expect(world.outcome).toMatchObject(putOff);
    world.pass(hourMs);
    expect(await world.renew('a')).toMatchObject(wentBack);
    // It is not delivered again before it is taken back.
    expect(world.got).toEqual(['a: 2', 'a: 1']);
    for (let hour = 0; hour < 4; hour += 1) {
      world.pass(hourMs);
      expect(await world.renew('a')).toMatchObject(wentBack);
    }
    expect(world.has()).toEqual([1, 1, 1]);
    expect((await world.lineage()).deployments[endpoint]?.broke).toBeUndefined();

    // A day later, it is tried again on all of them, and works.
    world.faults.breaks.clear();
    world.pass(dayMs);
    for (let hour = 0; hour < 3; hour += 1) {
      await world.renew('a');
      await world.renew('b');
      world.pass(hourMs);
    }
    expect(world.has()).toEqual([2, 2, 2]);
  });

  it.each([
    ['a slow CDN', slow],
    ['a quick CDN', quick],
  ])('is left to the node that delivered it, and no other node takes it: %s', async (_what, options) => {
    const world = await brokenBy(options);
    world.pass(minuteMs);
    expect(await world.renew('b')).toMatchObject(putOff);
    world.pass(hourMs);
    expect(await world.renew('b')).toMatchObject(putOff);
    expect(await world.renew('b', { obeyBackoff: false })).toMatchObject(putOff);
    expect(world.got).toEqual(['a: 2']);
    expect(await world.renew('a')).toMatchObject(wentBack);
    for (const node of ['b', 'a', 'b'] as const) {
      world.pass(hourMs);
      expect(await world.renew(node)).toMatchObject(wentBack);
    }
    expect(world.got).toEqual(['a: 2', 'a: 1']);
    expect(world.has()).toEqual([1, 1, 1]);
    // Nor a day later.
    world.pass(dayMs);
    expect(await world.renew('b')).toMatchObject(wentBack);
    expect(world.has()).toEqual([1, 1, 1]);
  });
});

it('a version that a CDN rolls out breaks its endpoint between two runs: it is taken back', async () => {
  const world = await createNodes(slow);
  world.state.isAtCdn = true;
  world.faults.breaks.add(2);
  world.pass(80 * dayMs);
  await world.renew('a');
  expect(await world.codes()).toMatchObject({ cdn: 'deploy/settling', [endpoint]: 'deploy/settling' });
  world.pass(hourMs);
  expect(await world.renew('a')).toMatchObject(wentBack);
  world.pass(hourMs);
  expect(world.has()).toEqual([1, 1, 1]);
});

describe('going back that fails', () => {
  it('is said, and is tried again by the next run of that node, but no other node takes the version', async () => {
    const world = await createNodes();
    world.faults.breaks.add(2);
    world.faults.refuses.add(1);
    world.pass(80 * dayMs);
    const message = expect.stringContaining('The previous version could not be put back on web. ');
    expect(await world.renew('a')).toMatchObject({ result: 'pending', message });
    expect(await world.codes()).toEqual({ web: 'deploy/target-failed', [endpoint]: 'deploy/no-handshake' });
    expect(world.events).toContainEqual(
      expect.objectContaining({ event: 'deploy.alarm', data: expect.objectContaining({ target: endpoint }) }),
    );
    world.pass(hourMs);
    expect(await world.renew('b')).toMatchObject({ result: 'pending' });
    expect(world.has()).toEqual([2, 1]);
    expect(await world.renew('a')).toMatchObject({ result: 'pending', message });
    world.faults.refuses.clear();
    world.pass(hourMs);
    expect(await world.renew('a')).toMatchObject(wentBack);
    expect(world.has()).toEqual([1, 1]);
  });
});

it('never restores a version that has expired', async () => {
  const { outcome, has } = await brokenBy({}, 95);
  const hint = expect.stringMatching(
    /^There is no previous version to put back: the last one expired on \d{4}-\d\d-\d\d\. /,
  );
  expect(outcome).toMatchObject({ result: 'pending', error: { code: 'deploy/no-handshake', hint } });
  expect(has()[0]).toBe(2);
});

it.each(['before', 'until after'])('a rollback by a person stays where the endpoint was broken %s it', async (when) => {
  const world = await createNodes();
  world.pass(80 * dayMs);
  await world.renew('a');
  world.faults.breaks.add(1).add(2);
  const hint = expect.stringMatching(/^It did not before this deployment either/);
  expect(await world.back()).toMatchObject({ error: { code: 'deploy/no-handshake', hint } });
  if (when === 'before') world.faults.breaks.clear();
  for (let hour = 0; hour < 3; hour += 1) {
    world.pass(hourMs);
    await world.renew('a');
  }
  expect(world.has()[0]).toBe(1);
  expect((await world.lineage()).deployments[endpoint]?.state).toBe(when === 'before' ? 'current' : 'pending');
});

describe('a version that was taken back', () => {
  const forced = { force: true, obeyBackoff: false };

  it('is never one to go back to', async () => {
    const world = await brokenBy();
    const { current: second, previous: first } = await world.lineage();
    world.faults.breaks.add(3);
    for (const number of [3, 4]) {
      world.pass(3 * hourMs);
      await world.renew('a', forced);
      expect(world.has()[0], `after version ${number}`).toBe(number === 3 ? 1 : 4);
    }
    const { current, previous, retired } = await world.lineage();
    expect([previous?.id, retired]).toEqual([first?.id, undefined]);
    expect(current?.id).not.toBe(second?.id);
    // What is no longer needed is gone, and a person gets the version that worked.
    const names = (await world.store.list('key', signal)).names;
    expect([...names].sort()).toEqual([`abc~${first?.id}`, `abc~${current?.id}`].sort());
    expect(await world.back()).toMatchObject({ result: 'deployed' });
    expect(world.has()[0]).toBe(1);
  });

  it('is one if the version before it can no longer be used', async () => {
    const world = await brokenBy();
    const { current: second } = await world.lineage();
    world.pass(15 * dayMs);
    await world.renew('a', forced);
    expect((await world.lineage()).previous?.id).toBe(second?.id);
  });
});
