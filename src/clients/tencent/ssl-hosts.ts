import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { badList } from '../http/balancer-errors.ts';
import { isRefusal, readList, readString, UnreadableAnswer } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import { sure, type Try, unsure } from '../http/rights.ts';
import type { Tencent } from './tencent.ts';

// Domains of other products that get certificates through the SSL Certificate Service (2019-12-05).

export type HostProduct = 'cdn' | 'teo' | 'waf' | 'cos' | 'live';

/** A domain of a product, with the certificate that it has. */
export interface SslHost {
  readonly domain: string;
  readonly certificate: string | undefined;
  /** Why it must not get a certificate, if so. */
  readonly whyNot: string | undefined;
  /** As DeployCertificateInstance names it. */
  readonly instance: string;
  /** The region of the call that deploys to it, if it is not the product's. */
  readonly region: string | undefined;
}

/** How far a deployment is. */
export interface Progress {
  readonly isOver: boolean;
  /** Its domains, with the reason of those that failed. Undefined while the service has not counted them yet. */
  readonly domains: ReadonlyMap<string, { readonly failed: string | undefined }> | undefined;
}

export interface Deployment {
  /** The record's ID. */
  readonly record: string;
  /** False if this is another one of the same certificate that is still under way, so that none was made. */
  readonly isNew: boolean;
}

export interface SslHosts {
  /** The calls that show what a key may do; see `rights.ts`. */
  readonly tries: readonly Try<Fields>[];
  /** Returns the domains that have a certificate, or those that it covers and that do not have it. */
  find(which: 'having' | 'lacking', certificate: string, signal: AbortSignal): Promise<readonly SslHost[]>;
  /** Deploys a certificate to domains of one region that do not have it: if one has it, the call is refused. */
  deploy(certificate: string, hosts: readonly SslHost[], signal: AbortSignal): Promise<Deployment>;
  /** Returns the record of the certificate's latest deployment to this product, if there was one. */
  latest(certificate: string, signal: AbortSignal): Promise<string | undefined>;
  progress(record: string, signal: AbortSignal): Promise<Progress>;
}

interface Product {
  /** In the names of the actions. */
  readonly action: string;
  /** Whether its list has pages. Those that have none refuse their parameters. */
  readonly hasPages: boolean;
  readonly hostIn: (row: Fields) => Omit<SslHost, 'certificate'>;
}

const off = 'HTTPS is off, and certfleet does not switch it on';
const textIn = (row: Fields, name: string) => {
  const value = row[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};
const plain = (domain: string, whyNot?: string) => ({ domain, whyNot, instance: domain, region: undefined });

const products: Readonly<Record<HostProduct, Product>> = {
  cdn: {
    ...{ action: 'Cdn', hasPages: true },
    hostIn(row) {
      const [domain, status, billing] = [
        readString(row, 'Domain'),
        textIn(row, 'Status'),
        textIn(row, 'HttpsBillingSwitch'),
      ];
      const isResting = status === 'offline' || status === 'rejected' || status === 'closing';
      // Deploying sets the switch, so it is sent as it is. While it is off, CDN refuses HTTPS.
      const whyNot = isResting ? `its status is ${status}` : billing === 'on' ? undefined : off;
      return { ...plain(domain, whyNot), instance: `${domain}|${billing ?? 'off'}` };
    },
  },
  teo: { ...{ action: 'Teo', hasPages: true }, hostIn: (row) => plain(readString(row, 'Host')) },
  waf: { ...{ action: 'Waf', hasPages: false }, hostIn: (row) => plain(readString(row, 'Domain')) },
  cos: {
    ...{ action: 'Cos', hasPages: true },
    hostIn(row) {
      const [domain, region] = [readString(row, 'Domain'), readString(row, 'Region')];
      const whyNot = textIn(row, 'Status') === 'DISABLED' ? 'its status is DISABLED' : undefined;
      return { ...plain(domain, whyNot), instance: `${region}|${readString(row, 'Bucket')}|${domain}`, region };
    },
  },
  live: {
    ...{ action: 'Live', hasPages: false },
    hostIn: (row) => plain(readString(row, 'Domain'), row['Status'] === 1 ? undefined : off),
  },
};

/** The most that a list shows in one call. */
const pageSize = 200;

/** @param region of the product; only WAF needs one */
export function connectHosts(api: Tencent, product: HostProduct, region: string | undefined): SslHosts {
  const { action, hasPages, hostIn } = products[product];
  const list = `DescribeHost${action}InstanceList`;
  const read = <T>(name: string, params: Fields, parse: (response: Fields) => T, signal: AbortSignal): Promise<T> =>
    api.call(name, params, parse, { readsOnly: true, ...present({ region }), signal });

  function hostOf(row: Fields): SslHost {
    const host = hostIn(row);
    const certificate = textIn(row, 'CertId');
    return {
      ...host,
      domain: host.domain.toLowerCase(),
      certificate,
      whyNot: host.whyNot ?? (certificate ? undefined : off),
    };
  }

  const nowhere = { CertificateId: 'nowhere0' };
  const deployment = { ResourceType: product, InstanceIdList: ['certfleet.invalid'] };

  return {
    tries: [
      sure(list, nowhere),
      unsure('DeployCertificateInstance', { ...nowhere, ...deployment }),
      sure('DescribeHostDeployRecord', nowhere),
      sure('DescribeHostDeployRecordDetail', { DeployRecordId: '0' }),
    ],
    find: (which, certificate, signal) =>
      readPages(badList('Tencent Cloud', list), 0, async (Offset) => {
        const of = which === 'having' ? { OldCertificateId: certificate } : { CertificateId: certificate };
        // By default, the list is up to half an hour old.
        const params = { ...of, IsCache: 0, ...present(hasPages ? { Offset, Limit: pageSize } : {}) };
        const { rows, total } = await read(list, params, rowsIn, signal);
        const next = Offset + rows.length;
        return { found: rows.map(hostOf), next: hasPages && rows.length > 0 && next < total ? next : undefined };
      }),
    deploy: (CertificateId, hosts, signal) =>
      api.call(
        'DeployCertificateInstance',
        {
          ...{ CertificateId, ResourceType: product, IsCache: 0 },
          InstanceIdList: hosts.map(({ instance }) => instance),
        },
        (response) => ({ record: idIn(response, 'DeployRecordId'), isNew: response['DeployStatus'] === 1 }),
        { readsOnly: false, ...present({ region: hosts[0]?.region ?? region }), signal },
      ),
    latest: (CertificateId, signal) =>
      read(
        'DescribeHostDeployRecord',
        { CertificateId, ResourceType: product, Offset: 0, Limit: pageSize },
        (response) =>
          listOrNone(response, 'DeployRecordList')
            .map((row) => idIn(row, 'Id'))
            .toSorted((a, b) => Number(a) - Number(b))
            .at(-1),
        signal,
      ),
    async progress(DeployRecordId, signal) {
      const all = await readPages(badList('Tencent Cloud', 'DescribeHostDeployRecordDetail'), 0, async (Offset) => {
        const params = { DeployRecordId, Offset, Limit: pageSize };
        const page = await read('DescribeHostDeployRecordDetail', params, progressIn, signal);
        const next = Offset + page.rows.length;
        return { found: [page], next: page.rows.length > 0 && next < page.total ? next : undefined };
      });
      const rows = all.flatMap((page) => page.rows);
      return { isOver: all.every(({ isOver }) => isOver), domains: rows.length === 0 ? undefined : new Map(rows) };
    },
  };
}

/** Reports whether the service refused a deployment because of one of its domains. */
export const isRefusedDomain = (error: unknown): boolean =>
  isRefusal(
    error,
    'FailedOperation.CertificateNotDeployInstance',
    'FailedOperation.CertificateDeployInstanceEmpty',
    'FailedOperation.CertificateHostDeployCanNotAllow',
  );

/** The service's answer where there is nothing to list. */
const listOrNone = (response: Fields, name: string) => readList(response[name] ?? [], name);

const rowsIn = (response: Fields) => ({
  rows: listOrNone(response, 'InstanceList'),
  total: Number(response['TotalCount'] ?? 0),
});

/** IDs are numbers in some answers, and text in calls. */
function idIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'number' || (typeof value === 'string' && value !== '')) return String(value);
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

const failed = 2;

function progressIn(response: Fields) {
  const { TotalCount: total, SuccessTotalCount: good, FailedTotalCount: bad } = response;
  // At first the numbers are null, which does not mean none.
  const isOver = typeof total === 'number' && total > 0 && Number(good ?? 0) + Number(bad ?? 0) >= total;
  const rows = listOrNone(response, 'DeployRecordDetailList').flatMap((row) => {
    const words = textIn(row, 'ErrorMsg') ?? 'the deployment failed';
    const about = { failed: row['Status'] === failed ? words : undefined };
    const domains = Array.isArray(row['Domains']) ? row['Domains'] : [];
    const names = domains.length > 0 ? domains : [row['InstanceId']];
    return names.map((name) => [String(name).toLowerCase(), about] as const);
  });
  return { isOver, rows, total: Number(total ?? 0) };
}
