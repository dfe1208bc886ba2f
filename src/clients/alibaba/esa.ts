import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { readList, UnreadableAnswer } from '../http/json-api.ts';
import { numberedPages } from '../http/pages.ts';
import { pemOf } from './clb-certificates.ts';
import { rightsOf, sure } from './rights.ts';
import { connectService, type ServiceContext } from './service.ts';

// ESA (2024-09-10). Certificates belong to a site, that is a zone of names: the edge chooses one by the name that a client
// asks for. A certificate can be replaced in place, under the same ID.

/** A certificate of a site. */
export interface EsaCertificate {
  readonly id: string;
  readonly name: string;
  /** SHA-256, hex digits in lower case. */
  readonly fingerprint: string;
}

export interface NewEsaCertificate {
  readonly name: string;
  readonly fullchainPem: string;
  readonly keyPem: Secret;
  /** The ID of the one to replace. */
  readonly replaces: string | undefined;
}

export interface Esa {
  /** Returns the certificates of the site. */
  certificates(signal: AbortSignal): Promise<readonly EsaCertificate[]>;
  /** Adds a certificate to the site, or replaces one. */
  set(certificate: NewEsaCertificate, signal: AbortSignal): Promise<void>;
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** How many certificates the site's plan allows, and how many there are. Those that have expired count. */
  room(signal: AbortSignal): Promise<{ readonly used: number; readonly allowed: number }>;
  /** As `Deployer.rights`. */
  rights(signal: AbortSignal): Promise<readonly Right[]>;
}

export interface EsaContext extends Omit<ServiceContext, 'service'> {
  /** The name of the site: `example.com`. */
  readonly site: string;
  readonly endpoint: string;
}

export function connectEsa({ site, endpoint, ...context }: EsaContext): Esa {
  const { name } = context;
  const title = 'Alibaba Cloud ESA';
  const api = connectService({
    ...context,
    service: {
      ...{ title, endpoint, version: '2024-09-10', ram: 'esa', anyResource: true, busyCodes },
      advice: `Check the options of the deployer "${name}", its credentials and their permissions.`,
    },
  });

  let known: string | undefined;
  /** Returns the ID of the site. */
  async function siteId(signal: AbortSignal): Promise<string> {
    known ??= await api.read(
      'ListSites',
      { SiteName: site, SiteSearchType: 'exact' },
      (answer) => {
        const found = readList(answer['Sites'], 'Sites').find((one) => one['SiteName'] === site);
        return found && idIn(found, 'SiteId');
      },
      signal,
    );
    if (known === undefined)
      throw fail('balancer/not-found', {
        ...{ balancer: title, what: `the site ${site}` },
        reason: `the account has none of this name: check \`zone\` of the deployer "${name}"`,
      });
    return known;
  }

  return {
    async certificates(signal) {
      const SiteId = await siteId(signal);
      return numberedPages(api.badList('ListCertificates'), (PageNumber) =>
        api.read(
          'ListCertificates',
          { SiteId, PageNumber, PageSize: pageSize },
          (answer) => ({
            found: readList(answer['Result'], 'Result').map(certificateIn),
            isLast: PageNumber * pageSize >= Number(answer['TotalCount'] ?? 0),
          }),
          signal,
        ),
      );
    },
    async set({ name: Name, fullchainPem, keyPem: PrivateKey, replaces }, signal) {
      const SiteId = await siteId(signal);
      const of = { SiteId, Type: 'upload', Name, Certificate: pemOf(fullchainPem), PrivateKey };
      await api.change('SetCertificate', { ...of, ...present({ Id: replaces }) }, () => undefined, signal);
    },
    async remove(Id, signal) {
      await api.change('DeleteCertificate', { SiteId: await siteId(signal), Id }, () => undefined, signal);
    },
    async room(signal) {
      const params = { SiteId: await siteId(signal), QuotaNames: quotaName };
      return api.read(
        'ListInstanceQuotasWithUsage',
        params,
        (answer) => {
          const quota = readList(answer['Quotas'], 'Quotas').find((one) => one['QuotaName'] === quotaName);
          const [used, allowed] = [Number(quota?.['Usage']), Number(quota?.['QuotaValue'])];
          if (Number.isNaN(used) || Number.isNaN(allowed))
            throw new UnreadableAnswer(`${quotaName} is missing in its answer`);
          return { used, allowed };
        },
        signal,
      );
    },
    async rights(signal) {
      const tried = await rightsOf(api, 'esa', [sure('ListSites', { SiteName: site })], signal);
      if (tried.some(({ state }) => state === 'denied')) return tried;
      const SiteId = await siteId(signal);
      const none = { Name: '?', Certificate: 'none', PrivateKey: 'none' };
      const others = [
        sure('ListCertificates', { SiteId, PageNumber: 1, PageSize: 1 }),
        sure('ListInstanceQuotasWithUsage', { SiteId, QuotaNames: quotaName }),
        sure('SetCertificate', { SiteId, Type: 'upload', ...none }),
      ];
      return [...tried, ...(await rightsOf(api, 'esa', others, signal))];
    },
  };
}

/** A fault of the service, which its documents advise to wait out. */
const busyCodes = ['InternalException'];
/** The certificates that a plan allows besides the free ones. */
const quotaName = 'customHttpCert';
const pageSize = 100;

/** IDs of sites are numbers, those of certificates texts. */
const idIn = (fields: Fields, name: string): string | undefined =>
  fields[name] === undefined ? undefined : String(fields[name]);

function certificateIn(row: Fields): EsaCertificate {
  const id = isFields(row) ? idIn(row, 'Id') : undefined;
  if (id === undefined) throw new UnreadableAnswer('Id is missing in its answer');
  const fingerprint = String(row['FingerprintSha256'] ?? '');
  return { id, name: String(row['Name'] ?? ''), fingerprint: fingerprint.replaceAll(':', '').toLowerCase() };
}
