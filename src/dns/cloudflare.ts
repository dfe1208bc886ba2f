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
import { numberedPages } from '../clients/http/pages.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { fail } from '../core/errors/errors.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'Cloudflare';

const tokenPage = 'https://dash.cloudflare.com/profile/api-tokens';

/** Cloudflare refuses a second record with the same name, type and content. */
const duplicate = ['81057', '81058'] as const;

export default defineDnsProvider({
  id: 'cloudflare',
  title: provider,
  homepage: 'https://www.cloudflare.com/dns/',
  apiDocs: 'https://developers.cloudflare.com/api/resources/dns/subresources/records/',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    token: secret('API token', {
      aliases: [
        ...['CF_DNS_API_TOKEN', 'CLOUDFLARE_DNS_API_TOKEN', 'CLOUDFLARE_API_TOKEN', 'CF_Token'],
        'dns_cloudflare_api_token',
      ],
    }).optional(),
    zoneToken: secret('Another API token, with which the zone is found', {
      aliases: ['CF_ZONE_API_TOKEN', 'CLOUDFLARE_ZONE_API_TOKEN'],
    }).optional(),
    email: z
      .string()
      .min(1)
      .optional()
      .meta({
        title: 'Email address of the account, if there is no token',
        examples: ['ops@example.com'],
        aliases: ['CF_API_EMAIL', 'CLOUDFLARE_EMAIL', 'CF_Email'],
      }),
    apiKey: secret('Global API key of the account, if there is no token', {
      aliases: ['CF_API_KEY', 'CLOUDFLARE_API_KEY', 'CF_Key'],
    }).optional(),
    credentials: credentialsFile(['dns_cloudflare_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.cloudflare.com/client/v4'),
  }),
  notes: `Create an API token at <${tokenPage}> with the permissions **Zone → DNS → Edit** and
**Zone → Zone → Read**, limited to the zones that need certificates. \`zoneToken\` can have the second permission alone,
so that \`token\` needs only the first.

\`email\` and \`apiKey\` (the Global API Key) work too, but may change everything in the account.`,
  traits: {
    // Records are separate objects, and Cloudflare itself refuses duplicates.
    writes: 'value',
    // The minimum outside the Enterprise plan is 60 s.
    minTtl: 60,
    // The limit is 1,200 calls in 5 minutes, and a change takes two or three.
    maxConcurrent: 8,
    perMinute: 100,
    // All servers have a change within seconds.
    visibleMs: 60_000,
  },
  connect({ name, options, world }) {
    const { token, email, apiKey, zoneToken } = options;
    if (token === undefined && (email === undefined || apiKey === undefined))
      throw fail('config/credential-missing', {
        what: name,
        credential: 'the credential "token" (CERTFLEET_CLOUDFLARE_TOKEN), or "email" and "apiKey"',
      });
    const http = world.http();
    const base = (options.endpoint ?? 'https://api.cloudflare.com/client/v4').replace(/\/+$/, '');
    const secrets = [token, zoneToken, apiKey].filter((one) => one !== undefined);
    const given = token === undefined ? '`email` and `apiKey`' : '`token`';
    const zoneGiven = token !== undefined && zoneToken !== undefined ? '`zoneToken`' : given;

    /** @param as the token to use */
    const headers = (as = token): Record<string, string> =>
      as === undefined
        ? { 'x-auth-email': email!, 'x-auth-key': apiKey!.reveal() }
        : { authorization: `Bearer ${as.reveal()}` };

    interface Call<T> {
      readonly what: string;
      readonly method: ApiRequest['method'];
      readonly path: string;
      readonly as?: typeof token;
      readonly body?: Fields;
      /** What to do if the credentials lack permissions. */
      readonly advice: string;
      read(body: Fields): T;
    }

    const call = <T>(
      { what, method, path, body, as, advice, read }: Call<T>,
      about: string,
      signal: AbortSignal,
    ): Promise<T> =>
      createDnsApi({ world, http, provider, advice, judge, endpoint: options.endpoint }).call({
        what,
        about,
        signal,
        secrets,
        readsOnly: method === 'GET',
        build: () => ({
          method,
          url: `${base}${path}`,
          headers: { ...headers(as), ...present({ 'content-type': body && 'application/json' }) },
          body: body && JSON.stringify(body),
        }),
        read: (answer) => read(readFields(answer.body, 'the object')),
      });

    /** The IDs of zones by exact name. A token sees only the zones that it may use. */
    const zoneIds = createZoneCache(async (zone, signal) => {
      const found = await call(
        {
          what: 'the search for the zone',
          method: 'GET',
          path: `/zones?${new URLSearchParams({ name: zone, per_page: '50' })}`,
          as: zoneToken ?? token,
          advice: `Check ${zoneGiven}: Cloudflare does not accept it, or it lacks the permission Zone → Zone → Read. Tokens are made at ${tokenPage}.`,
          read: (body) => readList(body['result'], 'the list of zones', 'id').filter((one) => one['name'] === zone),
        },
        zone,
        signal,
      );
      // The same name can be pending in another account.
      const best = found.find((one) => one['status'] === 'active') ?? found[0];
      if (best !== undefined) return readString(best, 'id');
      throw fail('dns/refused', {
        provider,
        name: zone,
        reason: `${zoneGiven} has no access to a zone ${zone}`,
        advice: `Check that ${zone} is in this Cloudflare account, and add it to the zones of ${zoneGiven} at ${tokenPage}.`,
      });
    });

    /** Returns the IDs of the records with exactly this name and value. */
    async function find(value: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const { zone, name: at } = value;
      const path = `/zones/${await zoneIds.get(zone, signal)}/dns_records`;
      const records = await numberedPages(badList(provider, at), (page) => {
        const query = new URLSearchParams({ type: 'TXT', 'name.exact': at, per_page: '100', page: String(page) });
        return call(
          {
            what: 'the list of records',
            method: 'GET',
            path: `${path}?${query}`,
            advice: `Give ${given} the permission Zone → DNS → Edit for ${zone}: it may not even read the records.`,
            read: (body) => ({
              found: readList(body['result'], 'the list of records', 'id'),
              // Not `page >= pages`, so that a response without the number ends the list, too.
              isLast: !(page < Number(readFields(body['result_info'], 'result_info')['total_pages'])),
            }),
          },
          at,
          signal,
        );
      });
      return records.filter((record) => isValue(record, value)).map((record) => readString(record, 'id'));
    }

    const cannotEdit = (zone: string) => `Give ${given} the permission Zone → DNS → Edit for ${zone} at ${tokenPage}.`;

    return {
      kind: 'values',
      async append(value, signal) {
        const { zone, name: at } = value;
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        try {
          return await call(
            {
              what: 'the new record',
              method: 'POST',
              path: `/zones/${await zoneIds.get(zone, signal)}/dns_records`,
              body: { type: 'TXT', name: at, content: toTxtContent(value.value), ttl: value.ttl },
              advice: cannotEdit(zone),
              read: (body) => readString(readFields(body['result'], 'the record'), 'id'),
            },
            at,
            signal,
          );
        } catch (error) {
          if (isRefusal(error, ...duplicate)) return undefined;
          throw error;
        }
      },
      async remove(value, _made, signal) {
        const { zone, name: at } = value;
        for (const id of await find(value, signal)) {
          const path = `/zones/${await zoneIds.get(zone, signal)}/dns_records/${id}`;
          try {
            await call(
              { what: 'the removal', method: 'DELETE', path, advice: cannotEdit(zone), read: () => undefined },
              at,
              signal,
            );
          } catch (error) {
            // Another process was faster.
            if (refusalOf(error)?.status !== 404) throw error;
          }
        }
      },
      async check(zone, signal) {
        zoneIds.forget(zone);
        await find({ zone, name: zone, value: '', ttl: 60 }, signal);
      },
      close: () => http.close(),
    };
  },
});

/** Reports whether a record has this value. Contents are quoted, except in records that an older API made. */
const isValue = (record: Fields, { name, value }: DnsValue): boolean =>
  record['type'] === 'TXT' &&
  record['name'] === name &&
  typeof record['content'] === 'string' &&
  fromTxtContent(record['content']) === value;

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const [error] = Array.isArray(body['errors']) ? body['errors'].filter(isFields) : [];
  const [inner] = Array.isArray(error?.['error_chain']) ? error['error_chain'].filter(isFields) : [];
  if (error === undefined) return judgeByStatus(answer);
  const reason = [error, inner].flatMap((one) => one?.['message'] ?? []).join(': ');
  const words = { code: String(error['code']), reason };
  const verdict = judgeByStatus(answer, words);
  return verdict.kind === 'fine' && body['success'] !== true ? { kind: 'failed', ...words } : verdict;
}
