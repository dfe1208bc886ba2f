import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import porkbun from './porkbun.ts';

export const apiKey = 'pk1_5299b57125c8f3cdf347d2fe0e713311ee3a1e11f11a14942b264725';
export const secretApiKey = 'sk1_7d119e3f656b00ae042980302e1425a04163c476efec1833cb0w54fc';

interface Record {
  readonly id: string;
  readonly name: string;
  readonly content: string;
  readonly ttl: string;
}

const refuse = (message: string): FakeAnswer => ({ status: 400, body: { status: 'ERROR', message } });
const fine = (fields: object = {}): FakeAnswer => ({ status: 200, body: { status: 'SUCCESS', ...fields } });

/** A fake of the Porkbun API's calls for records. */
export function testPorkbun(clock: Clock): FakeDnsService {
  let last = 106_926_000;
  const zones = new Map<string, Record[]>([...fakeZones, 'closed.test'].map((zone) => [zone, []]));
  const newRecord = (name: string, content: string, ttl: number): Record => ({
    ...{ id: String(++last), name, content, ttl: String(ttl) },
  });

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const { apikey, secretapikey } = request.json() as { readonly [field: string]: unknown };
    if (typeof apikey !== 'string' || typeof secretapikey !== 'string') return refuse('All API requests require keys.');
    if (apikey !== apiKey) return refuse('Invalid API key. (001)');
    return secretapikey === secretApiKey ? undefined : refuse('Invalid API key. (002)');
  };

  const inZone =
    (handle: (records: Record[], request: FakeRequest, zone: string) => FakeAnswer) => (request: FakeRequest) => {
      const zone = request.params['zone']!;
      const records = zones.get(zone);
      if (!records) return refuse('Invalid domain.');
      return zone === 'closed.test' ? refuse('Domain is not opted in to API access.') : handle(records, request, zone);
    };
  const shown = (records: readonly Record[]): FakeAnswer =>
    fine({
      cloudflare: 'enabled',
      records: records.map((one) => ({ ...one, type: 'TXT', prio: '0', notes: '' })),
    });
  const at = (zone: string, host: string | undefined) => (host === undefined || host === '' ? zone : `${host}.${zone}`);

  const api = createFakeApi({
    ...{ clock, authorize },
    origin: 'https://api.porkbun.com',
    nameOf: ({ url }) => url.pathname.replace('/api/json/v3', ''),
    routes: {
      'POST /api/json/v3/ping': () => fine({ yourIp: '192.0.2.1' }),
      'POST /api/json/v3/dns/retrieve/:zone': inZone((records) => shown(records)),
      'POST /api/json/v3/dns/retrieveByNameType/:zone/TXT': inZone((records, _request, zone) =>
        shown(records.filter(({ name }) => name === zone)),
      ),
      'POST /api/json/v3/dns/retrieveByNameType/:zone/TXT/:host': inZone((records, { params }, zone) =>
        shown(records.filter(({ name }) => name === at(zone, params['host']))),
      ),
      'POST /api/json/v3/dns/create/:zone': inZone((records, request, zone) => {
        const { name = '', type, content, ttl = '600' } = request.json() as { readonly [field: string]: unknown };
        if (typeof name !== 'string' || name.endsWith(zone)) return refuse('Create error: Invalid name.');
        if (type !== 'TXT') return refuse('Create error: Invalid type.');
        if (typeof content !== 'string' || content === '') return refuse('Create error: Invalid content.');
        // A smaller value becomes the minimum.
        const seconds = Math.max(600, Number(ttl));
        if (!Number.isInteger(seconds)) return refuse('Create error: Invalid TTL.');
        const fqdn = at(zone, name);
        if (records.some((one) => one.name === fqdn && one.content === content))
          return refuse('Create error: We were unable to create the DNS record.');
        const record = newRecord(fqdn, content, seconds);
        records.push(record);
        return fine({ id: Number(record.id) });
      }),
      'POST /api/json/v3/dns/delete/:zone/:id': inZone((records, { params }) => {
        const found = records.findIndex(({ id }) => id === params['id']);
        if (found < 0) return refuse('Invalid record ID.');
        records.splice(found, 1);
        return fine();
      }),
    },
  });
  return {
    api,
    values: (zone) => (zones.get(zone) ?? []).map(({ name, content }) => ({ name, value: content })),
    plant: ({ zone, name, value, ttl }) => void zones.get(zone)!.push(newRecord(name, value, ttl)),
    addZones: (names) => {
      for (const name of names) zones.set(name, []);
    },
  };
}

export default dnsApiBench(porkbun, {
  service: testPorkbun,
  options: { apiKey: new Secret(apiKey), secretApiKey: new Secret(secretApiKey) },
  refused: { apiKey: new Secret(apiKey), secretApiKey: new Secret(`${secretApiKey.slice(0, -4)}0000`) },
  // A domain has one zone.
  subZone: undefined,
  isWrite: ({ url }) => /\/dns\/(create|delete)\//.test(url.pathname),
  limit: { fault: () => ({ kind: 'html', status: 503 }), saysWhen: false },
  refusal: refuse,
});
