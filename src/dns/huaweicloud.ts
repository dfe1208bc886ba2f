import { callWithKeys, fixedKeys } from '../clients/http/access-keys.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  isRefusal,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  type Verdict,
} from '../clients/http/json-api.ts';
import { readPages } from '../clients/http/pages.ts';
import { setsByName } from '../clients/http/sets-by-name.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { signHuawei } from '../clients/signatures/huawei.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail } from '../core/errors/errors.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineDnsProvider, endpoint, huaweiKeys, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'Huawei Cloud DNS';

export default defineDnsProvider({
  id: 'huaweicloud',
  title: provider,
  names: ['华为云'],
  homepage: 'https://www.huaweicloud.com/product/dns.html',
  apiDocs: 'https://support.huaweicloud.com/api-dns/dns_api_60001.html',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    ...huaweiKeys(['dns_huaweicloud_']),
    region: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d+$/, { error: 'expected a region code, like cn-north-4' })
      .default('cn-north-4')
      .meta({
        title: 'Region whose API is used; all have the same public zones',
        examples: ['ap-southeast-1'],
        aliases: ['HUAWEICLOUD_REGION', 'HW_REGION_NAME'],
      }),
    endpoint: endpoint('The API’s address, if it is not that of the region'),
  }),
  notes: `Make an access key for an IAM user at <https://console.huaweicloud.com/iam>. The user needs a policy with
\`dns:zone:list\`, \`dns:recordset:list\`, \`dns:recordset:create\`, \`dns:recordset:update\` and \`dns:recordset:delete\`; the
system policy **DNS FullAccess** has them all. Accounts of the international site need a \`region\` outside mainland China,
such as \`ap-southeast-1\`.

A set that another program changes in the same second as certfleet may lose that change: the API has no condition for it.`,
  traits: {
    // A record set is read and written as a whole, without a condition.
    writes: 'name',
    minTtl: 1,
    // The gateway limits an account to some requests per second, and then returns 429.
    maxConcurrent: 4,
    // A set is active within seconds, and at all servers within a minute or two.
    visibleMs: 2 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const { accessKeyId, secretAccessKey, securityToken, projectId } = options;
    const api = createDnsApi({
      world,
      http,
      provider,
      judge,
      advice: adviceOn,
    });
    const credentials = fixedKeys({ id: accessKeyId, secret: secretAccessKey, token: securityToken });
    const base = (options.endpoint ?? `https://dns.${options.region}.myhuaweicloud.com`).replace(/\/+$/, '');
    const turns = createTurns(mostReads);
    const zones = createZoneCache(findZone, (error) => isRefusal(error, 'DNS.0302'));

    interface Call<T> {
      readonly method?: ApiRequest['method'];
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: object | undefined;
      readonly about: string;
      read(body: Fields): T;
    }

    const call = <T>({ method = 'GET', path, query, body, about, read }: Call<T>, signal: AbortSignal): Promise<T> =>
      callWithKeys(api, {
        credentials,
        what: `${method} ${path}`,
        about,
        build: (keys) => {
          const url = new URL(`${base}${path}`);
          url.search = new URLSearchParams(query).toString();
          const text = body === undefined ? '' : JSON.stringify(body);
          const headers = {
            'content-type': 'application/json',
            ...present({ 'x-project-id': projectId }),
          };
          const signed = signHuawei({ method, url, headers, body: text, now: world.clock.now() }, keys);
          return { method, url: url.href, headers: signed, body: body && text };
        },
        read: (answer) => read(readFields(answer.body, 'the object')),
        // Creating a set twice is refused, and writing or deleting one twice has the same effect as once.
        readsOnly: method === 'GET',
        isRepeatable: true,
        signal,
      });

    /** Returns all pages of a list. */
    function list(
      field: string,
      at: Pick<Call<unknown>, 'path' | 'query' | 'about'>,
      signal: AbortSignal,
    ): Promise<readonly Fields[]> {
      return readPages(badList(provider, at.about), 0, async (offset) => {
        const query = { ...at.query, search_mode: 'equal', limit: String(pageSize), offset: String(offset) };
        const found = await call({ ...at, query, read: (body) => readList(body[field], field) }, signal);
        return { found, next: found.length < pageSize ? undefined : offset + found.length };
      });
    }

    /** Returns the path of the zone's record sets. */
    async function findZone(zone: string, signal: AbortSignal): Promise<string> {
      const query = { type: 'public', name: `${zone}.` };
      const found = (await list('zones', { path: '/v2/zones', query, about: zone }, signal)).find(
        // Older regions search for a part of the name, and in private zones, too.
        (one) => one['name'] === `${zone}.` && one['zone_type'] !== 'private',
      );
      if (typeof found?.['id'] === 'string' && /^\w+$/.test(found['id'])) return `/v2/zones/${found['id']}/recordsets`;
      throw refusal(
        zone,
        `the account has no public zone ${zone}`,
        'Give the `accessKeyId` of the account with this zone; with an account of the international site, set `region`.',
      );
    }

    const lookUp = (zone: string, about: string, signal: AbortSignal): Promise<TxtSet | undefined> =>
      turns.run(async () => {
        const query = { name: `${about}.`, type: 'TXT' };
        const all = await zones.use(zone, signal, (path) => list('recordsets', { path, query, about }, signal));
        const sets = all.filter((one) => one['name'] === `${about}.` && one['type'] === 'TXT');
        // Other sets apply only to queries from certain networks.
        const set = sets.find(({ line }) => line === undefined || line === 'default_view');
        if (!set && sets.length > 0)
          throw refusal(
            about,
            'the TXT records there are for certain lines only',
            'Remove them, or add one for all lines.',
          );
        return set && toSet(set);
      }, signal);

    async function writeSet(zone: string, change: SetChange, signal: AbortSignal): Promise<void> {
      const { name: about, before, after, ttl } = change;
      const id = before?.tag;
      if (id === undefined && after.length === 0) return;
      const method = id === undefined ? 'POST' : after.length === 0 ? 'DELETE' : 'PUT';
      const body = { name: `${about}.`, type: 'TXT', ttl, records: after.map(toTxtContent) };
      try {
        await zones.use(zone, signal, (path) =>
          call(
            {
              ...{ method, about, read: (set: Fields) => readString(set, 'id') },
              path: id === undefined ? path : `${path}/${id}`,
              body: method === 'DELETE' ? undefined : body,
            },
            signal,
          ),
        );
      } catch (error) {
        // It no longer exists, as intended.
        if (method === 'DELETE' && isRefusal(error, ...missing)) return;
        // Another program has created or deleted it, or a response was lost.
        const hasChanged = method === 'POST' ? isRefusal(error, 'DNS.0312') : isRefusal(error, ...missing);
        if (!hasChanged || (method === 'POST' && !(await isThere(zone, about, signal)))) throw error;
        throw fail(
          'dns/conflict',
          { provider, name: about, reason: refusalOf(error)?.message ?? '' },
          { cause: error },
        );
      }
    }

    /** Reports whether a set exists. A conflicting CNAME has the same code as an existing set. */
    const isThere = async (zone: string, name: string, signal: AbortSignal): Promise<boolean> =>
      (await lookUp(zone, name, signal)) !== undefined;

    return {
      kind: 'sets',
      async check(zone, signal) {
        zones.forget(zone);
        await lookUp(zone, zone, signal);
      },
      read: (zone, names, signal) => setsByName(names, (one) => lookUp(zone, one, signal)),
      async write(zone, changes, signal) {
        for (const change of changes) await writeSet(zone, change, signal);
      },
      close: () => http.close(),
    };
  },
});

const mostReads = 4;
/** The largest page. */
const pageSize = 500;
const missing = ['DNS.0004', 'DNS.0313'] as const;

const refusal = (name: string, reason: string, advice: string) =>
  fail('dns/refused', { provider, name, reason, advice });

function toSet(set: Fields): TxtSet {
  const { id, ttl, records } = set;
  const isText = (one: unknown): one is string => typeof one === 'string';
  if (
    typeof id !== 'string' ||
    !/^\w+$/.test(id) ||
    typeof ttl !== 'number' ||
    !Array.isArray(records) ||
    !records.every(isText)
  )
    throw fail('dns/bad-answer', { provider, reason: 'a record set has no id, ttl or records' });
  // The set exists until it is deleted everywhere, and a change waits for that.
  return { values: set['status'] === 'PENDING_DELETE' ? [] : records.map(fromTxtContent), ttl, tag: id };
}

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const code = [body['code'], body['error_code']].find((one) => typeof one === 'string');
  if (answer.status < 400 || typeof code !== 'string') return judgeByStatus(answer);
  const message = [body['message'], body['error_msg']].find((one) => typeof one === 'string') ?? '';
  const requestId = body['request_id'] ?? answer.headers['x-request-id'];
  const words = {
    code,
    reason: String(message),
    ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }),
  };
  if (code === 'DNS.0314') return { kind: 'busy', ...words };
  if (limits.includes(code)) return { kind: 'limited', ...words };
  // The gateway has one code for everything that is wrong with a signature, and accepts a quarter of an hour.
  const isClockSkew = answer.status === 401 && Math.abs(answer.clockAheadMs ?? 0) > longestSkewMs;
  return judgeByStatus(answer, { ...words, isClockSkew });
}

/** Codes for rate limits of the service, and of the gateway. */
const limits: readonly string[] = ['DNS.0014', 'DNS.0021', 'APIGW.0308', 'APIG.0308'];

const longestSkewMs = 10 * 60_000;

function adviceOn(status: number | undefined, code: string | undefined): string {
  if (status === 401 || code === 'APIGW.0301' || code === 'APIG.0301')
    return 'Check `accessKeyId` and `secretAccessKey`: Huawei Cloud does not take this signature.';
  if (status === 403)
    return 'Give the user of `accessKeyId` the policy DNS FullAccess, or one with dns:recordset:* and dns:zone:list, at https://console.huaweicloud.com/iam.';
  return 'Look at the records of this name in the console of Huawei Cloud DNS.';
}
