import { badList } from '../http/dns-api.ts';
import { UnreadableAnswer } from '../http/json-api.ts';
import { type Page, readPages } from '../http/pages.ts';
import { escapeXml, type XmlElement, xmlAt, xmlText } from '../http/xml.ts';
import type { AwsRest } from './aws.ts';
import { xmlList } from './aws.ts';

export interface HostedZone {
  readonly id: string;
  readonly name: string;
  readonly isPrivate: boolean;
}

export interface RecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  /** Values as in a zone file. */
  readonly values: readonly string[];
  /** Whether the set has a routing policy, or is an alias. */
  readonly isSpecial: boolean;
}

/** A change of a TXT set: the whole new set, or the old one word for word. */
export interface RecordChange extends Pick<RecordSet, 'name' | 'ttl' | 'values'> {
  readonly action: 'CREATE' | 'DELETE';
}

/** The three calls of Route 53 that are needed to change TXT records. */
export interface Route53 {
  /** Returns all zones with this name, including private ones. */
  zones(name: string, signal: AbortSignal): Promise<readonly HostedZone[]>;
  /** Returns the record set with a name and type, if it exists. */
  recordSet(
    at: { readonly zoneId: string; readonly name: string; readonly type: string },
    signal: AbortSignal,
  ): Promise<RecordSet | undefined>;
  /** Makes all changes to TXT sets, or none. Repeating a batch must change nothing, because it may be sent again. */
  change(zoneId: string, changes: readonly RecordChange[], signal: AbortSignal): Promise<void>;
}

const version = '2013-04-01';

export function createRoute53(api: AwsRest): Route53 {
  const get = <T>(
    action: string,
    about: string,
    at: { readonly path: string; readonly query: Readonly<Record<string, string>> },
    read: (answer: XmlElement) => T,
    signal: AbortSignal,
  ) => api.call(action, { method: 'GET', ...at }, read, { mutates: false, about, signal });

  return {
    async zones(name, signal) {
      // The list is sorted and begins at the name, so it is complete once another name follows.
      const first: Readonly<Record<string, string>> = { dnsname: `${name}.` };
      return readPages(badList('Route 53', name), first, async (query) => {
        const at = { path: `/${version}/hostedzonesbyname`, query };
        const page = await get('ListHostedZonesByName', name, at, readZones, signal);
        const found = page.found.filter((one) => one.name === name);
        return { found, next: found.length === page.found.length ? page.next : undefined };
      });
    },
    async recordSet({ zoneId, name, type }, signal) {
      // The list begins at this name and type.
      const at = { path: `/${version}/hostedzone/${zoneId}/rrset`, query: { name: `${name}.`, type, maxitems: '1' } };
      const sets = await get('ListResourceRecordSets', name, at, readSets, signal);
      return sets.find((one) => one.name === name && one.type === type);
    },
    async change(zoneId, changes, signal) {
      const path = `/${version}/hostedzone/${zoneId}/rrset/`;
      const about = changes[0]!.name;
      const request = { method: 'POST', path, body: batchXml(changes) } as const;
      const call = { mutates: true, isRepeatable: true, about, signal };
      await api.call('ChangeResourceRecordSets', request, () => {}, call);
    },
  };
}

function readZones(page: XmlElement): Page<HostedZone, Readonly<Record<string, string>>> {
  const found = xmlList('HostedZone', page, 'HostedZones').map((one): HostedZone => {
    const id = /^\/hostedzone\/([A-Z0-9]{1,32})$/.exec(xmlText(one, 'Id') ?? '')?.[1];
    if (id === undefined) throw new UnreadableAnswer('the Id of a hosted zone is missing in its answer');
    return { id, name: nameIn(one), isPrivate: xmlText(one, 'Config', 'PrivateZone') === 'true' };
  });
  const [dnsname, hostedzoneid] = ['NextDNSName', 'NextHostedZoneId'].map((name) => xmlText(page, name));
  const isMore = xmlText(page, 'IsTruncated') === 'true' && dnsname !== undefined && hostedzoneid !== undefined;
  return { found, next: isMore ? { dnsname, hostedzoneid } : undefined };
}

const readSets = (page: XmlElement): readonly RecordSet[] =>
  xmlList('ResourceRecordSet', page, 'ResourceRecordSets').map((one) => {
    const [type, ttl] = [xmlText(one, 'Type'), Number(xmlText(one, 'TTL') ?? Number.NaN)];
    const isSpecial = xmlText(one, 'SetIdentifier') !== undefined || xmlAt(one, 'AliasTarget') !== undefined;
    if (type === undefined || (Number.isNaN(ttl) && !isSpecial))
      throw new UnreadableAnswer('the Type or TTL of a record set is missing in its answer');
    const records = isSpecial ? [] : xmlList('ResourceRecord', one, 'ResourceRecords');
    return { name: nameIn(one), type, ttl, isSpecial, values: records.map((record) => xmlText(record, 'Value') ?? '') };
  });

/** Returns the name without the final dot. `\052` is an asterisk. */
function nameIn(element: XmlElement): string {
  const name = xmlText(element, 'Name') ?? '';
  const plain = name.replace(/\\(\d{3})/g, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  return plain.replace(/\.$/, '').toLowerCase();
}

const batchXml = (changes: readonly RecordChange[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/${version}/"><ChangeBatch><Changes>${changes.map(changeXml).join('')}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;

function changeXml({ action, name, values, ttl }: RecordChange): string {
  const records = values.map((value) => `<ResourceRecord><Value>${escapeXml(value)}</Value></ResourceRecord>`);
  return `<Change><Action>${action}</Action><ResourceRecordSet><Name>${escapeXml(name)}.</Name><Type>TXT</Type><TTL>${ttl}</TTL><ResourceRecords>${records.join('')}</ResourceRecords></ResourceRecordSet></Change>`;
}
