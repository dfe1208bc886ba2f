import { callWithKeys, fixedKeys } from '../clients/http/access-keys.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  isRefusal,
  judgeByStatus,
  readFields,
  readList,
  readString,
  type Verdict,
} from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { canonicalQuery } from '../clients/http/query.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { signVolcengine } from '../clients/signatures/volcengine.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'Volcengine DNS';

export default defineDnsProvider({
  id: 'volcengine',
  title: `${provider} (TrafficRoute)`,
  names: ['火山引擎'],
  homepage: 'https://www.volcengine.com/product/TrafficRoute',
  apiDocs: 'https://www.volcengine.com/docs/6758/155086',
  since: '0.1.0',
  tested: 'documents only',
  options: z.strictObject({
    accessKeyId: secret('Access Key ID', { aliases: ['VOLC_ACCESSKEY', 'VOLCENGINE_ACCESS_KEY'] }),
    secretAccessKey: secret('Secret Access Key', { aliases: ['VOLC_SECRETKEY', 'VOLCENGINE_SECRET_KEY'] }),
    sessionToken: secret('Session token, if the keys are temporary', {
      aliases: ['VOLC_SESSION_TOKEN', 'VOLCENGINE_SESSION_TOKEN'],
    }).optional(),
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, { error: 'expected a region code, like cn-north-1' })
      .default('cn-north-1')
      .meta({ title: 'Region in the signature; the service has one for all', aliases: ['VOLC_REGION'] }),
    credentials: credentialsFile(['dns_volcengine_', 'dns_volcengine_volc_']),
    endpoint: endpoint('The API’s address, if it is not https://dns.volcengineapi.com'),
  }),
  notes: `Make an access key for an IAM user at <https://console.volcengine.com/iam/keymanage>. The user needs the actions
\`dns:ListZones\`, \`dns:ListRecords\`, \`dns:CreateRecord\` and \`dns:DeleteRecord\`; the policy **DNSFullAccess** has them
all.`,
  traits: {
    // Records are separate objects, and the API refuses duplicates.
    writes: 'value',
    // The minimum in the free edition.
    minTtl: 600,
    // The limit is 20 searches for a zone per second.
    maxConcurrent: 4,
    // The free edition's servers take some minutes.
    visibleMs: 5 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const { accessKeyId, secretAccessKey, sessionToken, region } = options;
    const api = createDnsApi({ world, http, provider, judge, advice: (_status, code) => adviceOn(code) });
    const credentials = fixedKeys({ id: accessKeyId, secret: secretAccessKey, token: sessionToken });
    const base = (options.endpoint ?? 'https://dns.volcengineapi.com').replace(/\/+$/, '');
    const zones = createZoneCache(findZone, (error) => isRefusal(error, 'ErrZoneNotFound'));

    interface Call<T> {
      readonly action: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: Fields;
      readonly about: string;
      read(result: Fields): T;
    }

    const call = <T>({ action, query, body, about, read }: Call<T>, signal: AbortSignal): Promise<T> =>
      callWithKeys(api, {
        credentials,
        what: action,
        about,
        build: (keys) => {
          const method = body === undefined ? 'GET' : 'POST';
          const url = new URL(`${base}/`);
          url.search = canonicalQuery({ Action: action, Version: '2018-08-01', ...query });
          const text = body === undefined ? '' : JSON.stringify(body);
          const place = { region, service: 'DNS', now: world.clock.now() };
          const signed = signVolcengine({ method, url, headers: {}, body: text, ...place }, keys);
          const headers = body === undefined ? signed : { ...signed, 'content-type': 'application/json' };
          return { method, url: url.href, headers, body: body && text };
        },
        read: (answer) => read(readFields(readFields(answer.body, 'the object')['Result'] ?? {}, 'Result')),
        readsOnly: body === undefined,
        signal,
      });

    /** Returns all pages of a list. */
    const list = (
      { action, about, field, ...at }: Pick<Call<unknown>, 'action' | 'query' | 'about'> & { readonly field: string },
      signal: AbortSignal,
    ) =>
      numberedPages(badList(provider, about), async (page) => {
        const query = { ...at.query, SearchMode: 'exact', PageSize: String(pageSize), PageNumber: String(page) };
        const found = await call({ action, query, about, read: (result) => readAll(result, field) }, signal);
        return { found, isLast: found.length < pageSize };
      });

    async function findZone(zone: string, signal: AbortSignal): Promise<number> {
      const query = { Key: zone };
      const found = await list({ action: 'ListZones', query, about: zone, field: 'Zones' }, signal);
      const id = found.find(({ ZoneName }) => ZoneName === zone)?.['ZID'];
      if (typeof id === 'number') return id;
      throw fail('dns/refused', {
        ...{ provider, name: zone, reason: `the account has no zone ${zone}` },
        advice:
          'Use the `accessKeyId` of the account that owns this zone, and check that its user has access to the zone’s project.',
      });
    }

    /** Returns the IDs of the records with exactly this value. */
    async function find({ zone, name: about, value }: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const host = relativeName(about, zone);
      const records = await zones.use(zone, signal, (id) => {
        const query = { ZID: String(id), Host: host, Type: 'TXT' };
        return list({ action: 'ListRecords', query, about, field: 'Records' }, signal);
      });
      return records
        .filter((one) => one['Host'] === host && one['Type'] === 'TXT' && one['Value'] === value)
        .map((one) => readId(one));
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const { zone, name: about, ttl } = value;
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        try {
          return await zones.use(zone, signal, (ZID) => {
            const body = {
              ZID,
              Host: relativeName(about, zone),
              Type: 'TXT',
              Value: value.value,
              TTL: ttl,
              Line: 'default',
            };
            return call(
              { action: 'CreateRecord', body, about, read: (result) => readString(result, 'RecordID') },
              signal,
            );
          });
        } catch (error) {
          // Another process was faster.
          if (isRefusal(error, 'ErrDBDuplicated')) return undefined;
          throw error;
        }
      },
      async remove(value, _made, signal) {
        for (const RecordID of await find(value, signal)) {
          try {
            await call({ action: 'DeleteRecord', body: { RecordID }, about: value.name, read: () => {} }, signal);
          } catch (error) {
            if (!isRefusal(error, 'ErrDBNotFound')) throw error;
          }
        }
      },
      async check(zone, signal) {
        zones.forget(zone);
        await find({ zone, name: zone, value: '', ttl: 600 }, signal);
      },
      close: () => http.close(),
    };
  },
});

/** The largest page. */
const pageSize = 500;

/** Reads a list. An empty list may be null, but then its count is there. */
function readAll(result: Fields, field: string): readonly Fields[] {
  const isEmpty = result[field] === null && [result['Total'], result['TotalCount']].includes(0);
  return readList(isEmpty ? [] : result[field], field);
}

function readId(record: Fields): string {
  const { RecordID } = record;
  if (typeof RecordID === 'string' && RecordID !== '') return RecordID;
  throw fail('dns/bad-answer', { provider, reason: 'RecordID is missing' });
}

function judge(answer: ApiAnswer): Verdict {
  const metadata = isFields(answer.body) ? answer.body['ResponseMetadata'] : undefined;
  const error = isFields(metadata) ? metadata['Error'] : undefined;
  if (!isFields(metadata) || !isFields(error)) return judgeByStatus(answer);
  const { Code: code, Message: message } = error;
  const requestId = metadata['RequestId'];
  const words = {
    code: String(code),
    reason: String(message ?? ''),
    ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }),
    isClockSkew: code === 'InvalidTimestamp',
  };
  if (limits.includes(words.code)) return { kind: 'limited', ...words };
  // An error may come with any status.
  const status = answer.status >= 400 ? answer.status : /Internal|Unavailable/.test(words.code) ? 500 : 400;
  return judgeByStatus({ ...answer, status }, words);
}

const limits: readonly string[] = ['FlowLimitExceeded', 'AccountFlowLimitExceeded', 'RateLimitExceeded'];

const adviceOn = (code = ''): string =>
  advices[code] ?? 'Look at the records of this name in the console of TrafficRoute.';

const wrongKey = 'Check `accessKeyId`: Volcengine does not know it, or it is disabled.';
const wrongSecret = 'Check `secretAccessKey`: it does not belong to `accessKeyId`.';
const advices: Readonly<Record<string, string>> = {
  InvalidAccessKey: wrongKey,
  InvalidCredential: wrongKey,
  InvalidAuthorization: wrongKey,
  SignatureDoesNotMatch: wrongSecret,
  InvalidSecretToken: 'Give `accessKeyId`, `secretAccessKey` and `sessionToken` anew: the temporary keys have expired.',
  AccessDenied:
    'Give the user of `accessKeyId` the policy DNSFullAccess, or one with dns:ListZones, dns:ListRecords, dns:CreateRecord and dns:DeleteRecord, at https://console.volcengine.com/iam.',
};
