import { describe, expect, it } from 'vitest';
import type { DomainOptions } from '../../test/support/alibaba-cdn/options.ts';
import { type AlibabaCdnOptions, createAlibabaCdn } from '../../test/support/alibaba-cdn.ts';
import { cdnBench, owner } from '../../test/support/cdn-bench.ts';
import {
  byHand,
  type CdnKind,
  cdnContract,
  cdnSuite,
  deploy,
  failure,
  look,
  version,
} from '../../test/support/cdn-suite.ts';
import { Secret } from '../core/errors/secret.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { Deployer } from '../ports/deployer.ts';
import definition from './alibaba-cdn.ts';

const { signal } = new AbortController();
const on = (name: string, more: Partial<DomainOptions> = {}): DomainOptions => ({ name, certificate: byHand, ...more });
const off = (name: string): DomainOptions => ({ name });

const key = { id: 'LTAIroot', secret: 'root-secret' };
const keys = { accessKeyId: new Secret(key.id), accessKeySecret: new Secret(key.secret) };

function bench(
  domains: readonly DomainOptions[] = [on('www.example.com')],
  { options = {}, ...more }: { readonly options?: object } & Partial<AlibabaCdnOptions> = {},
) {
  const made = cdnBench(definition, { domains: 'covered', ...keys, ...options }, (clock) =>
    createAlibabaCdn({ clock, keys: [key], domains, ...more }),
  );
  const { cloud } = made;
  const mutating = /^(Set|Upload|Delete)/;
  return {
    ...made,
    served: (name: string) => cloud.served(name)?.sha256.toLowerCase(),
    /** The actions of the calls so far, or those that change something and were carried out. */
    calls: () => cloud.records.map(({ action }) => action),
    changes: () => cloud.records.filter(({ action, code }) => mutating.test(action) && code === undefined).length,
    names: () => new Set(cloud.certificates().map(({ name }) => name)),
  };
}

const note = async () => {};

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

  it('finds a domain on the last of many pages, in either form of a wildcard', async () => {
    const many = Array.from({ length: 600 }, (_, at) => on(`d${at}.example.org`));
    const { deployer, served } = bench([...many, on('.example.com')], { behaviour: { wildcardInLists: '*.' } });
    const one = version();
    await deploy(deployer, one);
    expect(await look(deployer, one)).toMatchObject({ state: 'current', places: { total: 1 } });
    expect(served('any.example.com')).toBe(one.facts.fingerprint);
  });

  it('waits until CDN finds a certificate that was just uploaded', async () => {
    const { deployer, served } = bench(undefined, { visibleAfterMs: 5_000 });
    const one = version();
    await deploy(deployer, one);
    expect(served('www.example.com')).toBe(one.facts.fingerprint);
  });

  it('says what it waited for if CDN never finds it', async () => {
    const { deployer } = bench(undefined, { visibleAfterMs: 3_600_000 });
    const { message } = await failure(deploy(deployer, version()));
    expect(message).toContain('does not find the certificate that was uploaded to CAS a moment ago');
    expect(message).not.toContain('another change');
  });

  it('takes domains in any form that identifiers take', () => {
    const domains = ['WWW.example.com.', '.中国.test', '*.example.com.'];
    expect(definition.options.parse({ domains, ...keys }).domains).toEqual([
      'www.example.com',
      '*.xn--fiqs8s.test',
      '*.example.com',
    ]);
    const path = definition.options.safeParse({ domains, ...keys, endpoint: 'https://h.test/path' });
    expect(path.error?.issues[0]?.message).toContain('a URL without a path');
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

const kindOf = (product: 'cdn' | 'dcdn'): CdnKind => ({
  ...{ everyMs: 50, lagMs: 0 },
  bench(domains, { options, rollOutMs } = {}) {
    const inForm = (name: string) => name.replace(/^\*/, '');
    const given = domains.map(({ name, isOn, isOffline }) => ({
      ...{ ...(isOn ? on : off)(inForm(name)), product },
      ...present({ status: isOffline ? ('offline' as const) : undefined }),
    }));
    const { cloud, clock, connect, served, changes, calls, names, lines } = bench(given, {
      ...present({ rollOutMs }),
      options: { product, ...options },
    });
    const setStatus = (name: string, status: 'online' | 'offline' | 'configure_failed') =>
      cloud.setStatus(inForm(name), status);
    return {
      ...{ clock, connect, changes, calls, lines, uploads: () => names().size },
      served: (name) => served(inForm(name)),
      settings: () => [
        (cloud.settings() as readonly object[]).map((one) => ({ ...one, status: '' })),
        cloud.certificates().find(({ name }) => name === 'by_hand'),
      ],
      // That is how the API says that a list is empty.
      refusals: () => cloud.records.filter(({ code = 'NoHttpsDomain' }) => code !== 'NoHttpsDomain').length,
      loseAnswers: (when, times = 1) =>
        cloud.api.fault(
          { kind: 'lost' },
          { times, on: ({ headers }) => /^(Set|Upload)/.test(headers['x-acs-action'] ?? '') && when() },
        ),
      setOffline: (name, isOffline) => setStatus(name, isOffline ? 'offline' : 'online'),
      refuse(name) {
        setStatus(name, 'configure_failed');
        return () => setStatus(name, 'online');
      },
      failRollOut(name) {
        cloud.failRollOut(inForm(name));
        return () => setStatus(name, 'online');
      },
      refuseAll() {
        cloud.deny(`${product}:Set${product === 'cdn' ? 'Cdn' : 'Dcdn'}DomainSSLCertificate`);
        return () => cloud.deny();
      },
    };
  },
});

describe('of cdn,', () => cdnSuite(kindOf('cdn')));
describe('of dcdn,', () => cdnContract(kindOf('dcdn')));
