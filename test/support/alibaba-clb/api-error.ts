/** Status and message of each code, from the table of common errors of the SLB API and the gateway's own. */
const table: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ServiceIsConfiguring: [400, 'A previous configuration is pending; please try again later.'],
  VServerGroupProcessing: [400, 'A previous configuration of the VServer group is pending; please try again later.'],
  DomainExtensionProcessing: [
    400,
    'A previous configuration of the domain extension is pending; please try again later.',
  ],
  OperationBusy: [400, 'A previous operation is pending.'],
  'OperationFailed.ListenerStatusNotSupport': [400, 'The operation failed because of the status of the listener.'],
  'BackendServer.configuring': [
    409,
    'A previous configuration of the load balancer is pending; please try again later.',
  ],
  'Throttling.User': [400, 'Request was denied due to user flow control.'],
  InvalidParameter: [400, 'The specified parameter is not valid.'],
  MissingParameter: [400, 'The combination of some parameters violates the spec.'],
  'InvalidRegionId.NotFound': [404, 'The specified RegionId does not exist.'],
  'InvalidLoadBalancerId.NotFound': [404, 'The specified LoadBalancerId does not exist.'],
  'InvalidRuleId.NotFound': [404, 'Rule does not exist.'],
  ListenerNotFound: [404, 'You have not created a listener for the specified port of the load balancer.'],
  CheckedListenerNotFound: [404, 'No health-checked Listener to the specified port of the Load Balancer.'],
  RuleNotSupport: [400, 'Rule is not support in the tcp type listener.'],
  RuleListMalformed: [400, 'the specified parameter RuleList is unavailable.'],
  DomainMalformed: [400, 'the specified domain in RuleList parameter is unavailable.'],
  UrlMalformed: [400, 'the specified url in RuleList parameter is unavailable.'],
  DomainExist: [400, 'rule with same domain and url already exists in specified vip'],
  TooManyRules: [400, 'the number of rules under specified vip is beyond maximum limit.'],
  VServerGroupEmpty: [400, 'The specified VServerGroupId is invalid; it does not contain vServers.'],
  RspoolVipExist: [400, 'there are vips associating with this vServer group.'],
  RspoolRuleExist: [400, 'there are rules associating with this vServer group.'],
  BackendServersMalformed: [400, 'the specified parameter BackendServers is unavailable.'],
  TooManyBackendServers: [400, 'The backend server parameter has too many entries.'],
  'InvalidWeight.Malformed': [400, 'A specified weight is not valid.'],
  ObtainIpFail: [
    400,
    'The specified BackendServers is invalid; some of the specified backend servers do not exist or are not running.',
  ],
  'InvalidServerId.NotFound': [400, 'The specified server is not found.'],
  TagCountLimit: [400, 'Tags count limit exceeded.'],
  TagCreateCountLimit: [400, 'tags create count limit exceeded.'],
  OverQuota: [400, 'The Total is over the quota.'],
  KeyFormatError: [400, 'The specified ServerCertificate is incorrectly formatted.'],
  PrivateKeyEncryption: [400, 'Key has Encrypted .'],
  CertificateNotMatchPrivateKey: [400, 'Certificate and key does not match.'],
  CertificateAndPrivateKeyIsRefered: [400, 'The specified certificate is bound to listeners. You cannot delete it.'],
  'ServerCertificateId.NotFound': [404, 'The specified ServerCertificateId does not exist.'],
  'InvalidParameter.DomainExtensionId': [400, 'The specified DomainExtensionId does not exist.'],
  DomainExtensionRelatedRuleExist: [400, 'there are rules associating with this domain extension.'],
  DryRunOperation: [400, 'Request validation has been passed with DryRun flag set.'],
  UnsupportedParameter: [400, 'The specified parameter is not unsupported.'],
  UnsupportedHTTPMethod: [403, 'This http method is not supported.'],
  'InvalidAction.NotFound': [404, 'Specified api is not found, please check your url and method.'],
  InvalidVersion: [400, 'Specified parameter Version is not valid.'],
  IncompleteSignature: [400, 'The request signature does not conform to Aliyun standards.'],
  SignatureDoesNotMatch: [400, 'Specified signature does not match our calculation.'],
  SignatureNonceUsed: [400, 'The request signature nonce has been used.'],
  'InvalidTimeStamp.Format': [400, 'Specified time stamp or date value is not well formatted.'],
  'InvalidTimeStamp.Expired': [400, 'Specified time stamp or date value is expired.'],
  'InvalidAccessKeyId.NotFound': [404, 'Specified access key is not found.'],
  MissingSecurityToken: [400, 'SecurityToken is mandatory for this action.'],
  'InvalidSecurityToken.Expired': [400, 'Specified SecurityToken is expired.'],
  'InvalidSecurityToken.MismatchWithAccessKey': [400, 'Specified SecurityToken is mismatched with the access key.'],
  Forbidden: [403, 'User not authorized to operate on the specified resource.'],
  'Forbidden.RAM': [403, "User not authorized to operate on the specified resource, or this API doesn't support RAM."],
  'Forbidden.NoPermission': [403, 'Authentication is failed for NoPermission.'],
  ServiceUnavailable: [503, 'The request has failed due to a temporary failure of the server.'],
  InternalError: [500, 'The request processing has failed due to some unknown error, exception or failure.'],
};

/** A refusal in the words of the API. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** What the answer says beside the code and the message. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    changes: { message?: string; status?: number; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    const [status, message] = table[code] ?? [400, code];
    super(changes.message ?? message);
    this.code = code;
    this.status = changes.status ?? status;
    this.details = changes.details ?? {};
  }
}

/** `InvalidParameter`, the code of most wrong values, which only its message tells apart. */
export const invalid = (message: string, status = 400): ApiError =>
  new ApiError('InvalidParameter', { message, status });

export const missing = (name: string): ApiError =>
  new ApiError('MissingParameter', {
    message: `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
  });

export const existsAlready = (): ApiError => invalid('The resource already exists.');
