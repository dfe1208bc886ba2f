import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { World } from '../ports/world.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import powerdns from './powerdns.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

const origin = 'http://127.0.0.1:8081';
export const apiKey = 'key-0f-this-server';
const wrongKey = 'an0ther-servers-key';

interface Rrset {
  readonly name: string;
  readonly type: string;
  ttl: number;
  records: { content: string; disabled: boolean }[];
}

interface Change {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly changetype?: unknown;
  readonly ttl?: unknown;
  readonly records?: unknown;
}

interface Zone {
  kind: string;
  sets: Rrset[];
  notified: number;
}

const text = (status: number, body: string): FakeAnswer => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});
const invalid = (error: string): FakeAnswer => ({ status: 422, body: { error } });

/**
 * A fake of the API of PowerDNS 4.9.18, as test/real/dns-powerdns.test.ts sees it. `old`: before EXTEND and PRUNE, and
 * before filters.
 */
export function testPowerdns(clock: Clock, old = false) {
  const zones: Record<string, Zone> = {};
  const addZone = (name: string, kind = 'Master') => {
    zones[`${name}.`] = { kind, sets: [], notified: 0 };
  };
  for (const name of ['example.test', 'sub.example.test']) addZone(name);

  const inZone = (answer: (zone: Zone, name: string, request: FakeRequest) => FakeAnswer) => (request: FakeRequest) => {
    const { server, zone = '' } = request.params;
    if (server !== 'localhost') return text(404, 'Not Found');
    if (!/^[a-z0-9_.-]+\.$/.test(zone)) return invalid(`DNS Name '${zone}' is not canonical`);
    const found = zones[zone];
    return found ? answer(found, zone, request) : text(404, 'Not Found');
  };

  const patch = (zone: Zone, zoneName: string, request: FakeRequest): FakeAnswer => {
    const body = request.json() as { rrsets?: unknown };
    if (!Array.isArray(body.rrsets)) return invalid('No rrsets given in update request');
    const seen = new Set<string>();
    const sets = zone.sets.map((set) => ({ ...set, records: [...set.records] }));
    for (const change of body.rrsets as Change[]) {
      const error = apply(sets, change, zoneName, seen);
      // A transaction: nothing is changed if one part is wrong.
      if (error !== undefined) return invalid(error);
    }
    zone.sets = sets.filter((set) => set.records.length > 0);
    return { status: 204 };
  };

  function apply(sets: Rrset[], change: Change, zoneName: string, seen: Set<string>): string | undefined {
    const { name, type, changetype, ttl, records } = change;
    if (typeof name !== 'string' || typeof type !== 'string') return "Key 'name' not present or not a String";
    if (!name.endsWith('.')) return `DNS Name '${name}' is not canonical`;
    if (!`.${name}`.endsWith(`.${zoneName}`)) return `RRset ${name} IN ${type}: Name is out of zone`;
    const single = changetype === 'EXTEND' || changetype === 'PRUNE';
    if (changetype !== 'REPLACE' && changetype !== 'DELETE' && (old || !single))
      return old ? 'Changetype not understood' : `Changetype '${changetype}' is not a valid value`;
    if (!single && seen.has(`${name} ${type}`))
      return `Duplicate RRset ${name} IN ${type} with changetype: ${changetype}`;
    seen.add(`${name} ${type}`);
    const existing = sets.find((set) => set.name === name && set.type === type);
    if (changetype === 'DELETE') {
      if (existing) existing.records = [];
      return undefined;
    }
    if (!Number.isInteger(ttl)) return "Submitted record is invalid: Key 'ttl' not an Integer or not present";
    if (!Array.isArray(records)) return 'No rrsets given in update request';
    for (const { content } of records)
      if (!isTxt(content)) return `Record ${name}/${type} '${content}': Not in expected format`;
    if (single && records.length !== 1) return 'Exactly one record should be provided for PRUNE or EXTEND operation';
    const given = records.map(({ content, disabled }) => ({ content, disabled: disabled === true }));
    const set = existing ?? { name, type, ttl: ttl as number, records: [] };
    if (!existing) sets.push(set);
    if (changetype === 'REPLACE') Object.assign(set, { ttl, records: given });
    else {
      set.records = set.records.filter(({ content }) => content !== given[0]?.content);
      if (changetype === 'EXTEND') set.records.push(given[0]!);
    }
    return undefined;
  }

  const api = createFakeApi({
    clock,
    origin,
    authorize: ({ headers }) => (headers['x-api-key'] === apiKey ? undefined : text(401, 'Unauthorized')),
    routes: {
      'GET /api': () => ({ status: 200, body: [{ url: '/api/v1', version: 1 }] }),
      'GET /api/v1/servers/:server/zones/:zone': inZone((zone, name, request) => {
        const [ofName, ofType] = ['rrset_name', 'rrset_type'].map((filter) => request.url.searchParams.get(filter));
        const rrsets = zone.sets.filter(
          (set) => old || ((ofName === null || set.name === ofName) && (ofType === null || set.type === ofType)),
        );
        const withSets = request.url.searchParams.get('rrsets') === 'false' ? {} : { rrsets };
        const url = `/api/v1/servers/localhost/zones/${name}`;
        return { status: 200, body: { id: name, name, url, kind: zone.kind, ...withSets } };
      }),
      'PATCH /api/v1/servers/:server/zones/:zone': inZone(patch),
      'PUT /api/v1/servers/:server/zones/:zone/notify': inZone((zone) => {
        zone.notified += 1;
        return { status: 200, body: { result: 'Notification queued' } };
      }),
    },
  });

  return {
    ...{ api, zones, addZone },
    /** Adds a value as another program would. */
    plant({ zone, name, value, ttl }: DnsValue, disabled = false) {
      const { sets } = zones[`${zone}.`]!;
      const set = sets.find((one) => one.name === `${name}.`);
      const record = { content: encodedTxt(value), disabled };
      if (set) set.records.push(record);
      else sets.push({ name: `${name}.`, type: 'TXT', ttl, records: [record] });
    },
    values: (zone: string) =>
      (zones[`${zone}.`]?.sets ?? []).flatMap(({ name, records }) =>
        records.map(({ content }) => ({ name: name.slice(0, -1), value: decodedTxt(content) })),
      ),
  };
}

export const connect = (world: World, options: { readonly [name: string]: unknown } = {}) =>
  powerdns.connect({
    ...{ name: 'dns', world },
    options: powerdns.options.parse({ apiKey: new Secret(apiKey), ...options }),
  });

export const benchOf = (old: boolean) =>
  dnsApiBench(powerdns, {
    service(clock) {
      const fake = testPowerdns(clock, old);
      return {
        ...fake,
        addZones: (names) => {
          for (const name of names) fake.addZone(name);
        },
      };
    },
    options: { apiKey: new Secret(apiKey) },
    refused: { apiKey: new Secret(wrongKey) },
    isOptional: ({ url }) => url.pathname.endsWith('/notify'),
  });

export default benchOf(false);
