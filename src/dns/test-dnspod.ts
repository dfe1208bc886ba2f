import { createHash, createHmac } from 'node:crypto';
import { relativeName } from '../core/dns-name.ts';
import { Secret } from '../core/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../testing/fake-api.ts';
import dnspod from './dnspod.ts';

export const keys = { secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3', secretKey: 'Gu5t9xGARNpq86cd98joQYCN3Cozk1qA' };
export const otherKeys = { secretId: 'AKIDreadOnlyz8krbsJ5yKBZQpn74', secretKey: 'readOnly9xGARNpq86cd98joQYCN3Coz' };
export const tokenId = '13490';
export const token = '6b5976c68aba5b14a0558b77c17c3932';

interface Domain {
  readonly id: number;
  readonly name: string;
  /** Whose it is; only `ours` may change it. */
  readonly account: 'ours' | 'other';
  readonly isLocked?: boolean;
}

interface Record {
  readonly id: number;
  readonly domain: string;
  readonly host: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number;
  readonly addedMs: number;
  removedMs: number;
}

export interface TestDnspod extends FakeDnsService {
  /** TXT records that are there now. */
  records(): readonly Record[];
  /** Parameters of each call. */
  readonly sent: readonly { readonly action: string; readonly params: { readonly [name: string]: unknown } }[];
}

const fewest = 600;
const most = 604_800;

/** The account's domains and records, which both APIs show. */
function createAccount(clock: Clock) {
  let last = 16_894_000;
  const ours = (name: string): Domain => ({ id: ++last, name, account: 'ours' });
  const domains: Domain[] = [
    ...fakeZones.map(ours),
    { id: ++last, name: 'foreign.test', account: 'other' },
    { id: ++last, name: 'locked.test', account: 'ours', isLocked: true },
  ];
  const records: Record[] = [];
  const state = { lagMs: 0 };
  const isThere = (one: Record, atMs: number) => one.addedMs <= atMs && one.removedMs > atMs;
  return {
    state,
    domains,
    addDomains: (names: readonly string[]) => void domains.push(...names.map(ours)),
    domain: (name: unknown) => domains.find((one) => one.name === name),
    now: () => records.filter((one) => isThere(one, clock.monotonicMs())),
    listed: (domain: string) =>
      records.filter((one) => one.domain === domain && isThere(one, clock.monotonicMs() - state.lagMs)),
    add(domain: string, host: string, value: string, ttl: number, addedMs = clock.monotonicMs()): Record {
      const added = { domain, host, type: 'TXT', value, ttl, id: ++last, addedMs, removedMs: Infinity };
      records.push(added);
      return added;
    },
    find: (domain: string, id: unknown) =>
      records.find(
        (one) => one.domain === domain && String(one.id) === String(id) && isThere(one, clock.monotonicMs()),
      ),
    remove: (record: Record) => {
      record.removedMs = clock.monotonicMs();
    },
    has: (domain: string, host: string, type: string, value: string) =>
      records.some(
        (one) =>
          one.domain === domain &&
          one.host === host &&
          one.type === type &&
          one.value === value &&
          isThere(one, clock.monotonicMs()),
      ),
  };
}

type Account = ReturnType<typeof createAccount>;
type Sent = TestDnspod['sent'][number];

function testOf(account: Account, api: FakeApi, sent: readonly Sent[]): TestDnspod {
  const fqdn = ({ host, domain }: Record) => (host === '@' ? domain : `${host}.${domain}`);
  return {
    api,
    sent,
    records: account.now,
    values: (zone) =>
      account
        .now()
        .filter(({ domain }) => domain === zone)
        .map((one) => ({ name: fqdn(one), value: one.value })),
    // As if it had been there long enough to be in every list.
    plant: (value) =>
      void account.add(value.zone, relativeName(value.name, value.zone), value.value, fewest, -Infinity),
    addZones: account.addDomains,
    lag(ms) {
      account.state.lagMs = ms;
    },
  };
}

// dnsapi.cn

const said = (code: string, message: string, more: object = {}): FakeAnswer => ({
  status: 200,
  body: { status: { code, message, created_at: '2026-11-24 12:00:00' }, ...more },
});
const done = (more: object) => said('1', 'Action completed successful', more);

/** The API with DNSPod's own tokens. */
export function testDnspodToken(clock: Clock): TestDnspod {
  const account = createAccount(clock);
  const sent: Sent[] = [];
  let wrongLogins = 0;

  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const agent = request.headers['user-agent'] ?? '';
    if (request.method !== 'POST') return said('2', 'Only POST method allowed');
    if (agent === '' || /Mozilla/.test(agent)) return { status: 403, body: 'Forbidden' };
    const form = request.form();
    if (form.get('format') !== 'json') return { status: 200, body: '<?xml version="1.0"?><dnspod></dnspod>' };
    const login = form.get('login_token') ?? '';
    if (!/^\w+,\w+$/.test(login))
      return { status: 401, headers: { 'content-type': 'text/html' }, body: '<html>401 Authorization Required</html>' };
    if (wrongLogins >= 30) return said('-8', 'Too many login failures, the account is locked for a while');
    if (login === `${tokenId},${token}`) return undefined;
    wrongLogins += 1;
    return login.startsWith(`${tokenId},`)
      ? said('-1', 'Login fail, please check login info')
      : said('10002', 'The login token ID is invalid');
  };

  /** @param params all that it takes, with `!` at the end of those that it needs */
  const action =
    (name: string, params: string, run: (p: { [name: string]: string }, domain: Domain) => FakeAnswer) =>
    (request: FakeRequest): FakeAnswer => {
      const common = ['login_token', 'format', 'lang', 'error_on_empty'];
      const given = Object.fromEntries([...request.form()].filter(([key]) => !common.includes(key)));
      sent.push({ action: name, params: given });
      const known = params.split(' ').map((one) => one.replace('!', ''));
      const wrong = Object.keys(given).find((key) => !known.includes(key));
      const lacking = params.split(' ').find((one) => one.endsWith('!') && !given[one.slice(0, -1)]);
      if (wrong !== undefined || lacking !== undefined) return said('6', `Parameter wrong: ${wrong ?? lacking}`);
      if (name === 'Domain.List') return run(given, account.domains[0]!);
      const domain = account.domains.find(
        (one) => one.name === given['domain'] || String(one.id) === given['domain_id'],
      );
      if (!domain) return said('6', 'Domain id invalid');
      if (domain.account !== 'ours') return said('7', 'You have no permission to this domain');
      return run(given, domain);
    };
  const shown = ({ id, host, type, value, ttl }: Record) => ({
    ...{ id: String(id), name: host, line: '默认', line_id: '0', type, ttl: String(ttl), value, mx: '0', enabled: '1' },
    ...{ status: 'enabled', weight: null, monitor_status: '', remark: '', updated_on: '2026-11-24 12:00:00' },
  });
  const domainOf = (domain: Domain) => ({ id: domain.id, name: domain.name, punycode: domain.name, grade: 'DP_Free' });

  const api = createFakeApi({
    clock,
    origin: 'https://dnsapi.cn',
    authorize,
    nameOf: ({ url }) => url.pathname.slice(1),
    routes: {
      'POST /Domain.List': action('Domain.List', 'type offset length keyword', ({ offset = '0', length = '3000' }) => {
        const ours = account.domains.filter((one) => one.account === 'ours');
        const page = ours.slice(Number(offset), Number(offset) + Number(length));
        return done({ info: { domain_total: ours.length }, domains: page.map(domainOf) });
      }),
      'POST /Domain.Info': action('Domain.Info', 'domain domain_id', (_params, domain) =>
        done({ domain: { ...domainOf(domain), id: String(domain.id) } }),
      ),
      'POST /Record.List': (request) =>
        action(
          'Record.List',
          'domain domain_id sub_domain record_type record_line keyword offset length',
          ({ sub_domain, record_type, offset = '0', length = '3000' }, domain) => {
            if (!/^\d+$/.test(offset)) return said('7', 'Record offset invalid');
            if (!/^\d+$/.test(length) || Number(length) > 3000) return said('8', 'Record length invalid');
            const all = account
              .listed(domain.name)
              .filter(
                ({ host, type }) =>
                  (sub_domain === undefined || host === sub_domain) &&
                  (record_type === undefined || type === record_type),
              );
            const page = all.slice(Number(offset), Number(offset) + Number(length));
            const info = { sub_domains: String(all.length), record_total: String(all.length) };
            if (page.length === 0 && request.form().get('error_on_empty') !== 'no') return said('10', 'No records');
            return done({ domain: domainOf(domain), info, records: page.map(shown) });
          },
        )(request),
      'POST /Record.Info': action('Record.Info', 'domain domain_id record_id!', ({ record_id }, domain) => {
        const record = account.find(domain.name, record_id);
        if (!record) return said('8', 'Record id invalid');
        const { id, host, type, value, ttl } = record;
        const fields = {
          id: String(id),
          sub_domain: host,
          record_type: type,
          record_line: '默认',
          record_line_id: '0',
        };
        return done({
          domain: { id: domain.id, domain: domain.name, domain_grade: 'DP_Free' },
          record: { ...fields, value, ttl: String(ttl), enabled: '1', domain_id: String(domain.id) },
        });
      }),
      'POST /Record.Create': action(
        'Record.Create',
        'domain domain_id sub_domain record_type! record_line record_line_id value! mx ttl status weight',
        ({ sub_domain = '@', record_type, record_line, record_line_id, value, ttl = '600' }, domain) => {
          if (domain.isLocked) return said('21', 'Domain is locked');
          if (!/^(@|[\w*-]+(\.[\w-]+)*)$/.test(sub_domain)) return said('22', 'Subdomain invalid');
          if ((record_line_id ?? '0') !== '0' || (record_line_id === undefined && record_line !== '默认'))
            return said('26', 'Record line invalid');
          if (record_type !== 'TXT') return said('27', 'Record type invalid');
          if (!/^\d+$/.test(ttl) || Number(ttl) < fewest || Number(ttl) > most)
            return said('32', 'TTL value is out of the limit');
          if (account.has(domain.name, sub_domain, record_type, value!)) return said('104', 'Record already exists');
          const { id } = account.add(domain.name, sub_domain, value!, Number(ttl));
          return done({ record: { id: String(id), name: sub_domain, status: 'enable' } });
        },
      ),
      'POST /Record.Remove': action('Record.Remove', 'domain domain_id record_id!', ({ record_id }, domain) => {
        if (domain.isLocked) return said('21', 'Domain is locked');
        const record = account.find(domain.name, record_id);
        if (!record) return said('8', 'Record id invalid');
        account.remove(record);
        return done({});
      }),
    },
  });
  return testOf(account, api, sent);
}

// dnspod.tencentcloudapi.com

const response = (fields: object): FakeAnswer => ({
  status: 200,
  body: { Response: { ...fields, RequestId: 'ab4f1426-ea15-42ea-8183-dc1b44151166' } },
});
const refused = (Code: string, Message: string) => response({ Error: { Code, Message } });

/** The right `Authorization` for the headers that the client has signed; content-type and host must be among them. */
function signatureOf(headers: FakeRequest['headers'], body: string, { secretId, secretKey }: typeof keys): string {
  const signed = /SignedHeaders=([\w;-]+)/.exec(headers['authorization'] ?? '')?.[1] ?? '';
  const names = signed.split(';');
  if (!names.includes('content-type') || !names.includes('host')) return 'it lacks a header';
  const lines = names.map((name) => `${name}:${headers[name]?.toLowerCase()}\n`).join('');
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const canonical = ['POST', '/', '', lines, signed, sha256(body)].join('\n');
  const timestamp = headers['x-tc-timestamp']!;
  const date = new Date(Number(timestamp) * 1000).toISOString().slice(0, 10);
  const scope = `${date}/dnspod/tc3_request`;
  const key = hmac(hmac(hmac(`TC3${secretKey}`, date), 'dnspod'), 'tc3_request');
  const signature = hmac(key, ['TC3-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n')).toString('hex');
  return `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

/** Version 3.0 of Tencent Cloud's API. */
export function testDnspodKeys(clock: Clock): TestDnspod {
  const account = createAccount(clock);
  const sent: Sent[] = [];

  const authorize = ({ headers, text }: FakeRequest): FakeAnswer | undefined => {
    const timestamp = Number(headers['x-tc-timestamp']);
    const secretId = /Credential=([^/]+)\//.exec(headers['authorization'] ?? '')?.[1] ?? '';
    const used = [keys, otherKeys].find((one) => one.secretId === secretId);
    if (!headers['authorization']?.startsWith('TC3-HMAC-SHA256 '))
      return refused('AuthFailure.InvalidAuthorization', 'The authorization header is wrong.');
    if (!used)
      return refused(
        'AuthFailure.SecretIdNotFound',
        'The SecretId is not found, please ensure that your SecretId is correct.',
      );
    if (Math.abs(clock.now().getTime() / 1000 - timestamp) > 300)
      return refused('AuthFailure.SignatureExpire', 'The signature has expired, please check your local time.');
    if (headers['authorization'] !== signatureOf(headers, text, used))
      return refused('AuthFailure.SignatureFailure', 'The provided credentials could not be validated.');
    if (headers['x-tc-version'] !== '2021-03-23') return refused('NoSuchVersion', 'The API version is wrong.');
    const action = headers['x-tc-action'] ?? '';
    if (used === otherKeys && !action.startsWith('Describe'))
      return refused(
        'AuthFailure.UnauthorizedOperation',
        `you are not authorized to perform operation (dnspod:${action})`,
      );
    return undefined;
  };

  type Params = { [name: string]: unknown };
  /** The type of each parameter, with `!` where it is needed. */
  const actions: Readonly<{
    [action: string]: readonly [Readonly<{ [name: string]: string }>, (p: Params, domain: Domain) => FakeAnswer];
  }> = {
    DescribeDomainList: [
      { Type: 'string', Offset: 'number', Limit: 'number', GroupId: 'number', Keyword: 'string' },
      ({ Offset = 0, Limit = 3000 }) => {
        const ours = account.domains.filter((one) => one.account === 'ours');
        const page = ours.slice(Number(Offset), Number(Offset) + Number(Limit));
        return response({
          DomainCountInfo: { DomainTotal: ours.length, AllTotal: ours.length },
          DomainList: page.map(({ id, name }) => ({
            DomainId: id,
            Name: name,
            Punycode: name,
            Status: 'ENABLE',
            TTL: 600,
          })),
        });
      },
    ],
    DescribeRecordList: [
      {
        ...{ Domain: 'string!', DomainId: 'number', Subdomain: 'string', SubDomain: 'string', RecordType: 'string' },
        ...{ RecordLine: 'string', RecordLineId: 'string', Keyword: 'string', SortField: 'string', SortType: 'string' },
        ...{ Offset: 'number', Limit: 'number', ErrorOnEmpty: 'string' },
      },
      ({ Subdomain, SubDomain = Subdomain, RecordType, Offset = 0, Limit = 100, ErrorOnEmpty }, domain) => {
        if (Number(Limit) > 3000) return refused('InvalidParameterValue.LimitInvalid', 'Limit is wrong.');
        const all = account
          .listed(domain.name)
          .filter(
            ({ host, type }) =>
              (SubDomain === undefined || host === SubDomain) && (RecordType === undefined || type === RecordType),
          );
        const page = all.slice(Number(Offset), Number(Offset) + Number(Limit));
        if (page.length === 0 && ErrorOnEmpty !== 'no')
          return refused('ResourceNotFound.NoDataOfRecord', 'The record list is empty.');
        return response({
          RecordCountInfo: { SubdomainCount: all.length, ListCount: page.length, TotalCount: all.length },
          RecordList: page.map(({ id, host, type, value, ttl }) => ({
            ...{ RecordId: id, Name: host, Type: type, Value: value, TTL: ttl, Line: '默认', LineId: '0' },
            ...{ Status: 'ENABLE', Weight: null, MonitorStatus: '', Remark: '', MX: 0, DefaultNS: false },
          })),
        });
      },
    ],
    DescribeRecordFilterList: [
      { Domain: 'string!', DomainId: 'number', SubDomain: 'string', RecordValue: 'string' },
      ({ SubDomain, RecordValue }, domain) => {
        const all = account
          .listed(domain.name)
          .filter(
            ({ host, value }) =>
              (SubDomain === undefined || host === SubDomain) && (RecordValue === undefined || value === RecordValue),
          );
        return response({
          RecordCountInfo: { SubdomainCount: all.length, ListCount: all.length, TotalCount: all.length },
          RecordList: all.map(({ id, host, type, value, ttl }) => ({
            ...{ RecordId: id, Name: host, Type: type, Value: value, TTL: ttl, Line: '默认', LineId: '0' },
          })),
        });
      },
    ],
    DescribeRecord: [
      { Domain: 'string!', DomainId: 'number', RecordId: 'number!' },
      ({ RecordId }, domain) => {
        const record = account.find(domain.name, RecordId);
        if (!record) return refused('InvalidParameter.RecordIdInvalid', 'The record number is wrong.');
        const { id, host, type, value, ttl } = record;
        return response({
          RecordInfo: {
            ...{ Id: id, SubDomain: host, RecordType: type, RecordLine: '默认', RecordLineId: '0', Value: value },
            ...{ TTL: ttl, Enabled: 1, Weight: null, MX: 0, Remark: '', DomainId: domain.id },
          },
        });
      },
    ],
    CreateRecord: [
      {
        ...{ Domain: 'string!', RecordType: 'string!', RecordLine: 'string!', Value: 'string!', DomainId: 'number' },
        ...{ SubDomain: 'string', RecordLineId: 'string', MX: 'number', TTL: 'number', Weight: 'number' },
        ...{ Status: 'string', Remark: 'string', GroupId: 'number' },
      },
      ({ SubDomain = '@', RecordType, RecordLine, RecordLineId, Value, TTL = 600 }, domain) => {
        if (domain.isLocked) return refused('FailedOperation.DomainIsLocked', 'The domain is locked.');
        if (!/^(@|[\w*-]+(\.[\w-]+)*)$/.test(String(SubDomain)))
          return refused('InvalidParameter.SubdomainInvalid', 'The subdomain is wrong.');
        if ((RecordLineId ?? '0') !== '0' || (RecordLineId === undefined && RecordLine !== '默认'))
          return refused('InvalidParameter.RecordLineInvalid', 'The record line is wrong.');
        if (RecordType !== 'TXT') return refused('InvalidParameter.RecordTypeInvalid', 'The record type is wrong.');
        if (Number(TTL) < fewest || Number(TTL) > most)
          return refused('LimitExceeded.RecordTtlLimit', 'The TTL is out of the limit.');
        if (account.has(domain.name, String(SubDomain), RecordType, String(Value)))
          return refused('InvalidParameter.DomainRecordExist', 'The record already exists.');
        return response({ RecordId: account.add(domain.name, String(SubDomain), String(Value), Number(TTL)).id });
      },
    ],
    DeleteRecord: [
      { Domain: 'string!', DomainId: 'number', RecordId: 'number!' },
      ({ RecordId }, domain) => {
        if (domain.isLocked) return refused('FailedOperation.DomainIsLocked', 'The domain is locked.');
        const record = account.find(domain.name, RecordId);
        if (!record) return refused('InvalidParameter.RecordIdInvalid', 'The record number is wrong.');
        account.remove(record);
        return response({});
      },
    ],
  };

  const api = createFakeApi({
    clock,
    origin: 'https://dnspod.tencentcloudapi.com',
    authorize,
    nameOf: ({ headers }) => headers['x-tc-action'] ?? '',
    routes: {
      'POST /': (request) => {
        const name = request.headers['x-tc-action'] ?? '';
        const action = actions[name];
        if (!action) throw new Error(`the fake has no action ${name}`);
        const params = request.json() as Params;
        sent.push({ action: name, params });
        const [types, run] = action;
        for (const [key, value] of Object.entries(params)) {
          if (types[key] === undefined)
            return refused('UnknownParameter', `The parameter \`${key}\` is not recognized.`);
          const isInteger = typeof value !== 'number' || Number.isInteger(value);
          if (typeof value !== types[key].replace('!', '') || !isInteger)
            return refused('InvalidParameter', `The value type of parameter \`${key}\` is not valid.`);
        }
        const lacking = Object.keys(types).find((key) => types[key]!.endsWith('!') && params[key] === undefined);
        if (lacking !== undefined) return refused('MissingParameter', `The request is missing \`${lacking}\`.`);
        if (types['Domain'] === undefined) return run(params, account.domains[0]!);
        const domain = account.domain(params['Domain']);
        if (!domain) return refused('InvalidParameterValue.DomainNotExists', 'The domain does not exist.');
        if (domain.account !== 'ours')
          return refused(
            'OperationDenied.NoPermissionToOperateDomain',
            'You have no permission to operate this domain.',
          );
        return run(params, domain);
      },
    },
  });
  return testOf(account, api, sent);
}

const secrets = (texts: Readonly<{ [name: string]: string }>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, new Secret(text)]));

/** With a key of Tencent Cloud. */
export default dnsApiBench(dnspod, {
  service: testDnspodKeys,
  options: secrets(keys),
  refused: secrets({ ...keys, secretKey: 'wrong9xGARNpq86cd98joQYCN3Cozk1q' }),
  readOnly: secrets(otherKeys),
  isWrite: ({ headers }) => !headers['x-tc-action']?.startsWith('Describe'),
  limit: {
    fault: () => ({
      kind: 'status',
      ...refused('RequestLimitExceeded.RequestLimitExceeded', 'API requests exceeded the limit.'),
    }),
    saysWhen: false,
  },
  refusal: (text) => refused('InvalidParameter.CustomMessage', text),
});

/** With a token of DNSPod. */
export const tokenBench = dnsApiBench(dnspod, {
  service: testDnspodToken,
  options: { id: tokenId, ...secrets({ token }) },
  refused: secrets({ token: 'wr0ng6c68aba5b14a0558b77c17c3932' }),
  isWrite: ({ url }) => !/(List|Info)$/.test(url.pathname),
  limit: { fault: () => ({ kind: 'status', ...said('-2', 'API usage is limited') }), saysWhen: false },
  refusal: (text) => said('6', text),
});
