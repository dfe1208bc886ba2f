import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import cloudflare from './cloudflare.ts';

interface Access {
  /** The zones that a token may use. */
  readonly zones: (name: string) => boolean;
  readonly mayFindZones: boolean;
  readonly mayRead: boolean;
  readonly mayEdit: boolean;
}

interface Zone {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'pending';
}

interface Record {
  readonly id: string;
  readonly zone: string;
  readonly name: string;
  /** Without quotes. */
  readonly value: string;
  readonly ttl: number;
}

export interface TestCloudflare extends FakeDnsService {
  readonly records: readonly Record[];
}

const full = { zones: () => true, mayFindZones: true, mayRead: true, mayEdit: true };
const only = (zone: string) => ({ ...full, zones: (name: string) => name === zone });

/** The permissions of each token. */
const tokens: Readonly<{ [token: string]: Access }> = {
  'token-Of-This-test-0123456789-abcdefghij': full,
  'one-zone-token-0123456789-abcdefghijklmn': only('example.test'),
  'zone-read-token-0123456789-abcdefghijklm': { ...full, mayRead: false, mayEdit: false },
  'dns-edit-token-0123456789-abcdefghijklmn': { ...full, mayFindZones: false },
  'dns-read-token-0123456789-abcdefghijklmn': { ...full, mayEdit: false },
};
export const [token, oneZoneToken, zoneReadToken, dnsEditToken, dnsReadToken] = Object.keys(tokens) as [
  string,
  string,
  string,
  string,
  string,
];
export const wrongToken = 'wrong-token-0123456789-abcdefghijklmnopq';
export const email = 'ops@example.test';
export const apiKey = '0123456789abcdef0123456789abcdef01234';

const origin = 'https://api.cloudflare.com';

/**
 * A fake of the Cloudflare API's calls for zones and records, modelled on the documentation and on recorded responses.
 */
export function testCloudflare(clock: Clock): TestCloudflare {
  let last = 0;
  const newId = () => (++last).toString(16).padStart(32, 'c');
  const active = (name: string): Zone => ({ id: newId(), name, status: 'active' });
  const zones: Zone[] = [
    // A zone that another account has begun to add.
    { id: newId(), name: 'example.test', status: 'pending' },
    ...Array.from({ length: 60 }, (_, at) => active(`of-others${at}.test`)),
    ...fakeZones.map(active),
  ];
  const records: Record[] = [];

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const { authorization, 'x-auth-email': mail, 'x-auth-key': key } = request.headers;
    if (authorization === undefined && mail === undefined && key === undefined)
      return problem(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or Authorization headers');
    if (authorization !== undefined && !/^Bearer [\w-]{40}$/.test(authorization))
      return problem(400, 6003, 'Invalid request headers', [6111, 'Invalid format for Authorization header']);
    if (authorization === undefined && !/^[\da-f]{37}$/.test(key ?? ''))
      return problem(400, 6003, 'Invalid request headers', [6103, 'Invalid format for X-Auth-Key header']);
    if (accessOf(request)) return undefined;
    return authorization === undefined
      ? problem(403, 9103, 'Unknown X-Auth-Key or X-Auth-Email')
      : problem(403, 9109, 'Invalid access token');
  };
  const accessOf = ({ headers }: FakeRequest): Access | undefined => {
    if (headers['authorization'] !== undefined) return tokens[headers['authorization'].slice('Bearer '.length)];
    return headers['x-auth-email'] === email && headers['x-auth-key'] === apiKey ? full : undefined;
  };

  /** Passes the zone in the path to `answer`, if the caller may use it. */
  const within = (request: FakeRequest, may: 'mayRead' | 'mayEdit', answer: (zone: Zone) => FakeAnswer): FakeAnswer => {
    const zone = zones.find(({ id }) => id === request.params['zone']);
    if (!zone)
      return problem(
        404,
        7003,
        `Could not route to ${request.url.pathname}, perhaps your object identifier is invalid?`,
      );
    const access = accessOf(request)!;
    return access.zones(zone.name) && access[may] ? answer(zone) : problem(403, 10000, 'Authentication error');
  };

  const add = (zone: Zone, name: string, value: string, ttl: number): Record => {
    // A name outside the zone is taken as relative to it.
    const at = name === zone.name || name.endsWith(`.${zone.name}`) ? name : `${name}.${zone.name}`;
    const record = { id: newId(), zone: zone.id, name: at.toLowerCase(), value, ttl };
    records.push(record);
    return record;
  };

  const api = createFakeApi({
    clock,
    origin,
    authorize,
    nameOf: ({ method, url }) => `${method} ${url.pathname.replace(/[\da-f]{32}/g, ':id').replace('/client/v4', '')}`,
    routes: {
      'GET /client/v4/zones': (request) => {
        const access = accessOf(request)!;
        const { name, status } = Object.fromEntries(request.url.searchParams);
        if (!access.mayFindZones) return problem(403, 9109, 'Unauthorized to access requested resource');
        return page(
          request,
          zones.filter(
            (zone) =>
              access.zones(zone.name) &&
              (name === undefined || name === zone.name) &&
              (status === undefined || status === zone.status),
          ),
          { usual: 20, most: 50 },
        );
      },
      'GET /client/v4/zones/:zone/dns_records': (request) =>
        within(request, 'mayRead', (zone) => {
          const { searchParams: query } = request.url;
          const asked = (name: string) => query.get(`${name}.exact`) ?? query.get(name);
          const [type, name, content] = [asked('type') ?? 'TXT', asked('name'), asked('content')];
          const found = records
            .filter((one) => one.zone === zone.id && type === 'TXT' && (name === null || one.name === name))
            .map(shown)
            .filter((one) => content === null || [content, quoted(content)].includes(one.content));
          return page(request, found, { usual: 100, most: 5_000_000 });
        }),
      'POST /client/v4/zones/:zone/dns_records': (request) =>
        within(request, 'mayEdit', (zone) => {
          if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
            return problem(400, 9207, 'Content-type must be application/json.');
          const { type, name, content, ttl = 1 } = request.json() as { [field: string]: unknown };
          if (type !== 'TXT') return problem(400, 9005, 'Content for this record is invalid.');
          if (typeof name !== 'string' || name === '') return problem(400, 9000, 'DNS name is invalid.');
          if (typeof content !== 'string' || content === '') return problem(400, 9100, 'TXT content is required.');
          if (typeof ttl !== 'number' || !(ttl === 1 || (ttl >= 60 && ttl <= 86_400)))
            return problem(400, 9021, 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.');
          const value = content.startsWith('"') ? unquoted(content) : content;
          const isSame = (one: Record) =>
            one.zone === zone.id && one.name === name.toLowerCase() && one.value === value;
          if (records.some(isSame)) return problem(400, 81058, 'An identical record already exists.');
          return fine(shown(add(zone, name, value, ttl)));
        }),
      'DELETE /client/v4/zones/:zone/dns_records/:record': (request) =>
        within(request, 'mayEdit', (zone) => {
          const at = records.findIndex(({ id, zone: of }) => id === request.params['record'] && of === zone.id);
          if (at < 0) return problem(404, 81044, 'Record does not exist.');
          const [gone] = records.splice(at, 1);
          return fine({ id: gone!.id });
        }),
    },
  });
  const named = (name: string) => zones.find((one) => one.name === name && one.status === 'active')!;
  return {
    api,
    records,
    values: (zone) => records.filter((one) => one.zone === named(zone).id),
    plant: ({ zone, name, value, ttl }) => void add(named(zone), name, value, ttl),
    addZones: (names) => void zones.push(...names.map(active)),
  };
}

/** Quotes contents, in strings of up to 255 octets. */
const quoted = (value: string): string =>
  (value.match(/.{1,255}/gs) ?? ['']).map((part) => `"${part.replace(/["\\]/g, '\\$&')}"`).join(' ');
const unquoted = (content: string): string =>
  [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, part]) => part!.replace(/\\(.)/g, '$1')).join('');

const shown = ({ id, name, value, ttl }: Record) => ({
  ...{ id, type: 'TXT', name, content: quoted(value), ttl, proxiable: false, proxied: false, settings: {}, tags: [] },
});

const fine = (result: unknown, more: object = {}): FakeAnswer => ({
  status: 200,
  body: { success: true, errors: [], messages: [], result, ...more },
});

function problem(status: number, code: number, message: string, inner?: readonly [number, string]): FakeAnswer {
  const chain = inner ? { error_chain: [{ code: inner[0], message: inner[1] }] } : {};
  return { status, body: { success: false, errors: [{ code, message, ...chain }], messages: [], result: null } };
}

function page<T>(
  { url }: FakeRequest,
  all: readonly T[],
  { usual, most }: { readonly usual: number; readonly most: number },
): FakeAnswer {
  const perPage = Number(url.searchParams.get('per_page') ?? usual);
  const number = Number(url.searchParams.get('page') ?? 1);
  if (!(perPage >= 5 && perPage <= most && number >= 1)) return problem(400, 1004, 'Invalid page parameters');
  const result = all.slice((number - 1) * perPage, number * perPage);
  const counts = { count: result.length, total_count: all.length, total_pages: Math.ceil(all.length / perPage) };
  return fine(result, { result_info: { page: number, per_page: perPage, ...counts } });
}

export default dnsApiBench(cloudflare, {
  service: testCloudflare,
  options: { token: new Secret(token) },
  refused: { token: new Secret(wrongToken) },
  readOnly: { token: new Secret(dnsReadToken) },
  refusal: (said) => problem(400, 9999, said),
});
