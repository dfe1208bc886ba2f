import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { World } from '../ports/world.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import desec from './desec.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

export const token = 't0ken-of-this-account';
const readOnlyToken = 'a-token-th4t-only-reads';
const wrongToken = 'an0ther-token';

interface Rrset {
  readonly subname: string;
  readonly type: string;
  ttl: number;
  records: readonly string[];
}

const refusal = (status: number, detail: string): FakeAnswer => ({ status, body: { detail } });

/** The documented limits: the number of calls in a number of seconds. */
const limits = {
  read: [
    [10, 1],
    [50, 60],
  ],
  write: [
    [2, 1],
    [15, 60],
    [100, 3_600],
    [300, 86_400],
  ],
  user: [[2_000, 86_400]],
} as const;

const pageSize = 500;

/** A fake of deSEC's API. `limited`: with its rate limits. */
export function testDesec(clock: Clock, limited = false) {
  const domains: Record<string, { readonly minimumTtl: number; sets: Rrset[] }> = {};
  const addZones = (names: readonly string[]) => {
    for (const name of names) domains[name] ??= { minimumTtl: 3600, sets: [] };
  };
  addZones(['example.test', 'sub.example.test']);
  const callsMs: Record<string, number[]> = {};

  /** Implements a sliding window. A refused call does not count. */
  function throttled(kind: keyof typeof limits, of: string): FakeAnswer | undefined {
    if (!limited) return undefined;
    const now = clock.monotonicMs();
    const key = `${kind} ${of}`;
    const before = callsMs[key] ?? [];
    const waits = limits[kind].map(([most, seconds]) => {
      const recent = before.filter((at) => at > now - seconds * 1000);
      return recent.length < most ? 0 : recent[recent.length - most]! + seconds * 1000 - now;
    });
    const waitMs = Math.max(...waits);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      const body = { detail: `Request was throttled. Expected available in ${seconds} seconds.` };
      return { status: 429, headers: { 'retry-after': String(seconds) }, body };
    }
    callsMs[key] = [...before, now];
    return undefined;
  }

  const inDomain =
    (kind: 'read' | 'write', answer: (domain: (typeof domains)[string], request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const { name = '' } = request.params;
      const refused = throttled('user', '') ?? throttled(kind, kind === 'write' ? name : '');
      if (refused) return refused;
      const domain = domains[name];
      if (!domain) return refusal(404, 'Not found.');
      if (kind === 'write' && request.headers['authorization'] === `Token ${readOnlyToken}`)
        return refusal(403, 'Insufficient token permissions.');
      return answer(domain, request);
    };

  function list({ sets }: { readonly sets: readonly Rrset[] }, { url, params }: FakeRequest): FakeAnswer {
    const [type, subname, cursor] = ['type', 'subname', 'cursor'].map((name) => url.searchParams.get(name));
    const found = sets.filter(
      (set) => (type === null || set.type === type) && (subname === null || set.subname === subname),
    );
    if (cursor === null && found.length > pageSize)
      return refusal(400, `Pagination required. You can query up to ${pageSize} items at a time.`);
    const from = Number(cursor ?? 0);
    const shown = found.slice(from, from + pageSize).map((set) => ({
      ...set,
      domain: params['name'],
      name: `${set.subname}.${params['name']}.`,
      created: '',
      touched: '',
    }));
    const link = (at: number | '', rel: string) => `<${url.origin}${url.pathname}?cursor=${at}>; rel="${rel}"`;
    const links = [link('', 'first'), ...(from + pageSize < found.length ? [link(from + pageSize, 'next')] : [])];
    return {
      status: 200,
      body: shown,
      ...present({ headers: cursor === null ? undefined : { link: links.join(', ') } }),
    };
  }

  function patch(domain: (typeof domains)[string], request: FakeRequest): FakeAnswer {
    const body = request.json();
    if (!Array.isArray(body)) return { status: 400, body: { non_field_errors: ['Expected a list of items.'] } };
    const seen = new Set<string>();
    const errors = body.map((part) => {
      const key = `${part.subname ?? ''} ${part.type}`;
      const isDouble = seen.has(key);
      seen.add(key);
      return isDouble ? { non_field_errors: ['Same subname and type as in another part.'] } : errorOf(domain, part);
    });
    if (errors.some((error) => Object.keys(error).length > 0)) return { status: 400, body: errors };
    for (const part of body as (Partial<Rrset> & Pick<Rrset, 'type'>)[]) {
      const { subname = '', type } = part;
      const at = domain.sets.findIndex((set) => set.subname === subname && set.type === type);
      if (part.records?.length === 0) {
        if (at >= 0) domain.sets.splice(at, 1);
      } else if (at >= 0) Object.assign(domain.sets[at]!, part);
      else domain.sets.unshift({ subname, type, ttl: part.ttl!, records: part.records! });
    }
    return { status: 200, body: [] };
  }

  const api = createFakeApi({
    clock,
    origin: 'https://desec.io',
    authorize: ({ headers }) =>
      [token, readOnlyToken].some((one) => headers['authorization'] === `Token ${one}`)
        ? undefined
        : refusal(401, 'Invalid token.'),
    routes: {
      'GET /api/v1/domains/:name/': inDomain('read', ({ minimumTtl }, { params }) => ({
        status: 200,
        body: { name: params['name'], minimum_ttl: minimumTtl, keys: [] },
      })),
      'GET /api/v1/domains/:name/rrsets/': inDomain('read', list),
      'PATCH /api/v1/domains/:name/rrsets/': inDomain('write', patch),
      // Reads one set, which certfleet's provider does not use.
      'GET /api/v1/domains/:name/rrsets/:subname/:type/': inDomain('read', (domain, { params }) => {
        const set = domain.sets.find(({ subname, type }) => subname === params['subname'] && type === params['type']);
        return set ? { status: 200, body: { ...set, domain: params['name'] } } : refusal(404, 'Not found.');
      }),
      'POST /api/v1/domains/:name/rrsets/': inDomain('write', (domain, request) => {
        const part = request.json() as Rrset;
        const exists = domain.sets.some(({ subname, type }) => subname === part.subname && type === part.type);
        const said = 'Another RRset with the same subdomain and type exists for this domain.';
        if (exists) return { status: 400, body: { non_field_errors: [said] } };
        const answered = patch(domain, { ...request, json: () => [part] });
        return answered.status === 200 ? { status: 201, body: part } : answered;
      }),
      'PATCH /api/v1/domains/:name/rrsets/:subname/:type/': inDomain('write', (domain, request) => {
        const { subname, type } = request.params;
        const part = request.json() as Partial<Rrset>;
        const answered = patch(domain, { ...request, json: () => [{ ...part, subname, type }] });
        if (answered.status !== 200) return answered;
        return part.records?.length === 0 ? { status: 204 } : { status: 200, body: part };
      }),
    },
  });

  return {
    ...{ api, domains, addZones },
    /** Adds a value as another program would. */
    plant({ zone, name, value, ttl }: DnsValue) {
      const { sets } = domains[zone]!;
      const subname = relativeName(name, zone, '');
      const set = sets.find((one) => one.subname === subname && one.type === 'TXT');
      const content = encodedTxt(value);
      if (set) set.records = [...set.records, content];
      else sets.unshift({ subname, type: 'TXT', ttl: Math.max(ttl, 3600), records: [content] });
    },
    values: (zone: string) =>
      domains[zone]!.sets.filter(({ type }) => type === 'TXT').flatMap(({ subname, records }) =>
        records.map((content) => ({ name: `${subname}.${zone}`, value: decodedTxt(content) })),
      ),
  };
}

/** Describes the error in a part of a bulk request. */
function errorOf(
  { minimumTtl, sets }: { readonly minimumTtl: number; readonly sets: readonly Rrset[] },
  part: Readonly<Record<string, unknown>>,
): Readonly<Record<string, readonly string[]>> {
  const { subname = '', type, ttl, records } = part;
  const required = ['This field is required.'];
  if (typeof type !== 'string' || !/^[A-Z0-9]+$/.test(type)) return { type: required };
  if (typeof subname !== 'string' || subname.length > 178 || !/^([a-z0-9_*-]+(\.[a-z0-9_-]+)*)?$/.test(subname))
    return {
      subname: ["Subname can only use (lowercase) a-z, 0-9, ., -, and _, may start with a '*.', or just be '*'."],
    };
  const exists = sets.some((set) => set.subname === subname && set.type === type);
  if (!exists && records === undefined) return { records: required };
  if (records !== undefined) {
    if (!Array.isArray(records) || records.some((one) => typeof one !== 'string')) return { records: ['Not a list.'] };
    if (!records.every(isTxt)) return { records: ['Data for TXT records must be given using quotation marks.'] };
    if (new Set(records).size < records.length) return { records: ['This field must not contain duplicates.'] };
    if (records.length > 0 && !exists && ttl === undefined) return { ttl: required };
  }
  if (ttl !== undefined) {
    if (!Number.isInteger(ttl)) return { ttl: ['A valid integer is required.'] };
    if ((ttl as number) < minimumTtl) return { ttl: [`Ensure this value is greater than or equal to ${minimumTtl}.`] };
    if ((ttl as number) > 604_800) return { ttl: ['Ensure this value is less than or equal to 604800.'] };
  }
  return {};
}

export const connect = (world: World, options: Readonly<Record<string, unknown>> = {}) =>
  desec.connect({ ...{ name: 'dns', world }, options: desec.options.parse({ token: new Secret(token), ...options }) });

export const tokens = { readOnly: new Secret(readOnlyToken), wrong: new Secret(wrongToken) };

export default dnsApiBench(desec, {
  service: (clock) => testDesec(clock),
  options: { token: new Secret(token) },
  refused: { token: tokens.wrong },
  readOnly: { token: tokens.readOnly },
});
