import { createDnsRest } from '../clients/http/dns-rest.ts';
import { readFields, readList, refusalOf, UnreadableAnswer } from '../clients/http/json-api.ts';
import { fail } from '../core/errors/errors.ts';
import type { Fields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'NS1';

export default defineDnsProvider({
  id: 'ns1',
  title: 'NS1 (IBM NS1 Connect)',
  homepage: 'https://www.ibm.com/products/ns1-connect',
  apiDocs: 'https://developer.ibm.com/apis/catalog/ns1--ibm-ns1-connect-api/',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    apiKey: secret('API key', { aliases: ['NS1_API_KEY', 'NS1_Key'] }),
    credentials: credentialsFile(['dns_nsone_', 'dns_ns1_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.nsone.net/v1').meta({
      aliases: ['NS1_ENDPOINT'],
    }),
  }),
  notes: `Create a key under **Account settings → API keys** with the DNS permissions *View zones* and *Manage zones*, limited to the
zones that need certificates.`,
  traits: {
    // A record of the API holds all values of a name, so two changes of one name conflict.
    writes: 'name',
    minTtl: 0,
    // The limit is 900 calls in 5 minutes, and a change takes two. A refused call has no Retry-After, but the next one
    // is soon allowed.
    maxConcurrent: 4,
    perMinute: 80,
  },
  connect({ options, world }) {
    const http = world.http();
    const rest = createDnsRest({
      ...{ world, http, provider, secrets: [options.apiKey] },
      endpoint: options.endpoint,
      base: options.endpoint ?? 'https://api.nsone.net/v1',
      headers: () => ({ 'x-nsone-key': options.apiKey.reveal() }),
      advice(status, zone) {
        const where = 'under Account settings → API keys';
        if (status === 401) return `Check \`apiKey\`: NS1 does not accept it. Keys are made ${where}.`;
        if (status === 403) return `Give \`apiKey\` the permission Manage zones for ${zone}, ${where}.`;
        return `Add the zone ${zone} to the NS1 account, or use the key of the account that has it.`;
      },
    });
    const pathOf = (zone: string, name: string) => `/zones/${zone}/${name}/TXT`;

    return {
      kind: 'sets',
      async read(zone, names, signal) {
        const sets = new Map<string, TxtSet>();
        for (const name of names) {
          try {
            const read = ({ body }: { readonly body: unknown }) => toSet(readFields(body, 'the record'));
            sets.set(name, await rest.call({ zone, about: name, path: pathOf(zone, name), read }, signal));
          } catch (error) {
            // A missing zone has the same status.
            if (!/record not found/i.test(refusalOf(error)?.message ?? '')) throw error;
          }
        }
        return sets;
      },
      async write(zone, changes, signal) {
        for (const change of changes) await writeOne(zone, change, signal);
      },
      check: (zone, signal) =>
        rest.call(
          { zone, path: `/zones/${zone}?records=false`, read: ({ body }) => void readFields(body, 'the zone') },
          signal,
        ),
      close: () => http.close(),
    };

    /** Writes one set. Fails if the set has changed since it was read, where the API can tell. */
    async function writeOne(zone: string, change: SetChange, signal: AbortSignal): Promise<void> {
      const { name, before, after, ttl } = change;
      const path = pathOf(zone, name);
      const isRemoval = after.length === 0;
      if (isRemoval && !before) return;
      const answers = before ? (JSON.parse(before.tag ?? '[]') as readonly Fields[]) : [];
      const body = {
        ...{ zone, domain: name, type: 'TXT', ttl },
        // Answers of others keep their metadata.
        answers: after.map((value) => answers.find((one) => textOf(one) === value) ?? { answer: [value] }),
      };
      try {
        await rest.call(
          {
            ...{ zone, about: name, path, isRepeatable: true, read: () => undefined },
            ...(isRemoval
              ? { method: 'DELETE' }
              : // PUT creates a record, and refuses an existing one; POST changes one.
                { method: before ? 'POST' : 'PUT', body: before ? { ttl, answers: body.answers } : body }),
          },
          signal,
        );
      } catch (error) {
        const reason = refusalOf(error)?.message ?? '';
        if (isRemoval && /record not found/i.test(reason)) return;
        if (!/record (not found|already exists)/i.test(reason)) throw error;
        throw fail('dns/conflict', { provider, name, reason }, { cause: error });
      }
    }
  },
});

/** Returns the text. A text of several strings is one value. */
const textOf = ({ answer }: Fields): string => (Array.isArray(answer) ? answer.join('') : '');

function toSet(record: Fields): TxtSet {
  const answers = readList(record['answers'], 'the list of answers');
  if (!answers.every(({ answer }) => Array.isArray(answer))) throw new UnreadableAnswer('an answer has no text');
  const { ttl } = record;
  return {
    values: answers.map(textOf),
    tag: JSON.stringify(answers),
    ttl: typeof ttl === 'number' ? ttl : undefined,
  };
}
