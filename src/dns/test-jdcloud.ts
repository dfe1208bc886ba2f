import { signJdcloud } from '../clients/signatures/jdcloud.ts';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import jdcloud from './jdcloud.ts';

interface FakeRecord {
  readonly id: number;
  readonly hostRecord: string;
  readonly hostValue: string;
  readonly type: string;
  readonly ttl: number;
  readonly viewValue: readonly number[];
}

interface FakeDomain {
  readonly id: number;
  readonly domainName: string;
  records: FakeRecord[];
}

const rightKeys = { id: 'JDC_JDCLOUDEXAMPLE0000', secret: 'jdcloud-secret-of-this-test' } as const;
const readingKeys = { id: 'JDC_JDCLOUDREADING0000', secret: 'reading-secret-of-this-test' } as const;

/** A fake of JD Cloud's DNS (domainservice v2) in memory, as strict as the documentation. */
function fakeJdcloud(clock: Clock): FakeDnsService {
  const domains: FakeDomain[] = [];
  const nonces = new Set<string>();
  let ids = 1000;
  const addZones = (names: readonly string[]) => {
    for (const domainName of names) domains.push({ id: ++ids, domainName, records: [] });
  };
  addZones(fakeZones);

  const authorize = ({ method, headers, url, text }: FakeRequest): FakeAnswer | undefined => {
    const { authorization = '', ...sent } = headers;
    const [, id, scope, list] =
      /^JDCLOUD2-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(
        authorization,
      ) ?? [];
    const keys = [rightKeys, readingKeys].find((one) => one.id === id);
    if (!keys) return refuse(401, 'UNAUTHENTICATED', 'Authentication failed: accessKey not found');
    const names = list!.split(';');
    const { 'x-jdcloud-date': date = '', 'x-jdcloud-nonce': nonce = '' } = sent;
    const isSigned = ['host', 'x-jdcloud-date', 'x-jdcloud-nonce', 'content-type'].every((name) =>
      names.includes(name),
    );
    if (scope !== `${date.slice(0, 8)}/cn-north-1/domainservice/jdcloud2_request` || !isSigned)
      return refuse(401, 'UNAUTHENTICATED', 'Authentication failed: scope or signed headers');
    const now = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    const {
      host: _host,
      'x-jdcloud-date': _date,
      'x-jdcloud-nonce': _nonce,
      ...signed
    } = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
    const place = { region: 'cn-north-1', service: 'domainservice', now, nonce };
    const again = signJdcloud(
      { method, url, headers: signed, body: text, ...place },
      { id: new Secret(keys.id), secret: new Secret(keys.secret) },
    );
    if (again['authorization'] !== authorization)
      return refuse(401, 'UNAUTHENTICATED', 'Authentication failed: signature does not match');
    if (Math.abs(clock.now().getTime() - now.getTime()) > 30 * 60_000)
      return refuse(401, 'UNAUTHENTICATED', 'Authentication failed: x-jdcloud-date is expired');
    if (nonces.has(nonce)) return refuse(401, 'UNAUTHENTICATED', 'Authentication failed: the nonce was used before');
    nonces.add(nonce);
    if (keys === readingKeys && method !== 'GET')
      return refuse(403, 'PERMISSION_DENIED', 'No permission for domainservice:createResourceRecord');
    return undefined;
  };

  const page = ({ searchParams }: URL, items: readonly object[], needed: boolean): FakeAnswer => {
    const [size, at] = ['pageSize', 'pageNumber'].map((name) => searchParams.get(name));
    if (needed && (size === null || at === null))
      return refuse(400, 'INVALID_ARGUMENT', 'pageSize and pageNumber are required');
    const [count, number] = [Number(size ?? 10), Number(at ?? 1)];
    if (!(count >= 1 && count <= 99 && number >= 1))
      return refuse(400, 'INVALID_ARGUMENT', 'pageSize must be between 1 and 99');
    const dataList = items.slice((number - 1) * count, number * count);
    const totals = {
      totalCount: items.length,
      totalPage: Math.ceil(items.length / count),
      currentCount: dataList.length,
    };
    return {
      status: 200,
      body: {
        requestId: 'b1',
        result: { ...present({ dataList: dataList.length > 0 ? dataList : undefined }), ...totals },
      },
    };
  };

  const inDomain = (handle: (domain: FakeDomain, request: FakeRequest) => FakeAnswer) => (request: FakeRequest) => {
    const domain = domains.find(({ id }) => id === Number(request.params['domain']));
    return domain ? handle(domain, request) : refuse(404, 'NOT_FOUND', 'domain not found');
  };

  const root = '/v2/regions/cn-north-1/domain';
  const records = `${root}/:domain/ResourceRecord`;
  const api = createFakeApi({
    clock,
    origin: 'https://domainservice.jdcloud-api.com',
    authorize,
    routes: {
      [`GET ${root}`]: ({ url }) => {
        const wanted = url.searchParams.get('domainName') ?? '';
        const found = domains.filter(({ domainName }) => domainName.includes(wanted));
        return page(
          url,
          found.map(({ id, domainName }) => ({ id, domainName, packId: 0, lockStatus: 0 })),
          true,
        );
      },
      [`GET ${records}`]: inDomain((domain, { url }) => {
        const wanted = url.searchParams.get('search') ?? '';
        return page(
          url,
          domain.records.filter(({ hostRecord }) => hostRecord.includes(wanted)),
          false,
        );
      }),
      [`POST ${records}`]: inDomain((domain, request) => {
        const { req } = request.json() as { req?: Record<string, unknown> };
        const { hostRecord, hostValue, type, ttl, viewValue } = req ?? {};
        if (typeof hostRecord !== 'string' || hostRecord === '' || typeof hostValue !== 'string' || hostValue === '')
          return refuse(400, 'INVALID_ARGUMENT', 'hostRecord and hostValue are required');
        if (type !== 'TXT' || viewValue !== -1) return refuse(400, 'INVALID_ARGUMENT', 'type or viewValue is invalid');
        if (typeof ttl !== 'number' || ttl < 600 || ttl > 86_400)
          return refuse(400, 'INVALID_ARGUMENT', 'ttl is out of range');
        if (
          domain.records.some(
            (one) => one.hostRecord === hostRecord && one.type === type && one.hostValue === hostValue,
          )
        )
          return refuse(400, 'INVALID_ARGUMENT', 'the resource record exists already');
        const record = { id: ++ids, hostRecord, hostValue, type, ttl, viewValue: [-1] };
        domain.records.push(record);
        return { status: 200, body: { requestId: 'b1', result: { dataList: record } } };
      }),
      [`DELETE ${records}/:record`]: inDomain((domain, request) => {
        const id = Number(request.params['record']);
        if (!domain.records.some((one) => one.id === id))
          return refuse(400, 'INVALID_ARGUMENT', 'the resource record does not exist');
        domain.records = domain.records.filter((one) => one.id !== id);
        return { status: 200, body: { requestId: 'b1' } };
      }),
    },
  });
  const domainOf = (name: string) => domains.find(({ domainName }) => domainName === name);
  return {
    ...{ api, addZones },
    values: (zone) =>
      (domainOf(zone)?.records ?? [])
        .filter(({ type }) => type === 'TXT')
        .map(({ hostRecord, hostValue }) => ({
          name: hostRecord === '@' ? zone : `${hostRecord}.${zone}`,
          value: hostValue,
        })),
    plant({ zone, name, value, ttl }) {
      const hostRecord = relativeName(name, zone);
      domainOf(zone)?.records.push({ id: ++ids, hostRecord, hostValue: value, type: 'TXT', ttl, viewValue: [-1] });
    },
  };
}

const refuse = (code: number, status: string, message: string): FakeAnswer => ({
  status: code,
  body: { requestId: 'b1', error: { code, status, message, details: [] } },
});

const keyOptions = (keys: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(keys.id),
  secretAccessKey: new Secret(keys.secret),
});

export default dnsApiBench(jdcloud, {
  service: (clock) => fakeJdcloud(clock),
  options: keyOptions(rightKeys),
  refused: keyOptions({ ...rightKeys, secret: 'wrong-secret-of-this-test' }),
  readOnly: keyOptions(readingKeys),
  limit: { fault: () => ({ kind: 'status', ...refuse(429, 'QUOTA_EXCEEDED', 'Too many requests') }), saysWhen: false },
  refusal: (said) => refuse(400, 'INVALID_ARGUMENT', said),
});
