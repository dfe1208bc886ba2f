import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AlibabaAlb } from '../../test/support/alibaba-alb.ts';
import type { PemOptions } from '../../test/support/alibaba-gateway/cas.ts';
import { storeOf } from '../../test/support/cdn-suite.ts';
import { Secret } from '../core/errors/secret.ts';
import type { HolderOf } from '../core/lineage/holder.ts';
import type { DeployerContext } from '../define.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import type { World } from '../ports/world.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';

/** What the fakes of ALB and NLB have in common. */
type Fake = Pick<AlibabaAlb, 'api' | 'records' | 'snapshot' | 'deny' | 'failJob'> & {
  served(balancer: string, port: number, name: string): string | undefined;
};

interface FakeOptions {
  readonly clock: Clock;
  readonly keys: readonly { readonly id: string; readonly secret: string }[];
  readonly changeMs: number;
  readonly visibleAfterMs: number;
  readonly certificates: readonly PemOptions[];
  readonly quota?: { readonly most: number; readonly code: string };
  /** How many additional certificates there may be. */
  readonly most?: number;
}

/** One service whose listeners get certificates. */
export interface ListenerService {
  readonly type: 'alibaba-alb' | 'alibaba-nlb';
  readonly notes: string;
  /** The calls that add and remove a certificate. */
  readonly add: string;
  readonly remove: string;
  /** Where the additional certificates are counted. */
  readonly where: string;
  /** What the message says of a change that was given up. */
  readonly givenUp: string;
  readonly listeners: string;
  /** Whether a certificate may be the default one and an additional one at once. */
  readonly mayBeBoth: boolean;
  /** How many additional certificates count before the first delivery. */
  readonly used: number;
  /** Has the default certificate `other` on ports 443 and 8443, the additional one `shop` on both, and a listener on 80. */
  start(options: FakeOptions): Fake;
  connect(
    parts: Pick<DeployerContext<unknown>, 'name' | 'world' | 'owner' | 'holderOf'>,
    options: object,
    keys: { readonly accessKeyId: Secret; readonly accessKeySecret: Secret },
  ): Deployer;
}

const { signal } = new AbortController();
const owner = 'aaaaaaaaaaaa';
const www = 'www.example.com';
const ca = testParty('CA');
const leaf = testParty('leaf');
const privateKey = leaf.key.export({ type: 'sec1', format: 'pem' }).toString();
let made = 0;

function version(names: readonly string[] = [www], stored: string[] = [], lineage = 'abc'): VersionBundle {
  made += 1;
  const pem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(leaf.key) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
    serial: Uint8Array.of(1, made >> 8, made & 255),
  });
  const { certificates, facts } = pki.readChain(pem);
  stored.push(facts.fingerprint);
  const keyPem = new Secret(leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString());
  const own = { lineage, id: `v${made}`, facts, keyPem, certPem: certificates[0]!, chainPem: '' };
  return { ...own, fullchainPem: pem, stored };
}

const byHand = (name: string, ...names: string[]) => ({ name, certificate: version(names).fullchainPem, privateKey });

const note = async () => {};
const deploy = async (deployer: Deployer, one: VersionBundle, until = signal) => {
  const staged = await deployer.stage(one, note, until);
  await deployer.activate(one, staged, note, until);
};
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string },
  );

/** The tests of a deployer that puts certificates on a listener of ALB or NLB. */
export function listenerDeployerTests(service: ListenerService): void {
  const { type, add: associate, remove: dissociate, where } = service;
  const ram = type.replace('alibaba-', '');
  const lb = `${ram}-unit1`;

  function bench(options: object = {}, changes: Partial<FakeOptions> = {}, holderOf?: HolderOf) {
    const clock = fakeClock(new Date('2026-11-24T12:00:00Z'), { auto: true });
    const root = { id: 'LTAIroot', secret: 'root-secret' };
    const fake = service.start({
      ...{ clock, keys: [root], changeMs: 5_000, visibleAfterMs: 1_500 },
      certificates: [byHand('other', 'other.example.com'), byHand('shop', 'shop.example.com')],
      ...changes,
    });
    const lines: string[] = [];
    let [nonces, counted] = [0, 0];
    const world = {
      clock,
      random: { bytes: (length: number) => Buffer.from(String(++nonces).padStart(length, '0')), number: () => 0 },
      log: { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} },
      http: () => fake.api.http,
    } as unknown as World;
    const keys = { accessKeyId: new Secret(root.id), accessKeySecret: new Secret(root.secret) };
    const parts = { name: 'https', world, owner, holderOf };
    const isChange = (action: string) => !/^(List|Get)/.test(action);
    return {
      ...{ fake, clock, lines, connect: (more: object = {}) => service.connect(parts, { ...options, ...more }, keys) },
      /** The mark of what a client gets ends with the beginning of the fingerprint. */
      serves: (one: VersionBundle, name = www) =>
        fake.served(lb, 443, name)?.endsWith(one.facts.fingerprint.slice(0, 12)) === true,
      /** The actions of the calls since the last ones. */
      actions() {
        const since = fake.records.slice(counted);
        counted = fake.records.length;
        return since.map(({ action }) => action);
      },
      changes: () =>
        fake.records.flatMap(({ action, code }) => (code === undefined && isChange(action) ? [action] : [])),
      loseAnswer: () =>
        fake.api.fault({ kind: 'lost' }, { on: ({ headers }) => isChange(headers['x-acs-action'] ?? '') }),
    };
  }

  describe(`the deployer ${type}`, () => {
    deployerContract(it, async () => {
      const quota = { most: 100, code: 'QuotaExceeded.Certificates' };
      const { fake, connect, lines, serves, changes, loseAnswer } = bench({}, { quota });
      const all: VersionBundle[] = [];
      const stored: string[] = [];
      return {
        connect,
        async version() {
          const one = version([www], stored);
          all.push(one);
          return one;
        },
        inUse: async () => all.find((one) => serves(one))?.facts.fingerprint,
        async breakActivation() {
          fake.deny(`${ram}:${associate}`);
          return async () => fake.deny();
        },
        logged: () => lines,
        stop: async () => {},
        cloud: {
          changes: () => changes().length,
          uploads: () => changes().filter((action) => action === 'UploadUserCertificate').length,
          loseAnswer,
          fill() {
            quota.most = 0;
            return () => {
              quota.most = 100;
            };
          },
          addForeign: () => () => {
            expect([fake.served(lb, 443, 'shop.example.com'), fake.served(lb, 443, 'x.example.org')]).toEqual([
              ...['shop', 'other'],
            ]);
          },
        },
      };
    });

    it('adds the new version before it takes the old one off, and leaves all others', async () => {
      const { connect, serves, changes, fake } = bench();
      const stored: string[] = [];
      const [old, young] = [version([www], stored), version([www], stored)];
      await deploy(connect(), old);
      await deploy(connect(), young);
      expect(changes()).toEqual(['UploadUserCertificate', associate, 'UploadUserCertificate', associate, dissociate]);
      expect([serves(young), serves(young)]).toEqual([true, true]);
      expect(fake.served(lb, 443, 'shop.example.com')).toBe('shop');
    });

    it('takes six calls, two more to take the old version off, and three for an idle look', async () => {
      const { connect, actions, clock } = bench({}, { changeMs: 0, visibleAfterMs: 0 });
      const stored: string[] = [];
      const [old, young] = [version([www], stored), version([www], stored)];
      const pass = async (...work: ((deployer: Deployer) => Promise<unknown>)[]) => {
        await clock.sleep(3_600_000, signal);
        const deployer = connect();
        for (const one of work) await one(deployer);
        return actions();
      };
      const delivers = (one: VersionBundle) => (deployer: Deployer) => deploy(deployer, one);
      const [bound, listed] = ['ListListenerCertificates', ['ListListeners', 'ListUserCertificateOrder']];
      const added = ['UploadUserCertificate', bound, associate, bound];
      expect(await pass(delivers(old))).toEqual([...listed, ...added]);
      expect(await pass(delivers(young))).toEqual([...listed, ...added, dissociate, bound]);
      // The lists are read once for all deliveries of a pass.
      const others = ['a', 'b', 'c'].map((name) => version([`${name}.example.net`], [], name));
      expect(await pass(...others.map(delivers))).toEqual([...listed, ...others.flatMap(() => added)]);
      for (let idle = 0; idle < 10; idle++)
        expect(await pass((deployer) => deployer.look(young, signal))).toEqual([listed[0], bound, listed[1]]);
      expect((await connect().look(young, signal)).state).toBe('current');
    });

    it('as the default certificate, takes one call more, to look before the upload', async () => {
      const { connect, actions } = bench({ attach: 'default' }, { changeMs: 0, visibleAfterMs: 0 });
      const stored: string[] = [];
      const bound = 'ListListenerCertificates';
      for (let delivery = 0; delivery < 2; delivery++) {
        await deploy(connect(), version(['*.example.com'], stored));
        expect(actions()).toEqual([
          ...['ListListeners', 'ListUserCertificateOrder', bound],
          ...['UploadUserCertificate', bound, 'UpdateListenerAttribute', bound],
        ]);
      }
    });

    it('refuses a certificate beside one of another lineage with the same names and kind of key', async () => {
      const ofShop: string[] = [];
      const store = storeOf(type, (names, lineage) => version(names, lineage === 'shop' ? ofShop : [], lineage));
      const { connect, serves, changes } = bench({}, {}, store.holderOf);
      await deploy(connect(), store.renew('shop', [www]));
      const wanted = { lineage: 'api', names: [www] };
      expect(await failure(connect().check!(wanted, signal))).toMatchObject({
        code: 'balancer/no-room',
        message: expect.stringMatching(
          /for api: \w+-unit1:443 has the certificate shop of this store, too, for the same names \(www\.example\.com\)/,
        ),
        hint: expect.stringContaining('Delete one of the two certificates, shop and api'),
      });
      const before = changes();
      expect(await failure(deploy(connect(), store.renew('api', [www])))).toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringContaining('has the certificate shop of this store'),
      });
      expect(changes()).toEqual(before);
      // Another kind of key, other names, and its own renewal are welcome.
      for (const one of [
        { ...wanted, keyType: 'rsa2048' as const },
        { ...wanted, names: ['api.example.com'] },
        { ...wanted, lineage: 'shop' },
      ])
        expect(await connect().check!(one, signal)).toContain('needs 1 more');
      const next = store.renew('shop', [www]);
      await deploy(connect(), next);
      expect(serves(next)).toBe(true);
    });

    it('finds each right that is missing, and changes nothing', async () => {
      for (const attach of ['additional', 'default'] as const) {
        const { connect, fake, changes } = bench({ attach });
        const before = fake.snapshot();
        const all = (await connect().rights?.(signal)) ?? [];
        expect(all.map(({ state }) => state)).toEqual(all.map(() => 'allowed'));
        expect(all.map(({ action }) => action)).toEqual(
          expect.arrayContaining([`${ram}:${associate}`, `${ram}:${dissociate}`, 'yundun-cert:UploadUserCertificate']),
        );
        for (const { action } of all.filter((one) => one.action !== `${ram}:ListListeners`)) {
          fake.deny(action);
          const found = (await connect().rights?.(signal)) ?? [];
          expect(found.filter(({ state }) => state !== 'allowed')).toMatchObject([{ action, state: 'denied' }]);
        }
        expect([changes(), fake.snapshot()]).toEqual([[], before]);
      }
    });

    it('leaves the certificates of other lineages of this store', async () => {
      const { connect, serves } = bench();
      const [one, two] = [version([www]), version(['api.example.com'])];
      await deploy(connect(), one);
      await deploy(connect(), two);
      expect([serves(one), serves(two, 'api.example.com')]).toEqual([true, true]);
    });

    it('as the default certificate, covers what the one before it covers, and no less', async () => {
      const { connect, serves, changes } = bench({ attach: 'default' });
      const stored: string[] = [];
      expect(await failure(deploy(connect(), version([www], stored)))).toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringContaining('also covers other.example.com'),
      });
      expect(changes()).toEqual([]);
      const wild = version(['*.example.com'], stored);
      await deploy(connect(), wild);
      expect([serves(wild, 'x.example.org'), (await connect().look(wild, signal)).state]).toEqual([true, 'current']);
      // Its renewal is the default one, too, since that cannot be taken off.
      const next = version(['*.example.com'], stored);
      await deploy(connect({ attach: 'additional' }), next);
      expect(serves(next, 'x.example.org')).toBe(true);
      const before = changes();
      expect(await failure(deploy(connect({ attach: 'additional' }), version([www], stored)))).toMatchObject({
        message: expect.stringContaining('also covers *.example.com'),
      });
      expect(changes()).toEqual(before);
    });

    it('an additional certificate becomes the default one now, or with its next version', async () => {
      const { connect, serves } = bench();
      const stored: string[] = [];
      const [old, young] = [version(['*.example.com'], stored), version(['*.example.com'], stored)];
      await deploy(connect(), old);
      const later = deploy(connect({ attach: 'default' }), old);
      if (!service.mayBeBoth)
        expect(await failure(later)).toMatchObject({
          message: expect.stringContaining('The next version becomes the default one: `certfleet renew abc --force`'),
        });
      else await later;
      expect(serves(old)).toBe(true);
      await deploy(connect({ attach: 'default' }), young);
      expect([serves(young), serves(young, 'x.example.org')]).toEqual([true, true]);
      expect((await connect({ attach: 'default' }).look(young, signal)).state).toBe('current');
    });

    it('says that both are on the listener if the old version cannot be taken off', async () => {
      const { connect, fake } = bench();
      const stored: string[] = [];
      await deploy(connect(), version([www], stored));
      fake.deny(`${type.replace('alibaba-', '')}:${dissociate}`);
      expect(await failure(deploy(connect(), version([www], stored)))).toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringContaining(dissociate),
        hint: expect.stringMatching(/^The new certificate is on the listener, and the older one still beside it\./),
      });
    });

    it.each([associate, dissociate])('makes %s again if it is given up after it was accepted', async (action) => {
      const { connect, fake } = bench();
      const stored: string[] = [];
      const [old, young] = [version([www], stored), version([www], stored)];
      await deploy(connect(), old);
      fake.failJob(action);
      await deploy(connect(), young);
      expect((await connect().look(young, signal)).state).toBe('current');
      fake.failJob(associate, 'OperationFailed.Unit', 100);
      const next = version([www], stored);
      expect(await failure(deploy(connect(), next))).toMatchObject({
        message: expect.stringContaining(service.givenUp),
      });
      expect((await connect().look(next, signal)).state).toBe('stale');
    });

    it.each([
      ['waits for', false],
      ['makes again', true],
    ])('%s a change that a killed process began (given up: %s)', async (_what, isGivenUp) => {
      const { connect, fake, serves, changes } = bench({}, { changeMs: 60_000, visibleAfterMs: 0 });
      const one = version();
      const dying = new AbortController();
      const die = <T>(answer: T) => {
        dying.abort();
        return answer;
      };
      fake.api.fault({ kind: 'changed', change: die }, { on: ({ headers }) => headers['x-acs-action'] === associate });
      if (isGivenUp) fake.failJob(associate);
      await deploy(connect(), one, dying.signal).catch(() => undefined);
      expect([dying.signal.aborted, serves(one)]).toEqual([true, false]);
      const other = connect();
      await deploy(other, one);
      expect([serves(one), (await other.look(one, signal)).state]).toEqual([true, 'current']);
      expect(changes().filter((action) => action === associate)).toHaveLength(isGivenUp ? 2 : 1);
    });

    it('a full listener keeps what it has, and the error says so', async () => {
      const { connect, changes } = bench({}, { most: 1 });
      expect(await failure(deploy(connect(), version()))).toMatchObject({
        message: expect.stringContaining(`another additional certificate on a listener of ${lb}`),
      });
      expect(changes()).toEqual(['UploadUserCertificate']);
    });

    it('finds a full listener before an order', async () => {
      const wanted = { lineage: 'abc', names: [www] };
      expect(await bench().connect().check?.(wanted, signal)).toContain(`uses ${service.used} of 25 additional`);
      expect(await failure(bench({ certificateQuota: 1 }).connect().check!(wanted, signal))).toMatchObject({
        code: 'balancer/no-room',
        message: expect.stringContaining(
          `${where} uses ${service.used} of 1 additional certificates, and needs 1 more`,
        ),
      });
      expect(await bench({ attach: 'default' }).connect().check?.(wanted, signal)).toContain('needs no room');
    });

    it('lists its uploads, and removes one that has expired and that the listener does not have', async () => {
      const { connect, clock, changes } = bench();
      const stored: string[] = [];
      const [old, young] = [version([www], stored), version([www], stored)];
      await deploy(connect(), old);
      await deploy(connect(), young);
      clock.set(new Date(Date.parse(young.facts.notAfter) + 86_400_000));
      const all = (await connect().owned?.(signal)) ?? [];
      expect(all).toHaveLength(2);
      for (const object of all) await connect().removeOwned?.(object, signal);
      expect(changes().filter((action) => action === 'DeleteUserCertificate')).toHaveLength(1);
    });

    it.each([...service.notes.matchAll(/"((?:[an]lb|yundun-cert):\w+)"/g)].map(([, action]) => action!))(
      'without %s, the error says what is missing',
      async (missing) => {
        const { connect, fake } = bench();
        const stored: string[] = [];
        fake.deny(missing);
        const both = async () => {
          await deploy(connect(), version([www], stored));
          await deploy(connect(), version([www], stored));
        };
        expect(await failure(both())).toMatchObject({ message: expect.stringContaining(`lacks ${missing}`) });
      },
    );

    it('says which listeners there are', async () => {
      const { connect, changes } = bench({ listenerPort: 80 });
      expect(await failure(deploy(connect(), version()))).toMatchObject({
        message: expect.stringContaining(`the listeners of the load balancer are: ${service.listeners}`),
      });
      expect(changes()).toEqual([]);
    });
  });
}
