import { generateKeyPairSync, verify } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import google from './google.ts';
import { decodedTxt, encodedTxt, isTxt } from './test-txt.ts';

interface FakeSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly rrdatas: readonly string[];
  readonly routingPolicy?: object;
}

interface FakeZone {
  readonly name: string;
  readonly dnsName: string;
  readonly visibility: 'public' | 'private';
  sets: FakeSet[];
}

export interface FakeGoogle extends FakeDnsService {
  readonly zones: readonly FakeZone[];
  addZone(dnsName: string, visibility?: FakeZone['visibility']): FakeZone;
  /** Ends all access tokens, as Google may at any time. */
  expireTokens(): void;
  /** Every signed claim set. */
  readonly claims: readonly Readonly<Record<string, unknown>>[];
}

// Short keys are generated quickly. Other clients require at least 1024 bits.
const keyPair = (modulusLength = 512) => generateKeyPairSync('rsa', { modulusLength });
const pem = ({ privateKey }: ReturnType<typeof keyPair>) => String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const [long, right, reading, wrong] = [keyPair(1024), keyPair(), keyPair(), keyPair()];

export const project = 'acme-test-project';
/** The permissions of each service account. */
const accounts: Readonly<Record<string, { readonly key: ReturnType<typeof keyPair>; readonly mayWrite: boolean }>> = {
  'acme@acme-test-project.iam.gserviceaccount.com': { key: long, mayWrite: true },
  'short@acme-test-project.iam.gserviceaccount.com': { key: right, mayWrite: true },
  'reader@acme-test-project.iam.gserviceaccount.com': { key: reading, mayWrite: false },
};
const [ownEmail = '', shortEmail = '', readerEmail = ''] = Object.keys(accounts);
export const clientEmail = ownEmail;
export const privateKeyPem = pem(long);

const scopes = [
  'https://www.googleapis.com/auth/ndev.clouddns.readwrite',
  'https://www.googleapis.com/auth/cloud-platform',
];
const tokenUri = 'https://oauth2.googleapis.com/token';
const metadata = 'http://169.254.169.254';

/** A fake of Cloud DNS, and of Google's token endpoint and metadata server, as strict as the documentation. */
export function fakeGoogle(clock: Clock): FakeGoogle {
  const zones: FakeZone[] = [];
  const claims: Readonly<Record<string, unknown>>[] = [];
  let tokens = new Map<string, { readonly mayWrite: boolean; readonly expiresMs: number }>();
  let ids = 0;

  const addZone: FakeGoogle['addZone'] = (dnsName, visibility = 'public') => {
    const zone = {
      name: `z${++ids}-${dnsName.replaceAll('.', '-')}`.slice(0, 63),
      dnsName: `${dnsName}.`,
      visibility,
      sets: [],
    };
    zones.push(zone);
    return zone;
  };
  for (const name of fakeZones) {
    addZone(name, 'private');
    addZone(name);
  }

  const newToken = (mayWrite: boolean): FakeAnswer => {
    const token = `ya29.token-of-this-test-${String(++ids).padStart(6, '0')}`;
    tokens.set(token, { mayWrite, expiresMs: clock.now().getTime() + 3_599_000 });
    return { status: 200, body: { access_token: token, expires_in: 3599, token_type: 'Bearer' } };
  };

  const giveToken = (request: FakeRequest): FakeAnswer => {
    const form = request.form();
    const refuse = (error: string, error_description: string): FakeAnswer => ({
      status: 400,
      body: { error, error_description },
    });
    if (request.headers['content-type'] !== 'application/x-www-form-urlencoded')
      return refuse('unsupported_grant_type', 'Invalid grant_type: ');
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return refuse('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`);
    const parts = (form.get('assertion') ?? '').split('.');
    const [header, claim] = parts
      .slice(0, 2)
      .map((part): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString()));
    if (header?.['alg'] !== 'RS256' || header['typ'] !== 'JWT' || !claim) return refuse('invalid_grant', 'Bad JWT');
    claims.push(claim);
    const account = accounts[String(claim['iss'])];
    if (!account) return refuse('invalid_grant', 'Invalid grant: account not found');
    const signed = Buffer.from(parts.slice(0, 2).join('.'));
    if (!verify('RSA-SHA256', signed, account.key.publicKey, Buffer.from(parts[2] ?? '', 'base64url')))
      return refuse('invalid_grant', 'Invalid JWT Signature.');
    const [iat, exp, now] = [Number(claim['iat']), Number(claim['exp']), clock.now().getTime() / 1000];
    if (!(iat <= now + 300 && exp > now && exp - iat <= 3_600))
      return refuse(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      );
    if (claim['aud'] !== tokenUri) return refuse('invalid_grant', 'Invalid JWT: Failed audience check.');
    if (!scopes.includes(String(claim['scope'])))
      return refuse('invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
    return newToken(account.mayWrite);
  };

  /** Wraps a call of the DNS API, which needs a token with permission. */
  const allowed =
    (handle: (request: FakeRequest) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const token = tokens.get(request.headers['authorization']?.replace(/^Bearer /, '') ?? '');
      if (!token || token.expiresMs <= clock.now().getTime())
        return refuse(
          401,
          'authError',
          'Request had invalid authentication credentials. Expected OAuth 2 access token.',
        );
      if (request.params['project'] !== project)
        return refuse(403, 'forbidden', `Permission denied on project ${request.params['project']}`);
      if (request.method !== 'GET' && !token.mayWrite) return refuse(403, 'forbidden', 'Forbidden');
      return handle(request);
    };

  const inZone = (handle: (zone: FakeZone, request: FakeRequest) => FakeAnswer) =>
    allowed((request) => {
      const zone = zones.find(({ name }) => name === request.params['zone']);
      return zone
        ? handle(zone, request)
        : refuse(
            404,
            'notFound',
            `The 'parameters.managedZone' resource named '${request.params['zone']}' does not exist.`,
          );
    });

  const page = (items: readonly object[], field: string, kind: string, { url }: FakeRequest): FakeAnswer => {
    // Smaller than the real pages, which have thousands of sets.
    const size = Math.min(Number(url.searchParams.get('maxResults') ?? 100), 100);
    const from = Number(url.searchParams.get('pageToken') ?? 0);
    const next = from + size < items.length ? { nextPageToken: String(from + size) } : {};
    const list = items.slice(from, from + size);
    return { status: 200, body: { kind, ...present({ [field]: list.length > 0 ? list : undefined }), ...next } };
  };

  const zoneBody = ({ name, dnsName, visibility }: FakeZone) => ({
    kind: 'dns#managedZone',
    id: '1',
    name,
    dnsName,
    visibility,
  });

  const withMetadata =
    (handle: () => FakeAnswer) =>
    ({ headers }: FakeRequest) =>
      headers['metadata-flavor'] === 'Google'
        ? handle()
        : { status: 403, body: 'Missing Metadata-Flavor:Google header.' };

  const root = '/dns/v1/projects/:project/managedZones';
  const api = createFakeApi({
    clock,
    origin: ['https://dns.googleapis.com', 'https://oauth2.googleapis.com', metadata],
    routes: {
      [`POST ${tokenUri}`]: giveToken,
      [`GET ${metadata}/computeMetadata/v1/instance/service-accounts/default/token`]: withMetadata(() =>
        newToken(true),
      ),
      [`GET ${metadata}/computeMetadata/v1/project/project-id`]: withMetadata(() => ({ status: 200, body: project })),
      [`GET ${root}`]: allowed((request) => {
        const dnsName = request.url.searchParams.get('dnsName');
        const found = zones.filter((zone) => dnsName === null || zone.dnsName === dnsName);
        return page(found.map(zoneBody), 'managedZones', 'dns#managedZonesListResponse', request);
      }),
      [`GET ${root}/:zone`]: inZone((zone) => ({ status: 200, body: zoneBody(zone) })),
      [`GET ${root}/:zone/rrsets`]: inZone((zone, request) => {
        const [name, type] = ['name', 'type'].map((key) => request.url.searchParams.get(key));
        if (type !== null && name === null) return refuse(400, 'invalidParameter', 'type requires a name');
        const found = zone.sets.filter(
          (set) => (name === null || set.name === name) && (type === null || set.type === type),
        );
        return page(found, 'rrsets', 'dns#resourceRecordSetsListResponse', request);
      }),
      [`POST ${root}/:zone/changes`]: inZone((zone, request) => {
        const outcome = apply(zone, request.json() as Change);
        if ('status' in outcome) return outcome;
        zone.sets = outcome.sets;
        return { status: 200, body: { kind: 'dns#change', id: String(++ids), status: 'pending' } };
      }),
      [`GET ${root}/:zone/changes/:change`]: inZone((_zone, { params }) => ({
        status: 200,
        body: { kind: 'dns#change', id: params['change'], status: 'done' },
      })),
    },
  });

  const setsIn = (name: string) =>
    zones.find((one) => one.dnsName === `${name}.` && one.visibility === 'public')?.sets ?? [];
  return {
    ...{ api, zones, addZone, claims },
    values: (zone) =>
      setsIn(zone)
        .filter(({ type }) => type === 'TXT')
        .flatMap(({ name, rrdatas }) => rrdatas.map((data) => ({ name: name.slice(0, -1), value: decodedTxt(data) }))),
    plant({ zone, name, value, ttl }) {
      const sets = setsIn(zone);
      const at = sets.findIndex((one) => one.name === `${name}.` && one.type === 'TXT');
      const data = encodedTxt(value);
      if (at < 0) sets.push({ name: `${name}.`, type: 'TXT', ttl, rrdatas: [data] });
      else sets[at] = { ...sets[at]!, rrdatas: [...sets[at]!.rrdatas, data] };
    },
    addZones(names) {
      for (const name of names) addZone(name);
    },
    expireTokens() {
      tokens = new Map();
    },
  };
}

interface Change {
  readonly additions?: readonly FakeSet[];
  readonly deletions?: readonly FakeSet[];
}

/** Returns the sets after a change, or the reason why the whole change is refused. */
function apply(zone: FakeZone, change: Change): { sets: FakeSet[] } | FakeAnswer {
  const [additions, deletions] = [change.additions ?? [], change.deletions ?? []].map((sets) => sets.map(inQuotes)) as [
    FakeSet[],
    FakeSet[],
  ];
  if (additions.length + deletions.length === 0)
    return refuse(400, 'required', "The 'entity.change' parameter is required but was missing.");
  for (const [list, sets] of Object.entries({ additions, deletions }))
    for (const [at, set] of sets.entries()) {
      const invalid = problemOf(zone, set);
      if (invalid !== undefined)
        return refuse(400, 'invalid', `Invalid value for 'entity.change.${list}[${at}].${invalid}'`);
      if (sets.findIndex(({ name, type }) => name === set.name && type === set.type) < at)
        return refuse(400, 'invalid', `The resource record set 'entity.change.${list}[${at}]' is a duplicate`);
    }
  const sets = [...zone.sets];
  const find = ({ name, type }: FakeSet) => sets.findIndex((one) => one.name === name && one.type === type);
  for (const [at, set] of deletions.entries()) {
    const found = find(set);
    const where = `'entity.change.deletions[${at}]'`;
    if (found < 0)
      return refuse(404, 'notFound', `The ${where} resource named '${set.name} (${set.type})' does not exist.`);
    const { ttl, rrdatas } = sets[found]!;
    if (ttl !== set.ttl || rrdatas.toSorted().join('\n') !== set.rrdatas.toSorted().join('\n'))
      return refuse(412, 'conditionNotMet', `Precondition not met for ${where}`);
    sets.splice(found, 1);
  }
  for (const [at, set] of additions.entries()) {
    if (find(set) >= 0)
      return refuse(
        409,
        'alreadyExists',
        `The 'entity.change.additions[${at}]' resource named '${set.name} (${set.type})' already exists`,
      );
    if (sets.some((one) => one.name === set.name && one.type === 'CNAME'))
      return refuse(
        400,
        'cnameResourceRecordSetConflict',
        `The resource record set 'entity.change.additions[${at}]' is invalid because the DNS name '${set.name}' may have either one CNAME resource record set or resource record sets of other types, but not both.`,
      );
    sets.push(set);
  }
  return { sets };
}

/** Adds the quotes that a text without whitespace may lack. */
const inQuotes = (set: FakeSet): FakeSet =>
  Array.isArray(set.rrdatas)
    ? { ...set, rrdatas: set.rrdatas.map((data) => (/^[^\s"]+$/.test(data) ? `"${data}"` : data)) }
    : set;

function problemOf(zone: FakeZone, { name, type, ttl, rrdatas }: FakeSet): string | undefined {
  if (typeof name !== 'string' || !(name === zone.dnsName || name.endsWith(`.${zone.dnsName}`)))
    return `name': '${name}'`;
  if (type !== 'TXT') return `type': '${type}'`;
  if (!Number.isInteger(ttl) || ttl < 0) return `ttl': '${ttl}'`;
  if (!Array.isArray(rrdatas) || rrdatas.length === 0 || new Set(rrdatas).size < rrdatas.length)
    return `rrdata': '${rrdatas}'`;
  const bad = rrdatas.find((data) => !isTxt(data));
  return bad === undefined ? undefined : `rrdata[0]': '${bad}'`;
}

const refuse = (status: number, reason: string, message: string): FakeAnswer => ({
  status,
  body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } },
});

export default dnsApiBench(google, {
  service: (clock) => fakeGoogle(clock),
  options: { clientEmail: shortEmail, privateKey: new Secret(pem(right)), project },
  refused: { clientEmail: shortEmail, privateKey: new Secret(pem(wrong)) },
  readOnly: { clientEmail: readerEmail, privateKey: new Secret(pem(reading)) },
  secrets: ['ya29.token-of-this-test'],
  isWrite: ({ method, url }) => method === 'POST' && url.pathname.endsWith('/changes'),
  limit: {
    fault: () => ({ kind: 'status', ...refuse(403, 'rateLimitExceeded', 'Rate Limit Exceeded') }),
    saysWhen: false,
  },
  refusal: (said) => refuse(400, 'invalid', said),
});
