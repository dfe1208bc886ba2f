import { createHash } from 'node:crypto';
import { isFailure } from '../../core/errors/errors.ts';
import { markIn, nameWithMark, type OwnMark } from '../../core/request-path/own-mark.ts';
import type { Right } from '../../core/request-path/rights.ts';
import type { Fields } from '../../core/text/json.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { numberedPages } from '../http/pages.ts';
import { traditionalKey } from '../http/traditional-key.ts';
import { pemOf } from './clb-certificates.ts';
import { rightsOf, sure } from './rights.ts';
import { connectService, type ServiceContext } from './service.ts';

// The Certificate Management Service (CAS, 2020-04-07), to which CDN, DCDN, ALB, NLB and others refer. Its certificates
// cannot be changed, and their names are unique in an account.

/** Where an account was opened, which decides where its certificates are. */
export type Site = 'china' | 'international';

const regions = { china: 'cn-hangzhou', international: 'ap-southeast-1' } as const;
const endpoints = {
  china: 'https://cas.aliyuncs.com',
  international: 'https://cas.ap-southeast-1.aliyuncs.com',
} as const;

export interface CasUpload {
  readonly id: string;
  readonly name: string;
  readonly region: string;
}

/** As the list has it. */
export interface CasCertificate extends CasUpload {
  readonly names: readonly string[];
  /** `RSA` or `ECC`. */
  readonly algorithm: string;
}

export interface Cas {
  /** Where the certificates of the site are. */
  readonly region: string;
  /** The lock for uploads. Another key of the same account has another lock; the unique names still prevent duplicates. */
  readonly lock: string;
  /** Returns the name under which a version is uploaded. */
  nameOf(version: VersionBundle): string;
  /** Reports whether a certificate of this name is one of this store. */
  isOurs(name: string): boolean;
  /** Returns a version's upload, if it exists. */
  find(version: VersionBundle, signal: AbortSignal): Promise<CasUpload | undefined>;
  /** Uploads a version, or returns its upload if it exists. */
  upload(version: VersionBundle, signal: AbortSignal): Promise<CasUpload>;
  /** Returns all uploads that have not expired. */
  uploads(signal: AbortSignal): Promise<readonly CasUpload[]>;
  /** Returns the mark in the name of a certificate, if it is certfleet's. */
  markIn(certificate: Pick<CasCertificate, 'name'>): OwnMark | undefined;
  /** Returns all certificates that are valid, or that have expired, those that others uploaded or bought, too. */
  all(part: 'valid' | 'expired', signal: AbortSignal): Promise<readonly CasCertificate[]>;
  /** Returns all certificates with certfleet's mark, those that have expired, too, with the mark as their name. */
  marked(signal: AbortSignal): Promise<readonly { readonly id: string; readonly name: string }[]>;
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** As `Deployer.rights`, for uploads. */
  rights(signal: AbortSignal): Promise<readonly Right[]>;
}

export interface CasContext extends Omit<ServiceContext, 'service'> {
  readonly site: Site;
  readonly endpoint: string | undefined;
  readonly owner: string;
}

/** A name has letters, digits and underscores, and no hyphen. */
const toName = (mark: string): string => mark.replaceAll('-', '_');
const toMark = (name: string): string => name.replaceAll('_', '-');

export function connectCas({ site, endpoint, owner, ...context }: CasContext): Cas {
  const region = regions[site];
  const api = connectService({
    ...context,
    service: {
      ...{ version: '2020-04-07', ram: 'yundun-cert', anyResource: true, title: 'Alibaba Cloud CAS' },
      endpoint: endpoint ?? endpoints[site],
      advice: `Check the options of the deployer "${context.name}", its credentials and their permissions.`,
    },
  });
  const { accessKeyId } = context.options;
  const account = accessKeyId
    ? createHash('sha256').update(accessKeyId.reveal()).digest('hex').slice(0, 12)
    : 'of a role';
  const nameOf = ({ facts }: VersionBundle): string =>
    toName(nameWithMark({ owner, expires: new Date(facts.notAfter), id: facts.fingerprint.slice(0, 12) }));

  const list = (more: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly CasCertificate[]> =>
    numberedPages(api.badList('ListUserCertificateOrder'), async (page) => {
      // Without OrderType, the API lists orders; without Status, no expired certificates.
      const params = { OrderType: 'UPLOAD', CurrentPage: page, ShowSize: pageSize, ...more };
      return api.read('ListUserCertificateOrder', params, (answer) => pageIn(answer, page, region), signal);
    });
  const find = async (version: VersionBundle, signal: AbortSignal): Promise<CasUpload | undefined> => {
    const name = nameOf(version);
    const keyword = version.facts.identifiers[0]?.value.replace(/^\*\./, '') ?? '';
    const few = await list({ Keyword: keyword }, signal);
    return (few.length > 0 ? few : await list({}, signal)).find((one) => one.name === name);
  };

  return {
    region,
    lock: `alibaba-cas ${account} ${site}`,
    nameOf,
    isOurs: (name) => markIn(toMark(name))?.owner === owner,
    find,
    async upload(version, signal) {
      const name = nameOf(version);
      const params = {
        Name: name,
        Cert: pemOf(version.fullchainPem),
        Key: traditionalKey(version.keyPem, 'Alibaba Cloud'),
      };
      for (let tries = 1; ; tries += 1) {
        try {
          const id = await api.change('UploadUserCertificate', params, (answer) => idIn(answer, 'CertId'), signal);
          return { id, name, region };
        } catch (error) {
          // The name may be taken, by a call whose answer was lost or by another process.
          if (signal.aborted || isFailure(error, 'balancer/limited', 'balancer/busy')) throw error;
          const there = await find(version, signal).catch(() => undefined);
          if (there) return there;
          if (tries === mostTries || !isFailure(error, 'balancer/unreachable', 'balancer/failed')) throw error;
        }
      }
    },
    rights: (signal) =>
      rightsOf(
        api,
        'yundun-cert',
        [
          sure('ListUserCertificateOrder', { OrderType: 'UPLOAD', CurrentPage: 1, ShowSize: 1 }),
          sure('UploadUserCertificate', { Name: '?', Cert: 'none', Key: 'none' }),
        ],
        signal,
      ),
    markIn: ({ name }) => markIn(toMark(name)),
    all: (part, signal) =>
      list(part === 'expired' ? { OrderType: 'CERT', Status: 'EXPIRED' } : { OrderType: 'CERT' }, signal),
    uploads: (signal) => list({}, signal),
    async marked(signal) {
      const all = [...(await list({}, signal)), ...(await list({ Status: 'EXPIRED' }, signal))];
      const names = new Map(all.map(({ id, name }) => [id, toMark(name)]));
      return [...names].filter(([, name]) => markIn(name) !== undefined).map(([id, name]) => ({ id, name }));
    },
    async remove(id, signal) {
      await api
        .change('DeleteUserCertificate', { CertId: id }, () => undefined, signal)
        .catch((error: unknown) => {
          if (!isFailure(error, 'balancer/not-found')) throw error;
        });
    },
  };
}

const pageSize = 50;
/** An upload is tried again only if a look has shown that it is not there. */
const mostTries = 3;

function pageIn(answer: Fields, page: number, region: string) {
  const rows = Array.isArray(answer['CertificateOrderList'])
    ? (answer['CertificateOrderList'] as readonly Fields[])
    : [];
  const found = rows.map((row) => ({
    ...{ id: idIn(row, 'CertificateId'), name: String(row['Name'] ?? ''), region },
    names: String(row['Sans'] ?? '')
      .split(',')
      .filter(Boolean),
    algorithm: String(row['Algorithm'] ?? ''),
  }));
  return { found, isLast: page * pageSize >= Number(answer['TotalCount'] ?? 0) };
}

const idIn = (fields: Fields, name: string): string => String(fields[name] ?? '');
