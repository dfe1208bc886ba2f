import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import { answer, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';
import vultr from './vultr.ts';

export const apiKey = 'KEY0FTHISACCOUNT0123456789ABCDEFGHIJ';
const readOnlyKey = 'KEYTHAT0NLYREADS0123456789ABCDEFGHIJ';

const refusal = (status: number, error: string): FakeAnswer => answer(status, { error, status });

export function testVultr(clock: Clock, origin = 'https://api.vultr.com') {
  const account = testZones();
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneOf(request.params['zone']);
      if (!zone) return refusal(404, 'Invalid domain.');
      if (request.method !== 'GET' && request.headers['authorization'] === `Bearer ${readOnlyKey}`)
        return refusal(403, 'User is not authorized.');
      return handler(zone, request);
    };
  const idOf = ({ id }: TestRecord) => `cb676a46-66fd-4dfb-b839-${String(id).padStart(12, '0')}`;
  const shown = (zone: TestZone, record: TestRecord) => ({
    ...{ id: idOf(record), type: record.type, name: relativeName(record.name, zone.name, '') },
    ...{ data: encodedTxt(record.value), priority: 0, ttl: record.ttl },
  });
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: ({ headers }) =>
      [apiKey, readOnlyKey].some((one) => headers['authorization'] === `Bearer ${one}`)
        ? undefined
        : refusal(401, 'Invalid API token.'),
    routes: {
      // The way in which other clients search for a zone.
      'GET /v2/domains': ({ url }) => {
        const size = Number(url.searchParams.get('per_page') ?? 100);
        const domains = account.zones.slice(0, size).map(({ name }) => ({ domain: name, dns_sec: 'disabled' }));
        return answer(200, { domains, meta: { total: account.zones.length, links: { next: '', prev: '' } } });
      },
      'GET /v2/domains/:zone': inZone(({ name }) =>
        answer(200, { domain: { domain: name, date_created: '2026-10-10T01:56:20+00:00', dns_sec: 'disabled' } }),
      ),
      // This call has no filter, and the cursor is opaque.
      'GET /v2/domains/:zone/records': inZone((zone, { url }) => {
        const size = Number(url.searchParams.get('per_page') ?? 100);
        if (!Number.isInteger(size) || size < 1 || size > 500)
          return refusal(400, 'per_page must be between 1 and 500');
        const cursor = url.searchParams.get('cursor');
        const from =
          cursor === null
            ? 0
            : Number(
                Buffer.from(cursor, 'base64')
                  .toString()
                  .replace(/^from:/, ''),
              );
        if (!Number.isInteger(from)) return refusal(400, 'Invalid cursor');
        const next = from + size < zone.records.length ? Buffer.from(`from:${from + size}`).toString('base64') : '';
        return answer(200, {
          records: zone.records.slice(from, from + size).map((record) => shown(zone, record)),
          meta: { total: zone.records.length, links: { next, prev: '' } },
        });
      }),
      'POST /v2/domains/:zone/records': inZone((zone, request) => {
        const { type, name, data, ttl = 300 } = request.json() as Record<string, unknown>;
        const whole = wholeName(name, zone.name);
        if (type !== 'TXT' || whole === undefined) return refusal(400, 'Invalid DNS name');
        if (!isTxt(data)) return refusal(400, 'TXT records must be enclosed in quotes');
        if (!Number.isInteger(ttl) || (ttl as number) < 120) return refusal(400, 'Invalid TTL');
        return answer(201, { record: shown(zone, account.add(zone, whole, decodedTxt(data), ttl as number)) });
      }),
      'DELETE /v2/domains/:zone/records/:record': inZone((zone, { params }) => {
        const record = zone.records.find((one) => idOf(one) === params['record']);
        if (!record) return refusal(404, 'Invalid record ID');
        account.remove(zone, String(record.id));
        return answer(204);
      }),
    },
  });
  return { ...account, api };
}

export default dnsApiBench(vultr, {
  service: (clock) => testVultr(clock),
  options: { apiKey: new Secret(apiKey) },
  refused: { apiKey: new Secret('AN0THERKEY0123456789ABCDEFGHIJKLMNOP') },
  readOnly: { apiKey: new Secret(readOnlyKey) },
});
