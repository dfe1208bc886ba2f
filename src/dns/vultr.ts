import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest, recordsProvider } from '../clients/http/dns-rest.ts';
import { readFields, readList, readString } from '../clients/http/json-api.ts';
import { type Page, readPages } from '../clients/http/pages.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

export default defineDnsProvider({
  id: 'vultr',
  title: 'Vultr',
  homepage: 'https://www.vultr.com',
  apiDocs: 'https://www.vultr.com/api/#tag/dns',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    apiKey: secret('API key', { aliases: ['VULTR_API_KEY', 'dns_vultr_key'] }),
    credentials: credentialsFile(['dns_vultr_']),
    endpoint: endpoint('The API’s address, if it is not https://api.vultr.com'),
  }),
  notes: `Switch on the API at <https://my.vultr.com/settings/#settingsapi>, and add the address of this machine to the list of allowed ones
(Access Control). A key may change everything in the account; that of a sub-user with **Manage DNS** alone may not.`,
  traits: {
    writes: 'value',
    minTtl: 120,
    // The limit is 30 calls per second, and a change takes two.
    maxConcurrent: 8,
    perMinute: 600,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider: 'Vultr', secrets: [options.apiKey] },
      endpoint: options.endpoint,
      base: `${(options.endpoint ?? 'https://api.vultr.com').replace(/(\/v2)?\/*$/, '')}/v2/domains`,
      headers: () => ({ authorization: `Bearer ${options.apiKey.reveal()}` }),
      advice(status, zone) {
        const where = 'https://my.vultr.com/settings/#settingsapi';
        if (status === 401) return `Check \`apiKey\`, and that this machine’s address is allowed there, at ${where}.`;
        if (status === 403) return `Use an \`apiKey\` of a user who may manage DNS, at ${where}.`;
        return `Add the domain ${zone} at https://my.vultr.com/dns/, or use the key of the account that has it.`;
      },
    });
    return recordsProvider<string>(
      {
        find: (zone, signal) =>
          rest.call(
            {
              ...{ zone, path: `/${zone}` },
              read: ({ body }) =>
                readString(readFields(readFields(body, 'the answer')['domain'], 'the domain'), 'domain'),
            },
            signal,
          ),
        async records(zone, { name, value }, signal) {
          const all = await readPages(badList('Vultr', name), '', (cursor) => {
            const query = new URLSearchParams({
              per_page: '500',
              ...present({ cursor: cursor === '' ? undefined : cursor }),
            });
            return rest.call({ zone, about: name, path: `/${zone}/records?${query}`, read: readPage }, signal);
          });
          const host = relativeName(name, zone, '');
          return all
            .filter((one) => one['type'] === 'TXT' && one['name'] === host)
            .filter(({ data }) => fromTxtContent(String(data)) === value)
            .map((one) => String(one['id']));
        },
        async add(zone, { name, value, ttl }, signal) {
          const body = { type: 'TXT', name: relativeName(name, zone, ''), data: toTxtContent(value), ttl };
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

function readPage({ body }: { readonly body: unknown }): Page<Fields, string> {
  const fields = readFields(body, 'the answer');
  const links = (fields['meta'] as { readonly links?: { readonly next?: unknown } } | undefined)?.links;
  // Empty on the last page.
  const next = typeof links?.next === 'string' && links.next !== '' ? links.next : undefined;
  return { found: readList(fields['records'], 'the list of records'), next };
}
