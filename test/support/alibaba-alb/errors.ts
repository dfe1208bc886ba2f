import { ApiError } from '../alibaba-clb/api-error.ts';

// The codes that terraform-provider-alicloud (resource_alicloud_alb_*.go) and Certimate handle, and those of the
// reference. The exact words of the quotas are not documented.
const table: Readonly<Record<string, readonly [status: number, message: string]>> = {
  'ResourceNotFound.Listener': [404, 'The specified resource Listener is not found.'],
  'ResourceNotFound.LoadBalancer': [404, 'The specified resource LoadBalancer is not found.'],
  'ResourceNotFound.Rule': [404, 'The specified resource Rule is not found.'],
  'ResourceNotFound.ServerGroup': [404, 'The specified resource ServerGroup is not found.'],
  'ResourceNotFound.Certificate': [404, 'The specified resource Certificate is not found.'],
  'ResourceNotFound.BackendServer': [404, 'The specified resource BackendServer is not found.'],
  'IncorrectStatus.Listener': [409, 'The status of Listener [Configuring] is incorrect.'],
  'ResourceInConfiguring.Listener': [409, 'The specified Listener is being configured.'],
  'IncorrectStatus.LoadBalancer': [409, 'The status of LoadBalancer [Configuring] is incorrect.'],
  VipStatusNotSupport: [409, 'The status of the instance does not support the operation.'],
  'IncorrectStatus.ServerGroup': [409, 'The status of ServerGroup [Configuring] is incorrect.'],
  'IncorrectStatus.Rule': [409, 'The status of Rule is incorrect.'],
  'Conflict.Priority': [409, 'There is already a rule of this priority.'],
  'ResourceAlreadyExist.BackendServer': [409, 'The specified BackendServer already exists.'],
  'ResourceAlreadyAssociated.Certificate': [409, 'The specified Certificate is already associated.'],
  'ResourceInUse.ServerGroup': [409, 'The specified ServerGroup is in use.'],
  'QuotaExceeded.LoadBalancerRulesNum': [409, 'The quota of rules is exceeded.'],
  'QuotaExceeded.AdditionalCertsNum': [409, 'The quota of additional certificates is exceeded.'],
  'QuotaExceeded.ServerGroupServersNum': [409, 'The quota of servers is exceeded.'],
  IdempotenceProcessing: [409, 'The previous request of this token is being processed.'],
  IdempotenceParamNotMatch: [400, 'The token was used with other parameters.'],
  DryRunOperation: [400, 'Request validation has been passed with DryRun flag set.'],
  'OperationDenied.ListenerProtocol': [403, 'The protocol of the listener does not support the operation.'],
};

export const refuse = (code: string): ApiError => {
  const [status, message] = table[code] ?? [400, code];
  return new ApiError(code, { status, message });
};
