import type { DnsValue } from '../ports/dns-provider.ts';
import { fakeZones } from '../testing/dns-api-bench.ts';
import type { DnsApiBench } from '../testing/dns-api-contract.ts';
import type { FakeAnswer } from '../testing/fake-api.ts';

export interface TestRecord {
  readonly id: number;
  readonly type: string;
  /** The whole name. */
  readonly name: string;
  readonly value: string;
  readonly ttl: number;
}

export interface TestZone {
  readonly id: number;
  readonly name: string;
  readonly records: TestRecord[];
}

/** Zones of an account, for fakes of an API whose records are separate objects. Lists are in an arbitrary order. */
export function testZones() {
  let last = 1_000;
  const zones: TestZone[] = [];
  const addZones = (names: readonly string[]) => {
    for (const name of names) zones.unshift({ id: ++last, name, records: [] });
  };
  addZones(fakeZones);
  const zoneOf = (name: string | undefined) => zones.find((zone) => zone.name === name);
  const add = (zone: TestZone, name: string, value: string, ttl: number): TestRecord => {
    const record = { id: ++last, type: 'TXT', name, value, ttl };
    zone.records.push(record);
    return record;
  };
  return {
    ...{ zones, zoneOf, addZones, add },
    zoneWith: (id: string | undefined) => zones.find((zone) => String(zone.id) === id),
    /** Reports whether the record existed. */
    remove(zone: TestZone, id: string | undefined): boolean {
      const at = zone.records.findIndex((record) => String(record.id) === id);
      if (at >= 0) zone.records.splice(at, 1);
      return at >= 0;
    },
    plant: ({ zone, name, value, ttl }: DnsValue) => void add(zoneOf(zone)!, name, value, ttl),
    values: (zone: string) => zoneOf(zone)!.records,
  };
}

/** Returns the whole name of a record, as most APIs accept it, or undefined if it is not a host name. */
export const wholeName = (host: unknown, zone: string): string | undefined =>
  typeof host === 'string' && /^([a-z0-9_*-]+\.)*[a-z0-9_-]+$/.test(host) && !`.${host}`.endsWith(`.${zone}`)
    ? `${host}.${zone}`
    : undefined;

/** Returns a page of a list, or undefined if the query asks for one that the API does not have. */
export function pageOf<T>(all: readonly T[], query: URLSearchParams, names: PageNames) {
  const size = Number(query.get(names.size) ?? names.usual);
  const page = Number(query.get(names.page) ?? 1);
  if (!Number.isInteger(size) || size < (names.least ?? 1) || size > names.most || !(page >= 1)) return undefined;
  const found = all.slice((page - 1) * size, page * size);
  return { found, page, size, pages: Math.max(1, Math.ceil(all.length / size)), total: all.length };
}

interface PageNames {
  readonly page: string;
  readonly size: string;
  readonly usual: number;
  readonly least?: number;
  readonly most: number;
}

export const answer = (status: number, body?: unknown, headers = {}): FakeAnswer => ({ status, body, headers });

/** For a bench: a limit whose end is a time in a header, by the server's clock. */
export const limitUntil = (header: string): NonNullable<DnsApiBench['limit']> => ({
  fault: (seconds) => ({
    ...{ kind: 'status', status: 429, body: { message: 'too many requests' } },
    headers:
      seconds === undefined
        ? {}
        : {
            [header]: String(Date.parse('2026-11-24T12:00:00Z') / 1000 + seconds),
            date: 'Tue, 24 Nov 2026 12:00:00 GMT',
          },
  }),
  saysWhen: true,
});
