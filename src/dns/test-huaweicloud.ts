import { signHuawei } from '../clients/signatures/huawei.ts';
import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import huaweicloud from './huaweicloud.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

interface FakeSet {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly string[];
  readonly line?: string;
  /** The state that the set will have, and when. */
  readonly pending?: {
    readonly status: 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE';
    readonly untilMs: number;
  };
}

interface FakeZone {
  readonly id: string;
  readonly name: string;
  readonly type: 'public' | 'private';
  readonly sets: Map<string, FakeSet>;
}

export interface FakeHuawei extends FakeDnsService {
  readonly zones: readonly FakeZone[];
  addZone(name: string, type?: FakeZone['type']): FakeZone;
}

export const rightKeys = { id: 'AKHUAWEIEXAMPLE00000', secret: 'huawei-secret-of-this-test' } as const;
export const user = 'acme';
export const password = 'password-of-this-test';
const passwordToken = 'token-for-the-password-of-this-test';
const iam = 'https://iam.myhuaweicloud.com';
const readingKeys = { id: 'AKHUAWEIREADING00000', secret: 'reading-secret-of-this-test' } as const;
/**
 * A fake of Huawei Cloud's DNS in memory, as strict as the documentation.
 *
 * @param pendingMs how long a change takes, and blocks others
 */
export function fakeHuawei(
  clock: Clock,
  { pendingMs = 0, origin = 'https://dns.cn-north-4.myhuaweicloud.com' } = {},
): FakeHuawei {
  const zones: FakeZone[] = [];
  let ids = 0;
  const newId = () => `ff8080820000000000000000${String(++ids).padStart(8, '0')}`;

  const addZone: FakeHuawei['addZone'] = (name, type = 'public') => {
    const zone = { id: newId(), name, type, sets: new Map<string, FakeSet>() };
    zones.push(zone);
    return zone;
  };
  for (const name of fakeZones) {
    addZone(name, 'private');
    addZone(name);
  }

  const authorize = ({ method, headers, url, text }: FakeRequest): FakeAnswer | undefined => {
    // Instead of a signature, the API accepts a token, which IAM issues for a password.
    if (url.origin === iam || headers['x-auth-token'] === passwordToken) return undefined;
    const { authorization = '', ...sent } = headers;
    const [, id, list] =
      /^SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(authorization) ?? [];
    const keys = [rightKeys, readingKeys].find((one) => one.id === id);
    const names = list?.split(';') ?? [];
    if (!keys || !['host', 'x-sdk-date'].every((name) => names.includes(name)))
      return gateway(401, 'APIGW.0301', 'Incorrect IAM authentication information: verify aksk signature fail');
    const now = new Date(sent['x-sdk-date']?.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z') ?? '');
    const {
      host: _host,
      'x-sdk-date': _date,
      ...signed
    } = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
    const again = signHuawei(
      { method, url, headers: signed, body: text, now },
      { id: new Secret(keys.id), secret: new Secret(keys.secret) },
    );
    if (again['authorization'] !== authorization)
      return gateway(401, 'APIGW.0301', 'Incorrect IAM authentication information: verify aksk signature fail');
    if (Math.abs(clock.now().getTime() - now.getTime()) > 15 * 60_000)
      return gateway(401, 'APIGW.0301', 'Incorrect IAM authentication information: the X-Sdk-Date has expired');
    if (method !== 'GET' && keys === readingKeys)
      return refuse(403, 'DNS.0030', "Policy doesn't allow dns:recordset:create to be performed.");
    return undefined;
  };

  /** Completes changes that have been pending for long enough. */
  const settled = ({ sets }: FakeZone): Map<string, FakeSet> => {
    for (const [id, set] of sets) {
      if (set.pending === undefined || set.pending.untilMs > clock.monotonicMs()) continue;
      const { pending, ...rest } = set;
      if (pending.status === 'PENDING_DELETE') sets.delete(id);
      else sets.set(id, rest);
    }
    return sets;
  };

  const inZone =
    (handle: (zone: FakeZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = zones.find(({ id }) => id === request.params['zone']);
      if (!zone) return refuse(404, 'DNS.0302', `This Zone '${request.params['zone']}' does not exist.`);
      settled(zone);
      return handle(zone, request);
    };

  /** Passes a set to `handle`, unless an earlier change keeps it busy. */
  const inSet = (handle: (zone: FakeZone, set: FakeSet, request: FakeRequest) => FakeAnswer) =>
    inZone((zone, request) => {
      const set = zone.sets.get(request.params['set']!);
      if (!set) return refuse(404, 'DNS.0313', `This Record Set '${request.params['set']}' does not exist.`);
      if (set.pending)
        return refuse(400, 'DNS.0314', `The Record Set '${set.id}' has the status ${set.pending.status}.`);
      return handle(zone, set, request);
    });

  const page = (items: readonly object[], field: string, { searchParams }: URL): FakeAnswer => {
    const [limit, offset] = [Number(searchParams.get('limit') ?? 500), Number(searchParams.get('offset') ?? 0)];
    if (!(limit >= 0 && limit <= 500)) return refuse(400, 'DNS.0006', 'The limit parameter is invalid.');
    const list = items.slice(offset, offset + limit);
    return { status: 200, body: { links: { self: 'x' }, [field]: list, metadata: { total_count: items.length } } };
  };

  /** Reports whether a name contains the searched text, or equals it if the search is exact. */
  const matches = (name: string, { searchParams }: URL): boolean => {
    const wanted = searchParams.get('name') ?? '';
    return searchParams.get('search_mode') === 'equal' && wanted !== ''
      ? `${name}.` === wanted
      : `${name}.`.includes(wanted);
  };

  const setBody = ({ pending, name, ...set }: FakeSet) => ({
    ...set,
    name: `${name}.`,
    status: pending?.status ?? 'ACTIVE',
  });

  /** Describes the error in a body, or returns the set in it. */
  const given = (
    zone: FakeZone,
    request: FakeRequest,
  ): FakeAnswer | Pick<FakeSet, 'name' | 'type' | 'ttl' | 'records'> => {
    const { name, type, ttl, records } = request.json() as Record<string, unknown>;
    if (typeof name !== 'string' || (!name.endsWith(`.${zone.name}.`) && name !== `${zone.name}.`))
      return refuse(400, 'DNS.0303', "Attribute 'name' is invalid.");
    if (type !== 'TXT') return refuse(400, 'DNS.0308', "Attribute 'type' is invalid.");
    if (typeof ttl !== 'number' || !Number.isInteger(ttl) || ttl < 1 || ttl > 2 ** 31 - 1)
      return refuse(400, 'DNS.0319', "Attribute 'ttl' is invalid.");
    const texts = Array.isArray(records) ? (records as readonly string[]) : [];
    if (texts.length === 0 || texts.length > 50 || !texts.every(isTxt) || new Set(texts).size < texts.length)
      return refuse(400, 'DNS.0307', "Attribute 'records' is invalid.");
    return { name: name.slice(0, -1), type, ttl, records: texts };
  };

  const busy = (status: 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE') => ({
    pending: { status, untilMs: clock.monotonicMs() + pendingMs },
  });
  const accept = (zone: FakeZone, set: FakeSet): FakeAnswer => {
    zone.sets.set(set.id, set);
    return { status: 202, body: setBody(set) };
  };

  const root = '/v2/zones/:zone/recordsets';
  const api = createFakeApi({
    clock,
    origin: [origin, iam],
    authorize,
    routes: {
      [`POST ${iam}/v3/auth/tokens`]: (request) => {
        const { auth } = request.json() as { auth?: { identity?: { password?: { user?: Record<string, unknown> } } } };
        const { name, password: given } = auth?.identity?.password?.user ?? {};
        if (name !== user || given !== password) return refuse(401, 'IAM.0011', 'The username or password is wrong.');
        return { status: 201, headers: { 'X-Subject-Token': passwordToken }, body: { token: {} } };
      },
      'GET /v2/zones': ({ url }) => {
        const type = url.searchParams.get('type') ?? 'public';
        const found = zones.filter((zone) => zone.type === type && matches(zone.name, url));
        return page(
          found.map(({ id, name }) => ({ id, name: `${name}.`, zone_type: type, status: 'ACTIVE' })),
          'zones',
          url,
        );
      },
      [`GET ${root}`]: inZone((zone, { url }) => {
        const type = url.searchParams.get('type');
        const found = [...zone.sets.values()].filter(
          (set) => (type === null || set.type === type) && matches(set.name, url),
        );
        return page(found.map(setBody), 'recordsets', url);
      }),
      [`POST ${root}`]: inZone((zone, request) => {
        const set = given(zone, request);
        if ('status' in set) return set;
        const other = [...zone.sets.values()].find(
          (one) => one.name === set.name && one.line === undefined && (one.type === set.type || one.type === 'CNAME'),
        );
        if (other)
          return refuse(
            400,
            'DNS.0312',
            `Attribute 'name' conflicts with Record Set '${other.name}.' type '${other.type}'.`,
          );
        return accept(zone, { id: newId(), ...set, ...busy('PENDING_CREATE') });
      }),
      [`PUT ${root}/:set`]: inSet((zone, set, request) => {
        const now = given(zone, request);
        return 'status' in now ? now : accept(zone, { ...set, ...now, ...busy('PENDING_UPDATE') });
      }),
      [`DELETE ${root}/:set`]: inSet((zone, set) => accept(zone, { ...set, ...busy('PENDING_DELETE') })),
    },
  });

  const setsIn = (name: string) =>
    zones.find((one) => one.name === name && one.type === 'public')?.sets ?? new Map<string, FakeSet>();
  return {
    ...{ api, zones, addZone },
    values: (zone) =>
      [...setsIn(zone).values()]
        .filter(({ type, pending: change }) => type === 'TXT' && change?.status !== 'PENDING_DELETE')
        .flatMap(({ name, records }) => records.map((record) => ({ name, value: decodedTxt(record) }))),
    plant({ zone, name, value, ttl }) {
      const sets = setsIn(zone);
      const before = [...sets.values()].find((one) => one.name === name && one.type === 'TXT');
      const id = before?.id ?? newId();
      sets.set(id, { id, name, type: 'TXT', ttl, ...before, records: [...(before?.records ?? []), encodedTxt(value)] });
    },
    addZones(names) {
      for (const name of names) addZone(name);
    },
  };
}

const refuse = (status: number, code: string, message: string): FakeAnswer => ({ status, body: { code, message } });
const gateway = (status: number, error_code: string, error_msg: string): FakeAnswer => ({
  status,
  body: { error_code, error_msg, request_id: '9d3e5721' },
});

const keyOptions = (keys: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(keys.id),
  secretAccessKey: new Secret(keys.secret),
});

export default dnsApiBench(huaweicloud, {
  service: (clock) => fakeHuawei(clock),
  options: keyOptions(rightKeys),
  refused: keyOptions({ ...rightKeys, secret: 'wrong-secret-of-this-test' }),
  readOnly: keyOptions(readingKeys),
  limit: {
    fault: () => ({ kind: 'status', ...refuse(403, 'DNS.0014', 'Request forbidden by flow control.') }),
    saysWhen: false,
  },
  refusal: (said) => refuse(400, 'DNS.0002', said),
});
