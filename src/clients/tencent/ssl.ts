import { createPrivateKey } from 'node:crypto';
import { remoteText } from '../../core/errors/remote-text.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { markIn, markOf, nameWithMark, type OwnMark } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { badList } from '../http/balancer-errors.ts';
import { isRefusal, readList, readString, UnreadableAnswer } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import { createTencent, type Tencent, type TencentOptions } from './tencent.ts';

/** A certificate of the SSL Certificate Service. */
export interface SslCertificate {
  readonly id: string;
  /** What certfleet wrote in the remark of its own uploads. */
  readonly mark: OwnMark | undefined;
  /** The mark as text. */
  readonly name: string;
  readonly lineage: string | undefined;
  readonly names: readonly string[];
  readonly kind: KeyKind | undefined;
}

export interface Upload {
  readonly id: string;
  /** What was uploaded. Undefined if it was there before, perhaps from a call whose response was lost. */
  readonly certificate: SslCertificate | undefined;
}

export type KeyKind = 'rsa' | 'ecc';

/** The part of the SSL Certificate Service (2019-12-05) that certfleet uses. It belongs to the account, not to a region. */
export interface TencentSsl {
  readonly api: Tencent;
  /** Uploads a version. If anyone has uploaded it already, returns that upload. */
  upload(version: VersionBundle, owner: string, signal: AbortSignal): Promise<Upload>;
  /** Returns these certificates. Omits those that do not exist. */
  certificates(ids: readonly string[], signal: AbortSignal): Promise<readonly SslCertificate[]>;
  /** Returns all uploads with certfleet's mark, or those of one owner. */
  marked(signal: AbortSignal, owner?: string): Promise<readonly SslCertificate[]>;
  /**
   * Deletes a certificate if it exists and the service finds nothing that uses it. Returns why it stays, or undefined
   * if it no longer exists.
   */
  remove(id: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The looks at what uses a certificate take from seconds to minutes. */
const removalBudgetMs = 180_000;
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;
const pageSize = 1_000;
const mostIds = 100;

/** Connects to the service. The Chinese and the international site have separate accounts. */
export function connectSsl(shared: Omit<TencentOptions, 'service' | 'version' | 'region' | 'isBusy'>): TencentSsl {
  const { clock } = shared;
  const tencent = createTencent({ ...shared, service: 'ssl', version: '2019-12-05', isBusy });
  const read = <T>(action: string, params: Fields, parse: (response: Fields) => T, signal: AbortSignal): Promise<T> =>
    tencent.call(action, params, parse, { readsOnly: true, signal });

  const list = (filter: Fields, signal: AbortSignal) =>
    readPages(badList('Tencent Cloud', 'DescribeCertificates'), 0, async (offset) => {
      const page = { CertificateType: 'SVR', ...filter, Limit: pageSize, Offset: offset };
      const parse = (response: Fields) => ({
        found: readList(response['Certificates'], 'Certificates').map(certificateIn),
        total: Number(response['TotalCount']),
      });
      const { found, total } = await read('DescribeCertificates', page, parse, signal);
      const next = offset + found.length;
      return { found, next: found.length === 0 || !(next < total) ? undefined : next };
    });

  /** Waits until the service knows whether something uses the certificate, and has deleted it if not. */
  async function removed(TaskIds: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const endMs = clock.monotonicMs() + removalBudgetMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await clock.sleep(pauseMs, signal);
      const { status, reason } = await read('DescribeDeleteCertificatesTaskResult', { TaskIds }, taskIn, signal);
      if (status === taskStates.deleted) return undefined;
      if (status === taskStates.used) return 'something still uses it';
      if (status === taskStates.noRole)
        return 'the account has not granted the service role SSL_QCSLinkedRoleInReplaceLoadCertificate, without which the service cannot tell whether something uses it: grant it in the console of SSL Certificate Service';
      if (status !== taskStates.running) return `the service could not tell whether something uses it: ${reason}`;
      if (clock.monotonicMs() > endMs) return 'the service has not found out yet whether something uses it';
    }
  }

  return {
    api: tencent,
    upload(version, owner, signal) {
      const { lineage, keyPem } = version;
      const { fingerprint, notAfter, identifiers } = version.facts;
      const name = nameWithMark({ owner, expires: new Date(notAfter), id: fingerprint.slice(0, 12) });
      const params = {
        CertificateType: 'SVR',
        CertificatePublicKey: pemOf(version.fullchainPem),
        CertificatePrivateKey: keyPem,
        Alias: `${name} ${lineage}`,
        // Without it, each upload makes another certificate.
        Repeatable: false,
      };
      const parse = (response: Fields): Upload => {
        const id = readString(response, 'CertificateId');
        const { RepeatCertId: repeated } = response;
        if (typeof repeated === 'string' && repeated !== '') return { id, certificate: undefined };
        const names = identifiers.map(({ value }) => value);
        return { id, certificate: { id, mark: markIn(name), name, lineage, names, kind: kindOf(keyPem) } };
      };
      return tencent.call('UploadCertificate', params, parse, { readsOnly: false, isRepeatable: true, signal });
    },
    async certificates(ids, signal) {
      const found: SslCertificate[] = [];
      for (let at = 0; at < ids.length; at += mostIds)
        found.push(...(await list({ CertIds: ids.slice(at, at + mostIds) }, signal)));
      return found;
    },
    async marked(signal, owner) {
      const SearchKey = owner === undefined ? 'cf-' : markOf(owner);
      const all = await list({ SearchKey, FilterSource: 'upload' }, signal);
      return all.filter(({ mark }) => mark && (owner === undefined || mark.owner === owner));
    },
    async remove(id, signal) {
      try {
        const params = { CertificateId: id, IsCheckResource: true };
        const parse = ({ TaskId, DeleteResult }: Fields) => ({ task: TaskId, isDone: DeleteResult === true });
        const call = { readsOnly: false, isRepeatable: true, signal };
        const { task, isDone } = await tencent.call('DeleteCertificate', params, parse, call);
        if (typeof task === 'string' && task !== '') return await removed([task], signal);
        return isDone ? undefined : 'the service did not delete it';
      } catch (error) {
        if (isRefusal(error, ...usedCodes)) return 'something still uses it';
        if (isRefusal(error, ...goneCodes)) return undefined;
        throw error;
      }
    },
  };
}

/** Another deployment of the same certificate is being prepared. */
const isBusy = (code: string): boolean => code === 'FailedOperation.CertificateDeployHasPendingRecord';

/** Returns the ID of the upload that a receipt names. */
export const uploadIn = (receipt: unknown): string | undefined => {
  const id = (receipt as { readonly certificate?: unknown } | null | undefined)?.certificate;
  return typeof id === 'string' ? id : undefined;
};

/** Removes the upload that a receipt names, if it is the owner's. Fails if it has to stay. */
export async function retireUpload(
  ssl: TencentSsl,
  { owner, id }: { readonly owner: string; readonly id: string },
  signal: AbortSignal,
): Promise<void> {
  const [one] = await ssl.certificates([id], signal);
  // Someone else had uploaded the very same certificate before.
  if (one?.mark?.owner !== owner) return;
  const reason = await ssl.remove(id, signal);
  if (reason !== undefined) throw new Error(`the certificate ${id} stays: ${reason}`);
}

const usedCodes = ['FailedOperation.BoundResources', 'FailedOperation.DeleteResourceFailed'];
const goneCodes = ['FailedOperation.CertificateNotFound', 'ResourceNotFound.CertificateNotFound'];

const taskStates = { running: 0, deleted: 1, noRole: 3, used: 4 } as const;

function taskIn(response: Fields): { readonly status: number; readonly reason: string } {
  const [one] = readList(response['DeleteTaskResult'], 'DeleteTaskResult');
  const { Status: status, Error: words } = one ?? {};
  if (typeof status !== 'number') throw new UnreadableAnswer('Status is missing in its answer');
  return { status, reason: typeof words === 'string' && words !== '' ? remoteText(words, 200) : 'it gave no reason' };
}

function certificateIn(fields: Fields): SslCertificate {
  const { Alias, SubjectAltName, CertSANs, Domain, EncryptAlgorithm: algorithm } = fields;
  const [name = '', lineage] = typeof Alias === 'string' ? Alias.split(' ') : [];
  const lists = [SubjectAltName, CertSANs, [Domain]].flatMap((list) => (Array.isArray(list) ? list : []));
  const names = lists.filter((one) => typeof one === 'string' && one !== '').map((one) => String(one).toLowerCase());
  const mark = markIn(name);
  return {
    id: readString(fields, 'CertificateId'),
    ...{ mark, name, lineage: mark && lineage },
    names: [...new Set(names)],
    kind: typeof algorithm !== 'string' || algorithm === '' ? undefined : /rsa/i.test(algorithm) ? 'rsa' : 'ecc',
  };
}

export const kindOf = (keyPem: Secret): KeyKind =>
  createPrivateKey(keyPem.reveal()).asymmetricKeyType === 'rsa' ? 'rsa' : 'ecc';

/** Removes empty lines and spaces around the blocks, which the service refuses. */
const pemOf = (pem: string): string =>
  `${pem
    .split(/\s*\n\s*/)
    .filter((line) => line !== '')
    .join('\n')}\n`;

/** Returns the endpoint of the same site as that of CLB: the Chinese and the international one have separate accounts. */
export const sslSiteOf = (clbEndpoint: string | undefined): string =>
  clbEndpoint === undefined || new URL(clbEndpoint).hostname.endsWith('.tencentcloudapi.com')
    ? (clbEndpoint ?? 'https://clb.tencentcloudapi.com').replace('//clb.', '//ssl.')
    : clbEndpoint;
