import { signVolcengine } from '../clients/signatures/volcengine.ts';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import volcengine from './volcengine.ts';

interface FakeRecord {
  readonly RecordID: string;
  readonly Host: string;
  readonly Type: string;
  readonly Value: string;
  readonly TTL: number;
  readonly Line: string;
}

interface FakeZone {
  readonly ZID: number;
  readonly ZoneName: string;
  records: FakeRecord[];
}

export interface FakeVolcengine extends FakeDnsService {
  readonly zones: readonly FakeZone[];
}

export const rightKeys = { id: 'AKLTvolcengineexample', secret: 'volcengine-secret-of-this-test' } as const;
const readingKeys = { id: 'AKLTvolcenginereading', secret: 'reading-secret-of-this-test' } as const;

/** A fake of Volcengine's DNS (2018-08-01) in memory, as strict as the documentation. */
export function fakeVolcengine(clock: Clock): FakeVolcengine {
  const zones: FakeZone[] = [];
  let ids = 1000;
  const addZones = (names: readonly string[]) => {
    for (const ZoneName of names) zones.push({ ZID: ++ids, ZoneName, records: [] });
  };
  addZones(fakeZones);

  const authorize = ({ method, headers, url, text }: FakeRequest): FakeAnswer | undefined => {
    const { authorization = '', ...sent } = headers;
    const [, id, scope, list] =
      /^HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(authorization) ??
      [];
    if (id === undefined) return refuse(401, 'InvalidAuthorization', 'The authorization is malformed');
    const keys = [rightKeys, readingKeys].find((one) => one.id === id);
    if (!keys) return refuse(401, 'InvalidAccessKey', `The access key '${id}' does not exist`);
    const names = list!.split(';');
    const date = sent['x-date'] ?? '';
    const now = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (
      scope !== `${date.slice(0, 8)}/cn-north-1/DNS/request` ||
      !['host', 'x-date'].every((name) => names.includes(name))
    )
      return refuse(401, 'SignatureDoesNotMatch', 'The scope or the signed headers are wrong');
    if (text !== '' && !names.includes('x-content-sha256'))
      return refuse(401, 'SignatureDoesNotMatch', 'The body is not signed');
    const {
      host: _host,
      'x-date': _date,
      'x-content-sha256': _hash,
      ...signed
    } = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
    const place = { region: 'cn-north-1', service: 'DNS', now };
    const again = signVolcengine(
      { method, url, headers: signed, body: text, ...place },
      { id: new Secret(keys.id), secret: new Secret(keys.secret) },
    );
    if (again['authorization'] !== authorization)
      return refuse(
        401,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided',
      );
    if (Math.abs(clock.now().getTime() - now.getTime()) > 15 * 60_000)
      return refuse(400, 'InvalidTimestamp', 'The X-Date is expired');
    const action = url.searchParams.get('Action') ?? '';
    if (url.searchParams.get('Version') !== '2018-08-01')
      return refuse(404, 'InvalidActionOrVersion', `Could not find operation ${action} for the version`);
    if (keys === readingKeys && !action.startsWith('List'))
      return refuse(403, 'AccessDenied', `User is not authorized to perform: dns:${action} on resource: *`);
    return undefined;
  };

  const answer = (Result: unknown): FakeAnswer => ({
    status: 200,
    body: { ResponseMetadata: { RequestId: '2022', Service: 'DNS', Region: 'cn-north-1' }, Result },
  });

  /** Implements pages and fuzzy search, which `SearchMode` may make exact. */
  const searched = <T>({ searchParams }: URL, items: readonly T[], key: string, text: (item: T) => string) => {
    const wanted = searchParams.get(key);
    const mode = searchParams.get('SearchMode') ?? 'like';
    const found = items.filter(
      (item) => wanted === null || (mode === 'exact' ? text(item) === wanted : text(item).includes(wanted)),
    );
    const [size, page] = [Number(searchParams.get('PageSize') ?? 10), Number(searchParams.get('PageNumber') ?? 1)];
    if (!(size >= 1 && size <= 500 && page >= 1) || !['like', 'exact'].includes(mode)) return undefined;
    return { list: found.slice((page - 1) * size, page * size), count: found.length };
  };

  const actions: Readonly<Record<string, (request: FakeRequest) => FakeAnswer>> = {
    'GET ListZones': ({ url }) => {
      const found = searched(url, zones, 'Key', ({ ZoneName }) => ZoneName);
      if (!found) return refuse(400, 'ErrParamInvalid', 'validation fail: PageSize');
      const Zones = found.list.map(({ ZID, ZoneName, records }) => ({ ZID, ZoneName, RecordCount: records.length }));
      return answer({ Zones: Zones.length > 0 ? Zones : null, Total: found.count });
    },
    'GET ListRecords': ({ url }) => {
      const zone = zones.find(({ ZID }) => ZID === Number(url.searchParams.get('ZID')));
      if (!zone) return refuse(400, 'ErrZoneNotFound', 'zone not found');
      const type = url.searchParams.get('Type');
      const found = searched(
        url,
        zone.records.filter((one) => type === null || one.Type === type),
        'Host',
        ({ Host }) => Host,
      );
      if (!found) return refuse(400, 'ErrPageSizeNotValid', 'page size must be less than 500 when search');
      return answer({ Records: found.list, TotalCount: found.count });
    },
    'POST CreateRecord': (request) => {
      const { ZID, Host, Type, Value, TTL, Line = 'default' } = request.json() as Record<string, unknown>;
      if (typeof ZID !== 'number') return refuse(400, 'ErrParsingParams', 'parsing params error');
      const zone = zones.find((one) => one.ZID === ZID);
      if (!zone) return refuse(400, 'ErrZoneNotFound', 'zone not found');
      if (typeof Host !== 'string' || Host === '')
        return refuse(400, 'ErrHostCanNotBeEmpty', "host can't be empty, use @ instead");
      if (Type !== 'TXT' || typeof Value !== 'string' || Value === '' || Line !== 'default')
        return refuse(400, 'ErrParamInvalid', 'validation fail: Type, Value or Line');
      if (typeof TTL !== 'number' || TTL < 600 || TTL > 86_400)
        return refuse(400, 'ErrSpecNotValid', 'record TTL not valid when creating record');
      const record = { Host, Type, Value, TTL, Line };
      if (zone.records.some((one) => one.Host === Host && one.Type === Type && one.Value === Value))
        return refuse(409, 'ErrDBDuplicated', `duplicated: ${Host}`);
      const RecordID = String(++ids);
      zone.records.push({ RecordID, ...record });
      return answer({ RecordID, ...record, Enable: true });
    },
    'POST DeleteRecord': (request) => {
      const { RecordID } = request.json() as Record<string, unknown>;
      if (typeof RecordID !== 'string') return refuse(400, 'ErrParsingParams', 'parsing params error');
      const zone = zones.find(({ records }) => records.some((one) => one.RecordID === RecordID));
      if (!zone) return refuse(400, 'ErrDBNotFound', `record not found :${RecordID}`);
      zone.records = zone.records.filter((one) => one.RecordID !== RecordID);
      return answer({});
    },
  };
  const act = (request: FakeRequest): FakeAnswer =>
    (
      actions[`${request.method} ${request.url.searchParams.get('Action')}`] ??
      (() => refuse(404, 'InvalidActionOrVersion', 'Could not find operation'))
    )(request);

  const api = createFakeApi({
    clock,
    origin: 'https://dns.volcengineapi.com',
    authorize,
    nameOf: ({ url }) => url.searchParams.get('Action') ?? '',
    routes: { 'GET /': act, 'POST /': act },
  });
  const zoneOf = (name: string) => zones.find(({ ZoneName }) => ZoneName === name);
  return {
    ...{ api, zones, addZones },
    values: (zone) =>
      (zoneOf(zone)?.records ?? [])
        .filter(({ Type }) => Type === 'TXT')
        .map(({ Host, Value }) => ({ name: Host === '@' ? zone : `${Host}.${zone}`, value: Value })),
    plant({ zone, name, value, ttl }) {
      const Host = relativeName(name, zone);
      zoneOf(zone)?.records.push({
        RecordID: String(++ids),
        Host,
        Type: 'TXT',
        Value: value,
        TTL: ttl,
        Line: 'default',
      });
    },
  };
}

const refuse = (status: number, Code: string, Message: string): FakeAnswer => ({
  status,
  body: { ResponseMetadata: { RequestId: '2022', Service: 'DNS', Error: { Code, CodeN: 1, Message } } },
});

const keyOptions = (keys: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(keys.id),
  secretAccessKey: new Secret(keys.secret),
});

export default dnsApiBench(volcengine, {
  service: (clock) => fakeVolcengine(clock),
  options: keyOptions(rightKeys),
  refused: keyOptions({ ...rightKeys, secret: 'wrong-secret-of-this-test' }),
  readOnly: keyOptions(readingKeys),
  limit: {
    fault: () => ({
      kind: 'status',
      ...refuse(
        429,
        'FlowLimitExceeded',
        'Request was rejected because the request speed of this openAPI is beyond the current flow control limit',
      ),
    }),
    saysWhen: false,
  },
  refusal: (said) => refuse(400, 'ErrParamInvalid', said),
});
