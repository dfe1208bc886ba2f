import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest, judgeWithReset, recordsProvider } from '../clients/http/dns-rest.ts';
import { readFields, readList, readString } from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

export default defineDnsProvider({
  id: 'digitalocean',
  title: 'DigitalOcean',
  homepage: 'https://www.digitalocean.com',
  apiDocs: 'https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    token: secret('API token', { aliases: ['DO_AUTH_TOKEN', 'DO_API_KEY', 'DIGITALOCEAN_TOKEN'] }),
    credentials: credentialsFile(['dns_digitalocean_']),
    endpoint: endpoint('The API’s address, if it is not https://api.digitalocean.com'),
  }),
  notes: `Create a personal access token at <https://cloud.digitalocean.com/account/api/tokens> with the custom scopes
\`domain:read\`, \`domain:create\`, \`domain:update\` and \`domain:delete\`; the last ones are needed for records, too. A token cannot be
limited to one domain.`,
  traits: {
    writes: 'value',
    minTtl: 30,
    // The limit is 250 calls per minute, and a change takes two or three.
    maxConcurrent: 8,
    perMinute: 80,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider: 'DigitalOcean', secrets: [options.token] },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://api.digitalocean.com').replace(/(\/v2)?\/*$/, '')}/v2/domains`,
      headers: () => ({ authorization: `Bearer ${options.token.reveal()}` }),
      advice(status, zone) {
        const where = 'at https://cloud.digitalocean.com/account/api/tokens';
        if (status === 401) return `Check \`token\`: DigitalOcean does not accept it. Tokens are made ${where}.`;
        if (status === 403)
          return `Give \`token\` the scopes domain:read, domain:create, domain:update and domain:delete, ${where}.`;
        return `Add the domain ${zone} at https://cloud.digitalocean.com/networking/domains, or use the token of another account.`;
      },
      judge: judgeWithReset('ratelimit-reset'),
    });
    return recordsProvider<string>(
      {
        find: (zone, signal) =>
          rest.call(
            {
              ...{ zone, path: `/${zone}` },
              read: ({ body }) =>
                readString(readFields(readFields(body, 'the answer')['domain'], 'the domain'), 'name'),
            },
            signal,
          ),
        async records(zone, { name, value }, signal) {
          const found = await numberedPages(badList('DigitalOcean', name), async (page) => {
            const query = new URLSearchParams({ type: 'TXT', name, per_page: '200', page: String(page) });
            return rest.call(
              {
                ...{ zone, about: name, path: `/${zone}/records?${query}` },
                read({ body }) {
                  const fields = readFields(body, 'the answer');
                  const pages = (fields['links'] as { pages?: { next?: unknown } } | undefined)?.pages;
                  return { found: readList(fields['domain_records'], 'the list of records'), isLast: !pages?.next };
                },
              },
              signal,
            );
          });
          const host = relativeName(name, zone);
          return found
            .filter((one) => one['type'] === 'TXT' && one['name'] === host && one['data'] === value)
            .map((one) => String(one['id']));
        },
        async add(zone, { name, value, ttl }, signal) {
          const body = { type: 'TXT', name: relativeName(name, zone), data: value, ttl };
          const path = `/${zone}/records`;
          await rest.call({ zone, about: name, method: 'POST', path, body, read: () => undefined }, signal);
        },
        async remove(zone, record, { name }, signal) {
          const path = `/${zone}/records/${record}`;
          await rest.call({ zone, about: name, method: 'DELETE', path, read: () => undefined }, signal);
        },
      },
      http,
    );
  },
});
