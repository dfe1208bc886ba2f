import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import type { DomainOptions } from '../support/qiniu-cdn/options.ts';
import { createQiniuCdn } from '../support/qiniu-cdn.ts';
import { createQiniuCdnBench, type QiniuCdnBench, uploadOf } from '../support/qiniu-cdn-account.ts';
import { qbox, qiniu } from '../support/qiniu-oracle.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Qiniu's CDN. Documents only, but for the signatures (see qiniu-cdn-account.ts).

const minute = 60_000;
const www = 'www.example.com';
let bench: QiniuCdnBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createQiniuCdnBench();
});

describe('the signature', () => {
  const key = { accessKey: 'AKEXAMPLE', secretKey: 'SKEXAMPLE' };
  const url = 'https://api.qiniu.com/domain/.example.com/httpsconf';
  const body = '{"certId":"68109347f23d455100000001","forceHttps":true,"http2Enable":false}';
  const put = { method: 'PUT', url, body, type: 'application/json' } as const;
  const list = {
    method: 'GET',
    url: 'https://api.qiniu.com/sslcert?marker=&limit=100',
    type: 'application/x-www-form-urlencoded',
    date: '20261129T100000Z',
  } as const;

  // qiniu 7.15.2: generateAccessToken and generateAccessTokenV2
  it.each([
    ['QBox AKEXAMPLE:NMMP2tbRsam0jJ4Cbkmo8NbEGCI=', qbox, list],
    ['QBox AKEXAMPLE:yzy7zZ95kx_aUNSiAdQ6CUbiKNw=', qbox, put],
    ['Qiniu AKEXAMPLE:mroSweyp5sYaPoFuTVvYRT1QH5g=', qiniu, put],
    ['Qiniu AKEXAMPLE:Ew_CToviFOaJNviySO_yk5ADPsY=', qiniu, { ...put, date: list.date }],
    ['Qiniu AKEXAMPLE:IMmnsEzTxYEI1CZNunjEEsrtAgQ=', qiniu, list],
  ])('%s is that of the vendor’s client, and the fake knows it', async (authorization, sign, request) => {
    expect(sign(request, key)).toBe(authorization);
    const clock = fakeClock(new Date('2026-11-29T10:00:00Z'));
    const fake = createQiniuCdn({ clock, keys: [key], domains: [] });
    const { date = '' } = request as { readonly date?: string };
    const headers = {
      ...{ authorization, 'content-type': request.type },
      ...(date === '' || sign === qbox ? {} : { 'x-qiniu-date': date }),
    };
    const send = async (more: object) => {
      const { method, url: to, body: text = '' } = { ...request, ...more } as typeof put;
      return (await fake.api.handle({ method, url: to, headers, body: text })).status;
    };
    expect(await send({})).toBe(request === list ? 200 : 612);
    expect(await send({ url: `${request.url}?x=1` })).toBe(401);
    clock.set(new Date('2026-11-29T10:16:00Z'));
    if (date !== '' && sign === qiniu) expect(await send({})).toBe(401);
  });

  it('in neither form may be missing or of another key', async () => {
    const { api, old, fake } = await bench.start();
    await old.call('GET', '/domain');
    for (const authorization of ['none', 'QBox AKROOT:x', `Qiniu NONE:${'a'.repeat(27)}=`])
      expect(await api.code('GET', '/domain', undefined, { authorization })).toBe('401 401');
    expect(await api.code('GET', '/domain', undefined, { 'content-type': 'text/plain' })).toBe('401 401');
    fake.deny('GET /domain');
    expect(await api.code('GET', '/domain')).toBe('403 403');
  });
});

describe('domains', () => {
  it('are listed by markers, 600 of them, at most ten calls a second', async () => {
    const many = Array.from({ length: 599 }, (_, at): DomainOptions => ({ name: `d${at}.example.com` }));
    const { api, clock } = await bench.start({ domains: [bench.www(), ...many] });
    const names: string[] = [];
    let marker = '';
    do {
      const page = await api.call('GET', `/domain?limit=250&marker=${marker}`);
      for (const { name } of page.domains) names.push(name);
      marker = page.marker;
    } while (marker !== '');
    expect(new Set(names).size).toBe(600);
    expect((await api.call('GET', '/domain')).domains).toMatchObject([
      { name: www, type: 'normal', operatingState: 'success' },
      ...Array(9).fill({}),
    ]);
    for (const wrong of ['limit=0', 'limit=1001', 'limit=x', 'marker=x', 'page=1'])
      expect([wrong, await api.code('GET', `/domain?${wrong}`)]).toEqual([wrong, '400 400030']);
    await api.call('GET', '/domain');
    expect(await api.code('GET', '/domain')).toBe('573 573');
    await clock.advance(1000);
    await api.call('GET', '/domain');
  });

  it('say what they serve, also those of a wildcard', async () => {
    const wildcard = bench.www({ name: '.example.com', http2: false });
    const domains = [wildcard, { name: 'a.example.com', parent: '.example.com' }, { name: 'off.example.com' }];
    const { api, fake } = await bench.start({ domains });
    const certId = fake.certificates()[0]!.id;
    const https = { certId, forceHttps: true, http2Enable: false };
    expect(await api.call('GET', '/domain/.example.com')).toMatchObject({ type: 'wildcard', protocol: 'https', https });
    expect(await api.call('GET', '/domain/a.example.com')).toMatchObject({ pareDomain: '.example.com', https });
    const off = { certId: '', forceHttps: false, http2Enable: false };
    expect(await api.call('GET', '/domain/off.example.com')).toMatchObject({ protocol: 'http', https: off });
    for (const name of ['*.example.com', 'b.example.com'])
      expect(await api.code('GET', `/domain/${name}`)).toBe('612 612');
    const other = await bench.start({ domains, behaviour: { httpsOff: 'missing', unknownDomain: 404 } });
    expect(await other.api.call('GET', '/domain/off.example.com')).not.toHaveProperty('https');
    expect(await other.api.code('GET', '/domain/b.example.com')).toBe('404 404');
  });
});

describe('certificates', () => {
  it('are uploaded, even twice, listed by markers, and removed unless used', async () => {
    const { api, fake, upload } = await bench.start({
      quota: 4,
      certificates: [bench.pems.other],
      usedByStorage: ['other'],
    });
    const one = await upload(bench.pems.second, '*.example.com');
    const two = await upload(bench.pems.second);
    expect(one).not.toBe(two);
    expect(await api.code('POST', '/sslcert', uploadOf(bench.pems.second))).toBe('400 400500');
    const first = await api.call('GET', '/sslcert?limit=3');
    const { certs, marker } = await api.call('GET', `/sslcert?limit=3&marker=${first.marker}`);
    expect([first.certs.length, certs.length, marker]).toEqual([3, 1, '']);
    expect(first.certs[1]).toMatchObject({
      ...{ certid: one, name: 'second', common_name: '*.example.com', dnsnames: [www, '*.example.com'] },
      encrypt: 'ECDSA',
    });
    expect(fake.keysSent).toBe(0);
    expect(await api.call('GET', `/sslcert/${one}`)).toMatchObject({ ca: bench.pems.second.certificate });
    expect(fake.keysSent).toBe(1);
    const idOf = (name: string) => fake.certificates().find((held) => held.name === name)?.id;
    expect(await api.code('DELETE', `/sslcert/${idOf('first')}`)).toBe('400 400611');
    expect(await api.code('DELETE', `/sslcert/${idOf('other')}`)).toBe('400 400911');
    await api.call('DELETE', `/sslcert/${one}`);
    expect(await api.code('DELETE', `/sslcert/${one}`)).toBe('400 400401');
    expect(await api.code('GET', '/sslcert?limit=201')).toBe('400 400030');
  });

  it('are refused for many reasons', async () => {
    const { api, fake, clock } = await bench.start();
    const { first, second } = bench.pems;
    const [leaf] = second.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    const before = fake.certificates();
    const cases: readonly (readonly [string, object])[] = [
      ['404 404906', uploadOf(second, { ca: 'x' })],
      ['404 404906', uploadOf(second, { pri: first.privateKey })],
      ['400 400323', uploadOf(second, { ca: leaf })],
      ['400 400030', uploadOf(second, { common_name: 'www.example.org' })],
      ['400 400030', uploadOf(second, { common_name: undefined })],
      ['400 400030', uploadOf(second, { pri: undefined })],
      ['400 400030', uploadOf(second, { tags: [] })],
      ['400 400030', uploadOf(second, { name: 1 })],
    ];
    for (const [expected, body] of cases)
      expect([body, await api.code('POST', '/sslcert', body)]).toEqual([body, expected]);
    await clock.advance(19.5 * 86_400_000);
    expect(await api.code('POST', '/sslcert', uploadOf(second))).toBe('400 400322');
    await clock.advance(86_400_000);
    expect(await api.code('POST', '/sslcert', uploadOf(second))).toBe('400 400329');
    expect(fake.certificates()).toEqual(before);
  });
});

describe('a certificate is set', () => {
  it('in a roll-out that serves old and new by turns, and keeps what is sent back', async () => {
    const { fake, api, clock, upload, set } = await bench.start({ rollOutMs: 7 * minute });
    const { first, second } = bench.pems;
    const before = fake.settings();
    const old = fake.certificates()[0]!.id;
    const served = () => fake.served(www)?.sha256;
    const state = async () => {
      const { operatingState, https } = await api.call('GET', `/domain/${www}`);
      return [operatingState, https.certId];
    };
    const id = await upload(second);
    const modified = (await api.call('GET', `/domain/${www}`)).modifyAt;
    await clock.advance(1000);
    await set(www, id);
    expect([served(), served(), served()]).toEqual([first.sha256, second.sha256, first.sha256]);
    expect(await state()).toEqual(['processing', id]);
    await expect(set(www, id)).rejects.toMatchObject({ code: 400, status: 400 });
    expect(await api.code('DELETE', `/sslcert/${old}`)).toBe('400 400611');
    await clock.advance(7 * minute - 1);
    expect(await state()).toEqual(['processing', id]);
    await clock.advance(1);
    expect([await state(), served(), served()]).toEqual([['success', id], second.sha256, second.sha256]);
    expect((await api.call('GET', `/domain/${www}`)).modifyAt > modified).toBe(true);
    expect(fake.settings()).toEqual(before);
    await api.call('DELETE', `/sslcert/${old}`);
  });

  it('or is accepted and comes to nothing, and the old one stays', async () => {
    const { fake, api, clock, upload, set } = await bench.start({ rollOutMs: minute });
    const { first, second } = bench.pems;
    const id = await upload(second);
    fake.failRollOut(www);
    await set(www, id);
    await clock.advance(minute);
    const { operatingState, https } = await api.call('GET', `/domain/${www}`);
    expect([operatingState, https.certId === id, fake.served(www)?.sha256]).toEqual(['failed', false, first.sha256]);
    await set(www, id);
    await clock.advance(minute);
    expect(fake.served(www)?.sha256).toBe(second.sha256);
    const strict = await bench.start({ rollOutMs: minute, behaviour: { failed: 'refused', busy: 'queued' } });
    strict.fake.failRollOut(www, 2);
    const other = await strict.upload(second);
    await strict.set(www, other);
    await strict.set(www, other);
    await strict.clock.advance(2 * minute);
    await expect(strict.set(www, other)).rejects.toMatchObject({ status: 400 });
  });

  it('with what is left out switched off', async () => {
    const { fake, api, upload, set } = await bench.start();
    const id = await upload(bench.pems.second);
    const before = fake.settings();
    await set(www, id);
    expect(fake.settings()).toEqual(before);
    await api.call('PUT', `/domain/${www}/httpsconf`, { certid: id, forceHttps: true });
    expect(fake.settings()).toEqual([{ ...before[0], http2: false }]);
  });

  it('only after a moment, when it was just uploaded', async () => {
    const { clock, upload, set } = await bench.start({ visibleAfterMs: 500 });
    const id = await upload(bench.pems.second);
    await expect(set(www, id)).rejects.toMatchObject({ code: 400401 });
    await clock.advance(500);
    await set(www, id);
  });

  it('which clients see at an edge node', async () => {
    const { fake, clock, upload, set } = await bench.start({
      ...{ rollOutMs: minute, domains: [bench.www(), { name: 'off.example.com' }] },
    });
    const edge = createServer({ SNICallback: fake.sniCallback });
    await new Promise<void>((opened) => edge.listen(0, '127.0.0.1', opened));
    atEnd(() => void edge.close());
    const { port } = edge.address() as AddressInfo;
    const shown = async () => (await shakeHands(port, www)).fingerprint?.toUpperCase();
    await set(www, await upload(bench.pems.second));
    expect([await shown(), await shown()]).toEqual([bench.pems.first.sha256, bench.pems.second.sha256]);
    await clock.advance(minute);
    expect(await shown()).toBe(bench.pems.second.sha256);
    expect((await shakeHands(port, 'off.example.com')).error).toBeDefined();
  });

  it('in many ways wrongly, and by sslize where HTTPS was off', async () => {
    const domains: DomainOptions[] = [
      ...[bench.www(), { name: 'off.example.com' }, bench.www({ name: 'f.example.com', state: 'frozen' })],
      ...[bench.www({ name: '.example.com' }), { name: 'a.example.com', parent: '.example.com' }],
    ];
    const { fake, api, clock, upload } = await bench.start({ domains, certificates: [bench.pems.other] });
    const id = await upload(bench.pems.second);
    const other = fake.certificates().find(({ name }) => name === 'other')!.id;
    const fine = { certId: id, forceHttps: true, http2Enable: true };
    const before = fake.settings();
    const cases: readonly (readonly [string, string, object])[] = [
      ['612 612', 'none.example.com/httpsconf', fine],
      ['612 612', '*.example.com/httpsconf', fine],
      ['400 400030', `${www}/httpsconf`, { ...fine, certId: '' }],
      ['400 400401', `${www}/httpsconf`, { ...fine, certId: 'f'.repeat(24) }],
      ['400 400030', `${www}/httpsconf`, { ...fine, certId: other }],
      ['400 400030', `${www}/httpsconf`, { ...fine, forceHttps: 'true' }],
      ['400 400030', `${www}/httpsconf`, { ...fine, tlsVersion: 'x' }],
      ['400 400030', 'off.example.com/httpsconf', fine],
      ['400 400030', 'a.example.com/httpsconf', fine],
      ['400 400', 'f.example.com/httpsconf', fine],
      ['400 400030', `${www}/sslize`, fine],
    ];
    for (const [expected, path, body] of cases) {
      expect([path, body, await api.code('PUT', `/domain/${path}`, body)]).toEqual([path, body, expected]);
      await clock.advance(200);
    }
    expect(fake.settings()).toEqual(before);
    await api.call('PUT', '/domain/off.example.com/sslize', fine);
    expect(fake.served('off.example.com')?.sha256).toBe(bench.pems.second.sha256);
    await api.call('PUT', '/domain/.example.com/httpsconf', fine);
    expect(fake.served('a.example.com')?.sha256).toBe(bench.pems.second.sha256);
    fake.setState(www, 'offlined');
    expect(fake.served(www)).toBeUndefined();
    expect(fake.api.unknown).toEqual([]);
  });
});
