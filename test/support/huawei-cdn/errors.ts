import { HuaweiError } from '../huawei-gateway/gateway.ts';

// The table of support.huaweicloud.com/api-cdn/ErrorCode.html and its copies on huaweicloud.com; CDN.0170 and
// CDN.00010182 from terraform-provider-huaweicloud. No page has a code for a parameter that is wrong, so that code here
// is the fake's own.
const messages: Readonly<Record<string, string>> = {
  'CDN.0001': 'The parameter is wrong.',
  'CDN.0005': 'The upper limit is exceeded.',
  'CDN.0021': 'The user does not have operation permissions because the fine-grained authentication is not passed.',
  'CDN.0106': 'This operation is not supported by the domain name in the current state.',
  'CDN.0115': 'Acceleration domain names are prohibited.',
  'CDN.0116': 'Acceleration domain names are locked.',
  'CDN.0170': 'The domain name does not exist.',
  'CDN.0402': 'The certificate or private key cannot be left blank.',
  'CDN.0403': 'The certificate must be in the PEM format.',
  'CDN.0406': 'The certificate and domain name do not match.',
  'CDN.0409': 'The certificate is valid for less than 24 hours.',
  'CDN.0410': 'The certificate, its chain and the private key do not belong together.',
  'CDN.00010182': 'The resource does not belong to the enterprise project.',
};

/** A refusal of CDN, whose HTTP status is that of the fake's behaviour. */
export const refuseCdn = (code: string, message = messages[code] ?? code): HuaweiError =>
  new HuaweiError(0, code, message);
