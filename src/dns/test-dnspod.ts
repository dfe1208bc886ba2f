import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import dnspod from './dnspod.ts';
import {
  createAccount,
  type Domain,
  fewest,
  most,
  type Sent,
  secrets,
  type TestDnspod,
  testOf,
} from './test-dnspod-account.ts';

export const keys = { secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3', secretKey: 'Gu5t9xGARNpq86cd98joQYCN3Cozk1qA' };
export const otherKeys = { secretId: 'AKIDreadOnlyz8krbsJ5yKBZQpn74', secretKey: 'readOnly9xGARNpq86cd98joQYCN3Coz' };

const response = (fields: object): FakeAnswer => ({
  status: 200,
  body: { Response: { ...fields, RequestId: 'ab4f1426-ea15-42ea-8183-dc1b44151166' } },
});
const refused = (Code: string, Message: string) => response({ Error: { Code, Message } });

/**
 * Returns the right `Authorization` for the headers that the client has signed, which must include content-type and
 * host.
 */
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

/** A fake of version 3.0 of Tencent Cloud's API. */
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
  /** The type of each parameter, with `!` if it is required. */
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

/** The bench with a Tencent Cloud key. */
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
