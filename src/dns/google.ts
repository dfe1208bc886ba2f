import { externalAccountTokens, judgeFederation } from '../clients/google/external-account.ts';
import { googleInstance, judgeGoogle, judgeTokens, serviceAccountTokens } from '../clients/google/google-cloud.ts';
import { callWithToken } from '../clients/http/bearer-token.ts';
import { badList, createDnsApi } from '../clients/http/dns-api.ts';
import { readFields, readList, readString, refusalOf, UnreadableAnswer } from '../clients/http/json-api.ts';
import { type Page, readPages } from '../clients/http/pages.ts';
import { setsByName } from '../clients/http/sets-by-name.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail } from '../core/errors/errors.ts';
import type { Fields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'Google Cloud DNS';

export default defineDnsProvider({
  id: 'google',
  title: provider,
  homepage: 'https://cloud.google.com/dns',
  apiDocs: 'https://cloud.google.com/dns/docs/reference/rest/v1',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    credentials: credentialsFile(['dns_google_'], {
      aliases: ['GOOGLE_APPLICATION_CREDENTIALS', 'GCE_SERVICE_ACCOUNT_FILE'],
    }),
    audience: z.string().min(1).optional().meta({
      title: 'Provider of a workload identity pool, in a file of the type `external_account`',
      description: 'It stands in the file; the rest of the file is read too.',
      local: true,
    }),
    clientEmail: z
      .string()
      .regex(/^[^@\s]+@[^@\s]+$/, { error: 'expected the address of a service account' })
      .optional()
      .meta({ title: 'Address of the service account', examples: ['acme@my-project.iam.gserviceaccount.com'] }),
    privateKey: secret('Private key of the service account, PEM').optional(),
    privateKeyId: z.string().min(1).optional().meta({ title: 'Id of this key' }),
    tokenUri: endpoint('Where access tokens come from, if not from Google'),
    project: z
      .string()
      .regex(/^[a-z][a-z0-9:.-]{4,80}$/, { error: 'expected a project ID, like my-project-123' })
      .optional()
      .meta({
        title: 'Id of the project with the zone, if it is not that of the service account',
        examples: ['my-project-123'],
        aliases: ['GCE_PROJECT', 'GOOGLE_CLOUD_PROJECT', 'CLOUDSDK_CORE_PROJECT', 'project_id'],
      }),
    managedZone: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { error: 'expected the name of a managed zone, like example-com' })
      .optional()
      .meta({
        title: 'Name of the managed zone, if the project has several public ones of this domain',
        examples: ['example-com'],
        aliases: ['GCE_ZONE_ID'],
      }),
    endpoint: endpoint('The API’s address, if it is not https://dns.googleapis.com'),
  }),
  notes: `\`credentials\` is the JSON file with the key of a service account, made at
<https://console.cloud.google.com/iam-admin/serviceaccounts>. Without one, certfleet uses the service account of the
machine, or of the pod on GKE.

Outside of Google Cloud, it can be a file of the type \`external_account\` (workload identity federation) instead, with
\`project\` beside it. The token of the other identity provider may come from a file, such as that of a Kubernetes service
account, or from a URL; programs are not run for it.

The role **DNS Administrator** (\`roles/dns.admin\`) is enough. The least is a role of your own with
\`dns.managedZones.list\`, \`dns.resourceRecordSets.list\`, \`dns.resourceRecordSets.create\`,
\`dns.resourceRecordSets.delete\`, \`dns.resourceRecordSets.update\` and \`dns.changes.create\`; with \`managedZone\`,
\`dns.managedZones.get\` instead of the first.`,
  traits: {
    // All changes of a zone are one atomic change.
    writes: 'zone',
    minTtl: 1,
    // A part of the project's quota for reads and writes per minute, which others use, too.
    maxConcurrent: 4,
    // A change reaches all servers within a minute or two.
    visibleMs: 3 * 60_000,
  },
  connect({ options, name, world }) {
    const { clientEmail, privateKey, privateKeyId, tokenUri, managedZone } = options;
    if ((clientEmail === undefined) !== (privateKey === undefined))
      throw fail('config/credential-missing', {
        what: name,
        credential: clientEmail === undefined ? 'the option "clientEmail"' : 'the credential "privateKey"',
      });
    const isKnown = clientEmail !== undefined || options.audience !== undefined;
    if (isKnown && options.project === undefined)
      throw fail('config/credential-missing', { what: name, credential: 'the option "project"' });
    if (clientEmail === undefined && options.audience !== undefined && options.credentials === undefined)
      throw fail('config/credential-missing', {
        what: name,
        credential: 'the option "credentials": a file of type external_account with this audience',
      });
    const http = world.http();
    const { clock, files } = world;
    const instance = googleInstance({ http, clock, name });
    const account =
      clientEmail !== undefined
        ? 'the service account `clientEmail`'
        : options.audience !== undefined
          ? 'the external account'
          : 'the service account of this machine';
    const advice = (status: number | undefined, code: string | undefined) => adviceOn(status, code, account);
    const context = { world, http, provider, advice, secrets: [privateKey] };
    const api = createDnsApi({ ...context, judge: judgeGoogle });
    const tokens = openTokens();
    const base = `${options.endpoint ?? 'https://dns.googleapis.com'}/dns/v1/projects`;
    const turns = createTurns(mostReads);
    const zones = createZoneCache(findZone);

    function openTokens() {
      const about = { clock, scope, name };
      if (clientEmail !== undefined && privateKey !== undefined)
        return serviceAccountTokens(
          { clientEmail, privateKey, privateKeyId, tokenUri },
          { ...about, api: createDnsApi({ ...context, judge: judgeTokens }) },
        );
      if (options.audience === undefined || options.credentials === undefined) return instance.tokens;
      const federation = { ...about, http, files, api: createDnsApi({ ...context, judge: judgeFederation }) };
      return externalAccountTokens(options.credentials, federation);
    }

    interface Call<T> {
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: object;
      readonly about: string;
      read(body: Fields): T;
    }

    const call = async <T>({ path, query, body, about, read }: Call<T>, signal: AbortSignal): Promise<T> => {
      const project = options.project ?? (await instance.project(signal));
      const search = query === undefined ? '' : `?${new URLSearchParams(query)}`;
      const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      return callWithToken(api, {
        tokens,
        what: `${body === undefined ? 'GET' : 'POST'} ${path}`,
        about,
        build: () => ({
          method: body === undefined ? 'GET' : 'POST',
          url: `${base}/${encodeURIComponent(project)}/${path}${search}`,
          headers,
          body: body && JSON.stringify(body),
        }),
        read: (answer) => read(readFields(answer.body, 'the object')),
        // A change names the whole previous set, so a repeated one is refused, and changes nothing.
        readsOnly: body === undefined,
        isRepeatable: true,
        signal,
      });
    };

    /** Returns the path of the zone. */
    async function findZone(zone: string, signal: AbortSignal): Promise<string> {
      if (managedZone !== undefined) {
        const path = `managedZones/${managedZone}`;
        const found = await call({ path, about: zone, read: readZone }, signal);
        if (found.dnsName === `${zone}.`) return path;
        throw refusal(
          zone,
          `the managed zone ${managedZone} is ${found.dnsName}`,
          'Set `managedZone` to the one of this domain, or leave it out.',
        );
      }
      const all = await readPages(badList(provider, zone), '', (pageToken) => {
        const query = { dnsName: `${zone}.`, ...present({ pageToken: pageToken === '' ? undefined : pageToken }) };
        return call({ path: 'managedZones', query, about: zone, read: readZones }, signal);
      });
      const found = all.filter(({ dnsName }) => dnsName === `${zone}.`);
      const names = found.filter(({ isPrivate }) => !isPrivate).map((one) => one.name);
      if (names.length > 1)
        throw refusal(
          zone,
          `the project has ${names.length} public zones ${zone}: ${names.join(', ')}`,
          'Set `managedZone` to the one that the domain is delegated to.',
        );
      if (names[0] !== undefined) return `managedZones/${names[0]}`;
      const reason =
        found.length > 0 ? `the project’s only zone ${zone} is private` : `the project has no zone ${zone}`;
      throw refusal(zone, reason, 'Set `project` to the project with the public zone.');
    }

    const lookUp = (zone: string, about: string, signal: AbortSignal): Promise<TxtSet | undefined> =>
      turns.run(
        () =>
          zones.use(zone, signal, (path) => {
            const query = { name: `${about}.`, type: 'TXT' };
            const read = (body: Fields) => readSet(body, about);
            return call({ path: `${path}/rrsets`, query, about, read }, signal);
          }),
        signal,
      );

    return {
      kind: 'sets',
      async check(zone, signal) {
        zones.forget(zone);
        await lookUp(zone, zone, signal);
      },
      read: (zone, names, signal) => setsByName(names, (one) => lookUp(zone, one, signal)),
      async write(zone, changes, signal) {
        for (let at = 0; at < changes.length; at += mostSets) {
          const batch = changes.slice(at, at + mostSets);
          const about = batch[0]!.name;
          const body = { additions: batch.flatMap(newSet), deletions: batch.flatMap(oldSet) };
          if (body.additions.length + body.deletions.length === 0) continue;
          try {
            await zones.use(zone, signal, (path) =>
              call({ path: `${path}/changes`, body, about, read: (change) => readString(change, 'id') }, signal),
            );
          } catch (error) {
            const { status, message = '' } = refusalOf(error) ?? {};
            // The set already exists, has changed, or is gone. A missing zone would be reported as a wrong parameter.
            const hasChanged =
              status === 409 || status === 412 || (status === 404 && message.includes('entity.change'));
            if (!hasChanged) throw error;
            throw fail('dns/conflict', { provider, name: about, reason: message }, { cause: error });
          }
        }
      },
      close: () => http.close(),
    };
  },
});

const scope = 'https://www.googleapis.com/auth/ndev.clouddns.readwrite';
const mostReads = 4;
/** Far below the limits for a change: a thousand sets of each kind, and 100,000 bytes. */
const mostSets = 100;

const refusal = (name: string, reason: string, advice: string) =>
  fail('dns/refused', { provider, name, reason, advice });

interface ManagedZone {
  readonly name: string;
  readonly dnsName: string;
  readonly isPrivate: boolean;
}

const readZone = (zone: Fields): ManagedZone => ({
  name: readString(zone, 'name'),
  dnsName: readString(zone, 'dnsName').toLowerCase(),
  isPrivate: zone['visibility'] === 'private',
});

const readZones = (body: Fields): Page<ManagedZone, string> => {
  const next = body['nextPageToken'];
  return {
    found: listOf(body, 'managedZones', 'dns#managedZonesListResponse').map(readZone),
    next: typeof next === 'string' && next !== '' ? next : undefined,
  };
};

/** Reads a list. An empty list may be omitted, but then the response states its kind. */
const listOf = (body: Fields, name: string, kind: string): readonly Fields[] =>
  readList(body[name] ?? (body['kind'] === kind ? [] : undefined), name);

function readSet(body: Fields, name: string): TxtSet | undefined {
  const set = listOf(body, 'rrsets', 'dns#resourceRecordSetsListResponse').find(
    (one) => one['name'] === `${name}.` && one['type'] === 'TXT',
  );
  if (set === undefined) return undefined;
  if (set['routingPolicy'] !== undefined)
    throw refusal(
      name,
      'the TXT record there has a routing policy',
      'Remove this record at Google Cloud, or delegate the name to another zone with a CNAME.',
    );
  const { rrdatas, ttl } = set;
  const isText = (data: unknown): data is string => typeof data === 'string';
  if (!Array.isArray(rrdatas) || !rrdatas.every(isText) || typeof ttl !== 'number')
    throw new UnreadableAnswer('rrdatas or ttl is missing in its answer');
  return { values: rrdatas.map(fromTxtContent), ttl };
}

const rrset = (name: string, ttl: number, values: readonly string[]) =>
  values.length === 0 ? [] : [{ name: `${name}.`, type: 'TXT', ttl, rrdatas: values.map(toTxtContent) }];
const oldSet = ({ name, before, ttl }: SetChange) => rrset(name, before?.ttl ?? ttl, before?.values ?? []);
const newSet = ({ name, after, ttl }: SetChange) => rrset(name, ttl, after);

function adviceOn(status: number | undefined, code: string | undefined, account: string): string {
  if (status === 401) return `Check \`credentials\`: Google does not take the access token of ${account}.`;
  if (code === 'accessNotConfigured') return 'Enable the Cloud DNS API in this `project`.';
  if (status === 403)
    return `Give ${account} the role DNS Administrator (roles/dns.admin) in this \`project\`, at https://console.cloud.google.com/iam-admin/iam.`;
  if (status === 404) return 'Check `project` and `managedZone`.';
  return 'Look at the records of this name in the Google Cloud console.';
}
