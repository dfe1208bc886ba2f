import type { Schemas, Values } from '../call-values.ts';
import { type Call, HuaweiError, type Route } from '../huawei-gateway/gateway.ts';
import { type Bound, type Read, readBound } from './certificate.ts';
import { ofProject } from './describe.ts';
import { type Domain, type Domains, defaults } from './domains.ts';
import { refuseCdn } from './errors.ts';
import type { Behaviour, ScmOptions } from './options.ts';

// The two calls that change certificates. Sources: support.huaweicloud.com api-cdn UpdateDomainFullConfig,
// UpdateDomainMultiCertificates; huaweicloud-sdk-nodejs-v3 cdn v2 (fields); terraform-provider-huaweicloud and
// netcccyun/dnsmgr (blocks that are not sent stay); certd #48 (settings are to be sent back to the batch call).

const certificateFields: Schemas = {
  ...{ certificate_source: 'integer', scm_certificate_id: 'text', certificate_type: ['server', 'server_sm'] },
  ...{ certificate_name: 'text', certificate_value: 'text', private_key: 'text' },
};
const ofConfig: Read['names'] = {
  ...{ source: 'certificate_source', name: 'certificate_name', certificate: 'certificate_value' },
  scmId: 'scm_certificate_id',
};
const ofBatch: Read['names'] = {
  ...{ source: 'certificate_type', name: 'cert_name', certificate: 'certificate', scmId: 'scm_certificate_id' },
};

export function changeRoutes(
  domains: Domains,
  scm: ReadonlyMap<string, ScmOptions>,
  behaviour: Behaviour,
  now: () => number,
): Readonly<Record<string, Route>> {
  const read = (values: Values, names: Read['names']): Bound =>
    readBound(values, { names, scm, behaviour, nowMs: now() });

  const find = (call: Call, name: string): Domain => {
    const found = domains.find(name);
    if (!ofProject(call, [found]).includes(found)) throw refuseCdn('CDN.00010182');
    return found;
  };

  function setHttps({ https }: Domain, values: Values, second: Bound | undefined): void {
    const isReset = behaviour.omitted === 'reset';
    const flag = (name: string, old: boolean, otherwise: boolean) =>
      values.has(name) ? values.text(name) === 'on' : isReset ? otherwise : old;
    https.http2 = flag('http2_status', https.http2, defaults.http2);
    https.ocspStapling = flag('ocsp_stapling_status', https.ocspStapling, defaults.ocspStapling);
    https.tlsVersion = values.text('tls_version') ?? (isReset ? defaults.tlsVersion : https.tlsVersion);
    if (isReset || values.has('certificates')) https.second = second;
  }

  const fullConfig: Route = {
    action: 'cdn:configuration:modifyOriginConfInfo',
    // The table names the rights of all blocks; which ones a change of HTTPS alone needs is open.
    dependsOn: ['cdn:configuration:modifyHttpsConf'],
    most: { calls: 200, perMs: 60_000 },
    query: ['enterprise_project_id'],
    body: {
      name: 'configs',
      schemas: {
        'https!': {
          fields: {
            ...{ 'https_status!': ['on', 'off'], http2_status: ['on', 'off'], ocsp_stapling_status: ['on', 'off'] },
            ...{ tls_version: 'text', ...certificateFields },
            certificates: { list: { fields: certificateFields }, most: 1 },
          },
        },
      },
    },
    run(call) {
      const domain = find(call, call.path['domain']!);
      const https = call.values.part('https')!;
      const isOn = https.text('https_status') === 'on';
      const certificate = isOn ? read(https, ofConfig) : undefined;
      const [second] = https.items('certificates').map((one) => read(one, ofConfig));
      domains.check(domain, certificate);
      setHttps(domain, https, second);
      domains.set(domain, certificate);
      return undefined;
    },
  };

  const batch: Route = {
    action: 'cdn:configuration:batchModifyHttpsConf',
    alias: 'cdn:configuration:modifyHttpsConf',
    most: { calls: 20, perMs: 60_000 },
    query: ['enterprise_project_id'],
    body: {
      name: 'https',
      schemas: {
        ...{ 'domain_name!': 'text', 'https_switch!': 'integer', access_origin_way: 'integer', http2: 'integer' },
        ...{ force_redirect_https: 'integer', certificate_type: 'integer', scm_certificate_id: 'text' },
        force_redirect_config: { fields: { 'switch!': 'integer', redirect_type: ['http', 'https'] } },
        ...{ cert_name: 'text', certificate: 'text', private_key: 'text' },
      },
    },
    run(call) {
      const { values } = call;
      const names = values.needed('domain_name').split(',');
      if (names.length > 50) throw refuseCdn('CDN.0005');
      const certificate = values.integer('https_switch', 0, 1) === 1 ? read(values, ofBatch) : undefined;
      // What is left out has its default, even where the domain had something else.
      const way = values.integer('access_origin_way', 1, 3) ?? 2;
      const old = values.integer('force_redirect_https', 0, 2) ?? 0;
      const redirect = values.part('force_redirect_config');
      const http2 = values.integer('http2', 0, 1) === 1;
      const byConfig =
        redirect?.integer('switch', 0, 1) === 1 ? (redirect.text('redirect_type') ?? 'https') : undefined;
      const result = names.map((domain_name) => {
        try {
          const domain = find(call, domain_name);
          domains.check(domain, certificate);
          domain.originProtocol = ([undefined, 'follow', 'http', 'https'] as const)[way]!;
          domain.forceRedirect =
            redirect === undefined ? ([undefined, 'https', 'http'] as const)[old] : (byConfig as 'http' | 'https');
          domain.https.http2 = http2;
          domains.set(domain, certificate);
          return { domain_name, status: 'success' };
        } catch (error) {
          if (!(error instanceof HuaweiError)) throw error;
          return { domain_name, status: 'fail', reason: error.message };
        }
      });
      return {
        https: {
          ...{ domain_name: names.join(','), https_switch: certificate === undefined ? 0 : 1, access_origin_way: way },
          ...{ http2: http2 ? 1 : 0, force_redirect_https: old },
          ...(certificate === undefined
            ? {}
            : {
                ...{ cert_name: certificate.name, certificate: certificate.pem, certificate_type: certificate.source },
                expiration_time: certificate.notAfter,
              }),
        },
        status: result.every(({ status }) => status === 'success') ? 'success' : 'fail',
        result,
      };
    },
  };

  return {
    'PUT /v1.1/cdn/configuration/domains/:domain/configs': fullConfig,
    'PUT /v1.0/cdn/domains/config-https-info': batch,
  };
}
