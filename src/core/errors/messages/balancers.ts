import type { ErrorEntry } from '../error-entry.ts';

/** The load balancer: exit 5. */
export const balancers = {
  // `{action}` is the API's own name of the call; `{reason}` ends with its request id, if it gave one.
  'balancer/refused': {
    message: '{balancer} refused {action}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'balancer/unreachable': {
    message: '{balancer} could not be reached for {action}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the region, the `endpoint` option if it is set, the network and the proxy settings.',
  },
  'balancer/failed': {
    message: '{balancer} failed during {action}: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The service has a problem, or a proxy in between responded in its place.',
  },
  'balancer/limited': {
    message: '{balancer} is not accepting more calls at the moment ({action}): {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Wait until the limit resets. If this happens often, find out what else calls this API with the same account.',
  },
  'balancer/busy': {
    message: '{balancer} was still applying another change after {seconds} s, so {action} could not be done: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'If this lasts, check the state of the load balancer in the provider’s console.',
  },
  'balancer/not-found': {
    message: '{balancer}: {what} does not exist: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the region, the load balancer’s ID and the listener’s port, and that the credentials belong to the account that owns the load balancer.',
  },
  'balancer/quota': {
    message: '{balancer} has no quota left for {what}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Remove resources that are no longer needed, or ask the provider for a higher quota.',
  },
  'balancer/no-room': {
    message: '{target} has no room for {certificate}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was ordered. {advice}',
  },
  'balancer/no-target': {
    message: '{certificate} could not be delivered to {target}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was ordered. Create what is missing, or correct the settings of the deployer.',
  },
  'balancer/unsafe-rule': {
    message: '{balancer}: a rule for {host} would divert other traffic of that host: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'balancer/rule-in-the-way': {
    message: '{balancer}: another installation of certfleet ({owner}) uses {where}: its rule {rule} was made {age} ago',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. If that installation is gone, for instance because its store was lost, remove what it left: `{command}`. If it is alive and keeps its rule (`keep: true`), let both installations use one store.',
  },
  'balancer/journal-full': {
    message: '{balancer}: {count} certificates use it, and its journal in the store has no room for another one',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. Leave out `keep: true` of the solver: without it, a certificate is in the journal only during its order. Or put several names into one certificate.',
  },
  'balancer/redirects': {
    message: '{balancer}: the listener on port {port} only redirects, so no rule on it can answer challenges: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
} as const satisfies Record<string, ErrorEntry>;
