import { refuse } from '../tencent-gateway/errors.ts';
import type { Action, Call } from '../tencent-gateway/gateway.ts';
import type { Cloud } from './cloud.ts';
import type { Certificate } from './model.ts';

// The SSL certificate service, 2019-12-05: upload, look, delete. Sources: tencentcloud-sdk-nodejs ssl v20191205
// (parameters, fields, limits), cloud.tencent.com/document/product/400/41665 and 41675, certimate PR #227 (Repeatable).

/** Times are written in GMT+8, without saying so. */
const time = (ms: number): string => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');

interface Deletion {
  readonly certId: string;
  readonly endMs: number;
  /** 1 deleted, 2 failed, 3 role missing, 4 in use. */
  status: number;
}

export interface SslOptions {
  /** How long a checked deletion takes. */
  readonly deleteMs: number;
  /** Whether the service role that looks for uses was granted in the console. */
  readonly hasRole: boolean;
}

/** @param isUsed whether anything of the account serves the certificate */
export function sslActions(
  cloud: Cloud,
  isUsed: (id: string) => boolean,
  options: SslOptions,
): Readonly<Record<string, Action>> {
  const deletions = new Map<string, Deletion>();
  const find = (id: string): Certificate => {
    const found = cloud.certificates.get(id);
    if (found === undefined) throw refuse('FailedOperation.CertificateNotFound', 'The certificate does not exist.');
    return found;
  };
  const now = () => cloud.options.clock.now().getTime();
  const statusOf = ({ notAfter }: Certificate) => (notAfter < now() ? 3 : 1);
  const bare = (pem: string): string => pem.trim();

  const describe = (one: Certificate) => ({
    ...{ CertificateId: one.id, Alias: one.alias, Domain: one.names[0], From: 'upload', CertificateType: 'SVR' },
    ...{ Status: statusOf(one), StatusName: statusOf(one) === 1 ? 'passed' : 'expired', Deployable: true },
    ...{ CertBeginTime: time(one.notBefore), CertEndTime: time(one.notAfter), InsertTime: time(one.insertedMs) },
    ...{ OwnerUin: cloud.uin, ProjectId: '0', PackageType: null, EncryptAlgorithm: one.algorithm, Tags: [] },
    IsWildcard: one.names.some((name) => name.startsWith('*.')),
  });

  function upload({ values }: Call): Record<string, unknown> {
    const [certificate, privateKey] = [values.needed('CertificatePublicKey'), values.text('CertificatePrivateKey')];
    if ((values.text('CertificateType') ?? 'SVR') !== 'SVR')
      throw refuse('InvalidParameter', 'The fake takes certificates of servers alone.');
    if (privateKey === undefined) throw refuse('InvalidParameter', 'CertificatePrivateKey is missing.');
    const same = [...cloud.certificates.values()].find(({ pem }) => bare(pem) === bare(certificate));
    if (same !== undefined && values.flag('Repeatable') === false)
      return { CertificateId: same.id, RepeatCertId: same.id };
    const { id } = cloud.addCertificate({ alias: values.text('Alias') ?? '', certificate, privateKey });
    return { CertificateId: id, RepeatCertId: '' };
  }

  function list({ values }: Call): Record<string, unknown> {
    const [offset, limit] = [values.integer('Offset', 0, 1e6) ?? 0, values.integer('Limit', 1, 1000) ?? 10];
    const [key, ids, source] = [values.text('SearchKey') ?? '', values.texts('CertIds'), values.text('FilterSource')];
    const statuses = values.integers('CertificateStatus');
    const found = [...cloud.certificates.values()]
      .filter(
        (one) =>
          [one.id, one.alias, ...one.names].some((text) => text.includes(key)) &&
          (ids.length === 0 || ids.includes(one.id)) &&
          (statuses.length === 0 || statuses.includes(statusOf(one))) &&
          source !== 'buy' &&
          (values.text('CertificateType') ?? 'SVR') === 'SVR',
      )
      .reverse();
    return {
      TotalCount: found.length,
      Certificates: found
        .slice(offset, offset + limit)
        .map((one) => ({ ...describe(one), SubjectAltName: one.names, CertSANs: one.names, BoundResource: [] })),
    };
  }

  function remove({ values, requestId }: Call): Record<string, unknown> {
    const { id } = find(values.needed('CertificateId'));
    if (values.flag('IsCheckResource') === true) {
      const status = !options.hasRole ? 3 : isUsed(id) ? 4 : 1;
      deletions.set(requestId, { certId: id, endMs: cloud.nowMs() + options.deleteMs, status });
      return { DeleteResult: false, TaskId: requestId };
    }
    forget(id);
    return { DeleteResult: true, TaskId: '' };
  }

  function forget(id: string): void {
    const found = cloud.certificates.get(id);
    if (found === undefined) return;
    cloud.certificates.delete(id);
    cloud.deleted.set(id, found);
  }

  function deletionResults({ values }: Call): Record<string, unknown> {
    const rows = values.texts('TaskIds').map((TaskId) => {
      const found = deletions.get(TaskId);
      if (found === undefined) throw refuse('InvalidParameter', 'The task does not exist.');
      const isOver = found.endMs <= cloud.nowMs();
      if (isOver && found.status === 1) forget(found.certId);
      const Status = isOver ? found.status : 0;
      return { TaskId, CertId: found.certId, Status, Error: '', CacheTime: time(now()), Domains: [] };
    });
    return { DeleteTaskResult: rows };
  }

  const onCertificate = ({ values }: Call): readonly string[] => [
    `qcs::ssl::uin/${cloud.uin}:certificate/${values.needed('CertificateId')}`,
  ];
  return {
    UploadCertificate: {
      parameters: {
        ...{ 'CertificatePublicKey!': 'text', CertificatePrivateKey: 'text', CertificateType: ['SVR', 'CA'] },
        ...{ Alias: 'text', ProjectId: 'integer', CertificateUse: 'text', Repeatable: 'boolean', KeyPassword: 'text' },
        Tags: { list: { fields: { 'TagKey!': 'text', 'TagValue!': 'text' } }, most: 20 },
      },
      perSecond: 10,
      run: upload,
    },
    DescribeCertificates: {
      parameters: {
        ...{ Offset: 'integer', Limit: 'integer', SearchKey: 'text', CertificateType: ['CA', 'SVR'] },
        ...{ CertificateStatus: { list: 'integer', most: 20 }, CertIds: { list: 'text', most: 100 } },
        ...{ FilterSource: ['upload', 'buy'], ExpirationSort: ['DESC', 'ASC'], ProjectId: 'integer' },
        Deployable: 'integer',
      },
      run: list,
    },
    DescribeCertificateDetail: {
      parameters: { 'CertificateId!': 'text' },
      resources: onCertificate,
      run({ values }) {
        const one = find(values.needed('CertificateId'));
        const fingerprint = one.sha1.replace(/..(?=.)/g, '$&:');
        return {
          ...describe(one),
          // Here without the main domain.
          ...{ SubjectAltName: one.names.slice(1), CertFingerprint: fingerprint },
          ...{ CertificatePublicKey: one.pem, CertificatePrivateKey: one.key },
        };
      },
    },
    CheckCertificateExist: {
      parameters: { 'CertificatePublicKey!': 'text' },
      run({ values }) {
        const pem = bare(values.needed('CertificatePublicKey'));
        const same = [...cloud.certificates.values()].find((one) => bare(one.pem) === pem);
        return { RepeatCertId: same?.id ?? '' };
      },
    },
    DeleteCertificate: {
      parameters: { 'CertificateId!': 'text', IsCheckResource: 'boolean' },
      perSecond: 10,
      resources: onCertificate,
      run: remove,
    },
    DescribeDeleteCertificatesTaskResult: {
      parameters: { 'TaskIds!': { list: 'text', most: 100 } },
      perSecond: 10,
      run: deletionResults,
    },
  };
}
