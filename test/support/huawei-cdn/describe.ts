import { type Call, type Route, refuse } from '../huawei-gateway/gateway.ts';
import type { Bound } from './certificate.ts';
import type { Domain, Domains } from './domains.ts';
import { refuseCdn } from './errors.ts';
import { domainStatuses } from './options.ts';

// The questions about domains. Sources: support.huaweicloud.com api-cdn ListDomains, ShowDomainFullConfig,
// ShowCertificatesHttpsInfo, cdn_02_0021 (rights), ShowHttpInfo (numbers for HTTPS); huaweicloud-sdk-nodejs-v3 cdn v2
// (fields).

/** The domains of the enterprise project that a call names. */
export function ofProject({ query }: Call, all: readonly Domain[]): readonly Domain[] {
  const project = query.get('enterprise_project_id');
  return project === null || project.toLowerCase() === 'all' ? all : all.filter((one) => one.project === project);
}

function pageOf<T>({ query }: Call, all: readonly T[]): readonly T[] {
  const number = (name: string, most: number, otherwise: number): number => {
    const text = query.get(name) ?? String(otherwise);
    if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > most)
      throw refuseCdn('CDN.0001', `${name}: 1 to ${most}.`);
    return Number(text);
  };
  const [size, page] = [number('page_size', 10_000, 30), number('page_number', 65_535, 1)];
  return all.slice((page - 1) * size, page * size);
}

const httpsNumber = (domain: Domain, certificate: Bound | undefined): number =>
  certificate === undefined ? 0 : { follow: 1, http: 2, https: 3 }[domain.originProtocol];
const onOff = (on: boolean): 'on' | 'off' => (on ? 'on' : 'off');

/** A certificate in the full configuration, without its key. */
const shownIn = ({ source, scmId, name, pem, notAfter }: Bound, type: 'server' | 'server_sm') => ({
  ...{ certificate_source: source, certificate_type: type, certificate_name: name, certificate_value: pem },
  ...(scmId === undefined ? {} : { scm_certificate_id: scmId }),
  expire_time: notAfter,
});

export function describeRoutes(domains: Domains): Readonly<Record<string, Route>> {
  const list: Route = {
    action: 'cdn:configuration:queryDomainList',
    alias: 'cdn:configuration:queryDomains',
    most: { calls: 50, perMs: 1000 },
    query: [
      ...['page_size', 'page_number', 'domain_name', 'exact_match', 'domain_status', 'business_type', 'service_area'],
      ...['show_tags', 'enterprise_project_id'],
    ],
    run(call) {
      const { query } = call;
      const [name, status] = [query.get('domain_name') ?? '', query.get('domain_status')];
      const [type, area] = [query.get('business_type') ?? 'web', query.get('service_area') ?? 'mainland_china'];
      if (status !== null && !domainStatuses.some((one) => one === status))
        throw refuseCdn('CDN.0001', 'domain_status: no such status.');
      const isExact = query.get('exact_match') === 'true';
      const found = ofProject(call, domains.all).filter(
        (one) =>
          (isExact ? one.name === name : one.name.includes(name)) &&
          (status === null || domains.status(one) === status) &&
          // Every domain here is a web site in China.
          [type, area].join() === 'web,mainland_china',
      );
      return {
        total: found.length,
        domains: pageOf(call, found).map((one) => ({
          ...{ id: one.id, domain_name: one.name, business_type: 'web', service_area: 'mainland_china' },
          ...{ domain_status: domains.status(one), https_status: httpsNumber(one, domains.shown(one)) },
          ...{ cname: `${one.name}.c.cdnhwc1.com`, create_time: 1_704_067_200_000, modify_time: one.modifiedMs },
          ...{ disabled: one.isBanned ? 1 : 0, locked: one.isLocked ? 1 : 0, enterprise_project_id: one.project },
          ...{ banned_reason: one.isBanned ? '200' : '', locked_reason: one.isLocked ? '100' : '' },
          sources: [{ origin_type: 'ipaddr', ip_or_domain: '203.0.113.1', active_standby: 1 }],
        })),
      };
    },
  };

  const fullConfig: Route = {
    action: 'cdn:configuration:queryDomains',
    most: { calls: 300, perMs: 60_000 },
    query: ['enterprise_project_id', 'show_special_configs'],
    run(call) {
      // It would return keys that sign URLs.
      if (call.query.has('show_special_configs')) throw refuse(400, 'CDN.0001', 'The fake: no special configurations.');
      const one = domains.find(call.path['domain']!);
      if (!ofProject(call, [one]).includes(one)) throw refuseCdn('CDN.00010182');
      const certificate = domains.shown(one);
      const { http2, ocspStapling, tlsVersion, second } = one.https;
      return {
        configs: {
          ...{ business_type: 'web', service_area: 'mainland_china', remark: '' },
          ...structuredClone(one.configs),
          origin_protocol: one.originProtocol,
          force_redirect: { status: onOff(one.forceRedirect !== undefined), type: one.forceRedirect ?? 'https' },
          https: {
            https_status: onOff(certificate !== undefined),
            http2_status: onOff(http2),
            ocsp_stapling_status: onOff(ocspStapling),
            tls_version: tlsVersion,
            ...(certificate === undefined ? {} : shownIn(certificate, 'server')),
            certificates: second === undefined ? [] : [shownIn(second, 'server_sm')],
          },
        },
      };
    },
  };

  const httpsInfo: Route = {
    // Not documented for this call, but for the same question about one domain.
    action: 'cdn:configuration:queryHttpsConf',
    most: { calls: 15, perMs: 1000 },
    query: ['page_size', 'page_number', 'domain_name', 'user_domain_id', 'enterprise_project_id'],
    run(call) {
      const name = call.query.get('domain_name');
      const found = ofProject(call, domains.all).flatMap((one) => {
        const certificate = domains.shown(one);
        return certificate !== undefined && (name === null || one.name === name) ? [{ one, certificate }] : [];
      });
      return {
        total: found.length,
        https: pageOf(call, found).map(({ one, certificate }) => ({
          ...{ domain_id: one.id, domain_name: one.name, cert_name: certificate.name, certificate: certificate.pem },
          // For the safety of the customer, the key is empty.
          ...{ private_key: '', certificate_type: certificate.source, expiration_time: certificate.notAfter },
          ...{ https_status: httpsNumber(one, certificate), http2: one.https.http2 ? 1 : 0 },
          force_redirect_https: one.forceRedirect === undefined ? 0 : one.forceRedirect === 'https' ? 1 : 2,
          force_redirect_config: {
            switch: one.forceRedirect === undefined ? 0 : 1,
            ...(one.forceRedirect === undefined ? {} : { redirect_type: one.forceRedirect }),
          },
        })),
      };
    },
  };

  return {
    'GET /v1.0/cdn/domains': list,
    'GET /v1.0/cdn/domains/https-certificate-info': httpsInfo,
    'GET /v1.1/cdn/configuration/domains/:domain/configs': fullConfig,
  };
}
