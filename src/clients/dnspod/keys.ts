import type { CertfleetError } from '../../core/errors/errors.ts';
import { relativeName } from '../../core/names/dns-name.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import type { KeySource } from '../http/access-keys.ts';
import { dnsError } from '../http/dns-api.ts';
import { isRefusal, readFields, readList, type Trouble } from '../http/json-api.ts';
import { createTencent } from '../tencent/tencent.ts';
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

export function dnspodWithKeys({
  world,
  http,
  endpoint,
  credentials,
}: DnspodParts & { readonly credentials: KeySource }): Dnspod {
  const url = endpoint ?? 'https://dnspod.tencentcloudapi.com';
  const line = new URL(url).hostname.includes('.intl.') ? 'Default' : defaultLine.chinese;
  const call = <T>(
    action: string,
    { zone, name }: DnspodName,
    params: Fields,
    { signal, readsOnly }: { readonly signal: AbortSignal; readonly readsOnly: boolean },
    read: (response: Fields) => T,
  ): Promise<T> =>
    createTencent({
      ...{ http, clock: world.clock, random: world.random, log: world.log, name: provider, credentials },
      ...{ endpoint: url, service: 'dnspod', version: '2021-03-23' },
      error: (trouble) => cloudError(trouble, zone),
    }).call(action, { Domain: zone, ...params }, read, { about: name, signal, readsOnly });

  return {
    list: (at, signal) =>
      allPages(at, (offset) => {
        const params = {
          Subdomain: relativeName(at.name, at.zone),
          RecordType: 'TXT',
          ErrorOnEmpty: 'no',
          Limit: longestList,
        };
        const read = ({ RecordCountInfo: counts, RecordList: list }: Fields) => ({
          total: Number(isFields(counts) ? counts['TotalCount'] : undefined),
          records: readList(list, 'RecordList').map((one) => ({
            id: idOf(one, 'RecordId'),
            type: one['Type'],
            host: one['Name'],
            value: one['Value'],
          })),
        });
        return call('DescribeRecordList', at, { ...params, Offset: offset }, { signal, readsOnly: true }, read);
      }).catch((error: unknown) => {
        if (!isRefusal(error, 'ResourceNotFound.NoDataOfRecord')) throw error;
        return [];
      }),
    record: (at, id, signal) =>
      call('DescribeRecord', at, { RecordId: Number(id) }, { signal, readsOnly: true }, ({ RecordInfo }) => {
        const record = readFields(RecordInfo, 'RecordInfo');
        return { id, type: record['RecordType'], host: record['SubDomain'], value: record['Value'] };
      }).catch(unlessRefused(...unknownCloudRecord)),
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
        (response) => idOf(response, 'RecordId'),
      ).catch(unlessRefused('InvalidParameter.DomainRecordExist')),
    remove: (at, id, signal) =>
      call('DeleteRecord', at, { RecordId: Number(id) }, { signal, readsOnly: false }, () => undefined).catch(
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
    advice: code === 'LimitExceeded.RecordTtlLimit' ? shortTtl(zone) : withoutZone(zone, '`secretId`'),
  });
}
