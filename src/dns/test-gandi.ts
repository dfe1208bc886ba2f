import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiBench, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import gandi from './gandi.ts';
import { answer } from './test-records.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

export const token = 'pat_of_this_test_8a1f0c';
const readOnlyToken = 'pat_that_may_only_see_3b';
export const apiKey = 'apikey-of-this-test-24';

interface Rrset {
  ttl: number;
  values: readonly string[];
}

const refusal = (code: number, object: string, message: string): FakeAnswer =>
  answer(code, { code, message, object, cause: object.replace('HTTP', '') });
const invalid = (name: string, description: string): FakeAnswer =>
  answer(400, { status: 'error', errors: [{ location: 'body', name, description }] });

/** A fake of version 5 of LiveDNS. */
export function testGandi(clock: Clock) {
  /** The TXT sets by name, of each domain. */
  const domains = new Map<string, Map<string, Rrset>>();
  const addZones = (names: readonly string[]) => {
    for (const name of names) domains.set(name, new Map());
  };
  addZones(fakeZones);

  const inDomain =
    (handler: (sets: Map<string, Rrset>, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const sets = domains.get(request.params['domain']!);
      if (!sets) return refusal(404, 'HTTPNotFound', 'The resource could not be found.');
      if (request.method !== 'GET' && request.headers['authorization'] === `Bearer ${readOnlyToken}`)
        return refusal(403, 'HTTPForbidden', 'Access was denied to this resource.');
      return handler(sets, request);
    };
  const shown = (name: string, { ttl, values }: Rrset) => ({
    ...{ rrset_name: name, rrset_type: 'TXT', rrset_ttl: ttl, rrset_values: values },
    rrset_href: `https://api.gandi.net/v5/livedns/domains/example.test/records/${name}/TXT`,
  });
  const absent = (name: string | undefined) =>
    refusal(404, 'dns-record', `Can't find the DNS record ${name}/TXT in the zone`);

  const api = createFakeApi({
    clock,
    origin: 'https://api.gandi.net',
    authorize: ({ headers }) =>
      [`Bearer ${token}`, `Bearer ${readOnlyToken}`, `Apikey ${apiKey}`].includes(headers['authorization'] ?? '')
        ? undefined
        : refusal(401, 'HTTPUnauthorized', 'The server could not verify that you authorized to access the document.'),
    routes: {
      'GET /v5/livedns/domains/:domain': inDomain((_sets, { params }) =>
        answer(200, { fqdn: params['domain'], automatic_snapshots: true, domain_records_href: '' }),
      ),
      'GET /v5/livedns/domains/:domain/records/:name': inDomain((sets, { params }) => {
        const set = sets.get(params['name']!);
        const others =
          params['name'] === '@' ? [{ rrset_name: '@', rrset_type: 'NS', rrset_ttl: 10_800, rrset_values: [] }] : [];
        return answer(200, [...others, ...(set ? [shown(params['name']!, set)] : [])]);
      }),
      'GET /v5/livedns/domains/:domain/records/:name/TXT': inDomain((sets, { params }) => {
        const set = sets.get(params['name']!);
        return set ? answer(200, shown(params['name']!, set)) : absent(params['name']);
      }),
      'PUT /v5/livedns/domains/:domain/records/:name/TXT': inDomain((sets, request) => {
        const name = request.params['name']!;
        const { rrset_ttl: ttl = 10_800, rrset_values: given, ...others } = request.json() as Record<string, unknown>;
        if (Object.keys(others).length > 0) return invalid(Object.keys(others)[0]!, 'Unknown field');
        if (name !== '@' && !/^[a-z0-9_*-]+(\.[a-z0-9_-]+)*$/.test(name)) return invalid('rrset_name', 'invalid name');
        if (!Number.isInteger(ttl) || (ttl as number) < 300 || (ttl as number) > 2_592_000)
          return invalid('rrset_ttl', `${ttl} is less than minimum value 300`);
        if (!Array.isArray(given) || given.some((one) => typeof one !== 'string' || one === ''))
          return invalid('rrset_values', 'Required');
        // The API puts a bare text into quotes.
        const values = given.map((one: string) => (one.startsWith('"') ? one : encodedTxt(one)));
        if (!values.every(isTxt)) return invalid('rrset_values', 'invalid TXT');
        if (new Set(values).size < values.length) return invalid('rrset_values', 'duplicate values');
        // An empty set may stay.
        sets.set(name, { ttl: ttl as number, values });
        return answer(201, { message: 'DNS Record Created' });
      }),
      'DELETE /v5/livedns/domains/:domain/records/:name/TXT': inDomain((sets, { params }) =>
        sets.delete(params['name']!) ? answer(204) : absent(params['name']),
      ),
    },
  });

  return {
    ...{ api, addZones },
    values: (zone: string) =>
      [...domains.get(zone)!].flatMap(([host, { values }]) =>
        values.map((value) => ({ name: host === '@' ? zone : `${host}.${zone}`, value: decodedTxt(value) })),
      ),
    plant({ zone, name, value, ttl }: DnsValue) {
      const host = relativeName(name, zone);
      const before = domains.get(zone)!.get(host);
      const values = [...(before?.values ?? []), encodedTxt(value)];
      domains.get(zone)!.set(host, { ttl: before?.ttl ?? Math.max(ttl, 300), values });
    },
  };
}

export default dnsApiBench(gandi, {
  service: testGandi,
  options: { token: new Secret(token) },
  refused: { token: new Secret('pat_wr0ng_8a1f0c2e') },
  readOnly: { token: new Secret(readOnlyToken) },
});
