import { createHash } from 'node:crypto';
import { isFailure } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { Http } from '../ports/http.ts';
import type { World } from '../ports/world.ts';
import { badList, createDnsApi } from './http/dns-api.ts';
import {
  type ApiAnswer,
  isRefusal,
  judgeByStatus,
  readFields,
  readList,
  UnreadableAnswer,
  type Verdict,
} from './http/json-api.ts';
import { numberedPages } from './http/pages.ts';
import { fromTxtContent } from './http/txt-content.ts';

/**
 * The records of West.cn, which are accessible over two APIs: one for accounts, with the API password, and one for
 * domains, with a key derived from a password.
 */
export interface WestRecords {
  /** Returns the IDs of the records with exactly this name and value. */
  find(value: DnsValue, signal: AbortSignal): Promise<readonly string[]>;
  /** Returns the new record's ID, or undefined if the record already exists. */
  create(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** Removes a record. Succeeds if the record no longer exists. */
  remove(value: DnsValue, id: string, signal: AbortSignal): Promise<void>;
}

interface Parts {
  readonly world: World;
  readonly http: Http;
  /** Such as `https://api.west.cn`. */
  readonly base: string;
}

const provider = 'West.cn';
export const settingsPage = 'https://www.west.cn/manager/API/APIconfig.asp';
/** The number of records to request at once. The API may return fewer. */
const longestPage = 500;

interface Call<T> {
  readonly path: string;
  readonly what: string;
  readonly at: Pick<DnsValue, 'zone' | 'name'>;
  readonly readsOnly: boolean;
  /** Builds the form for each attempt. */
  form(): Readonly<Record<string, string>>;
  readonly secrets: Iterable<Secret>;
  readonly judge: (answer: ApiAnswer) => Verdict;
  read(body: Fields): T;
}

function callWest<T>({ world, http, base }: Parts, call: Call<T>, signal: AbortSignal): Promise<T> {
  const { path, what, at, readsOnly, secrets, form, judge, read } = call;
  return createDnsApi({
    ...{ world, http, provider, judge },
    // Messages have this encoding, in which a letter can contain a backslash.
    charset: 'gbk',
    advice: `Look at the records of ${at.zone} at https://www.west.cn/manager/domainnew/.`,
  }).call({
    ...{ what, readsOnly, secrets, signal },
    about: at.name,
    build: () => ({
      method: 'POST',
      url: `${base}${path}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form()).toString(),
    }),
    read: (answer) => read(readFields(answer.body, 'the object')),
  });
}

function idIn(fields: Fields, name: string): string {
  const id = fields[name];
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id);
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

export interface WestAccount extends Parts {
  readonly username: string;
  /** The API password. */
  readonly password: Secret;
}

/** Creates a client for version 2 of the account API, whose errors have codes. */
export function westAccount({ username, password, ...parts }: WestAccount): WestRecords {
  const call = <T>(
    act: 'getdnsrecord' | 'adddnsrecord' | 'deldnsrecord',
    at: Pick<DnsValue, 'zone' | 'name'>,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
    read: (body: Fields) => T,
  ): Promise<T> => {
    const secrets = [password];
    const form = () => {
      const time = String(parts.world.clock.now().getTime());
      const token = createHash('md5').update(`${username}${password.reveal()}${time}`).digest('hex');
      secrets.push(new Secret(token));
      return { username, time, token, domain: at.zone, ...params };
    };
    const readsOnly = act === 'getdnsrecord';
    const judge = (answer: ApiAnswer) => judgeAccount(answer, at.zone);
    return callWest(
      parts,
      { path: `/api/v2/domain/?act=${act}`, what: act, ...{ at, readsOnly, form, secrets, judge, read } },
      signal,
    );
  };

  return {
    // This API has no filter, so all records are read.
    async find(value, signal) {
      let seen = 0;
      const all = await numberedPages(badList(provider, value.name), async (page) => {
        const paging = { limit: String(longestPage), pageno: String(page) };
        const { items, total } = await call('getdnsrecord', value, paging, signal, (body) => {
          if (noRecords.includes(codeOf(body))) return { items: [], total: 0 };
          const data = readFields(body['data'], 'data');
          const items = readList(data['items'], 'the list of records').map((item) => ({ item, id: idIn(item, 'id') }));
          return { items, total: Number(data['total']) };
        });
        seen += items.length;
        return { found: items, isLast: !(seen < total) };
      });
      return all.filter(({ item }) => isRecord(item, value)).map(({ id }) => id);
    },
    async create(value, signal) {
      const host = relativeName(value.name, value.zone);
      const params = { host, type: 'TXT', value: value.value, ttl: String(value.ttl) };
      try {
        return await call('adddnsrecord', value, params, signal, (body) =>
          idIn(readFields(body['data'], 'data'), 'id'),
        );
      } catch (error) {
        if (isRefusal(error, duplicate)) return undefined;
        throw error;
      }
    },
    async remove(value, id, signal) {
      try {
        await call('deldnsrecord', value, { id }, signal, () => undefined);
      } catch (error) {
        if (!isRefusal(error, unknownRecord)) throw error;
      }
    },
  };
}

const noRecords: readonly (string | undefined)[] = ['30001', '30201'];
const duplicate = '20118';
const unknownRecord = '20120';

const isRecord = (item: Fields, value: DnsValue): boolean =>
  String(item['type']).toUpperCase() === 'TXT' &&
  item['item'] === relativeName(value.name, value.zone) &&
  fromTxtContent(String(item['value'])) === value.value;

/** Returns the error code in a body whose `result` is not 200. */
const codeOf = (body: Fields): string | undefined =>
  Number(body['result']) === 200 || body['errcode'] === undefined ? undefined : String(body['errcode']);

function judgeAccount(answer: ApiAnswer, zone: string): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const verdict = judgeByStatus(answer);
  if (verdict.kind !== 'fine' || Number(body['result']) === 200) return verdict;
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

export interface WestKey extends Parts {
  /** The key of one domain, or an account name with its key. */
  readonly key: { readonly domainKey: Secret } | { readonly username: string; readonly apiKey: Secret };
}

/**
 * Creates a client for the domain API, which accepts keys. Its errors have no codes, so the client looks again after a
 * refusal.
 */
export function westKey({ key, ...parts }: WestKey): WestRecords {
  const [secret, given] = 'domainKey' in key ? [key.domainKey, '`domainKey`'] : [key.apiKey, '`username` and `apiKey`'];
  const call = <T>(
    act: 'dnsrec.list' | 'dnsrec.add' | 'dnsrec.remove',
    at: Pick<DnsValue, 'zone' | 'name'>,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
    read: (body: Fields) => T,
  ): Promise<T> => {
    const credentials: Readonly<Record<string, string>> =
      'domainKey' in key ? { apidomainkey: secret.reveal() } : { username: key.username, apikey: secret.reveal() };
    const form = () => ({ act, ...credentials, domain: at.zone, hostname: at.name, ...params });
    const readsOnly = act === 'dnsrec.list';
    const judge = (answer: ApiAnswer): Verdict => {
      const body = isFields(answer.body) ? answer.body : {};
      const verdict = judgeByStatus(answer);
      if (verdict.kind !== 'fine' || Number(body['code']) === 200 || (readsOnly && isEmptyList(body))) return verdict;
      const reason = typeof body['msg'] === 'string' ? body['msg'] : 'an answer without a code';
      const advice = `Check ${given}, and that ${at.zone} is the domain, or one of the domains, to which it belongs.`;
      return { kind: body['code'] === undefined ? 'failed' : 'refused', reason, advice };
    };
    const path = '/API/v2/domain/dns/';
    return callWest(parts, { path, what: act, at, readsOnly, form, secrets: [secret], judge, read }, signal);
  };

  const find: WestRecords['find'] = (value, signal) =>
    call('dnsrec.list', value, { record_type: 'TXT' }, signal, (body) => {
      if (isEmptyList(body)) return [];
      const hosts: readonly unknown[] = [value.name, relativeName(value.name, value.zone)];
      return readList(readFields(body['body'], 'body')['items'], 'the list of records')
        .filter((one) => one['record_type'] === 'TXT' && hosts.includes(one['hostname']))
        .filter((one) => fromTxtContent(String(one['record_value'])) === value.value)
        .map((one) => idIn(one, 'record_id'));
    });

  return {
    find,
    async create(value, signal) {
      const params = { record_type: 'TXT', record_value: value.value, record_ttl: String(value.ttl) };
      try {
        return await call('dnsrec.add', value, params, signal, (body) =>
          idIn(readFields(body['body'], 'body'), 'record_id'),
        );
      } catch (error) {
        const [made] = isFailure(error, 'dns/refused') ? await find(value, signal) : [];
        if (made === undefined) throw error;
        return made;
      }
    },
    async remove(value, id, signal) {
      try {
        await call('dnsrec.remove', value, { record_id: id }, signal, () => undefined);
      } catch (error) {
        if (!isFailure(error, 'dns/refused') || (await find(value, signal)).includes(id)) throw error;
      }
    },
  };
}

/** Reports whether the list is empty, which only the text of the message shows. */
const isEmptyList = (body: Fields): boolean =>
  Number(body['code']) !== 200 && /no records/i.test(String(body['msg'] ?? ''));
