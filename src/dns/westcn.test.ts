import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import bench, { apiKeyBench, domainKey, testWestcn, username } from './test-westcn.ts';
import { optionsFrom, testWorld } from './test-world.ts';
import westcn from './westcn.ts';

dnsApiContract(it, bench);
dnsApiContract((name, run) => it(`${name} (API key)`, run), apiKeyBench);

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

  it('sends the key of a domain alone', async () => {
    const { world, fake } = testWorld(testWestcn);
    const provider = westcn.connect({ name: 'dns', world, options: { domainKey: new Secret(domainKey) } });
    const made = await provider.append(value, signal);
    await provider.remove(value, made, signal);
    const common = { apidomainkey: domainKey, domain: 'example.test', hostname: value.name };
    const list = { ...common, act: 'dnsrec.list', record_type: 'TXT' };
    expect(fake.api.calls.map(({ request }) => Object.fromEntries(request.form()))).toEqual([
      list,
      { ...common, act: 'dnsrec.add', record_type: 'TXT', record_value: 'abc', record_ttl: '60' },
      list,
      { ...common, act: 'dnsrec.remove', record_id: made },
    ]);
    await expect(provider.check?.('absent.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringContaining('Check `domainKey`, and that absent.test is the domain'),
    });
    expect(() => westcn.connect({ name: 'dns', world, options: { username } })).toThrow(
      'give `domainKey`, or `username`',
    );
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
    ['a file', { file: 'dns_westcn_username = ops\ndns_westcn_password = p' }, { username: 'ops', password: 'p' }],
    ['a file with the key of a domain', { file: '{ "apidomainkey": "k" }' }, { domainKey: 'k' }],
    [
      'the environment of lego',
      { env: { WESTCN_USERNAME: 'ops', WESTCN_PASSWORD: 'p' } },
      { username: 'ops', password: 'p' },
    ],
    [
      'acme.sh’s account.conf',
      { file: "SAVED_WEST_Username='ops'\nSAVED_WEST_Key='k'" },
      { username: 'ops', apiKey: 'k' },
    ],
  ])('reads %s', async (_what, from, expected) => {
    expect(await optionsFrom(westcn, from)).toEqual(expected);
  });
});
