import type { Right } from '../../core/request-path/rights.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { type CdnDomain, certificateForm } from '../cdn/domain.ts';
import { createPace } from '../cdn/pace.ts';
import { isRefusal } from '../http/json-api.ts';
import { numberedPages } from '../http/pages.ts';
import type { CasUpload } from './cas.ts';
import { listIn, textIn } from './clb.ts';
import { rightsOf, sure, unsure } from './rights.ts';
import { connectService, type ServiceContext } from './service.ts';

// CDN (2018-05-10) and DCDN (2018-01-15): the same actions, with other names.

export type CdnProduct = 'cdn' | 'dcdn';

const products = {
  cdn: {
    ...{ title: 'Alibaba Cloud CDN', endpoint: 'https://cdn.aliyuncs.com', version: '2018-05-10', ram: 'cdn' },
    actions: {
      domains: 'DescribeUserDomains',
      https: 'DescribeCdnHttpsDomainList',
      set: 'SetCdnDomainSSLCertificate',
    },
  },
  dcdn: {
    ...{ title: 'Alibaba Cloud DCDN', endpoint: 'https://dcdn.aliyuncs.com', version: '2018-01-15', ram: 'dcdn' },
    actions: {
      domains: 'DescribeDcdnUserDomains',
      https: 'DescribeDcdnHttpsDomainList',
      set: 'SetDcdnDomainSSLCertificate',
    },
  },
} as const;

export interface Cdn {
  readonly title: string;
  /** Returns every domain of the account. */
  domains(signal: AbortSignal): Promise<readonly CdnDomain[]>;
  /**
   * Sets the certificate of a domain. This also switches HTTPS on, so it MUST be called only where HTTPS is on. Nothing
   * else of the domain changes.
   */
  set(domain: string, upload: CasUpload, signal: AbortSignal): Promise<void>;
  /** As `Deployer.rights`. */
  rights(signal: AbortSignal): Promise<readonly Right[]>;
}

export interface CdnContext extends Omit<ServiceContext, 'service'> {
  readonly product: CdnProduct;
  readonly endpoint: string | undefined;
}

export function connectCdn({ product, endpoint, ...context }: CdnContext): Cdn {
  const { actions, ...own } = products[product];
  const paced = createPace(context.world.clock, pace);
  const api = connectService({
    ...context,
    service: {
      ...{ ...own, endpoint: endpoint ?? own.endpoint, busyCodes, refusedCodes, busyBudgetMs, waitedInVain },
      advice: `Check in the console what keeps the domain from being changed, and check the options of the deployer "${context.name}".`,
      resourceOf: ({ DomainName }) => (DomainName === undefined ? '*' : `domain/${DomainName}`),
    },
  });

  const pages = (
    action: string,
    {
      list,
      pageSize,
      ...more
    }: { readonly list: readonly [string, string]; readonly pageSize: number; readonly CheckDomainShow?: true },
    signal: AbortSignal,
  ) =>
    numberedPages(api.badList(action), (PageNumber) =>
      api.read(
        action,
        // Without CheckDomainShow, a domain whose configuration failed is not in the list.
        { PageNumber, PageSize: pageSize, ...more },
        (answer) => ({
          found: isFields(answer[list[0]]) ? listIn(answer, ...list) : [],
          isLast: PageNumber * pageSize >= Number(answer['TotalCount'] ?? 0),
        }),
        signal,
      ),
    );

  /** Returns the name of the certificate of each domain with HTTPS. */
  async function certificates(signal: AbortSignal): Promise<ReadonlyMap<string, string | undefined>> {
    try {
      const rows = await pages(actions.https, { list: ['CertInfos', 'CertInfo'], pageSize: httpsPage }, signal);
      return new Map(rows.map((row) => [nameIn(row), textIn(row, 'CertName')]));
    } catch (error) {
      // An account without such a domain gets this refusal in place of an empty list.
      if (isRefusal(error, 'NoHttpsDomain')) return new Map();
      throw error;
    }
  }

  return {
    title: own.title,
    rights: (signal) =>
      rightsOf(
        api,
        own.ram,
        [
          sure(actions.domains, { PageSize: 1 }),
          sure(actions.https, { PageSize: 1 }),
          unsure(actions.set, { DomainName: 'doctor.certfleet.invalid', SSLProtocol: 'none' }),
        ],
        signal,
      ),
    async domains(signal) {
      const [rows, set] = await Promise.all([
        pages(actions.domains, { list: ['Domains', 'PageData'], pageSize: domainsPage, CheckDomainShow: true }, signal),
        certificates(signal),
      ]);
      return rows.map((row) => {
        const name = nameIn(row);
        // CDN writes SslProtocol, DCDN SSLProtocol.
        const https = (textIn(row, 'SslProtocol') ?? textIn(row, 'SSLProtocol')) === 'on';
        const status = textIn(row, 'DomainStatus') ?? '';
        const named = set.get(name);
        const certificate = named === undefined ? undefined : { id: named, name: named };
        return { name, https, status, phase: phaseIn(status), certificate };
      });
    },
    set(domain, { id, name, region }, signal) {
      const params = {
        ...{ DomainName: domain.replace(/^\*\./, '.'), SSLProtocol: 'on', CertType: 'cas' },
        ...{ CertId: id, CertName: name, CertRegion: region },
      };
      return paced(() => api.change(actions.set, params, () => undefined, signal), signal);
    },
  };
}

/** The largest page of the list of domains. The other list documents none for CDN. */
const domainsPage = 500;
const httpsPage = 100;
/**
 * The domain is being configured, the service upgraded (both come with status 403), or the certificate was uploaded a
 * moment ago.
 */
const busyCodes = ['ServiceBusy', 'SystemUpgrading', 'Certificate.NotFind'];
const waitedInVain = {
  'Certificate.NotFind':
    'It does not find the certificate that was uploaded to CAS a moment ago. `certfleet renew` tries again; if this lasts, check `site`.',
};
const refusedCodes = ['InvalidDomain.Configure_failed'];
/** A domain that stays busy must not keep the others waiting. */
const busyBudgetMs = 20_000;

/** The API allows 30 changes a second, and other programs may use it. */
const pace = { everyMs: 50, atOnce: 8 };

/** Which of its forms the list has for a wildcard is not documented. */
const nameIn = (row: Fields): string => certificateForm(textIn(row, 'DomainName') ?? '');

/** The other statuses are `online`, `configuring` and `configure_failed`. */
const resting: ReadonlySet<string> = new Set(['offline', 'checking', 'check_failed', 'stopping', 'deleting']);

function phaseIn(status: string): CdnDomain['phase'] {
  if (resting.has(status)) return 'resting';
  if (status === 'configuring') return 'changing';
  return status === 'configure_failed' ? 'failed' : 'serving';
}
