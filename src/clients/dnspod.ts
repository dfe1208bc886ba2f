import { relativeName } from '../core/dns-name.ts';
import type { CertfleetError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { homepage, version } from '../core/version.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { Http } from '../ports/http.ts';
import type { World } from '../ports/world.ts';
import type { KeySource } from './access-keys.ts';
import { createDnsApi, dnsError } from './dns-api.ts';
import {
  type ApiAnswer,
  type Fields,
  isFields,
  isRefusal,
  judgeByStatus,
  readFields,
  readList,
  type Trouble,
  UnreadableAnswer,
  type Verdict,
} from './json-api.ts';
import { createTencent } from './tencent.ts';

/**
 * The records of DNSPod, which two APIs reach: the older one with tokens of DNSPod itself (dnsapi.cn), and version 3.0 of
 * Tencent Cloud's API. Both know a record by the same number.
 */
export interface Dnspod {
  /** The TXT records at a name; as much as half a minute old. */
  list(at: DnspodName, signal: AbortSignal): Promise<readonly DnspodRecord[]>;
  /** A record by its number, as it is now; undefined if there is none. */
  record(at: DnspodName, id: string, signal: AbortSignal): Promise<DnspodRecord | undefined>;
  /** The new record's number; undefined if there is such a record already. */
  create(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** Succeeds if there is no such record any more. */
  remove(at: DnspodName, id: string, signal: AbortSignal): Promise<void>;
}

export type DnspodName = Pick<DnsValue, 'zone' | 'name'>;

export interface DnspodRecord {
  readonly id: string;
  readonly type: unknown;
  /** Relative to the zone; `@` for the zone itself. */
  readonly host: unknown;
  readonly value: unknown;
}

interface Parts {
  readonly world: World;
  readonly http: Http;
  readonly endpoint: string | undefined;
}

const provider = 'DNSPod';
/** The most that one answer contains. */
const longestList = 3_000;
/** The line that answers where no other does. It has the same number everywhere, and a name in each language. */
const defaultLine = { id: '0', chinese: '默认' } as const;

const withoutZone = (zone: string, credentials: string): string =>
  `Check that ${zone} is a domain of the account of ${credentials}, or is shared with it, and that it is not locked: see https://console.dnspod.cn/dns/list.`;

/** `id` is text in one API and a number in the other. */
function idOf(fields: Fields, name: string): string {
  const id = fields[name];
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id);
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

/** Reads page by page, in case a name has more records than one answer contains. */
async function allPages(
  page: (offset: number) => Promise<{ readonly records: readonly DnspodRecord[]; readonly total: number }>,
): Promise<readonly DnspodRecord[]> {
  const found: DnspodRecord[] = [];
  for (;;) {
    const { records, total } = await page(found.length);
    found.push(...records);
    if (records.length === 0 || !(found.length < total)) return found;
  }
}

/** @param loginToken ID and token with a comma between them */
export function dnspodWithToken({
  world,
  http,
  endpoint,
  loginToken,
}: Parts & { readonly loginToken: Secret }): Dnspod {
  const base = (endpoint ?? 'https://dnsapi.cn').replace(/\/+$/, '');
  // The international service knows no numbers of lines.
  const line: Readonly<Record<string, string>> = new URL(base).hostname.endsWith('dnspod.com')
    ? { record_line: 'default' }
    : { record_line: defaultLine.chinese, record_line_id: defaultLine.id };
  const secrets = [loginToken, new Secret(loginToken.reveal().replace(/^.*,/, ''))];

  const call = <T>(
    action: string,
    { zone, name }: DnspodName,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
    read: (body: Fields) => T,
  ): Promise<T> =>
    createDnsApi({
      world,
      http,
      provider,
      advice: `Check \`id\` and \`token\`, or \`loginToken\`: tokens are made at ${tokenPage}.`,
      judge: (answer) => judgeStatus(answer, zone),
    }).call({
      what: action,
      about: name,
      readsOnly: action === 'Record.List' || action === 'Record.Info',
      secrets,
      build: () => ({
        method: 'POST',
        url: `${base}/${action}`,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          // Required in this form: DNSPod closes an account to programs that it cannot identify.
          'user-agent': `certfleet/${version} (${homepage})`,
        },
        body: new URLSearchParams({
          login_token: loginToken.reveal(),
          format: 'json',
          lang: 'en',
          error_on_empty: 'no',
          domain: zone,
          ...params,
        }).toString(),
      }),
      read: (answer) => read(readFields(answer.body, 'the object')),
      signal,
    });

  return {
    list: (at, signal) =>
      allPages((offset) => {
        const paging = { offset: String(offset), length: String(longestList) };
        return call(
          'Record.List',
          at,
          { sub_domain: relativeName(at.name, at.zone), record_type: 'TXT', ...paging },
          signal,
          (body) => ({
            total: Number(isFields(body['info']) ? body['info']['record_total'] : 0),
            records:
              codeOf(body) === noRecords
                ? []
                : readList(body['records'], 'the list of records').map((one) => ({
                    id: idOf(one, 'id'),
                    type: one['type'],
                    host: one['name'],
                    value: one['value'],
                  })),
          }),
        );
      }),
    record: (at, id, signal) =>
      call('Record.Info', at, { record_id: id }, signal, (body) => {
        const record = readFields(body['record'], 'the record');
        return { id, type: record['record_type'], host: record['sub_domain'], value: record['value'] };
      }).catch(unlessRefused(...unknownRecord)),
    create: (value, signal) =>
      call(
        'Record.Create',
        value,
        {
          sub_domain: relativeName(value.name, value.zone),
          record_type: 'TXT',
          ...line,
          value: value.value,
          ttl: String(value.ttl),
        },
        signal,
        (body) => idOf(readFields(body['record'], 'the record'), 'id'),
      ).catch(unlessRefused(duplicate)),
    remove: (at, id, signal) =>
      call('Record.Remove', at, { record_id: id }, signal, () => undefined).catch(unlessRefused(...unknownRecord)),
  };
}

/** Undefined instead of a refusal with one of these codes. */
const unlessRefused =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!isRefusal(error, ...codes)) throw error;
  };

const tokenPage = 'https://console.dnspod.cn/account/token/token';
const noRecords = '10';
const duplicate = '104';
const unknownRecord = ['8'] as const;
/** Login failed; refused from this place; and the token's ID or its text is wrong. */
const badLogin: readonly string[] = ['-1', '85', '10001', '10002', '10003', '10004'];
const tooManyCalls = '-2';
const tooManyWrongLogins = '-8';
/** As long as DNSPod says that it lasts. */
const banMs = 60 * 60_000;

const codeOf = (body: unknown): string | undefined => {
  const status = isFields(body) ? body['status'] : undefined;
  return isFields(status) ? String(status['code']) : undefined;
};

/** Answers have status 200 and a code of their own. */
function judgeStatus(answer: ApiAnswer, zone: string): Verdict {
  const code = codeOf(answer.body);
  if (code === undefined) {
    const verdict = judgeByStatus(answer);
    return verdict.kind === 'fine' ? { kind: 'failed', reason: 'an answer without a status code' } : verdict;
  }
  if (code === '1' || code === noRecords) return { kind: 'fine' };
  const status = isFields(answer.body) ? answer.body['status'] : undefined;
  const words = { code, reason: isFields(status) ? String(status['message'] ?? '') : '' };
  if (code === tooManyCalls) return { kind: 'limited', ...words };
  if (code === tooManyWrongLogins) return { kind: 'limited', retryAfterMs: banMs, ...words };
  if (code === '3' || code === '-99') return { kind: 'failed', ...words };
  if (badLogin.includes(code))
    return {
      kind: 'refused',
      ...words,
      advice: `Check \`id\` and \`token\`, or \`loginToken\`: DNSPod does not accept them. Tokens are made at ${tokenPage}; a key that begins with AKID is one of Tencent Cloud and belongs in \`secretId\`.`,
    };
  return { kind: 'refused', ...words, advice: adviceOnCode(code, zone) };
}

function adviceOnCode(code: string, zone: string): string {
  if (code === '32' || code === '29') return `The DNSPod plan of ${zone} allows no TTL that short; see its settings.`;
  if (code === '21') return `Unlock ${zone} at https://console.dnspod.cn/dns/list.`;
  return withoutZone(zone, '`id` and `token`');
}

export function dnspodWithKeys({
  world,
  http,
  endpoint,
  credentials,
}: Parts & { readonly credentials: KeySource }): Dnspod {
  const url = endpoint ?? 'https://dnspod.tencentcloudapi.com';
  const line = new URL(url).hostname.includes('.intl.') ? 'Default' : defaultLine.chinese;
  const call = (
    action: string,
    { zone, name }: DnspodName,
    params: Fields,
    { signal, readsOnly }: { readonly signal: AbortSignal; readonly readsOnly: boolean },
  ): Promise<Fields> =>
    createTencent({
      ...{ http, clock: world.clock, random: world.random, log: world.log, name: provider, credentials },
      ...{ endpoint: url, service: 'dnspod', version: '2021-03-23' },
      error: (trouble) => cloudError(trouble, zone),
    }).call(action, { Domain: zone, ...params }, { about: name, signal, readsOnly });

  return {
    list: (at, signal) =>
      allPages(async (offset) => {
        const params = {
          Subdomain: relativeName(at.name, at.zone),
          RecordType: 'TXT',
          ErrorOnEmpty: 'no',
          Limit: longestList,
        };
        const response = await call(
          'DescribeRecordList',
          at,
          { ...params, Offset: offset },
          { signal, readsOnly: true },
        );
        const counts = isFields(response['RecordCountInfo']) ? response['RecordCountInfo'] : {};
        return {
          total: Number(counts['TotalCount']),
          records: readList(response['RecordList'], 'RecordList').map((one) => ({
            id: idOf(one, 'RecordId'),
            type: one['Type'],
            host: one['Name'],
            value: one['Value'],
          })),
        };
      }).catch((error: unknown) => {
        if (!isRefusal(error, 'ResourceNotFound.NoDataOfRecord')) throw error;
        return [];
      }),
    record: (at, id, signal) =>
      call('DescribeRecord', at, { RecordId: Number(id) }, { signal, readsOnly: true }).then(
        (response) => {
          const record = readFields(response['RecordInfo'], 'RecordInfo');
          return { id, type: record['RecordType'], host: record['SubDomain'], value: record['Value'] };
        },
        unlessRefused(...unknownCloudRecord),
      ),
    create: (value, signal) =>
      call(
        'CreateRecord',
        value,
        {
          ...{
            SubDomain: relativeName(value.name, value.zone),
            RecordType: 'TXT',
            RecordLine: line,
            RecordLineId: defaultLine.id,
          },
          ...{ Value: value.value, TTL: value.ttl },
        },
        { signal, readsOnly: false },
      ).then((response) => idOf(response, 'RecordId'), unlessRefused('InvalidParameter.DomainRecordExist')),
    remove: (at, id, signal) =>
      call('DeleteRecord', at, { RecordId: Number(id) }, { signal, readsOnly: false }).then(
        () => undefined,
        unlessRefused(...unknownCloudRecord),
      ),
  };
}

const unknownCloudRecord = ['ResourceNotFound.NoDataOfRecord', 'InvalidParameter.RecordIdInvalid'] as const;

function cloudError(trouble: Trouble, zone: string): CertfleetError {
  const { code, reason, advice, isClockSkew } = trouble;
  if (isClockSkew) return dnsError(provider, { ...trouble, reason: `${reason} ${advice ?? ''}` });
  if (advice !== undefined) return dnsError(provider, trouble);
  return dnsError(provider, {
    ...trouble,
    advice: code === 'LimitExceeded.RecordTtlLimit' ? adviceOnCode('32', zone) : withoutZone(zone, '`secretId`'),
  });
}
