import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import bench from './test-baiducloud.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 300 };
const refusal = (status: number, code: string) =>
  ({ kind: 'status', status, body: { requestId: '9d3e5721', code, message: 'No.' } }) as const;

it('sends the requests that the documents describe', async () => {
  const { api, connect } = await bench();
  await connect().append(value, signal);
  await connect().remove(value, undefined, signal);
  const token = expect.stringMatching(/^\?clientToken=[0-9a-f]{32}$/);
  const path = '/v1/dns/zone/example.test/record';
  expect(api.calls.map(({ method, path: at, request: { url } }) => [`${method} ${at}`, url.search])).toEqual([
    [`GET ${path}`, '?maxKeys=1000&rr=_acme-challenge'],
    [`POST ${path}`, token],
    [`GET ${path}`, '?maxKeys=1000&rr=_acme-challenge'],
    [`DELETE ${path}/rc-1`, token],
  ]);
  const body = { rr: '_acme-challenge', type: 'TXT', value: 'abc', ttl: 300, line: 'default' };
  expect(JSON.parse(api.calls[1]!.request.text)).toEqual(body);
});

it('looks again if a record is refused, because the documents have no code for a duplicate', async () => {
  const { api, connect, plant } = await bench();
  api.fault(refusal(400, 'Whatever'), {
    on: ({ method }) => {
      if (method === 'POST') void plant(value);
      return method === 'POST';
    },
  });
  await connect().append(value, signal);
  api.fault(refusal(400, 'Whatever'), { on: ({ method }) => method === 'POST' });
  await expect(connect().append({ ...value, value: 'other' }, signal)).rejects.toMatchObject({ code: 'dns/refused' });
});

it('takes it if another process has removed the record', async () => {
  const { api, connect } = await bench();
  await connect().append(value, signal);
  api.fault(refusal(404, 'NoSuchObject'), { on: ({ method }) => method === 'DELETE' });
  await connect().remove(value, undefined, signal);
});

it.each([
  [403, 'InvalidAccessKeyId', 'Check `accessKeyId`'],
  [400, 'SignatureDoesNotMatch', 'Check `secretAccessKey`'],
  [400, 'InvalidHTTPAuthHeader', 'Check `accessKeyId` and `secretAccessKey`'],
  [403, 'AccessDenied', 'DNSFullControlAccessPolicy'],
  [404, 'NoSuchObject', 'account with the zone example.test'],
])('says what to do about HTTP %i %s', async (status, code, hint) => {
  const { api, connect } = await bench();
  api.fault(refusal(status, code));
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({
    code: 'dns/refused',
    hint: expect.stringContaining(hint),
  });
});

it('says that the clock is wrong', async () => {
  const { api, connect } = await bench();
  api.fault(refusal(400, 'RequestExpired'));
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
});
