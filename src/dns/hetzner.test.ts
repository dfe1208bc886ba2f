import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import hetzner from './hetzner.ts';
import bench from './test-hetzner.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const zone = 'example.test';
const name = `_acme-challenge.${zone}`;
const change = { name, add: ['abc'], remove: [], before: undefined, after: ['abc'], ttl: 60 };

it('waits for the action, which changes the set at its end', async () => {
  const { api, connect, values, clock } = await bench();
  await clock.passWhile(connect().write(zone, [change], signal));
  expect(await values(zone)).toEqual([{ name, value: 'abc' }]);
  expect(api.calls.map((call) => call.name.replace(/\d+$/, 'ID'))).toEqual([
    'POST /v1/zones/example.test/rrsets/_acme-challenge/TXT/actions/add_records',
    ...['GET /v1/actions/ID', 'GET /v1/actions/ID'],
  ]);
});

it('gives a set that exists its own TTL, and reads again if another program changed it', async () => {
  const { connect, plant, values, clock } = await bench();
  await plant({ zone, name, value: 'theirs', ttl: 3600 });
  const provider = connect();
  const write = (ttl: number) => {
    const before = { values: ['theirs'], ttl };
    return clock.passWhile(provider.write(zone, [{ ...change, before, after: ['theirs', 'abc'], ttl }], signal));
  };
  await write(3600);
  expect((await values(zone)).map(({ value }) => value)).toEqual(['theirs', 'abc']);
  await expect(write(3600)).rejects.toMatchObject({ code: 'dns/conflict' });
});

it('says why an action failed', async () => {
  const { api, connect, clock } = await bench();
  const action = { id: 7, status: 'error', error: { code: 'action_failed', message: 'the zone is broken' } };
  api.fault({ kind: 'status', status: 201, body: { action } });
  await expect(clock.passWhile(connect().write(zone, [change], signal))).rejects.toMatchObject({
    code: 'dns/failed',
    message: expect.stringContaining('the zone is broken'),
  });
});

it.each([
  { file: 'dns_hetzner_cloud_api_token = abcd\n' },
  { env: { HETZNER_API_TOKEN: 'abcd' } },
  { env: { HCLOUD_TOKEN: 'abcd' } },
])('the token as other clients have it: %o', async (from) => {
  expect(await optionsFrom(hetzner, from)).toEqual({ token: 'abcd' });
});
