import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import dnsimple from './dnsimple.ts';
import { answer, limitUntil, pageOf, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';

/** A token of the account, one of a user with this account and others, and a read-only one. */
export const tokens = {
  account: 'dnsimple_a_t0ken-of-this-account',
  oneAccount: 'dnsimple_u_a-user-with-0ne-account',
  twoAccounts: 'dnsimple_u_a-user-with-tw0-accounts',
  readOnly: 'dnsimple_a_a-token-th4t-only-reads',
};

const refusal = (status: number, message: string): FakeAnswer => answer(status, { message });

export function testDnsimple(clock: Clock, origin = 'https://api.dnsimple.com') {
  const account = testZones();
  const tokenOf = ({ headers }: FakeRequest) => (headers['authorization'] ?? '').replace(/^Bearer /, '');
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const { account: id, zone: name } = request.params;
      const zone = id === '1010' ? account.zoneOf(name) : undefined;
      if (!zone) return refusal(404, `Zone \`${name}\` not found`);
      if (request.method !== 'GET' && tokenOf(request) === tokens.readOnly)
        return refusal(403, 'Permission Denied. Required Scope: zone_records:*:write');
      return handler(zone, request);
    };
  const shown = (zone: TestZone, { id, type, name, value, ttl }: TestRecord) => ({
    ...{ id, zone_id: zone.name, parent_id: null, name: relativeName(name, zone.name, ''), content: value, ttl },
    ...{ priority: null, type, regions: ['global'], system_record: false },
  });
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: (request) =>
      Object.values(tokens).includes(tokenOf(request)) ? undefined : refusal(401, 'Authentication failed'),
    routes: {
      'GET /v2/whoami': (request) =>
        tokenOf(request).startsWith('dnsimple_u_')
          ? answer(200, { data: { user: { id: 1, email: 'ops@example.test' }, account: null } })
          : answer(200, { data: { user: null, account: { id: 1010, email: 'ops@example.test' } } }),
      'GET /v2/accounts': (request) => {
        const ids = tokenOf(request) === tokens.twoAccounts ? [1009, 1010] : [1010];
        return answer(200, { data: ids.map((id) => ({ id, email: 'ops@example.test' })) });
      },
      'GET /v2/:account/zones/:zone': inZone(({ id, name }) => answer(200, { data: { id, account_id: 1010, name } })),
      'GET /v2/:account/zones/:zone/records': inZone((zone, { url }) => {
        const [type, name] = ['type', 'name'].map((filter) => url.searchParams.get(filter));
        const found = zone.records
          .filter((record) => type === null || record.type === type)
          .filter((record) => name === null || relativeName(record.name, zone.name, '') === name);
        const query = new URLSearchParams(url.searchParams);
        // A larger size becomes the maximum.
        if (Number(query.get('per_page')) > 100) query.set('per_page', '100');
        const page = pageOf(found, query, { page: 'page', size: 'per_page', usual: 30, most: 100 });
        if (!page) return refusal(400, 'invalid pagination');
        return answer(200, {
          data: page.found.map((one) => shown(zone, one)),
          pagination: {
            current_page: page.page,
            per_page: page.size,
            total_entries: page.total,
            total_pages: page.pages,
          },
        });
      }),
      'POST /v2/:account/zones/:zone/records': inZone((zone, request) => {
        const { type, name, content, ttl = 3600 } = request.json() as Record<string, unknown>;
        const whole = wholeName(name, zone.name);
        if (type !== 'TXT' || whole === undefined || typeof content !== 'string' || content === '')
          return refusal(400, 'Validation failed');
        if (!Number.isInteger(ttl) || (ttl as number) < 60) return refusal(400, 'Validation failed');
        if (zone.records.some((one) => one.name === whole && one.value === content))
          return refusal(400, 'Validation failed: the zone has this record');
        return answer(201, { data: shown(zone, account.add(zone, whole, content, ttl as number)) });
      }),
      'DELETE /v2/:account/zones/:zone/records/:record': inZone((zone, { params }) =>
        account.remove(zone, params['record']) ? answer(204) : refusal(404, `Record \`${params['record']}\` not found`),
      ),
    },
  });
  return { ...account, api };
}

export default dnsApiBench(dnsimple, {
  service: (clock) => testDnsimple(clock),
  options: { token: new Secret(tokens.account) },
  refused: { token: new Secret('dnsimple_a_an0ther-token') },
  readOnly: { token: new Secret(tokens.readOnly) },
  limit: limitUntil('x-ratelimit-reset'),
});
