import { ApiError } from '../alibaba-clb/api-error.ts';

// From the pages SetCertificate, GetCertificateQuota and api-esa-2024-09-10-errorcodes, and certimate #1340.
const table: Readonly<Record<string, readonly [status: number, message: string]>> = {
  MissingSiteId: [400, 'Required parameter SiteId missing. Specify SiteId and try again.'],
  'InvalidParameter.SiteId': [400, 'The specified SiteId is invalid.'],
  'Id.MissingParameter': [400, 'The Id is required.'],
  'InvalidCertificate.NotFound': [400, 'The specified certificate does not exist.'],
  'Certificate.StatusError': [400, 'The status of the certificate is invalid.'],
  'Certificate.Duplicated': [400, 'The certificate is duplicated.'],
  InvalidSSLPub: [400, 'The certificate is invalid.'],
  InvalidSSLPri: [400, 'The private key is invalid.'],
  CertificateNotMatchPrivateKey: [400, 'The certificate does not match the private key.'],
  CertificateDomainNotMatchSite: [400, 'The domain names of the certificate do not match the site.'],
  CertQuotaCheckFailed: [400, 'The quota of certificates is exceeded.'],
  'QuotaCheckFailed.Function': [400, 'The plan does not have this function.'],
  'Instance.NotOnline': [400, 'The instance is not online.'],
  InternalException: [400, 'Failed to call the service. Try again later.'],
};

export const refuse = (code: string): ApiError => {
  const [status, message] = table[code] ?? [400, code];
  return new ApiError(code, { status, message });
};
