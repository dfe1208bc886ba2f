import { createHash } from 'node:crypto';
import { createDnsApi } from '../clients/dns-api.ts';
import {
  type ApiAnswer,
  type Fields,
  isFields,
  isRefusal,
  judgeByStatus,
  readFields,
  readList,
  UnreadableAnswer,
  type Verdict,
} from '../clients/json-api.ts';
import { fromTxtContent } from '../clients/txt-content.ts';
import { relativeName } from '../core/dns-name.ts';
import { credentialsFile, defineDnsProvider, endpoint, Secret, secret, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

const provider = 'West.cn';
const settingsPage = 'https://www.west.cn/manager/API/APIconfig.asp';
/** As many records as are asked for at once; the API may answer with fewer. */
const longestPage = 500;

export default defineDnsProvider({
  id: 'westcn',
  title: 'West.cn (西部数码)',
  homepage: 'https://www.west.cn',
  apiDocs: 'https://www.west.cn/CustomerCenter/doc/domain_v2.html',
  since: '0.2.0',
  tested: 'documents only',
  options: z.strictObject({
    username: z
      .string()
      .regex(/^[\x21-\x7e]+$/, { error: 'write the user name in letters and digits' })
      .meta({ title: 'User name of the account', examples: ['ops'], aliases: ['WESTCN_USERNAME', 'DWEST_USERNAME'] }),
    password: secret('API password, which is not that of the account', {
      aliases: ['WESTCN_PASSWORD', 'DWEST_PASSWORD'],
    }),
    credentials: credentialsFile(['dns_westcn_']),
    endpoint: endpoint('The API’s address, if not https://api.west.cn'),
  }),
  notes: `Set an API password at <${settingsPage}>, and allow the address of this machine there. It may do everything in the
account; there are none with fewer rights. The keys of single domains (\`apidomainkey\`), which other clients use, are for another
API and do not work here.`,
  traits: {
    // Records are objects of their own, and West.cn itself refuses duplicates.
    writes: 'value',
    minTtl: 60,
    // The API closes for a while if it is called too often, without saying how often that is.
    maxConcurrent: 1,
    perMinute: 60,
    visibleMs: 3 * 60_000,
    // At that pace, many values take longer than usual to remove.
    cleanupBudgetMs: 2 * 60_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const base = (options.endpoint ?? 'https://api.west.cn').replace(/\/+$/, '');

    const call = <T>(
      act: 'getdnsrecord' | 'adddnsrecord' | 'deldnsrecord',
      { zone, name }: Pick<DnsValue, 'zone' | 'name'>,
      params: Readonly<Record<string, string>>,
      signal: AbortSignal,
      read: (body: Fields) => T,
    ): Promise<T> => {
      const secrets = [options.password];
      return createDnsApi({
        ...{ world, http, provider },
        // Messages are in this encoding, which can have a backslash in a letter.
        charset: 'gbk',
        advice: `Look at the records of ${zone} at https://www.west.cn/manager/domainnew/.`,
        judge: (answer) => judge(answer, zone),
      }).call({
        what: act,
        ...{ about: name, signal, secrets },
        readsOnly: act === 'getdnsrecord',
        build() {
          const time = String(world.clock.now().getTime());
          const token = createHash('md5')
            .update(`${options.username}${options.password.reveal()}${time}`)
            .digest('hex');
          secrets.push(new Secret(token));
          return {
            method: 'POST',
            url: `${base}/api/v2/domain/?act=${act}`,
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams({ username: options.username, time, token, domain: zone, ...params }).toString(),
          };
        },
        read: (answer) => read(readFields(answer.body, 'the object')),
      });
    };

    /** The ids of the records with exactly this name and value. The API has no filter, so all records are read. */
    async function find(value: DnsValue, signal: AbortSignal): Promise<readonly string[]> {
      const ids: string[] = [];
      for (let page = 1, seen = 0; ; page += 1) {
        const paging = { limit: String(longestPage), pageno: String(page) };
        const { items, total } = await call('getdnsrecord', value, paging, signal, (body) => {
          if (noRecords.includes(codeOf(body))) return { items: [], total: 0 };
          const data = readFields(body['data'], 'data');
          return { items: readList(data['items'], 'the list of records'), total: Number(data['total']) };
        });
        seen += items.length;
        for (const item of items) if (isRecord(item, value)) ids.push(idOf(item));
        if (items.length === 0 || !(seen < total)) return ids;
      }
    }

    return {
      kind: 'values',
      async append(value, signal) {
        const [existing] = await find(value, signal);
        if (existing !== undefined) return existing;
        const params = {
          host: relativeName(value.name, value.zone),
          type: 'TXT',
          value: value.value,
          ttl: String(value.ttl),
        };
        try {
          return await call('adddnsrecord', value, params, signal, (body) => idOf(readFields(body['data'], 'data')));
        } catch (error) {
          if (isRefusal(error, duplicate)) return undefined;
          throw error;
        }
      },
      async remove(value, _made, signal) {
        for (const id of await find(value, signal)) {
          try {
            await call('deldnsrecord', value, { id }, signal, () => undefined);
          } catch (error) {
            // Another process was faster.
            if (!isRefusal(error, unknownRecord)) throw error;
          }
        }
      },
      async check(zone, signal) {
        await find({ zone, name: zone, value: '', ttl: 60 }, signal);
      },
      close: () => http.close(),
    };
  },
});

const noRecords: readonly (string | undefined)[] = ['30001', '30201'];
const duplicate = '20118';
const unknownRecord = '20120';

const isRecord = (item: Fields, value: DnsValue): boolean =>
  String(item['type']).toUpperCase() === 'TXT' &&
  item['item'] === relativeName(value.name, value.zone) &&
  fromTxtContent(String(item['value'])) === value.value;

function idOf(fields: Fields): string {
  const { id } = fields;
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id);
  throw new UnreadableAnswer('id is missing in its answer');
}

/** The code of an error, in a body whose `result` is not 200. */
const codeOf = (body: Fields): string | undefined =>
  Number(body['result']) === 200 || body['errcode'] === undefined ? undefined : String(body['errcode']);

function judge(answer: ApiAnswer, zone: string): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const verdict = judgeByStatus(answer);
  if (verdict.kind !== 'fine') return verdict;
  if (Number(body['result']) === 200) return verdict;
  const code = codeOf(body);
  if (noRecords.includes(code)) return verdict;
  const reason = typeof body['msg'] === 'string' ? body['msg'] : 'an answer without a result';
  if (code === undefined) return { kind: 'failed', reason };
  return { kind: 'refused', code, reason, advice: adviceOn(code, zone) };
}

function adviceOn(code: string, zone: string): string {
  if (code === '10002') return `Allow the address of this machine for the account of \`username\` at ${settingsPage}.`;
  if (code.startsWith('100')) return `Check \`username\` and \`password\`: the API password is set at ${settingsPage}.`;
  return `Check that ${zone} is a domain of the account of \`username\`, and that it uses the name servers of West.cn.`;
}
