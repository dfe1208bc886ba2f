import { createHmac } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import dnsmadeeasy from './dnsmadeeasy.ts';
import { answer, pageOf, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

export const keys = {
  apiKey: '1c1a3c91-4770-4ce7-96f4-54c0eb0e457a',
  secretKey: 'c9b5625f-9834-4ff8-baba-4ed5f32cae55',
};

const refusal = (status: number, ...error: string[]): FakeAnswer => answer(status, { error });

export function testDnsmadeeasy(clock: Clock, origin = 'https://api.dnsmadeeasy.com', mostSkewMs = 30_000) {
  const account = testZones();
  // This response does not have the API's form.
  const notFound: FakeAnswer = {
    status: 404,
    headers: { 'content-type': 'text/html' },
    body: '<html>Not Found</html>',
  };
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneWith(request.params['zone']);
      return zone ? handler(zone, request) : notFound;
    };
  const shown = (zone: TestZone, { id, type, name, value, ttl }: TestRecord) => ({
    ...{
      type,
      name: relativeName(name, zone.name, ''),
      value: encodedTxt(value),
      id,
      ttl,
      source: 1,
      sourceId: zone.id,
    },
    ...{ gtdLocation: 'DEFAULT', failover: false, monitor: false, dynamicDns: false, failed: false },
  });
  const api = createFakeApi({
    ...{ clock, origin },
    authorize({ headers }) {
      const date = headers['x-dnsme-requestdate'] ?? '';
      const hmac = createHmac('sha1', keys.secretKey).update(date).digest('hex');
      if (
        Math.abs(Date.parse(date) - clock.now().getTime()) > mostSkewMs ||
        !/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} (GMT|UTC)$/.test(date)
      )
        return refusal(403, 'Request sent with an invalid date');
      return headers['x-dnsme-apikey'] === keys.apiKey && headers['x-dnsme-hmac'] === hmac
        ? undefined
        : refusal(403, 'Authentication failed');
    },
    routes: {
      'GET /V2.0/dns/managed/name': ({ url }) => {
        const zone = account.zoneOf(url.searchParams.get('domainname') ?? undefined);
        return zone ? answer(200, { id: zone.id, name: zone.name, gtdEnabled: false, pendingActionId: 0 }) : notFound;
      },
      'GET /V2.0/dns/managed/:zone/records': inZone((zone, { url }) => {
        const [type, name] = ['type', 'recordName'].map((filter) => url.searchParams.get(filter));
        const found = zone.records.filter(
          (one) =>
            (type === null || one.type === type) && (name === null || relativeName(one.name, zone.name, '') === name),
        );
        const query = new URLSearchParams(url.searchParams);
        query.set('page', String(Number(query.get('page') ?? 0) + 1));
        const page = pageOf(found, query, { page: 'page', size: 'rows', usual: 10, most: 100 });
        if (!page) return refusal(400, 'rows is invalid');
        const data = page.found.map((one) => shown(zone, one));
        return answer(200, { data, page: page.page - 1, totalPages: page.pages, totalRecords: page.total });
      }),
      'POST /V2.0/dns/managed/:zone/records*': inZone((zone, request) => {
        const { type, name, value: given, ttl } = request.json() as Record<string, unknown>;
        const value = typeof given === 'string' && /^[\w-]+$/.test(given) ? encodedTxt(given) : given;
        const whole = wholeName(name, zone.name);
        if (type !== 'TXT' || whole === undefined) return refusal(400, 'Name is invalid.');
        if (!isTxt(value)) return refusal(400, 'Value must be enclosed in quotes.');
        if (!Number.isInteger(ttl) || (ttl as number) < 5) return refusal(400, 'TTL is invalid.');
        if (zone.records.some((one) => one.name === whole && one.value === decodedTxt(value)))
          return refusal(400, `Record with this type (TXT), name (${name}), and value (${value}) already exists.`);
        return answer(201, shown(zone, account.add(zone, whole, decodedTxt(value), ttl as number)));
      }),
      'DELETE /V2.0/dns/managed/:zone/records/:record': inZone((zone, { params }) =>
        account.remove(zone, params['record']) ? answer(200) : notFound,
      ),
    },
  });
  return { ...account, api };
}

export default dnsApiBench(dnsmadeeasy, {
  // While one change waits for its minute, the time may jump in the middle of another one's call.
  service: (clock) => testDnsmadeeasy(clock, undefined, 120_000),
  options: { apiKey: new Secret(keys.apiKey), secretKey: new Secret(keys.secretKey) },
  refused: { secretKey: new Secret('00000000-9834-4ff8-baba-4ed5f32cae55') },
  limit: {
    fault: () => ({ kind: 'status', status: 400, body: { error: ['Rate limit exceeded'] } }),
    saysWhen: false,
  },
});
