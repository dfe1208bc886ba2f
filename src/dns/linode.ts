import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest, recordsProvider } from '../clients/http/dns-rest.ts';
import { readFields, readList } from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

const provider = 'Linode';

export default defineDnsProvider({
  id: 'linode',
  title: 'Linode (Akamai)',
  homepage: 'https://www.linode.com/products/dns-manager/',
  apiDocs: 'https://techdocs.akamai.com/linode-api/reference/post-domain-record',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    token: secret('Personal access token', { aliases: ['LINODE_TOKEN', 'LINODE_V4_API_KEY', 'dns_linode_key'] }),
    credentials: credentialsFile(['dns_linode_']),
    endpoint: endpoint('The API’s address, if it is not https://api.linode.com'),
  }),
  notes: `Create a token at <https://cloud.linode.com/profile/tokens> with **Domains: Read/Write** and no other access. It may change every
domain of the account.

Linode’s servers get a new record some minutes after it was made.`,
  traits: {
    writes: 'value',
    // Values other than 30, 120, 300, 3600… are rounded up. Values below 300 are not available for all domains.
    minTtl: 300,
    // The limit is 1,600 calls in two minutes, but 200 per minute for lists, and a change takes two calls.
    maxConcurrent: 4,
    perMinute: 100,
    // Zones used to be published every quarter of an hour.
    visibleMs: 20 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider, secrets: [options.token] },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://api.linode.com').replace(/(\/v4)?\/*$/, '')}/v4/domains`,
      headers: () => ({ authorization: `Bearer ${options.token.reveal()}` }),
      advice(status, zone) {
        const where = 'at https://cloud.linode.com/profile/tokens';
        if (status === 401) return `Check \`token\`: Linode does not accept it. Tokens are made ${where}.`;
        if (status === 403) return `Use a \`token\` with Domains: Read/Write, ${where}.`;
        return `Add the domain ${zone} at https://cloud.linode.com/domains, or use the token of the account that has it.`;
      },
    });
    /** Returns all pages of a list. The largest page has 500. */
    const list = (
      about: { readonly zone: string; readonly name: string },
      path: string,
      filter: object,
      signal: AbortSignal,
    ) =>
      numberedPages(badList(provider, about.name), (page) =>
        rest.call(
          {
            ...{ zone: about.zone, about: about.name, path: `${path}?page=${page}&page_size=500` },
            headers: { 'x-filter': JSON.stringify(filter) },
            read({ body }) {
              const fields = readFields(body, 'the answer');
              return { found: readList(fields['data'], 'the list'), isLast: page >= Number(fields['pages'] ?? 1) };
            },
          },
          signal,
        ),
      );
    return recordsProvider<string>(
      {
        async find(zone, signal) {
          const found = await list({ zone, name: zone }, '', { domain: zone }, signal);
          const own = found.find((one) => one['domain'] === zone);
          if (own === undefined) throw rest.lacks(zone);
          if (own['type'] === 'slave')
            throw fail('dns/refused', {
              ...{ provider, name: zone },
              reason: `the domain ${zone} is a secondary there: a copy from another server`,
              advice: 'Use the provider of the domain’s primary server.',
            });
          return String(own['id']);
        },
        async records(id, { zone, name, value }, signal) {
          const found = await list({ zone, name }, `/${id}/records`, {}, signal);
          const host = relativeName(name, zone, '');
          return found
            .filter((one) => one['type'] === 'TXT' && one['name'] === host && one['target'] === value)
            .map((one) => String(one['id']));
        },
        async add(id, { zone, name, value, ttl }, signal) {
          const body = { type: 'TXT', name: relativeName(name, zone, ''), target: value, ttl_sec: ttl };
          const path = `/${id}/records`;
          await rest.call({ zone, about: name, method: 'POST', path, body, read: () => undefined }, signal);
        },
        async remove(id, record, { zone, name }, signal) {
          const path = `/${id}/records/${record}`;
          await rest.call({ zone, about: name, method: 'DELETE', path, read: () => undefined }, signal);
        },
      },
      http,
    );
  },
});
