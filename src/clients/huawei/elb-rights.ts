import type { Right } from '../../core/request-path/rights.ts';
import { type ReadTries, readRights } from '../http/read-rights.ts';
import type { Elb } from './elb.ts';

// ELB has no dry run.

const nowhere = '00000000-0000-0000-0000-000000000000';

/** What the balancer needs. */
export const balancerTries = (elb: Elb, loadBalancer: string): ReadTries => ({
  reads: {
    'elb:loadbalancers:get': (signal) => elb.get(`loadbalancers/${loadBalancer}`, 'loadbalancer', signal),
    'elb:listeners:list': (signal) => elb.list('listeners', 'listeners', { loadbalancer_id: loadBalancer }, signal),
    'elb:quotas:list': (signal) => elb.get('quotas', 'quota', signal),
    'elb:l7policies:list': (signal) => elb.list('l7policies', 'l7policies', {}, signal),
    'elb:l7rules:list': (signal) => elb.list(`l7policies/${nowhere}/rules`, 'rules', {}, signal),
    'elb:pools:list': (signal) => elb.list('pools', 'pools', { loadbalancer_id: loadBalancer }, signal),
    'elb:members:list': (signal) => elb.list(`pools/${nowhere}/members`, 'members', {}, signal),
  },
  changes: [
    ...['elb:l7policies:create', 'elb:l7policies:delete', 'elb:pools:create', 'elb:pools:delete'],
    ...['elb:members:create', 'elb:members:delete', 'elb:healthmonitors:create', 'elb:healthmonitors:delete'],
  ],
});

/** What a deployer needs to put certificates on a listener. */
export const listenerTries = (elb: Elb, loadBalancer: string): ReadTries => ({
  reads: {
    'elb:listeners:list': (signal) => elb.list('listeners', 'listeners', { loadbalancer_id: loadBalancer }, signal),
    'elb:certificates:list': (signal) => elb.list('certificates', 'certificates', {}, signal),
  },
  changes: ['elb:listeners:put', 'elb:certificates:create', 'elb:certificates:delete'],
});

export const rightsOf = (tries: ReadTries, signal: AbortSignal): Promise<readonly Right[]> =>
  readRights(tries, ({ status }) => status === 403, signal);
