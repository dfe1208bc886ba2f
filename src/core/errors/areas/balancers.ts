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
    hint: 'Check the region, the `endpoint` if there is one, the network and the proxy settings.',
  },
  'balancer/failed': {
    message: '{balancer} failed to answer {action}: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The service is disturbed, or something in between answers in its place.',
  },
  'balancer/limited': {
    message: '{balancer} accepts no more calls at the moment ({action}): {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Wait until the limit has ended. If it happens often, find out what else calls this API with the same account.',
  },
  'balancer/busy': {
    message: '{balancer} was still applying another change after {seconds} s, so {action} was not done: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'If it stays so, look at the state of the load balancer in its console.',
  },
  'balancer/not-found': {
    message: '{balancer}: {what} does not exist: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check the region, the id of the load balancer and the port of its listener, and that the credentials belong to the account that owns it.',
  },
  'balancer/quota': {
    message: '{balancer} has no room for {what}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Remove what is no longer needed, or ask the provider for a higher quota.',
  },
  'balancer/unsafe-rule': {
    message: '{balancer}: a rule for {host} would take other traffic of that host away: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'balancer/redirects': {
    message: '{balancer}: the listener on port {port} only redirects, so no rule on it can answer the CA: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
} as const satisfies Record<string, ErrorEntry>;
