import { parseXml, type XmlElement, xmlAt, xmlText } from '../clients/http/xml.ts';
import { signV4 } from '../clients/signatures/aws.ts';
import { Secret } from '../core/errors/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import route53 from './route53.ts';
import { decodedTxt, encodedTxt } from './test-txt.ts';

/** A record set as Route 53 stores it. */
export interface FakeRecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  /** The values as given, including quotes. */
  readonly values: readonly string[];
  /** The ID of a set with weighted or similar routing. */
  readonly id?: string;
}

interface FakeZone {
  readonly id: string;
  readonly name: string;
  readonly isPrivate: boolean;
  sets: FakeRecordSet[];
}

export interface FakeRoute53 extends FakeDnsService {
  readonly zones: readonly FakeZone[];
  addZone(name: string, more?: { readonly isPrivate?: boolean }): FakeZone;
  /** The actions that the keys may not use, as in a policy: `route53:ChangeResourceRecordSets`. */
  readonly denied: Set<string>;
}

export const fakeKeys = { id: 'AKIAROUTE53EXAMPLE00', secret: 'route53/secret+of-this-test' } as const;
/** Keys with read permission only. */
const readingKeys = { id: 'AKIAROUTE53READING00', secret: 'reading/secret+of-this-test' } as const;
export const wrongSecret = 'wr0ng/secret+of-this-test';

const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/';
const maxSkewMs = 5 * 60_000;

interface Place {
  readonly origin?: string;
  readonly region?: string;
}

/**
 * A fake of Route 53 in memory, as strict as the documentation: signatures, exact deletes, whole batches, pages,
 * private zones.
 */
export function fakeRoute53(
  clock: Clock,
  { origin = 'https://route53.amazonaws.com', region = 'us-east-1' }: Place = {},
): FakeRoute53 {
  const zones: FakeZone[] = [];
  const denied = new Set<string>();
  let ids = 0;

  const addZone: FakeRoute53['addZone'] = (name, { isPrivate = false } = {}) => {
    const id = `Z${String(++ids).padStart(13, '0')}EXAMPLE`;
    const soa = 'ns-1.awsdns-00.test. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400';
    const sets: FakeRecordSet[] = [
      { name, type: 'NS', ttl: 172_800, values: ['ns-1.awsdns-00.test.'] },
      { name, type: 'SOA', ttl: 900, values: [soa] },
    ];
    const zone = { id, name, isPrivate, sets };
    zones.push(zone);
    return zone;
  };

  for (const name of fakeZones) {
    addZone(name, { isPrivate: true });
    addZone(name);
  }

  const authorize = (request: FakeRequest) => {
    const mayWrite = request.method === 'GET' || !request.headers['authorization']?.includes(readingKeys.id);
    const refused = checkSignature(request, region, clock.now());
    return (
      refused ?? (mayWrite ? undefined : accessDenied('ChangeResourceRecordSets', 'arn:aws:route53:::hostedzone/Z1'))
    );
  };

  const allowed = (action: string, resource: string): FakeAnswer | undefined =>
    denied.has(`route53:${action}`) ? accessDenied(action, resource) : undefined;

  /** Passes the zone to `answer`, if it exists and the keys may use it. */
  const inZone = (id: string, action: string, answer: (zone: FakeZone) => FakeAnswer): FakeAnswer => {
    const refused = allowed(action, `arn:aws:route53:::hostedzone/${id}`);
    if (refused) return refused;
    const zone = zones.find((one) => one.id === id);
    return zone ? answer(zone) : errorXml(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`);
  };

  const api = createFakeApi({
    clock,
    origin,
    authorize,
    nameOf: ({ method, url }) => `${method} ${/(hostedzonesbyname|rrset)\/?$/.exec(url.pathname)?.[1]}`,
    routes: {
      'GET /2013-04-01/hostedzonesbyname': ({ url }) => {
        const { dnsname = '', hostedzoneid = '', maxitems = '100', ...others } = Object.fromEntries(url.searchParams);
        const refused = allowed('ListHostedZonesByName', '*') ?? knowsAll(others);
        if (refused) return refused;
        if (hostedzoneid !== '' && dnsname === '')
          return errorXml(400, 'InvalidInput', 'dnsname is required with hostedzoneid');
        // Private zones come first, which can happen.
        const sorted = zones.toSorted(
          (a, b) => compare(reversed(a.name), reversed(b.name)) || Number(b.isPrivate) - Number(a.isPrivate),
        );
        const begin = sorted.findIndex((one) =>
          hostedzoneid === '' ? compare(reversed(one.name), reversed(plain(dnsname))) >= 0 : one.id === hostedzoneid,
        );
        const all = dnsname === '' ? sorted : begin < 0 ? [] : sorted.slice(begin);
        const size = Math.min(Number(maxitems), 100);
        const next = all[size];
        const list = all
          .slice(0, size)
          .map(
            ({ id, name, isPrivate, sets }) =>
              `<HostedZone><Id>/hostedzone/${id}</Id><Name>${escaped(name)}.</Name><CallerReference>r-${id}</CallerReference><Config><Comment>&quot;${name}&quot; &amp; co</Comment><PrivateZone>${isPrivate}</PrivateZone></Config><ResourceRecordSetCount>${sets.length}</ResourceRecordSetCount></HostedZone>`,
          );
        const more = next
          ? `<NextDNSName>${escaped(next.name)}.</NextDNSName><NextHostedZoneId>${next.id}</NextHostedZoneId>`
          : '';
        return xml(
          'ListHostedZonesByNameResponse',
          `<HostedZones>${list.join('')}</HostedZones><DNSName>${dnsname}</DNSName><IsTruncated>${next !== undefined}</IsTruncated>${more}<MaxItems>${size}</MaxItems>`,
        );
      },
      'GET /2013-04-01/change/:id': ({ params }) =>
        /^C\d+$/.test(params['id']!) && Number(params['id']!.slice(1)) <= ids
          ? xml(
              'GetChangeResponse',
              `<ChangeInfo><Id>/change/${params['id']}</Id><Status>INSYNC</Status><SubmittedAt>${clock.now().toISOString()}</SubmittedAt></ChangeInfo>`,
            )
          : errorXml(404, 'NoSuchChange', 'A change with the specified change ID does not exist.'),
      'GET /2013-04-01/hostedzone/:id/rrset': ({ params, url }) =>
        inZone(params['id']!, 'ListResourceRecordSets', (zone) => {
          const {
            name = '',
            type = '',
            maxitems = '300',
            identifier: _id,
            ...others
          } = Object.fromEntries(url.searchParams);
          const refused = knowsAll(others);
          if (refused) return refused;
          if (type !== '' && name === '') return errorXml(400, 'InvalidInput', 'The type requires a name');
          const sorted = zone.sets.toSorted(
            (a, b) => compare(reversed(a.name), reversed(b.name)) || compare(a.type, b.type),
          );
          const from = reversed(plain(name));
          const all = sorted.filter((one) => {
            const order = name === '' ? 1 : compare(reversed(one.name), from);
            return order > 0 || (order === 0 && one.type >= type);
          });
          const size = Math.min(Number(maxitems), 300);
          const next = all[size];
          const more = next
            ? `<NextRecordName>${escaped(next.name)}.</NextRecordName><NextRecordType>${next.type}</NextRecordType>`
            : '';
          return xml(
            'ListResourceRecordSetsResponse',
            `<ResourceRecordSets>${all.slice(0, size).map(setXml).join('')}</ResourceRecordSets><IsTruncated>${next !== undefined}</IsTruncated>${more}<MaxItems>${size}</MaxItems>`,
          );
        }),
      'POST /2013-04-01/hostedzone/:id/rrset/': ({ params, text }) =>
        inZone(params['id']!, 'ChangeResourceRecordSets', (zone) => {
          let root: XmlElement;
          try {
            root = parseXml(text);
          } catch {
            return errorXml(400, 'InvalidInput', 'Unable to parse request');
          }
          if (root.name !== 'ChangeResourceRecordSetsRequest' || !text.includes(`xmlns="${namespace}"`))
            return errorXml(400, 'InvalidInput', 'Unable to find the namespace or root of the request');
          const changes = xmlAt(root, 'ChangeBatch', 'Changes')?.children ?? [];
          const outcome = apply(zone, changes);
          if (typeof outcome === 'string')
            return errorXml(
              400,
              outcome.startsWith('Invalid request') ? 'InvalidInput' : 'InvalidChangeBatch',
              outcome,
            );
          zone.sets = outcome;
          return xml(
            'ChangeResourceRecordSetsResponse',
            `<ChangeInfo><Id>/change/C${++ids}</Id><Status>PENDING</Status><SubmittedAt>${clock.now().toISOString()}</SubmittedAt></ChangeInfo>`,
          );
        }),
    },
  });
  const setsIn = (name: string) => zones.find((one) => one.name === name && !one.isPrivate)?.sets ?? [];
  return {
    ...{ api, zones, addZone, denied },
    values: (zone) =>
      setsIn(zone)
        .filter(({ type }) => type === 'TXT')
        .flatMap(({ name, values }) => values.map((value) => ({ name, value: decodedTxt(value, 8) }))),
    plant({ zone, name, value, ttl }) {
      const sets = setsIn(zone) as FakeRecordSet[];
      const at = sets.findIndex((one) => one.name === name && one.type === 'TXT');
      const quoted = encodedTxt(value, 8);
      if (at < 0) sets.push({ name, type: 'TXT', ttl, values: [quoted] });
      else sets[at] = { ...sets[at]!, values: [...sets[at]!.values, quoted] };
    },
    addZones(names) {
      for (const name of names) addZone(name);
    },
  };
}

/** Returns why Route 53 refuses a request with a wrong or old signature. */
export function checkSignature(
  { method, headers, url, text }: Pick<FakeRequest, 'method' | 'headers' | 'url' | 'text'>,
  region: string,
  serverTime: Date,
): FakeAnswer | undefined {
  const { authorization = '', ...sent } = headers;
  const [, id, scope, list] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(
      authorization,
    ) ?? [];
  if (id === undefined) return errorXml(403, 'MissingAuthenticationToken', 'Missing Authentication Token');
  const keys = [fakeKeys, readingKeys].find((one) => one.id === id);
  if (!keys) return errorXml(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  const date = sent['x-amz-date'] ?? '';
  if (scope !== `${date.slice(0, 8)}/${region}/route53/aws4_request`)
    return errorXml(403, 'SignatureDoesNotMatch', `Credential should be scoped to a valid region: ${scope}`);
  const now = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const names = list!.split(';');
  if (!['host', 'x-amz-date'].every((name) => names.includes(name)))
    return errorXml(403, 'SignatureDoesNotMatch', "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  const {
    ['x-amz-date']: _date,
    host: _host,
    ...signed
  } = Object.fromEntries(names.map((name) => [name, sent[name] ?? '']));
  const signing = { id: new Secret(keys.id), secret: new Secret(keys.secret) };
  const again = signV4({ method, url, headers: signed, body: text, region, service: 'route53', now }, signing);
  if (authorization !== again['authorization'])
    return errorXml(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. The Canonical String for this request should have been\nPOST',
    );
  if (Math.abs(serverTime.getTime() - now.getTime()) > maxSkewMs)
    return errorXml(403, 'SignatureDoesNotMatch', `Signature expired: ${date} is now earlier than the server’s time.`);
  return undefined;
}

/** Returns the sets after a batch, or the reason why the whole batch is refused. */
function apply(zone: FakeZone, changes: readonly XmlElement[]): FakeRecordSet[] | string {
  if (changes.length === 0) return 'Invalid request: Expected one Change at least';
  const sets = [...zone.sets];
  const problems: string[] = [];
  let [values, characters] = [0, 0];
  for (const change of changes) {
    const set = xmlAt(change, 'ResourceRecordSet');
    const [action = '', name = '', type = '', ttl] = [
      xmlText(change, 'Action'),
      ...['Name', 'Type', 'TTL'].map((one) => set && xmlText(set, one)),
    ];
    const texts = ((set && xmlAt(set, 'ResourceRecords')?.children) ?? []).map(
      (record) => xmlText(record, 'Value') ?? '',
    );
    if (
      !['CREATE', 'DELETE', 'UPSERT'].includes(action) ||
      !/^(0|[1-9]\d*)$/.test(ttl ?? '') ||
      Number(ttl) > 2 ** 31 - 1 ||
      texts.length === 0
    )
      return 'Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]';
    values += texts.length * (action === 'UPSERT' ? 2 : 1);
    characters += texts.join('').length * (action === 'UPSERT' ? 2 : 1);
    const own = plain(name);
    const about = `[name='${own}.', type='${type}']`;
    if (own !== zone.name && !own.endsWith(`.${zone.name}`))
      problems.push(`RRSet with DNS name ${own}. is not permitted in zone ${zone.name}.`);
    if (type !== 'TXT') problems.push(`this test has no ${type}`);
    if (texts.some((text) => !/^"(?:[^"\\]|\\.){0,255}"( "(?:[^"\\]|\\.){0,255}")*$/.test(text)))
      problems.push(
        `Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '${texts[0]}''`,
      );
    if (new Set(texts).size < texts.length) problems.push(`Duplicate Resource Record: '${texts[0]}'`);
    const isThis = (one: FakeRecordSet) => one.name === own && one.type === type;
    const before = sets.find(isThis);
    if (sets.some((one) => one.name === own && one.type === 'CNAME') && action !== 'DELETE')
      problems.push(
        `RRSet of type ${type} with DNS name ${own}. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone ${zone.name}.`,
      );
    if (before?.id !== undefined && action !== 'DELETE')
      problems.push(
        `RRSet with DNS name ${own}., type ${type} cannot be created as other RRSets exist with the same name and type.`,
      );
    else if (action === 'CREATE' && before)
      problems.push(`Tried to create resource record set ${about} but it already exists`);
    if (action === 'DELETE' && !before)
      problems.push(`Tried to delete resource record set ${about} but it was not found`);
    else if (
      action === 'DELETE' &&
      before &&
      (before.ttl !== Number(ttl) || before.values.toSorted().join('\n') !== texts.toSorted().join('\n'))
    )
      problems.push(
        `Tried to delete resource record set ${about} but the values provided do not match the current values`,
      );
    if (before) sets.splice(sets.indexOf(before), 1);
    if (action !== 'DELETE') sets.push({ name: own, type, ttl: Number(ttl), values: texts });
  }
  if (values > 1_000) problems.push(`Number of records limit of 1000 exceeded.`);
  if (characters > 32_000) problems.push(`Maximum number of characters in all Value elements exceeded.`);
  return problems.length > 0 ? `[${problems.join(', ')}]` : sets;
}

const accessDenied = (action: string, resource: string): FakeAnswer =>
  errorXml(
    403,
    'AccessDenied',
    `User: arn:aws:iam::123456789012:user/acme is not authorized to perform: route53:${action} on resource: ${resource} because no identity-based policy allows the route53:${action} action`,
  );

const knowsAll = (others: object): FakeAnswer | undefined =>
  Object.keys(others).length > 0
    ? errorXml(400, 'InvalidInput', `unknown parameters: ${Object.keys(others)}`)
    : undefined;

/** Converts `www.example.test` to `test.example.www.`. */
const reversed = (name: string): string => `${escaped(name).split('.').reverse().join('.')}.`;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const plain = (name: string): string => name.replace(/\.$/, '').replaceAll('\\052', '*').toLowerCase();
const escaped = (name: string): string => name.replaceAll('*', '\\052');

const setXml = ({ name, type, ttl, values, id }: FakeRecordSet): string =>
  `<ResourceRecordSet><Name>${escaped(name)}.</Name><Type>${type}</Type>${id === undefined ? '' : `<SetIdentifier>${id}</SetIdentifier><Weight>1</Weight>`}<TTL>${ttl}</TTL><ResourceRecords>${values.map((value) => `<ResourceRecord><Value>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')}</Value></ResourceRecord>`).join('')}</ResourceRecords></ResourceRecordSet>`;

const xml = (root: string, body: string, status = 200): FakeAnswer => ({
  status,
  headers: { 'content-type': 'text/xml', 'x-amzn-requestid': 'b25f48e8-84fd-11e6-80d9-574e0c4664cb' },
  body: `<?xml version="1.0"?>\n<${root} xmlns="${namespace}">${body}</${root}>`,
});

const errorXml = (status: number, code: string, message: string): FakeAnswer =>
  xml(
    'ErrorResponse',
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</Message></Error><RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId>`,
    status,
  );

const keyOptions = (keys: { readonly id: string; readonly secret: string }) => ({
  accessKeyId: new Secret(keys.id),
  secretAccessKey: new Secret(keys.secret),
});

export default dnsApiBench(route53, {
  service: (clock) => fakeRoute53(clock),
  options: keyOptions(fakeKeys),
  refused: keyOptions({ ...fakeKeys, secret: wrongSecret }),
  readOnly: keyOptions(readingKeys),
  limit: { fault: () => ({ kind: 'status', ...errorXml(400, 'Throttling', 'Rate exceeded') }), saysWhen: false },
  refusal: (said) => errorXml(400, 'InvalidInput', said),
});
