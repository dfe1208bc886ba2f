import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import azure from './azure.ts';

interface FakeSet {
  readonly etag: string;
  readonly TTL: number;
  readonly TXTRecords: readonly { readonly value: readonly string[] }[];
  readonly metadata?: unknown;
}

interface FakeZone {
  readonly name: string;
  readonly group: string;
  readonly zoneType: 'Public' | 'Private';
  /** By name relative to the zone. */
  readonly sets: Map<string, FakeSet>;
}

export interface FakeAzure extends FakeDnsService {
  readonly zones: readonly FakeZone[];
  addZone(name: string, more?: Partial<Pick<FakeZone, 'group' | 'zoneType'>>): FakeZone;
  expireTokens(): void;
  /** The ways in which tokens were requested. */
  readonly asked: string[];
}

export const subscriptionId = '11111111-1111-4111-8111-111111111111';
export const tenantId = '22222222-2222-4222-8222-222222222222';
export const clientId = '33333333-3333-4333-8333-333333333333';
const readerId = '44444444-4444-4444-8444-444444444444';
export const identityId = '55555555-5555-4555-8555-555555555555';
export const clientSecret = 'cli~ent.secret-of-this-test';
export const federatedToken = 'eyJhbGciOi.federated-token-of-this-test.c2ln';
/** The permissions of each application. */
const applications: Readonly<Record<string, { readonly secret: string; readonly mayWrite: boolean }>> = {
  [clientId]: { secret: clientSecret, mayWrite: true },
  [readerId]: { secret: 'reader~secret.of-this-test', mayWrite: false },
};

const [login, management, metadata] = [
  'https://login.microsoftonline.com',
  'https://management.azure.com',
  'http://169.254.169.254',
] as const;
const mostOnPage = 100;
/** API versions. Those before the one that certfleet uses are accepted, too. */
const versions = ['2016-04-01', '2017-09-01', '2017-10-01', '2018-05-01'];

/** A fake of Azure DNS, its token endpoint and its metadata server, as strict as the documentation. */
export function fakeAzure(clock: Clock, { withPrivateZones = true } = {}): FakeAzure {
  const zones: FakeZone[] = [];
  const asked: string[] = [];
  let tokens = new Map<string, { readonly mayWrite: boolean; readonly expiresMs: number }>();
  let ids = 0;
  const newEtag = () => `etag-${String(++ids).padStart(8, '0')}`;

  const addZone: FakeAzure['addZone'] = (name, { group = 'dns', zoneType = 'Public' } = {}) => {
    const zone = { name, group, zoneType, sets: new Map<string, FakeSet>() };
    zones.push(zone);
    return zone;
  };
  for (const name of fakeZones) {
    if (withPrivateZones) addZone(name, { group: 'internal', zoneType: 'Private' });
    addZone(name);
  }

  const newToken = (mayWrite: boolean, as: (seconds: number) => unknown): FakeAnswer => {
    const token = `eyJ0eXAi.token-of-this-test-${String(++ids).padStart(6, '0')}.c2ln`;
    tokens.set(token, { mayWrite, expiresMs: clock.now().getTime() + 3_599_000 });
    return { status: 200, body: { token_type: 'Bearer', expires_in: as(3599), access_token: token } };
  };

  const giveToken = (request: FakeRequest): FakeAnswer => {
    const form = request.form();
    // The older endpoint has a resource instead of a scope.
    const isOld = !request.url.pathname.includes('/v2.0/');
    const isWanted = isOld
      ? [`${management}/`, 'https://management.core.windows.net/'].includes(form.get('resource') ?? '')
      : form.get('scope') === `${management}/.default`;
    const refused = (status: number, error: string, said: string): FakeAnswer => ({
      status,
      body: {
        error,
        error_description: `${said} Trace ID: 0000 Correlation ID: 1111 Timestamp: 2026-11-24 12:00:00Z`,
        error_codes: [1],
      },
    });
    if (request.params['tenant'] !== tenantId)
      return refused(400, 'invalid_request', `AADSTS90002: Tenant '${request.params['tenant']}' not found.`);
    if (form.get('grant_type') !== 'client_credentials' || !isWanted)
      return refused(
        400,
        'invalid_scope',
        'AADSTS70011: The provided value for the input parameter scope is not valid.',
      );
    const application = applications[form.get('client_id') ?? ''];
    if (!application)
      return refused(
        400,
        'unauthorized_client',
        `AADSTS700016: Application with identifier '${form.get('client_id')}' was not found in the directory 'acme'.`,
      );
    const assertion = form.get('client_assertion');
    if (assertion !== null) {
      asked.push('federated');
      if (
        form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' ||
        assertion !== federatedToken
      )
        return refused(
          401,
          'invalid_client',
          'AADSTS700213: No matching federated identity record found for presented assertion subject.',
        );
    } else {
      asked.push('secret');
      if (form.get('client_secret') !== application.secret)
        return refused(
          401,
          'invalid_client',
          `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${form.get('client_id')}'.`,
        );
    }
    return newToken(application.mayWrite, isOld ? String : (seconds) => seconds);
  };

  /** Wraps a call of the management API, which needs a token with permission. */
  const allowed =
    (handle: (request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const token = tokens.get(request.headers['authorization']?.replace(/^Bearer /, '') ?? '');
      if (!token) return refuse(401, 'InvalidAuthenticationToken', 'The access token is invalid.');
      if (token.expiresMs <= clock.now().getTime())
        return refuse(
          401,
          'ExpiredAuthenticationToken',
          'The access token expiry UTC time is earlier than current UTC time.',
        );
      if (!versions.includes(request.url.searchParams.get('api-version') ?? ''))
        return refuse(400, 'NoRegisteredProviderFound', 'No registered resource provider found for this API version.');
      const { subscription, kind } = request.params;
      // The type is not case-sensitive.
      if (kind?.toLowerCase() !== 'dnszones') return refuse(404, 'InvalidResourceType', `There is no type '${kind}'.`);
      if (subscription !== subscriptionId)
        return refuse(404, 'SubscriptionNotFound', `The subscription '${subscription}' could not be found.`);
      if (request.method !== 'GET' && !token.mayWrite)
        return refuse(
          403,
          'AuthorizationFailed',
          `The client '${readerId}' with object id '6666' does not have authorization to perform action 'Microsoft.Network/dnsZones/TXT/write' over scope '${request.url.pathname}' or the scope is invalid.`,
        );
      return handle(request);
    };

  const inZone = (handle: (zone: FakeZone, request: FakeRequest) => FakeAnswer, isParent = true) =>
    allowed((request) => {
      const { group, zone: name } = request.params;
      if (!zones.some((one) => one.group === group))
        return refuse(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
      const zone = zones.find((one) => one.group === group && one.name === name);
      if (zone) return handle(zone, request);
      return isParent
        ? refuse(
            404,
            'ParentResourceNotFound',
            `Can not perform requested operation on nested resource. Parent resource '${name}' not found.`,
          )
        : refuse(
            404,
            'ResourceNotFound',
            `The Resource 'Microsoft.Network/dnsZones/${name}' under resource group '${group}' was not found.`,
          );
    });

  const zoneBody = ({ name, group, zoneType }: FakeZone) => ({
    // The case of these names varies.
    id: `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Network/dnszones/${name}`,
    name,
    type: 'Microsoft.Network/dnszones',
    etag: '0000',
    location: 'global',
    properties: { zoneType },
  });
  const setBody = (zone: FakeZone, name: string, { etag, ...properties }: FakeSet) => ({
    id: `${zoneBody(zone).id}/TXT/${name}`,
    ...{ name, etag, type: 'Microsoft.Network/dnszones/TXT' },
    properties: { ...properties, fqdn: `${name}.${zone.name}.`, provisioningState: 'Succeeded' },
  });

  /** Reports whether the condition of a write holds. */
  const isMet = ({ headers }: FakeRequest, set: FakeSet | undefined): boolean => {
    const { 'if-match': match, 'if-none-match': none } = headers;
    if (none !== undefined) return none === '*' && !set;
    return match === undefined || match === '*' || match === set?.etag;
  };

  const put = (zone: FakeZone, request: FakeRequest): FakeAnswer => {
    const name = request.params['name']!;
    const before = zone.sets.get(name);
    const { properties = {} } = request.json() as { properties?: Record<string, unknown> };
    const { TTL, TXTRecords, metadata: tags, ...others } = properties;
    const bad = (what: string) => refuse(400, 'BadRequest', `The value of ${what} is not valid.`);
    if (Object.keys(others).length > 0) return bad(Object.keys(others).join());
    if (typeof TTL !== 'number' || !Number.isInteger(TTL) || TTL < 1 || TTL > 2 ** 31 - 1) return bad('TTL');
    if (!Array.isArray(TXTRecords) || TXTRecords.length === 0 || TXTRecords.length > 20) return bad('TXTRecords');
    const records = TXTRecords as FakeSet['TXTRecords'];
    const isRecord = ({ value }: FakeSet['TXTRecords'][number]) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((one) => typeof one === 'string' && Buffer.from(one).length <= 255) &&
      value.join('').length <= 1_024;
    if (!records.every(isRecord)) return bad('TXTRecords');
    if (new Set(records.map(({ value }) => value.join(''))).size < records.length) return bad('TXTRecords: duplicates');
    if (!isMet(request, before)) return refuse(412, 'PreconditionFailed', 'The condition of this request is not met.');
    const set = { etag: newEtag(), TTL, TXTRecords: records, ...present({ metadata: tags }) };
    zone.sets.set(name, set);
    return { status: before ? 200 : 201, body: setBody(zone, name, set) };
  };

  const root = '/subscriptions/:subscription';
  const zoneRoute = `${root}/resourceGroups/:group/providers/Microsoft.Network/:kind/:zone`;
  const api = createFakeApi({
    clock,
    origin: [management, login, metadata],
    routes: {
      [`POST ${login}/:tenant/oauth2/v2.0/token`]: giveToken,
      [`POST ${login}/:tenant/oauth2/token`]: giveToken,
      [`GET ${metadata}/metadata/identity/oauth2/token`]: ({ headers, url }) => {
        const query = Object.fromEntries(url.searchParams);
        asked.push(`identity ${query['client_id'] ?? ''}`.trim());
        if (headers['metadata'] !== 'true') return { status: 400, body: { error: 'bad_request_102' } };
        if (query['api-version'] !== '2018-02-01' || query['resource'] !== `${management}/`)
          return { status: 400, body: { error: 'invalid_resource' } };
        if (query['client_id'] !== undefined && query['client_id'] !== identityId)
          return { status: 400, body: { error: 'invalid_request', error_description: 'Identity not found' } };
        return newToken(true, String);
      },
      [`GET ${root}/providers/Microsoft.Network/:kind`]: allowed(({ url }) => {
        const from = Number(url.searchParams.get('$skipToken') ?? 0);
        const next = new URL(`${management}${url.pathname}?api-version=2018-05-01&$skipToken=${from + mostOnPage}`);
        const value = zones.slice(from, from + mostOnPage).map(zoneBody);
        return {
          status: 200,
          body: { value, ...present({ nextLink: from + mostOnPage < zones.length ? next.href : undefined }) },
        };
      }),
      [`GET ${zoneRoute}`]: inZone((zone) => ({ status: 200, body: zoneBody(zone) }), false),
      [`GET ${zoneRoute}/TXT/:name`]: inZone((zone, { params }) => {
        const set = zone.sets.get(params['name']!);
        if (set) return { status: 200, body: setBody(zone, params['name']!, set) };
        return {
          status: 404,
          body: {
            code: 'NotFound',
            message: `The resource record '${params['name']}' does not exist in resource group '${zone.group}' of subscription '${subscriptionId}'.`,
          },
        };
      }),
      [`PUT ${zoneRoute}/TXT/:name`]: inZone(put),
      [`DELETE ${zoneRoute}/TXT/:name`]: inZone((zone, request) => {
        const set = zone.sets.get(request.params['name']!);
        if (!set) return { status: 204 };
        if (!isMet(request, set)) return refuse(412, 'PreconditionFailed', 'The condition of this request is not met.');
        zone.sets.delete(request.params['name']!);
        return { status: 200 };
      }),
    },
  });

  const setsIn = (name: string) =>
    zones.find((one) => one.name === name && one.zoneType === 'Public')?.sets ?? new Map<string, FakeSet>();
  return {
    ...{ api, zones, addZone, asked },
    values: (zone) =>
      [...setsIn(zone)].flatMap(([name, { TXTRecords }]) =>
        TXTRecords.map(({ value }) => ({ name: name === '@' ? zone : `${name}.${zone}`, value: value.join('') })),
      ),
    plant({ zone, name, value, ttl }) {
      const sets = setsIn(zone);
      const before = sets.get(relativeName(name, zone));
      const strings = value.match(/[\s\S]{1,200}/g) ?? [''];
      sets.set(relativeName(name, zone), {
        metadata: { team: 'web' },
        TTL: ttl,
        ...before,
        etag: newEtag(),
        TXTRecords: [...(before?.TXTRecords ?? []), { value: strings }],
      });
    },
    addZones(names) {
      for (const name of names) addZone(name);
    },
    expireTokens() {
      tokens = new Map();
    },
  };
}

const refuse = (status: number, code: string, message: string): FakeAnswer => ({
  status,
  body: { error: { code, message } },
});

export default dnsApiBench(azure, {
  service: (clock) => fakeAzure(clock),
  options: { subscriptionId, tenantId, clientId, clientSecret: new Secret(clientSecret) },
  refused: { clientId, clientSecret: new Secret('wr0ng~secret.of-this-test') },
  readOnly: { clientId: readerId, clientSecret: new Secret('reader~secret.of-this-test') },
  secrets: ['token-of-this-test'],
  isWrite: ({ method, url }) => method !== 'GET' && url.origin === management,
  refusal: (said) => refuse(400, 'BadRequest', said),
});
