import type { CertificateChange, Words } from './alb-certificates.ts';
import { sure, type Try, unsure } from './rights.ts';

// The calls that show what a key may do at ALB and NLB. A change is a dry run, and names nothing that exists besides.

const DryRun = true;
const nowhere = { group: 'sgp-certfleetdoctor', rule: 'rule-certfleetdoctor', certificate: '1-certfleet-doctor' };

const ruleToNowhere = {
  ...{ 'RuleConditions.1.Type': 'Path', 'RuleConditions.1.PathConfig.Values.1': '/certfleet-doctor' },
  ...{ 'RuleActions.1.Type': 'ForwardGroup', 'RuleActions.1.Order': 1 },
  'RuleActions.1.ForwardGroupConfig.ServerGroupTuples.1.ServerGroupId': nowhere.group,
};

/** What the balancer needs. In the mode `fixed-response`, it needs no groups. */
export function balancerTries(
  loadBalancer: string,
  listener: string,
  mode: 'forward' | 'fixed-response',
): readonly Try[] {
  const group = { ServerGroupId: nowhere.group };
  const Servers = [{ ServerType: 'Ecs', ServerId: 'i-certfleetdoctor', Port: '1' }];
  const LoadBalancerIds = [loadBalancer];
  const rules = [
    sure('ListLoadBalancers', { LoadBalancerIds }),
    sure('ListListeners', { LoadBalancerIds }),
    sure('ListRules', { LoadBalancerIds }),
    sure('CreateRule', { ListenerId: listener, RuleName: '?', Priority: 1, ...ruleToNowhere, DryRun }),
    unsure('DeleteRule', { RuleId: nowhere.rule, DryRun }),
  ];
  const groups = [
    sure('ListServerGroups', {}),
    sure('GetListenerHealthStatus', { ListenerId: listener }),
    unsure('ListServerGroupServers', group),
    sure('CreateServerGroup', { ServerGroupName: '?', 'HealthCheckConfig.HealthCheckEnabled': false, DryRun }),
    unsure('AddServersToServerGroup', { ...group, Servers, DryRun }),
    unsure('RemoveServersFromServerGroup', { ...group, Servers, DryRun }),
    unsure('DeleteServerGroup', { ...group, DryRun }),
  ];
  return mode === 'forward' ? [...rules, ...groups] : rules;
}

/** What a deployer needs on its listener. */
export function certificateTries(
  words: Words,
  { listener, loadBalancer }: { readonly listener: string; readonly loadBalancer: string },
  attach: 'additional' | 'default',
): readonly Try[] {
  const change = (kind: CertificateChange) => {
    const params = { ListenerId: listener, ...words.params(kind, [nowhere.certificate]), DryRun };
    return sure(words.actions[kind], params);
  };
  return [
    sure('ListListeners', { LoadBalancerIds: [loadBalancer] }),
    sure('ListListenerCertificates', { ListenerId: listener, ...words.servers }),
    ...(attach === 'default' ? [change('default')] : []),
    ...[change('add'), change('remove')],
  ];
}
