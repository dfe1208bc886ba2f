import { describe, expect, it } from 'vitest';
import { bucketsAsked } from '../../src/core/limits/order-buckets.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { Settings, StoredSpec } from '../../src/core/spec/spec.ts';
import { declaredAs, namedAdapters } from '../../src/core/spec/spec-parts.ts';
import { placeOf } from '../../src/engine/ledger/buckets.ts';
import { limitedOrder } from '../../src/engine/ledger/limits.ts';
import { type LimitsRequest, limitsOf } from '../../src/fleet/limits.ts';
import type { OpenFleet } from '../../src/fleet/opened.ts';
import { planOf } from '../../src/fleet/plan.ts';
import { statusOf } from '../../src/fleet/status.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { declaredOf } from '../support/declared.ts';
import { inNewPass, reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job, simulatedSpec, withCa } from '../support/simulated-world.ts';

// What `limits`, `plan` and `status` show of certificates that wait for a rate limit, beside what really happens.

const { signal } = new AbortController();
const directory = 'https://ca.test/directory';
const certificatesPerDomain = '3/7d';
const quota = '3 certificates for example.com in 7 days';
const nothing: LimitsRequest = { names: [], all: false };

const limits = { certificatesPerDomain, newOrdersPerAccount: '9/3h', certificatesPerSet: '5/7d' };
const limited = (name: string) => withCa(simulatedSpec(name, [`${name}.example.com`]), { limits });

async function declaring(specs: readonly StoredSpec[]) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => events.push(event) } });
  let writes = 0;
  const reads = new Map<Kind, number>();
  const counted: Store = {
    ...world.store,
    get(key, ...rest) {
      reads.set(key.kind, (reads.get(key.kind) ?? 0) + 1);
      return world.store.get(key, ...rest);
    },
    scan: world.store.scan.bind(world.store),
    put(...given) {
      writes += 1;
      return world.store.put(...given);
    },
  };
  const [first] = specs as [StoredSpec];
  const { solver, preflight } = declaredOf(first);
  const settings = {
    certificates: specs.map((spec) => ({ ...declaredAs(spec), deploy: [] })),
    issuers: Object.fromEntries(specs.map(({ issuer: { name, settings } }) => [name, settings])),
    ...{ solvers: namedAdapters({ sim: solver }), deployers: {}, preflight },
  } as unknown as Settings;
  const process = { ...world.replica(1, { store: counted }), declared: () => specs };
  const look = <T>(ask: (fleet: OpenFleet) => Promise<T>): Promise<T> =>
    inNewPass(process, (engine) => ask({ settings, engine } as unknown as OpenFleet));
  const untilMs = () => world.clock.now().getTime() + 30 * dayMs;
  const wanted = specs.map((spec) => ({ ...spec, targets: [] }));
  return {
    world,
    events,
    issue: () =>
      passing(
        world.clock,
        reconcile(
          process,
          wanted.map((spec) => job(spec)),
          signal,
        ),
      ),
    limits: (request = nothing) => look((fleet) => limitsOf(fleet, request, signal)),
    plan: (names: readonly string[] = []) => look((fleet) => planOf(fleet, { names, untilMs: untilMs() }, signal)),
    status: () => look((fleet) => statusOf(fleet, [], signal)),
    reads,
    /** What was asked of the CA, and written. */
    effects: () => [world.ca.requests.length, writes],
  };
}

const minuteOf = (iso: string | undefined) => iso?.slice(0, 16);

describe('five certificates below a domain that may have three a week', () => {
  it('are shown alike by plan, run, status and limits, which change nothing', async () => {
    // They are declared in another order than that in which they get their turns.
    const specs = ['d', 'a', 'e', 'c', 'b'].map((name) => limited(name));
    const { world, events, issue, limits, plan, status, effects } = await declaring(specs);
    const before = effects();
    const foreseen = (await plan()).certificates;
    const steps = (of: typeof foreseen) => of.map(({ steps: [first] }) => [first?.why, minuteOf(first?.at)]);
    expect(steps(foreseen).map(([why]) => why)).toEqual(['due', 'due', 'due', 'limit', 'limit']);
    const shownBefore = (await status()).map(({ rateLimit }) => minuteOf(rateLimit?.until));
    expect(shownBefore).toEqual(steps(foreseen).map(([why, at]) => (why === 'limit' ? at : undefined)));
    expect(effects()).toEqual(before);

    const outcomes = await issue();
    const waiting = outcomes.flatMap((one) => (one.result === 'unchanged' && one.limited ? [one.limited] : []));
    expect(outcomes.filter(({ result }) => result === 'issued')).toHaveLength(3);
    expect(waiting.map((one) => one.quota)).toEqual([quota, quota]);
    const times = waiting.map(({ until }) => minuteOf(until));
    const planned = events.find(({ event }) => event === 'run.planned');
    expect(planned?.message).toMatch(/^there are 5 certificates to work on: 3 now, 2 by /);
    const announced = planned?.data?.['waiting'] as unknown as readonly { certificate: string; at: string }[];
    expect(announced.map(({ certificate, at }) => [certificate, minuteOf(at)])).toEqual([
      ['d', times[0]],
      ['e', times[1]],
    ]);

    // An order counts two seconds longer than at the CA, whose clock is not known exactly.
    world.clock.set(new Date(world.clock.now().getTime() + 2000));
    const after = effects();
    expect(steps((await plan()).certificates).slice(3)).toEqual(times.map((at) => ['limit', at]));
    const shown = (await status()).map(({ name, state, rateLimit }) => [name, state, minuteOf(rateLimit?.until)]);
    expect(shown.slice(2)).toEqual([
      ['c', 'valid', undefined],
      ['d', 'missing', times[0]],
      ['e', 'missing', times[1]],
    ]);
    const [ca, ...others] = await limits();
    expect(others).toEqual([]);
    const [orders, domain, ...full] = ca!.buckets;
    expect(full.every(({ limit }) => limit === 'certificatesPerSet')).toBe(true);
    expect(orders).toMatchObject({ limit: 'newOrdersPerAccount', left: 6, usedByUnknown: 0 });
    expect(domain).toMatchObject({ of: 'example.com', left: 0, usedByUnknown: 0, quota });
    expect(minuteOf(domain?.nextAt)).toBe(times[0]);
    expect(domain?.usedBy.map(({ certificate }) => certificate).sort()).toEqual(['a', 'b', 'c']);
    expect(orders?.usedBy).toHaveLength(3);
    expect(effects()).toEqual(after);
  });
});

it('says before the first order when each certificate comes, which is true in every later pass', async () => {
  const own = { certificatesPerDomain: '2/6h', newOrdersPerAccount: '4/1h' };
  const below = (domain: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${'cab'[at % 3]}${at}.${domain}.com`);
  const names = [...below('large', 6), ...below('small', 2), ...below('other', 3), 'www.one.org', 'www.two.org'];
  const { world, events, issue } = await declaring(
    names.map((name) => withCa(simulatedSpec(name, [name]), { limits: own })),
  );
  await issue();
  const foretold = events.find(({ event }) => event === 'run.planned')?.data?.['waiting'];
  const waiting = foretold as unknown as readonly { certificate: string; at: string }[];
  expect(waiting).toHaveLength(9);
  for (let next: number | undefined = 0; next !== undefined; ) {
    const outcomes = await issue();
    expect(outcomes.filter(({ result }) => result === 'failed')).toEqual([]);
    const times = outcomes.flatMap((one) => ('limited' in one && one.limited ? [Date.parse(one.limited.until)] : []));
    next = times.length > 0 ? Math.min(...times) : undefined;
    if (next !== undefined) world.clock.set(new Date(next));
  }
  for (const { certificate, at } of waiting) {
    const { issuedAt } = (await world.readLineage(certificate))!.current!;
    expect(Math.abs(Date.parse(issuedAt) - Date.parse(at)), certificate).toBeLessThan(60_000);
  }
});

it('reads the account once in a look or a pass, however many certificates wait', async () => {
  const { issue, status, reads } = await declaring(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => limited(name)));
  await issue();
  reads.clear();
  await status();
  expect(reads.get('account')).toBe(1);
  reads.clear();
  await issue();
  expect(reads.get('account')).toBe(1);
});

it('shows all limits of named certificates, and only the CA that is asked for', async () => {
  const { issue, limits, plan } = await declaring(['a', 'b'].map((name) => limited(name)));
  await issue();
  const [ca] = await limits({ names: ['b'], all: false });
  expect(ca?.buckets.map(({ limit, of }) => `${limit} ${of}`).sort()).toEqual([
    'certificatesPerDomain example.com',
    'certificatesPerSet b.example.com',
    expect.stringMatching(/^newOrdersPerAccount https/),
  ]);
  const other = { name: 'other', settings: { ...simulatedSpec().issuer.settings, directory: 'https://other.test/' } };
  expect(await limits({ ...nothing, ...{ issuer: other } })).toMatchObject([{ issuers: ['other'], isKnown: false }]);
  const mismatch = limits({ names: ['b'], all: false, issuer: other });
  await expect(mismatch).rejects.toThrow('b --issuer other: expected its own issuer, sim');
  expect((await plan(['b'])).certificates.map(({ certificate }) => certificate)).toEqual(['b']);
  await expect(limits({ names: ['x'], all: false })).rejects.toMatchObject({ code: 'lineage/not-found' });
  await expect(plan(['x'])).rejects.toMatchObject({ code: 'lineage/not-found' });
});

it('tells of two issuers of one CA with different limits what the certificates of both have used', async () => {
  const raised = limited('b');
  const settings = { ...raised.issuer.settings, limits: { ...limits, certificatesPerDomain: '6/14d' } };
  const { issue, limits: look } = await declaring([limited('a'), { ...raised, issuer: { name: 'raised', settings } }]);
  await issue();
  const all = await look();
  expect(all.map(({ issuers }) => issuers)).toEqual([['sim'], ['raised']]);
  for (const { buckets } of all) {
    const domain = buckets.find(({ limit }) => limit === 'certificatesPerDomain');
    expect(domain).toMatchObject({ usedByUnknown: 0 });
    expect(domain?.usedBy.map(({ certificate }) => certificate).sort()).toEqual(['a', 'b']);
  }
});

it('says of a CA without known limits that none are known', async () => {
  const { issue, limits, plan } = await declaring([simulatedSpec('a')]);
  await issue();
  expect(await limits()).toMatchObject([{ issuers: ['sim'], isKnown: false, buckets: [] }]);
  expect((await plan()).certificates).toMatchObject([{ certificate: 'a', steps: [{ why: 'renewal' }] }]);
});

it('tells a time that only a wrong clock can have written, and waits no longer than the limit can make it wait', async () => {
  const { world, limits, plan } = await declaring([limited('a')]);
  const engine = world.replica(2);
  const order = (await limitedOrder(engine, limited('a'), undefined, { account: '' }))!;
  const bucket = bucketsAsked(order.facts, order.limits).find(({ limit }) => limit.scope === 'domain')!;
  const { document, hash } = placeOf(engine, directory, bucket, order.facts.registeredDomain);
  const arrivals = { [hash]: world.clock.now().getTime() + 365 * dayMs };
  await world.store.put({ kind: 'ledger', name: document }, encodeDocument({ arrivals }), { ifRevision: null, signal });
  const [ca] = await limits();
  const domain = ca?.buckets.find(({ limit }) => limit === 'certificatesPerDomain');
  expect(domain).toMatchObject({ left: 0, isFromTheFuture: true });
  const [step] = (await plan()).certificates[0]!.steps;
  expect(step).toMatchObject({ why: 'limit', at: domain?.nextAt });
  expect(Date.parse(domain!.nextAt!) - world.clock.now().getTime()).toBeLessThan(7 * dayMs);
});

it('is no success of an issue by flags, of which nothing is stored', async () => {
  const { world, issue } = await declaring(['a', 'b', 'c'].map((name) => limited(name)));
  await issue();
  const byFlags = { ...job(limited('d'), { obeyBackoff: false }), origin: 'command-line' } as const;
  const [outcome] = (await passing(world.clock, reconcile(world.replica(2), [byFlags], signal))) as [Outcome];
  expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/limited', exitCode: 4 } });
  expect(outcome).not.toHaveProperty('next');
  expect(await world.readLineage('d')).toBeUndefined();
});

it('keeps two accounts apart that are not open yet', async () => {
  const ofAccount = (account: string) =>
    ['a', 'b'].map((name): StoredSpec => {
      const spec = simulatedSpec(`${name}-${account}`);
      const { issuer } = withCa(spec, { account, limits: { newOrdersPerAccount: '2/3h' } });
      return { ...spec, issuer: { ...issuer, name: account } };
    });
  const { issue, limits, plan } = await declaring([...ofAccount('t1'), ...ofAccount('t2')]);
  const { certificates } = await plan();
  expect(certificates.map(({ steps: [first] }) => first?.why)).toEqual(['due', 'due', 'due', 'due']);
  const left = async () =>
    (await limits())
      .flatMap(({ buckets }) => buckets)
      .flatMap(({ limit, left }) => (limit === 'newOrdersPerAccount' ? [left] : []));
  expect(await left()).toEqual([2, 2]);
  expect((await issue()).map(({ result }) => result)).toEqual(Array(4).fill('issued'));
  expect(await left()).toEqual([0, 0]);
});
