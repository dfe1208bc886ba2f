import { callWithKeys, fixedKeys } from '../clients/http/access-keys.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  type Verdict,
} from '../clients/http/json-api.ts';
import { type Page, readPages } from '../clients/http/pages.ts';
import { canonicalQuery } from '../clients/http/query.ts';
import { signBaidu } from '../clients/signatures/baidu.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'Baidu AI Cloud DNS';

export default defineDnsProvider({
  id: 'baiducloud',
  title: provider,
  names: ['百度智能云'],
  homepage: 'https://cloud.baidu.com/product/dns.html',
  apiDocs: 'https://cloud.baidu.com/doc/DNS/s/El4s7lssr',
  since: '0.1.0',
  tested: 'documents only',
  options: z.strictObject({
    accessKeyId: secret('Access Key ID', { aliases: ['BAIDUCLOUD_ACCESS_KEY_ID'] }),
    secretAccessKey: secret('Secret Access Key', { aliases: ['BAIDUCLOUD_SECRET_ACCESS_KEY'] }),
    sessionToken: secret('Session token, if the keys are temporary', {
      aliases: ['BAIDUCLOUD_SESSION_TOKEN'],
    }).optional(),
    credentials: credentialsFile(['dns_baiducloud_']),
    endpoint: endpoint('The API’s address, if it is not https://dns.baidubce.com'),
  }),
  notes: `Make an access key for a sub-user at <https://console.bce.baidu.com/iam/#/iam/accesslist>. The sub-user needs the policy
**DNSFullControlAccessPolicy**.`,
  traits: {
    // Records are separate objects.
    writes: 'value',
    // The basic edition's default, which every edition accepts.
    minTtl: 300,
    maxConcurrent: 4,
    visibleMs: 3 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const { accessKeyId, secretAccessKey, sessionToken } = options;
    const apiOf = (zone: string) =>
      createDnsApi({ world, http, provider, judge, advice: (status, code) => adviceOn(status, code, zone) });
    const credentials = fixedKeys({ id: accessKeyId, secret: secretAccessKey, token: sessionToken });
    const base = (options.endpoint ?? 'https://dns.baidubce.com').replace(/\/+$/, '');

    interface Call<T> {
      readonly method?: ApiRequest['method'];
      readonly zone: string;
      /** The ID of a record in the zone. */
      readonly id?: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: Fields;
      readonly about: string;
      read(body: unknown): T;
    }

    const call = <T>(
      { method = 'GET', zone, id, query, body, about, read }: Call<T>,
      signal: AbortSignal,
    ): Promise<T> =>
      callWithKeys(apiOf(zone), {
        credentials,
        what: `${method} record`,
        about,
        build: (keys) => {
          const url = new URL(`${base}/v1/dns/zone/${zone}/record${id === undefined ? '' : `/${id}`}`);
          url.search = canonicalQuery(query ?? {});
          const headers = { 'content-type': 'application/json; charset=utf-8' };
          const signed = signBaidu({ method, url, headers, now: world.clock.now() }, keys);
          return {
            ...{ method, url: url.href, headers: signed },
            body: body && JSON.stringify(body),
          };
        },
        read: (answer) => read(answer.body),
        readsOnly: method === 'GET',
        signal,
      });

    /** Returns a token for a write, which makes the service carry the write out only once. */
    const clientToken = () => ({ clientToken: Buffer.from(world.random.bytes(16)).toString('hex') });

    /** Returns the IDs of the records with exactly this value. */
    async function find({ zone, name: about, value }: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const rr = relativeName(about, zone);
      const all = await readPages(badList(provider, about), '', (marker) => {
        const query = { rr, maxKeys: '1000', ...present({ marker: marker === '' ? undefined : marker }) };
        return call({ zone, query, about, read: readPage }, signal);
      });
      // The documentation does not say that the filter is exact.
      const ours = all.filter((one) => one['rr'] === rr && one['type'] === 'TXT' && one['value'] === value);
      return ours.map((one) => readString(one, 'id'));
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const { zone, name: about, ttl } = value;
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        const body = { rr: relativeName(about, zone), type: 'TXT', value: value.value, ttl, line: 'default' };
        try {
          await call({ method: 'POST', zone, query: clientToken(), body, about, read: () => {} }, signal);
        } catch (error) {
          // Another process may have been faster. The documentation lists no code for that.
          const { status } = refusalOf(error) ?? {};
          if ((status !== 400 && status !== 409) || (await find(value, signal)).length === 0) throw error;
        }
        return undefined;
      },
      async remove(value, _made, signal) {
        const { zone, name: about } = value;
        for (const id of await find(value, signal)) {
          try {
            await call({ method: 'DELETE', zone, id, query: clientToken(), about, read: () => {} }, signal);
          } catch (error) {
            // Another process was faster.
            if (refusalOf(error)?.status !== 404) throw error;
          }
        }
      },
      async check(zone, signal) {
        await find({ zone, name: zone, value: '', ttl: 300 }, signal);
      },
      close: () => http.close(),
    };
  },
});

function readPage(body: unknown): Page<Fields, string> {
  const { records, isTruncated, nextMarker } = readFields(body, 'the object');
  const isMore = isTruncated === true && typeof nextMarker === 'string' && nextMarker !== '';
  return { found: readList(records, 'records', 'id'), next: isMore ? nextMarker : undefined };
}

function judge(answer: ApiAnswer): Verdict {
  const { code, message, requestId } = isFields(answer.body) ? answer.body : {};
  if (answer.status < 400) return judgeByStatus(answer);
  const words = {
    ...present({
      code: typeof code === 'string' ? code : undefined,
      reason: typeof message === 'string' ? message : undefined,
      requestId: typeof requestId === 'string' ? requestId : undefined,
    }),
    isClockSkew: typeof code === 'string' && /Expired|Timestamp|DateHeader/.test(code),
  };
  if (/Limit|Throttl|TooManyRequests/.test(words.code ?? ''))
    return { kind: 'limited', reason: 'too many requests', ...words };
  return judgeByStatus(answer, words);
}

function adviceOn(status: number | undefined, code: string | undefined, zone: string): string {
  if (code === 'InvalidAccessKeyId') return 'Check `accessKeyId`: Baidu AI Cloud does not know it.';
  if (/Signature/.test(code ?? '')) return 'Check `secretAccessKey`: it does not belong to `accessKeyId`.';
  if (status === 401 || code === 'InvalidHTTPAuthHeader') return 'Check `accessKeyId` and `secretAccessKey`.';
  if (status === 403)
    return 'Give the sub-user of `accessKeyId` the policy DNSFullControlAccessPolicy at https://console.bce.baidu.com/iam.';
  if (status === 404)
    return `Give the \`accessKeyId\` of the account with the zone ${zone}, or add it to this account.`;
  return 'Look at the records of this name in the console of Baidu AI Cloud.';
}
