import { createHmac } from 'node:crypto';
import { percentEncode } from '../clients/http/query.ts';
import { bodyHash, signAcs3 } from '../clients/signatures/alibaba.ts';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import alidns from './alidns.ts';

export const keys = { accessKeyId: 'LTAI5tExampleKeyOfAlidns', accessKeySecret: 'Fk4ePVu3ExampleSecretOfAlidns' };
const readOnlyKeys = { accessKeyId: 'LTAI5tReadOnlyKeyOfAlidns', accessKeySecret: 'Fk4eReadOnlySecretOfAlidns' };

interface Record {
  readonly id: string;
  readonly zone: string;
  readonly rr: string;
  readonly value: string;
  readonly ttl: number;
}

export interface TestAlidns extends FakeDnsService {
  /** The parameters of each call. */
  readonly sent: readonly { readonly [name: string]: string }[];
}

const common = [
  ...['Action', 'Version', 'Format', 'AccessKeyId', 'Signature', 'SignatureMethod', 'SignatureVersion'],
  ...['SignatureNonce', 'Timestamp', 'Lang', 'UserClientIp'],
];

/** A fake of the Alidns calls for records. Requires signatures of version 3 or 1. */
export function testAlidns(clock: Clock): TestAlidns {
  let last = 0;
  const newId = () => String(9_999_985_000 + ++last);
  const zones: string[] = [...fakeZones];
  const records: Record[] = [];
  const sent: { readonly [name: string]: string }[] = [];
  const nonces = new Set<string>();

  const refuse = (status: number, Code: string, Message: string): FakeAnswer => ({
    status,
    body: { RequestId: '536E9CAD-DB30-4647-AC87-AA5CC38C5382', HostId: 'alidns.aliyuncs.com', Code, Message },
  });
  const fine = (fields: object): FakeAnswer => ({ status: 200, body: { RequestId: '536E9CAD', ...fields } });
  const paramsOf = ({ url, form }: FakeRequest): { readonly [name: string]: string } => ({
    ...Object.fromEntries(url.searchParams),
    ...Object.fromEntries(form()),
  });
  const actionOf = (request: FakeRequest): string =>
    request.headers['x-acs-action'] ?? paramsOf(request)['Action'] ?? '';

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const { headers, text, url, method } = request;
    const { authorization, ...signed } = headers;
    const params = paramsOf(request);
    const id = /Credential=([^,]+),/.exec(authorization ?? '')?.[1] ?? params['AccessKeyId'] ?? '';
    const used = [keys, readOnlyKeys].find(({ accessKeyId }) => accessKeyId === id);
    if (!used) return refuse(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.');
    const when = headers['x-acs-date'] ?? params['Timestamp'] ?? '';
    if (Math.abs(Date.parse(when) - clock.now().getTime()) > 15 * 60_000)
      return refuse(400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.');
    const { Signature: signature, ...unsigned } = params;
    const sorted = Object.keys(unsigned)
      .sort()
      .map((name) => `${percentEncode(name)}=${percentEncode(unsigned[name]!)}`)
      .join('&');
    const isRight =
      authorization === undefined
        ? signature ===
          createHmac('sha1', `${used.accessKeySecret}&`)
            .update(`${method}&%2F&${percentEncode(sorted)}`)
            .digest('base64')
        : headers['x-acs-content-sha256'] === bodyHash(text) &&
          authorization === signAcs3({ method, path: url.pathname, query: params, headers: signed, ...used });
    if (!isRight)
      return refuse(400, 'SignatureDoesNotMatch', 'Specified signature is not matched with our calculation.');
    const nonce = headers['x-acs-signature-nonce'] ?? params['SignatureNonce'] ?? '';
    if (nonce === '' || nonces.has(nonce))
      return refuse(400, 'SignatureNonceUsed', 'Specified signature nonce was used already.');
    nonces.add(nonce);
    if ((headers['x-acs-version'] ?? params['Version']) !== '2015-01-09')
      return refuse(400, 'InvalidVersion', 'Specified parameter Version is not valid.');
    if (used === readOnlyKeys && !actionOf(request).startsWith('Describe'))
      return refuse(403, 'Forbidden.RAM', 'User not authorized to operate on the specified resource.');
    return undefined;
  };

  const shown = ({ id, zone, rr, value, ttl }: Record) => ({
    ...{ RecordId: id, DomainName: zone, RR: rr, Type: 'TXT', Value: value, TTL: ttl },
    ...{ Line: 'default', Status: 'ENABLE', Locked: false },
  });
  const page = (all: readonly Record[], p: { readonly [name: string]: string }, longest: number): FakeAnswer => {
    const size = Number(p['PageSize'] ?? 20);
    const number = Number(p['PageNumber'] ?? 1);
    if (!(size >= 1 && size <= longest && number >= 1))
      return refuse(400, 'InvalidParameter', 'The specified PageSize is invalid.');
    const found = all.slice((number - 1) * size, number * size).map(shown);
    return fine({ TotalCount: all.length, PageSize: size, PageNumber: number, DomainRecords: { Record: found } });
  };
  const unknownZone = refuse(400, 'InvalidDomainName.NoExist', 'The specified domain name does not exist.');

  interface Action {
    /** All accepted parameters; required ones end with `!`. */
    readonly params: string;
    run(p: { readonly [name: string]: string }): FakeAnswer;
  }
  const actions: { readonly [name: string]: Action } = {
    DescribeSubDomainRecords: {
      params: 'SubDomain! DomainName Type Line PageNumber PageSize',
      run(p) {
        // The registrable domain, unless the zone is named.
        const zone = p['DomainName'] ?? p['SubDomain']!.split('.').slice(-2).join('.');
        if (!zones.includes(zone)) return unknownZone;
        const rr = relativeName(p['SubDomain']!, zone);
        return page(
          records.filter((one) => one.zone === zone && one.rr === rr && (p['Type'] ?? 'TXT') === 'TXT'),
          p,
          100,
        );
      },
    },
    DescribeDomainRecords: {
      params: 'DomainName! RRKeyWord TypeKeyWord ValueKeyWord Type PageNumber PageSize SearchMode',
      run(p) {
        if (!zones.includes(p['DomainName']!)) return unknownZone;
        // A search, which is not exact.
        const isFound = ({ zone, rr }: Record) => zone === p['DomainName'] && rr.includes(p['RRKeyWord'] ?? '');
        return page(records.filter(isFound), p, 500);
      },
    },
    AddDomainRecord: {
      params: 'DomainName! RR! Type! Value! TTL Line Priority',
      run({ DomainName: zone, RR: rr, Type, Value: value, TTL = '600' }) {
        if (!zones.includes(zone!)) return unknownZone;
        if (Type !== 'TXT') return refuse(400, 'InvalidParameter', 'The specified Type is invalid.');
        if (!/^(@|[\w*-]+(\.[\w-]+)*)$/.test(rr!))
          return refuse(400, 'DomainRecordFormatInvalid', 'The RR is invalid.');
        if (!/^\d+$/.test(TTL) || Number(TTL) < 600 || Number(TTL) > 86_400)
          return refuse(400, 'QuotaExceeded.TTL', 'The TTL is out of the range of your version.');
        if (records.some((one) => one.zone === zone && one.rr === rr && one.value === value))
          return refuse(400, 'DomainRecordDuplicate', 'The DNS record already exists.');
        const record = { id: newId(), zone: zone!, rr: rr!, value: value!, ttl: Number(TTL) };
        records.push(record);
        return fine({ RecordId: record.id });
      },
    },
    DeleteDomainRecord: {
      params: 'RecordId!',
      run({ RecordId: id }) {
        const at = records.findIndex((one) => one.id === id);
        if (at < 0) return refuse(400, 'DomainRecordNotBelongToUser', 'The DNS record does not exist in your account.');
        records.splice(at, 1);
        return fine({ RecordId: id });
      },
    },
  };

  const answer = (request: FakeRequest): FakeAnswer => {
    const name = actionOf(request);
    const action = actions[name];
    if (!action) throw new Error(`the fake has no action ${name}`);
    const params = Object.fromEntries(Object.entries(paramsOf(request)).filter(([key]) => !common.includes(key)));
    sent.push({ Action: name, ...params });
    const known = action.params.split(' ');
    // The API itself ignores unknown parameters, so a typing error would go unnoticed.
    const unknown = Object.keys(params).find((key) => !known.some((one) => one.replace('!', '') === key));
    if (unknown !== undefined) throw new Error(`${name} has no parameter ${unknown}`);
    const lacking = known.find((one) => one.endsWith('!') && !params[one.slice(0, -1)]);
    if (lacking !== undefined) return refuse(400, `Missing${lacking.replace('!', '')}`, `${lacking} is mandatory.`);
    return action.run(params);
  };

  return {
    api: createFakeApi({
      ...{ clock, authorize, nameOf: actionOf },
      origin: 'https://alidns.aliyuncs.com',
      routes: { 'POST /': answer, 'GET /': answer },
    }),
    sent,
    values: (zone) =>
      records
        .filter((one) => one.zone === zone)
        .map(({ rr, value }) => ({ name: rr === '@' ? zone : `${rr}.${zone}`, value })),
    plant: ({ zone, name, value, ttl }) => {
      records.push({ id: newId(), zone, rr: relativeName(name, zone), value, ttl });
    },
    addZones: (names) => void zones.push(...names),
  };
}

const secrets = ({ accessKeyId, accessKeySecret }: typeof keys) => ({
  accessKeyId: new Secret(accessKeyId),
  accessKeySecret: new Secret(accessKeySecret),
});

export default dnsApiBench(alidns, {
  service: testAlidns,
  options: secrets(keys),
  refused: secrets({ ...keys, accessKeySecret: 'Fk4eWrongSecretOfAlidns' }),
  readOnly: secrets(readOnlyKeys),
  isWrite: ({ headers }) => !headers['x-acs-action']?.startsWith('Describe'),
  limit: {
    fault: () => ({
      ...{ kind: 'status', status: 400 },
      body: { RequestId: 'R', Code: 'Throttling.User', Message: 'Request was denied due to user flow control.' },
    }),
    saysWhen: false,
  },
  refusal: (said) => ({ status: 400, body: { RequestId: 'R', Code: 'InvalidParameter', Message: said } }),
});
