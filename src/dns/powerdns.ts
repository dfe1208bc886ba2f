import { createDnsRest, type RestCall } from '../clients/http/dns-rest.ts';
import { readFields, readList, readString, refusalOf } from '../clients/http/json-api.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail, reasonOf } from '../core/errors/errors.ts';
import type { Fields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, SetsProvider, TxtSet } from '../ports/dns-provider.ts';

const title = 'PowerDNS';

/**
 * Kinds of zones that this server copies from another one. Its API would accept changes, and lose them with the next
 * copy.
 */
const copies = ['Slave', 'Secondary', 'Consumer'];

/** How long the end of the program may wait for the response to a notice. */
const noticeMs = 10_000;

/** The API of a self-hosted PowerDNS Authoritative Server, 4.0 and later. */
export default defineDnsProvider({
  id: 'powerdns',
  title: 'PowerDNS (HTTP API of an own server)',
  homepage: 'https://www.powerdns.com/powerdns-authoritative-server',
  apiDocs: 'https://doc.powerdns.com/authoritative/http-api/zone.html',
  since: '0.1.0',
  tested: 'PowerDNS 4.9',
  options: z.strictObject({
    apiKey: secret('API key', { aliases: ['PDNS_API_KEY', 'PDNS_Token', 'dns_powerdns_api_key'] }).describe(
      'The setting `api-key` of the server.',
    ),
    endpoint: endpoint()
      .unwrap()
      .default('http://127.0.0.1:8081')
      .meta({
        title: 'Where the server’s `webserver` listens, or the proxy in front of it',
        examples: ['https://ns1.example.com:8443'],
        aliases: ['PDNS_API_URL', 'PDNS_Url', 'dns_powerdns_api_url'],
        endpoint: true,
      }),
    server: z
      .string()
      .min(1)
      .default('localhost')
      .meta({ title: 'The server’s id in its API', aliases: ['PDNS_SERVER_NAME', 'PDNS_ServerId'] }),
    credentials: credentialsFile(['dns_powerdns_', 'pdns_']),
  }),
  notes: `Set \`api=yes\`, \`api-key\`, and \`webserver-allow-from\` with the address of this machine. The key may change every
zone of the server; where that is too much, use [RFC 2136](#rfc2136) with a key for challenge records alone.
The API has no TLS of its own: on another machine it needs a proxy with HTTPS in front.

Single values are added and removed where the server knows how (4.9.18 and 5 do). With older servers whole sets are
replaced. After each change the secondaries are notified at once.`,
  // An older server replaces whole sets. A PATCH is a transaction on one zone, so several would only wait for each
  // other.
  traits: { writes: 'zone', minTtl: 0, maxConcurrent: 8 },
  connect({ options, world }) {
    const http = world.http();
    const server = options.endpoint.replace(/(\/api\/v1)?\/*$/, '');
    const rest = createDnsRest({
      ...{ world, http, provider: title, secrets: [options.apiKey], advice: adviceFor },
      endpoint: options.endpoint,
      base: `${server}/api/v1/servers/${encodeURIComponent(options.server)}/zones`,
      headers: () => ({ 'x-api-key': options.apiKey.reveal() }),
    });
    /**
     * @param path the path below the zone. Every change may be repeated, because it states what must exist or not
     * exist.
     */
    const call = <T>(
      { zone, path = '', ...request }: Omit<RestCall<T>, 'path' | 'read'> & { readonly path?: string },
      read: (body: unknown) => T,
      signal: AbortSignal,
    ): Promise<T> =>
      rest.call(
        {
          ...{ ...request, zone, isRepeatable: true, read: ({ body }) => read(body) },
          path: `/${encodeURIComponent(`${zone}.`)}${path}`,
        },
        signal,
      );

    /** Limits how many sets are read at once. */
    const turns = createTurns(2);
    async function readSets(zone: string, names: readonly string[], signal: AbortSignal) {
      const setsAt = (name: string) => {
        const path = `?rrset_name=${encodeURIComponent(`${name}.`)}&rrset_type=TXT`;
        return call({ zone, path, about: name }, readRrsets, signal);
      };
      const [first = zone, ...others] = names;
      const found = await setsAt(first);
      // Some servers ignore the filter and return the whole zone, including records that are not served.
      const isWhole = found.some(({ name }) => name !== first);
      const more = isWhole ? [] : others.map((name) => turns.run(() => setsAt(name), signal));
      const all = [...found, ...(await Promise.all(more)).flat()];
      return new Map(all.flatMap(({ name, set }) => (set === undefined ? [] : [[name, set] as const])));
    }

    const notices = new Set<Promise<void>>();
    /**
     * Notifies secondaries, which would otherwise notice a change only at their next check. The server responds after
     * it has looked up their addresses, which may take long, so the change does not wait for that.
     */
    function notify(zone: string, signal: AbortSignal): void {
      const limit = world.clock.deadline(noticeMs, signal);
      const notice: Promise<void> = call({ method: 'PUT', zone, path: '/notify' }, () => undefined, limit.signal)
        .catch((error: unknown) =>
          world.log.debug(`${title}: the secondaries of ${zone} were not notified: ${reasonOf(error)}`),
        )
        .finally(() => {
          limit.done();
          notices.delete(notice);
        });
      notices.add(notice);
    }

    const provider: { -readonly [Name in keyof SetsProvider]: SetsProvider[Name] } = {
      kind: 'sets',

      async write(zone, changes, signal) {
        const rrsets = changes.flatMap(provider.read ? toReplace : toExtendAndPrune);
        const about = changes[0]?.name ?? zone;
        try {
          await call({ method: 'PATCH', zone, body: { rrsets }, about }, () => undefined, signal);
        } catch (error) {
          // The message is `Changetype 'EXTEND' is not a valid value`, or `Changetype not understood`.
          const reason = refusalOf(error)?.message ?? '';
          if (provider.read || !/changetype/i.test(reason)) throw error;
          // From now on, sets are read and replaced.
          provider.read = readSets;
          throw fail('dns/conflict', { provider: title, name: about, reason });
        }
        notify(zone, signal);
      },

      async check(zone, signal) {
        const read = (body: unknown) => readString(readFields(body, 'the zone'), 'kind');
        const kind = await call({ zone, path: '?rrsets=false' }, read, signal);
        if (copies.includes(kind))
          throw fail('dns/refused', {
            ...{ provider: title, name: zone },
            reason: `the zone has kind ${kind} there: a copy from another server`,
            advice: 'Set `endpoint` to the API of the zone’s primary server.',
          });
      },

      async close() {
        await Promise.all(notices);
        await http.close();
      },
    };
    return provider as SetsProvider;
  },
});

function adviceFor(status: number | undefined, zone: string): string {
  if (status === 401) return 'Check `apiKey`: it must be the setting `api-key` of the server at `endpoint`.';
  if (status === 404) return `Check \`endpoint\` and \`server\`, and that this server has the zone ${zone}.`;
  return `See the log of the server at \`endpoint\`, and the metadata of the zone ${zone}.`;
}

/** Reads all sets in a response, without the final dot in their names. Types other than TXT have no `set`. */
const readRrsets = (body: unknown): readonly { readonly name: string; readonly set?: TxtSet }[] =>
  readList(readFields(body, 'the zone')['rrsets'], 'the list of sets').map((rrset) => {
    const name = readString(rrset, 'name').slice(0, -1);
    return rrset['type'] === 'TXT' ? { name, set: toSet(rrset) } : { name };
  });

const toSet = (rrset: Fields): TxtSet => {
  const records = readList(rrset['records'], 'the list of records');
  const [served, disabled] = [false, true].map((is) =>
    records.filter((one) => (one['disabled'] === true) === is).map((one) => fromTxtContent(readString(one, 'content'))),
  );
  return {
    values: served!,
    // Disabled records are written back as they are.
    tag: JSON.stringify(disabled),
    ttl: typeof rrset['ttl'] === 'number' ? rrset['ttl'] : undefined,
  };
};

const record = (value: string, disabled = false) => ({ content: toTxtContent(value), disabled });

/** Returns one record for each value. Several records may have the same name. */
const toExtendAndPrune = ({ name, add, remove, ttl }: SetChange): readonly object[] => {
  const change = (changetype: string) => (value: string) => ({
    ...{ name: `${name}.`, type: 'TXT', ttl, changetype },
    records: [record(value)],
  });
  return [...add.map(change('EXTEND')), ...remove.map(change('PRUNE'))];
};

const toReplace = ({ name, before, after, ttl }: SetChange): readonly object[] => {
  const disabled = JSON.parse(before?.tag ?? '[]') as readonly string[];
  const records = [...after.map((one) => record(one)), ...disabled.map((one) => record(one, true))];
  return [{ name: `${name}.`, type: 'TXT', ttl, changetype: 'REPLACE', records }];
};
