import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest } from '../clients/http/dns-rest.ts';
import { type ApiAnswer, judgeByStatus, readFields, readList, UnreadableAnswer } from '../clients/http/json-api.ts';
import { type Page, readPages } from '../clients/http/pages.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const title = 'deSEC';

export default defineDnsProvider({
  id: 'desec',
  title,
  homepage: 'https://desec.io',
  apiDocs: 'https://desec.readthedocs.io/en/latest/dns/rrsets.html',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    token: secret('API token', { aliases: ['DESEC_TOKEN', 'DEDYN_TOKEN', 'dns_desec_token'] }),
    credentials: credentialsFile(['dns_desec_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://desec.io/api/v1'),
  }),
  notes: `Create a token at <https://desec.io/tokens>. A token policy can limit it: domain \`example.com\`, subname
\`_acme-challenge\`, type \`TXT\`, write permission; one policy for each name, and a default policy without it.

deSEC allows 15 writes a minute and 300 a day in a domain. All names of a domain that are wanted at the same time share
one write.`,
  traits: {
    // A write replaces sets, and cannot have a condition.
    writes: 'zone',
    // A domain's `minimum_ttl`. An account may have a lower one.
    minTtl: 3600,
    maxConcurrent: 2,
    // The limit in one domain. Others are 2 per second, 100 per hour and 300 per day; above them, the API returns 429.
    perMinute: 15,
    // Enough for several writes at the limit.
    cleanupBudgetMs: 180_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider: title, secrets: [options.token], advice: adviceFor },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://desec.io/api/v1').replace(/\/+$/, '')}/domains`,
      headers: () => ({ authorization: `Token ${options.token.reveal()}` }),
      judge: (answer) => judgeByStatus(answer, { reason: reasonIn(answer) }),
    });

    return {
      kind: 'sets',

      async read(zone, names, signal) {
        // Reads one list for all names, since reads are limited, too.
        const only = names.length === 1 ? { subname: relativeName(names[0]!, zone, '') } : {};
        const sets = new Map<string, TxtSet>();
        const about = names[0] ?? zone;
        const all = await readPages(badList(title, about), '', (cursor) => {
          const query = new URLSearchParams({ type: 'TXT', ...only, cursor });
          return rest.call({ zone, about, path: `/${zone}/rrsets/?${query}`, read: readPage }, signal);
        });
        for (const [host, set] of all) {
          const name = host === '' ? zone : `${host}.${zone}`;
          if (names.includes(name)) sets.set(name, set);
        }
        return sets;
      },

      // Makes all changes or none.
      write: (zone, changes, signal) =>
        rest.call(
          {
            ...{ zone, about: changes[0]?.name ?? zone, method: 'PATCH', path: `/${zone}/rrsets/` },
            body: changes.map((change) => toRrset(change, zone)),
            // A write states the wanted sets, and is made under a lock.
            isRepeatable: true,
            read: () => undefined,
          },
          signal,
        ),

      check: (zone, signal) =>
        rest.call({ zone, path: `/${zone}/`, read: ({ body }) => void readFields(body, 'the domain') }, signal),

      close: () => http.close(),
    };
  },
});

function adviceFor(status: number | undefined, zone: string): string {
  if (status === 401) return 'Check `token`: deSEC does not accept it. Tokens are made at https://desec.io/tokens.';
  if (status === 403)
    return `Give \`token\` a policy that lets it write TXT records at this name in ${zone}, at https://desec.io/tokens.`;
  if (status === 404)
    return `The account has no domain ${zone}: add it at https://desec.io/domains, or use the token of another account.`;
  return `Look at the domain ${zone} at https://desec.io/domains.`;
}

/** Returns the reason. Errors of a list come as a list, with empty objects for the valid parts. */
function reasonIn({ body }: ApiAnswer): string {
  const parts: readonly unknown[] = Array.isArray(body) ? body : [body];
  const errors = parts.filter(isFields).flatMap((part) => Object.entries(part));
  return errors
    .map(([field, said]) => {
      const words = [said]
        .flat()
        .filter((one) => typeof one === 'string')
        .join(' ');
      return field === 'detail' || field === 'non_field_errors' ? words : `${field}: ${words}`;
    })
    .join('; ');
}

/** Reads sets by subname. */
function readPage({ body, headers }: ApiAnswer): Page<readonly [string, TxtSet], string> {
  const url = /<([^>]*)>;\s*rel="?next"?/.exec(headers['link'] ?? '')?.[1];
  return {
    found: readList(body, 'the list of record sets').map((rrset) => [String(rrset['subname'] ?? ''), toSet(rrset)]),
    next: url === undefined ? undefined : (new URL(url, 'https://desec.io').searchParams.get('cursor') ?? undefined),
  };
}

function toSet({ records, ttl }: Fields): TxtSet {
  if (!Array.isArray(records)) throw new UnreadableAnswer('the records are missing in its answer');
  return {
    values: records.map((one) => fromTxtContent(String(one))),
    ttl: typeof ttl === 'number' ? ttl : undefined,
  };
}

const toRrset = ({ name, after, ttl }: SetChange, zone: string): object => ({
  ...{ subname: relativeName(name, zone, ''), type: 'TXT' },
  ttl: after.length > 0 ? ttl : undefined,
  records: after.map(toTxtContent),
});
