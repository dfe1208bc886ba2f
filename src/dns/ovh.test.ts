import { expect, it } from 'vitest';
import type { SetChange } from '../ports/dns-provider.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import ovh from './ovh.ts';
import bench, { keys } from './test-ovh.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const change = (name: string): SetChange => ({
  ...{
    name: `_acme-challenge.${name}.example.test`,
    add: ['abc'],
    remove: [],
    before: undefined,
    after: ['abc'],
    ttl: 60,
  },
});

it('refreshes the zone once for 20 names', async () => {
  const { api, connect, values } = await bench();
  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
  await connect().write('example.test', names.map(change), signal);
  expect(await values('example.test')).toHaveLength(20);
  expect(api.count('POST /1.0/domain/zone/example.test/refresh')).toBe(1);
  expect(api.count('GET /1.0/auth/time')).toBe(1);
});

it('refreshes the zone also if the value is there already, since an earlier refresh may have failed', async () => {
  const { api, connect, values, clock } = await bench();
  const write = () => clock.passWhile(connect().write('example.test', [change('www')], signal));
  api.fault({ kind: 'unreachable' }, { times: 9, on: ({ url }) => url.pathname.endsWith('/refresh') });
  await expect(write()).rejects.toMatchObject({ code: 'dns/unreachable' });
  expect(await values('example.test')).toEqual([]);
  await expect(write()).rejects.toMatchObject({ code: 'dns/unreachable' });
  await expect(write()).rejects.toMatchObject({ code: 'dns/unreachable' });
  await write();
  expect(await values('example.test')).toMatchObject([{ value: 'abc' }]);
});

it('asks for the time again when OVH finds it wrong', async () => {
  const { api, connect, clock } = await bench();
  const provider = connect();
  await provider.check!('example.test', signal);
  const late = { status: 400, body: { errorCode: 'QUERY_TIME_OUT', message: 'Query out of time' } };
  api.fault({ kind: 'status', ...late });
  await clock.passWhile(provider.check!('example.test', signal));
  expect(api.count('GET /1.0/auth/time')).toBe(2);
});

it.each([
  [
    {
      file: 'dns_ovh_endpoint = ovh-ca\ndns_ovh_application_key = a1\ndns_ovh_application_secret = b2\ndns_ovh_consumer_key = c3\n',
    },
  ],
  [
    {
      env: { OVH_ENDPOINT: 'ovh-ca', OVH_APPLICATION_KEY: 'a1', OVH_APPLICATION_SECRET: 'b2', OVH_CONSUMER_KEY: 'c3' },
    },
  ],
  [{ env: { OVH_END_POINT: 'ovh-ca', OVH_AK: 'a1', OVH_AS: 'b2', OVH_CK: 'c3' } }],
])('takes the keys as other clients have them: %o', async (from) => {
  expect(await optionsFrom(ovh, from)).toEqual({
    ...{ applicationKey: 'a1', applicationSecret: 'b2', consumerKey: 'c3', endpoint: 'ovh-ca' },
  });
});

it('takes OVH’s names, and URLs', () => {
  const parse = (endpoint: string) => ovh.options.shape.endpoint.safeParse(endpoint).success;
  expect(['ovh-us', 'https://eu.api.ovh.com/v1', 'ovh-mars', 'http://eu.api.ovh.com'].map(parse)).toEqual([
    ...[true, true, false, false],
  ]);
  expect(keys.consumerKey).toHaveLength(32);
});
