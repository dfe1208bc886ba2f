import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import bench from './test-jdcloud.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 600 };
const refusal = (code: number, status: string, message: string) =>
  ({ kind: 'status', status: code, body: { requestId: 'b1', error: { code, status, message } } }) as const;

it('sends the requests that the documents describe', async () => {
  const { api, connect } = await bench();
  await connect().append(value, signal);
  const { request } = api.calls.at(-1)!;
  expect(api.calls.map(({ method, path, request: { url } }) => `${method} ${path}${url.search}`)).toEqual([
    'GET /v2/regions/cn-north-1/domain?domainName=example.test&pageNumber=1&pageSize=99',
    'GET /v2/regions/cn-north-1/domain/1001/ResourceRecord?pageNumber=1&pageSize=99&search=_acme-challenge',
    'POST /v2/regions/cn-north-1/domain/1001/ResourceRecord',
  ]);
  const req = { hostRecord: '_acme-challenge', hostValue: 'abc', type: 'TXT', ttl: 600, viewValue: -1 };
  expect(JSON.parse(request.text)).toEqual({ req });
});

it('looks again if a record is refused, because the documents have no code for a duplicate', async () => {
  const { api, connect, plant } = await bench();
  const refused = refusal(400, 'INVALID_ARGUMENT', 'exists already');
  api.fault(refused, {
    on: ({ method }) => {
      if (method === 'POST') void plant(value);
      return method === 'POST';
    },
  });
  await connect().append(value, signal);
  api.fault(refused, { on: ({ method }) => method === 'POST' });
  await expect(connect().append({ ...value, value: 'other' }, signal)).rejects.toMatchObject({ code: 'dns/refused' });
});

it('takes it if another process has removed the record', async () => {
  const { api, connect } = await bench();
  await connect().append(value, signal);
  const other = connect();
  api.fault(refusal(400, 'INVALID_ARGUMENT', 'does not exist'), {
    on: ({ method }) => method === 'DELETE',
  });
  // It is still there, so the refusal is one.
  await expect(other.remove(value, undefined, signal)).rejects.toMatchObject({ code: 'dns/refused' });
  await other.remove(value, undefined, signal);
  await other.remove(value, undefined, signal);
});

it.each([
  [refusal(401, 'UNAUTHENTICATED', 'no such key'), '`accessKeyId`'],
  [{ ...refusal(403, 'PERMISSION_DENIED', 'no'), status: 200 }, 'domainservice:describe*'],
])('says what to do: %o', async (fault, hint) => {
  const { api, connect } = await bench();
  api.fault(fault);
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({
    code: 'dns/refused',
    hint: expect.stringContaining(hint),
  });
});

it('says that the clock is wrong', async () => {
  const { api, connect } = await bench();
  api.fault(refusal(401, 'UNAUTHENTICATED', 'x-jdcloud-date is expired'));
  await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
});
