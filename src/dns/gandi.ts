import { createDnsRest } from '../clients/http/dns-rest.ts';
import {
  type ApiAnswer,
  judgeByStatus,
  readFields,
  readList,
  refusalOf,
  UnreadableAnswer,
} from '../clients/http/json-api.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { TxtSet } from '../ports/dns-provider.ts';

export default defineDnsProvider({
  id: 'gandi',
  title: 'Gandi LiveDNS',
  homepage: 'https://www.gandi.net',
  apiDocs: 'https://api.gandi.net/docs/livedns/',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    token: secret('Personal access token', {
      aliases: ['GANDIV5_PERSONAL_ACCESS_TOKEN', 'GANDI_LIVEDNS_TOKEN', 'dns_gandi_token'],
    }).optional(),
    apiKey: secret('API key, if there is no token (Gandi has deprecated these keys)', {
      aliases: ['GANDIV5_API_KEY', 'GANDI_LIVEDNS_KEY', 'dns_gandi_api_key'],
    }).optional(),
    credentials: credentialsFile(['dns_gandi_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.gandi.net/v5/livedns'),
  }),
  notes: `Create a personal access token at <https://admin.gandi.net/organizations/account/pat> for the organization that has the domain,
limited to the domain, with the permissions **See and renew domain names** and **Manage domain name technical
configurations**. It expires after a year at most.

Gandi’s servers may take 20 minutes until all of them have a new value.`,
  traits: {
    // A write replaces a set, and cannot have a condition.
    writes: 'name',
    minTtl: 300,
    // The limit is 1,000 calls per minute.
    maxConcurrent: 8,
    visibleMs: 1_200_000,
  },
  connect({ name: configured, options, world }) {
    const { token, apiKey } = options;
    const credential = token ?? apiKey;
    if (credential === undefined)
      throw fail('config/credential-missing', {
        what: configured,
        credential: 'the credential "token" (CERTFLEET_GANDI_TOKEN)',
      });
    const given = token === undefined ? '`apiKey`' : '`token`';
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider: 'Gandi LiveDNS', secrets: [credential] },
      endpoint: options.endpoint,
      base: options.endpoint ?? 'https://api.gandi.net/v5/livedns',
      headers: () => ({ authorization: `${token === undefined ? 'Apikey' : 'Bearer'} ${credential.reveal()}` }),
      judge: (answer) => judgeByStatus(answer, { reason: reasonIn(answer) }),
      advice(status, zone) {
        const where = 'at https://admin.gandi.net/organizations/account/pat';
        if (status === 401)
          return `Check ${given}: Gandi does not accept it, or it has expired. Tokens are made ${where}.`;
        if (status === 403)
          return `Give ${given} the permission “Manage domain name technical configurations” for ${zone}, ${where}.`;
        if (status === 404)
          return `Check that the domain ${zone} is in this account, and that it uses Gandi’s LiveDNS.`;
        return `Look at the DNS records of ${zone} in Gandi’s admin.`;
      },
    });
    const pathOf = (name: string, zone: string) => `/domains/${zone}/records/${relativeName(name, zone)}`;

    return {
      kind: 'sets',

      async read(zone, names, signal) {
        const sets = new Map<string, TxtSet>();
        for (const name of names) {
          // Reads all types, because the response for a type without a set looks like one for an unknown domain.
          const set = await rest.call({ zone, about: name, path: pathOf(name, zone), read: readSet }, signal);
          if (set) sets.set(name, set);
        }
        return sets;
      },

      async write(zone, changes, signal) {
        for (const { name, after, ttl } of changes) {
          const common = { zone, about: name, path: `${pathOf(name, zone)}/TXT`, read: () => undefined };
          // Both may be repeated, because they state the wanted set, under a lock.
          const call =
            after.length === 0
              ? rest.call({ ...common, method: 'DELETE', isRepeatable: true }, signal)
              : rest.call(
                  {
                    ...{ ...common, method: 'PUT', isRepeatable: true },
                    body: { rrset_ttl: ttl, rrset_values: after.map(toTxtContent) },
                  },
                  signal,
                );
          await call.catch((error: unknown) => {
            // The set is gone already. The domain exists, since it was read.
            if (after.length > 0 || refusalOf(error)?.status !== 404) throw error;
          });
        }
      },

      check: (zone, signal) =>
        rest.call({ zone, path: `/domains/${zone}`, read: ({ body }) => void readFields(body, 'the domain') }, signal),

      close: () => http.close(),
    };
  },
});

function readSet({ body }: ApiAnswer): TxtSet | undefined {
  const found = readList(body, 'the record sets', 'rrset_type').find((one) => one['rrset_type'] === 'TXT');
  return found && toSet(found);
}

function toSet({ rrset_values: values, rrset_ttl: ttl }: Fields): TxtSet {
  if (!Array.isArray(values)) throw new UnreadableAnswer('the values are missing in its answer');
  return {
    values: values.map((one) => fromTxtContent(String(one))),
    ttl: typeof ttl === 'number' ? ttl : undefined,
  };
}

/** Returns the reason. Errors in a body come as a list. */
function reasonIn({ body }: ApiAnswer): string {
  if (!isFields(body)) return '';
  const errors = Array.isArray(body['errors']) ? body['errors'].filter(isFields) : [];
  const words = errors.map(({ name, description }) => `${name}: ${description}`).join('; ');
  return words || (typeof body['message'] === 'string' ? body['message'] : '');
}
