import { createDnsRest, recordsProvider } from '../clients/http/dns-rest.ts';
import { readList } from '../clients/http/json-api.ts';
import { Secret } from '../core/errors/secret.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

export default defineDnsProvider({
  id: 'luadns',
  title: 'LuaDNS',
  homepage: 'https://www.luadns.com',
  apiDocs: 'https://www.luadns.com/api.html',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    email: z
      .string()
      .min(1)
      .meta({
        title: 'Email address of the account',
        examples: ['ops@example.com'],
        aliases: ['LUADNS_API_USERNAME', 'LUA_Email'],
      }),
    token: secret('API token', { aliases: ['LUADNS_API_TOKEN', 'LUA_Key'] }),
    credentials: credentialsFile(['dns_luadns_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.luadns.com/v1'),
  }),
  notes: `Create a token at <https://api.luadns.com/settings>, and switch on the API there. A token can be limited to some zones.`,
  traits: {
    writes: 'value',
    // The minimum in the free plan.
    minTtl: 300,
    // The limit is 1,200 calls in 5 minutes, and a change takes two.
    maxConcurrent: 4,
    perMinute: 100,
  },
  connect({ options, world }) {
    const http = world.http();
    const login = new Secret(Buffer.from(`${options.email}:${options.token.reveal()}`).toString('base64'));
    const rest = createDnsRest({
      ...{ world, http, provider: 'LuaDNS', secrets: [options.token, login] },
      endpoint: options.endpoint,
      base: options.endpoint ?? 'https://api.luadns.com/v1',
      headers: () => ({ authorization: `Basic ${login.reveal()}` }),
      advice(status, zone) {
        if (status === 401)
          return 'Check `email` and `token`, and that the API is on, at https://api.luadns.com/settings.';
        if (status === 403) return `Give \`token\` the right to change ${zone}, at https://api.luadns.com/settings.`;
        return `Add the zone ${zone} to the account of \`email\` at https://api.luadns.com, or use the account that has it.`;
      },
    });
    return recordsProvider<number>(
      {
        async find(zone, signal) {
          const list = await rest.call(
            { zone, path: '/zones', read: ({ body }) => readList(body, 'the list of zones') },
            signal,
          );
          const id = list.find((one) => one['name'] === zone)?.['id'];
          if (typeof id !== 'number') throw rest.lacks(zone);
          return id;
        },
        async records(id, { zone, name, value }, signal) {
          const read = ({ body }: { readonly body: unknown }) => readList(body, 'the list of records');
          const list = await rest.call({ zone, about: name, path: `/zones/${id}/records`, read }, signal);
          return list
            .filter((one) => one['type'] === 'TXT' && one['name'] === `${name}.` && one['content'] === value)
            .map((one) => String(one['id']));
        },
        async add(id, { zone, name, value, ttl }, signal) {
          const body = { name: `${name}.`, type: 'TXT', content: value, ttl };
          const path = `/zones/${id}/records`;
          await rest.call({ zone, about: name, method: 'POST', path, body, read: () => undefined }, signal);
        },
        async remove(id, record, { zone, name }, signal) {
          const path = `/zones/${id}/records/${record}`;
          await rest.call({ zone, about: name, method: 'DELETE', path, read: () => undefined }, signal);
        },
      },
      http,
    );
  },
});
