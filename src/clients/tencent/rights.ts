import type { Right } from '../../core/request-path/rights.ts';
import type { Fields } from '../../core/text/json.ts';
import type { Backend } from '../../ports/balancer.ts';
import { rightsOf, sure, type Try, unsure } from '../http/rights.ts';
import type { TencentClb } from './clb.ts';
import { targetOf } from './clb-listener.ts';
import type { TencentSsl } from './ssl.ts';
import { isDenial } from './tencent.ts';

// The calls that show what a key may do. Those that would change something are well formed, since the API may look at
// the form before it looks at the rights; but they name a listener, a task or a certificate that does not exist.

const nowhere = {
  ListenerId: 'lbl-nowhere0',
  location: 'loc-nowhere0',
  certificate: 'nowhere0',
  task: 'certfleet-doctor',
};

/** What the balancer needs. A policy that names certain servers must allow this one. */
export const balancerTries = (LoadBalancerId: string, backend: Backend): readonly Try<Fields>[] => {
  const there = { LoadBalancerId, ListenerId: nowhere.ListenerId };
  const target = { ...there, LocationId: nowhere.location, Targets: [targetOf(backend)] };
  const rule = { Domain: 'certfleet.invalid', Url: '/' };
  return [
    sure('DescribeLoadBalancers', { LoadBalancerIds: [LoadBalancerId] }),
    sure('DescribeListeners', { LoadBalancerId }),
    sure('DescribeTargets', { LoadBalancerId }),
    sure('DescribeTargetHealth', { LoadBalancerIds: [LoadBalancerId] }),
    sure('DescribeTaskStatus', { TaskId: nowhere.task }),
    sure('DescribeQuota', {}),
    sure('CreateRule', { ...there, Rules: [rule] }),
    sure('RegisterTargets', target),
    sure('DeregisterTargets', target),
    sure('DeleteRule', { ...there, LocationIds: [nowhere.location] }),
  ];
};

/** What the deployer needs of the balancer's service. */
export const bindingTries = (LoadBalancerId: string): readonly Try<Fields>[] => {
  const binding = { LoadBalancerId, ListenerId: nowhere.ListenerId, Certificate: { CertId: nowhere.certificate } };
  return [
    sure('DescribeListeners', { LoadBalancerId }),
    sure('DescribeTaskStatus', { TaskId: nowhere.task }),
    sure('ModifyListener', binding),
    sure('ModifyDomainAttributes', { ...binding, Domain: 'certfleet.invalid' }),
  ];
};

/** What deployers need of SSL Certificate Service. */
export const uploadTries: readonly Try<Fields>[] = [
  sure('DescribeCertificates', { Limit: 1 }),
  sure('UploadCertificate', { CertificatePublicKey: 'none', CertificatePrivateKey: 'none', CertificateType: 'SVR' }),
  unsure('DeleteCertificate', { CertificateId: nowhere.certificate, IsCheckResource: true }),
  sure('DescribeDeleteCertificatesTaskResult', { TaskIds: [nowhere.task] }),
];

export const clbRights = (clb: TencentClb, tries: readonly Try<Fields>[], signal: AbortSignal) =>
  rightsOf({ read: clb.read, name: 'clb', isDenial }, tries, signal);

export const sslRights = (
  ssl: TencentSsl,
  tries: readonly Try<Fields>[],
  signal: AbortSignal,
): Promise<readonly Right[]> =>
  rightsOf(
    {
      read: (action, params, parse, aborted) =>
        ssl.api.call(action, params, parse, { readsOnly: true, signal: aborted }),
      name: 'ssl',
      isDenial,
    },
    tries,
    signal,
  );
