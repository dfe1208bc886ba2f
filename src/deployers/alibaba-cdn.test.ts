import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DomainOptions } from '../../test/support/alibaba-cdn/options.ts';
import { type AlibabaCdnOptions, createAlibabaCdn } from '../../test/support/alibaba-cdn.ts';
import { seeded } from '../../test/support/seeded.ts';
import { Secret } from '../core/errors/secret.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import type { World } from '../ports/world.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';
import definition from './alibaba-cdn.ts';

const { signal } = new AbortController();
const owner = 'aaaaaaaaaaaa';
const minuteMs = 60_000;
const ca = testParty('CA');
const leaf = testParty('leaf');
const privateKey = leaf.key.export({ type: 'sec1', format: 'pem' }).toString();
let made = 0;

function version(names: readonly string[] = ['*.example.com'], lineage = 'abc'): VersionBundle {
  made += 1;
  const pem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(leaf.key) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
    serial: Uint8Array.of(1, made >> 8, made & 255),
  });
  const { certificates, facts } = pki.readChain(pem);
  const keyPem = new Secret(leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { lineage, id: `v${made}`, facts, keyPem, certPem: certificates[0]!, chainPem: '', fullchainPem: pem };
}

const byHand = { name: 'by_hand', certificate: version(['*.example.com', 'example.com']).fullchainPem, privateKey };
const on = (name: string, more: Partial<DomainOptions> = {}): DomainOptions => ({ name, certificate: byHand, ...more });
const off = (name: string): DomainOptions => ({ name });

function bench(
  domains: readonly DomainOptions[] = [on('www.example.com')],
  { options = {}, ...more }: { readonly options?: object } & Partial<AlibabaCdnOptions> = {},
) {
  const clock = fakeClock(new Date('2026-11-24T12:00:00Z'), { auto: true });
  const key = { id: 'LTAIroot', secret: 'root-secret' };
  const cloud = createAlibabaCdn({ clock, keys: [key], domains, ...more });
  const lines: string[] = [];
  let nonces = 0;
  const world = {
    clock,
    random: {
      bytes: (length: number) => Buffer.from(String(++nonces).padStart(length, '0')).subarray(0, length),
      number: () => 0,
    },
    log: { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} },
    http: () => cloud.api.http,
  } as unknown as World;
  const keys = { accessKeyId: new Secret(key.id), accessKeySecret: new Secret(key.secret) };
  const connect = (): Deployer =>
    definition.connect({
      ...{ name: 'cdn', world, owner },
      options: definition.options.parse({ domains: 'covered', ...keys, ...options }),
    });
  const mutating = /^(Set|Upload|Delete)/;
  return {
    cloud,
    clock,
    connect,
    deployer: connect(),
    lines,
    served: (name: string) => cloud.served(name)?.sha256.toLowerCase(),
    /** The actions of the calls so far, or those that change something and were carried out. */
    calls: () => cloud.records.map(({ action }) => action),
    changes: () => cloud.records.filter(({ action, code }) => mutating.test(action) && code === undefined).length,
    names: () => new Set(cloud.certificates().map(({ name }) => name)),
  };
}

const note = async () => {};
const deploy = async (deployer: Deployer, one: VersionBundle) => {
  const staged = await deployer.stage(one, note, signal);
  await deployer.activate(one, staged, note, signal);
  return staged;
};
const look = (deployer: Deployer, one: VersionBundle) => deployer.look(one, signal);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string },
  );

describe('alibaba-cdn', () => {
  it('uploads once, sets each covered domain with HTTPS, and leaves all others and every other setting alone', async () => {
    const domains = [
      ...[on('www.example.com', { functions: { https_option: { http2: 'on' } } }), on('.example.com')],
      ...[on('a.b.example.com'), on('example.com'), on('myexample.com'), off('plain.example.com')],
      ...[on('old.example.com'), on('gone.example.com', { status: 'offline' }), on('www.example.org')],
      on('dynamic.example.com', { product: 'dcdn' }),
    ];
    const { cloud, deployer, served, calls } = bench(domains, { options: { except: ['old.example.com'] } });
    const before = cloud.settings();
    const one = version();
    expect((await look(deployer, one)).state).toBe('absent');
    const receipt = await deploy(deployer, one);
    const { fingerprint } = one.facts;
    const has = domains.filter(({ name }) => served(name) === fingerprint).map(({ name }) => name);
    expect(has).toEqual(['www.example.com', '.example.com']);
    expect(cloud.settings()).toEqual(before);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 2, lacking: [] } });
    expect(calls()).toEqual([
      ...['DescribeUserDomains', 'DescribeCdnHttpsDomainList', 'UploadUserCertificate'],
      ...['SetCdnDomainSSLCertificate', 'SetCdnDomainSSLCertificate'],
      ...['DescribeUserDomains', 'DescribeCdnHttpsDomainList'],
    ]);
    const { certificate, name } = receipt as { certificate: string; name: string };
    expect([markIn(name)?.owner, cloud.certificates().find(({ id }) => String(id) === certificate)?.name]).toEqual([
      ...[owner, name.replaceAll('-', '_')],
    ]);
    expect(cloud.keysSent).toBe(0);
  });

  it('takes at most four calls and two for each place', async () => {
    for (const count of [1, 3, 20]) {
      const domains = Array.from({ length: count }, (_, at) => on(`d${at}.example.com`));
      const { deployer, calls } = bench(domains);
      const one = version();
      await look(deployer, one);
      await deploy(deployer, one);
      expect((await look(deployer, one)).state).toBe('current');
      expect(calls().length).toBeLessThanOrEqual(4 + 2 * count);
    }
  });

  it('sets 100 domains within a minute, at most twenty a second', async () => {
    const domains = Array.from({ length: 100 }, (_, at) => on(`d${at}.example.com`));
    const { deployer, clock, cloud } = bench(domains);
    await deploy(deployer, version());
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(99 * 50);
    expect(clock.monotonicMs()).toBeLessThan(minuteMs);
    expect(cloud.records.filter(({ code }) => code !== undefined)).toEqual([]);
  });

  it('finds a domain on the last of many pages, in either form of a wildcard', async () => {
    const many = Array.from({ length: 600 }, (_, at) => on(`d${at}.example.org`));
    const { deployer, served } = bench([...many, on('.example.com')], { behaviour: { wildcardInLists: '*.' } });
    const one = version();
    await deploy(deployer, one);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 1 } });
    expect(served('any.example.com')).toBe(one.facts.fingerprint);
  });

  it('names what is listed and cannot get it, and changes nothing there', async () => {
    const listed = ['WWW.example.com', '.example.com', 'off.example.com', 'nowhere.example.com', 'www.example.org'];
    const domains = [on('www.example.com'), on('.example.com'), off('off.example.com'), on('www.example.org')];
    const { cloud, deployer } = bench(domains, { options: { domains: listed } });
    const before = cloud.settings();
    const one = version();
    await deploy(deployer, one);
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

  it.each([
    ['no domain', [], {}, 'has no domain with HTTPS'],
    ['HTTPS nowhere', [off('www.example.com')], {}, 'has no domain with HTTPS'],
    ['HTTPS off', [off('www.example.com')], { domains: ['www.example.com'] }, 'HTTPS is off'],
  ])('uploads nothing where there is %s', async (_what, domains, options, message) => {
    const { cloud, deployer, names } = bench(domains, { options });
    const before = names().size;
    const error = await failure(deploy(deployer, version()));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining(message) });
    expect([names().size, cloud.records.some(({ action }) => action.startsWith('Upload'))]).toEqual([before, false]);
  });

  it('waits until CDN finds a certificate that was just uploaded', async () => {
    const { deployer, served } = bench(undefined, { visibleAfterMs: 5_000 });
    const one = version();
    await deploy(deployer, one);
    expect(served('www.example.com')).toBe(one.facts.fingerprint);
  });

  it('uploads once and sets each domain once while every fifth answer is lost', async () => {
    const chance = seeded('lost answers of a CDN');
    const domains = Array.from({ length: 20 }, (_, at) => on(`d${at}.example.com`));
    const { cloud, connect, changes, names, served } = bench(domains);
    cloud.api.fault({ kind: 'lost' }, { times: Number.POSITIVE_INFINITY, on: () => chance() < 0.2 });
    for (let turn = 1; turn <= 5; turn += 1) {
      const one = version();
      // As the engine does: each pass looks first, and delivers only if something lacks it.
      for (let pass = 0; pass < 20; pass += 1) {
        const deployer = connect();
        if ((await look(deployer, one).catch(() => undefined))?.state === 'current') break;
        await deploy(deployer, one).catch(() => undefined);
      }
      for (const { name } of domains) expect(served(name)).toBe(one.facts.fingerprint);
      expect([names().size, changes()]).toEqual([1 + turn, turn * 21]);
    }
  });

  it('says which right is missing', async () => {
    for (const [action, call] of [
      ['cdn:DescribeUserDomains', (d: Deployer) => look(d, version())],
      ['cdn:DescribeCdnHttpsDomainList', (d: Deployer) => look(d, version())],
      ['yundun-cert:UploadUserCertificate', (d: Deployer) => deploy(d, version())],
      ['cdn:SetCdnDomainSSLCertificate', (d: Deployer) => deploy(d, version())],
    ] as const) {
      const { cloud, deployer } = bench();
      cloud.deny(action);
      expect((await failure(call(deployer))).message).toContain(action);
    }
  });

  it('finds out before an order what the key may do, and changes nothing', async () => {
    const needed = [
      ...['cdn:DescribeUserDomains', 'cdn:DescribeCdnHttpsDomainList', 'cdn:SetCdnDomainSSLCertificate'],
      ...['yundun-cert:ListUserCertificateOrder', 'yundun-cert:UploadUserCertificate'],
    ];
    const whole = bench();
    expect(await whole.deployer.rights!(signal)).toEqual(needed.map((action) => ({ action, state: 'allowed' })));
    expect(whole.changes()).toBe(0);
    for (const action of needed) {
      const { cloud, deployer } = bench();
      cloud.deny(action);
      const state = action === 'cdn:SetCdnDomainSSLCertificate' ? 'doubtful' : 'denied';
      const missing = (await deployer.rights!(signal)).filter((right) => right.state !== 'allowed');
      expect(missing).toMatchObject([{ action, state }]);
    }
  });

  it('says before an order which domains can get the certificate', async () => {
    const domains = [on('www.example.com'), on('.example.com'), off('plain.example.com'), on('www.example.org')];
    const check = (options: object, names = ['*.example.com']) =>
      bench(domains, { options }).deployer.check!({ lineage: 'abc', names }, signal);
    expect(await check({})).toBe('2 domains of Alibaba Cloud CDN can get it');
    expect(await check({ except: ['.example.com'] })).toBe('1 domain of Alibaba Cloud CDN can get it');
    const refused = async (...given: Parameters<typeof check>) => (await failure(check(...given))).message;
    expect(await refused({}, ['example.net'])).toContain('no domain with HTTPS that the certificate covers');
    const listed = ['www.example.com', 'plain.example.com', 'www.example.org', 'nope.example.com'];
    expect(await refused({ domains: listed })).toContain(
      '3 of 4 domains cannot get it: plain.example.com (HTTPS is off, and certfleet does not switch it on); ' +
        'www.example.org (the certificate does not cover it); nope.example.com (the account has no such domain)',
    );
  });

  it('asks for the right to the one domain only, and has a remedy of its own for a domain that takes no change', async () => {
    const listed = { options: { domains: ['.example.com'] } };
    const denied = bench([on('.example.com')], listed);
    denied.cloud.deny('cdn:SetCdnDomainSSLCertificate');
    const { message } = await failure(deploy(denied.deployer, version()));
    expect(message).toContain('"Resource":"acs:cdn:*:*:domain/.example.com"');
    expect(message).not.toContain('acs:cdn:*:*:*');
    for (const more of [{ isProtected: true }, { status: 'configure_failed' }] as const) {
      const { deployer } = bench([on('.example.com', more)], listed);
      const refused = await failure(deploy(deployer, version()));
      expect(refused.message).toContain('Check in the console what keeps the domain from being changed');
      expect(refused.message).toContain('the deployer "cdn"');
      expect(refused.message).not.toContain('balancer');
    }
  });

  it('finds what an earlier process uploaded, and does not upload it again', async () => {
    const { cloud, connect, calls } = bench();
    const one = version();
    cloud.deny('cdn:SetCdnDomainSSLCertificate');
    const sent = (await connect().stage(one, note, signal)) as object;
    await failure(connect().activate(one, { ...sent }, note, signal));
    expect(await connect().stage({ ...one, sent: { ...sent } as Json }, note, signal)).toEqual(sent);
    expect(calls().filter((action) => action === 'UploadUserCertificate')).toHaveLength(1);
  });

  it.each([
    [{ domains: ['www.example.com'], except: ['old.example.com'] }, 'only with `domains: covered`'],
    [{ domains: ['192.0.2.1'] }, 'expected a domain'],
    [{ domains: 'covered', except: ['192.0.2.1'] }, 'expected a domain'],
    [{ domains: 'all' }, 'expected `covered`, or a list of domains'],
  ])('refuses the options %j', (options, problem) => {
    const { error } = definition.options.safeParse(options);
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });

  it('puts the certificates of an international account where that keeps them', async () => {
    const { cloud, deployer } = bench(undefined, { options: { site: 'international' } });
    await deploy(deployer, version());
    expect(cloud.certificates().map(({ region }) => region)).toEqual(['cn-hangzhou', 'ap-southeast-1']);
  });

  it('lists its uploads, and removes only those that have expired and are not set', async () => {
    const { cloud, clock, deployer, connect } = bench();
    const [one, two] = [version(), version()];
    await deploy(deployer, one);
    await deploy(deployer, two);
    const all = (await connect().owned?.(signal)) ?? [];
    expect(all).toHaveLength(2);
    for (const object of all) await connect().removeOwned?.(object, signal);
    expect(cloud.certificates()).toHaveLength(3);
    clock.set(new Date(Date.parse(two.facts.notAfter) + 86_400_000));
    const expired = (await connect().owned?.(signal)) ?? [];
    expect(expired).toHaveLength(2);
    for (const object of expired) await connect().removeOwned?.(object, signal);
    expect(cloud.certificates()).toHaveLength(2);
  });
});

describe.each([['cdn', 'Cdn'] as const, ['dcdn', 'Dcdn'] as const])('of %s,', (product, named) => {
  deployerContract(it, async () => {
    const domain = (name: string) => on(name, { product });
    const spare = ['s0.example.com', 's1.example.com', 's2.example.com'];
    // The fake has no call to switch HTTPS on, so new places are domains that were offline.
    const domains = [domain('a.example.com'), domain('b.example.com'), ...spare.map(domain)];
    const { cloud, clock, connect, served, changes, lines, names } = bench(domains, {
      ...{ options: { product }, rollOutMs: 7 * minuteMs },
    });
    for (const name of spare) cloud.setStatus(name, 'offline');
    const settle = async () => clock.advance(8 * minuteMs);
    const fingerprint = byHand.certificate;
    const first = served('a.example.com');
    expect(fingerprint).not.toBe('');
    return {
      connect,
      version: async () => version(),
      async inUse(expected) {
        if (expected !== undefined) await settle();
        const now = served('a.example.com');
        return now === first ? undefined : now;
      },
      async breakActivation() {
        cloud.deny(`${product}:Set${named}DomainSSLCertificate`);
        return async () => cloud.deny();
      },
      logged: () => lines,
      stop: async () => {},
      cloud: {
        settle,
        changes,
        uploads: () => names().size,
        loseAnswer() {
          const on = ({ headers }: { headers: Readonly<Record<string, string>> }) =>
            /^(Set|Upload)/.test(headers['x-acs-action'] ?? '');
          cloud.api.fault({ kind: 'lost' }, { on });
        },
        addForeign() {
          const before = JSON.stringify([
            cloud.settings(),
            cloud.certificates().find(({ name }) => name === 'by_hand'),
          ]);
          const status = (text: string) => text.replaceAll('"configuring"', '"online"');
          return () =>
            expect(
              status(JSON.stringify([cloud.settings(), cloud.certificates().find(({ name }) => name === 'by_hand')])),
            ).toBe(status(before));
        },
        failRollOut() {
          for (const name of ['a.example.com', 'b.example.com']) cloud.failRollOut(name);
          return () => {
            for (const name of ['a.example.com', 'b.example.com']) cloud.setStatus(name, 'online');
          };
        },
        places: {
          add() {
            const name = spare.shift() ?? '';
            cloud.setStatus(name, 'online');
            return name;
          },
          refuse(name) {
            cloud.setStatus(name, 'configure_failed');
            return () => cloud.setStatus(name, 'online');
          },
          inUse: served,
        },
      },
    };
  });
});
