import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import type { FakeAnswer } from '../testing/fake-api.ts';
import bench from './test-volcengine.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 600 };

const refusal = (Code: string): FakeAnswer => ({
  status: 400,
  body: { ResponseMetadata: { RequestId: '2022', Error: { Code, Message: 'No.' } } },
});

it('sends the requests that the documents describe', async () => {
  const { api, connect } = await bench();
  const made = await connect().append(value, signal);
  await connect().remove(value, made, signal);
  expect(api.calls.map(({ request }) => `${request.url.search} ${request.text}`)).toEqual([
    '?Action=ListZones&Key=example.test&PageNumber=1&PageSize=500&SearchMode=exact&Version=2018-08-01 ',
    '?Action=ListRecords&Host=_acme-challenge&PageNumber=1&PageSize=500&SearchMode=exact&Type=TXT&Version=2018-08-01&ZID=1001 ',
    '?Action=CreateRecord&Version=2018-08-01 {"ZID":1001,"Host":"_acme-challenge","Type":"TXT","Value":"abc","TTL":600,"Line":"default"}',
    '?Action=ListZones&Key=example.test&PageNumber=1&PageSize=500&SearchMode=exact&Version=2018-08-01 ',
    '?Action=ListRecords&Host=_acme-challenge&PageNumber=1&PageSize=500&SearchMode=exact&Type=TXT&Version=2018-08-01&ZID=1001 ',
    `?Action=DeleteRecord&Version=2018-08-01 {"RecordID":"${made}"}`,
  ]);
});

it.each([
  ['CreateRecord', 'ErrDBDuplicated'],
  ['DeleteRecord', 'ErrDBNotFound'],
])('takes it if another process was faster: %s', async (action, code) => {
  const { api, connect } = await bench();
  if (action === 'DeleteRecord') await connect().append(value, signal);
  api.fault({ kind: 'status', ...refusal(code) }, { on: ({ url }) => url.searchParams.get('Action') === action });
  if (action === 'CreateRecord') expect(await connect().append(value, signal)).toBeUndefined();
  else await connect().remove(value, undefined, signal);
});

it.each([
  ['InvalidAccessKey', '`accessKeyId`'],
  ['InvalidSecretToken', '`sessionToken`'],
])('says what to do about %s', async (code, hint) => {
  const { api, connect } = await bench();
  api.fault({ kind: 'status', ...refusal(code) });
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({
    code: 'dns/refused',
    hint: expect.stringContaining(hint),
  });
});

it('says that the clock is wrong', async () => {
  const { api, connect } = await bench();
  api.fault({ kind: 'status', ...refusal('InvalidTimestamp') });
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
});
