import type { ClbListener } from './clb.ts';
import { about } from './clb-rules.ts';
import { sure, type Try, unsure, untried } from './rights.ts';

const nowhere = { group: 'rsp-certfleetdoctor', rule: 'rule-certfleetdoctor', certificate: 'certfleet-doctor' };

/** What the balancer needs, on this listener. */
export function balancerTries(LoadBalancerId: string, listener: ClbListener): readonly Try[] {
  const there = about(LoadBalancerId, listener);
  const group = { VServerGroupId: nowhere.group };
  const rule = { RuleName: nowhere.certificate, Url: '/', VServerGroupId: nowhere.group };
  return [
    sure('DescribeVServerGroups', { LoadBalancerId }),
    sure('DescribeHealthStatus', there),
    sure('CreateVServerGroup', { LoadBalancerId, VServerGroupName: 'certfleet doctor?', BackendServers: 'none' }),
    sure('CreateRules', { ...there, RuleList: JSON.stringify([rule]), DryRun: true }),
    unsure('SetRule', { RuleId: nowhere.rule, ...group }),
    unsure('DeleteRules', { RuleIds: JSON.stringify([nowhere.rule]) }),
    unsure('AddVServerGroupBackendServers', { ...group, BackendServers: 'none' }),
    unsure('RemoveVServerGroupBackendServers', { ...group, BackendServers: 'none' }),
    unsure('DeleteVServerGroup', group),
    untried('TagResources'),
  ];
}

/** What the deployer needs, on this port. */
export function deployerTries(LoadBalancerId: string, ListenerPort: number): readonly Try[] {
  const certificate = { ServerCertificateId: nowhere.certificate };
  return [
    sure('UploadServerCertificate', { ServerCertificateName: '?', ServerCertificate: 'none', PrivateKey: 'none' }),
    sure('CreateDomainExtension', { LoadBalancerId, ListenerPort, Domain: 'certfleet doctor', ...certificate }),
    unsure('SetDomainExtensionAttribute', { DomainExtensionId: 'de-certfleetdoctor', ...certificate }),
    unsure('DeleteDomainExtension', { DomainExtensionId: 'de-certfleetdoctor' }),
    unsure('DeleteServerCertificate', certificate),
    // It replaces the certificate of all names, so not even a call that should be refused is made.
    untried('SetLoadBalancerHTTPSListenerAttribute'),
    untried('TagResources'),
  ];
}
