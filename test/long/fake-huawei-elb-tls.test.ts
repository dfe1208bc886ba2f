import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { get, startNodes } from '../support/alibaba-world.ts';
import { createHuaweiBench, elb, type HuaweiBench, type Pem, path, policy, root } from '../support/huawei-account.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Huawei Cloud's ELB: its certificates and its data plane. Documents only (see huawei-account.ts).

let bench: HuaweiBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createHuaweiBench();
});

describe('certificates', () => {
  const upload = (name: string, pem: Pem, more: object = {}) => ({
    certificate: { name, type: 'server', certificate: pem.certificate, private_key: pem.privateKey, ...more },
  });

  it('are uploaded, even twice, and found by name; one in use stays', async () => {
    const { api, fake } = await bench.start({ quotas: { certificate: 6 } });
    const certificates = `${elb}/certificates`;
    const { certificate: made } = await api.call('POST', certificates, upload('new', bench.pems.second));
    expect((await api.call('POST', certificates, upload('new', bench.pems.second))).certificate.id).not.toBe(made.id);
    expect(await api.code('POST', certificates, upload('new', bench.pems.second))).toBe('409 ELB.8905');
    const found = await api.call('GET', `${certificates}?name=new&limit=1`);
    expect(found).toMatchObject({ certificates: [{ id: made.id }], page_info: { next_marker: made.id } });
    expect(made).toMatchObject({
      certificate: bench.pems.second.certificate,
      subject_alternative_names: ['www.example.com'],
    });
    expect(fake.keysSent()).toBeGreaterThan(0);
    await api.call('DELETE', `${certificates}/${made.id}`);
    expect(await api.code('DELETE', `${certificates}/${made.id}`)).toBe('404 ELB.8904');
    const used = `${certificates}/${fake.certificateId('shop')}`;
    expect(await api.code('DELETE', used)).toBe('409 ELB.8907');
    const foreign = { ...bench.pems.second, privateKey: bench.pems.first.privateKey };
    expect(await api.code('POST', certificates, upload('x', foreign))).toBe('400 ELB.1011');
    expect(await api.code('POST', certificates, upload('x', bench.pems.first, { domain: 'a b' }))).toBe('400 ELB.1001');
  });

  it('are bound to a listener, which keeps everything else', async () => {
    const { api, fake } = await bench.start();
    const listener = `${elb}/listeners/${fake.listenerId('lb', 443)}`;
    const put = (more: object) => ({ listener: more });
    const before = (await api.call('GET', listener)).listener;
    const served = (name: string) => fake.served('lb', 443, name);
    expect([served('www.example.com'), served('shop.example.com')]).toEqual(['first', 'shop']);
    const [second, rsa, shop] = (['second', 'rsa', 'shop'] as const).map((name) => fake.certificateId(name));
    await api.call('PUT', listener, put({ default_tls_container_ref: second }));
    expect((await api.call('GET', listener)).listener).toEqual({ ...before, default_tls_container_ref: second });
    expect(served('www.example.com')).toBe('second');
    await api.call('PUT', listener, put({ sni_container_refs: [shop, rsa] }));
    expect(served('www.example.com')).toBe('rsa');
    await api.call('PUT', listener, put({ sni_container_refs: [shop, rsa, second] }));
    expect(served('www.example.com')).toBe('second'); // ECC is preferred
    const twice = put({ sni_container_refs: [shop, second, fake.certificateId('first')] });
    expect(await api.code('PUT', listener, twice)).toBe('409 ELB.8907');
    const { certificate: bare } = await api.call('POST', `${elb}/certificates`, upload('bare', bench.pems.shop));
    expect(await api.code('PUT', listener, put({ sni_container_refs: [bare.id] }))).toBe('400 ELB.1001');
    expect(await api.code('PUT', listener, put({ protocol: 'HTTP' }))).toBe('400 ELB.1001');
    const plain = `${elb}/listeners/${fake.listenerId('lb', 80)}`;
    expect((await api.call('PUT', plain, put({ sni_container_refs: [shop] }))).listener.sni_container_refs).toEqual([]);
    expect(await api.code('PUT', plain, put({ default_tls_container_ref: second }))).toBe('400 ELB.1001');
  });

  it('are replaced in place for every listener that uses them', async () => {
    const { api, fake } = await bench.start();
    const first = `${elb}/certificates/${fake.certificateId('first')}`;
    const { certificate, privateKey } = bench.pems.second;
    await api.call('PUT', first, { certificate: { certificate, private_key: privateKey } });
    expect((await api.call('GET', first)).certificate).toMatchObject({ certificate, domain: 'www.example.com' });
    expect(await api.code('PUT', first, { certificate: { certificate } })).toBe('400 ELB.1001');
    expect(await api.code('PUT', first, { certificate: { type: 'client' } })).toBe('400 ELB.1001');
    const shop = `${elb}/certificates/${fake.certificateId('shop')}`;
    expect(await api.code('PUT', shop, { certificate: { domain: '' } })).toBe('409 ELB.8907');
  });
});

describe('the data plane', () => {
  it('forwards, answers by itself, and serves certificates by name', async () => {
    const [a, b] = await startNodes(2);
    const pools = [
      { name: 'web', members: [{ address: '10.0.0.1', port: a!.port }] },
      { name: 'shop', members: [{ address: '10.0.0.2', port: b!.port }] },
      { name: 'plain' },
    ];
    const addresses = { '10.0.0.1': a!.address, '10.0.0.2': b!.address };
    const { fake, api } = await bench.serve(
      { ...bench.optionsWith(systemClock), pools, addresses, secondMs: 10 },
      root,
    );
    const plane = await fake.startPlane();
    atEnd(() => plane.stop());
    const port = plane.port('lb|80');
    expect((await get(port, 'www.example.com', '/x')).text).toBe('a GET /x');
    await api.call('POST', `${elb}/l7policies`, policy(fake));
    expect((await get(port, 'www.example.com', `${path}x`)).text).toBe('key-authorization');
    const healthmonitor = { pool_id: fake.poolId('shop'), type: 'HTTP', delay: 1, timeout: 1, max_retries: 2 };
    await api.call('POST', `${elb}/healthmonitors`, { healthmonitor });
    let seen = await get(port, 'shop.example.com', '/');
    for (let round = 0; seen.status === 502 && round < 500; round++) {
      await wait(10);
      seen = await get(port, 'shop.example.com', '/');
    }
    expect(seen.text).toBe('b GET /');
    const shown = async (name: string) => (await shakeHands(plane.port('lb|443'), name)).fingerprint;
    expect(await shown('www.example.com')).toBe(bench.pems.first.fingerprint);
    expect(await shown('shop.example.com')).toBe(bench.pems.shop.fingerprint);
  });
});
