import { describe, expect, it } from 'vitest';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { damagedLedger } from '../../src/engine/ledger/buckets.ts';
import { expectSpend, limitedOrder } from '../../src/engine/ledger/limits.ts';
import { foretell } from '../../src/engine/pass/tickets.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { killedAt } from '../support/killed-at.ts';
import { createLimitedWorld, limitedDirectory } from '../support/limited-world.ts';
import { inNewPass, reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { seeded } from '../support/seeded.ts';
import { simulatedJob as job, simulatedSpec, withCa } from '../support/simulated-world.ts';

// The engine at a CA with Boulder's limits: what is foreseen is not asked.

const { signal } = new AbortController();
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

async function limitedWorld() {
  const limited = await createLimitedWorld(seeded('limits'));
  const { world, clock } = limited;
  const writes: string[] = [];
  const store: Store = {
    ...world.store,
    get: world.store.get.bind(world.store),
    scan: world.store.scan.bind(world.store),
    put(key, bytes, options) {
      if (key.kind === 'ledger') writes.push(key.name);
      return world.store.put(key, bytes, options);
    },
  };
  let pid = 0;
  const replica = (name = 'here', aheadMs = 0, own = store): Engine => {
    pid += 1;
    return limited.replica(pid, name, { store: own, aheadMs });
  };
  /** Changes all documents of a kind whose names end like this. Returns what they were. */
  const edit = async (kind: Kind, end: string, change: (text: string) => string) => {
    const before: string[] = [];
    for await (const page of world.store.scan(kind, signal))
      for (const { key, bytes, revision } of page) {
        if (!key.name.endsWith(end)) continue;
        const text = Buffer.from(bytes).toString();
        before.push(text);
        await world.store.put(key, Buffer.from(change(text)), { ifRevision: revision, signal });
      }
    return before;
  };
  const pass = (engine: Engine, specs: readonly StoredSpec[], rules = {}) =>
    passing(
      clock,
      reconcile(
        engine,
        specs.map((spec) => job(spec, rules)),
        signal,
      ),
    );
  const all = (engine: Engine, specs: readonly StoredSpec[]) =>
    passing(
      clock,
      reconcileAll(engine, { jobs: specs.map((spec) => job(spec)), jobOf: () => undefined, isWhole: true }, signal),
    );
  const refused = () => limited.refused().length;
  const asked = () => limited.newOrders().length;
  return { ...limited, writes, replica, edit, pass, all, refused, asked };
}

const spec = (name: string, names: readonly string[] = [name], account?: string): StoredSpec =>
  withCa(simulatedSpec(name, names), { directory: limitedDirectory, ...(account === undefined ? {} : { account }) });

const domains = (count: number, account?: string, tld = 'com') =>
  Array.from({ length: count }, (_, at) => spec(`n${at}.example${at}.${tld}`, undefined, account));

/** A tenth of the tokens for an account, which come as fast as Let's Encrypt's. */
function smallAccounts({ switches }: Awaited<ReturnType<typeof limitedWorld>>['ca']) {
  const newOrdersPerAccount = { burst: 30, count: 30, periodMs: 18 * minuteMs };
  switches.limits = { ...switches.limits, newOrdersPerAccount };
  return (specs: readonly StoredSpec[]) =>
    specs.map((one) => withCa(one, { limits: { newOrdersPerAccount: '30/18m' } }));
}

describe('a limit that our own orders have used up', () => {
  it('makes 30 of 330 new names wait, each until its time, and never refuses one', async () => {
    const { clock, refused, replica, pass } = await limitedWorld();
    const specs = domains(330);
    const outcomes = await pass(replica(), specs);
    const waiting = outcomes.filter(({ result }) => result === 'unchanged');
    expect(outcomes.filter(({ result }) => result === 'issued').length).toBeGreaterThanOrEqual(300);
    expect(waiting.length).toBeGreaterThan(20);
    for (const outcome of waiting) expect(outcome.message).toContain('300 new orders of this account in 3 hours');
    for (let passes = 0; passes < 40; passes += 1) {
      const last = Math.max(...waiting.map(({ next }) => Date.parse(next!)));
      if (clock.now().getTime() > last + minuteMs) break;
      clock.set(new Date(clock.now().getTime() + 5 * minuteMs));
      await pass(replica(), specs);
    }
    const end = await pass(replica(), specs);
    expect(end.filter(({ next }) => next === undefined || Date.parse(next) < clock.now().getTime())).toEqual([]);
    expect(refused()).toBe(0);
  }, 120_000);

  it('lets 50 of 60 names below one domain through, and the next one when the CA does', async () => {
    const { clock, refused, asked, replica, pass } = await limitedWorld();
    const specs = Array.from({ length: 60 }, (_, at) => spec(`n${at}.example.com`));
    const outcomes = await pass(replica(), specs);
    expect(outcomes.filter(({ result }) => result === 'issued')).toHaveLength(50);
    const waiting = outcomes.filter(({ result }) => result === 'unchanged');
    expect(waiting[0]!.message).toMatch(/^rate limited until .* \(50 certificates for example\.com in 7 days\)$/);
    const first = Math.min(...waiting.map(({ next }) => Date.parse(next!)));
    clock.set(new Date(first - minuteMs));
    await pass(replica(), specs.slice(50, 51));
    expect(asked()).toBe(50);
    clock.set(new Date(first + 1));
    expect(await pass(replica(), specs.slice(50, 52))).toMatchObject([{ result: 'issued' }, { result: 'unchanged' }]);
    expect(refused()).toBe(0);
  });

  it('of one account delays no other', async () => {
    const { clock, ca, refused, replica, pass } = await limitedWorld();
    const small = smallAccounts(ca);
    await pass(replica(), small(domains(30, 'first')));
    const engine = replica();
    const sinceMs = clock.monotonicMs();
    const others = Array.from({ length: 5 }, (_, at) =>
      spec(`o${at}.other${at}.org`, [`o${at}.other${at}.org`], 'second'),
    );
    const more = Array.from({ length: 40 }, (_, at) => spec(`m${at}.more${at}.org`, [`m${at}.more${at}.org`], 'first'));
    const outcomes = await pass(engine, small([...more, ...others]));
    expect(outcomes.slice(40).map(({ result }) => result)).toEqual(Array(5).fill('issued'));
    expect(clock.monotonicMs() - sinceMs).toBeLessThan(65_000);
    expect(refused()).toBe(0);
  });

  it('of one account that is not open yet delays no other', async () => {
    const { clock, ca, refused, replica, pass } = await limitedWorld();
    const small = smallAccounts(ca);
    const outcomes = await pass(replica(), small([...domains(20, 'first'), ...domains(11, 'second', 'org')]));
    expect(outcomes.filter(({ result }) => result !== 'issued')).toEqual([]);
    expect([refused(), clock.monotonicMs() < 30_000]).toEqual([0, true]);
  });

  it.each([-hourMs, hourMs])('is told by the clock of the CA, from which ours is %i ms away', async (aheadMs) => {
    const { clock, ca, refused, replica, pass } = await limitedWorld();
    ca.switches.limits = { ...ca.switches.limits, newOrdersPerAccount: { burst: 3, count: 3, periodMs: 3 * hourMs } };
    const specs = domains(4).map((one) => withCa(one, { limits: { newOrdersPerAccount: '3/3h' } }));
    await pass(replica('here', aheadMs), specs.slice(0, 3));
    const [waiting] = await pass(replica('here', aheadMs), specs.slice(3));
    const inMs = Date.parse(waiting!.next!) - aheadMs - clock.now().getTime();
    expect(Math.abs(inMs - hourMs)).toBeLessThan(minuteMs);
    clock.set(new Date(clock.now().getTime() + inMs));
    expect(await pass(replica('here', aheadMs), specs.slice(3))).toMatchObject([{ result: 'issued' }]);
    expect(refused()).toBe(0);
  });

  it('is kept by two processes at once', async () => {
    const { clock, refused, replica } = await limitedWorld();
    const specs = domains(400);
    const halves = [specs.slice(0, 200), specs.slice(200)];
    const running = Promise.all(
      halves.map((half, at) =>
        reconcile(
          replica(`node-${at}`),
          half.map((one) => job(one)),
          signal,
        ),
      ),
    );
    const outcomes = (await passing(clock, running)).flat();
    expect(outcomes.filter(({ result }) => result === 'failed')).toEqual([]);
    expect(outcomes.filter(({ result }) => result === 'issued').length).toBeGreaterThanOrEqual(300);
    expect(refused()).toBe(0);
  }, 120_000);

  it('of failed validations keeps a name from being ordered, and no other', async () => {
    const { clock, bad, asked, refused, replica, pass } = await limitedWorld();
    bad.add('bad.example.com');
    for (let tries = 0; tries < 8; tries += 1) {
      await pass(replica(), [spec('bad.example.com')], { obeyBackoff: false });
      clock.set(new Date(clock.now().getTime() + minuteMs));
    }
    expect(asked()).toBe(5);
    const [outcome] = await pass(replica(), [spec('bad.example.com')], { obeyBackoff: false });
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/limited' } });
    expect(await pass(replica(), [spec('good.example.com')])).toMatchObject([{ result: 'issued' }]);
    expect(refused()).toBe(0);
  });

  it('of failures that lead to a pause is asked once a day, until a success', async () => {
    const { clock, ca, bad, writes, asked, replica, pass } = await limitedWorld();
    const { limits } = ca.switches;
    ca.switches.limits = {
      ...limits,
      failedAuthorizations: { burst: 1000, count: 1000, periodMs: hourMs },
      pausingFailures: { burst: 3, count: 1, periodMs: dayMs },
    };
    const own = { failedAuthorizations: '1000/1h', pausingFailures: '3/3d' };
    const one = withCa(spec('bad.example.com'), { limits: own });
    const other = withCa(spec('two', ['bad.example.com', 'good.example.com']), { limits: own });
    bad.add('bad.example.com');
    const tries = async (wanted: StoredSpec, count: number) => {
      const before = asked();
      for (let at = 0; at < count; at += 1) {
        await pass(replica(), [wanted], { obeyBackoff: false });
        clock.set(new Date(clock.now().getTime() + minuteMs));
      }
      return asked() - before;
    };
    expect(await tries(one, 6)).toBe(3);
    expect(await tries(other, 2)).toBe(0);
    clock.set(new Date(clock.now().getTime() + dayMs));
    expect(await tries(one, 3)).toBe(1);
    ca.unpause(ca.log.find(({ account }) => account !== undefined)?.account ?? '');
    bad.clear();
    clock.set(new Date(clock.now().getTime() + dayMs));
    writes.length = 0;
    expect(await pass(replica(), [one], { obeyBackoff: false })).toMatchObject([{ result: 'issued' }]);
    expect(writes.filter((name) => /~[0-9a-f]{2}$/.test(name))).toHaveLength(1);
    expect(await pass(replica(), [other], { obeyBackoff: false })).toMatchObject([{ result: 'issued' }]);
  });
});

describe('a limit that others have used up', () => {
  it('is learned from one refusal, after which each certificate has its own time', async () => {
    const { ca, refused, replica, pass } = await limitedWorld();
    ca.issuedToOthers([{ type: 'dns', value: 'x.example.com' }], 50);
    const specs = Array.from({ length: 40 }, (_, at) => spec(`n${at}.example.com`));
    const outcomes = await pass(replica(), specs);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        result: 'unchanged',
        message: expect.stringContaining('50 certificates for example.com'),
      });
    const times = outcomes.map(({ next }) => Date.parse(next!)).sort((one, other) => one - other);
    const steps = times.slice(1).map((time, at) => Math.round((time - times[at]!) / minuteMs));
    expect(new Set(steps)).toEqual(new Set([Math.round((7 * dayMs) / 50 / minuteMs)]));
    expect((await pass(replica(), specs)).every(({ result }) => result === 'unchanged')).toBe(true);
    expect(refused()).toBe(1);
  });
});

describe('a first issue by flags that the CA refuses', () => {
  const byFlags = (engine: Engine, clock: { now(): Date }) => {
    const kept: number[] = [];
    const keepCredentials = async () => void kept.push(clock.now().getTime());
    const first = { ...job(spec('a.example.com'), { obeyBackoff: false }), origin: 'command-line', keepCredentials };
    return { kept, run: () => reconcile(engine, [first as Job], signal) };
  };

  it('stores nothing, and is no success', async () => {
    const { world, clock, ca, refused, replica } = await limitedWorld();
    ca.issuedToOthers([{ type: 'dns', value: 'x.example.com' }], 50);
    const [outcome] = await passing(clock, byFlags(replica(), clock).run());
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/limited', exitCode: 4 } });
    expect([outcome?.next, await world.readLineage('a.example.com'), refused()]).toEqual([undefined, undefined, 1]);
    expect((await world.store.list('key', signal)).names).toEqual([]);
  });

  it('goes on with its credentials if the next token comes within a minute', async () => {
    const { clock, ca, refused, replica, pass } = await limitedWorld();
    ca.switches.limits = { ...ca.switches.limits, newOrdersPerAccount: { burst: 1, count: 1, periodMs: minuteMs / 2 } };
    const engine = replica();
    await pass(engine, [spec('b.example.com')]);
    const { kept, run } = byFlags(engine, clock);
    expect(await passing(clock, run())).toMatchObject([{ result: 'issued' }]);
    expect([kept.length, refused()]).toEqual([2, 1]);
  });

  it('leaves at most a key that no order used, wherever it is killed', async () => {
    for (let at = 1, isKilled = true; isKilled; at += 2) {
      const { world, clock, ca, refused, replica } = await limitedWorld();
      ca.issuedToOthers([{ type: 'dns', value: 'x.example.com' }], 50);
      const { store, killed } = killedAt(world, () => 1, at);
      const first = byFlags(replica('here', 0, store), clock).run();
      isKilled = (await passing(clock, Promise.race([first, killed]))) === 'killed';
      const second = await passing(clock, byFlags(replica(), clock).run());
      const begun = await world.readLineage('a.example.com');
      const keys = (await world.store.list('key', signal)).names;
      // What the killed one began goes on. Otherwise, the second one stores nothing, either.
      expect(second, `killed at gate ${at}`).toMatchObject([
        begun ? { result: 'unchanged' } : { result: 'failed', error: { code: 'acme/limited' } },
      ]);
      expect(begun ? [1] : [0, 1], `killed at gate ${at}`).toContain(keys.length);
      clock.set(new Date(clock.now().getTime() + dayMs));
      expect(await passing(clock, byFlags(replica(), clock).run())).toMatchObject([{ result: 'issued' }]);
      const ended = await world.readLineage('a.example.com');
      expect([ended?.current?.id, ended?.work]).toEqual([begun?.work?.version ?? expect.any(String), undefined]);
      expect(world.txt.size).toBe(0);
      // The killed one could not write down what it was told.
      expect(refused()).toBeLessThanOrEqual(2);
    }
  });
});

describe('a forced renewal that the CA refuses', () => {
  it('is given up with its key, and is not repeated unattended', async () => {
    const { world, clock, ca, asked, replica, pass, all } = await limitedWorld();
    const one = spec('a.example.com');
    await pass(replica(), [one]);
    const before = await world.readLineage('a.example.com');
    ca.issuedToOthers(one.identifiers, 5);
    const [outcome] = await pass(replica(), [one], { force: true, obeyBackoff: false });
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/limited' }, notDue: true });
    expect(await world.readLineage('a.example.com')).toEqual(before);
    expect((await world.store.list('key', signal)).names).toHaveLength(1);
    clock.set(new Date(clock.now().getTime() + 3 * dayMs));
    expect(await all(replica(), [one])).toMatchObject([{ result: 'unchanged' }]);
    expect(asked()).toBe(2);
  });
});

it('an order that a killed run has placed asks for no token', async () => {
  const { clock, replica } = await limitedWorld();
  const engine = replica();
  const limited = ['a', 'b', 'c'].map((name) =>
    withCa(spec(`${name}.example.com`), { limits: { newOrdersPerAccount: '1/3h' } }),
  );
  const [first, second, third] = limited.map((wanted) => ({ job: job(wanted), lineage: undefined }));
  const { wanted } = first!.job;
  const startedAt = clock.now().toISOString();
  const work = { version: 'v1', directory: limitedDirectory, startedAt, challenges: [], first: true } as const;
  const killed = (step: 'order' | 'deploy'): Lineage => ({
    ...{ schema: 1, name: wanted.name, origin: 'configuration', spec: wanted, deployments: {} },
    work: { ...work, step, order: step === 'order' ? { url: 'https://ca.test/order/1' } : undefined },
  });
  for (const step of ['order', 'deploy'] as const) {
    await foretell(engine, [{ ...first!, lineage: killed(step) }, second!, third!], signal);
    const { tickets } = engine.pass.limits;
    expect(limited.map(({ name }) => tickets.get(name)?.by !== undefined)).toEqual([false, false, true]);
  }
});

describe('a document of the ledger', () => {
  it('that cannot be read is written anew, with a warning', async () => {
    const { warnings, replica, edit, pass } = await limitedWorld();
    await pass(replica(), domains(2));
    expect(await damagedLedger(replica(), signal)).toEqual([]);
    const { length } = await edit('ledger', '', () => '{');
    expect(await damagedLedger(replica(), signal)).toHaveLength(length);
    await pass(replica(), domains(1, undefined, 'org'));
    const [warning, ...more] = warnings;
    expect(warning).toMatch(/rate limits cannot be read.* `certfleet store check`/);
    expect(more).not.toContain(warning);
    warnings.length = 0;
    await pass(replica(), domains(1, undefined, 'org'));
    expect(warnings).toEqual([]);
    const [orders] = await edit('ledger', '~orders', (text) => text);
    expect(JSON.parse(orders!)).toMatchObject({ arrivals: {} });
  });

  it('with a time of a wrong clock delays a certificate until a fixed time', async () => {
    const { clock, replica, edit, pass } = await limitedWorld();
    await pass(replica(), [spec('a.example.com')]);
    const aYearLater = (_: string, hash: string, at: string) => `${hash}${Number(at) + 365 * dayMs}`;
    await edit('ledger', '', (text) => text.replace(/("[\w-]{16}":)(\d+)/g, aYearLater));
    for (let passes = 0; passes < 5; passes += 1) {
      const [outcome] = await pass(replica(), [spec('b.example.com')]);
      if (outcome!.result === 'issued') return;
      clock.set(new Date(Date.parse(outcome!.next!)));
    }
    expect('it waits for ever').toBe('it is issued');
  });
});

it('an account that cannot be read stops only its own certificates', async () => {
  const { replica, edit, pass } = await limitedWorld();
  await pass(replica(), [...domains(1, 'first'), ...domains(1, 'second', 'org')]);
  await edit('account', 'second', () => '{');
  const specs = [spec('new.example.com', undefined, 'first'), spec('new.example.org', undefined, 'second')];
  expect(await pass(replica(), specs)).toMatchObject([
    { result: 'issued' },
    { result: 'failed', error: { code: 'store/corrupt' } },
  ]);
});

describe('a renewal', () => {
  it('in the window of the CA costs no write and asks no limit', async () => {
    const { world, clock, writes, refused, replica, all } = await limitedWorld();
    const specs = domains(3);
    await all(replica(), specs);
    const lineage = (await world.readLineage('n0.example0.com'))!;
    clock.set(new Date(Date.parse(lineage.renewal!.window!.start) + hourMs));
    writes.length = 0;
    for (let day = 0; day < 3; day += 1) {
      await all(replica(), specs);
      clock.set(new Date(clock.now().getTime() + dayMs));
    }
    const renewed = (await world.readLineage('n0.example0.com'))!;
    expect(renewed.previous?.id).toBe(lineage.current!.id);
    expect([writes, refused()]).toEqual([[], 0]);
  });

  it('that a limit forbids asks once a day past its time, and a yes corrects what we believe', async () => {
    const { world, clock, ca, asked, replica, all } = await limitedWorld();
    const one = spec('a.example.com');
    await all(replica(), [one]);
    const { renewal } = (await world.readLineage('a.example.com'))!;
    clock.set(new Date(Date.parse(renewal!.window!.end) + hourMs));
    const tight = withCa(one, { limits: { certificatesPerSet: '1/180d' } });
    const before = asked();
    void ca;
    expect(await all(replica(), [tight])).toMatchObject([{ result: 'renewed' }]);
    expect(asked()).toBe(before + 1);
  });
});

it('renewals of several certificates for the same names are counted over all passes', async () => {
  const { clock, ca, replica, pass, refused, asked } = await limitedWorld();
  ca.switches.limits = { ...ca.switches.limits, certificatesPerSet: { burst: 2, count: 2, periodMs: 7 * dayMs } };
  const specs = ['a', 'b', 'c'].map((name) =>
    withCa(spec(name, ['www.example.com']), { limits: { certificatesPerSet: '2/7d' } }),
  );
  const force = (some: readonly StoredSpec[]) =>
    pass({ ...replica(), declared: () => specs }, some, { force: true, obeyBackoff: false });
  await force(specs);
  clock.set(new Date(clock.now().getTime() + 4 * dayMs));
  await pass(replica(), specs);
  clock.set(new Date(clock.now().getTime() + 20 * dayMs));
  const before = asked();
  for (const one of specs) {
    await force([one]);
    clock.set(new Date(clock.now().getTime() + hourMs));
  }
  expect([asked() - before, refused()]).toEqual([2, 0]);
});

it('orders that come at about the same time share the write of their tokens', async () => {
  const { writes, replica, pass } = await limitedWorld();
  await pass(replica(), domains(120));
  const orders = writes.filter((name) => name.endsWith('~orders'));
  expect(orders.length).toBeLessThanOrEqual(120 / 20);
});

it('an order whose pass has ended is not waited for', async () => {
  const { clock, replica, pass } = await limitedWorld();
  const engine = replica();
  await inNewPass(engine, async (stopped) => {
    const order = await limitedOrder(stopped, spec('a.example.com'), undefined, { account: '' });
    expectSpend(stopped, order!, 'a.example.com');
  });
  const sinceMs = clock.monotonicMs();
  await pass(engine, [spec('b.example.com')]);
  expect(clock.monotonicMs() - sinceMs).toBeLessThan(500);
});
