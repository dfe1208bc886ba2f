import { describe, expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import bench, { testWestcn, username } from './test-westcn.ts';
import { optionsFrom, testWorld } from './test-world.ts';
import westcn from './westcn.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const value = { zone: 'example.test', name: '_acme-challenge.www.example.test', value: 'abc', ttl: 60 };

describe('westcn', () => {
  it('sends what the documents describe', async () => {
    const { api, connect, clock } = await bench();
    const provider = connect();
    const made = await provider.append(value, signal);
    await provider.remove(value, made, signal);
    const common = {
      ...{ username, domain: 'example.test', time: String(clock.now().getTime()) },
      token: expect.stringMatching(/^[0-9a-f]{32}$/),
    };
    const list = ['getdnsrecord', { ...common, limit: '500', pageno: '1' }];
    expect(api.calls.map(({ name, request }) => [name, Object.fromEntries(request.form())])).toEqual([
      list,
      ['adddnsrecord', { ...common, host: '_acme-challenge.www', type: 'TXT', value: 'abc', ttl: '60' }],
      list,
      ['deldnsrecord', { ...common, id: made }],
    ]);
  });

  it('makes the token of the documents', async () => {
    const { world, fake, clock } = testWorld(testWestcn);
    clock.set(new Date(1_554_691_950_854));
    const options = { username: 'zhangsan', password: new Secret('5dh232kfg!*') };
    await westcn
      .connect({ name: 'dns', world, options })
      .check('example.test', signal)
      .catch(() => {});
    expect(fake.api.calls[0]?.request.form().get('token')).toBe('f17581fb2535b2a7ee4468eb3f96a2a9');
  });

  it('reads the API’s Chinese', async () => {
    const { connect } = await bench();
    await expect(connect().check?.('absent.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining('20001: 域名不存在'),
      hint: expect.stringContaining('Check that absent.test is a domain of the account of `username`'),
    });
  });

  it('takes a duplicate for done', async () => {
    const { api, connect } = await bench();
    const body = { result: 500, msg: 'No.', errcode: 20118 };
    api.fault({ kind: 'status', status: 200, body }, { on: ({ url }) => url.search === '?act=adddnsrecord' });
    expect(await connect().append(value, signal)).toBeUndefined();
  });

  it('says that the address is not allowed', async () => {
    const { api, connect } = await bench();
    api.fault({ kind: 'status', status: 200, body: { result: 500, msg: 'IP', errcode: 10002 } });
    await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({
      hint: expect.stringContaining('Allow the address of this machine'),
    });
  });

  it.each([
    ['a file', { file: 'dns_westcn_username = ops\ndns_westcn_password = p' }],
    ['the environment of lego', { env: { WESTCN_USERNAME: 'ops', WESTCN_PASSWORD: 'p' } }],
  ])('reads %s', async (_what, from) => {
    expect(await optionsFrom(westcn, from)).toEqual({ username: 'ops', password: 'p' });
  });
});
