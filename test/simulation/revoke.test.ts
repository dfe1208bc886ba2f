import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import type { RevocationReason } from '../../src/core/lineage/revocation.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import { type RevocationWish, revokeVersions } from '../../src/engine/acts/revoke.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import { readKey, readVersion } from '../../src/engine/run/bundles.ts';
import type { OpenFleet } from '../../src/fleet/opened.ts';
import { revoke } from '../../src/fleet/revoke.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Store } from '../../src/ports/store.ts';
import { createKillGate, killPlaces } from '../support/kill-gate.ts';
import { reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { sampled } from '../support/seeded.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

/** A world with a certificate; `spec` may change what is asked for. */
async function worldWith(spec: Partial<StoredSpec> = {}, options: Parameters<typeof createSimulatedWorld>[0] = {}) {
  const world = await createSimulatedWorld(options);
  const stored = simulatedSpec();
  const wanted: StoredSpec = { ...stored, ...spec };
  await issue(world.replica(1), job(wanted), signal);
  const revoke = (wish: Partial<RevocationWish> & { readonly which?: string } = {}, engine = world.replica(2)) => {
    const { which, ...rest } = wish;
    const whole: RevocationWish = { reason: 'unspecified', by: 'account-key', ...rest };
    return passing(world.clock, revokeVersions(engine, { name: 'abc', which }, whole, signal));
  };
  const lineage = async () => {
    const found = await world.readLineage();
    if (!found?.current) throw new Error('no certificate');
    return { ...found, current: found.current };
  };
  const atCa = async () => world.ca.certificate((await lineage()).current.facts.serial);
  /** A renewal as by cron, or an issue as by a person. */
  const run = (how: 'renew' | 'issue') =>
    issue(world.replica(3), job(wanted, { obeyBackoff: how === 'renew' }), signal);
  return { ...world, wanted, revoke, lineage, atCa, run };
}

describe('a revocation', () => {
  it.each(['account-key', 'certificate-key'] as const)('with the %s reaches the CA, with its reason', async (by) => {
    const world = await worldWith();
    const { serial, notAfter } = (await world.lineage()).current.facts;
    expect(await world.revoke({ reason: 'superseded', by })).toEqual([
      { serial, notAfter, reason: 'superseded', when: 'now' },
    ]);
    expect(await world.atCa()).toMatchObject({ revoked: true, reason: 4 });
    const { current, work } = await world.lineage();
    expect(current.revoked).toEqual({ at: expect.any(String), reason: 'superseded' });
    expect(work).toBeUndefined();
  });

  it('of a certificate in a file with the key of another one is refused before the CA is asked', async () => {
    const world = await worldWith();
    const engine = world.replica(2);
    const { current } = await world.lineage();
    const version = { lineage: 'abc', id: current.id };
    const certificatePem = (await readVersion(engine, version, signal))!.chainPem;
    const issuer = { name: 'ca', settings: world.wanted.issuer.settings };
    const ask = (keyPem: Secret) =>
      revoke(
        { engine } as OpenFleet,
        { what: { certificatePem, issuer, keyPem }, reason: 'unspecified', by: 'account-key' },
        signal,
      );
    await expect(ask(await engine.pki.newKey())).rejects.toMatchObject({
      code: 'usage/key-mismatch',
      message: expect.stringContaining('the key does not belong to this certificate'),
    });
    await expect(ask(new Secret('-----BEGIN PRIVATE KEY-----\nAAAA\n'))).rejects.toMatchObject({
      code: 'usage/file-unreadable',
      message: 'the private key in the file: it cannot be read, so nothing was revoked',
    });
    expect(await world.atCa()).not.toMatchObject({ revoked: true });
    const ownKey = await readKey(engine, version, signal);
    const answer = await passing(world.clock, ask(ownKey!));
    expect(answer).toMatchObject({ certificate: 'abc', revoked: [{ when: 'now' }] });
  });

  it.each(['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\nAA!A\n'])(
    'of a certificate in a file that cannot be read is refused: %j',
    async (certificatePem) => {
      const world = await worldWith();
      const what = { certificatePem, issuer: { name: 'ca', settings: world.wanted.issuer.settings } };
      const asked = revoke(
        { engine: world.replica(2) } as OpenFleet,
        { what, reason: 'unspecified', by: 'account-key' },
        signal,
      );
      await expect(asked).rejects.toMatchObject({
        code: 'usage/file-unreadable',
        message: 'the certificate in the file: it cannot be read, so nothing was revoked',
      });
    },
  );

  it('that is repeated, after a crash before it was marked, is a success', async () => {
    const world = await worldWith();
    const engine = world.replica(2);
    let isDead = false;
    const store: Store = {
      ...world.store,
      put: async (key, bytes, options) => {
        if (isDead || new TextDecoder().decode(bytes).includes('"revoked"')) {
          isDead = true;
          throw new Error('killed');
        }
        return world.store.put(key, bytes, options);
      },
    };
    const dying: Engine = world.replica(2, { store });
    await expect(world.revoke({}, dying)).rejects.toThrow('killed');
    expect([(await world.atCa())?.revoked, (await world.lineage()).current.revoked]).toEqual([true, undefined]);
    world.dead.add(2);
    expect(await world.revoke({}, { ...engine, ...world.replica(4) })).toMatchObject([{ when: 'before' }]);
    expect((await world.lineage()).current.revoked?.reason).toBe('unspecified');
  });

  it('that the CA refuses changes nothing', async () => {
    const world = await worldWith();
    await expect(world.revoke({ reason: 'affiliationChanged' })).rejects.toMatchObject({ code: 'acme/problem' });
    const { current, work } = await world.lineage();
    expect([current.revoked, work]).toEqual([undefined, undefined]);
  });

  it('with no account in the store names the other way', async () => {
    const world = await worldWith();
    for await (const page of world.store.scan('account', signal))
      for (const { key, revision } of page) await world.store.delete(key, { ifRevision: revision, signal });
    await expect(world.revoke()).rejects.toMatchObject({ code: 'acme/no-account' });
    expect(await world.revoke({ by: 'certificate-key' })).toMatchObject([{ when: 'now' }]);
  });

  it('finds nothing of a lineage or version that is not there', async () => {
    const world = await worldWith();
    expect(await world.revoke({ which: 'other' })).toBeUndefined();
  });
});

// Every write and every request is a place to die.
const followers = ['renew', 'sweep', 'revoke'] as const;
const all = killPlaces(9).flatMap(([place, when]) => followers.map((by) => [place, when, by] as const));
// One follower of each place; all in a long run.
const deaths = sampled(all, all.length / followers.length, 'deaths of a revocation');

describe('a revocation of a compromised key', () => {
  it.each(deaths)('killed at its effect %i, %s it, is finished by %s', async (place, when, by) => {
    const gate = createKillGate(place, when);
    const asked: boolean[] = [];
    const between = (honest: Http): Http => ({
      ...honest,
      request: async (request) => {
        if (request.url.includes('revoke')) asked.push((await world.lineage()).revoking !== undefined);
        return gate.pass(() => honest.request(request));
      },
    });
    const world = await worldWith({ reuseKey: true }, { between });
    world.pass(80 * dayMs);
    await world.run('renew');
    world.pass(-10 * dayMs); // both versions are valid
    const { current: second, previous: first } = await world.lineage();
    const isRevoked = () => [first, second].map((one) => world.ca.certificate(one!.facts.serial)?.revoked === true);

    const store: Store = { ...world.store, put: (...args) => gate.pass(() => world.store.put(...args)) };
    const victim = world.replica(2, { store });
    gate.armed = true;
    await world.revoke({ reason: 'keyCompromise' }, victim).catch(() => undefined);
    gate.armed = false;
    expect(gate.effects).toBeGreaterThan(place);
    world.dead.add(2);
    expect(asked).not.toContain(false);
    const dead = await world.lineage();
    const isJournalled = dead.revoking !== undefined || dead.current.revoked !== undefined;
    if (!isJournalled) expect(isRevoked()).toEqual([false, false]);
    expect(dead.current.compromised === true).toBe(isJournalled);

    const next = world.replica(6);
    if (by === 'sweep') await passing(world.clock, sweep(next, signal));
    else if (by === 'revoke') await world.revoke({ reason: 'keyCompromise' }, next);
    else await passing(world.clock, reconcileAll(next, { jobs: [job(world.wanted)], jobOf: () => undefined }, signal));
    const isMeant = isJournalled || by === 'revoke';
    expect(isRevoked()).toEqual([isMeant, isMeant]);
    expect((await world.lineage()).revoking).toBeUndefined();
    if (!isMeant) return;
    const back = rollBack(world.replica(7), { name: 'abc', wanted: world.wanted }, signal);
    await expect(passing(world.clock, back)).rejects.toMatchObject({ code: 'lineage/no-way-back' });
    await world.run('renew');
    const { current } = await world.lineage();
    expect(current.facts.spkiFingerprint).not.toBe(second.facts.spkiFingerprint);
    expect(world.ca.certificate(current.facts.serial)?.revoked).not.toBe(true);
  });

  it.each([
    ['cannot be reached', 'acme/unreachable'],
    ['refuses', 'acme/problem'],
  ] as const)('that the CA %s stays journalled, while two renewals replace the version', async (how, code) => {
    const world = await worldWith({ reuseKey: true });
    const { current: first } = await world.lineage();
    const problem = { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not you', status: 403 };
    const failRevocations = () => {
      for (let n = 0; n < (how === 'refuses' ? 1 : 3); n++)
        world.ca.failNext('revokeCert', how === 'refuses' ? { problem } : { cut: true });
    };
    failRevocations();
    await expect(world.revoke({ reason: 'keyCompromise' })).rejects.toMatchObject({ code });
    expect(await world.run('renew')).toMatchObject({ result: 'renewed' });
    world.pass(80 * dayMs);
    expect(await world.run('renew')).toMatchObject({ result: 'renewed' });
    world.pass(-10 * dayMs);
    const { current, previous } = await world.lineage();
    expect([current, previous].map((one) => one?.facts.serial)).not.toContain(first.facts.serial);
    // Nothing forgets it.
    failRevocations();
    await expect(forget(world.replica(8), 'abc', { force: false }, signal)).rejects.toMatchObject({
      code: 'lineage/in-use',
    });
    await world.editLineage((lineage) => ({ ...lineage, deployments: {} }));
    const deletion = forget(world.replica(8), 'abc', { force: false }, signal);
    await expect(passing(world.clock, deletion)).rejects.toMatchObject({ code });
    // The repeated command means the certificate that it was about.
    expect(await world.revoke()).toMatchObject([{ serial: first.facts.serial, reason: 'keyCompromise', when: 'now' }]);
    expect(world.ca.certificate(current.facts.serial)?.revoked).not.toBe(true);
    expect((await world.lineage()).revoking).toBeUndefined();
  });
});

describe('after a revocation', () => {
  it('for another reason, the CA and the store keep the first one', async () => {
    const world = await worldWith();
    await world.revoke();
    expect(await world.revoke({ reason: 'superseded' })).toMatchObject([{ when: 'before', reason: 'unspecified' }]);
    expect(await world.atCa()).toMatchObject({ reason: 0 });
    expect((await world.lineage()).current.revoked?.reason).toBe('unspecified');
    expect((await world.run('renew')).result).toBe('unchanged');
    await world.revoke({ reason: 'keyCompromise' });
    expect((await world.lineage()).current.revoked?.reason).toBe('unspecified');
    expect((await world.run('renew')).result).toBe('renewed');
  });

  it.each<[RevocationReason, string]>([
    ['superseded', 'renewed'],
    ['keyCompromise', 'renewed'],
    ['unspecified', 'unchanged'],
    ['cessationOfOperation', 'unchanged'],
  ])('%s: renew leaves it %s, even long after', async (reason, result) => {
    const world = await worldWith();
    await world.revoke({ reason });
    expect((await world.run('renew')).result).toBe(result);
    world.pass(80 * dayMs);
    expect((await world.run('renew')).result).toBe(result);
  });

  it('a person gets another one, which is renewed as before', async () => {
    const world = await worldWith();
    await world.revoke({ reason: 'cessationOfOperation' });
    expect(await world.run('issue')).toMatchObject({ result: 'renewed' });
    expect((await world.lineage()).current.revoked).toBeUndefined();
    world.pass(80 * dayMs);
    expect(await world.run('renew')).toMatchObject({ result: 'renewed' });
  });

  it('of a compromised key the next one has a new key, even if keys are reused, and older ones are revoked, too', async () => {
    const world = await worldWith({ reuseKey: true });
    world.pass(80 * dayMs);
    await world.run('renew');
    const { current: second, previous: first } = await world.lineage();
    expect(second.facts.spkiFingerprint).toBe(first?.facts.spkiFingerprint);
    world.pass(-10 * dayMs); // both are valid
    expect(await world.revoke({ reason: 'keyCompromise' })).toHaveLength(2);
    for (const version of [first, second])
      expect(world.ca.certificate(version!.facts.serial)).toMatchObject({ revoked: true, reason: 1 });
    await world.run('renew');
    const { current, previous } = await world.lineage();
    expect(current.facts.spkiFingerprint).not.toBe(second.facts.spkiFingerprint);
    expect(previous).toMatchObject({ id: second.id, compromised: true });
  });

  it('of a compromised key, an order under way gets another key', async () => {
    const world = await worldWith({ reuseKey: true });
    world.pass(80 * dayMs);
    const stop = new AbortController();
    const slow = world.replica(5, {
      solver: { ...world.solver, ready: async () => ({ ready: false, reason: 'not yet' }) },
    });
    const running = issue(slow, job(world.wanted), stop.signal);
    running.catch(() => undefined);
    while (world.txt.size === 0) await world.clock.advance(10);
    world.dead.add(5); // the key is stored
    expect(await world.revoke({ reason: 'keyCompromise' })).toHaveLength(1);
    stop.abort();
    const before = (await world.lineage()).current.facts.spkiFingerprint;
    expect((await world.run('renew')).result).toBe('renewed');
    expect((await world.lineage()).current.facts.spkiFingerprint).not.toBe(before);
  });

  it('a delivery that breaks an endpoint does not go back to the revoked version', async () => {
    const world = await worldWith({ endpoints: ['www.example.com:443'] });
    await world.revoke({ reason: 'keyCompromise' });
    const engine = world.replica(6);
    const handshake = () => {
      // It breaks with the second version.
      const cause = Object.assign(new Error('alert'), world.delivered.length > 1 ? { phase: 'exchange' } : {});
      return Promise.reject(fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause }));
    };
    const broken: Engine = { ...engine, vantage: { ...engine.vantage, handshake }, lookup: async () => ['192.0.2.1'] };
    const outcome = await issue(broken, job(world.wanted), signal);
    expect(outcome).toMatchObject({ error: { hint: expect.stringContaining('There is no previous version') } });
    const { current, deployments } = await world.lineage();
    expect(world.delivered.at(-1)).toBe(current.id);
    expect(deployments['target']).toMatchObject({ version: current.id, state: 'current' });
  });
});

describe('a compromised key that was used again', () => {
  it('also ends a version that is stored and not current yet, and neither stays in the store', async () => {
    const world = await worldWith({ reuseKey: true });
    const { id: first } = (await world.lineage()).current;
    // Killed right before the new version becomes the current one.
    world.pass(61 * dayMs);
    const dies: Store = {
      ...world.store,
      put: async (key, bytes, options) => {
        if (key.kind === 'lineage' && new TextDecoder().decode(bytes).includes('"step":"deploy"')) world.dead.add(7);
        if (world.dead.has(7)) throw new Error('killed');
        return world.store.put(key, bytes, options);
      },
    };
    await issue(world.replica(7, { store: dies }), job(world.wanted), signal);
    const { work } = await world.lineage();
    const stored = await readVersion(world.replica(2), { lineage: 'abc', id: work!.version }, signal);
    expect(stored).toBeDefined();
    await world.revoke({ reason: 'keyCompromise' });
    expect(world.ca.certificate(stored!.facts.serial)).toMatchObject({ revoked: true, reason: 1 });
    expect(await world.run('issue')).toMatchObject({ result: 'renewed' });
    expect(await world.run('issue')).toMatchObject({ result: 'unchanged' });
    const engine = world.replica(2);
    expect(await readKey(engine, { lineage: 'abc', id: work!.version }, signal)).toBeUndefined();
    expect(await readKey(engine, { lineage: 'abc', id: first }, signal)).toBeDefined();
  });
});
