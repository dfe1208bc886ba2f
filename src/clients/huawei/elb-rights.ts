import { isFailure } from '../../core/errors/errors.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { refusalOf } from '../http/json-api.ts';
import type { Elb } from './elb.ts';

// Finds out what a key may do. ELB has no dry run, and no call that would change something is made, so only what reads is
// tried.

export interface Tries {
  /** Calls by the right that each needs. What they return does not matter, and what they name need not exist. */
  readonly reads: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>;
  /** The rights that no call can show. */
  readonly changes: readonly string[];
}

const nowhere = '00000000-0000-0000-0000-000000000000';

/** What the balancer needs. */
export const balancerTries = (elb: Elb, loadBalancer: string): Tries => ({
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
export const listenerTries = (elb: Elb, loadBalancer: string): Tries => ({
  reads: {
    'elb:listeners:list': (signal) => elb.list('listeners', 'listeners', { loadbalancer_id: loadBalancer }, signal),
    'elb:certificates:list': (signal) => elb.list('certificates', 'certificates', {}, signal),
  },
  changes: ['elb:listeners:put', 'elb:certificates:create', 'elb:certificates:delete'],
});

export const rightsOf = async ({ reads, changes }: Tries, signal: AbortSignal): Promise<readonly Right[]> => [
  ...(await Promise.all(Object.entries(reads).map(([action, read]) => rightOf(action, read, signal)))),
  ...changes.map((action): Right => ({ action, state: 'untried' })),
];

async function rightOf(
  action: string,
  read: (signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<Right> {
  try {
    await read(signal);
    return { action, state: 'allowed' };
  } catch (error) {
    signal.throwIfAborted();
    const { status, code } = refusalOf(error) ?? {};
    if (status === 403) return { action, state: 'denied', reason: code ?? 'refused' };
    if (!isFailure(error, 'balancer/not-found')) throw error;
    return { action, state: 'allowed' };
  }
}
