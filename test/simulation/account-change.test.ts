import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { type KnownAccount, knownAccounts } from '../../src/engine/accounts/accounts.ts';
import { deactivate, rollover, updateContacts } from '../../src/engine/accounts/change.ts';
import { openAccount } from '../../src/engine/accounts/open.ts';
import { removeAccount } from '../../src/engine/accounts/remove.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { createKillGate, killPlaces } from '../support/kill-gate.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withCa,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;
const specOf = (name: string, email: readonly string[] = []): StoredSpec => {
  const spec = simulatedSpec(name, [`${name}.example.com`]);
  return withCa(spec, { email });
};

/** One certificate with its account. */
async function issued(options: Parameters<typeof createSimulatedWorld>[0] = {}): Promise<World> {
  const world = await createSimulatedWorld(options);
  await issue(world.replica(1), job(specOf('one', ['old@example.com'])), signal);
  return world;
}
async function theAccount(engine: Engine): Promise<KnownAccount> {
  const [account] = await knownAccounts(engine, {}, signal);
  return account!;
}
const documentOf = async (world: World) => (await theAccount(world.replica(9))).stored.document;
const roll = async (world: World, engine: Engine, type?: 'ES384') =>
  passing(world.clock, rollover(engine, await theAccount(engine), type, signal));
const renewed = (world: World, pid = 5) => issue(world.replica(pid), job(specOf('one'), { force: true }), signal);
const soleAccount = (world: World) => {
  const [account, another] = world.ca.state.accounts.values();
  expect(another).toBeUndefined();
  return account!;
};

describe('a key rollover', () => {
  it('replaces the key, and nothing else', async () => {
    const world = await issued();
    const before = await documentOf(world);
    const changed = await roll(world, world.replica(2), 'ES384');
    const after = await documentOf(world);
    expect(after).toEqual({ ...before, keyPem: after.keyPem });
    expect(after.keyPem).not.toBe(before.keyPem);
    expect(changed).toMatchObject({ url: before.url, thumbprint: soleAccount(world).thumbprint });
    expect(soleAccount(world).jwk.crv).toBe('P-384');
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });

  it('does not disturb a process that has the account open', async () => {
    const world = await issued();
    const open = world.replica(3);
    await issue(open, job(specOf('two')), signal);
    await roll(world, world.replica(2));
    expect(await issue(open, job(specOf('three')), signal)).toMatchObject({ result: 'issued' });
    expect(await issue(open, job(specOf('four')), signal)).toMatchObject({ result: 'issued' });
    expect(world.ca.state.accounts.size).toBe(1);
  });

  it.each([
    ['that had its effect is found out at once', true],
    ['that had none can be sent again, with the same key', false],
  ])('whose answer is lost: one %s', async (_what, after) => {
    const world = await issued();
    world.ca.failNext('keyChange', { cut: true, after });
    const first = await roll(world, world.replica(2)).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    expect(first).toBe(after ? 'done' : 'acme/unreachable');
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    if (after) return;
    const { newKeys } = await documentOf(world);
    expect(newKeys).toHaveLength(1);
    await roll(world, world.replica(3));
    expect((await documentOf(world)).keyPem).toBe(newKeys?.[0]);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });

  it('that the CA refuses changes nothing', async () => {
    const world = await issued();
    const { keyPem } = await documentOf(world);
    const problem = { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not here', status: 403 };
    world.ca.failNext('keyChange', { problem });
    await expect(roll(world, world.replica(2))).rejects.toMatchObject({ code: 'acme/problem' });
    expect((await documentOf(world)).keyPem).toBe(keyPem);
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
  });

  it('to a type that the CA does not take leaves nothing behind', async () => {
    const world = await issued({ settings: { algorithms: ['ES256', 'RS256'] } });
    const before = await documentOf(world);
    await expect(roll(world, world.replica(2), 'ES384')).rejects.toMatchObject({ code: 'acme/problem' });
    expect(await documentOf(world)).toEqual(before);
    await roll(world, world.replica(3));
    expect((await theAccount(world.replica(9))).thumbprint).toBe(soleAccount(world).thumbprint);
  });

  it('by two processes at once leaves one key, which the CA knows', async () => {
    const world = await issued();
    const accounts = await Promise.all([2, 3].map((pid) => theAccount(world.replica(pid))));
    const both = [2, 3].map((pid, at) => rollover(world.replica(pid), accounts[at]!, undefined, signal));
    const ends = await passing(world.clock, Promise.allSettled(both));
    expect(ends.map(({ status }) => status)).toContain('fulfilled');
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    expect((await theAccount(world.replica(9))).thumbprint).toBe(soleAccount(world).thumbprint);
  });

  it('is refused while a process orders with the account', async () => {
    const world = await issued();
    await world.editLineage(
      (lineage) => ({
        ...lineage,
        work: {
          ...{ step: 'challenges', version: 'v', directory: '', startedAt: '', challenges: [] },
          lease: { id: 'l', beat: 1, holder: { bootId: 'b', pidNamespace: 'n', pid: 7, startTime: '1' } },
        },
      }),
      'one',
    );
    await expect(roll(world, world.replica(2))).rejects.toMatchObject({ code: 'store/held' });
    world.dead.add(7);
    expect(await roll(world, world.replica(2))).toMatchObject({ thumbprint: soleAccount(world).thumbprint });
  });

  // Every write and every request is a place to die.
  it.each(killPlaces(6))('killed at its effect %i, %s it, loses nothing', async (place, when) => {
    const gate = createKillGate(place, when);
    const between = (honest: Http): Http => ({
      ...honest,
      request: (request) => gate.pass(() => honest.request(request)),
    });
    const world = await issued({ between });
    const store: Store = { ...world.store, put: (...args) => gate.pass(() => world.store.put(...args)) };
    const victim = world.replica(2, { store });
    const account = await theAccount(victim);
    gate.armed = true;
    await passing(world.clock, rollover(victim, account, undefined, signal)).catch(() => undefined);
    gate.armed = false;
    // Whoever comes next: a renewal, or the rollover again.
    expect(await renewed(world)).toMatchObject({ result: 'renewed' });
    await roll(world, world.replica(6));
    expect(await renewed(world, 7)).toMatchObject({ result: 'renewed' });
    const { keyPem, newKeys, rolloverAt } = await documentOf(world);
    expect([newKeys, rolloverAt]).toEqual([undefined, undefined]);
    expect(keyPem).not.toBe(account.stored.document.keyPem);
    expect((await theAccount(world.replica(9))).thumbprint).toBe(soleAccount(world).thumbprint);
  });

  describe('whose end no process has seen', () => {
    const again = (world: World, pid: number, own = {}) =>
      issue(world.replica(pid, own), job(specOf('one'), { force: true, obeyBackoff: false }), signal);

    it('does not end an order that an earlier run left', async () => {
      const world = await issued({ settings: { reuseOrders: false } });
      const problem = { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'later', status: 403 };
      world.pass(70 * dayMs); // the order of a certificate that is not due is given up
      world.ca.failNext('finalize', { problem });
      expect(await again(world, 2)).toMatchObject({ result: 'failed' });
      const orders = world.ca.state.orders.size;
      const { url } = (await world.readLineage('one'))!.work!.order!;
      expect(url).toBeDefined();
      // Killed after the CA has the new key, and before the store says so.
      const gate = createKillGate(1, 'before');
      const store: Store = { ...world.store, put: (...args) => gate.pass(() => world.store.put(...args)) };
      const victim = world.replica(3, { store });
      const account = await theAccount(victim);
      gate.armed = true;
      await passing(world.clock, rollover(victim, account, undefined, signal)).catch(() => undefined);
      expect((await documentOf(world)).newKeys).toHaveLength(1);
      expect(await again(world, 4)).toMatchObject({ result: 'renewed' });
      expect(world.ca.state.orders.size).toBe(orders);
      expect(world.ca.accepted('newOrder')).toBe(orders);
      expect((await theAccount(world.replica(9))).thumbprint).toBe(soleAccount(world).thumbprint);
    });

    it('does not end the order during which it takes effect', async () => {
      const world = await issued({ settings: { reuseOrders: false } });
      const orders = world.ca.state.orders.size;
      world.ca.failNext('keyChange', { cut: true });
      await roll(world, world.replica(2)).catch(() => undefined);
      const { keyPem, newKeys, url = '' } = await documentOf(world);
      const late = world
        .replica(2)
        .connect.issuer('sim', specOf('one').issuer.settings)
        .as({ keyPem: new Secret(keyPem), url });
      let isSent = false;
      const solver: Solver = {
        ...world.solver,
        present: async (...args) => {
          // What the process had sent before it was killed has arrived at last.
          if (!isSent) await late.rollover(new Secret(newKeys![0]!), signal);
          isSent = true;
          return world.solver.present(...args);
        },
      };
      expect(await again(world, 4, { solver })).toMatchObject({ result: 'renewed' });
      expect(isSent).toBe(true);
      expect(world.ca.state.orders.size).toBe(orders + 1);
      expect(world.txt.size).toBe(0);
    });
  });
});

describe('new contacts', () => {
  it('stay until the settings change', async () => {
    const world = await issued();
    const contacts = () => soleAccount(world).contacts;
    const engine = world.replica(2);
    await passing(world.clock, updateContacts(engine, await theAccount(engine), ['new@example.com'], signal));
    expect(contacts()).toEqual(['mailto:new@example.com']);
    const renew = (email: string) => issue(world.replica(3), job(specOf('one', [email]), { force: true }), signal);
    await renew('old@example.com');
    expect(contacts()).toEqual(['mailto:new@example.com']);
    await renew('third@example.com');
    expect(contacts()).toEqual(['mailto:third@example.com']);
  });

  it('that the CA does not keep are reported as none (Let’s Encrypt)', async () => {
    const world = await issued({ settings: { keepsContacts: false } });
    const engine = world.replica(2);
    const changed = await updateContacts(engine, await theAccount(engine), ['new@example.com'], signal);
    expect(changed.contacts).toEqual([]);
  });
});

describe('deactivation', () => {
  it.each([
    ['', {}],
    [', also if the answer is lost', { after: true, cut: true }],
  ])('closes the account, and renewals say so%s', async (_how, failure) => {
    const world = await issued();
    if ('cut' in failure) world.ca.failNext('account', failure);
    const engine = world.replica(2);
    await passing(world.clock, deactivate(engine, await theAccount(engine), signal));
    expect(soleAccount(world).status).toBe('deactivated');
    expect((await documentOf(world)).deactivatedAt).toBeDefined();
    const closed = { code: 'acme/account-deactivated', hint: expect.stringContaining('issue one --new-account') };
    await expect(roll(world, world.replica(6))).rejects.toMatchObject(closed);
    const update = updateContacts(engine, await theAccount(engine), ['a@example.com'], signal);
    await expect(update).rejects.toMatchObject(closed);
    expect(await renewed(world)).toMatchObject({ result: 'failed', error: { code: 'acme/account-deactivated' } });
    const again = { ...job(specOf('one'), { force: true, obeyBackoff: false }), newAccount: true };
    expect(await issue(world.replica(4), again, signal)).toMatchObject({ result: 'renewed' });
    expect((await documentOf(world)).deactivatedAt).toBeUndefined();
  });
});

describe('opening', () => {
  it('before the first certificate gives it that account, and is done once', async () => {
    const world = await createSimulatedWorld();
    const named = { name: 'sim', settings: specOf('one').issuer.settings };
    const open = (pid: number) => passing(world.clock, openAccount(world.replica(pid), named, signal));
    const [first, again] = [await open(1), await open(2)];
    expect([first.wasOpen, again]).toEqual([false, { url: first.url, wasOpen: true }]);
    expect(await issue(world.replica(3), job(specOf('one')), signal)).toMatchObject({ result: 'issued' });
    expect((await documentOf(world)).url).toBe(first.url);
    soleAccount(world);
    await passing(world.clock, deactivate(world.replica(4), await theAccount(world.replica(4)), signal));
    await expect(open(5)).rejects.toMatchObject({ code: 'acme/account-deactivated' });
  });
});

describe('removal', () => {
  const refusal = { type: 'urn:ietf:params:acme:error:malformed', detail: 'no', status: 403 };
  const byFlags = { ...job(specOf('one')), origin: 'command-line' } as const;
  const remove = async (world: World, force = false) => {
    const engine = world.replica(2);
    return passing(world.clock, removeAccount(engine, await theAccount(engine), force, signal));
  };
  /** An account that the CA refused to open. */
  async function attempted(options: Parameters<typeof createSimulatedWorld>[0] = {}): Promise<World> {
    const world = await createSimulatedWorld(options);
    world.ca.failNext('newAccount', { problem: refusal });
    expect(await issue(world.replica(1), byFlags, signal)).toMatchObject({ result: 'failed' });
    return world;
  }
  /** The account as if the answer to newAccount had been lost. */
  async function forgetUrl(world: World): Promise<void> {
    const { key, revision, document } = (await theAccount(world.replica(9))).stored;
    const { url: _lost, ...rest } = document;
    await world.store.put(key, encodeDocument(rest), { ifRevision: revision, signal });
  }

  it.each([true, false])('of an account that was never opened; by force: %s', async (force) => {
    const world = await attempted();
    await remove(world, force);
    expect(await knownAccounts(world.replica(3), {}, signal)).toEqual([]);
    expect(await issue(world.replica(4), byFlags, signal)).toMatchObject({ result: 'issued' });
  });

  it('of one that the CA has opened after all is refused, and its URL is known then', async () => {
    const world = await attempted();
    expect(await issue(world.replica(4), byFlags, signal)).toMatchObject({ result: 'issued' });
    await forget(world.replica(4), 'one', { force: true }, signal);
    await forgetUrl(world);
    await expect(remove(world)).rejects.toMatchObject({ code: 'account/stays' });
    expect((await documentOf(world)).url).toBeDefined();
    await expect(remove(world, true)).rejects.toMatchObject({
      code: 'account/stays',
      message: expect.stringContaining('it is open'),
    });
  });

  it('of one that a certificate uses is refused', async () => {
    const world = await issued();
    await forgetUrl(world);
    await expect(remove(world, true)).rejects.toMatchObject({ message: expect.stringContaining('use it: one') });
  });

  it.each([
    ['knew', 'ca.pem'],
    ['did not know', undefined],
  ])('of one whose last certificate is gone trusts the roots that it %s when it was stored', async (_what, first) => {
    const world = await attempted();
    const trusting = (caFile: string | undefined) => {
      const roots = caFile === undefined ? {} : { caFile, onlyThisCa: true };
      const { wanted } = byFlags;
      return { ...byFlags, wanted: withCa(wanted, { account: 'second', ...roots }) };
    };
    for (const caFile of [first, 'ca.pem']) {
      world.ca.failNext('newAccount', { problem: refusal });
      await issue(world.replica(3), trusting(caFile), signal);
    }
    const second = (await knownAccounts(world.replica(4), {}, signal)).find(({ name }) => name === 'second');
    expect(second).toMatchObject({ issuers: [], settings: { caFile: 'ca.pem', onlyThisCa: true } });
  });

  it('without an answer of the CA needs force', async () => {
    const world = await attempted();
    world.ca.failNext('any', { cut: true, times: 50 });
    await expect(remove(world)).rejects.toMatchObject({ hint: expect.stringContaining('--force') });
    await remove(world, true);
    expect(await knownAccounts(world.replica(3), {}, signal)).toEqual([]);
  });

  it('while the CA opens it loses no key', async () => {
    const seen: (() => Promise<void>)[] = [];
    const between = (honest: Http): Http => ({
      ...honest,
      async request(request) {
        const answer = await honest.request(request);
        if (/new-?acc/i.test(request.url)) await seen.pop()?.();
        return answer;
      },
    });
    const world = await attempted({ between });
    seen.push(async () => {
      const { key, revision } = (await theAccount(world.replica(2))).stored;
      await world.store.delete(key, { ifRevision: revision, signal });
    });
    expect(await issue(world.replica(4), byFlags, signal)).toMatchObject({ result: 'issued' });
    expect(seen).toEqual([]);
    expect((await theAccount(world.replica(9))).thumbprint).toBe(soleAccount(world).thumbprint);
  });
});
