import { createHmac } from 'node:crypto';
import { badList } from '../clients/http/dns-api.ts';
import { createDnsRest, recordsProvider } from '../clients/http/dns-rest.ts';
import { type ApiAnswer, judgeByStatus, readFields, readList, readString } from '../clients/http/json-api.ts';
import { numberedPages } from '../clients/http/pages.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { isFields } from '../core/text/json.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';

/** The largest clock difference that the documentation allows. */
const mostClockSkewMs = 30_000;

export default defineDnsProvider({
  id: 'dnsmadeeasy',
  title: 'DNS Made Easy',
  homepage: 'https://dnsmadeeasy.com',
  apiDocs: 'https://api-docs.dnsmadeeasy.com',
  since: '0.1.0',
  tested: 'acme.sh 3.1.1',
  options: z.strictObject({
    apiKey: secret('API key', { aliases: ['DNSMADEEASY_API_KEY', 'ME_Key'] }),
    secretKey: secret('Secret key', { aliases: ['DNSMADEEASY_API_SECRET', 'ME_Secret'] }),
    credentials: credentialsFile(['dns_dnsmadeeasy_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.dnsmadeeasy.com/V2.0').meta({
      examples: ['https://api.sandbox.dnsmadeeasy.com/V2.0'],
    }),
  }),
  notes: `Both keys are under **Config → Account information**. They may change everything in the account.

The clock of this machine must be right within 30 seconds. The account’s limit is 150 calls in 5 minutes.`,
  traits: {
    writes: 'value',
    // Five seconds for some accounts. Other clients use two minutes.
    minTtl: 120,
    // The limit is 150 calls in 5 minutes, and a change takes two, so several at once gain nothing.
    maxConcurrent: 1,
    perMinute: 15,
    cleanupBudgetMs: 180_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const where = 'under Config → Account information';
    const rest = createDnsRest({
      ...{ world, http, provider: 'DNS Made Easy', secrets: [options.apiKey, options.secretKey] },
      endpoint: options.endpoint,
      base: options.endpoint ?? 'https://api.dnsmadeeasy.com/V2.0',
      headers() {
        const date = world.clock.now().toUTCString();
        const hmac = createHmac('sha1', options.secretKey.reveal()).update(date).digest('hex');
        return { 'x-dnsme-apikey': options.apiKey.reveal(), 'x-dnsme-requestdate': date, 'x-dnsme-hmac': hmac };
      },
      advice(status, zone) {
        if (status === 401 || status === 403)
          return `Check \`apiKey\` and \`secretKey\` (they are ${where}), and this machine’s clock.`;
        if (status === 404)
          return `Add the domain ${zone} to the DNS Made Easy account, or use the keys of another one.`;
        return `Look at the domain ${zone} at https://cp.dnsmadeeasy.com.`;
      },
      judge,
    });
    return recordsProvider<string>(
      {
        find: (zone, signal) =>
          rest.call(
            {
              ...{ zone, path: `/dns/managed/name?${new URLSearchParams({ domainname: zone })}` },
              read({ body }) {
                const found = readFields(body, 'the domain');
                if (readString(found, 'name') !== zone) throw rest.lacks(zone);
                return String(found['id']);
              },
            },
            signal,
          ),
        async records(id, { zone, name, value }, signal) {
          const host = relativeName(name, zone, '');
          const found = await numberedPages(badList('DNS Made Easy', name), (page) => {
            // Pages begin with 0.
            const query = new URLSearchParams({ recordName: host, type: 'TXT', rows: '100', page: String(page - 1) });
            return rest.call(
              {
                ...{ zone, about: name, path: `/dns/managed/${id}/records?${query}` },
                read({ body }) {
                  const fields = readFields(body, 'the answer');
                  const isLast = page >= Number(fields['totalPages'] ?? 1);
                  return { found: readList(fields['data'], 'the list of records'), isLast };
                },
              },
              signal,
            );
          });
          return found
            .filter((one) => one['type'] === 'TXT' && one['name'] === host)
            .filter((one) => fromTxtContent(String(one['value'])) === value)
            .map((one) => String(one['id']));
        },
        async add(id, { zone, name, value, ttl }, signal) {
          const host = relativeName(name, zone, '');
          const body = { type: 'TXT', name: host, value: toTxtContent(value), ttl, gtdLocation: 'DEFAULT' };
          const path = `/dns/managed/${id}/records`;
          await rest.call({ zone, about: name, method: 'POST', path, body, read: () => undefined }, signal);
        },
        async remove(id, record, { zone, name }, signal) {
          const path = `/dns/managed/${id}/records/${record}`;
          await rest.call({ zone, about: name, method: 'DELETE', path, read: () => undefined }, signal);
        },
      },
      http,
    );
  },
});

/**
 * Judges by the text: an exceeded limit has the same code as other errors, and a wrong clock looks like a wrong key.
 */
function judge(answer: ApiAnswer): ReturnType<typeof judgeByStatus> {
  const said = isFields(answer.body) ? [answer.body['error']].flat().filter((one) => typeof one === 'string') : [];
  const verdict = judgeByStatus(answer, { reason: said.join('; ') });
  if (verdict.kind !== 'refused') return verdict;
  if (/rate limit/i.test(verdict.reason)) return { ...verdict, kind: 'limited' };
  const { clockAheadMs = 0 } = answer;
  if (answer.status !== 403 || Math.abs(clockAheadMs) < mostClockSkewMs) return verdict;
  const apart = `${Math.round(Math.abs(clockAheadMs) / 1000)} s ${clockAheadMs > 0 ? 'ahead' : 'behind'}`;
  return { ...verdict, reason: `${verdict.reason}; this machine’s clock is ${apart}` };
}
