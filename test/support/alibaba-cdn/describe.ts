import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action } from '../alibaba-gateway/gateway.ts';
import { covers } from '../alibaba-gateway/pem.ts';
import type { Schemas, Values } from '../call-values.ts';
import { type Domain, type Domains, starred } from './domains.ts';
import { refuse } from './errors.ts';
import { type Behaviour, domainStatuses } from './options.ts';

// The questions about domains, of CDN 2018-05-10 and of DCDN 2018-01-15, which spell some fields in another way.
// Sources: alibabacloud-typescript-sdk and aliyun-openapi-meta (parameters, fields, rates); github.com/AlibabaCloudDocs/cdn
// and help.aliyun.com (values, errors).

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');
const onOff = (domain: Domain): 'on' | 'off' => (domain.certificate === undefined ? 'off' : 'on');

export function describeActions(
  product: Domain['product'],
  domains: Domains,
  behaviour: Behaviour,
  now: () => number,
): Readonly<Record<string, Action>> {
  const isCdn = product === 'cdn';
  const named = (part: string): string =>
    `Describe${isCdn && part === 'UserDomains' ? '' : isCdn ? 'Cdn' : 'Dcdn'}${part}`;
  const ours = (): readonly Domain[] => domains.all.filter((one) => one.product === product);
  const listed = (name: string): string => (behaviour.wildcardInLists === '*.' ? starred(name) : name);
  const resource = (values: Values): string => `domain/${starred(values.needed('DomainName'))}`;
  const oneDomain: Schemas = { 'DomainName!': 'text' };

  const userDomains: Action = {
    parameters: {
      ...{ PageNumber: 'integer', PageSize: 'integer', DomainName: 'text', CheckDomainShow: 'boolean' },
      DomainSearchType: ['fuzzy_match', 'pre_match', 'suf_match', 'full_match'],
      DomainStatus: domainStatuses,
      Coverage: ['domestic', 'overseas', 'global'],
      ...{ ChangeStartTime: 'text', ChangeEndTime: 'text', ResourceGroupId: 'text' },
      ...(isCdn ? { CdnType: 'text', Source: 'text' } : { WebSiteType: 'text' }),
      Tag: { list: { fields: { 'Key!': 'text', Value: 'text' } }, most: 20 },
    },
    perSecond: isCdn ? 100 : 80,
    run({ values }) {
      const [page, size] = [values.integer('PageNumber', 1, 100_000) ?? 1, values.integer('PageSize', 1, 500) ?? 20];
      const [names, type] = [values.text('DomainName')?.split(','), values.text('DomainSearchType') ?? 'full_match'];
      if (names !== undefined && names.length > 50) throw invalid('The specified DomainName is not valid.');
      const [status, coverage, showsAll] = [
        values.text('DomainStatus'),
        values.text('Coverage'),
        values.flag('CheckDomainShow') === true,
      ];
      const fits = (own: string, asked: string): boolean =>
        type === 'full_match'
          ? own === asked
          : type === 'pre_match'
            ? own.startsWith(asked)
            : type === 'suf_match'
              ? own.endsWith(asked)
              : own.includes(asked);
      const hidden = ['checking', 'check_failed', 'configure_failed'];
      const found = ours().filter(
        (one) =>
          (names === undefined || names.some((asked) => fits(one.name, asked))) &&
          (status === undefined ? showsAll || !hidden.includes(one.status) : one.status === status) &&
          (coverage === undefined || one.coverage === coverage) &&
          // Nothing here has a tag, a resource group or another type.
          values.items('Tag').length === 0,
      );
      return {
        PageNumber: page,
        PageSize: size,
        TotalCount: found.length,
        Domains: {
          PageData: found.slice((page - 1) * size, page * size).map((one) => ({
            DomainId: one.id,
            DomainName: listed(one.name),
            DomainStatus: one.status,
            [isCdn ? 'SslProtocol' : 'SSLProtocol']: onOff(one),
            Cname: `${starred(one.name)}.w.kunlunsl.com`,
            ...(isCdn ? { CdnType: 'web', Coverage: one.coverage } : {}),
            ...{ Description: '', Sandbox: 'normal', ResourceGroupId: 'rg-acfmxazb4ph6aiy' },
            ...{ GmtCreated: '2024-01-01T00:00:00Z', GmtModified: time(one.modifiedMs) },
            Sources: { Source: [{ Content: '203.0.113.1', Port: 80, Priority: '20', Type: 'ipaddr', Weight: '10' }] },
          })),
        },
      };
    },
  };

  const httpsDomainList: Action = {
    parameters: { Keyword: 'text', PageNumber: 'integer', PageSize: 'integer' },
    perSecond: 100,
    run({ values }) {
      const [page, size] = [values.integer('PageNumber', 1, 100_000) ?? 1, values.integer('PageSize', 1, 500) ?? 20];
      const keyword = values.text('Keyword') ?? '';
      const written = (ms: number) =>
        time(ms + behaviour.listHoursFromUtc * 3_600_000)
          .replace('T', ' ')
          .replace('Z', '');
      const found = ours().flatMap((one) => {
        const certificate = domains.shown(one);
        return certificate !== undefined && (one.name.includes(keyword) || certificate.name.includes(keyword))
          ? [{ one, certificate }]
          : [];
      });
      if (found.length === 0) throw refuse('NoHttpsDomain');
      return {
        TotalCount: found.length,
        CertInfos: {
          CertInfo: found.slice((page - 1) * size, page * size).map(({ one, certificate }) => ({
            DomainName: listed(one.name),
            CertName: certificate.name,
            CertCommonName: certificate.commonName,
            CertType: certificate.type,
            CertStatus: !covers(certificate, starred(one.name))
              ? 'mismatch'
              : certificate.notAfter < now()
                ? 'expired'
                : certificate.notAfter < now() + 30 * 86_400_000
                  ? 'expire_soon'
                  : 'ok',
            CertStartTime: written(certificate.notBefore),
            CertExpireTime: written(certificate.notAfter),
            CertUpdateTime: written(certificate.setMs),
          })),
        },
      };
    },
  };

  const domainDetail: Action = {
    parameters: oneDomain,
    perSecond: 30,
    resource,
    run({ values }) {
      const one = domains.find(product, values.needed('DomainName'));
      const pem = domains.shown(one)?.pem ?? '';
      const model = {
        ...{ DomainName: one.name, DomainStatus: one.status, Cname: `${starred(one.name)}.w.kunlunsl.com` },
        ...{ Scope: one.coverage, Description: '', ResourceGroupId: 'rg-acfmxazb4ph6aiy' },
        ...{ GmtCreated: '2024-01-01T00:00:00Z', GmtModified: time(one.modifiedMs) },
        ...(isCdn ? { CdnType: 'web', ServerCertificateStatus: onOff(one) } : { SSLProtocol: onOff(one), SSLPub: pem }),
      };
      return { [isCdn ? 'GetDomainDetailModel' : 'DomainDetail']: model };
    },
  };

  const domainConfigs: Action = {
    parameters: { ...oneDomain, FunctionNames: 'text', ConfigId: 'text' },
    perSecond: 100,
    resource,
    run({ values }) {
      const one = domains.find(product, values.needed('DomainName'));
      const wanted = values.text('FunctionNames')?.split(',');
      const rows = Object.entries(one.functions).map(([FunctionName, args], index) => ({
        ...{ FunctionName, ConfigId: String(one.id * 100 + index), ParentId: '', Status: 'success' },
        FunctionArgs: { FunctionArg: Object.entries(args).map(([ArgName, ArgValue]) => ({ ArgName, ArgValue })) },
      }));
      return {
        DomainConfigs: { DomainConfig: rows.filter(({ FunctionName }) => wanted?.includes(FunctionName) ?? true) },
      };
    },
  };

  const certificateInfo: Action = {
    parameters: oneDomain,
    perSecond: 100,
    resource,
    run({ values }) {
      const one = domains.find(product, values.needed('DomainName'));
      const certificate = domains.shown(one);
      const state = certificate === undefined ? 'off' : 'on';
      const about = certificate && {
        ...{ CertId: String(certificate.id), CertName: certificate.name, CertRegion: certificate.region },
        ...{ CertType: certificate.type, CertDomainName: certificate.commonName, CertOrg: certificate.issuer },
        ...{ CertLife: 'months', CertStartTime: time(certificate.notBefore) },
        ...{ CertExpireTime: time(certificate.notAfter), Status: 'success' },
        ...(isCdn ? { CertUpdateTime: time(certificate.setMs), DomainCnameStatus: 'ok' } : {}),
        [isCdn ? 'ServerCertificate' : 'SSLPub']: certificate.pem,
      };
      const row = { DomainName: one.name, [isCdn ? 'ServerCertificateStatus' : 'SSLProtocol']: state, ...about };
      return { CertInfos: { CertInfo: [row] } };
    },
  };

  /** Which domains use a certificate; only those of CDN, and none with HTTPS off. */
  const infoById: Action = {
    parameters: { 'CertId!': 'text' },
    perSecond: 100,
    run({ values }) {
      const id = values.needed('CertId');
      const using = ours().filter(({ certificate }) => String(certificate?.id) === id);
      const certificate = using[0]?.certificate;
      if (certificate === undefined) throw refuse('NotExist');
      const row = {
        ...{ CertId: id, CertName: certificate.name, CertType: certificate.type },
        ...{ CertExpireTime: time(certificate.notAfter), CreateTime: time(certificate.setMs) },
        ...{ DomainList: using.map(({ name }) => name).join(','), HttpsCrt: certificate.pem },
      };
      return { CertInfos: { CertInfo: [row] } };
    },
  };

  return {
    [named('UserDomains')]: userDomains,
    [named('HttpsDomainList')]: httpsDomainList,
    [named('DomainDetail')]: domainDetail,
    [named('DomainConfigs')]: domainConfigs,
    [isCdn ? 'DescribeDomainCertificateInfo' : 'DescribeDcdnDomainCertificateInfo']: certificateInfo,
    ...(isCdn ? { DescribeCertificateInfoByID: infoById } : {}),
  };
}
