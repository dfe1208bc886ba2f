import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest, judgeWithReset, recordsProvider } from '../clients/http/dns-rest.ts';
import { readFields, readList } from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

const provider = 'DNSimple';

export default defineDnsProvider({
  id: 'dnsimple',
  title: provider,
  homepage: 'https://dnsimple.com',
  apiDocs: 'https://developer.dnsimple.com/v2/zones/records/',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    token: secret('API token', { aliases: ['DNSIMPLE_OAUTH_TOKEN', 'DNSimple_OAUTH_TOKEN'] }),
    account: z
      .string()
      .regex(/^\d+$/, { error: 'expected the account number, as in the URL of its pages' })
      .optional()
      .meta({ title: 'Number of the account, if the token is for a user with several', examples: ['1010'] }),
    credentials: credentialsFile(['dns_dnsimple_']),
    endpoint: endpoint('The API’s address, if it is not https://api.dnsimple.com').meta({
      examples: ['https://api.sandbox.dnsimple.com'],
      aliases: ['DNSIMPLE_BASE_URL'],
    }),
  }),
  notes: `Create an account access token under **Account → Access tokens**. A scoped token needs to read and write the records of
the zones that need certificates, and nothing else. A user access token works too, but may change everything.`,
  traits: {
    writes: 'value',
    minTtl: 60,
    // The limit is 2,400 calls per hour, and a change takes two. At this rate, the limit is used up after 20 minutes.
    maxConcurrent: 4,
    perMinute: 60,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider, secrets: [options.token] },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://api.dnsimple.com').replace(/(\/v2)?\/*$/, '')}/v2`,
      headers: () => ({ authorization: `Bearer ${options.token.reveal()}` }),
      advice(status, zone) {
        const where = 'under Account → Access tokens';
        if (status === 401) return `Check \`token\`: DNSimple does not accept it. Tokens are made ${where}.`;
        if (status === 403 || status === 402) return `Give \`token\` write access to the records of ${zone}, ${where}.`;
        return `Add the zone ${zone} to the DNSimple account, or name another one in \`account\`.`;
      },
      judge: judgeWithReset('x-ratelimit-reset'),
    });

    let known = options.account;
    /** Returns the account. A token of an account names it, while one of a user may have several. */
    async function account(zone: string, signal: AbortSignal): Promise<string> {
      if (known !== undefined) return known;
      const data = ({ body }: { readonly body: unknown }) => readFields(body, 'the answer')['data'];
      const who = await rest.call(
        { zone, path: '/whoami', read: (answer) => readFields(data(answer), 'data') },
        signal,
      );
      const own = who['account'] as { readonly id?: unknown } | null | undefined;
      if (typeof own?.id === 'number') {
        known = String(own.id);
        return known;
      }
      const all = await rest.call(
        { zone, path: '/accounts', read: (answer) => readList(data(answer), 'data') },
        signal,
      );
      const [only, ...others] = all.map(({ id }) => String(id));
      if (only === undefined || others.length > 0)
        throw fail('dns/refused', {
          ...{ provider, name: zone },
          reason: `the token is for a user with ${all.length} accounts`,
          advice: `Name the account of ${zone} in \`account\`: one of ${[only, ...others].join(', ')}.`,
        });
      known = only;
      return only;
    }

    interface Zone {
      readonly path: string;
      readonly zone: string;
    }
    return recordsProvider<Zone>(
      {
        async find(zone, signal) {
          const path = `/${await account(zone, signal)}/zones/${zone}`;
          return rest.call(
            {
              ...{ zone, path },
              read({ body }) {
                readFields(readFields(body, 'the answer')['data'], 'the zone');
                return { path: `${path}/records`, zone };
              },
            },
            signal,
          );
        },
        async records({ path, zone }, { name, value }, signal) {
          const host = relativeName(name, zone, '');
          const found = await numberedPages(badList(provider, name), (page) => {
            const query = new URLSearchParams({ type: 'TXT', name: host, per_page: '100', page: String(page) });
            return rest.call(
              {
                ...{ zone, about: name, path: `${path}?${query}` },
                read({ body }) {
                  const fields = readFields(body, 'the answer');
                  const pages = Number(readFields(fields['pagination'], 'pagination')['total_pages'] ?? 1);
                  return { found: readList(fields['data'], 'the list of records'), isLast: page >= pages };
                },
              },
              signal,
            );
          });
          return found
            .filter((one) => one['type'] === 'TXT' && one['name'] === host)
            .filter(({ content }) => content === value || content === `"${value}"`)
            .map(({ id }) => String(id));
        },
        async add({ path, zone }, { name, value, ttl }, signal) {
          const body = { type: 'TXT', name: relativeName(name, zone, ''), content: value, ttl };
          await rest.call({ zone, about: name, method: 'POST', path, body, read: () => undefined }, signal);
        },
        async remove({ path, zone }, record, { name }, signal) {
          await rest.call(
            { zone, about: name, method: 'DELETE', path: `${path}/${record}`, read: () => undefined },
            signal,
          );
        },
      },
      http,
    );
  },
});
