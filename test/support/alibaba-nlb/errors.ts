import { ApiError } from '../alibaba-clb/api-error.ts';

// The tables of errors of the NLB pages (api-nlb-2022-04-30: UpdateListenerAttribute, AssociateAdditionalCertificates…,
// Disassociate…, ListListenerCertificates, GetJobStatus). Nearly all are 400, and the case of the second word varies.
const table: Readonly<Record<string, readonly [status: number, message: string]>> = {
  'ResourceNotFound.listener': [404, 'The specified resource listener is not found.'],
  'ResourceNotFound.loadBalancer': [404, 'The specified resource of loadbalancer is not found.'],
  'ResourceNotFound.JobId': [404, 'The specified resource of JobId is not found.'],
  'ResourceNotFound.Certificate': [400, 'The specified resource Certificate is not found.'],
  'ResourceAlreadyAssociated.Certificate': [400, 'The specified resource Certificate is already associated.'],
  'ResourceNotAssociated.Certificate': [400, 'The specified resource Certificate is not associated.'],
  'IncorrectStatus.listener': [400, 'The status of listener [Configuring] is incorrect.'],
  'IncorrectStatus.loadbalancer': [400, 'The status of loadbalancer [Configuring] is incorrect.'],
  'Conflict.Lock': [400, 'The Lock [loadbalancer] is conflict.'],
  'OperationDenied.Protocol': [400, 'The operation is not allowed because of Protocol.'],
  'OperationDenied.DefaultCertificateUsed': [400, 'The operation is not allowed because of DefaultCertificateUsed.'],
  'OperationDenied.CaCertificateUsed': [400, 'The operation is not allowed because of CaCertificateUsed.'],
  'IllegalParamSize.certificateIds': [400, 'The param size of certificateIds or caCertificateIds is illegal.'],
  'IllegalParam.IdleTimeout': [400, 'The param of IdleTimeout is illegal.'],
  IllegalParam: [400, 'The param is illegal.'],
  IdempotenceSignatureMismatch: [
    400,
    'The idempotence token of request is same with the prev one, but the signature is different.',
  ],
  SystemBusy: [400, 'System is busy, please try again later.'],
  DryRunOperation: [400, 'Request validation has been passed with DryRun flag set.'],
  // Of another page of NLB: that of Associate… names no code for a quota.
  'QuotaExceeded.QuotaInsufficient': [400, 'The quota of loadbalancer_certificates_num is exceeded.'],
};

export const refuse = (code: string, said?: string): ApiError => {
  const [status, message] = table[code] ?? [400, code];
  return new ApiError(code, { status, message: said ?? message });
};
