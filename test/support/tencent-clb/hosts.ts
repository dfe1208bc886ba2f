import type { Schema, Schemas, Values } from '../call-values.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { Action } from '../tencent-gateway/gateway.ts';
import type { Cloud } from './cloud.ts';
import type { HostOptions } from './options.ts';

// Domains of other products that get certificates through the SSL service: CDN, EdgeOne, WAF, COS, live and VOD. Sources:
// tencentcloud-sdk-nodejs ssl v20191205 (DescribeHost…InstanceList, the forms of instances, the cache of half an hour),
// allinssl #323 (what has the certificate already is not listed), Certimate's
// tencentcloud_cos.go (with OldCertificateId alone, the list has what has that certificate).

export interface Host {
  readonly product: HostOptions['product'];
  readonly domain: string;
  readonly region: string;
  readonly bucket: string;
  /** Of CDN: without it, HTTPS is blocked. */
  billing: 'on' | 'off';
  certId: string | undefined;
  readonly isOffline: boolean;
  /** While a certificate is rolled out, that one too: both are served by turns. */
  next: string | undefined;
  turns: number;
}

export interface Hosts {
  readonly all: readonly Host[];
  /** The host of an instance in the form of DeployCertificateInstance, and how it changes beside its certificate. */
  find(product: string, text: string): { readonly host: Host; apply(): void };
  readonly actions: Readonly<Record<string, Action>>;
}

const cacheMs = 30 * 60_000;

export const covers = (names: readonly string[], domain: string): boolean =>
  names.some(
    (name) => name === domain || (name.startsWith('*.') && name.slice(1) === domain.slice(domain.indexOf('.'))),
  );

export function createHosts(cloud: Cloud, given: readonly HostOptions[]): Hosts {
  const idOf = (alias: string | undefined) => [...cloud.certificates.values()].find((one) => one.alias === alias)?.id;
  const all = given.map(
    ({ product, domain, certificate, billing = 'on', region = '', bucket = '', isOffline = false }): Host => ({
      ...{ product, domain, region, bucket, billing, isOffline, certId: idOf(certificate), next: undefined, turns: 0 },
    }),
  );
  const cached = new Map<string, { readonly atMs: number; readonly rows: readonly Host[] }>();

  function find(product: string, text: string): ReturnType<Hosts['find']> {
    const parts = text.split('|');
    const [region, bucket, domain] = product === 'cos' ? parts : ['', '', parts[0]];
    const host = all.find(
      (one) => one.product === product && one.domain === domain && one.region === region && one.bucket === bucket,
    );
    const [, billing] = product === 'cdn' ? parts : [];
    const isFine = parts.length === { cdn: 2, cos: 3 }[product] || parts.length === 1;
    if (host === undefined || !isFine || (product === 'cdn' && billing !== 'on' && billing !== 'off'))
      throw refuse('FailedOperation.CertificateNotDeployInstance', `${text} cannot get the certificate.`);
    return {
      host,
      apply() {
        if (billing !== undefined) host.billing = billing as Host['billing'];
      },
    };
  }

  /** As it is now, or as the cache has it. */
  function rowsOf(product: string, isCached: boolean): readonly Host[] {
    const found = cached.get(product);
    if (isCached && found !== undefined && cloud.nowMs() - found.atMs < cacheMs) return found.rows;
    const rows = all.filter((one) => one.product === product).map((one) => ({ ...one }));
    cached.set(product, { atMs: cloud.nowMs(), rows });
    return rows;
  }

  const describe: Readonly<Record<HostOptions['product'], (host: Host) => object>> = {
    cdn: (one) => ({
      ...{ Domain: one.domain, Status: one.isOffline ? 'offline' : one.next ? 'processing' : 'online' },
      HttpsBillingSwitch: one.billing,
    }),
    teo: (one) => ({ Host: one.domain, ZoneId: 'zone-1', Status: one.next ? 'processing' : 'deployed' }),
    cos: (one) => ({
      Domain: one.domain,
      Status: one.isOffline ? 'DISABLED' : 'ENABLED',
      Bucket: one.bucket,
      Region: one.region,
    }),
    waf: (one) => ({ Domain: one.domain, Keepalive: 1 }),
    live: (one) => ({ Domain: one.domain, Status: one.certId === undefined ? -1 : 1 }),
    vod: (one) => ({ Domain: one.domain }),
  };

  const filters: Schema = { list: { fields: { 'FilterKey!': 'text', 'FilterValue!': 'text' } }, most: 10 };
  const parameters: Schemas = {
    ...{ CertificateId: 'text', OldCertificateId: 'text', ResourceType: 'text', IsCache: 'integer', Filters: filters },
  };
  /** Of lists with pages; those of WAF, live and VOD have none. */
  const paged: Schemas = { ...parameters, AsyncCache: 'integer', Offset: 'integer', Limit: 'integer' };

  /** The hosts that a certificate could be deployed to, those that have another one, or those that are both. */
  const list = (product: HostOptions['product'], hasPages: boolean) => (values: Values) => {
    const [certId, oldId] = [values.text('CertificateId'), values.text('OldCertificateId')];
    for (const id of [certId ?? oldId ?? '', oldId ?? certId ?? ''])
      if (!cloud.certificates.has(id)) throw refuse('FailedOperation.CertificateNotFound', 'No such certificate.');
    const match = values.items('Filters').find((one) => one.needed('FilterKey') === 'domainMatch');
    const { names = [] } = cloud.certificates.get(certId ?? '') ?? {};
    const isAsked = (one: Host) =>
      (oldId === undefined || one.certId === oldId) &&
      (certId === undefined ||
        (covers(names, one.domain) === (match?.needed('FilterValue') !== '0') && one.certId !== certId));
    const found = rowsOf(product, values.integer('IsCache', 0, 1) !== 0).filter(isAsked);
    const [offset, limit] = hasPages
      ? [values.integer('Offset', 0, 1e6) ?? 0, values.integer('Limit', 1, 200) ?? 10]
      : [0, 1e6];
    const rows = found.map((one) => ({ ...describe[product](one), CertId: one.certId ?? null }));
    return { InstanceList: rows.slice(offset, offset + limit), TotalCount: rows.length };
  };
  const action = (product: HostOptions['product'], name: string): readonly [string, Action] => {
    const hasPages = ['cdn', 'teo', 'cos'].includes(product);
    const run: Action['run'] = ({ values }) => list(product, hasPages)(values);
    return [`DescribeHost${name}InstanceList`, { parameters: hasPages ? paged : parameters, perSecond: 10, run }];
  };

  return {
    ...{ all, find },
    actions: Object.fromEntries([
      ...[action('cdn', 'Cdn'), action('teo', 'Teo'), action('cos', 'Cos')],
      ...[action('waf', 'Waf'), action('live', 'Live'), action('vod', 'Vod')],
    ]),
  };
}
