import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiBench, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import ns1 from './ns1.ts';

export const apiKey = 'kEy0fThisAccount0123';
const readOnlyKey = 'kEyThatOnlyReads0123';

interface Answer {
  readonly answer: readonly string[];
  readonly [more: string]: unknown;
}

interface Record {
  ttl: number;
  answers: readonly Answer[];
}

const said = (status: number, message: string): FakeAnswer => ({ status, body: { message } });

export function testNs1(clock: Clock, origin = 'https://api.nsone.net') {
  const zones: { [name: string]: Map<string, Record> } = {};
  const addZones = (names: readonly string[]) => {
    for (const name of names) zones[name] ??= new Map();
  };
  addZones(fakeZones);

  const inZone =
    (handler: (records: Map<string, Record>, request: FakeRequest, name: string) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const { zone = '', name = '' } = request.params;
      if (request.method !== 'GET' && request.headers['x-nsone-key'] === readOnlyKey)
        return said(403, 'permission denied');
      const records = zones[zone];
      if (!records) return said(404, 'zone not found');
      if (name !== '' && !`.${name}`.endsWith(`.${zone}`)) return said(400, 'domain must be in the zone');
      return handler(records, request, name);
    };
  const shown = (zone: string, name: string, { ttl, answers }: Record) => ({
    ...{ zone, domain: name, type: 'TXT', ttl, answers, filters: [], meta: {}, regions: {}, tier: 1 },
    ...{ id: `id-of-${name}`, use_client_subnet: true, networks: [0] },
  });
  const invalid = (answers: unknown, ttl: unknown): string | undefined => {
    if (!Array.isArray(answers) || answers.length === 0) return 'Input validation failed: answers are required';
    if (answers.some((one) => !Array.isArray(one?.answer) || one.answer.length === 0)) return 'invalid answer';
    return Number.isInteger(ttl) && (ttl as number) >= 0 ? undefined : 'invalid ttl';
  };
  const api = createFakeApi({
    ...{ clock, origin },
    authorize: ({ headers }) =>
      [apiKey, readOnlyKey].includes(headers['x-nsone-key'] ?? '') ? undefined : said(401, 'Unauthorized'),
    routes: {
      // The way in which other clients search for a zone and all its records.
      'GET /v1/zones': () => ({ status: 200, body: Object.keys(zones).map((zone) => ({ zone, ttl: 3600 })) }),
      'GET /v1/zones/:zone': inZone((records, { params, url }) => {
        const all = [...records].map(([domain, { answers, ttl }]) => ({
          ...{ domain, short_answers: answers.map(({ answer }) => answer.join('')), ttl, tier: 1, type: 'TXT' },
        }));
        const shown = url.searchParams.get('records') === 'false' ? {} : { records: all };
        return { status: 200, body: { zone: params['zone'], ttl: 3600, nx_ttl: 3600, ...shown } };
      }),
      'GET /v1/zones/:zone/:name/TXT': inZone((records, { params }, name) => {
        const record = records.get(name);
        return record ? { status: 200, body: shown(params['zone']!, name, record) } : said(404, 'record not found');
      }),
      'PUT /v1/zones/:zone/:name/TXT': inZone((records, request, name) => {
        const { zone, domain, type, answers, ttl } = request.json() as { [field: string]: unknown };
        if (zone !== request.params['zone'] || domain !== name || type !== 'TXT') return said(400, 'bad request');
        if (records.has(name)) return said(400, 'record already exists');
        const error = invalid(answers, ttl);
        if (error !== undefined) return said(400, error);
        const record: Record = { ttl: ttl as number, answers: answers as Answer[] };
        records.set(name, record);
        return { status: 200, body: shown(zone as string, name, record) };
      }),
      'POST /v1/zones/:zone/:name/TXT': inZone((records, request, name) => {
        const record = records.get(name);
        if (!record) return said(404, 'record not found');
        const { answers = record.answers, ttl = record.ttl } = request.json() as { [field: string]: unknown };
        const error = invalid(answers, ttl);
        if (error !== undefined) return said(400, error);
        Object.assign(record, { answers, ttl });
        return { status: 200, body: shown(request.params['zone']!, name, record) };
      }),
      'DELETE /v1/zones/:zone/:name/TXT': inZone((records, _request, name) =>
        records.delete(name) ? { status: 200, body: {} } : said(404, 'record not found'),
      ),
    },
  });
  return {
    ...{ api, zones, addZones },
    plant({ zone, name, value, ttl }: DnsValue) {
      const record = zones[zone]!.get(name) ?? { ttl, answers: [] };
      zones[zone]!.set(name, record);
      // Each answer may have its own metadata and ID.
      record.answers = [...record.answers, { answer: value.match(/[\s\S]{1,255}/g)!, id: `${record.answers.length}` }];
    },
    values: (zone: string) =>
      [...zones[zone]!].flatMap(([name, { answers }]) =>
        answers.map(({ answer }) => ({ name, value: answer.join('') })),
      ),
  };
}

export default dnsApiBench(ns1, {
  service: (clock) => testNs1(clock),
  options: { apiKey: new Secret(apiKey) },
  refused: { apiKey: new Secret('kEy0fAnotherAccount0') },
  readOnly: { apiKey: new Secret(readOnlyKey) },
  limit: {
    fault: () => ({
      ...{ kind: 'status', status: 429 },
      headers: { 'x-ratelimit-limit': '900', 'x-ratelimit-period': '300', 'x-ratelimit-remaining': '0' },
      body: { message: 'Rate limit exceeded' },
    }),
    saysWhen: false,
  },
});
export const rightKey = new Secret(apiKey);
