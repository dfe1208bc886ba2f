import { isFailure } from '../../core/errors/errors.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { refusalOf } from '../http/json-api.ts';
import type { AlibabaParams } from './alibaba.ts';
import type { Clb, ClbListener } from './clb.ts';
import { about } from './clb-rules.ts';

// Finds out what a key may do. Each call either only reads, or names nothing that exists and is malformed besides, so it
// is refused in any case. RAM refuses first, and with a code of its own.

interface Try {
  readonly action: string;
  /** Undefined if no such call is certainly harmless. */
  readonly params: AlibabaParams | undefined;
  /** Whether the call names the load balancer, so that a policy for this one must allow it. */
  readonly isSure: boolean;
}

const nowhere = { group: 'rsp-certfleetdoctor', rule: 'rule-certfleetdoctor', certificate: 'certfleet-doctor' };
const sure = (action: string, params: AlibabaParams): Try => ({ action, params, isSure: true });
const unsure = (action: string, params: AlibabaParams): Try => ({ action, params, isSure: false });
const untried = (action: string): Try => ({ action, params: undefined, isSure: false });

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

export const rightsOf = (clb: Clb, tries: readonly Try[], signal: AbortSignal): Promise<readonly Right[]> =>
  Promise.all(tries.map((one) => rightOf(clb, one, signal)));

async function rightOf(clb: Clb, { action, params, isSure }: Try, signal: AbortSignal): Promise<Right> {
  const name = `slb:${action}`;
  if (params === undefined) return { action: name, state: 'untried' };
  try {
    await clb.read(action, params, () => undefined, signal);
    return { action: name, state: 'allowed' };
  } catch (error) {
    signal.throwIfAborted();
    const code = refusalOf(error)?.code;
    if (code === undefined || !isFailure(error, 'balancer/refused', 'balancer/not-found', 'balancer/quota'))
      throw error;
    if (!/^(Forbidden|NoPermission)/.test(code)) return { action: name, state: 'allowed' };
    return { action: name, state: isSure ? 'denied' : 'doubtful', reason: code };
  }
}
