import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import linode from './linode.ts';
import { answer, pageOf, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';

export const token = 't0ken-of-this-account-0123456789abcdef';
const readOnlyToken = 'a-token-th4t-only-reads-0123456789abcdef';

const refusal = (status: number, reason: string, field?: string): FakeAnswer =>
  answer(status, { errors: [{ reason, ...present({ field }) }] });

/** The TTLs to which smaller values are rounded up. This fake does not round larger values. */
const ttls = [0, 30, 120, 300, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400];

export function testLinode(clock: Clock, origin = 'https://api.linode.com') {
  const account = testZones();
  const secondaries = new Set<string>();
  const notFound = refusal(404, 'Not found');
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneWith(request.params['zone']);
      if (!zone) return notFound;
      if (request.method !== 'GET' && request.headers['authorization'] === `Bearer ${readOnlyToken}`)
        return refusal(403, 'Your OAuth token is not authorized to use this endpoint.');
      return handler(zone, request);
    };
  const shown = ({ id, type, name, value, ttl }: TestRecord, zone: TestZone) => ({
    ...{ id, type, name: relativeName(name, zone.name, ''), target: value, ttl_sec: ttl },
    ...{ priority: 0, weight: 0, port: 0, service: null, protocol: null, tag: null },
  });
  const listed = <T>(all: readonly T[], { url }: FakeRequest): FakeAnswer => {
    const page = pageOf(all, url.searchParams, { page: 'page', size: 'page_size', usual: 100, least: 25, most: 500 });
    if (!page || page.page > page.pages) return refusal(400, 'Must be 25-500', 'page_size');
    return answer(200, { data: page.found, page: page.page, pages: page.pages, results: page.total });
  };
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: ({ headers }) =>
      [token, readOnlyToken].some((one) => headers['authorization'] === `Bearer ${one}`)
        ? undefined
        : refusal(401, 'Invalid Token'),
    routes: {
      'GET /v4/domains': (request) => {
        const filter = JSON.parse(request.headers['x-filter'] ?? '{}') as { domain?: string };
        return listed(
          account.zones
            .filter(({ name }) => filter.domain === undefined || name === filter.domain)
            .map(({ id, name }) => ({
              id,
              domain: name,
              type: secondaries.has(name) ? 'slave' : 'master',
              status: 'active',
            })),
          request,
        );
      },
      'GET /v4/domains/:zone/records': inZone((zone, request) => {
        const filter = JSON.parse(request.headers['x-filter'] ?? '{}') as { name?: string; type?: string };
        const all = zone.records.map((record) => shown(record, zone));
        return listed(
          all.filter(({ name, type }) => (filter.name ?? name) === name && (filter.type ?? type) === type),
          request,
        );
      }),
      'POST /v4/domains/:zone/records': inZone((zone, request) => {
        const { type, name, target, ttl_sec: ttl = 0 } = request.json() as Record<string, unknown>;
        const whole = wholeName(name, zone.name);
        if (type !== 'TXT') return refusal(400, 'type is invalid', 'type');
        if (whole === undefined) return refusal(400, 'Record name is invalid', 'name');
        if (typeof target !== 'string' || target === '') return refusal(400, 'Target is required', 'target');
        if (!Number.isInteger(ttl)) return refusal(400, 'Must be an integer', 'ttl_sec');
        const rounded = ttls.find((one) => one >= (ttl as number)) ?? (ttl as number);
        return answer(200, shown(account.add(zone, whole, target, rounded), zone));
      }),
      'DELETE /v4/domains/:zone/records/:record': inZone((zone, { params }) =>
        account.remove(zone, params['record']) ? answer(200, {}) : notFound,
      ),
    },
  });
  return { ...account, api, secondaries };
}

export default dnsApiBench(linode, {
  service: (clock) => testLinode(clock),
  options: { token: new Secret(token) },
  refused: { token: new Secret('an0ther-token-0123456789abcdef') },
  readOnly: { token: new Secret(readOnlyToken) },
});
export const rightToken = new Secret(token);
