import { createHash } from 'node:crypto';
import { createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  judgeByStatus,
  readFields,
  readString,
  refusalOf,
  UnreadableAnswer,
  type Verdict,
} from '../clients/http/json-api.ts';
import { createSingleFlight } from '../core/async/single-flight.ts';
import { isApiEndpoint } from '../core/names/api-endpoint.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, secret, z } from '../define.ts';

const title = 'OVHcloud';

/** OVH's own names, which its clients accept. */
const endpoints: Readonly<Record<string, string>> = {
  'ovh-eu': 'https://eu.api.ovh.com/1.0',
  'ovh-ca': 'https://ca.api.ovh.com/1.0',
  'ovh-us': 'https://api.us.ovhcloud.com/1.0',
  'kimsufi-eu': 'https://eu.api.kimsufi.com/1.0',
  'kimsufi-ca': 'https://ca.api.kimsufi.com/1.0',
  'soyoustart-eu': 'https://eu.api.soyoustart.com/1.0',
  'soyoustart-ca': 'https://ca.api.soyoustart.com/1.0',
};

/** How long to use a measured clock difference, in ms. OVH accepts a time that is off by about 30 s. */
const clockMs = 3_600_000;

export default defineDnsProvider({
  id: 'ovh',
  title,
  homepage: 'https://www.ovhcloud.com',
  apiDocs: 'https://eu.api.ovh.com/console/?section=%2Fdomain',
  since: '0.1.0',
  tested: 'lego 4.9.1',
  options: z.strictObject({
    applicationKey: secret('Application key', {
      aliases: ['OVH_APPLICATION_KEY', 'OVH_AK', 'dns_ovh_application_key'],
    }),
    applicationSecret: secret('Application secret', {
      aliases: ['OVH_APPLICATION_SECRET', 'OVH_AS', 'dns_ovh_application_secret'],
    }),
    consumerKey: secret('Consumer key', { aliases: ['OVH_CONSUMER_KEY', 'OVH_CK', 'dns_ovh_consumer_key'] }),
    credentials: credentialsFile(['dns_ovh_']),
    endpoint: z
      .string()
      .refine((text) => Object.hasOwn(endpoints, text) || isApiEndpoint(text), {
        error: `write ${Object.keys(endpoints).join(', ')}, or an https:// URL`,
      })
      .default('ovh-eu')
      .meta({
        title: 'Where the account is: one of OVH’s names, or the API’s address with its path',
        examples: ['ovh-ca', 'https://eu.api.ovh.com/1.0'],
        aliases: ['OVH_ENDPOINT', 'OVH_END_POINT'],
        endpoint: true,
      }),
  }),
  notes: `Create the three keys at <https://eu.api.ovh.com/createToken/> (other endpoints have their own page) with unlimited
validity and these rights, where \`example.com\` may be \`*\`:

\`\`\`
GET    /domain/zone/example.com
GET    /domain/zone/example.com/record*
POST   /domain/zone/example.com/record
DELETE /domain/zone/example.com/record/*
POST   /domain/zone/example.com/refresh
\`\`\`

A change is served only after a refresh of the zone. All names of a zone that are wanted at the same time share one.`,
  traits: {
    // The refresh covers the whole zone.
    writes: 'zone',
    minTtl: 60,
    maxConcurrent: 4,
    // A refresh usually reaches all servers within a minute.
    visibleMs: 300_000,
    // Takes a call for each record at a name.
    cleanupBudgetMs: 120_000,
  },
  connect({ options, world }) {
    const { applicationKey, applicationSecret, consumerKey } = options;
    const http = world.http();
    const base = (endpoints[options.endpoint] ?? options.endpoint).replace(/\/+$/, '');
    const secrets = [applicationKey, applicationSecret, consumerKey];
    const sharedTime = createSingleFlight<number>();
    let time: { readonly aheadMs: number; readonly atMs: number } | undefined;

    /** Returns how far OVH's clock is ahead of this machine's, in ms. Signatures use OVH's time. */
    const aheadMs = async (signal: AbortSignal): Promise<number> => {
      if (time !== undefined && world.clock.monotonicMs() - time.atMs < clockMs) return time.aheadMs;
      return sharedTime(
        'time',
        async () => {
          const found = await createDnsApi({ world, http, provider: title, advice: 'Check `endpoint`.', secrets }).call(
            {
              ...{ what: '/auth/time', readsOnly: true, signal },
              build: () => ({ method: 'GET', url: `${base}/auth/time` }),
              read({ body }) {
                if (typeof body !== 'number') throw new UnreadableAnswer('the time is missing in its answer');
                return body * 1000 - world.clock.now().getTime();
              },
            },
          );
          time = { aheadMs: found, atMs: world.clock.monotonicMs() };
          return found;
        },
        signal,
      );
    };

    interface Call<T> {
      readonly method?: ApiRequest['method'];
      readonly path: string;
      readonly body?: Fields;
      readonly isRepeatable?: boolean;
      read(body: unknown): T;
    }

    /** Returns the function for calls about a zone. */
    const inZone = (zone: string, about: string, signal: AbortSignal) => {
      const judge = (answer: ApiAnswer): Verdict => {
        const verdict = judged(answer, zone, options.endpoint);
        // The next attempt asks for the time again.
        if (verdict.kind === 'busy') time = undefined;
        return verdict;
      };
      const api = createDnsApi({ world, http, provider: title, advice: '', judge, busyBudgetMs: 2_000 });
      return <T>({ method = 'GET', path, body, isRepeatable = false, read }: Call<T>): Promise<T> =>
        api.call({
          ...{ what: `${method} ${path}`, about, secrets, signal },
          readsOnly: method === 'GET',
          isRepeatable,
          read: (answer) => read(answer.body),
          async build(over) {
            const url = `${base}/domain/zone/${zone}${path}`;
            const text = body === undefined ? '' : JSON.stringify(body);
            const seconds = Math.round((world.clock.now().getTime() + (await aheadMs(over))) / 1000);
            const signed = [applicationSecret.reveal(), consumerKey.reveal(), method, url, text, seconds].join('+');
            return {
              ...{ method, url },
              headers: {
                'content-type': 'application/json',
                'x-ovh-application': applicationKey.reveal(),
                'x-ovh-consumer': consumerKey.reveal(),
                'x-ovh-timestamp': String(seconds),
                'x-ovh-signature': `$1$${createHash('sha1').update(signed).digest('hex')}`,
              },
              body: text === '' ? undefined : text,
            };
          },
        });
    };
    type InZone = ReturnType<typeof inZone>;

    /** Returns the TXT values at a name with their IDs. A list contains only IDs. */
    async function valuesAt(call: InZone, subDomain: string): Promise<readonly { id: number; value: string }[]> {
      const query = new URLSearchParams({ fieldType: 'TXT', subDomain });
      const ids = await call({ path: `/record?${query}`, read: readIds });
      const found: { id: number; value: string }[] = [];
      for (const id of ids) {
        const record = await unlessGone(call({ path: `/record/${id}`, read: readRecord }));
        // Checks the name, in case the filter is not exact.
        if (record?.subDomain === subDomain) found.push({ id, value: record.target.replace(/^"(.*)"$/, '$1') });
      }
      return found;
    }

    return {
      kind: 'sets',

      /** Has no `read`, because the service adds and removes single values, and only the refresh is shared. */
      async write(zone, changes, signal) {
        for (const { name, add, remove, ttl } of changes) {
          const call = inZone(zone, name, signal);
          const subDomain = relativeName(name, zone, '');
          const there = await valuesAt(call, subDomain);
          for (const { id, value } of there)
            if (remove.includes(value))
              await unlessGone(call({ method: 'DELETE', path: `/record/${id}`, read: () => undefined }));
          for (const target of add) {
            if (there.some(({ value }) => value === target)) continue;
            const body = { fieldType: 'TXT', subDomain, target, ttl };
            await call({ method: 'POST', path: '/record', body, read: () => undefined });
          }
        }
        // Refreshes even if nothing needed a change, because the process that made the change may have died before its
        // refresh.
        const call = inZone(zone, changes[0]?.name ?? zone, signal);
        await call({ method: 'POST', path: '/refresh', isRepeatable: true, read: () => undefined });
      },

      check: (zone, signal) =>
        inZone(zone, zone, signal)({ path: '', read: (body) => void readFields(body, 'the zone') }),

      close: () => http.close(),
    };
  },
});

/** Returns undefined if OVH says that the object does not exist: another process was faster, or a response was lost. */
const unlessGone = <T>(call: Promise<T>): Promise<T | undefined> =>
  call.catch((error: unknown) => {
    if (refusalOf(error)?.status === 404) return undefined;
    throw error;
  });

function readRecord(body: unknown): { readonly subDomain: unknown; readonly target: string } {
  const record = readFields(body, 'the record');
  return { subDomain: record['subDomain'] ?? '', target: readString(record, 'target') };
}

function readIds(body: unknown): readonly number[] {
  if (Array.isArray(body) && body.every(Number.isInteger)) return body;
  throw new UnreadableAnswer('the list of records is missing in its answer');
}

function judged(answer: ApiAnswer, zone: string, endpoint: string): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const code = typeof body['errorCode'] === 'string' ? body['errorCode'] : undefined;
  const verdict = judgeByStatus(answer, code === undefined ? {} : { code });
  if (code === 'QUERY_TIME_OUT') return { kind: 'busy', code, reason: 'the time of the request is wrong' };
  if (verdict.kind !== 'refused') return verdict;
  const keys = '`applicationKey`, `applicationSecret` and `consumerKey`';
  if (code === 'NOT_GRANTED_CALL')
    return {
      ...verdict,
      advice: `Make ${keys} again with GET, POST and DELETE on /domain/zone/${zone}/*: these may not do it.`,
    };
  if (answer.status === 404)
    return { ...verdict, advice: `Check that this account has the zone ${zone}, and that it uses OVH’s DNS.` };
  if (answer.status === 401 || answer.status === 403 || code?.startsWith('INVALID_'))
    return { ...verdict, advice: `Check ${keys}: they are made together, and are for \`endpoint\` ${endpoint} alone.` };
  return { ...verdict, advice: `Look at the zone ${zone} in OVH’s control panel.` };
}
