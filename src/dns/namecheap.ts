import { createDnsApi } from '../clients/http/dns-api.ts';
import { type ApiAnswer, judgeByStatus, UnreadableAnswer, type Verdict } from '../clients/http/json-api.ts';
import { parseXml, type XmlElement, xmlAt } from '../clients/http/xml.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { TxtSet } from '../ports/dns-provider.ts';

const provider = 'Namecheap';
const accessPage = 'https://ap.www.namecheap.com/settings/tools/apiaccess/';

export default defineDnsProvider({
  id: 'namecheap',
  title: provider,
  homepage: 'https://www.namecheap.com',
  apiDocs: 'https://www.namecheap.com/support/api/methods/',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    apiUser: z
      .string()
      .min(1)
      .meta({
        title: 'User name of the account',
        examples: ['ops'],
        aliases: ['NAMECHEAP_API_USER', 'NAMECHEAP_USERNAME', 'dns_namecheap_username'],
      }),
    apiKey: secret('API key', { aliases: ['NAMECHEAP_API_KEY'] }),
    clientIp: z.ipv4({ error: 'expected the public IPv4 address of this machine' }).meta({
      title: 'Public IPv4 address of this machine',
      examples: ['192.0.2.10'],
      aliases: ['NAMECHEAP_CLIENT_IP', 'NAMECHEAP_SOURCEIP'],
    }),
    credentials: credentialsFile(['dns_namecheap_']),
    endpoint: endpoint('The API’s address, if it is not https://api.namecheap.com').meta({
      examples: ['https://api.sandbox.namecheap.com'],
    }),
  }),
  notes: `Switch the API on at <${accessPage}>, and add the public IPv4 address of this machine to its whitelist; \`clientIp\` is that
address. Namecheap opens the API to accounts with 20 domains, a balance of 50 USD, or purchases of as much. There are no keys
with fewer rights.

The API can only replace **all records of a domain at once**. certfleet reads them directly before, stops if something has changed since
it decided what to write, and writes back every other record and the mail settings as they were. A change that somebody else makes
in the same second can still be lost.`,
  traits: {
    // All records of the domain are written at once.
    writes: 'zone',
    minTtl: 60,
    maxConcurrent: 1,
    // The limit is 50 calls per minute, and a write takes three.
    perMinute: 15,
    // The name servers can take an hour.
    visibleMs: 60 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const base = (options.endpoint ?? 'https://api.namecheap.com').replace(/\/+$/, '');

    /** Calls the API, and returns the result's element. All calls are POSTs, so that no URL contains the key. */
    const call = (
      command: 'getHosts' | 'setHosts',
      zone: string,
      about: string,
      signal: AbortSignal,
      params: Readonly<Record<string, string>> = {},
    ): Promise<XmlElement> => {
      // A domain at Namecheap is one label below a public suffix.
      const dot = zone.indexOf('.');
      return createDnsApi({
        ...{ world, http, provider, parse: parseXml, judge: (answer) => judge(answer, zone) },
        advice: `Look at the records of ${zone} at https://ap.www.namecheap.com/domains/domaincontrolpanel/${zone}/advancedns.`,
      }).call({
        what: command,
        about,
        readsOnly: command === 'getHosts',
        secrets: [options.apiKey],
        signal,
        build: () => ({
          method: 'POST',
          url: `${base}/xml.response`,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            ApiUser: options.apiUser,
            ApiKey: options.apiKey.reveal(),
            UserName: options.apiUser,
            ClientIp: options.clientIp,
            Command: `namecheap.domains.dns.${command}`,
            SLD: zone.slice(0, dot),
            TLD: zone.slice(dot + 1),
            ...params,
          }).toString(),
        }),
        read({ body }) {
          const result = isElement(body)
            ? xmlAt(body, 'CommandResponse', `DomainDNS${command === 'getHosts' ? 'Get' : 'Set'}HostsResult`)
            : undefined;
          if (result === undefined) throw new UnreadableAnswer('the result is missing in its answer');
          return result;
        },
      });
    };

    async function readZone(zone: string, about: string, signal: AbortSignal): Promise<Zone> {
      const result = await call('getHosts', zone, about, signal);
      const hosts = result.children
        .filter((one) => one.name.toLowerCase() === 'host')
        .map((one) => one.attributes ?? {});
      const { IsUsingOurDNS: isUsed, EmailType: emailType } = result.attributes ?? {};
      if (isUsed !== 'true' || hosts.some(({ Name, Type, Address }) => !Name || !Type || Address === undefined))
        throw isUsed === 'false'
          ? fail('dns/refused', {
              ...{ provider, name: about, reason: `${zone} does not use its name servers` },
              advice: `Choose Namecheap BasicDNS for ${zone}, or the provider whose name servers it uses.`,
            })
          : fail('dns/failed', {
              provider,
              name: about,
              reason: 'its response contains a record without a name, type or value',
            });
      return { hosts, emailType };
    }

    return {
      kind: 'sets',
      async read(zone, names, signal) {
        const { hosts } = await readZone(zone, names[0] ?? zone, signal);
        return new Map(
          names.flatMap((name) => {
            const set = setAt(hosts, zone, name);
            return set === undefined ? [] : [[name, set]];
          }),
        );
      },
      async write(zone, changes, signal) {
        const about = changes[0]?.name ?? zone;
        // Reads once more, just before the write, because every record that is not written again is lost.
        const { hosts, emailType } = await readZone(zone, about, signal);
        for (const { name, before } of changes) {
          if (isSame(setAt(hosts, zone, name), before)) continue;
          throw fail('dns/conflict', { provider, name, reason: 'its values changed a moment ago' });
        }
        const strange = hosts.find(({ Type }) => !types.has(Type!));
        if (strange !== undefined)
          throw fail('dns/refused', {
            ...{
              provider,
              name: about,
              reason: `${zone} has a record of type ${strange['Type']}, which the API cannot write back`,
            },
            advice: `Remove it, or move ${zone} to another DNS service, or delegate the challenges with a CNAME.`,
          });
        const ours = new Set(changes.map(({ name }) => relativeName(name, zone)));
        const next = [
          ...hosts.filter(({ Type, Name }) => !(Type === 'TXT' && ours.has(Name!.toLowerCase()))),
          ...changes.flatMap(({ name, after, ttl }) =>
            after.map((value) => ({ Name: relativeName(name, zone), Type: 'TXT', Address: value, TTL: String(ttl) })),
          ),
        ];
        const params: Record<string, string> = emailType ? { EmailType: emailType } : {};
        next.forEach((host: Host, at) => {
          params[`HostName${at + 1}`] = host['Name']!;
          params[`RecordType${at + 1}`] = host['Type']!;
          params[`Address${at + 1}`] = host['Address']!;
          params[`MXPref${at + 1}`] = host['MXPref'] ?? '10';
          params[`TTL${at + 1}`] = host['TTL'] ?? '1800';
        });
        const result = await call('setHosts', zone, about, signal, params);
        if (result.attributes?.['IsSuccess'] !== 'true')
          throw fail('dns/failed', {
            provider,
            name: about,
            reason: 'it did not confirm that the records were written',
          });
      },
      async check(zone, signal) {
        await readZone(zone, zone, signal);
      },
      close: () => http.close(),
    };
  },
});

type Host = Readonly<Record<string, string>>;

interface Zone {
  readonly hosts: readonly Host[];
  readonly emailType: string | undefined;
}

/** The types that setHosts accepts. */
const types: ReadonlySet<string> = new Set([
  ...['A', 'AAAA', 'ALIAS', 'CAA', 'CNAME', 'MX', 'MXE', 'NS', 'TXT', 'URL', 'URL301', 'FRAME'],
]);

const isElement = (body: unknown): body is XmlElement =>
  typeof body === 'object' && body !== null && Array.isArray((body as XmlElement).children);

function setAt(hosts: readonly Host[], zone: string, name: string): TxtSet | undefined {
  const found = hosts.filter(({ Type, Name }) => Type === 'TXT' && Name!.toLowerCase() === relativeName(name, zone));
  if (found.length === 0) return undefined;
  const ttl = Number(found[0]!['TTL']);
  return {
    values: found.map(({ Address }) => Address!),
    ttl: Number.isInteger(ttl) && ttl >= 60 ? ttl : undefined,
  };
}

const isSame = (one: TxtSet | undefined, other: TxtSet | undefined): boolean =>
  JSON.stringify((one?.values ?? []).toSorted()) === JSON.stringify((other?.values ?? []).toSorted());

/** Judges a response. Errors come with status 200. */
function judge(answer: ApiAnswer, zone: string): Verdict {
  const { body } = answer;
  const error = isElement(body) ? xmlAt(body, 'Errors', 'Error') : undefined;
  if (error === undefined) return judgeByStatus(answer, isElement(body) ? { reason: `HTTP ${answer.status}` } : {});
  const code = error.attributes?.['Number'] ?? '';
  const words = { code, reason: error.text };
  if (code === '500000') return { kind: 'limited', ...words };
  // 3, 4 and 5 are faults of the service and of those behind it.
  if (/^[345]\d{6}$|^[12]050900$/.test(code)) return { kind: 'failed', ...words };
  if (['1011150', '1017150', '1017105'].includes(code))
    return {
      ...{ kind: 'refused', ...words },
      advice: `Add this machine’s public IPv4 address to the whitelist at ${accessPage}, and write it in \`clientIp\`.`,
    };
  if (/^10[13]/.test(code))
    return {
      ...{ kind: 'refused', ...words },
      advice: `Check \`apiUser\` and \`apiKey\`, and that API access is on, at ${accessPage}.`,
    };
  return {
    ...{ kind: 'refused', ...words },
    advice: `Check that ${zone} is a domain of the account of \`apiUser\`, and that it uses Namecheap BasicDNS.`,
  };
}
