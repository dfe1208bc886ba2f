import { invalid } from '../alibaba-clb/api-error.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import type { Schemas, Values } from '../call-values.ts';
import { refuse } from './errors.ts';
import { siteStatuses } from './options.ts';
import { setCertificateAction } from './set-certificate.ts';
import type { Site, SiteCertificate, Sites } from './sites.ts';

// Sites and their certificates. Sources: alibabacloud-typescript-sdk esa-20240910 (parameters, fields, values), the pages of
// api-esa-2024-09-10 (RAM, errors), dnsmgr (ListInstanceQuotasWithUsage).

/** UTC, without a mark of the zone. */
const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

export function esaActions(sites: Sites): Readonly<Record<string, Action>> {
  const { behaviour } = sites;
  const onSite: Action['resource'] = (values) => `site/${values.integer('SiteId', 0, Number.MAX_SAFE_INTEGER) ?? '*'}`;
  const siteOf = ({ values, region }: Call): Site =>
    sites.find(region, values.integer('SiteId', 0, Number.MAX_SAFE_INTEGER));
  const paging = { PageNumber: 'integer', PageSize: 'integer' } as const;

  function pageOf(values: Values, rows: readonly object[], name: string, size: { most: number; usual: number }) {
    const [page, count] = [
      values.integer('PageNumber', 1, 100_000) ?? 1,
      values.integer('PageSize', 1, size.most) ?? size.usual,
    ];
    return {
      ...{ PageNumber: page, PageSize: count, TotalCount: rows.length },
      [name]: rows.slice((page - 1) * count, page * count),
    };
  }

  function statusOf({ type, issued }: SiteCertificate): string {
    if (issued === undefined) return 'Applying';
    if (issued.notAfter < sites.now()) return 'Expired';
    if (issued.notAfter < sites.now() + 30 * 86_400_000) return 'Expiring';
    return type === 'free' ? 'Issued' : 'OK';
  }

  const describe = (one: SiteCertificate) => ({
    ...{ Id: one.id, Name: one.name, Type: one.type, Status: statusOf(one), Region: one.region },
    ...{ CreateTime: time(one.createdMs), UpdateTime: time(one.updatedMs) },
    ...(one.casId === undefined ? {} : { CasId: String(one.casId) }),
    ...(one.issued && {
      ...{ CommonName: one.issued.commonName, SAN: one.issued.names.join(','), Issuer: one.issued.issuer },
      ...{ NotBefore: time(one.issued.notBefore), NotAfter: time(one.issued.notAfter) },
      ...{ FingerprintSha256: one.issued.sha256.toLowerCase(), SerialNumber: one.issued.serial.slice(1) },
      ...{
        PubAlg: one.issued.algorithm === 'RSA' ? 'RSA' : 'ECDSA',
        SigAlg: 'ECDSA-SHA256',
        IssuerCN: one.issued.issuer,
      },
    }),
  });
  const isValid = (one: SiteCertificate): boolean => !['Expired', 'Applying'].includes(statusOf(one));

  function certificateOf(call: Call): readonly [Site, SiteCertificate] {
    const site = siteOf(call);
    const id = call.values.text('Id');
    if (id === undefined) throw refuse('Id.MissingParameter');
    const found = site.certificates.find((one) => one.id === id);
    if (found === undefined) throw refuse('InvalidCertificate.NotFound');
    return [site, found];
  }

  const oneCertificate: Schemas = { SiteId: 'integer', Id: 'text' };
  const searches: Readonly<Record<string, (name: string, asked: string) => boolean>> = {
    prefix: (name, asked) => name.startsWith(asked),
    suffix: (name, asked) => name.endsWith(asked),
    exact: (name, asked) => name === asked,
    fuzzy: (name, asked) => name.includes(asked),
  };

  return {
    SetCertificate: setCertificateAction(sites),
    ListSites: {
      parameters: {
        ...{ ...paging, SiteName: 'text', SiteSearchType: Object.keys(searches), Status: siteStatuses },
        ...{ AccessType: ['NS', 'CNAME'], Coverage: ['domestic', 'overseas', 'global'], ResourceGroupId: 'text' },
        ...{
          OnlyEnterprise: 'boolean',
          OrderBy: ['gmtCreate', 'visitTime'],
          PlanSubscribeType: 'text',
          TagFilter: 'text',
        },
      },
      run({ values, region }) {
        const [asked, status] = [values.text('SiteName'), values.text('Status')];
        const fits = searches[values.text('SiteSearchType') ?? 'exact']!;
        const rows = sites.all
          .filter((one) => one.region === region && (status ?? one.status) === one.status)
          .filter(({ name }) => asked === undefined || fits(name, asked))
          .map((one) => ({
            ...{ SiteId: one.id, SiteName: one.name, Status: one.status, InstanceId: one.instance, PlanName: 'free' },
            ...{ AccessType: 'NS', Coverage: 'domestic', ResourceGroupId: 'rg-acfmxazb4ph6aiy', Tags: {} },
          }));
        return pageOf(values, rows, 'Sites', { most: 500, usual: 500 });
      },
    },
    ListCertificates: {
      parameters: { SiteId: 'integer', Keyword: 'text', ValidOnly: 'boolean', ...paging },
      resource: onSite,
      run(call) {
        const { values } = call;
        const site = siteOf(call);
        const keyword = values.text('Keyword');
        const rows = site.certificates
          .filter((one) => values.flag('ValidOnly') !== true || isValid(one))
          .filter(
            ({ name, issued }) =>
              keyword === undefined || [name, ...(issued?.names ?? [])].some((text) => text.includes(keyword)),
          )
          .map(describe);
        return { SiteId: site.id, SiteName: site.name, ...pageOf(values, rows, 'Result', behaviour.pageSize) };
      },
    },
    ListCertificatesByRecord: {
      parameters: { SiteId: 'integer', 'RecordName!': 'text', Detail: 'boolean', ValidOnly: 'boolean' },
      resource: onSite,
      run(call) {
        const site = siteOf(call);
        const { values } = call;
        const names = values.needed('RecordName').split(',');
        const Result = names.map((RecordName) => {
          const certificates = sites
            .covering(site.certificates, RecordName)
            .filter((one) => values.flag('ValidOnly') !== true || isValid(one));
          return {
            ...{ RecordName, Count: certificates.length, ApplylingCount: 0 },
            Status: certificates.length === 0 ? 'none' : 'configured',
            ...(values.flag('Detail') === true ? { Certificates: certificates.map(describe) } : {}),
          };
        });
        return { SiteId: site.id, SiteName: site.name, TotalCount: Result.length, Result };
      },
    },
    GetCertificate: {
      parameters: oneCertificate,
      resource: onSite,
      run(call) {
        const [{ id, name }, found] = certificateOf(call);
        const Certificate = found.issued?.pem ?? '';
        return { SiteId: id, SiteName: name, Status: statusOf(found), Certificate, Result: describe(found) };
      },
    },
    /** Without a check of use: what no certificate covers any more has no HTTPS. */
    DeleteCertificate: {
      parameters: oneCertificate,
      resource: onSite,
      run(call) {
        const [site, found] = certificateOf(call);
        sites.change(
          site,
          site.certificates.filter((one) => one !== found),
        );
        return { Id: found.id, SiteId: site.id, SiteName: site.name };
      },
    },
    GetCertificateQuota: {
      parameters: { SiteId: 'integer', 'Type!': ['free'] },
      resource: onSite,
      run(call) {
        const { id, name, certificates } = siteOf(call);
        const used = certificates.filter(({ type }) => type === 'free').length;
        return {
          ...{ Quota: sites.quotas.free, QuotaUsage: used, Type: 'free', SiteCount: 1 },
          SiteUsage: [{ SiteId: id, SiteName: name, SiteUsage: used }],
        };
      },
    },
    ListInstanceQuotasWithUsage: {
      parameters: { SiteId: 'integer', InstanceId: 'text', 'QuotaNames!': 'text' },
      resource: onSite,
      run(call) {
        const { values, region } = call;
        const instance = values.text('InstanceId') ?? siteOf(call).instance;
        const own = sites.all.filter((one) => one.instance === instance && one.region === region);
        if (own.length === 0) throw invalid('The specified InstanceId is not valid.');
        const names = values.needed('QuotaNames').split(',');
        if (names.length > 10) throw invalid('The specified QuotaNames is not valid.');
        const usage = own.map(({ id, name, certificates }) => ({
          ...{ SiteId: id, SiteName: name },
          SiteUsage: String(certificates.filter(({ type }) => type !== 'free').length),
        }));
        const Quotas = names
          .filter((name) => name === 'customHttpCert')
          .map((QuotaName) => ({
            ...{ QuotaName, QuotaValue: String(sites.quotas.customOfInstance), SiteUsage: usage },
            Usage: String(usage.reduce((sum, one) => sum + Number(one.SiteUsage), 0)),
          }));
        return { InstanceId: instance, Status: own[0]!.isInArrears ? 'offline' : 'online', Quotas };
      },
    },
  };
}
