import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import luadns from './luadns.ts';
import { answer, type TestRecord, type TestZone, testZones } from './test-records.ts';

export const email = 'ops@example.test';
export const token = 't0ken-of-this-account';
const readOnlyToken = 'a-token-th4t-only-reads';
const login = (of: string) => `Basic ${Buffer.from(`${email}:${of}`).toString('base64')}`;

const refusal = (status: number, message: string): FakeAnswer =>
  answer(status, { status: 'Refused', request_id: 'apollo/ztHMmU9StQ-000003', message });

export function testLuadns(clock: Clock, origin = 'https://api.luadns.com') {
  const account = testZones();
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneWith(request.params['zone']);
      if (!zone) return refusal(404, 'Zone not found');
      if (request.method !== 'GET' && request.headers['authorization'] === login(readOnlyToken))
        return refusal(403, 'Access denied');
      return handler(zone, request);
    };
  const shown = (zone: TestZone, { id, type, name, value, ttl }: TestRecord) => ({
    ...{ id, name: `${name}.`, type, content: value, ttl, zone_id: zone.id, generated: false },
    ...{ created_at: '2026-08-25T09:07:17Z', updated_at: '2026-08-25T09:07:17Z' },
  });
  const remove = inZone((zone, { params }) => {
    const record = zone.records.find(({ id }) => String(id) === params['record']);
    if (!record) return refusal(404, 'Record not found');
    account.remove(zone, params['record']);
    return answer(200, shown(zone, record));
  });
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: ({ headers }) =>
      [token, readOnlyToken].some((one) => headers['authorization'] === login(one))
        ? undefined
        : refusal(401, 'Unauthorized'),
    routes: {
      'GET /v1/zones': () =>
        answer(
          200,
          account.zones.map(({ id, name, records }) => ({ id, name, synced: false, records_count: records.length })),
        ),
      'GET /v1/zones/:zone/records': inZone((zone) =>
        answer(
          200,
          zone.records.map((record) => shown(zone, record)),
        ),
      ),
      'POST /v1/zones/:zone/records': inZone((zone, request) => {
        const { name, type, content, ttl } = request.json() as Record<string, unknown>;
        if (typeof name !== 'string' || !`.${name}`.endsWith(`.${zone.name}.`)) return refusal(400, 'Name is invalid');
        if (type !== 'TXT' || typeof content !== 'string' || content === '') return refusal(400, 'Content is invalid');
        if (!Number.isInteger(ttl) || (ttl as number) < 60) return refusal(400, 'TTL is too small');
        return answer(200, shown(zone, account.add(zone, name.slice(0, -1), content, ttl as number)));
      }),
      'DELETE /v1/zones/:zone/records/:record': remove,
      // The path as acme.sh writes it.
      'DELETE /v1//zones/:zone/records/:record': remove,
    },
  });
  return { ...account, api };
}

export default dnsApiBench(luadns, {
  service: (clock) => testLuadns(clock),
  options: { email, token: new Secret(token) },
  refused: { token: new Secret('an0ther-accounts-token') },
  readOnly: { token: new Secret(readOnlyToken) },
  secrets: [token, readOnlyToken].map((one) => login(one).slice('Basic '.length)),
});
