import { createHash } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import ovh from './ovh.ts';
import { answer, type TestRecord, type TestZone, testZones, wholeName } from './test-records.ts';

export const keys = {
  applicationKey: '7kbG7Bk7S9Nt7ZSV',
  applicationSecret: 'EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF',
  consumerKey: 'MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1',
} as const;
/** A key of the same application, with read permission. */
const readingKey = 'rEad1NgPpNjqfVSmJhLbPyr2i45lSwPU1';

const refusal = (status: number, errorCode: string | undefined, message: string): FakeAnswer => ({
  status,
  body: {
    class: `Client::${status}`,
    message,
    ...present({ errorCode, httpCode: errorCode === undefined ? undefined : `${status}` }),
  },
});

/** A fake of OVH's API, whose clock is an hour ahead. `values` has what is served: the state at the last refresh. */
export function testOvh(clock: Clock) {
  const account = testZones();
  const served = new Map<string, readonly TestRecord[]>();
  const seconds = () => Math.floor(clock.now().getTime() / 1000) + 3600;
  const notFound = refusal(404, undefined, 'This service does not exist');

  const authorize = ({ method, url, headers, text }: FakeRequest): FakeAnswer | undefined => {
    if (url.pathname === '/1.0/auth/time') return undefined;
    const consumer = headers['x-ovh-consumer'];
    if (headers['x-ovh-application'] !== keys.applicationKey)
      return refusal(403, 'INVALID_KEY', 'This application key is invalid');
    if (consumer === undefined) return refusal(401, 'NOT_CREDENTIAL', 'You must login first');
    if (consumer !== keys.consumerKey && consumer !== readingKey)
      return refusal(403, 'INVALID_CREDENTIAL', 'This credential is not valid');
    const timestamp = Number(headers['x-ovh-timestamp']);
    if (!(Math.abs(timestamp - seconds()) <= 30)) return refusal(400, 'QUERY_TIME_OUT', 'Query out of time');
    const signed = [keys.applicationSecret, consumer, method, url.href, text, timestamp].join('+');
    if (headers['x-ovh-signature'] !== `$1$${createHash('sha1').update(signed).digest('hex')}`)
      return refusal(400, 'INVALID_SIGNATURE', 'Invalid signature');
    if (consumer === readingKey && method !== 'GET')
      return refusal(403, 'NOT_GRANTED_CALL', 'This call has not been granted');
    return undefined;
  };

  const inZone =
    (handler: (zone: TestZone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = account.zoneOf(request.params['zone']);
      return zone ? handler(zone, request) : notFound;
    };
  const find = (zone: TestZone, id: string | undefined) => zone.records.find((one) => String(one.id) === id);
  const absent = (id: string | undefined) =>
    refusal(404, undefined, `The requested object (id = ${id}) does not exist`);
  const shown = (zone: TestZone, { id, type, name, value, ttl }: TestRecord) => ({
    ...{ id, zone: zone.name, fieldType: type, subDomain: relativeName(name, zone.name, ''), target: value, ttl },
  });
  const refresh = (zone: TestZone) => void served.set(zone.name, [...zone.records]);

  const api = createFakeApi({
    clock,
    origin: 'https://eu.api.ovh.com',
    authorize,
    routes: {
      'GET /1.0/auth/time': () => ({ status: 200, body: seconds() }),
      'GET /1.0/domain/zone/:zone': inZone(({ name }) =>
        answer(200, {
          name,
          nameServers: ['dns10.ovh.net', 'ns10.ovh.net'],
          hasDnsAnycast: false,
          dnssecSupported: true,
        }),
      ),
      'GET /1.0/domain/zone/:zone/record': inZone((zone, { url }) => {
        const { fieldType, subDomain, ...others } = Object.fromEntries(url.searchParams);
        if (Object.keys(others).length > 0) return refusal(400, undefined, `Invalid parameter ${Object.keys(others)}`);
        const found = zone.records.filter(
          ({ type, name }) =>
            (fieldType === undefined || type === fieldType) &&
            (subDomain === undefined || relativeName(name, zone.name, '') === subDomain),
        );
        return answer(
          200,
          found.map(({ id }) => id),
        );
      }),
      'GET /1.0/domain/zone/:zone/record/:id': inZone((zone, { params }) => {
        const record = find(zone, params['id']);
        return record ? answer(200, shown(zone, record)) : absent(params['id']);
      }),
      'POST /1.0/domain/zone/:zone/record': inZone((zone, request) => {
        const { fieldType, subDomain = '', target, ttl = 0, ...others } = request.json() as Record<string, unknown>;
        if (Object.keys(others).length > 0) return refusal(400, undefined, `Received not described parameters`);
        const whole = subDomain === '' ? zone.name : wholeName(subDomain, zone.name);
        if (fieldType !== 'TXT' || whole === undefined)
          return refusal(400, undefined, 'Invalid fieldType or subDomain');
        if (typeof target !== 'string' || target === '') return refusal(400, undefined, '[target] is missing');
        if (!Number.isInteger(ttl) || ((ttl as number) !== 0 && (ttl as number) < 60))
          return refusal(400, undefined, 'Invalid ttl');
        return answer(200, shown(zone, account.add(zone, whole, target, ttl as number)));
      }),
      'DELETE /1.0/domain/zone/:zone/record/:id': inZone((zone, { params }) =>
        account.remove(zone, params['id']) ? { status: 200, body: 'null' } : absent(params['id']),
      ),
      'POST /1.0/domain/zone/:zone/refresh': inZone((zone) => {
        refresh(zone);
        return { status: 200, body: 'null' };
      }),
    },
  });
  return {
    ...account,
    api,
    values: (zone: string) => served.get(zone) ?? [],
    plant(value: Parameters<typeof account.plant>[0]) {
      account.plant(value);
      refresh(account.zoneOf(value.zone)!);
    },
  };
}

const secrets = (consumerKey: string = keys.consumerKey) => ({
  applicationKey: new Secret(keys.applicationKey),
  applicationSecret: new Secret(keys.applicationSecret),
  consumerKey: new Secret(consumerKey),
});

export default dnsApiBench(ovh, {
  service: testOvh,
  options: secrets(),
  refused: { consumerKey: new Secret('wr0ngPpNjqfVSmJhLbPyr2i45lSwPU1') },
  readOnly: { consumerKey: new Secret(readingKey) },
});
