import { createDnsApi } from '../clients/http/dns-api.ts';
import {
  type ApiAnswer,
  judgeByStatus,
  readFields,
  readList,
  readString,
  UnreadableAnswer,
  type Verdict,
} from '../clients/http/json-api.ts';
import { isFailure } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'Porkbun';
const keyPage = 'https://porkbun.com/account/api';
const recordsPage = 'https://porkbun.com/account/domainsSpeedy';

export default defineDnsProvider({
  id: 'porkbun',
  title: provider,
  homepage: 'https://porkbun.com',
  apiDocs: 'https://porkbun.com/api/json/v3/documentation',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    apiKey: secret('API key, which begins with pk1_', { aliases: ['PORKBUN_API_KEY', 'dns_porkbun_key'] }),
    secretApiKey: secret('Secret API key, which begins with sk1_', {
      aliases: ['PORKBUN_SECRET_API_KEY', 'dns_porkbun_secret'],
    }),
    credentials: credentialsFile(['dns_porkbun_']),
    endpoint: endpoint('The API’s address, if it is not https://api.porkbun.com'),
  }),
  notes: `Make a key at <${keyPage}>, and switch on **API Access** for each domain in Domain Management: it is off at first. A key
may change all domains of the account for which it is on.

A new value can take ten minutes until all name servers have it.`,
  traits: {
    // Records are separate objects, and Porkbun itself refuses duplicates.
    writes: 'value',
    minTtl: 600,
    // Faster calls than one per second get an error page, and a change takes two.
    maxConcurrent: 1,
    perMinute: 30,
    visibleMs: 10 * 60_000,
    // At this rate, many values take longer than usual to remove.
    cleanupBudgetMs: 2 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const base = (options.endpoint ?? 'https://api.porkbun.com').replace(/\/+$/, '');
    const advice = `Check \`apiKey\` and \`secretApiKey\`: keys are made at ${keyPage}.`;

    const call = <T>(
      path: string,
      {
        about,
        readsOnly,
        advice: wrong,
      }: { readonly about: string; readonly readsOnly: boolean; readonly advice: string },
      params: Fields,
      signal: AbortSignal,
      read: (body: Fields) => T,
    ): Promise<T> =>
      createDnsApi({ world, http, provider, judge, advice: wrong }).call({
        what: path.split('/').slice(1, 3).join('/'),
        ...{ about, readsOnly, signal },
        secrets: [options.apiKey, options.secretApiKey],
        build: () => ({
          method: 'POST',
          url: `${base}/api/json/v3${path}`,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            apikey: options.apiKey.reveal(),
            secretapikey: options.secretApiKey.reveal(),
            ...params,
          }),
        }),
        read: (answer) => read(readFields(answer.body, 'the object')),
      });

    /** Returns the IDs of the records with exactly this name and value. */
    async function find({ zone, name, value }: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const host = name === zone ? '' : `/${encodeURIComponent(relativeName(name, zone))}`;
      const refused = `Check that ${zone} is a domain of this Porkbun account, and switch on API Access for it at ${recordsPage}.`;
      const records = await call(
        `/dns/retrieveByNameType/${encodeURIComponent(zone)}/TXT${host}`,
        { about: name, readsOnly: true, advice: refused },
        {},
        signal,
        (body) => readList(body['records'], 'the list of records', 'id'),
      ).catch(async (error: unknown) => {
        // Porkbun has no codes. If the keys are wrong, every call is refused.
        if (isFailure(error, 'dns/refused'))
          await call('/ping', { about: name, readsOnly: true, advice }, {}, signal, () => undefined);
        throw error;
      });
      return records
        .filter((one) => one['type'] === 'TXT' && one['name'] === name && one['content'] === value)
        .map((one) => readString(one, 'id'));
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const { zone, name, ttl } = value;
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        try {
          return await call(
            `/dns/create/${encodeURIComponent(zone)}`,
            { about: name, readsOnly: false, advice: `Look at the records of ${zone} at ${recordsPage}.` },
            { name: relativeName(name, zone, ''), type: 'TXT', content: value.value, ttl: String(ttl) },
            signal,
            ({ id }) => {
              if (typeof id === 'number' || typeof id === 'string') return String(id);
              throw new UnreadableAnswer('id is missing in its answer');
            },
          );
        } catch (error) {
          // There is no code for a duplicate, either.
          const [made] = isFailure(error, 'dns/refused') ? await find(value, signal) : [];
          if (made === undefined) throw error;
          return made;
        }
      },
      async remove(value, _made, signal) {
        const { zone, name } = value;
        for (const id of await find(value, signal)) {
          try {
            await call(
              `/dns/delete/${encodeURIComponent(zone)}/${id}`,
              { about: name, readsOnly: false, advice: `Look at the records of ${zone} at ${recordsPage}.` },
              {},
              signal,
              () => undefined,
            );
          } catch (error) {
            // Another process may have been faster.
            if (!isFailure(error, 'dns/refused') || (await find(value, signal)).includes(id)) throw error;
          }
        }
      },
      async check(zone, signal) {
        await find({ zone, name: zone, value: '', ttl: 600 }, signal);
      },
      close: () => http.close(),
    };
  },
});

function judge(answer: ApiAnswer): Verdict {
  const verdict = judgeByStatus(answer);
  // A call that comes too soon gets the web server's own page, and does not reach the API.
  if (answer.status === 503 && !answer.isReadable)
    return { kind: 'limited', reason: 'it takes about one call a second' };
  if (verdict.kind !== 'fine') return verdict;
  const body = isFields(answer.body) ? answer.body : {};
  if (body['status'] === 'SUCCESS') return verdict;
  const reason = typeof body['message'] === 'string' ? body['message'] : 'an answer without a status';
  return { kind: body['status'] === 'ERROR' ? 'refused' : 'failed', reason };
}
