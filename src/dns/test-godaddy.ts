import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import godaddy from './godaddy.ts';

export const key = '9EE9DPTheKeyOfThisTest_UzNf';
export const secret = 'TheSecretOfThisTestUzNf9';
/** The key of an account with few domains, which may not use the API. */
export const closedKey = '9EE9DPOfASmallAccount_UzNf';

interface Record {
  readonly name: string;
  readonly data: string;
  readonly ttl: number;
}

/** A fake of the GoDaddy API's calls for TXT records. */
export function testGodaddy(clock: Clock): FakeDnsService {
  const zones = new Map<string, Record[]>(fakeZones.map((zone) => [zone, []]));
  const refuse = (status: number, code: string, message: string, more: object = {}): FakeAnswer => ({
    status,
    body: { code, message, ...more },
  });

  const authorize = ({ headers }: FakeRequest): FakeAnswer | undefined => {
    const given = /^sso-key ([^:]+):([^:]+)$/.exec(headers['authorization'] ?? '');
    if (!given) return refuse(401, 'UNABLE_TO_AUTHENTICATE', 'Unauthorized : Malformed authorization header');
    if (given[2] !== secret || ![key, closedKey].includes(given[1]!))
      return refuse(401, 'UNABLE_TO_AUTHENTICATE', 'Unauthorized : Could not authenticate API key/secret');
    return given[1] === closedKey
      ? refuse(403, 'ACCESS_DENIED', 'Authenticated user is not allowed access')
      : undefined;
  };

  const inZone = (handle: (records: Record[], request: FakeRequest) => FakeAnswer) => (request: FakeRequest) => {
    const records = zones.get(request.params['zone']!);
    return records
      ? handle(records, request)
      : refuse(404, 'UNKNOWN_DOMAIN', 'The given domain is not registered, or does not have a zone file');
  };
  /** Reads the records in a body. */
  const readBody = (request: FakeRequest, name: string | undefined): readonly Record[] | FakeAnswer => {
    const body = request.json();
    const invalid = (path: string) =>
      refuse(422, 'INVALID_BODY', "Request body doesn't fulfill schema, see details in `fields`", {
        fields: [{ code: 'UNEXPECTED', message: 'is not valid', path }],
      });
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return invalid('content-type');
    if (!Array.isArray(body) || body.length === 0) return invalid('records');
    const found: Record[] = [];
    for (const one of body as { readonly [field: string]: unknown }[]) {
      const { data, ttl = 3600, type = name === undefined ? undefined : 'TXT', name: at = name } = one;
      if (type !== 'TXT' || typeof at !== 'string' || at === '' || at.endsWith('.test')) return invalid('name');
      if (typeof data !== 'string' || data === '' || data.length > 1024) return invalid('data');
      if (!Number.isInteger(ttl) || Number(ttl) < 600 || Number(ttl) > 604_800) return invalid('ttl');
      found.push({ name: at, data, ttl: Number(ttl) });
    }
    return found;
  };
  const isAnswer = (value: readonly Record[] | FakeAnswer): value is FakeAnswer => 'status' in value;

  const api = createFakeApi({
    ...{ clock, authorize },
    origin: 'https://api.godaddy.com',
    nameOf: ({ method, url }) => `${method} ${url.pathname.replace('/v1/domains', '')}`,
    routes: {
      'GET /v1/domains/:zone': inZone((_records, { params }) => ({
        status: 200,
        body: { domain: params['zone'], status: 'ACTIVE' },
      })),
      'GET /v1/domains/:zone/records/TXT/:name': inZone((records, { params }) => ({
        status: 200,
        body: records.filter(({ name }) => name === params['name']).map((one) => ({ ...one, type: 'TXT' })),
      })),
      'PUT /v1/domains/:zone/records/TXT/:name': inZone((records, request) => {
        const { name } = request.params;
        const body = readBody(request, name);
        if (isAnswer(body)) return body;
        if (new Set(body.map(({ data }) => data)).size < body.length)
          return refuse(422, 'DUPLICATE_RECORD', 'Another record with the same attributes already exists');
        records.splice(0, records.length, ...records.filter((one) => one.name !== name), ...body);
        return { status: 200 };
      }),
      'PATCH /v1/domains/:zone/records': inZone((records, request) => {
        const body = readBody(request, undefined);
        if (isAnswer(body)) return body;
        if (body.some(({ name, data }) => records.some((one) => one.name === name && one.data === data)))
          return refuse(422, 'DUPLICATE_RECORD', 'Another record with the same attributes already exists');
        records.push(...body);
        return { status: 200 };
      }),
      'DELETE /v1/domains/:zone/records/TXT/:name': inZone((records, { params }) => {
        const left = records.filter(({ name }) => name !== params['name']);
        if (left.length === records.length) return refuse(404, 'NOT_FOUND', 'The record was not found');
        records.splice(0, records.length, ...left);
        return { status: 204 };
      }),
    },
  });
  return {
    api,
    values: (zone) =>
      (zones.get(zone) ?? []).map(({ name, data }) => ({ name: name === '@' ? zone : `${name}.${zone}`, value: data })),
    plant: ({ zone, name, value, ttl }) =>
      void zones.get(zone)!.push({ name: relativeName(name, zone), data: value, ttl }),
    addZones: (names) => {
      for (const name of names) zones.set(name, []);
    },
  };
}

export default dnsApiBench(godaddy, {
  service: testGodaddy,
  options: { key: new Secret(key), secret: new Secret(secret) },
  refused: { key: new Secret(key), secret: new Secret('AnotherSecretOfThisTest9') },
  limit: {
    fault: (retryAfterSec) => ({
      ...{ kind: 'status', status: 429 },
      body: {
        ...{ code: 'TOO_MANY_REQUESTS', message: 'Too many requests received within interval' },
        ...present({ retryAfterSec }),
      },
    }),
    saysWhen: true,
  },
});
