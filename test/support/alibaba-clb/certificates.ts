import { ApiError, invalid } from './api-error.ts';
import type { Action, Call } from './find.ts';
import { certificateArn, findCertificate, findRegion } from './find.ts';
import { hasTags, listTags } from './groups.ts';
import type { Certificate, Cloud, Tags } from './model.ts';
import { checkCertificate } from './pem.ts';
import { letters } from './random.ts';

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');

const describe = (certificate: Certificate) => ({
  ServerCertificateId: certificate.id,
  ServerCertificateName: certificate.name,
  RegionId: certificate.region,
  RegionIdAlias: certificate.region,
  ResourceGroupId: 'rg-acfmxazb4ph6aiy',
  Fingerprint: certificate.fingerprint,
  CommonName: certificate.commonName,
  SubjectAlternativeNames: { SubjectAlternativeName: certificate.names },
  CreateTime: time(certificate.created),
  CreateTimeStamp: certificate.created,
  ExpireTime: time(certificate.expires),
  ExpireTimeStamp: certificate.expires,
  IsAliCloudCertificate: 0,
  AliCloudCertificateId: '0',
  AliCloudCertificateName: '',
});

/** Keeps a certificate that passes every rule; the fake's own first certificates come this way, too. */
export function addCertificate(
  cloud: Cloud,
  given: { region: string; name?: string; certificate: string; privateKey: string; tags?: Tags },
): Certificate {
  const facts = checkCertificate(given.certificate, given.privateKey, cloud.behaviour);
  const held = [...cloud.certificates.values()].filter(({ region }) => region === given.region);
  if (held.length >= cloud.quotas.certificatesOfRegion) throw new ApiError('OverQuota');
  const digits = (length: number) => letters(cloud.random, length, '123456789');
  const id = `${cloud.account}_${letters(cloud.random, 11, '0123456789abcdef')}_${digits(10)}_${digits(9)}`;
  const certificate: Certificate = {
    ...facts,
    id,
    region: given.region,
    name: given.name ?? id,
    pem: given.certificate,
    key: given.privateKey,
    created: cloud.now(),
    tags: given.tags ?? new Map(),
  };
  cloud.certificates.set(id, certificate);
  return certificate;
}

function upload(call: Call): Record<string, unknown> {
  const { parameters, cloud } = call;
  const region = findRegion(call);
  const name = parameters.text('ServerCertificateName');
  if (name !== undefined && !/^[A-Za-z][A-Za-z0-9._-]{0,79}$/.test(name))
    throw invalid('The specified parameter ServerCertificateName is not valid.');
  // There is no certificate service here that could hold it.
  if (parameters.text('AliCloudCertificateId') !== undefined) throw invalid('The specified resource does not exist.');
  const [certificate, privateKey] = [parameters.text('ServerCertificate'), parameters.text('PrivateKey')];
  if (certificate === undefined || privateKey === undefined)
    throw invalid('The specified parameter ServerCertificate or Key is empty.');
  const tags = parameters.tags();
  const added = addCertificate(cloud, {
    region,
    certificate,
    privateKey,
    tags,
    ...(name === undefined ? {} : { name }),
  });
  return describe(added);
}

const inUse = (cloud: Cloud, { id }: Certificate): boolean =>
  [...cloud.balancers.values()].some(({ listeners }) => listeners.some(({ certificateId }) => certificateId === id)) ||
  [...cloud.extensions.values()].some(({ certificateId }) => certificateId === id);

const onCertificate = (call: Call): string[] => [certificateArn(call, call.parameters.text('ServerCertificateId'))];

export const certificateActions: Readonly<Record<string, Action>> = {
  UploadServerCertificate: { resources: (call) => [certificateArn(call, undefined)], run: upload },
  DescribeServerCertificates: {
    resources: (call) => [certificateArn(call, undefined)],
    run(call) {
      const region = findRegion(call, 'optional');
      const [id, wanted] = [call.parameters.text('ServerCertificateId'), call.parameters.tags()];
      const found = [...call.cloud.certificates.values()].filter(
        (one) => one.region === region && (id ?? one.id) === one.id && hasTags(one.tags, wanted),
      );
      return {
        ServerCertificates: {
          ServerCertificate: found.map((certificate) => ({
            ...describe(certificate),
            Tags: listTags(certificate.tags),
          })),
        },
      };
    },
  },
  DeleteServerCertificate: {
    resources: onCertificate,
    run(call) {
      const certificate = findCertificate(call, findRegion(call, 'optional'));
      if (inUse(call.cloud, certificate)) throw new ApiError('CertificateAndPrivateKeyIsRefered');
      call.cloud.certificates.delete(certificate.id);
      return {};
    },
  },
  SetServerCertificateName: {
    resources: onCertificate,
    run(call) {
      const certificate = findCertificate(call, findRegion(call));
      const name = call.parameters.required('ServerCertificateName');
      if (!/^[A-Za-z0-9\-/._*]{1,80}$/.test(name))
        throw invalid('The specified parameter ServerCertificateName is not valid.');
      certificate.name = name;
      return {};
    },
  },
};
