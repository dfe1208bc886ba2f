import { type Alibaba, type AlibabaParams, type AlibabaTrouble, createAlibaba } from '../clients/alibaba/alibaba.ts';
import { alibabaInstance, alibabaKeys as keySource } from '../clients/alibaba/credentials.ts';
import { badList, dnsError } from '../clients/http/dns-api.ts';
import { isRefusal, readFields, readList, readString } from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import type { CertfleetError } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Fields } from '../core/text/json.ts';
import { alibabaKeys, defineDnsProvider, originEndpoint, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'Alibaba Cloud DNS';

/** The largest page. */
const longestPage = 100;
const consolePage = 'https://dns.console.aliyun.com';

export default defineDnsProvider({
  id: 'alidns',
  title: `${provider} (Alidns)`,
  names: ['阿里云'],
  homepage: 'https://www.alibabacloud.com/product/dns',
  apiDocs: 'https://www.alibabacloud.com/help/en/dns/api-alidns-2015-01-09-overview',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    ...alibabaKeys(['dns_aliyun_', 'dns_alidns_']),
    endpoint: originEndpoint('The API’s address, if it is not https://alidns.aliyuncs.com'),
  }),
  notes: `Make an AccessKey for a RAM user of its own at <https://ram.console.aliyun.com>. On an ECS instance with a RAM role, and in
a pod of ACK with RRSA, no key is needed. The user or role needs

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["alidns:DescribeSubDomainRecords", "alidns:AddDomainRecord", "alidns:DeleteDomainRecord"],
      "Resource": "acs:alidns:*:*:domain/example.com"
    }
  ]
}
\`\`\``,
  traits: {
    // Records are separate objects, and Alidns itself refuses duplicates.
    writes: 'value',
    // The minimum in free and personal plans.
    minTtl: 600,
    // The limit is 60 changes per second.
    maxConcurrent: 8,
    visibleMs: 2 * 60_000,
  },
  connect({ name, options, world }) {
    const http = world.http();
    const { clock, random, log, files } = world;
    const instance = alibabaInstance({ http, name });
    const credentials = keySource(options, { http, clock, random, log, files, instance, name });
    // One client per record, so that errors name the record and the zone.
    const alidns = (at: Pick<DnsValue, 'zone' | 'name'>): Alibaba =>
      createAlibaba({
        ...{ http, clock, random, log, credentials, name: provider, ram: 'alidns', version: '2015-01-09' },
        endpoint: options.endpoint ?? 'https://alidns.aliyuncs.com',
        error: (trouble) => errorOf(trouble, at),
      });

    const change = (action: string, at: DnsValue, params: AlibabaParams, signal: AbortSignal): Promise<Fields> =>
      alidns(at).call(action, params, (answer) => answer, { signal, mutates: true, busyCodes });

    /** Returns the IDs of the records with exactly this name and value. */
    async function find(value: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const { zone, name: at } = value;
      let seen = 0;
      const all = await numberedPages(badList(provider, at), async (page) => {
        const { found, total } = await alidns(value).call(
          'DescribeSubDomainRecords',
          // Without the zone's name, the API would search the registrable domain.
          { SubDomain: at, DomainName: zone, Type: 'TXT', PageSize: longestPage, PageNumber: page, Lang: 'en' },
          ({ DomainRecords: records, TotalCount }) => ({
            found: readList(readFields(records, 'DomainRecords')['Record'], 'Record', 'RecordId'),
            total: Number(TotalCount),
          }),
          { signal, mutates: false },
        );
        seen += found.length;
        return { found, isLast: !(seen < total) };
      });
      return all.filter((record) => isRecord(record, value)).map((record) => readString(record, 'RecordId'));
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        const params = {
          DomainName: value.zone,
          RR: relativeName(value.name, value.zone),
          Type: 'TXT',
          Value: value.value,
          TTL: value.ttl,
        };
        try {
          const { RecordId: id } = await change('AddDomainRecord', value, params, signal);
          return typeof id === 'string' ? id : undefined;
        } catch (error) {
          if (isRefusal(error, 'DomainRecordDuplicate')) return undefined;
          throw error;
        }
      },
      async remove(value, _made, signal) {
        for (const id of await find(value, signal)) {
          try {
            await change('DeleteDomainRecord', value, { RecordId: id }, signal);
          } catch (error) {
            // Another process was faster.
            if (!isRefusal(error, 'DomainRecordNotBelongToUser')) throw error;
          }
        }
      },
      async check(zone, signal) {
        await find({ zone, name: zone, value: '', ttl: 600 }, signal);
      },
      close: () => http.close(),
    };
  },
});

/** The zone is still busy with an earlier change. */
const busyCodes = ['LastOperationNotFinished'];

const isRecord = (record: Fields, value: DnsValue): boolean =>
  record['Type'] === 'TXT' && record['RR'] === relativeName(value.name, value.zone) && record['Value'] === value.value;

function errorOf(trouble: AlibabaTrouble, { zone, name }: Pick<DnsValue, 'zone' | 'name'>): CertfleetError {
  const { code, reason, advice, isClockSkew } = trouble;
  if (isClockSkew) return dnsError(provider, { ...trouble, about: name, reason: `${reason} ${advice ?? ''}` });
  if (code === 'UnKnownError') return dnsError(provider, { ...trouble, kind: 'failed', about: name });
  return dnsError(provider, { ...trouble, about: name, advice: adviceOn(trouble, zone) });
}

/** Replaces the client's own advice, which does not name this provider's options. */
function adviceOn({ code = '', advice }: AlibabaTrouble, zone: string): string {
  if (advice !== undefined) {
    if (code.startsWith('InvalidAccessKeyId')) return `Check \`accessKeyId\`. ${advice}`;
    if (code.startsWith('Signature')) return `Check \`accessKeySecret\`. ${advice}`;
    return `The AccessKey (\`accessKeyId\`) does not suffice. ${advice}`;
  }
  return code.includes('TTL')
    ? `The plan of ${zone} allows no TTL that short; see ${consolePage}.`
    : `Check that ${zone} is a domain of the account of this AccessKey (\`accessKeyId\`), and that it is not locked: see ${consolePage}.`;
}
