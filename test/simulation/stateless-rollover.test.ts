import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { withSolver } from '../../src/core/lineage/test-lineages.ts';
import { describeLineage } from '../../src/core/plan/status.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { partsOf } from '../../src/core/spec/spec-parts.ts';
import { type KnownAccount, knownAccounts } from '../../src/engine/accounts/accounts.ts';
import { giveUpRollover, rollover } from '../../src/engine/accounts/change.ts';
import { statelessAnswers } from '../../src/engine/accounts/stateless.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { rolloverOf } from '../../src/engine/ledger/account.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { createKillGate, killPlaces } from '../support/kill-gate.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// The proxies answer with the thumbprint in their configuration, and the CA asks one of them. While a rollover is under
// way, some have that of the new key: no order may be sent then.

const { signal } = new AbortController();
type World = Awaited<ReturnType<typeof proxied>>;

const specOf = (name: string): StoredSpec =>
  withSolver(simulatedSpec(name, [`${name}.example.com`]), { type: 'http01-stateless' }, 'sim', { stateless: true });

/** A certificate whose challenges two proxies answer. */
async function proxied(between?: (honest: Http) => Http) {
  const proxies = ['', ''];
  const failed: string[] = [];
  let asked = 0;
  const world = await createSimulatedWorld({
    ...(between ? { between } : {}),
    settings: {
      validate: async (_identifier, _challenge, keyAuthorization) => {
        if (keyAuthorization.split('.')[1] === proxies[asked++ % proxies.length]) return undefined;
        failed.push(keyAuthorization);
        return { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'another thumbprint', status: 403 };
      },
    },
  });
  const solver: Solver = {
    type: 'http01-stateless',
    answers: ['dns-01'],
    async preflight(identifier, _signal, account) {
      const { value: name } = identifier;
      for (const [at, thumbprint] of proxies.entries())
        if (account && thumbprint !== account.thumbprint)
          throw fail('solver/wrong-answer', {
            ...{ what: `proxy ${at}`, identifier: name, answer: 'another body', advice: '' },
          });
    },
    present: async () => null,
    ready: async () => ({ ready: true }),
    cleanup: async () => undefined,
  };
  const replica = (pid: number, store?: Store) => world.replica(pid, { solver, ...(store ? { store } : {}) });
  /** Puts what `certfleet stateless` prints into these proxies. */
  const configure = async (...which: readonly number[]) => {
    const [answer] = await statelessAnswers(replica(8), [specOf('one')], signal);
    for (const at of which) proxies[at] = answer!.thumbprint;
  };
  await configure(0, 1);
  const first = await issue(replica(1), job(specOf('one')), signal);
  expect(first).toMatchObject({ result: 'issued' });
  return { ...world, replica, configure, failed, proxies };
}

async function theAccount(engine: Engine): Promise<KnownAccount> {
  const [account] = await knownAccounts(engine, {}, signal);
  return account!;
}
const roll = async (world: World, engine = world.replica(2), type?: 'ES384') =>
  passing(world.clock, rollover(engine, await theAccount(engine), type, signal));
const abort = async (world: World, engine = world.replica(3)) =>
  passing(world.clock, giveUpRollover(engine, await theAccount(engine), signal));
const due = job(specOf('one'), {});
const renewed = (world: World, engine = world.replica(5)) => issue(engine, { ...due, force: true }, signal);
const behind = { code: 'account/proxies-behind' };
const waits = {
  result: 'unchanged',
  message: expect.stringMatching(
    /^is waiting for the key rollover of the account at sim, which started at 20\S+Z; run `certfleet account rollover sim` to finish it/,
  ),
};
const accountOfCa = (world: World) => [...world.ca.state.accounts.values()];

describe('while a rollover is under way', () => {
  it('no order is sent, nothing fails, and the same command goes on', async () => {
    const world = await proxied();
    const before = await world.readLineage('one');
    const orders = world.ca.state.orders.size;
    await expect(roll(world)).rejects.toMatchObject(behind);
    for (const next of [[0], [1]]) {
      expect(await renewed(world)).toMatchObject(waits);
      expect(await issue(world.replica(6), job(specOf('two')), signal)).toMatchObject(waits);
      await world.configure(...next);
      if (next[0] === 0) await expect(roll(world)).rejects.toMatchObject(behind);
    }
    // A person is refused, and nothing is remembered of it.
    const byHand = await issue(world.replica(6), { ...due, force: true, obeyBackoff: false }, signal);
    expect(byHand).toMatchObject({ result: 'failed', error: { code: 'account/rolling' } });
    expect(await world.readLineage('one')).toEqual(before);
    expect(await world.readLineage('two')).toBeUndefined();
    expect(world.ca.state.orders.size).toBe(orders);
    await roll(world);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    expect(accountOfCa(world).map(({ thumbprint }) => thumbprint)).toEqual([world.proxies[0]]);
    expect(world.failed).toEqual([]);
  });

  it('the status says so', async () => {
    const world = await proxied();
    await expect(roll(world)).rejects.toMatchObject(behind);
    const [spec, lineage] = [specOf('one'), await world.readLineage('one')];
    const found = await rolloverOf(world.replica(4), spec, signal);
    const facts = { wanted: { spec, origin: 'configuration' as const }, lineage, corrupt: undefined };
    const now = world.clock.now();
    const described = describeLineage('one', { ...facts, now, isWorking: false, rollover: found });
    expect(described.rollover).toEqual({
      ...{ startedAt: expect.any(String), account: 'sim', command: 'certfleet account rollover sim' },
    });
    expect(await rolloverOf(world.replica(4), simulatedSpec('one'), signal)).toBeUndefined();
  });

  it('no certificate expires because it was forgotten', async () => {
    const world = await proxied();
    await expect(roll(world)).rejects.toMatchObject(behind);
    const { facts } = (await world.readLineage('one'))!.current!;
    const left = Date.parse(facts.notAfter) - world.clock.now().getTime();
    world.pass(left / 2 - dayMs);
    expect(await issue(world.replica(5), due, signal)).toMatchObject({ result: 'unchanged' });
    world.pass(dayMs + left / 4);
    expect(await issue(world.replica(5), due, signal)).toMatchObject({ result: 'renewed' });
    // The proxies have the key of before, so the order does not fail.
    expect(world.failed).toEqual([]);
  });

  it('another type begins anew, and the same type goes on with its key', async () => {
    const world = await proxied();
    const keys = async () => (await theAccount(world.replica(9))).stored.document.newKeys ?? [];
    await expect(roll(world)).rejects.toMatchObject(behind);
    const [usual] = await keys();
    await expect(roll(world, world.replica(2), 'ES384')).rejects.toMatchObject(behind);
    const both = await keys();
    expect(both).toEqual([expect.any(String), usual]);
    await expect(roll(world, world.replica(2), 'ES384')).rejects.toMatchObject(behind);
    await expect(roll(world)).rejects.toMatchObject(behind);
    expect(await keys()).toEqual(both);
    await world.configure(0, 1);
    await roll(world);
    expect(accountOfCa(world)[0]!.jwk.crv).toBe('P-384');
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });
});

describe('an order that meets a rollover', () => {
  it('has planned before it began: waits, and has not failed', async () => {
    const world = await proxied();
    let begun = false;
    const put: Store['put'] = async (key, ...rest) => {
      if (key.kind === 'lineage' && !begun) {
        begun = true;
        const engine = world.replica(2);
        await rollover(engine, await theAccount(engine), undefined, signal).catch(() => undefined);
      }
      return world.store.put(key, ...rest);
    };
    expect(await renewed(world, world.replica(5, { ...world.store, put }))).toMatchObject(waits);
    expect(begun).toBe(true);
    expect((await world.readLineage('one'))?.failure).toBeUndefined();
    await abort(world);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    expect(world.failed).toEqual([]);
  });

  it('has read the account before it was journalled: the rollover waits for it', async () => {
    const world = await proxied();
    let error: unknown;
    const put: Store['put'] = async (key, ...rest) => {
      if (key.kind === 'key' && !error) {
        const engine = world.replica(2);
        const account = await theAccount(engine);
        // The rollover looked for orders before this one had its lease.
        const early: Store = { ...engine.store, scan: firstThen([], engine.store.scan) };
        const late = world.replica(2, early);
        error = await rollover(late, account, undefined, signal).catch((cause: unknown) => cause);
      }
      return world.store.put(key, ...rest);
    };
    expect(await renewed(world, world.replica(5, { ...world.store, put }))).toMatchObject({ result: 'renewed' });
    expect(error).toMatchObject({ code: 'store/held' });
    expect(await renewed(world)).toMatchObject(waits);
    expect(world.failed).toEqual([]);
  });

  it('comes from a process that remembers the key of before', async () => {
    const world = await proxied();
    const old = world.replica(7);
    expect(await renewed(world, old)).toMatchObject({ result: 'renewed' });
    await expect(roll(world)).rejects.toMatchObject(behind);
    await world.configure(0, 1);
    await roll(world);
    expect(await renewed(world, old)).toMatchObject({ result: 'renewed' });
    expect(world.failed).toEqual([]);
  });
});

/** A scan that finds nothing the first time. */
const firstThen = (first: readonly never[], then: Store['scan']): Store['scan'] => {
  let isFirst = true;
  return (...args) => {
    const now = isFirst;
    isFirst = false;
    return now
      ? (async function* none() {
          yield first;
        })()
      : then(...args);
  };
};

describe('giving up', () => {
  it('ends the wait with the key of before', async () => {
    const world = await proxied();
    const { keyPem } = (await theAccount(world.replica(9))).stored.document;
    await expect(roll(world)).rejects.toMatchObject(behind);
    await world.configure(0);
    await abort(world);
    await world.configure(0);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    const { document } = (await theAccount(world.replica(9))).stored;
    expect([document.keyPem, document.rolloverAt]).toEqual([keyPem, undefined]);
    // The next one uses the key that was made for this one.
    await expect(roll(world)).rejects.toMatchObject(behind);
    expect((await theAccount(world.replica(9))).stored.document.newKeys).toEqual(document.newKeys);
  });

  it('is seen by a rollover that is about to send the key', async () => {
    const world = await proxied();
    await expect(roll(world)).rejects.toMatchObject(behind);
    await world.configure(0, 1);
    const slow = world.replica(2);
    const solver = await slow.connect.solver(partsOf(specOf('one'))[0]!);
    const late: Engine = {
      ...slow,
      connect: {
        ...slow.connect,
        solver: async () => ({
          ...solver,
          async preflight(...args) {
            await solver.preflight?.(...args);
            const other = world.replica(3);
            await giveUpRollover(other, await theAccount(other), signal);
          },
        }),
      },
    };
    await expect(roll(world, late)).rejects.toMatchObject({ code: 'account/changed' });
    await world.configure(0, 1);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });

  it('is too late once the CA has the key', async () => {
    const world = await proxied();
    await expect(roll(world)).rejects.toMatchObject(behind);
    await world.configure(0, 1);
    const gate = createKillGate(0, 'before');
    const store: Store = { ...world.store, put: (...args) => gate.pass(() => world.store.put(...args)) };
    gate.armed = true;
    await roll(world, world.replica(2, store)).catch(() => undefined);
    expect(await renewed(world)).toMatchObject(waits);
    expect(await abort(world)).toMatchObject({ wasDone: true, thumbprint: world.proxies[0] });
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });
});

describe('killed at any write and request', () => {
  const mortal = async (place: number, when: 'before' | 'after') => {
    const gate = createKillGate(place, when);
    const world = await proxied((honest) => ({
      ...honest,
      request: (request) => gate.pass(() => honest.request(request)),
    }));
    const store: Store = { ...world.store, put: (...args) => gate.pass(() => world.store.put(...args)) };
    return { gate, world, victim: world.replica(2, store) };
  };

  const places = [
    ...killPlaces(2).map((place) => ['journalling', ...place] as const),
    ...killPlaces(5).map((place) => ['rolling', ...place] as const),
  ];
  it.each(places)('%s (effect %i, %s it), the same command ends the rollover', async (at, place, when) => {
    const { gate, world, victim } = await mortal(place, when);
    if (at === 'rolling') {
      await expect(roll(world)).rejects.toMatchObject(behind);
      await world.configure(0, 1);
    }
    const account = await theAccount(victim);
    gate.armed = true;
    await passing(world.clock, rollover(victim, account, undefined, signal)).catch(() => undefined);
    gate.armed = false;
    // A renewal meanwhile waits, or it works: it never fails.
    expect(['unchanged', 'renewed']).toContain((await renewed(world)).result);
    await roll(world, world.replica(3)).catch((error: unknown) => expect(error).toMatchObject(behind));
    await world.configure(0, 1);
    const isDone = accountOfCa(world)[0]!.thumbprint === world.proxies[0];
    if (!isDone) await roll(world, world.replica(4));
    expect(await renewed(world, world.replica(6))).toMatchObject({ result: 'renewed' });
    const { document } = (await theAccount(world.replica(9))).stored;
    expect([document.rolloverAt, document.keyPem === account.stored.document.keyPem]).toEqual([undefined, false]);
    expect(world.failed).toEqual([]);
  });

  it.each(killPlaces(4))('giving up (effect %i, %s it), the same command ends it', async (place, when) => {
    const { gate, world, victim } = await mortal(place, when);
    await expect(roll(world)).rejects.toMatchObject(behind);
    gate.armed = true;
    await abort(world, victim).catch(() => undefined);
    gate.armed = false;
    expect(['unchanged', 'renewed']).toContain((await renewed(world)).result);
    await abort(world);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    expect(world.failed).toEqual([]);
  });
});
