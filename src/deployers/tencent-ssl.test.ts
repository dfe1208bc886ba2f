import { createPublicKey } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { storeOf } from '../../test/support/cdn-suite.ts';
import { itDrawn } from '../../test/support/drawn.ts';
import { seeded } from '../../test/support/seeded.ts';
import { keysOf, place, testClb } from '../clients/tencent/test-clb.ts';
import { Secret } from '../core/errors/secret.ts';
import type { HolderOf } from '../core/lineage/holder.ts';
import type { Json } from '../core/text/json.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';
import definition from './tencent-ssl.ts';

const signal = new AbortController().signal;
const owner = 'aaaaaaaaaaaa';
const minuteMs = 60_000;
const ca = testParty('CA');
const leaf = testParty('leaf');
let made = 0;

function version(names: readonly string[] = ['*.example.com'], lineage = 'abc'): VersionBundle {
  made += 1;
  const pem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(leaf.key), serial: Uint8Array.of(1, made) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
  });
  const { certificates, facts } = pki.readChain(pem);
  const keyPem = new Secret(leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { lineage, id: `v${made}`, facts, keyPem, certPem: certificates[0]!, chainPem: '', fullchainPem: pem };
}

type Changes = NonNullable<Parameters<typeof testClb>[0]>;
type Host = NonNullable<Changes['hosts']>[number];
type Product = 'cdn' | 'teo' | 'waf' | 'cos' | 'live';

const byHand = { certificate: version(['*.example.com', 'example.com']).fullchainPem, alias: 'by-hand' };
const where = { region: 'ap-guangzhou', bucket: 'b-1' };
const off = (domain: string, product: Product = 'cdn'): Host => ({
  ...{ product, domain },
  ...(product === 'cos' ? where : {}),
});
const on = (domain: string, product: Product = 'cdn', more: Partial<Host> = {}): Host => ({
  ...off(domain, product),
  ...{ certificate: byHand.alias, ...more },
});
/** As DeployCertificateInstance names a domain. */
const instance = (domain: string, product: Product) =>
  ({ cdn: `${domain}|on`, cos: `${where.region}|${where.bucket}|${domain}` })[product as string] ?? domain;

function bench(hosts: readonly Host[] = [on('www.example.com')], options: object = {}, changes: Changes = {}) {
  const privateKey = leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tencent = testClb({ hosts, certificates: [{ ...byHand, privateKey }], ...changes });
  const { secretId, secretKey } = place;
  const connect = (more: object = {}, holderOf?: HolderOf): Deployer =>
    definition.connect({
      ...{ name: 'edge', world: tencent.world(), owner, holderOf },
      options: definition.options.parse({
        ...{ product: hosts[0]?.product ?? 'cdn', domains: 'covered', secretId, secretKey, ...options, ...more },
      }),
    });
  const { fake } = tencent;
  const served = (domain: string, product: Product = 'cdn') => fake.servedByHost(product, domain);
  const certificates = () => fake.certificates().length;
  return {
    ...{ ...tencent, connect, deployer: connect(), served, certificates },
    deployments: () =>
      fake.records.filter(({ action, code }) => action === 'DeployCertificateInstance' && code === undefined).length,
  };
}

const note = async () => {};
const deploy = async (deployer: Deployer, one: VersionBundle) => {
  const staged = await deployer.stage(one, note, signal);
  await deployer.activate(one, staged, note, signal);
  return staged as { readonly certificate: string };
};
const look = (deployer: Deployer, one: VersionBundle) => deployer.look(one, signal);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string },
  );
const aliasOf = (one: VersionBundle) => expect.stringContaining(`-${one.facts.fingerprint.slice(0, 12)} abc`);

describe('tencent-ssl', () => {
  it('leaves a domain to the certificate of the store that has it', async () => {
    const { connect, served, deployments, clock } = bench([on('www.example.com'), on('api.example.com')]);
    const stored = storeOf('tencent-ssl', version);
    async function pass(one: VersionBundle, options: object = {}) {
      const deployer = connect(options, stored.holderOf);
      if ((await look(deployer, one)).state !== 'current') await deploy(deployer, one);
      await clock.advance(20 * minuteMs);
      const last = await look(connect(options, stored.holderOf), one);
      expect(last.state).toBe('current');
      return last.detail;
    }
    const serve = (...expected: readonly VersionBundle[]) =>
      expect([served('www.example.com'), served('api.example.com')].map(String)).toEqual(
        expected.map((one) => expect.stringContaining(one.facts.fingerprint.slice(0, 12))),
      );
    const www = () => stored.renew('www', ['www.example.com']);
    const [first, second] = [www(), stored.renew('wild', ['*.example.com'])];
    await pass(first);
    await pass(second);
    const before = deployments();
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await pass(second)).toContain('1 domain left to the certificate www');
      await pass(first);
    }
    expect(deployments()).toBe(before);
    serve(first, second);
    const third = www();
    await pass(third);
    serve(third, second);
    stored.delete('www');
    await pass(second);
    serve(second, second);
    const fourth = www();
    expect(await pass(fourth)).toBe('1 domain left to the certificate wild');
    serve(second, second);
    const listing = { domains: ['www.example.com'] };
    stored.list('www', listing);
    await pass(fourth, listing);
    await pass(second);
    serve(fourth, second);
  });

  it('uploads once, deploys to each covered domain with HTTPS, and changes nothing else', async () => {
    const hosts = [
      ...[on('www.example.com'), on('*.example.com'), on('a.b.example.com'), on('example.com'), on('myexample.com')],
      ...[off('plain.example.com'), on('old.example.com'), on('gone.example.com', 'cdn', { isOffline: true })],
      ...[on('mute.example.com', 'cdn', { billing: 'off' }), on('www.example.com', 'teo')],
    ];
    const { fake, deployer, served, actions } = bench(hosts, { except: ['old.example.com'] });
    const before = fake.hostSettings();
    const one = version();
    expect((await look(deployer, one)).state).toBe('absent');
    const { certificate } = await deploy(deployer, one);
    const has = hosts.filter(({ domain }) => served(domain) !== byHand.alias && served(domain) !== undefined);
    expect(has.map(({ domain }) => domain)).toEqual(['www.example.com', '*.example.com', 'www.example.com']);
    expect([served('www.example.com'), served('www.example.com', 'teo')]).toEqual([aliasOf(one), byHand.alias]);
    expect(fake.hostSettings()).toEqual(before);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 2, lacking: [] } });
    expect(actions()).toEqual([
      ...['DescribeCertificates', 'UploadCertificate', 'DescribeHostCdnInstanceList', 'DeployCertificateInstance'],
      'DescribeHostDeployRecordDetail',
    ]);
    expect(fake.certificates().at(-1)).toMatchObject({ id: certificate, alias: aliasOf(one) });
    // Another process sees the same.
    expect(await look(bench(hosts).connect(), one)).toMatchObject({ state: 'absent' });
  });

  it('takes at most four calls and two for each domain, also at a renewal', async () => {
    for (const count of [1, 3, 150]) {
      const { connect, actions } = bench(Array.from({ length: count }, (_, at) => on(`d${at}.example.com`)));
      for (const deployer of [connect(), connect()]) {
        actions();
        const one = version();
        await look(deployer, one);
        await deploy(deployer, one);
        expect((await look(deployer, one)).state).toBe('current');
        expect(actions().length).toBeLessThanOrEqual(4 + 2 * count);
      }
    }
  });

  it('an idle look costs three calls in a new process and two after it, and changes nothing', async () => {
    const { connect, actions, clock } = bench([on('www.example.com'), on('shop.example.com')]);
    const one = version();
    const sent = await deploy(connect(), one);
    const later = connect();
    actions();
    for (let pass = 0; pass < 10; pass += 1) {
      expect((await look(later, one)).state).toBe('current');
      await clock.advance(minuteMs);
    }
    const lists = ['DescribeHostCdnInstanceList', 'DescribeHostCdnInstanceList'];
    expect(actions().slice(0, 3)).toEqual(['DescribeCertificates', ...lists]);
    await look(connect(), { ...one, sent: sent as Json });
    expect(actions()).toEqual(lists);
  });

  it('deploys to 600 domains, a hundred in a call, while no other deployment is under way', async () => {
    const domains = Array.from({ length: 600 }, (_, at) => `d${at}.example.com`);
    const { fake, deployer, served, deployments, clock } = bench(
      domains.map((domain) => on(domain)),
      {},
      { deployMs: minuteMs },
    );
    const one = version();
    await deploy(deployer, one);
    await clock.advance(minuteMs);
    expect(domains.filter((domain) => served(domain) === byHand.alias)).toEqual([]);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 600 } });
    expect(deployments()).toBe(6);
    expect(fake.records.filter(({ code }) => code !== undefined)).toEqual([]);
  });

  it('names what is listed and cannot get it, and changes nothing there', async () => {
    const hosts = [
      on('www.example.com'),
      off('off.example.com'),
      on('example.com'),
      on('mute.example.com', 'cdn', { billing: 'off' }),
    ];
    const domains = ['www.example.com', 'off.example.com', 'nowhere.example.com', 'example.com', 'mute.example.com'];
    const { fake, deployer } = bench(hosts, { domains });
    const before = fake.hostSettings();
    const one = version();
    await deploy(deployer, one);
    const { state, places } = await look(deployer, one);
    expect([state, places?.total, places?.lacking.map((one_) => `${one_.place}: ${one_.reason}`)]).toEqual([
      ...['stale', 5],
      [
        'off.example.com: HTTPS is off, and certfleet does not switch it on',
        'nowhere.example.com: the account has no such domain',
        'example.com: the certificate does not cover it',
        'mute.example.com: HTTPS is off, and certfleet does not switch it on',
      ],
    ]);
    expect(fake.hostSettings()).toEqual(before);
  });

  it.each(['teo', 'waf', 'live'] as const)('deploys to domains of %s', async (product) => {
    const { fake, deployer, served } = bench([on('www.example.com', product), off('off.example.com', product)]);
    const before = fake.hostSettings();
    const one = version();
    expect((await look(deployer, one)).state).toBe('absent');
    await deploy(deployer, one);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 1 } });
    expect([served('www.example.com', product), fake.hostSettings()]).toEqual([aliasOf(one), before]);
    expect((await look(deployer, version())).state).toBe('stale');
  });

  it.each([
    ['no domain', [off('www.example.com')], {}, 'has no domain with HTTPS'],
    ['HTTPS off', [off('www.example.com')], { domains: ['www.example.com'] }, 'HTTPS is off'],
  ] as const)('fails where there is %s', async (_what, hosts, options, message) => {
    const { deployer, deployments } = bench(hosts, options);
    const error = await failure(deploy(deployer, version()));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining(message) });
    expect(deployments()).toBe(0);
  });

  it('waits for the deployment of the same certificate to another product', async () => {
    const hosts = [on('www.example.com', 'teo'), on('www.example.com', 'cdn')];
    const { connect, served, clock, deployments } = bench(hosts, {}, { deployMs: 3 * minuteMs });
    const one = version();
    await deploy(connect(), one);
    const second = connect({ product: 'cdn' });
    await deploy(second, one);
    // The call that came too early began none.
    expect(deployments()).toBe(3);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(3 * minuteMs);
    await clock.advance(3 * minuteMs);
    expect([served('www.example.com', 'teo'), served('www.example.com')]).toEqual([aliasOf(one), aliasOf(one)]);
    expect((await look(second, one)).state).toBe('current');
  });

  it('a domain that spoils the whole call is pending alone', async () => {
    const { fake, deployer, served, clock } = bench([on('a.example.com'), on('b.example.com'), on('c.example.com')]);
    const refusal = {
      status: 200,
      body: {
        Response: {
          Error: { Code: 'FailedOperation.CertificateNotDeployInstance', Message: 'b is frozen' },
          RequestId: 'R',
        },
      },
    };
    fake.api.fault({ kind: 'status', ...refusal }, { times: 1e6, on: ({ text }) => text.includes('b.example.com|on') });
    const one = version();
    await deploy(deployer, one);
    await clock.advance(minuteMs);
    expect(['a', 'b', 'c'].map((label) => served(`${label}.example.com`))).toEqual([
      aliasOf(one),
      byHand.alias,
      aliasOf(one),
    ]);
    expect(await look(deployer, one)).toMatchObject({
      state: 'stale',
      places: { total: 3, lacking: [{ place: 'b.example.com', reason: expect.stringContaining('b is frozen') }] },
    });
  });

  it('uploads once and deploys once to each domain while every fifth answer is lost', async () => {
    const chance = seeded('lost answers of the SSL service');
    const domains = Array.from({ length: 12 }, (_, at) => `d${at}.example.com`);
    const { fake, connect, served, certificates, deployments } = bench(domains.map((domain) => on(domain)));
    fake.api.fault({ kind: 'lost' }, { times: Number.POSITIVE_INFINITY, on: () => chance() < 0.2 });
    for (let turn = 1; turn <= 5; turn += 1) {
      const one = version();
      // As the engine does: each pass looks first, and delivers only if something lacks it.
      for (let pass = 0; pass < 20; pass += 1) {
        const deployer = connect();
        if ((await look(deployer, one).catch(() => undefined))?.state === 'current') break;
        await deploy(deployer, one).catch(() => undefined);
      }
      for (const domain of domains) expect(served(domain)).toEqual(aliasOf(one));
      expect([certificates(), deployments()]).toEqual([1 + turn, turn]);
    }
  });

  it('an old version goes only if it is its own and nothing uses it', async () => {
    const { fake, deployer } = bench();
    const [old, young] = [version(), version()];
    const [first, second] = [await deploy(deployer, old), await deploy(deployer, young)];
    const inUse = await failure(deployer.retire!(young, second, signal));
    expect(inUse.message).toContain('something still uses it');
    await deployer.retire!(old, first, signal);
    await deployer.retire!(old, first, signal);
    expect(fake.certificates().map(({ alias }) => alias)).toEqual([byHand.alias, aliasOf(young)]);
    await deployer.retire!(old, { certificate: fake.certificateId(byHand.alias) }, signal);
    const all = await deployer.owned!(signal);
    expect(all).toMatchObject([{ kind: 'certificate', id: second.certificate }]);
    await deployer.removeOwned!(all[0]!, signal);
    expect(fake.certificates()).toHaveLength(2);
  });

  it.each([
    [{ domains: ['www.example.com'], except: ['old.example.com'] }, 'only with `domains: covered`'],
    [{ domains: ['www.example.com/'] }, 'expected a domain'],
    [{ domains: ['192.0.2.1'] }, 'expected a domain'],
    [{ domains: 'all' }, 'expected `covered`, or a list of domains'],
    [{ domains: ['中国%.test'] }, 'expected a domain'],
    [{ endpoint: 'https://ssl.tencentcloudapi.com/v1' }, 'expected a URL without a path'],
  ])('refuses the options %j', (options, problem) => {
    const { error } = definition.options.safeParse({ product: 'cdn', ...options });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });

  it('takes domains in any form that identifiers take', () => {
    const domains = ['WWW.example.com.', '*.中国.test'];
    expect(
      definition.options.parse({ product: 'cdn', domains, secretId: new Secret('a'), secretKey: new Secret('b') })
        .domains,
    ).toEqual(['www.example.com', '*.xn--fiqs8s.test']);
  });

  describe.each(['cdn', 'cos'] as const)('of %s,', (product) => {
    deployerContract(product === 'cdn' ? test : itDrawn, async () => {
      const domains = ['a.example.com', 'b.example.com'];
      const spare = ['s0.example.com', 's1.example.com', 's2.example.com'];
      const hosts = [...domains.map((domain) => on(domain, product)), ...spare.map((domain) => off(domain, product))];
      const { fake, clock, connect, served, lines, certificates, deployments } = bench(
        hosts,
        {},
        { deployMs: 7 * minuteMs },
      );
      const all = new Map<string, string>();
      const inUse = (domain: string) => all.get(served(domain, product)?.split(/[- ]/)[3] ?? '');
      const settle = async () => clock.advance(8 * minuteMs);
      const fail = (places: readonly string[], times: number) => {
        for (const one of places) fake.failDeployment(instance(one, product), 'no such luck', times);
      };
      return {
        connect,
        async version() {
          const one = version();
          all.set(one.facts.fingerprint.slice(0, 12), one.facts.fingerprint);
          return one;
        },
        async inUse(expected) {
          if (expected !== undefined) await settle();
          return inUse('a.example.com');
        },
        async breakActivation() {
          fake.deny('ssl:DeployCertificateInstance');
          return async () => fake.deny();
        },
        logged: () => lines,
        stop: async () => {},
        cloud: {
          settle,
          changes: () => certificates() + deployments(),
          uploads: certificates,
          loseAnswer: () =>
            fake.api.fault(
              { kind: 'lost' },
              { on: ({ headers }) => /^(Up|Deploy)/.test(headers['x-tc-action'] ?? '') },
            ),
          addForeign() {
            const before = fake.hostSettings();
            return () => {
              expect(fake.hostSettings()).toEqual(before);
              expect(fake.certificates()[0]?.alias).toBe(byHand.alias);
            };
          },
          failRollOut() {
            fail(domains, 1e6);
            return () => fail(domains, 0);
          },
          places: {
            add() {
              const domain = spare.shift() ?? '';
              fake.setHost(product, domain, byHand.alias);
              return domain;
            },
            refuse(domain) {
              fail([domain], 1e6);
              return () => fail([domain], 0);
            },
            inUse,
          },
        },
      };
    });
  });

  describe('needs exactly the policy that the reference shows', () => {
    const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
    const policy = (JSON.parse(json) as { statement: { effect: 'allow'; action: string[]; resource: string[] }[] })
      .statement;
    const limited = { secretId: 'AKIDlimited', secretKey: 'limited-secret', policy };
    const start = () => bench(undefined, {}, { keys: [limited], deployMs: minuteMs });
    async function run(connect: (keys: object) => Deployer) {
      const [old, young] = [version(), version()];
      const deployer = connect(keysOf(limited));
      await look(deployer, old);
      const first = await deploy(deployer, old);
      // Another process looks at the roll-out.
      await look(connect(keysOf(limited)), old);
      await deploy(deployer, young);
      await deployer.retire!(old, first, signal);
    }

    const all = policy.flatMap(({ action }) => action);
    const rightsOf = async (deployer: Deployer, state: string) =>
      (await deployer.rights!(signal)).filter((right) => right.state === state).map(({ action }) => action);

    it('which is enough', async () => {
      const { fake, connect } = start();
      const before = [fake.hostSettings(), fake.certificates()];
      expect((await rightsOf(connect(keysOf(limited)), 'allowed')).toSorted()).toEqual(all.toSorted());
      expect([fake.hostSettings(), fake.certificates()]).toEqual(before);
      await run(connect);
    });

    it.each(all)('without %s, doctor knows it', async (missing) => {
      const { fake, connect } = start();
      fake.deny(missing);
      const state = /:De(lete|ploy)Certificate/.test(missing) ? 'doubtful' : 'denied';
      expect(await rightsOf(connect(keysOf(limited)), state)).toEqual([missing]);
    });

    it.each(all)('without %s, the error says what is missing', async (missing) => {
      const { fake, connect } = start();
      fake.deny(missing);
      expect((await failure(run(connect))).message).toContain(`lacks ${missing}`);
    });
  });
});
