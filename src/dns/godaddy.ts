import { createDnsRest } from '../clients/http/dns-rest.ts';
import {
  type ApiAnswer,
  isRefusal,
  judgeByStatus,
  readList,
  refusalOf,
  type Verdict,
} from '../clients/http/json-api.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'GoDaddy';
const keyPage = 'https://developer.godaddy.com/keys';

export default defineDnsProvider({
  id: 'godaddy',
  title: provider,
  homepage: 'https://www.godaddy.com',
  apiDocs: 'https://developer.godaddy.com/doc/endpoint/domains',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    key: secret('API key', { aliases: ['GODADDY_API_KEY', 'GD_Key'] }),
    secret: secret('Secret of the API key', { aliases: ['GODADDY_API_SECRET', 'GD_Secret'] }),
    credentials: credentialsFile(['dns_godaddy_']),
    endpoint: endpoint('The API’s address, if it is not https://api.godaddy.com'),
  }),
  notes: `Make a key for **Production** at <${keyPage}>. A key may do everything in the account; there are none with fewer rights.

GoDaddy opens the API only to accounts with several domains (10, when this was written) or a Discount Domain Club plan; all
others get "Authenticated user is not allowed access".`,
  traits: {
    // The whole set of a name is replaced.
    writes: 'name',
    minTtl: 600,
    // The limit is 60 calls per minute for each method and path. The rest is left for other programs.
    maxConcurrent: 4,
    perMinute: 50,
    visibleMs: 2 * 60_000,
    // At this rate, many values take longer than usual to remove.
    cleanupBudgetMs: 2 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider, judge, advice: adviceOn },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://api.godaddy.com').replace(/\/+$/, '')}/v1/domains`,
      headers: () => ({ authorization: `sso-key ${options.key.reveal()}:${options.secret.reveal()}` }),
      secrets: [options.key, options.secret],
    });
    const recordsOf = (zone: string) => `/${encodeURIComponent(zone)}/records`;
    const setAt = (zone: string, name: string) =>
      `${recordsOf(zone)}/TXT/${encodeURIComponent(relativeName(name, zone))}`;

    const readAt = (zone: string, name: string, signal: AbortSignal): Promise<TxtSet | undefined> =>
      rest.call(
        {
          ...{ zone, about: name, path: setAt(zone, name) },
          read({ body }) {
            const records = readList(body, 'the list of records').filter((one) => one['type'] === 'TXT');
            if (records.length === 0) return undefined;
            const ttl = Number(records[0]!['ttl']);
            return {
              values: records.map((one) => String(one['data'])),
              ...present({ ttl: Number.isInteger(ttl) && ttl >= 600 ? ttl : undefined }),
            };
          },
        },
        signal,
      );

    async function writeAt(zone: string, change: SetChange, signal: AbortSignal): Promise<void> {
      const { name, before, after, ttl } = change;
      const kept = (before?.values ?? []).every((one) => after.includes(one));
      const common = { zone, about: name, path: setAt(zone, name), read: () => undefined };
      if (after.length === 0)
        return rest.call({ ...common, method: 'DELETE' }, signal).catch((error: unknown) => {
          // The set no longer exists.
          if (refusalOf(error)?.status !== 404) throw error;
        });
      if (!kept) {
        const body = after.map((data) => ({ data, ttl }));
        return rest.call({ ...common, method: 'PUT', body }, signal);
      }
      // Adding does not affect what another program adds at the same time.
      const body = after
        .filter((one) => !before?.values.includes(one))
        .map((data) => ({ type: 'TXT', name: relativeName(name, zone), data, ttl }));
      try {
        await rest.call({ ...common, method: 'PATCH', path: recordsOf(zone), body }, signal);
      } catch (error) {
        if (!isRefusal(error, 'DUPLICATE_RECORD')) throw error;
        throw fail('dns/conflict', { provider, name, reason: 'one of the values already exists' }, { cause: error });
      }
    }

    return {
      kind: 'sets',
      async read(zone, names, signal) {
        const sets = new Map<string, TxtSet>();
        for (const name of names) {
          const set = await readAt(zone, name, signal);
          if (set !== undefined) sets.set(name, set);
        }
        return sets;
      },
      async write(zone, changes, signal) {
        for (const change of changes) await writeAt(zone, change, signal);
      },
      async check(zone, signal) {
        await readAt(zone, zone, signal);
      },
      close: () => http.close(),
    };
  },
});

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const code = typeof body['code'] === 'string' ? body['code'] : undefined;
  const verdict = judgeByStatus(answer, code === undefined ? {} : { code });
  const seconds = body['retryAfterSec'];
  if (verdict.kind === 'limited' && typeof seconds === 'number') return { ...verdict, retryAfterMs: seconds * 1000 };
  return verdict;
}

function adviceOn(status: number | undefined, zone: string): string {
  if (status === 401)
    return `Check \`key\` and \`secret\`: GoDaddy does not know them. Keys are made at ${keyPage}; one for OTE is of no use here.`;
  if (status === 403)
    return 'The account of `key` may not use the API: GoDaddy opens it to accounts with 10 domains or a Discount Domain Club plan. Move the zone to another DNS service, or delegate the challenges with a CNAME.';
  if (status === 404)
    return `Check that ${zone} is a domain of the account of \`key\`, and that it uses the name servers of GoDaddy.`;
  return `Check the records of ${zone} at https://dcc.godaddy.com/manage/${zone}/dns.`;
}
