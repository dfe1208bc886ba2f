import { callWithKeys, fixedKeys } from '../clients/http/access-keys.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  judgeByStatus,
  readFields,
  readList,
  refusalOf,
  type Verdict,
} from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { canonicalQuery } from '../clients/http/query.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { signJdcloud } from '../clients/signatures/jdcloud.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'JD Cloud DNS';

export default defineDnsProvider({
  id: 'jdcloud',
  title: provider,
  names: ['京东云'],
  homepage: 'https://www.jdcloud.com/cn/products/jd-cloud-dns',
  apiDocs: 'https://docs.jdcloud.com/cn/jd-cloud-dns/api/overview',
  since: '0.1.0',
  tested: 'documents only',
  options: z.strictObject({
    accessKeyId: secret('Access Key ID', { aliases: ['JDCLOUD_ACCESS_KEY_ID', 'JD_ACCESS_KEY_ID'] }),
    secretAccessKey: secret('Access Key Secret', {
      aliases: ['JDCLOUD_ACCESS_KEY_SECRET', 'JD_ACCESS_KEY_SECRET'],
    }),
    sessionToken: secret('Session token, if the keys are temporary', { aliases: ['JDCLOUD_SESSION_TOKEN'] }).optional(),
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, { error: 'expected a region code, like cn-north-1' })
      .default('cn-north-1')
      .meta({
        title: 'Region in the path; the service has one for all',
        aliases: ['JDCLOUD_REGION_ID', 'JD_REGION'],
      }),
    credentials: credentialsFile(['dns_jdcloud_']),
    endpoint: endpoint('The API’s address, if it is not https://domainservice.jdcloud-api.com'),
  }),
  notes: `Make an access key for a sub-user at <https://uc.jdcloud.com/account/accesskey>. The sub-user needs the actions
\`domainservice:describeDomains\`, \`domainservice:describeResourceRecord\`, \`domainservice:createResourceRecord\` and
\`domainservice:deleteResourceRecord\`.`,
  traits: {
    // Records are separate objects.
    writes: 'value',
    // The minimum in the free package.
    minTtl: 600,
    // The gateway limits an account to some requests per second.
    maxConcurrent: 4,
    visibleMs: 3 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const { accessKeyId, secretAccessKey, sessionToken, region } = options;
    const advice = 'Look at the records of this name in the console of JD Cloud DNS.';
    const api = createDnsApi({ world, http, provider, judge, advice });
    const credentials = fixedKeys({ id: accessKeyId, secret: secretAccessKey, token: sessionToken });
    const base = `${(options.endpoint ?? 'https://domainservice.jdcloud-api.com').replace(/\/+$/, '')}/v2/regions/${region}/domain`;
    const zones = createZoneCache(findZone);

    interface Call<T> {
      readonly method?: ApiRequest['method'];
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: Fields;
      readonly about: string;
      read(body: Fields): T;
    }

    const call = <T>({ method = 'GET', path, query, body, about, read }: Call<T>, signal: AbortSignal): Promise<T> =>
      callWithKeys(api, {
        credentials,
        what: `${method} /domain${path}`,
        about,
        build: (keys) => {
          const url = new URL(`${base}${path}`);
          url.search = canonicalQuery(query ?? {});
          const text = body === undefined ? '' : JSON.stringify(body);
          const headers = { 'content-type': 'application/json' };
          const nonce = Buffer.from(world.random.bytes(16)).toString('hex');
          const place = { region, service: 'domainservice', now: world.clock.now(), nonce };
          const signed = signJdcloud({ method, url, headers, body: text, ...place }, keys);
          return { method, url: url.href, headers: signed, body: body && text };
        },
        read: (answer) => read(readFields(answer.body, 'the object')),
        readsOnly: method === 'GET',
        signal,
      });

    /** Returns all pages of a list. Its filter finds names that contain the text. */
    const list = (at: Pick<Call<unknown>, 'path' | 'query' | 'about'>, signal: AbortSignal) =>
      numberedPages(badList(provider, at.about), async (page) => {
        const query = { ...at.query, pageNumber: String(page), pageSize: String(pageSize) };
        const found = await call({ ...at, query, read: readAll }, signal);
        return { found, isLast: found.length < pageSize };
      });

    /** Returns the path of the zone's records. */
    async function findZone(zone: string, signal: AbortSignal): Promise<string> {
      const found = await list({ path: '', query: { domainName: zone }, about: zone }, signal);
      const id = found.find(({ domainName }) => domainName === zone)?.['id'];
      if (typeof id === 'number') return `/${id}/ResourceRecord`;
      throw fail('dns/refused', {
        ...{ provider, name: zone, reason: `the account has no domain ${zone}` },
        advice: 'Use the `accessKeyId` of the account that owns this domain.',
      });
    }

    /** Returns the IDs of the records with exactly this value. */
    async function find({ zone, name: about, value }: DnsValue, signal: AbortSignal): Promise<readonly number[]> {
      const host = relativeName(about, zone);
      const records = await zones.use(zone, signal, (path) => list({ path, query: { search: host }, about }, signal));
      return records
        .filter((one) => one['hostRecord'] === host && one['type'] === 'TXT' && one['hostValue'] === value)
        .map((one) => readId(one));
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const { zone, name: about, ttl } = value;
        const [existing] = await find(value, signal);
        if (existing !== undefined) return String(existing);
        // View -1 applies to everyone.
        const req = { hostRecord: relativeName(about, zone), hostValue: value.value, type: 'TXT', ttl, viewValue: -1 };
        try {
          await zones.use(zone, signal, (path) =>
            call({ method: 'POST', path, body: { req }, about, read: () => {} }, signal),
          );
        } catch (error) {
          // Another process may have been faster. The documentation lists no code for that.
          if (refusalOf(error)?.status !== 400 || (await find(value, signal)).length === 0) throw error;
        }
        return undefined;
      },
      async remove(value, _made, signal) {
        const { zone, name: about } = value;
        for (const id of await find(value, signal)) {
          try {
            await zones.use(zone, signal, (path) =>
              call({ method: 'DELETE', path: `${path}/${id}`, about, read: () => {} }, signal),
            );
          } catch (error) {
            if (refusalOf(error)?.status !== 400 || (await find(value, signal)).includes(id)) throw error;
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

/** Less than the limit of a hundred. */
const pageSize = 99;

/** Reads a list. An empty list may be omitted, but then its count is there. */
function readAll(body: Fields): readonly Fields[] {
  const result = readFields(body['result'], 'result');
  const { dataList, totalCount } = result;
  return readList((dataList === null || dataList === undefined) && totalCount === 0 ? [] : dataList, 'dataList');
}

function readId(record: Fields): number {
  if (typeof record['id'] === 'number') return record['id'];
  throw fail('dns/bad-answer', { provider, reason: 'a record has no ID' });
}

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const { error, requestId } = body;
  if (!isFields(error)) return judgeByStatus(answer);
  const reason = String(error['message'] ?? '');
  const words = {
    ...{ reason, code: String(error['status'] ?? error['code']) },
    ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }),
    isClockSkew: /expired|x-jdcloud-date|timestamp/i.test(reason),
  };
  // An error may come with status 200.
  const inside = Number(error['code']);
  const status = answer.status >= 400 ? answer.status : inside >= 400 && inside < 600 ? inside : 400;
  const verdict = judgeByStatus({ ...answer, status }, words);
  const advice = verdict.kind === 'refused' ? adviceOn(status) : undefined;
  return verdict.kind === 'refused' && advice !== undefined ? { ...verdict, advice } : verdict;
}

function adviceOn(status: number): string | undefined {
  if (status === 401) return 'Check `accessKeyId` and `secretAccessKey`: JD Cloud does not take this signature.';
  if (status === 403)
    return 'Give the sub-user of `accessKeyId` the actions domainservice:describe* and domainservice:*ResourceRecord at https://iam-console.jdcloud.com.';
  return undefined;
}
