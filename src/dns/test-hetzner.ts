import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import { dnsApiBench, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import hetzner from './hetzner.ts';
import { answer } from './test-records.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

const token = 'LRK9DAWQ1ZAEFSrCNEEzLCUwhYX1U3g7wMg4dTlkkDC96fyDuyJ39nVbVjCKSDfj';
const readOnlyToken = 'REaD0nlyQ1ZAEFSrCNEEzLCUwhYX1U3g7wMg4dTlkkDC96fyDuyJ39nVbVjCKSDf';

interface Rrset {
  readonly name: string;
  readonly type: string;
  ttl: number | null;
  records: { readonly value: string; readonly comment: string }[];
}

interface Zone {
  readonly id: number;
  readonly name: string;
  sets: Rrset[];
  /** The action that locks the zone. */
  action: { readonly id: number; readonly command: string; readonly endMs: number; apply(): void } | undefined;
}

const refusal = (status: number, code: string, message: string): FakeAnswer =>
  answer(status, { error: { code, message, details: {} } });

/** How long an action takes, in ms. Its effect comes at its end, and until then the zone is locked. */
const usualActionMs = 1_500;

/** A fake of the zones in Hetzner Console. */
export function testHetzner(clock: Clock) {
  let last = 42;
  let actionMs = usualActionMs;
  const zones: Zone[] = [];
  const addZones = (names: readonly string[]) => {
    for (const name of names) zones.unshift({ id: ++last, name, sets: [], action: undefined });
  };
  addZones(fakeZones);
  const done = new Map<number, string>();

  const settle = (zone: Zone) => {
    const { action } = zone;
    if (!action || action.endMs > clock.monotonicMs()) return;
    zone.action = undefined;
    action.apply();
    done.set(action.id, action.command);
  };
  const find = (named: string | undefined) => {
    const zone = zones.find(({ id, name }) => name === named || String(id) === named);
    if (zone) settle(zone);
    return zone;
  };
  const inZone =
    (handler: (zone: Zone, request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const zone = find(request.params['zone']);
      return zone ? handler(zone, request) : refusal(404, 'not_found', 'zone not found');
    };
  const shownAction = (id: number, command: string, isDone: boolean) => ({
    ...{ id, command, status: isDone ? 'success' : 'running', progress: isDone ? 100 : 0, error: null },
    ...{ started: clock.now().toISOString(), finished: null, resources: [{ id: 42, type: 'zone' }] },
  });

  /** Starts an action on one set. */
  const act = (
    command: string,
    change: (zone: Zone, set: Rrset | undefined, request: FakeRequest) => FakeAnswer | (() => void),
  ) =>
    inZone((zone, request) => {
      if (zone.action) return refusal(423, 'locked', 'there is an action running on the zone');
      const { name, type } = request.params;
      const isName =
        name === '@' ||
        (/^[a-z0-9_*.-]+$/.test(name!) && !name!.endsWith('.') && !`.${name}`.endsWith(`.${zone.name}`));
      if (!isName || type !== 'TXT') return refusal(422, 'invalid_input', `invalid input in field 'name'`);
      const { ttl, records, ...others } = request.json() as Record<string, unknown>;
      const isRecord = (one: unknown) => isTxt((one as { value?: unknown })?.value);
      const texts = Array.isArray(records) ? records.map((one) => one?.value) : [];
      if (Object.keys(others).length > 0) return refusal(422, 'invalid_input', 'unknown field');
      if (
        !Array.isArray(records) ||
        texts.length === 0 ||
        !records.every(isRecord) ||
        new Set(texts).size < texts.length
      )
        return refusal(422, 'invalid_input', `invalid input in field 'records'`);
      const isTtl = ttl === undefined || ttl === null || (Number.isInteger(ttl) && (ttl as number) >= 60);
      if (!isTtl || (ttl as number) > 2_147_483_647)
        return refusal(422, 'invalid_input', `invalid input in field 'ttl'`);
      const outcome = change(
        zone,
        zone.sets.find((set) => set.name === name && set.type === type),
        request,
      );
      if (typeof outcome !== 'function') return outcome;
      const action = { id: ++last, command, endMs: clock.monotonicMs() + actionMs, apply: outcome };
      zone.action = action;
      return answer(201, { action: shownAction(action.id, command, false) });
    });
  const textsOf = (request: FakeRequest) =>
    (request.json() as { records: { value: string }[] }).records.map(({ value }) => value);

  const api = createFakeApi({
    clock,
    origin: 'https://api.hetzner.cloud',
    authorize: ({ method, headers }) => {
      if (headers['authorization'] === `Bearer ${readOnlyToken}`)
        return method === 'GET'
          ? undefined
          : refusal(403, 'token_readonly', 'the token is only allowed to perform GET requests');
      return headers['authorization'] === `Bearer ${token}`
        ? undefined
        : refusal(401, 'unauthorized', 'the token you provided is invalid');
    },
    routes: {
      'GET /v1/zones/:zone': inZone(({ id, name }) =>
        answer(200, { zone: { id, name, mode: 'primary', status: 'ok', ttl: 3600 } }),
      ),
      'GET /v1/zones/:zone/rrsets': inZone((zone, { url }) => {
        const [name, type] = ['name', 'type'].map((key) => url.searchParams.get(key));
        const found = zone.sets.filter(
          (set) => (name === null || set.name === name) && (type === null || set.type === type),
        );
        const page = { page: 1, per_page: 25, previous_page: null, next_page: found.length > 25 ? 2 : null };
        return answer(200, {
          rrsets: found
            .slice(0, 25)
            .map((set) => ({ id: `${set.name}/${set.type}`, zone: zone.id, labels: {}, ...set })),
          meta: { pagination: { ...page, last_page: 1, total_entries: found.length } },
        });
      }),
      'POST /v1/zones/:zone/rrsets/:name/:type/actions/add_records': act('add_rrset_records', (zone, set, request) => {
        const { ttl = null } = request.json() as { ttl?: number | null };
        const texts = textsOf(request);
        if (set && set.ttl !== ttl)
          return refusal(422, 'invalid_input', `invalid input in field 'ttl': differs from the RRSet`);
        if (set?.records.some(({ value }) => texts.includes(value)))
          return refusal(409, 'uniqueness_error', 'the record is there already');
        return () => {
          const to = set ?? { name: request.params['name']!, type: 'TXT', ttl, records: [] };
          if (!set) zone.sets.push(to);
          to.records.push(...texts.map((value) => ({ value, comment: '' })));
        };
      }),
      'POST /v1/zones/:zone/rrsets/:name/:type/actions/remove_records': act(
        'remove_rrset_records',
        (zone, set, request) => {
          const texts = textsOf(request);
          if (!set || !texts.every((text) => set.records.some(({ value }) => value === text)))
            return refusal(404, 'not_found', 'record not found');
          return () => {
            set.records = set.records.filter(({ value }) => !texts.includes(value));
            zone.sets = zone.sets.filter(({ records }) => records.length > 0);
          };
        },
      ),
      'GET /v1/actions/:id': ({ params }) => {
        for (const zone of zones) settle(zone);
        const id = Number(params['id']);
        const running = zones.find(({ action }) => action?.id === id)?.action;
        const command = running?.command ?? done.get(id);
        if (command === undefined) return refusal(404, 'not_found', 'action not found');
        return answer(200, { action: shownAction(id, command, running === undefined) });
      },
    },
  });

  return {
    ...{ api, addZones },
    lag(ms: number) {
      actionMs = ms;
    },
    values: (name: string) => {
      const zone = find(name)!;
      return zone.sets.flatMap((set) =>
        set.records.map(({ value }) => ({
          name: set.name === '@' ? zone.name : `${set.name}.${zone.name}`,
          value: decodedTxt(value),
        })),
      );
    },
    plant({ zone: of, name, value, ttl }: DnsValue) {
      const zone = find(of)!;
      const host = relativeName(name, of);
      const set = zone.sets.find((one) => one.name === host) ?? {
        name: host,
        type: 'TXT',
        ttl: Math.max(ttl, 60),
        records: [],
      };
      if (!zone.sets.includes(set)) zone.sets.push(set);
      set.records.push({ value: encodedTxt(value), comment: 'of another program' });
    },
  };
}

export default dnsApiBench(hetzner, {
  service: testHetzner,
  options: { token: new Secret(token) },
  refused: { token: new Secret('wr0ngAWQ1ZAEFSrCNEEzLCUwhYX1U3g7wMg4dTlkkDC96fyDuyJ39nVbVjCKSDfj') },
  readOnly: { token: new Secret(readOnlyToken) },
});
