// Errors of OSS. Sources: how-to-troubleshoot-403-status-code-when-you-access-oss, document_detail/185228 (400), the pages
// of the error codes (EC) 0002-… (signature) and 0018-… (domain names), certd #474, certimate #423 #1042. Without an EC,
// no page names one; where only an EC is documented, the code is a guess, so a client must go by the EC.
const table = {
  AccessDenied: [403, 'You have no right to access this object because of bucket acl.'],
  Anonymous: [403, 'Anonymous user has no right to access this bucket.'],
  ListDenied: [403, 'You are forbidden to list buckets.'],
  WrongEndpoint: [
    403,
    'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
  ],
  NoDate: [403, 'OSS authentication requires a valid Date.', '0002-00000503'],
  RequestTimeTooSkewed: [403, 'The difference between the request time and the current time is too large.'],
  InvalidAccessKeyId: [403, 'The OSS Access Key Id you provided does not exist in our records.'],
  SecurityTokenMissing: [403, 'The OSS Access Key Id you provided does not exist in our records.'],
  InvalidSecurityToken: [403, 'The security token you provided is invalid.'],
  SecurityTokenExpired: [403, 'The security token you provided has expired.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ],
  SignatureVersion: [400, 'The Authorization header is invalid.', '0002-00000061'],
  V1Form: [400, 'The Authorization header is invalid.', '0002-00000062'],
  V4Form: [400, 'The Authorization header is invalid.', '0002-00000202'],
  V4AdditionalHeaders: [400, 'The AdditionalHeaders field is invalid.', '0002-00000209'],
  V4Credential: [400, 'The Credential field is invalid.', '0002-00000213'],
  V4Payload: [400, 'The value of x-oss-content-sha256 is invalid.', '0002-00000214'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchCname: [404, 'The specified cname does not exist.'],
  NoOperation: [400, 'The operation cannot be identified.', '0017-00000001'],
  InvalidArgument: [400, 'The argument is invalid.'],
  InvalidDigest: [400, 'The Content-MD5 you specified was invalid.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate against our published schema.'],
  NeedVerifyDomainOwnership: [
    403,
    'Please verify domain ownership by CreateCnameToken and try again.',
    '0018-00000115',
  ],
  InvalidDomainName: [400, 'The domain name is invalid.', '0018-00000401'],
  CertificateInvalidCasId: [
    400,
    'The certificate does not exist or does not belong to the owner of the bucket.',
    '0018-00000204',
  ],
  CertIdTooLong: [400, 'The CertId is too long.', '0018-00000206'],
  PreviousCertIdDiffers: [400, 'The PreviousCertId is not the id of the certificate in use.', '0018-00000209'],
  KeyWithoutCertificate: [400, 'The PrivateKey comes without a Certificate.', '0018-00000210'],
  CertificateInvalid: [400, 'The certificate or its key is invalid.'],
  SlowDown: [503, 'Please reduce your request rate.'],
} as const satisfies Record<string, readonly [status: number, message: string, ec?: string]>;

/** Codes that several reasons share. */
const codes: Readonly<Record<string, string>> = {
  ...{ Anonymous: 'AccessDenied', ListDenied: 'AccessDenied', WrongEndpoint: 'AccessDenied', NoDate: 'AccessDenied' },
  ...{ SecurityTokenMissing: 'InvalidAccessKeyId', SignatureVersion: 'InvalidArgument', V1Form: 'InvalidArgument' },
  ...{ V4Form: 'InvalidArgument', V4AdditionalHeaders: 'InvalidArgument', V4Credential: 'InvalidArgument' },
  ...{ V4Payload: 'InvalidArgument', NoOperation: 'InvalidArgument', CertIdTooLong: 'InvalidArgument' },
  ...{ PreviousCertIdDiffers: 'InvalidArgument', KeyWithoutCertificate: 'InvalidArgument' },
};

/** A refusal in the words of OSS. */
export class OssError extends Error {
  readonly code: string;
  readonly status: number;
  readonly ec: string | undefined;
  /** Elements that the answer has besides. */
  readonly details: Readonly<Record<string, string>>;

  constructor(reason: keyof typeof table, details: Readonly<Record<string, string>> = {}) {
    const [status, message, ec] = table[reason] as readonly [number, string, string?];
    super(message);
    this.code = codes[reason] ?? reason;
    this.status = status;
    this.ec = ec;
    this.details = details;
  }
}
