import { beforeAll, describe, expect, it } from 'vitest';
import { createHuaweiBench, elb, forward, type HuaweiBench, path, policy } from '../support/huawei-account.ts';
import { authorizationOf } from '../support/huawei-oracle.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Huawei Cloud's ELB: its gateway, policies and pools. Documents only (see huawei-account.ts).

let bench: HuaweiBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createHuaweiBench();
});

describe('the gateway', () => {
  it('knows the signature of the vendor’s client', () => {
    const headers = {
      host: 'dns.cn-north-4.myhuaweicloud.com',
      'content-type': 'application/json',
      'x-sdk-date': '20260101T000000Z',
    };
    const body = '{"name":"_acme-challenge.abc.example.com.","type":"TXT","records":["\\"a1\\""]}';
    const url = 'https://dns.cn-north-4.myhuaweicloud.com/v2/zones/z1/recordsets?name=a%20b&type=TXT';
    const key = { accessKey: 'AKEXAMPLE', secretKey: 'SKEXAMPLE' };
    // @huaweicloud/huaweicloud-sdk-core
    const signature = '38c82bd079f2b5212dd64d529367d25bc75730cb51d9b28453642b3a11adf9d0';
    expect(authorizationOf({ method: 'POST', url, headers, body }, key)).toBe(
      `SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=content-type;host;x-sdk-date, Signature=${signature}`,
    );
  });

  it('refuses wrong signatures, rights, projects and parameters', async () => {
    const actions = ['elb:listeners:list', 'iam:*'];
    const { api, fake, clock } = await bench.start(
      { callsPerSecond: 9 },
      { accessKey: 'AKUSER', secretKey: 'u', actions },
    );
    const listeners = `${elb}/listeners`;
    const { projects } = await api.call('GET', '/v3/projects?name=cn-north-4');
    expect(projects).toMatchObject([{ name: 'cn-north-4_test' }, { id: elb.split('/')[2], name: 'cn-north-4' }]);
    expect((await api.call('GET', listeners)).page_info).toMatchObject({ current_count: 3 });
    expect(await api.code('GET', listeners, undefined, { authorization: 'none' })).toBe('401 APIGW.0301');
    expect(await api.code('GET', listeners, undefined, { 'x-sdk-date': '20200101T000000Z' })).toBe('401 APIGW.0301');
    expect(await api.code('GET', listeners, undefined, { 'content-type': 'text/plain' })).toBe('401 APIGW.0301');
    expect(await api.code('GET', `${elb}/certificates`)).toBe('403 APIGW.0302');
    expect(await api.code('GET', `/v3/${'f'.repeat(32)}/elb/listeners`)).toBe('403 APIGW.0302');
    expect(await api.code('GET', `${listeners}?sni_container_refs=x`)).toBe('400 ELB.1001');
    expect(await api.code('GET', `${listeners}?marker=x`)).toBe('400 ELB.1001');
    const first = await api.call('GET', `${listeners}?limit=2`);
    const next = await api.call('GET', `${listeners}?limit=2&marker=${first.page_info.next_marker}`);
    expect([first.listeners.length, next.listeners.length, next.page_info.next_marker]).toEqual([2, 1, undefined]);
    await clock.advance(1000);
    fake.deny('elb:listeners:list');
    expect(await api.code('GET', listeners)).toBe('403 APIGW.0302');
    fake.deny();
    for (let call = 0; call < 9; call++) await api.call('GET', listeners);
    expect(await api.code('GET', listeners)).toBe('429 APIGW.0308');
  });
});

describe('policies and pools', () => {
  it('come and go, one change at a time of a balancer', async () => {
    const { api, fake, clock } = await bench.start({ changeMs: 5000 });
    const before = fake.snapshot();
    const { l7policy } = await api.call('POST', `${elb}/l7policies`, policy(fake));
    expect(fake.route('lb', 80, 'www.example.com', `${path}x`)).toBe('200 key-authorization');
    expect(fake.route('lb', 80, 'www.example.com', '/')).toEqual(['10.0.0.1:80']);
    const one = `${elb}/l7policies/${l7policy.id}`;
    expect(await api.code('DELETE', one)).toBe('409 ELB.8907');
    const status = async () =>
      (await api.call('GET', `${elb}/loadbalancers/${fake.balancerId('lb')}`)).loadbalancer.provisioning_status;
    expect(await status()).toBe('PENDING_UPDATE');
    await clock.advance(5000);
    expect(await status()).toBe('ACTIVE');
    expect((await api.call('GET', `${elb}/l7policies?name=ours`)).l7policies).toMatchObject([
      { id: l7policy.id, priority: 1 },
    ]);
    expect((await api.call('GET', `${one}/rules`)).rules).toMatchObject([
      { value: 'www.example.com' },
      { value: path },
    ]);
    await api.call('DELETE', one);
    expect(await api.code('DELETE', one)).toBe('404 ELB.8904');
    expect(fake.snapshot()).toEqual(before);
  });

  it('are refused for many reasons', async () => {
    const { api, fake } = await bench.start();
    const [plain, web, shop] = [fake.listenerId('lb', 8080), fake.poolId('web'), fake.poolId('shop')];
    const host = { type: 'HOST_NAME', compare_type: 'EQUAL_TO', value: 'shop.example.com' };
    const cases: readonly (readonly [string, object])[] = [
      ['404 ELB.8904', { listener_id: 'none' }],
      ['400 ELB.1001', { listener_id: plain }],
      ['409 ELB.8907', { priority: 5 }],
      ['409 ELB.8907', { rules: [host] }],
      ['400 ELB.1001', { rules: [{ ...host, compare_type: 'REGEX' }] }],
      ['400 ELB.1001', { rules: [{ ...host, value: 'a_b' }] }],
      ['400 ELB.1001', forward(web)],
      ['400 ELB.1001', { ...forward(shop), listener_id: plain }],
      ['400 ELB.1001', { tags: [] }],
    ];
    const before = fake.snapshot();
    for (const [expected, more] of cases)
      expect([more, await api.code('POST', `${elb}/l7policies`, policy(fake, more))]).toEqual([more, expected]);
    expect(fake.snapshot()).toEqual(before);
  });

  it('without priorities, domains come first, then the longest path', async () => {
    const { api, fake } = await bench.start();
    const listener_id = fake.listenerId('lb', 8080);
    const loadbalancer_id = fake.balancerId('lb');
    const ids: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      const pool = { loadbalancer_id, protocol: 'HTTP', lb_algorithm: 'ROUND_ROBIN', name };
      const { pool: made } = await api.call('POST', `${elb}/pools`, { pool });
      ids.push(made.id);
      const member = { address: `10.1.0.${ids.length}`, protocol_port: 18_080 };
      await api.call('POST', `${elb}/pools/${made.id}/members`, { member });
    }
    const add = (pool: string, ...rules: object[]) =>
      api.call(
        'POST',
        `${elb}/l7policies`,
        policy(fake, { listener_id, priority: undefined, ...forward(pool), rules }),
      );
    const prefix = { type: 'PATH', compare_type: 'STARTS_WITH', value: '/' };
    const named = (value: string) => ({ type: 'HOST_NAME', compare_type: 'EQUAL_TO', value });
    await add(ids[0]!, { ...prefix, value: path });
    await add(ids[1]!, named('*.example.com'));
    await add(ids[2]!, named('www.example.com'), prefix);
    const route = (host: string, url: string) => fake.route('lb', 8080, host, url);
    expect(route('example.org', `${path}x`)).toEqual(['10.1.0.1:18080']);
    expect(route('a.example.com', `${path}x`)).toEqual(['10.1.0.2:18080']);
    expect(route('www.example.com', `${path}x`)).toEqual(['10.1.0.3:18080']);
    expect(route('example.org', '/')).toEqual(['10.0.0.3:80']);
  });

  it('members are checked, and a filled or used pool stays', async () => {
    const { api, fake, clock } = await bench.start();
    const pool = {
      loadbalancer_id: fake.balancerId('lb'),
      protocol: 'HTTP',
      lb_algorithm: 'ROUND_ROBIN',
      name: 'ours',
    };
    const { id } = (await api.call('POST', `${elb}/pools`, { pool })).pool;
    const one = `${elb}/pools/${id}`;
    const members = [{ address: '10.0.0.9', protocol_port: 18_080 }];
    const made = await api.call('POST', `${one}/members/batch-add`, { members });
    expect(await api.code('POST', `${one}/members`, { member: members[0] })).toBe('409 ELB.8907');
    const status = async () => (await api.call('GET', `${one}/members`)).members[0].operating_status;
    expect(await status()).toBe('NO_MONITOR');
    const healthmonitor = {
      pool_id: id,
      type: 'HTTP',
      delay: 2,
      timeout: 1,
      max_retries: 2,
      url_path: `${path}health`,
    };
    const crooked = { ...healthmonitor, url_path: '/a_b' };
    expect(await api.code('POST', `${elb}/healthmonitors`, { healthmonitor: crooked })).toBe('400 ELB.1001');
    const monitor = (await api.call('POST', `${elb}/healthmonitors`, { healthmonitor })).healthmonitor.id;
    expect(await status()).toBe('OFFLINE');
    await clock.advance(4000);
    expect(await status()).toBe('ONLINE');
    fake.isUp = () => false;
    expect(await status()).toBe('OFFLINE');
    const { l7policy } = await api.call('POST', `${elb}/l7policies`, policy(fake, forward(id)));
    expect(fake.route('lb', 80, 'www.example.com', path)).toEqual(['10.0.0.9:18080']);
    expect(await api.code('DELETE', one)).toBe('409 ELB.8907');
    await api.call('DELETE', `${elb}/l7policies/${l7policy.id}`);
    expect(await api.code('DELETE', one)).toBe('409 ELB.8907');
    await api.call('DELETE', `${one}/members/${made.members[0].id}`);
    await api.call('DELETE', `${elb}/healthmonitors/${monitor}`);
    await api.call('DELETE', one);
    expect(await api.code('GET', one)).toBe('404 ELB.8904');
  });
});
