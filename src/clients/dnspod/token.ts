import { Secret } from '../../core/errors/secret.ts';
import { homepage, version } from '../../core/errors/version.ts';
import { relativeName } from '../../core/names/dns-name.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { createDnsApi } from '../http/dns-api.ts';
import { type ApiAnswer, judgeByStatus, readFields, readList, type Verdict } from '../http/json-api.ts';
import {
  allPages,
  type Dnspod,
  type DnspodName,
  type DnspodParts,
  defaultLine,
  idOf,
  longestList,
  provider,
  shortTtl,
  unlessRefused,
  withoutZone,
} from './dnspod.ts';

/** @param loginToken the ID and the token, separated by a comma */
export function dnspodWithToken({
  world,
  http,
  endpoint,
  loginToken,
}: DnspodParts & { readonly loginToken: Secret }): Dnspod {
  const base = (endpoint ?? 'https://dnsapi.cn').replace(/\/+$/, '');
  // The international service does not support line numbers.
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
      allPages(at, (offset) => {
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

const tokenPage = 'https://console.dnspod.cn/account/token/token';
const noRecords = '10';
const duplicate = '104';
const unknownRecord = ['8'] as const;
/** Failed login, refused location, wrong token ID, or wrong token. */
const badLogin: readonly string[] = ['-1', '85', '10001', '10002', '10003', '10004'];
const tooManyCalls = '-2';
const tooManyWrongLogins = '-8';
/** The duration of the ban, according to DNSPod. */
const banMs = 60 * 60_000;

const codeOf = (body: unknown): string | undefined => {
  const status = isFields(body) ? body['status'] : undefined;
  return isFields(status) ? String(status['code']) : undefined;
};

/** Judges a response: all have status 200, and a code in the body. */
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
  if (code === '32' || code === '29') return shortTtl(zone);
  if (code === '21') return `Unlock ${zone} at https://console.dnspod.cn/dns/list.`;
  return withoutZone(zone, '`id` and `token`');
}
