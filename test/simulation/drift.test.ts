import { expect, it, onTestFinished } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import type { RevocationRecord } from '../../src/core/lineage/revocation.ts';
import { usualLookTimes } from '../../src/core/node/look-times.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { EngineProcess } from '../../src/engine/engine.ts';
import { readHistory } from '../../src/engine/history/stored-history.ts';
import type { Declarations } from '../../src/engine/steady/seen.ts';
import { keepRunning } from '../../src/engine/steady/steady.ts';
import { createVitals } from '../../src/engine/steady/vitals.ts';
import { createWatch } from '../../src/engine/steady/watch.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { minuteMs } from '../support/fleet-target.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

// The loop of a process that keeps running, which looks every day at what an endpoint with two addresses serves. Behind
// each address is a target of its own.

const { signal } = new AbortController();
const hourMs = 60 * minuteMs;
const endpoint = 'www.example.com:443';
const addresses = { '192.0.2.1': 'one', '192.0.2.2': 'two' } as const;
type Target = (typeof addresses)[keyof typeof addresses];

type Service = Awaited<ReturnType<typeof createService>>;

async function createService({ isOfNode = false, isMine = true } = {}) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  /** What each target has, and what its server shows, as PEM. */
  const has: Partial<Record<Target, string>> = {};
  const shows: Partial<Record<Target, string | Error>> = {};
  const activations: string[] = [];
  const writes: string[] = [];
  const reads: string[] = [];
  let ring = () => {};

  const targetOf = (target: Target): Deployer => ({
    type: 'sim',
    scope: isOfNode ? 'node' : 'fleet',
    look: async ({ certPem }) => ({ state: has[target] === certPem ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    async activate({ certPem }) {
      activations.push(target);
      [has[target], shows[target]] = [certPem, certPem];
    },
  });
  const handshake = async ({ address }: { readonly address: string }) => {
    const shown = shows[addresses[address as keyof typeof addresses]];
    if (shown === undefined) throw fail('network/failed', { method: 'TLS', url: '', reason: 'refused' });
    if (shown instanceof Error) throw fail('network/failed', { method: 'TLS', url: '', reason: '' }, { cause: shown });
    return { certificateDer: new Uint8Array(Buffer.from(shown.replace(/-----[^-]+-----/g, ''), 'base64')) };
  };
  const store: typeof world.store = {
    ...world.store,
    get(...args) {
      reads.push(args[0].kind);
      return world.store.get(...args);
    },
    async put(...args) {
      writes.push(args[0].kind);
      const revision = await world.store.put(...args);
      if (args[0].kind === 'lineage') ring();
      return revision;
    },
  };
  const traits = isOfNode ? { traits: { ofNode: 'target' } as const } : {};
  const targets = Object.values(addresses).map((name) => ({ name, settings: { type: 'sim' }, ...traits }));
  const wanted: StoredSpec = {
    ...simulatedSpec('abc', ['www.example.com']),
    targets,
    endpoints: [endpoint],
  };
  const replica = world.replica(1, { store, deployers: { one: targetOf('one'), two: targetOf('two') } });
  const lookup = async () => Object.keys(addresses);
  const process: EngineProcess = {
    ...{ ...replica, lookup, vantage: { ...replica.vantage, handshake } },
    connections: { owner: '', open: () => ({ ...replica.connect, end() {} }) },
  };
  const job = { ...simulatedJob(wanted), unattended: true };
  let isDeclared = true;
  const declarations: Declarations = {
    names: () => (isDeclared ? ['abc'] : []),
    jobOf: (name, lineage) => (name === 'abc' && (isDeclared || lineage) ? job : undefined),
  };
  const declared = () => declarations;

  const stop = new AbortController();
  const vitals = createVitals(process.clock);
  const changes = {
    take: () => ['abc'],
    onChange(tell: () => void) {
      ring = tell;
    },
  };
  const watch = createWatch({ engine: process, declared, isMine: () => isMine, times: usualLookTimes });
  const all = Promise.all([
    watch.look(stop.signal),
    keepRunning(
      {
        ...{ engine: process, vitals, declared, changes, lateMs: () => 0, note: watch.note },
        alarms: { see() {}, done() {} },
        ...{ askEveryMs: 365 * 24 * hourMs, wholeEveryMs: Number.POSITIVE_INFINITY, ready() {}, done() {} },
        hasNewSecrets: () => false,
        rank: () => 0,
      },
      stop.signal,
    ),
  ]);
  const pass = (ms: number) => passing(world.clock, world.clock.sleep(ms, signal));
  onTestFinished(async () => {
    stop.abort(new Error('the test is over'));
    await passing(world.clock, all);
  });
  const deployment = async () => (await world.readLineage())?.deployments[endpoint];

  await pass(hourMs);
  expect(await deployment()).toMatchObject({ state: 'current' });
  const first = has.one!;
  // The second version, so that there is an old one.
  const renewal = { at: world.clock.now().toISOString(), source: 'lifetime' } as const;
  await world.editLineage((lineage) => ({ ...lineage, renewal }));
  ring();
  await pass(hourMs);
  expect(await deployment()).toMatchObject({ state: 'current' });
  expect(has.one).not.toBe(first);
  activations.length = 0;
  events.length = 0;
  return {
    ...{ ...world, has, shows, activations, events, deployment, pass, old: first },
    /** The kinds of documents that were written since the last call. */
    written: () => writes.splice(0),
    declare(is: boolean) {
      isDeclared = is;
      ring();
    },
    /** The kinds of documents that were read since the last call. */
    read: () => reads.splice(0),
  };
}

/** Lets so many hours pass. */
async function hours({ pass }: Pick<Service, 'pass'>, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 12) await pass(Math.min(left, 12) * hourMs);
}

/** Something else than the target answers there. */
const always = ({ shows }: Service, shown: string | undefined) =>
  Object.defineProperty(shows, 'two', { get: () => shown, set() {} });

it('is repaired within a day at the one target that lacks the version, and a good look writes nothing', async () => {
  const service = await createService();
  service.written();
  await hours(service, 72);
  expect([service.written(), service.activations]).toEqual([[], []]);

  [service.has.two, service.shows.two] = [service.old, service.old];
  await hours(service, 25);
  expect(service.activations).toEqual(['two']);
  expect(await service.deployment()).toMatchObject({ state: 'current' });
  expect((await service.deployment())?.drifted).toBeUndefined();
  expect(service.events.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^www\.example\.com:443 no longer serves .* of abc; it serves 192\.0\.2\.2: .* serial /),
  );
  // The mark, the session and the lease that rests on it, the end.
  expect(service.written()).toEqual(['lineage', 'session', 'lineage', 'lineage', 'history']);
  await hours(service, 72);
  expect([service.written(), service.activations]).toEqual([[], ['two']]);
});

it('is looked for once a day, and its document is not read more often without targets of this node', async () => {
  const service = await createService();
  service.declare(false);
  await hours(service, 24);
  service.read();
  await hours(service, 72);
  // The loop reads it once a day, too.
  expect(service.read().filter((kind) => kind === 'lineage').length).toBeLessThan(10);
});

it('at the targets of this node, is repaired within the hour, without a lease', async () => {
  const service = await createService({ isOfNode: true });
  [service.has.two, service.shows.two] = [service.old, service.old];
  await service.pass(61 * minuteMs);
  expect(service.activations).toEqual(['two']);
  expect(await service.deployment()).toMatchObject({ state: 'current' });
  const last = (await readHistory(service, 'abc', signal)).at(-1);
  expect(last).toMatchObject({ trigger: 'run', did: ['delivered'], targets: [{ target: 'two', node: 'here' }] });
});

it('is left to the node that looks at it', async () => {
  const service = await createService({ isMine: false });
  [service.has.two, service.shows.two] = [service.old, service.old];
  service.written();
  await hours(service, 72);
  expect([service.written(), service.activations]).toEqual([[], []]);
});

it('is reloaded a few times, and no more, if each target says that it has the version', async () => {
  const service = await createService();
  service.shows.two = service.old;
  await hours(service, 25);
  expect(service.activations).toEqual(['one', 'two']);
  expect(await service.deployment()).toMatchObject({ state: 'current' });

  service.activations.length = 0;
  always(service, service.old);
  await hours(service, 30);
  expect(service.activations).toEqual(['one', 'two', 'one', 'two', 'one', 'two']);
  expect(await service.deployment()).toMatchObject({ state: 'pending', code: 'deploy/drifted', alarmed: true });
});

it('is not reloaded for the valid certificate of somebody else, nor if nothing answers', async () => {
  const service = await createService();
  const other = await createService();
  for (const [shown, code] of [
    [other.has.one, 'deploy/foreign'],
    [undefined, 'deploy/no-answer'],
  ] as const) {
    always(service, shown);
    await hours(service, 25);
    expect(await service.deployment()).toMatchObject({ state: 'pending', code, drifted: true, alarmed: true });
    expect(service.activations).toEqual([]);
    always(service, service.has.two);
    await service.pass(61 * minuteMs);
    expect(await service.deployment()).toMatchObject({ state: 'current' });
  }

  // It is repaired at a target that lacks the version all the same.
  service.has.one = service.old;
  service.shows.one = other.has.one!;
  await hours(service, 25);
  expect(service.activations).toEqual(['one']);
});

it.each([
  ['', 0],
  [', whoever sets the clock back', -24],
  [', whoever sets the clock forward', 24],
])('may start again for ten minutes before that is stored%s', async (_who, stepHours) => {
  const service = await createService();
  service.written();
  /** When the address began to be silent for the look, and stopped. */
  const looks: number[] = [];
  Object.defineProperty(service.shows, 'two', {
    get() {
      looks.push(service.clock.monotonicMs());
      if (looks.length === 2) service.clock.set(new Date(service.clock.now().getTime() + stepHours * hourMs));
      return looks.length > 4 ? service.has.two : undefined;
    },
    set() {},
  });
  await hours(service, 25);
  expect(looks.slice(1, 5).map((at, index) => Math.round((at - looks[index]!) / minuteMs))).toEqual([1, 2, 4, 8]);
  expect([service.written(), service.activations]).toEqual([[], []]);
});

it('is not taken for worse while its certificate is not to be looked at', async () => {
  const service = await createService();
  const looks: number[] = [];
  Object.defineProperty(service.shows, 'two', {
    get: () => void looks.push(service.clock.monotonicMs()),
    set() {},
  });
  const revoke = (revoked: RevocationRecord | undefined) =>
    service.editLineage((lineage) => ({ ...lineage, current: { ...lineage.current!, revoked } }) as Lineage);
  while (looks.length < 2) await service.pass(minuteMs / 2);
  await revoke({ at: service.clock.now().toISOString(), reason: 'cessationOfOperation' });
  await service.pass(9 * minuteMs);
  expect(looks).toHaveLength(2);
  await revoke(undefined);
  await service.pass(7 * minuteMs);
  expect(looks).toHaveLength(4);
  expect(Math.round((looks[3]! - looks[2]!) / minuteMs)).toBe(4);
  // What was before the break does not count.
  expect(await service.deployment()).toMatchObject({ state: 'current' });
});
