import { signBaidu } from '../clients/signatures/baidu.ts';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import baiducloud from './baiducloud.ts';

interface FakeRecord {
  readonly id: string;
  readonly rr: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number;
  readonly line: string;
}

const rightKeys = { id: 'ALTAKbaiducloudexample', secret: 'baiducloud-secret-of-this-test' } as const;
const readingKeys = { id: 'ALTAKbaiducloudreading', secret: 'reading-secret-of-this-test' } as const;

/** A fake of Baidu AI Cloud's public DNS in memory, as strict as the documentation. */
function fakeBaidu(clock: Clock): FakeDnsService {
  const zones = new Map<string, FakeRecord[]>(fakeZones.map((zone) => [zone, []]));
  /** The response to each write, by its token. */
  const done = new Map<string, FakeAnswer>();
  let ids = 0;

  const authorize = ({ method, headers, url }: FakeRequest): FakeAnswer | undefined => {
    const { authorization = '', ...sent } = headers;
    const [, id, time, lifetime, list] =
      /^bce-auth-v1\/([^/]+)\/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\/(\d+)\/([^/]+)\/[0-9a-f]{64}$/.exec(authorization) ??
      [];
    if (id === undefined) return refuse(400, 'InvalidHTTPAuthHeader', 'The authorization header is invalid.');
    const keys = [rightKeys, readingKeys].find((one) => one.id === id);
    if (!keys)
      return refuse(403, 'InvalidAccessKeyId', 'The Access Key ID you provided does not exist in our records.');
    const names = list!.split(';');
    if (!names.includes('host')) return refuse(400, 'InvalidHTTPAuthHeader', 'The host must be signed.');
    const now = new Date(time!);
    const {
      host: _host,
      'x-bce-date': _date,
      ...signed
    } = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
    const again = signBaidu(
      { method, url, headers: signed, now },
      { id: new Secret(keys.id), secret: new Secret(keys.secret) },
    );
    if (again['authorization'] !== authorization)
      return refuse(
        400,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided.',
      );
    if (Math.abs(clock.now().getTime() - now.getTime()) > Number(lifetime) * 1000)
      return refuse(400, 'RequestExpired', 'Request has expired.');
    if (keys === readingKeys && method !== 'GET') return refuse(403, 'AccessDenied', 'Access denied.');
    return undefined;
  };

  const inZone = (handle: (records: FakeRecord[], request: FakeRequest) => FakeAnswer) => (request: FakeRequest) => {
    const records = zones.get(request.params['zone']!);
    return records ? handle(records, request) : refuse(404, 'NoSuchObject', 'The specified zone does not exist.');
  };

  /** Carries out the same write only once. */
  const once = (handle: (records: FakeRecord[], request: FakeRequest) => FakeAnswer) =>
    inZone((records, request) => {
      const token = request.url.searchParams.get('clientToken') ?? `none ${++ids}`;
      if (token.length > 64) return refuse(400, 'BadRequest', 'clientToken is too long.');
      const before = done.get(token);
      if (before) return before;
      const answer = handle(records, request);
      done.set(token, answer);
      return answer;
    });

  const root = '/v1/dns/zone/:zone/record';
  const api = createFakeApi({
    clock,
    origin: 'https://dns.baidubce.com',
    authorize,
    routes: {
      [`GET ${root}`]: inZone((records, { url }) => {
        const { rr = '', marker = '', maxKeys = '1000' } = Object.fromEntries(url.searchParams);
        const size = Number(maxKeys);
        if (!(size >= 1 && size <= 1_000)) return refuse(400, 'BadRequest', 'maxKeys must be between 1 and 1000.');
        const found = records.filter((one) => one.rr.includes(rr));
        const from = marker === '' ? 0 : found.findIndex(({ id }) => id === marker);
        // Pages may be smaller than requested.
        const page = found.slice(from, from + Math.min(size, 50));
        const next = found[from + page.length]?.id;
        const more = next === undefined ? { isTruncated: false } : { isTruncated: true, nextMarker: next };
        return { status: 200, body: { marker, maxKeys: size, ...more, records: page } };
      }),
      [`POST ${root}`]: once((records, request) => {
        const { rr, type, value, ttl, line = 'default' } = request.json() as Record<string, unknown>;
        if (typeof rr !== 'string' || rr === '' || typeof value !== 'string' || value === '')
          return refuse(400, 'BadRequest', 'rr and value are required.');
        if (type !== 'TXT' || line !== 'default') return refuse(400, 'BadRequest', 'type or line is invalid.');
        if (ttl !== undefined && (typeof ttl !== 'number' || ttl < 300))
          return refuse(400, 'BadRequest', 'ttl is below the limit of the edition.');
        if (records.some((one) => one.rr === rr && one.type === type && one.value === value))
          return refuse(400, 'RecordExisted', 'The record exists already.');
        records.push({ id: `rc-${++ids}`, rr, type, value, ttl: (ttl ?? 300) as number, line });
        return { status: 200 };
      }),
      [`DELETE ${root}/:id`]: once((records, { params }) => {
        const at = records.findIndex(({ id }) => id === params['id']);
        if (at < 0) return refuse(404, 'NoSuchObject', 'The specified record does not exist.');
        records.splice(at, 1);
        return { status: 200 };
      }),
    },
  });
  return {
    api,
    values: (zone) =>
      (zones.get(zone) ?? [])
        .filter(({ type }) => type === 'TXT')
        .map(({ rr, value }) => ({ name: rr === '@' ? zone : `${rr}.${zone}`, value })),
    plant({ zone, name, value, ttl }) {
      const rr = relativeName(name, zone);
      zones.get(zone)?.push({ id: `rc-${++ids}`, rr, type: 'TXT', value, ttl, line: 'default' });
    },
    addZones(names) {
      for (const name of names) zones.set(name, []);
    },
  };
}

const refuse = (status: number, code: string, message: string): FakeAnswer => ({
  status,
  body: { requestId: '9d3e5721', code, message },
});

const keyOptions = (keys: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(keys.id),
  secretAccessKey: new Secret(keys.secret),
});

export default dnsApiBench(baiducloud, {
  service: (clock) => fakeBaidu(clock),
  options: keyOptions(rightKeys),
  refused: keyOptions({ ...rightKeys, secret: 'wrong-secret-of-this-test' }),
  readOnly: keyOptions(readingKeys),
  limit: {
    fault: () => ({ kind: 'status', ...refuse(400, 'OpLimitExceeded', 'Too many requests.') }),
    saysWhen: false,
  },
  refusal: (said) => refuse(400, 'BadRequest', said),
});
