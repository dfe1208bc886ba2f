import { azureClouds, azureTokens, judgeAzure, judgeAzureTokens } from '../clients/azure/azure.ts';
import { callWithToken } from '../clients/http/bearer-token.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiRequest,
  isRefusal,
  readFields,
  readList,
  readString,
  refusalOf,
  UnreadableAnswer,
} from '../clients/http/json-api.ts';
import { type Page, readPages } from '../clients/http/pages.ts';
import { setsByName } from '../clients/http/sets-by-name.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'Azure DNS';

const uuid = (title: string, aliases: readonly string[]) =>
  z
    .guid({ error: 'expected an ID like 00000000-0000-0000-0000-000000000000' })
    .meta({ title, examples: ['00000000-0000-0000-0000-000000000000'], aliases });

export default defineDnsProvider({
  id: 'azure',
  title: provider,
  homepage: 'https://azure.microsoft.com/products/dns',
  apiDocs: 'https://learn.microsoft.com/rest/api/dns/record-sets',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    subscriptionId: uuid('Subscription with the zone', ['AZURE_SUBSCRIPTION_ID', 'AZUREDNS_SUBSCRIPTIONID']),
    resourceGroup: z
      .string()
      .regex(/^[\w().-]{1,90}$/, { error: 'expected the name of a resource group' })
      .optional()
      .meta({
        title: 'Resource group of the zone; without it, the zones of the subscription are searched',
        examples: ['dns'],
        aliases: ['AZURE_RESOURCE_GROUP'],
      }),
    tenantId: uuid('Tenant of the application', ['AZURE_TENANT_ID', 'AZUREDNS_TENANTID']).optional(),
    clientId: uuid('Application (client) id, or that of a managed identity', [
      'AZURE_CLIENT_ID',
      'AZUREDNS_APPID',
      'dns_azure_msi_client_id',
    ]).optional(),
    clientSecret: secret('Client secret of the application', {
      aliases: ['AZURE_CLIENT_SECRET', 'AZUREDNS_CLIENTSECRET'],
    }).optional(),
    federatedTokenFile: z
      .string()
      .min(1)
      .optional()
      .meta({
        title: 'File with the token of a workload identity (AKS)',
        aliases: ['AZURE_FEDERATED_TOKEN_FILE'],
        ofThisProcess: true,
        local: true,
      }),
    identityEndpoint: z
      .string()
      .min(1)
      .optional()
      .meta({
        title: 'Where a managed identity gets tokens (App Service, Container Apps, Azure Arc)',
        aliases: ['IDENTITY_ENDPOINT'],
        ofThisProcess: true,
        local: true,
      }),
    identityHeader: secret('What proves that a request for one comes from the app', { aliases: ['IDENTITY_HEADER'] })
      .meta({ ofThisProcess: true, local: true })
      .optional(),
    credentials: credentialsFile(['dns_azure_', 'dns_azure_sp_']),
    environment: z
      .enum(Object.keys(azureClouds) as [keyof typeof azureClouds])
      .default('public')
      .meta({ title: 'Which of Azure’s clouds', aliases: ['AZURE_ENVIRONMENT'], endpoint: true }),
    authority: endpoint('Where access tokens come from, if not from the cloud’s own place').meta({
      aliases: ['AZURE_AUTHORITY_HOST'],
    }),
    endpoint: endpoint('The management API’s address, if it is not that of the cloud'),
  }),
  notes: `Make an application with a client secret and give it the role **DNS Zone Contributor** on the zone, and nothing else:

\`\`\`console
$ az ad sp create-for-rbac --name certfleet --role "DNS Zone Contributor" \\
    --scopes /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Network/dnsZones/example.com
\`\`\`

Its \`appId\` is the \`clientId\`, and \`password\` the \`clientSecret\`. With a role on the zone alone, give \`resourceGroup\`,
because such an application may not list zones. Without a secret, certfleet uses the workload identity of the pod, or the
managed identity of the app or machine: App Service, Container Apps, Azure Arc, virtual machines.`,
  traits: {
    // Each set is written with the version that was read, so only changes at the same name conflict.
    writes: 'name',
    minTtl: 1,
    // The management API counts all requests of a subscription.
    maxConcurrent: 4,
    // Servers have a change within a minute.
    visibleMs: 2 * 60_000,
  },
  connect({ options, name, world }) {
    const { subscriptionId, resourceGroup } = options;
    const http = world.http();
    const { clock, files } = world;
    const cloud = azureClouds[options.environment];
    const context = { world, http, provider, advice: adviceOn, secrets: [options.clientSecret] };
    const api = createDnsApi({ ...context, judge: judgeAzure });
    const tokens = azureTokens(options, {
      api: createDnsApi({ ...context, judge: judgeAzureTokens }),
      ...{ http, clock, files, name, cloud },
      authority: options.authority,
    });
    const base = (options.endpoint ?? cloud.management).replace(/\/+$/, '');
    const subscription = `/subscriptions/${subscriptionId}`;
    const turns = createTurns(mostReads);
    const zones = createZoneCache(findZone);

    interface Call<T> {
      readonly method?: ApiRequest['method'];
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: object;
      readonly about: string;
      read(body: Fields): T;
    }

    const call = <T>({ method = 'GET', path, query, headers, body, about, read }: Call<T>, signal: AbortSignal) =>
      callWithToken(api, {
        tokens,
        what: `${method} ${path}`,
        about,
        build: () => ({
          method,
          url: `${base}${path}?${new URLSearchParams({ 'api-version': '2018-05-01', ...query })}`,
          headers: { ...headers, ...present({ 'content-type': body && 'application/json' }) },
          body: body && JSON.stringify(body),
        }),
        read: (answer) => read(method === 'DELETE' ? {} : readFields(answer.body, 'the object')),
        // A change names the previous version, so a repeated one is refused, and changes nothing.
        readsOnly: method === 'GET',
        isRepeatable: true,
        signal,
      });

    const allZones = (about: string, signal: AbortSignal) =>
      readPages<Zone, Readonly<Record<string, string>>>(badList(provider, about), {}, (query) => {
        const path = `${subscription}/providers/Microsoft.Network/dnszones`;
        return call({ path, query, about, read: readZones }, signal);
      });

    /** Returns the path of the zone. */
    async function findZone(zone: string, signal: AbortSignal): Promise<string> {
      const found: Zone[] = [];
      const inGroup = resourceGroup === undefined ? undefined : zonePath(subscription, resourceGroup, zone);
      if (inGroup !== undefined) found.push(await call({ path: inGroup, about: zone, read: readZone }, signal));
      else for (const one of await allZones(zone, signal)) if (one.name === zone) found.push(one);
      const groups = found.filter(({ isPrivate }) => !isPrivate).map(({ group }) => group);
      if (groups.length > 1)
        throw refusal(
          zone,
          `the subscription has ${groups.length} zones ${zone}, in the resource groups ${groups.join(', ')}`,
          'Set `resourceGroup` to that of the zone that the domain is delegated to.',
        );
      if (groups[0] !== undefined) return zonePath(subscription, groups[0], zone);
      const reason = found.length > 0 ? `the zone ${zone} is private` : `the subscription has no zone ${zone}`;
      throw refusal(
        zone,
        reason,
        'Set `subscriptionId` to the subscription with the public zone; with a role on the zone alone, give `resourceGroup`.',
      );
    }

    const lookUp = (zone: string, about: string, signal: AbortSignal): Promise<TxtSet | undefined> =>
      turns.run(async () => {
        try {
          return await zones.use(zone, signal, (at) =>
            call({ path: setPath(at, zone, about), about, read: readSet }, signal),
          );
        } catch (error) {
          // A missing zone would be reported as a missing parent.
          if (isRefusal(error, 'NotFound')) return undefined;
          throw error;
        }
      }, signal);

    async function writeSet(zone: string, change: SetChange, signal: AbortSignal): Promise<void> {
      const { name: about, before, after, ttl } = change;
      const known = before?.tag === undefined ? undefined : (JSON.parse(before.tag) as Tag);
      const headers: Record<string, string> = known ? { 'if-match': known.etag } : { 'if-none-match': '*' };
      if (after.length === 0 && !known) return;
      // Keeps the strings of others' values, and the set's metadata.
      const strings = (value: string) => known?.strings.find((all) => all.join('') === value) ?? [value];
      const properties = {
        TTL: ttl,
        TXTRecords: after.map((value) => ({ value: strings(value) })),
        ...present({ metadata: known?.metadata }),
      };
      try {
        await zones.use(zone, signal, (at) => {
          const path = setPath(at, zone, about);
          return after.length === 0
            ? call({ method: 'DELETE', path, headers, about, read: () => undefined }, signal)
            : call({ method: 'PUT', path, headers, body: { properties }, about, read: () => undefined }, signal);
        });
      } catch (error) {
        const { status, message = '' } = refusalOf(error) ?? {};
        if (status !== 409 && status !== 412) throw error;
        throw fail('dns/conflict', { provider, name: about, reason: message }, { cause: error });
      }
    }

    return {
      kind: 'sets',
      async check(zone, signal) {
        zones.forget(zone);
        await lookUp(zone, zone, signal);
      },
      read: (zone, names, signal) => setsByName(names, (one) => lookUp(zone, one, signal)),
      async write(zone, changes, signal) {
        for (const change of changes) await writeSet(zone, change, signal);
      },
      close: () => http.close(),
    };
  },
});

const mostReads = 4;

const refusal = (name: string, reason: string, advice: string) =>
  fail('dns/refused', { provider, name, reason, advice });

const zonePath = (subscription: string, group: string, zone: string): string =>
  `${subscription}/resourceGroups/${encodeURIComponent(group)}/providers/Microsoft.Network/dnsZones/${zone}`;

const setPath = (at: string, zone: string, name: string): string => `${at}/TXT/${relativeName(name, zone)}`;

interface Zone {
  readonly name: string;
  readonly group: string;
  readonly isPrivate: boolean;
}

function readZone(zone: Fields): Zone {
  const group = /\/resourceGroups\/([^/]+)\//i.exec(readString(zone, 'id'))?.[1];
  if (group === undefined) throw new UnreadableAnswer('the id of a zone names no resource group');
  const { zoneType } = readFields(zone['properties'] ?? {}, 'properties');
  return { name: readString(zone, 'name').toLowerCase(), group, isPrivate: zoneType === 'Private' };
}

/** Reads a page. Uses only the query of the next page's address, so that the token is never sent elsewhere. */
function readZones(body: Fields): Page<Zone, Readonly<Record<string, string>>> {
  const { nextLink } = body;
  const next = typeof nextLink === 'string' && URL.canParse(nextLink) ? new URL(nextLink).searchParams : undefined;
  return {
    found: readList(body['value'], 'value').map(readZone),
    next: next === undefined ? undefined : Object.fromEntries(next),
  };
}

/** The properties of the previous set that a write needs. */
interface Tag {
  readonly etag: string;
  readonly strings: readonly (readonly string[])[];
  readonly metadata: unknown;
}

function readSet(body: Fields): TxtSet {
  const { TTL: ttl, TXTRecords, metadata } = readFields(body['properties'], 'properties');
  const strings = readList(TXTRecords, 'TXTRecords').map(({ value }) => {
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as readonly string[];
    throw new UnreadableAnswer('the value of a record is missing in its answer');
  });
  if (typeof ttl !== 'number') throw new UnreadableAnswer('TTL is missing in its answer');
  const tag: Tag = { etag: readString(body, 'etag'), strings, metadata };
  return { values: strings.map((all) => all.join('')), ttl, tag: JSON.stringify(tag) };
}

function adviceOn(status: number | undefined, code: string | undefined): string {
  if (code === 'AuthorizationFailed')
    return 'Give the application (`clientId`) or identity the role DNS Zone Contributor on the zone, and `resourceGroup` to certfleet.';
  if (code === 'SubscriptionNotFound' || code === 'InvalidSubscriptionId')
    return 'Check `subscriptionId`: the tenant of this `clientId` has no such subscription.';
  if (status === 401) return 'Check `tenantId` and `clientId`: the subscription does not take their access token.';
  if (status === 404) return 'Check `resourceGroup` and `subscriptionId`: there is no such zone.';
  return 'Look at the records of this name in the Azure portal.';
}
