import { ApiError } from '../alibaba-clb/api-error.ts';

// From the tables of SetDomainServerCertificate and DescribeDomainCertificateInfo (github.com/AlibabaCloudDocs/cdn), of
// DCDN (alibabacloud.com api-dcdn-2018-01-15-errorcodes) and document_detail/2297005, 131404.
const table: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ServiceBusy: [403, 'The specified Domain is being configured, please try again later.'],
  'InvalidDomain.NotFound': [404, 'The domain provided does not belong to you.'],
  'InvalidDomain.Offline': [400, 'The domain provided is offline.'],
  'InvalidDomain.Configure_failed': [500, 'Failed to configure the domain.'],
  IllegalOperation: [403, 'Illegal domain, operation is not permitted.'],
  DomainInProtectedMode: [400, 'The domain is in protected mode.'],
  'SSLPub.MissingParameter': [400, 'The SSLPub parameter is required.'],
  'SSLPri.MissingParameter': [400, 'The SSLPri parameter is required.'],
  'CertName.MissingParameter': [400, 'You must specify CertName.'],
  'InvalidCertName.TooLong': [400, 'The length of the certificate name cannot exceed 128.'],
  'InvalidSSLProtocol.ValueNotSupported': [400, 'The specified SSLProtocol is not supported.'],
  'Abs.CertRegion.ValueNotSupported': [400, 'The specified CertRegion is not supported.'],
  'Certificate.NotFind': [400, 'Not find the certificate info.'],
  'Certificate.StatusError': [400, 'The status of the certificate is wrong.'],
  'Certificate.FormatError': [400, 'The format of the certificate is invalid.'],
  'Certificate.MissMatch': [400, 'The certificate is not match the private key.'],
  'Certificate.Duplicated': [400, 'The certificate name already exists.'],
  'Key.Malformed': [400, 'The private key is malformed.'],
  NoHttpsDomain: [400, 'There is no domain with HTTPS.'],
  NotExist: [400, 'Not find the certificate info.'],
};

export const refuse = (code: string): ApiError => {
  const [status, message] = table[code] ?? [400, code];
  return new ApiError(code, { status, message });
};
