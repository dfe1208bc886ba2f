import { createPublicKey } from 'node:crypto';
import { expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import type { HolderOf } from '../../src/core/lineage/holder.ts';
import type { Json } from '../../src/core/text/json.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import type { FakeClock } from '../../src/testing/fake-clock.ts';
import { pki } from '../../src/x509/pki.ts';
import { testCertificate, testParty } from '../../src/x509/test-certificates.ts';
import type { Connecting } from './cdn-bench.ts';
import { seeded } from './seeded.ts';

// What every deployer to a CDN does, whatever its API. The fakes of the vendors differ, and stand behind `CdnBench`.

export interface DomainInSuite {
  /** A wildcard begins with `*.`. */
  readonly name: string;
  /** Whether HTTPS is on, with a certificate that was set by hand. */
  readonly isOn: boolean;
  readonly isOffline?: boolean;
}

export interface CdnBench {
  readonly clock: FakeClock;
  /** Returns a new deployer, as another process has. */
  connect(more?: Connecting): Deployer;
  /** The fingerprint of what a domain serves, in lower case. */
  served(name: string): string | undefined;
  /** Everything about the domains but certificates and status. */
  settings(): unknown;
  calls(): readonly string[];
  /** How many calls changed something so far. */
  changes(): number;
  /** How many certificates the account keeps; left out if it keeps none apart from its domains. */
  uploads?(): number;
  /** How many calls were refused so far. */
  refusals(): number;
  /** Carries out changes, and loses their answers. */
  loseAnswers(when: () => boolean, times?: number): void;
  setOffline(name: string, isOffline: boolean): void;
  /** Lets a domain refuse every change. Returns how to repair it. */
  refuse(name: string): () => void;
  /** Left out if the API shows no roll-out. */
  failRollOut?(name: string): () => void;
  /** Lets the API refuse every change of a certificate. Returns how to repair it. */
  refuseAll(): () => void;
  readonly lines: readonly string[];
}

export interface CdnKind {
  /** The options are those of the deployer besides the keys. */
  bench(domains: readonly DomainInSuite[], more?: { readonly options?: object; readonly rollOutMs?: number }): CdnBench;
  /** The fewest milliseconds between two changes. */
  readonly everyMs: number;
  /** From a change until a domain shows it. */
  readonly lagMs: number;
}

const { signal } = new AbortController();
const note = async () => {};
const minuteMs = 60_000;
const ca = testParty('CA');
const leaf = testParty('leaf');
const caPem = testCertificate({ subject: 'CA', issuer: ca, publicKey: createPublicKey(ca.key), isCa: true });
let made = 0;
export const on = (name: string): DomainInSuite => ({ name, isOn: true });
export const off = (name: string): DomainInSuite => ({ name, isOn: false });

export function version(names: readonly string[] = ['*.example.com'], lineage = 'abc'): VersionBundle {
  made += 1;
  const certPem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(leaf.key) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
    serial: Uint8Array.of(1, made >> 8, made & 255),
  });
  const { facts } = pki.readChain(certPem);
  const keyPem = new Secret(leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString());
  const fullchainPem = certPem + caPem;
  return { lineage, id: `v${made}`, facts, keyPem, certPem, chainPem: caPem, fullchainPem };
}

/** The certificate that domains have at first. */
export const byHand = {
  name: 'by_hand',
  certificate: version(['*.example.com', 'example.com', 'myexample.com', 'a.b.example.com', '*.example.org'])
    .fullchainPem,
  privateKey: leaf.key.export({ type: 'sec1', format: 'pem' }).toString(),
};

/** The certificates of a store that deliver to all domains at deployers of this type, if they have no list. */
export function storeOf(type: string, make = version) {
  const versions = new Map<string, VersionBundle[]>();
  const options = new Map<string, object>();
  const holderOf: HolderOf = async (fingerprint) => {
    for (const [lineage, all] of versions)
      for (const one of all.slice(-2)) {
        const issued = { directory: '', accountUrl: '', issuedAt: '' };
        const [has, current] = [one, all.at(-1)!].map(({ id, facts }) => ({ id, facts, ...issued }));
        const targets = [{ name: 'cdn', settings: { type, domains: 'covered', ...options.get(lineage) } }];
        if (one.facts.fingerprint.startsWith(fingerprint)) return { lineage, has: has!, current: current!, targets };
      }
    return undefined;
  };
  return {
    holderOf,
    list: (lineage: string, more: object) => void options.set(lineage, more),
    delete: (lineage: string) => void versions.delete(lineage),
    renew(lineage: string, names: readonly string[]) {
      const one = make(names, lineage);
      versions.set(lineage, [...(versions.get(lineage) ?? []), one]);
      return one;
    },
  };
}

export const look = (deployer: Deployer, one: VersionBundle) => deployer.look(one, signal);
export async function deploy(deployer: Deployer, one: VersionBundle): Promise<Json> {
  const staged = await deployer.stage(one, note, signal);
  await deployer.activate(one, staged, note, signal);
  return staged;
}
export const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string; cause?: unknown },
  );

export function cdnSuite(kind: CdnKind): void {
  const { bench, everyMs, lagMs } = kind;
  const many = (count: number, zone = 'example.com') => Array.from({ length: count }, (_, at) => on(`d${at}.${zone}`));

  it('sets each covered domain with HTTPS, and leaves all others and every other setting alone', async () => {
    const domains = [
      ...[on('www.example.com'), on('*.example.com'), on('a.b.example.com'), on('example.com'), on('myexample.com')],
      ...[off('plain.example.com'), on('old.example.com'), { ...on('gone.example.com'), isOffline: true }],
      on('www.example.org'),
    ];
    const cloud = bench(domains, { options: { except: ['old.example.com'] } });
    const before = cloud.settings();
    const deployer = cloud.connect();
    const one = version();
    expect((await look(deployer, one)).state).toBe('absent');
    await deploy(deployer, one);
    const has = domains.filter(({ name }) => cloud.served(name) === one.facts.fingerprint).map(({ name }) => name);
    expect(has).toEqual(['www.example.com', '*.example.com']);
    expect(cloud.settings()).toEqual(before);
    await cloud.clock.advance(lagMs);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 2, lacking: [] } });
  });

  it('takes at most four calls and two for each place', async () => {
    for (const count of [1, 3, 20]) {
      const cloud = bench(many(count));
      const deployer = cloud.connect();
      const one = version();
      await look(deployer, one);
      await deploy(deployer, one);
      await cloud.clock.advance(lagMs);
      expect((await look(deployer, one)).state).toBe('current');
      expect(cloud.calls().length).toBeLessThanOrEqual(4 + 2 * count);
    }
  });

  it('sets 100 domains within a minute, at most as often as the API allows', async () => {
    const cloud = bench(many(100));
    await deploy(cloud.connect(), version());
    expect(cloud.clock.monotonicMs()).toBeGreaterThanOrEqual(99 * everyMs);
    expect(cloud.clock.monotonicMs()).toBeLessThan(minuteMs);
    expect(cloud.refusals()).toBe(0);
  });

  it('finds a domain on the last of many pages', async () => {
    const cloud = bench([...many(600, 'example.org'), on('*.example.com')]);
    const deployer = cloud.connect();
    const one = version();
    await deploy(deployer, one);
    await cloud.clock.advance(lagMs);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 1 } });
    expect(cloud.served('*.example.com')).toBe(one.facts.fingerprint);
  });

  it('names what is listed and cannot get it, and changes nothing there', async () => {
    const listed = ['WWW.example.com', '.example.com', 'off.example.com', 'nowhere.example.com', 'www.example.org'];
    const domains = [on('www.example.com'), on('*.example.com'), off('off.example.com'), on('www.example.org')];
    const cloud = bench(domains, { options: { domains: listed } });
    const deployer = cloud.connect();
    const before = cloud.settings();
    const one = version();
    await deploy(deployer, one);
    await cloud.clock.advance(lagMs);
    const { state, places } = await look(deployer, one);
    expect([state, places?.total, places?.lacking.map(({ place, reason }) => `${place}: ${reason}`)]).toEqual([
      'stale',
      5,
      [
        'off.example.com: HTTPS is off, and certfleet does not switch it on',
        'nowhere.example.com: the account has no such domain',
        'www.example.org: the certificate does not cover it',
      ],
    ]);
    expect(cloud.settings()).toEqual(before);
  });

  it('leaves a domain to the certificate of the store that has it', async () => {
    const [wwwName, apiName] = ['www.example.com', 'api.example.com'];
    const cloud = bench([on(wwwName), on(apiName)]);
    const stored = storeOf(cloud.connect().type);
    const { wild, www } = {
      wild: () => stored.renew('wild', ['*.example.com']),
      www: () => stored.renew('www', [wwwName]),
    };
    const listing = { domains: [wwwName] };
    async function pass(one: VersionBundle, options: object = {}) {
      const deployer = cloud.connect({ holderOf: stored.holderOf, options });
      if ((await look(deployer, one)).state !== 'current') await deploy(deployer, one);
      await cloud.clock.advance(lagMs + 20 * minuteMs);
      const last = await look(cloud.connect({ holderOf: stored.holderOf, options }), one);
      expect(last.state).toBe('current');
      return last.detail;
    }
    const serve = (...expected: readonly VersionBundle[]) =>
      expect([wwwName, apiName].map(cloud.served)).toEqual(expected.map(({ facts }) => facts.fingerprint));

    const [first, second] = [www(), wild()];
    await pass(first);
    await pass(second);
    serve(first, second);
    const changes = cloud.changes();
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await pass(second)).toContain('1 domain left to the certificate www');
      expect(await pass(first)).not.toContain('left');
    }
    expect(cloud.changes()).toBe(changes);
    const checked = await cloud.connect({ holderOf: stored.holderOf }).check!(
      { lineage: 'wild', names: ['*.example.com'] },
      signal,
    );
    expect(checked).toMatch(/^1 domain of .* can get it; 1 domain left to the certificate www$/);
    // A delivery that is forced, or a rollback.
    await deploy(cloud.connect({ holderOf: stored.holderOf }), second);
    await cloud.clock.advance(lagMs + 20 * minuteMs);
    serve(first, second);

    const [third, fourth] = [www(), wild()];
    await pass(fourth);
    await pass(third);
    serve(third, fourth);
    stored.delete('www');
    await pass(fourth);
    serve(fourth, fourth);
    const fifth = www();
    expect(await pass(fifth)).toBe('1 domain left to the certificate wild');
    await deploy(cloud.connect({ holderOf: stored.holderOf }), fifth);
    serve(fourth, fourth);
    // A list has precedence.
    stored.list('www', listing);
    await pass(fifth, listing);
    await pass(fourth);
    serve(fifth, fourth);
  });

  it('says before an order which domains can get the certificate', async () => {
    const domains = [on('www.example.com'), on('*.example.com'), off('plain.example.com'), on('www.example.org')];
    const check = (options: object, names = ['*.example.com']) =>
      bench(domains, { options }).connect().check!({ lineage: 'abc', names }, signal);
    expect(await check({})).toMatch(/^2 domains of .* can get it$/);
    expect(await check({ except: ['.example.com'] })).toMatch(/^1 domain of .* can get it$/);
    const refused = async (...given: Parameters<typeof check>) => (await failure(check(...given))).message;
    expect(await refused({}, ['plain.example.com'])).toContain('no domain with HTTPS that the certificate covers');
    const vain = async (...given: Parameters<typeof check>) => (await failure(check(...given))).cause;
    const missing = (what: string) => ({
      code: 'balancer/not-found',
      message: expect.stringContaining(`${what} does not exist`),
    });
    expect(await vain({}, ['example.net'])).toMatchObject(missing('a domain that the certificate covers'));
    expect(await vain({ domains: ['nope.example.com'] })).toMatchObject(missing('the domain nope.example.com'));
    expect(await vain({ domains: ['nope.example.com', 'plain.example.com'] })).not.toHaveProperty('code');
    const listed = ['www.example.com', 'plain.example.com', 'www.example.org', 'nope.example.com'];
    expect(await refused({ domains: listed })).toContain(
      '3 of 4 domains cannot get it: plain.example.com (HTTPS is off, and certfleet does not switch it on); ' +
        'www.example.org (the certificate does not cover it); nope.example.com (the account has no such domain)',
    );
  });

  it.each([
    ['no domain', [], {}, 'a domain that the certificate covers does not exist'],
    ['HTTPS nowhere', [off('www.example.com')], {}, 'has no domain with HTTPS'],
    ['HTTPS off', [off('www.example.com')], { domains: ['www.example.com'] }, 'HTTPS is off'],
  ])('changes nothing where there is %s', async (_what, domains, options, message) => {
    const cloud = bench(domains, { options });
    const error = await failure(deploy(cloud.connect(), version()));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining(message) });
    expect([cloud.changes(), cloud.refusals()]).toEqual([0, 0]);
  });

  it('uploads once and sets each domain once while every fifth answer is lost', async () => {
    const chance = seeded('lost answers of a CDN');
    const domains = many(20);
    const cloud = bench(domains);
    const before = cloud.uploads?.() ?? 0;
    cloud.loseAnswers(() => chance() < 0.2, Number.POSITIVE_INFINITY);
    for (let turn = 1; turn <= 5; turn += 1) {
      const one = version();
      // As the engine does: each pass looks first, and delivers only if something lacks it.
      for (let pass = 0; pass < 20; pass += 1) {
        const deployer = cloud.connect();
        if ((await look(deployer, one).catch(() => undefined))?.state === 'current') break;
        await deploy(deployer, one).catch(() => undefined);
        await cloud.clock.advance(lagMs);
      }
      for (const { name } of domains) expect(cloud.served(name)).toBe(one.facts.fingerprint);
      const uploads = cloud.uploads ? turn : 0;
      expect([(cloud.uploads?.() ?? 0) - before, cloud.changes()]).toEqual([uploads, turn * 20 + uploads]);
    }
  });

  cdnContract(kind);
}

/** The contract of deployers alone. */
export function cdnContract({ bench }: Pick<CdnKind, 'bench'>): void {
  deployerContract(it, async () => {
    const spare = ['s0.example.com', 's1.example.com', 's2.example.com'];
    const domains = [on('a.example.com'), on('b.example.com'), ...spare.map(on)];
    const cloud = bench(domains, { rollOutMs: 7 * minuteMs });
    // The fakes have no call to switch HTTPS on, so new places are domains that were offline.
    for (const name of spare) cloud.setOffline(name, true);
    const settle = async () => cloud.clock.advance(8 * minuteMs);
    const failRollOut = () => {
      const mends = ['a.example.com', 'b.example.com'].map((name) => cloud.failRollOut?.(name));
      return () => {
        for (const mend of mends) mend?.();
      };
    };
    const first = cloud.served('a.example.com');
    const { connect, lines, changes, uploads, served } = cloud;
    return {
      ...{ connect, version: async () => version(), logged: () => lines, stop: async () => {} },
      async inUse(expected) {
        if (expected !== undefined) await settle();
        const now = served('a.example.com');
        return now === first ? undefined : now;
      },
      async breakActivation() {
        const mend = cloud.refuseAll();
        return async () => mend();
      },
      cloud: {
        ...{ changes, ...(uploads ? { uploads } : {}), ...(cloud.failRollOut ? { settle, failRollOut } : {}) },
        loseAnswer: () => cloud.loseAnswers(() => true, 1),
        addForeign() {
          const before = JSON.stringify(cloud.settings());
          return () => expect(JSON.stringify(cloud.settings())).toBe(before);
        },
        places: {
          add() {
            const name = spare.shift() ?? '';
            cloud.setOffline(name, false);
            return name;
          },
          refuse: cloud.refuse,
          inUse: served,
        },
      },
    };
  });
}
