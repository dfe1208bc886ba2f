import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DomainOptions } from '../support/huawei-cdn/options.ts';
import {
  batch,
  configOf,
  createHuaweiCdnBench,
  type HuaweiCdnBench,
  ownBatch,
  ownConfig,
} from '../support/huawei-cdn-account.ts';
import { authorizationOf } from '../support/huawei-oracle.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Huawei Cloud's CDN. Every call here was first made by services/cdn/v2 of huaweicloud-sdk-nodejs-v3, which
// npm does not have.

const minute = 60_000;
const list = '/v1.0/cdn/domains';
const info = '/v1.0/cdn/domains/https-certificate-info';
const www = 'www.example.com';
let bench: HuaweiCdnBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createHuaweiCdnBench();
});

it('knows the signature of the vendor’s client, which encodes an asterisk', () => {
  const url = `http://127.0.0.1:45615${configOf('*.example.com')}`;
  const headers = {
    ...{ host: '127.0.0.1:45615', 'content-type': 'application/json', 'x-domain-id': 'd0' },
    'x-sdk-date': '20261129T102220Z',
  };
  const key = { accessKey: 'AKEXAMPLE', secretKey: 'SKEXAMPLE' };
  // @huaweicloud/huaweicloud-sdk-core 3.1.211 and services/cdn/v2
  const signature = '68ce944a5f20e9928858632e48428e0e96a1b18cc9d92828391705303ec3acce';
  expect(authorizationOf({ method: 'GET', url, headers, body: '' }, key)).toBe(
    `SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=content-type;host;x-domain-id;x-sdk-date, Signature=${signature}`,
  );
});

describe('domains', () => {
  it('are listed by pages, 600 of them, and counted', async () => {
    const many = Array.from({ length: 599 }, (_, at): DomainOptions => ({ name: `d${at}.example.com` }));
    const { api } = await bench.start({ domains: [bench.www(), ...many] });
    const names: string[] = [];
    for (let page = 1; page <= 3; page++) {
      const { total, domains } = await api.call('GET', `${list}?page_size=250&page_number=${page}`);
      expect(total).toBe(600);
      for (const { domain_name } of domains) names.push(domain_name);
    }
    expect(new Set(names).size).toBe(600);
    expect((await api.call('GET', list)).domains).toHaveLength(30);
    for (const wrong of ['page_size=0', 'page_size=10001', 'page_number=x', 'domain_status=on', 'offset=1'])
      expect([wrong, await api.code('GET', `${list}?${wrong}`)]).toEqual([wrong, '200 CDN.0001']);
    const similar = (await api.call('GET', `${list}?domain_name=d1.example.com`)).domains;
    expect(similar).toMatchObject([{ domain_name: 'd1.example.com', domain_status: 'online', https_status: 0 }]);
    expect((await api.call('GET', `${list}?domain_name=${www}&exact_match=true`)).domains).toMatchObject([
      { domain_name: www, https_status: 3, locked: 0, disabled: 0, enterprise_project_id: '0' },
    ]);
    expect((await api.call('GET', info)).https).toMatchObject([{ domain_name: www, http2: 1, private_key: '' }]);
  });

  it('show their certificate without its key, and which settings go with it', async () => {
    const { api, https } = await bench.start();
    const { configs } = await api.call('GET', configOf(www));
    expect(configs).toMatchObject({
      ...{ origin_protocol: 'https', force_redirect: { status: 'on', type: 'https' }, cache_rules: [{ ttl: 3 }] },
      https: {
        ...{ https_status: 'on', http2_status: 'on', ocsp_stapling_status: 'on', tls_version: 'TLSv1.2' },
        ...{ certificate_name: 'first', certificate_source: 0, certificate_type: 'server', certificates: [] },
        certificate_value: bench.pems.first.certificate,
      },
    });
    expect(JSON.stringify(configs)).not.toContain('PRIVATE KEY');
    expect(await https(www)).toEqual(configs.https);
    expect(await api.code('GET', configOf('none.example.com'))).toBe('200 CDN.0170');
    expect(await api.code('GET', `${configOf(www)}?show_special_configs=auth_key`)).toBe('200 CDN.0001');
  });

  it('are those of the enterprise project, which a user must name', async () => {
    const domains = [bench.www(), { name: 'b.example.com', project: 'p1' }];
    const key = { accessKey: 'AKUSER', secretKey: 'u', actions: ['cdn:configuration:query*'] };
    const { api, fake } = await bench.start({ domains }, key);
    const count = async (project: string) =>
      (await api.call('GET', `${list}?enterprise_project_id=${project}`)).domains.length;
    expect([await count('all'), await count('0'), await count('p1')]).toEqual([2, 1, 1]);
    expect(await api.code('GET', list)).toBe('200 CDN.0021');
    expect(await api.code('GET', `${configOf(www)}?enterprise_project_id=p1`)).toBe('200 CDN.00010182');
    const all = '?enterprise_project_id=all';
    expect(await api.code('PUT', configOf(www) + all, ownConfig(bench.pems.second))).toBe('200 CDN.0021');
    fake.deny('cdn:configuration:queryDomains');
    expect([await api.code('GET', list + all), await api.code('GET', configOf(www) + all)]).toEqual([
      ...['200 CDN.0021', '200 CDN.0021'],
    ]);
  });
});

describe('the right to change', () => {
  it.each([
    [['cdn:configuration:modifyOriginConfInfo'], 'refused', 'refused'],
    [['cdn:configuration:modifyHttpsConf'], 'refused', 'done'],
    [['cdn:configuration:batchModifyHttpsConf'], 'refused', 'done'],
    [['cdn:configuration:modifyOriginConfInfo', 'cdn:configuration:modifyHttpsConf'], 'done', 'done'],
  ])('%j: full %s, batch %s', async (actions, full, many) => {
    const { api } = await bench.start({}, { accessKey: 'AKUSER', secretKey: 'u', actions });
    const all = '?enterprise_project_id=all';
    const tried = async (path: string, body: object) =>
      api.call('PUT', path + all, body).then(
        () => 'done',
        (error: { code: string }) => (error.code === 'CDN.0021' ? 'refused' : error.code),
      );
    expect(await tried(configOf(www), ownConfig(bench.pems.second))).toBe(full);
    expect(await tried(batch, ownBatch(www, bench.pems.second))).toBe(many);
  });

  it('is not for a wrong signature, and ends at the documented rate', async () => {
    const { api, clock } = await bench.start();
    expect(await api.code('GET', list, undefined, { authorization: 'none' })).toBe('401 APIGW.0301');
    for (let call = 0; call < 20; call++) await api.call('PUT', batch, ownBatch('none.example.com', bench.pems.first));
    expect(await api.code('PUT', batch, ownBatch(www, bench.pems.first))).toBe('429 APIGW.0308');
    await clock.advance(minute);
    await api.call('PUT', batch, ownBatch(www, bench.pems.first));
  });
});

const echo = { http2_status: 'on', ocsp_stapling_status: 'on', tls_version: 'TLSv1.2' };

describe('a certificate is set', () => {
  it('in a roll-out that serves old and new by turns', async () => {
    const { fake, api, clock, https } = await bench.start({ rollOutMs: 7 * minute });
    const { first, second } = bench.pems;
    const before = fake.settings();
    const served = () => fake.served(www)?.sha256;
    const status = async () => (await api.call('GET', list)).domains[0].domain_status;
    expect(served()).toBe(first.sha256);
    await api.call('PUT', configOf(www), ownConfig(second, echo));
    expect([served(), served(), served()]).toEqual([first.sha256, second.sha256, first.sha256]);
    expect([await status(), (await https(www)).certificate_name]).toEqual(['configuring', 'second']);
    expect(await api.code('PUT', configOf(www), ownConfig(second, echo))).toBe('200 CDN.0106');
    expect((await api.call('PUT', batch, ownBatch(www, second))).result).toMatchObject([{ status: 'fail' }]);
    await clock.advance(7 * minute - 1);
    expect(await status()).toBe('configuring');
    await clock.advance(1);
    expect([await status(), served(), served()]).toEqual(['online', second.sha256, second.sha256]);
    expect(fake.settings()).toEqual(before);
  });

  it('whose status shows late, whose old certificate shows, and which may be changed again', async () => {
    const behaviour = { busy: 'queued', configsDuringRollOut: 'old', statusLagMs: 5_000, refusalStatus: 400 } as const;
    const { fake, api, clock, https } = await bench.start({ rollOutMs: minute, behaviour });
    const status = async () => (await api.call('GET', list)).domains[0].domain_status;
    await api.call('PUT', configOf(www), ownConfig(bench.pems.second));
    expect([await status(), (await https(www)).certificate_name]).toEqual(['online', 'first']);
    await clock.advance(5_000);
    expect(await status()).toBe('configuring');
    fake.setByHand(www, bench.pems.first);
    await clock.advance(2 * minute);
    expect([await status(), fake.served(www)?.sha256]).toEqual(['online', bench.pems.first.sha256]);
    expect(await api.code('GET', configOf('none.example.com'))).toBe('400 CDN.0170');
  });

  it('or is accepted and comes to nothing, and the old one stays', async () => {
    const { fake, api, clock, https } = await bench.start({ rollOutMs: minute });
    const { first, second } = bench.pems;
    fake.failRollOut(www);
    await api.call('PUT', configOf(www), ownConfig(second, echo));
    await clock.advance(minute);
    expect([fake.served(www)?.sha256, (await https(www)).certificate_name]).toEqual([first.sha256, 'first']);
    expect((await api.call('GET', `${list}?domain_status=configure_failed`)).total).toBe(1);
    expect(await api.code('PUT', configOf(www), ownConfig(second, echo))).toBe('200 CDN.0106');
    fake.setStatus(www, 'online');
    await api.call('PUT', configOf(www), ownConfig(second, echo));
    await clock.advance(minute);
    expect(fake.served(www)?.sha256).toBe(second.sha256);
  });

  it('with what is left out reset, in either call', async () => {
    const scm = { ...bench.pems.first, id: 'scs1700000000000' };
    const { fake, api, https } = await bench.start({ domains: [bench.www({ second: scm })] });
    const second = [{ certificate_source: 2, scm_certificate_id: scm.id, certificate_type: 'server_sm' }];
    const before = fake.settings();
    await api.call('PUT', configOf(www), ownConfig(bench.pems.second, { ...echo, certificates: second }));
    expect(fake.settings()).toEqual(before);
    const own = { http2: 1, access_origin_way: 3, force_redirect_config: { switch: 1, redirect_type: 'https' } };
    await api.call('PUT', batch, ownBatch(www, bench.pems.first, own));
    expect(fake.settings()).toEqual(before);
    await api.call('PUT', configOf(www), ownConfig(bench.pems.second));
    expect(await https(www)).toMatchObject({ http2_status: 'off', ocsp_stapling_status: 'off', certificates: [] });
    await api.call('PUT', batch, ownBatch(www, bench.pems.first));
    expect(await api.call('GET', configOf(www))).toMatchObject({
      configs: { origin_protocol: 'http', force_redirect: { status: 'off' } },
    });
  });

  it('at many domains in one call, each for itself', async () => {
    const domains = [bench.www(), { name: '*.example.com' }, bench.www({ name: 'l.example.com', isLocked: true })];
    const { fake, api } = await bench.start({ domains });
    const names = `${www},*.example.com,l.example.com,none.example.com`;
    const { status, result } = await api.call('PUT', batch, ownBatch(names, bench.pems.second));
    expect([status, result.map((one: { status: string }) => one.status)]).toEqual([
      'fail',
      ['success', 'success', 'fail', 'fail'],
    ]);
    expect(result[2].reason).toContain('locked');
    expect(fake.served('any.example.com')?.sha256).toBe(bench.pems.second.sha256);
    expect(fake.served('a.b.example.com')).toBeUndefined();
    const tooMany = Array.from({ length: 51 }, (_, at) => `d${at}.example.com`).join(',');
    expect(await api.code('PUT', batch, ownBatch(tooMany, bench.pems.second))).toBe('200 CDN.0005');
  });

  it('which clients see at an edge node, until HTTPS is switched off', async () => {
    const { fake, api, clock } = await bench.start({ rollOutMs: minute });
    const edge = createServer({ SNICallback: fake.sniCallback });
    await new Promise<void>((opened) => edge.listen(0, '127.0.0.1', opened));
    atEnd(() => void edge.close());
    const { port } = edge.address() as AddressInfo;
    const shown = async () => (await shakeHands(port, www)).fingerprint?.toUpperCase();
    await api.call('PUT', configOf(www), ownConfig(bench.pems.second));
    expect([await shown(), await shown()]).toEqual([bench.pems.first.sha256, bench.pems.second.sha256]);
    await clock.advance(minute);
    expect(await shown()).toBe(bench.pems.second.sha256);
    await api.call('PUT', configOf(www), { configs: { https: { https_status: 'off' } } });
    await clock.advance(minute);
    expect((await shakeHands(port, www)).error).toBeDefined();
  });

  it('in many ways wrongly', async () => {
    const off: DomainOptions = { name: 'off.example.com', status: 'offline' };
    const { fake, api } = await bench.start({ domains: [bench.www(), off, { name: 'b.example.com', isBanned: true }] });
    const { first, second, other } = bench.pems;
    const [leaf] = second.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    const config = ownConfig(second);
    const cases: readonly (readonly [string, string, object])[] = [
      ['CDN.0170', 'none.example.com', config],
      ['CDN.0106', 'off.example.com', config],
      ['CDN.0115', 'b.example.com', config],
      ['CDN.0001', www, {}],
      ['CDN.0001', www, { configs: {} }],
      ['CDN.0001', www, { configs: { ...config.configs, ipv6_accelerate: 1 } }],
      ['CDN.0001', www, ownConfig(second, { https_status: undefined })],
      ['CDN.0001', www, ownConfig(second, { certificate_source: '0' })],
      ['CDN.0001', www, ownConfig(second, { certificate_source: 2, scm_certificate_id: 'scs1' })],
      ['CDN.0001', www, ownConfig(second, { certificate_name: '*.example.com' })],
      ['CDN.0001', www, ownConfig(second, { certificate_name: 'x'.repeat(33) })],
      ['CDN.0402', www, ownConfig({ ...second, privateKey: '' })],
      ['CDN.0403', www, ownConfig({ ...second, certificate: second.certificate.replaceAll('\n', '\n\n') })],
      ['CDN.0406', www, ownConfig(other)],
      ['CDN.0410', www, ownConfig({ ...second, privateKey: first.privateKey })],
      ['CDN.0410', www, ownConfig({ ...second, certificate: leaf! })],
    ];
    const before = [fake.settings(), fake.certificate(www)];
    for (const [expected, domain, body] of cases)
      expect([expected, body, await api.code('PUT', configOf(domain), body)]).toEqual([
        ...[expected, body, `200 ${expected}`],
      ]);
    expect([fake.settings(), fake.certificate(www)]).toEqual(before);
    expect(fake.api.unknown).toEqual([]);
  });

  it('not on its last day', async () => {
    const { api, clock } = await bench.start();
    await clock.advance(19.5 * 86_400_000);
    expect(await api.code('PUT', configOf(www), ownConfig(bench.pems.second))).toBe('200 CDN.0409');
  });
});
