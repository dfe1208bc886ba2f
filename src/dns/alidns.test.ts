import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import alidns from './alidns.ts';
import bench, { testAlidns } from './test-alidns.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const value = { zone: 'example.test', name: '_acme-challenge.www.example.test', value: 'abc', ttl: 600 };

describe('alidns', () => {
  it('sends what the documents describe', async () => {
    const { api, connect } = await bench();
    const provider = connect();
    const made = await provider.append(value, signal);
    await provider.remove(value, made, signal);
    const asked = {
      ...{ SubDomain: value.name, DomainName: 'example.test', Type: 'TXT' },
      ...{ PageSize: '100', PageNumber: '1', Lang: 'en' },
    };
    expect(api.calls.map(({ name, request }) => [name, Object.fromEntries(request.url.searchParams)])).toEqual([
      ['DescribeSubDomainRecords', asked],
      [
        'AddDomainRecord',
        { DomainName: 'example.test', RR: '_acme-challenge.www', Type: 'TXT', Value: 'abc', TTL: '600' },
      ],
      ['DescribeSubDomainRecords', asked],
      ['DeleteDomainRecord', { RecordId: made }],
    ]);
  });

  it.each([
    ['InvalidAccessKeyId.NotFound', 404, 'dns/refused', 'Check `accessKeyId`'],
    ['SignatureDoesNotMatch', 400, 'dns/refused', 'Check `accessKeySecret`'],
    ['InvalidSecurityToken.Expired', 400, 'dns/refused', 'security token is expired'],
    ['Forbidden.RAM', 403, 'dns/refused', 'lacks alidns:AddDomainRecord'],
    ['IncorrectDomainUser', 400, 'dns/refused', 'Check that example.test is a domain of the account'],
    ['QuotaExceeded.TTL', 400, 'dns/refused', 'allows no TTL that short'],
    ['InvalidTimeStamp.Expired', 400, 'dns/clock-skew', 'Set the clocks'],
    ['UnKnownError', 400, 'dns/failed', 'The problem is on the provider’s side'],
  ])('%s', async (Code, status, code, hint) => {
    const { api, connect } = await bench();
    const body = { RequestId: 'R-1', Code, Message: 'No.' };
    api.fault({ kind: 'status', status, body }, { on: ({ headers }) => headers['x-acs-action'] === 'AddDomainRecord' });
    await expect(connect().append(value, signal)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`${Code}: No`),
      hint: expect.stringContaining(hint),
    });
  });

  it('waits while the zone is busy, and takes a duplicate for done', async () => {
    const { world, fake } = testWorld(testAlidns);
    const options = {
      accessKeyId: new Secret('LTAI5tExampleKeyOfAlidns'),
      accessKeySecret: new Secret('Fk4ePVu3ExampleSecretOfAlidns'),
    };
    const provider = alidns.connect({ name: 'dns', world, options });
    const next = (Code: string) =>
      fake.api.fault(
        { kind: 'status', status: 400, body: { RequestId: 'R', Code, Message: 'No.' } },
        { on: ({ headers }) => headers['x-acs-action'] === 'AddDomainRecord' },
      );
    next('LastOperationNotFinished');
    expect(await provider.append(value, signal)).toMatch(/^\d+$/);
    next('DomainRecordDuplicate');
    expect(await provider.append({ ...value, value: 'def' }, signal)).toBeUndefined();
  });

  it.each([
    [
      'certbot’s file',
      { file: 'dns_aliyun_access_key = LTAI\ndns_aliyun_access_key_secret = s' },
      { accessKeyId: 'LTAI', accessKeySecret: 's' },
    ],
    [
      'acme.sh’s account.conf',
      { file: "SAVED_Ali_Key='LTAI'\nSAVED_Ali_Secret='s'" },
      { accessKeyId: 'LTAI', accessKeySecret: 's' },
    ],
    [
      'the environment of lego',
      { env: { ALICLOUD_ACCESS_KEY: 'LTAI', ALICLOUD_SECRET_KEY: 's', ALICLOUD_SECURITY_TOKEN: 't' } },
      { accessKeyId: 'LTAI', accessKeySecret: 's', securityToken: 't' },
    ],
  ])('reads %s', async (_what, from, expected) => {
    expect(await optionsFrom(alidns, from)).toEqual(expected);
  });
});
