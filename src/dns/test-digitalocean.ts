import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import digitalocean from './digitalocean.ts';
import { answer, limitUntil, pageOf, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';

export const token = 'dop_v1_t0ken-of-this-account';
const readOnlyToken = 'dop_v1_a-token-th4t-only-reads';

const refusal = (status: number, id: string, message: string): FakeAnswer =>
  answer(status, { id, message, request_id: '9b8a2c4e' });

export function testDigitalocean(clock: Clock, origin = 'https://api.digitalocean.com') {
  const account = testZones();
  const notFound = refusal(404, 'not_found', 'The resource you were accessing could not be found.');
  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneOf(request.params['zone']);
      if (!zone) return notFound;
      if (request.method !== 'GET' && request.headers['authorization'] === `Bearer ${readOnlyToken}`)
        return refusal(403, 'forbidden', 'You are not authorized to perform this operation');
      return handler(zone, request);
    };
  const shown = (zone: TestZone, { id, type, name, value, ttl }: TestRecord) => ({
    ...{ id, type, name: relativeName(name, zone.name), data: value, ttl },
    ...{ priority: null, port: null, weight: null, flags: null, tag: null },
  });
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: ({ headers }) =>
      [token, readOnlyToken].some((one) => headers['authorization'] === `Bearer ${one}`)
        ? undefined
        : refusal(401, 'Unauthorized', 'Unable to authenticate you'),
    routes: {
      'GET /v2/domains/:zone': inZone(({ name }) => answer(200, { domain: { name, ttl: 1800, zone_file: '' } })),
      'GET /v2/domains/:zone/records': inZone((zone, { url }) => {
        const [type, name] = ['type', 'name'].map((filter) => url.searchParams.get(filter));
        // The filter accepts only whole names.
        const found = zone.records.filter(
          (record) => (type === null || record.type === type) && (name === null || record.name === name),
        );
        const page = pageOf(found, url.searchParams, { page: 'page', size: 'per_page', usual: 20, most: 200 });
        if (!page) return refusal(400, 'bad_request', 'per_page must be between 1 and 200');
        const next = page.page < page.pages ? { next: `${url.origin}${url.pathname}?page=${page.page + 1}` } : {};
        const body = { domain_records: page.found.map((one) => shown(zone, one)), meta: { total: page.total } };
        return answer(200, { ...body, links: page.pages > 1 ? { pages: { first: '', ...next } } : {} });
      }),
      'POST /v2/domains/:zone/records': inZone((zone, request) => {
        const { type, name, data, ttl } = request.json() as Record<string, unknown>;
        const invalid = (message: string) => refusal(422, 'unprocessable_entity', message);
        if (type !== 'TXT') return invalid('Type is invalid.');
        // lego sends the whole name with a final dot.
        const host = typeof name === 'string' ? name.replace(new RegExp(`\\.${zone.name}\\.$`), '') : name;
        const whole = wholeName(host, zone.name);
        if (whole === undefined) return invalid('Name is invalid.');
        if (typeof data !== 'string' || data === '') return invalid("Data can't be blank.");
        if (!Number.isInteger(ttl) || (ttl as number) < 30) return invalid('Ttl must be greater than or equal to 30.');
        return answer(201, { domain_record: shown(zone, account.add(zone, whole, data, ttl as number)) });
      }),
      'DELETE /v2/domains/:zone/records/:record': inZone((zone, { params }) =>
        account.remove(zone, params['record']) ? answer(204) : notFound,
      ),
    },
  });
  return { ...account, api };
}

export default dnsApiBench(digitalocean, {
  service: (clock) => testDigitalocean(clock),
  options: { token: new Secret(token) },
  refused: { token: new Secret('dop_v1_an0ther-token') },
  readOnly: { token: new Secret(readOnlyToken) },
  limit: limitUntil('ratelimit-reset'),
});
