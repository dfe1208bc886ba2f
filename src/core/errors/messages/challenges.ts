import type { ErrorEntry } from '../error-entry.ts';

/** DNS and solvers: exit 5. */
export const challenges = {
  'dns/zone-not-found': {
    message: 'no DNS zone was found for {name}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the domain is delegated, or name the zone and its servers: declare the solver on the page “Connections” or in certfleet.yaml, and set `zone` and `nameservers` under its `dns`.',
  },
  'dns/no-nameserver': {
    message: 'no authoritative name server of {zone} could be found: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the NS records of the zone, or name the zone and its servers: declare the solver on the page “Connections” or in certfleet.yaml, and set `zone` and `nameservers` under its `dns`.',
  },
  'dns/lookup-failed': {
    message: 'the name server {server} did not answer {question}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'SERVFAIL, REFUSED and NOTIMP come from the server itself: fix the server or its zone. For any other error, check that this machine can reach the server over UDP and TCP port 53.',
  },
  'dns/not-visible': {
    message: 'the TXT record {name} was not on every authoritative server after {seconds} s: {missing}',
    blame: 'provider',
    retry: 'later',
    hint: 'The CA was not asked. {advice}',
  },
  'dns/delegated': {
    message: '{name} is an alias (CNAME) of {target}, and {provider} cannot change the zone {zone}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'dns/cname-loop': {
    message: 'the CNAME records at {name} form a loop, or a chain of more than {limit}',
    blame: 'config',
    retry: 'later',
    hint: 'Correct the CNAME records.',
  },
  'dns/refused': {
    message: '{provider} refused to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nothing was changed. {advice}',
  },
  'dns/limited': {
    message: '{provider} is not accepting more requests at the moment: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was changed. Try again after the limit resets.',
  },
  'dns/failed': {
    message: '{provider} failed to change {name}: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The problem is on the provider’s side. Try again later. If it lasts, check the provider’s status page.',
  },
  'dns/script-failed': {
    message: '{script} failed to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The script may have changed something before it failed. {advice}',
  },
  'dns/needs-person': {
    message: 'the TXT records for {name} must be added by hand, at a terminal{until}',
    blame: 'config',
    retry: 'never',
    hint: 'Run `certfleet issue` with the certificate’s name at a terminal. To renew without manual steps, choose a DNS provider with an API (`certfleet providers` lists them).',
  },
  'dns/conflict': {
    message: '{provider} did not change {name}, because another program was changing it at the same time: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was changed. Try again.',
  },
  'dns/clock-skew': {
    message: '{provider} refused to change {name}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Set the clocks of this machine and of the server (NTP). They may differ by at most five minutes.',
  },
  'dns/unreachable': {
    message: '{provider} could not be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the server’s address and the network.',
  },
  'dns/bad-answer': {
    message: '{provider} sent a response that cannot be trusted: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'If the provider uses TSIG, check the key on both sides, and both clocks.',
  },
  'solver/port-taken': {
    message: 'the responder cannot listen on {address}: {holder} is using the port',
    blame: 'config',
    retry: 'later',
    hint: 'Stop that program, listen on another port behind your load balancer, or use `--http webroot:FOLDER`.',
  },
  'solver/port-held': {
    message: 'the responder cannot listen on {address}: {holder} is using the port',
    blame: 'config',
    retry: 'later',
    hint: 'That process releases the port when its orders are done. If it is suspended, resume it with `kill -CONT PID`, or end it; the next run finishes its work.',
  },
  'solver/cannot-listen': {
    message: 'the responder cannot listen on {address}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Ports below 1024 need root or CAP_NET_BIND_SERVICE.',
  },
  'solver/webroot-unwritable': {
    message: 'the webroot {folder} cannot be written to: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Name the folder that the web server serves, and give this user write access to it.',
  },
  'solver/hook-failed': {
    message: 'the hook `{command}` failed with {status}: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'To find the cause, run the hook by hand with the CERTBOT_* variables set.',
  },
  'solver/too-much-left': {
    message:
      'challenges from earlier attempts for {certificate} could not be removed, or must be checked again ({count} in all)',
    blame: 'provider',
    retry: 'later',
    hint: 'Run `certfleet sweep`, which removes them or says why it cannot. Until then, the journal has no room for another order.',
  },
  'solver/not-removed': {
    message: '{certificate}: {what} could not be removed: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Nothing was deleted. Fix the problem and run `certfleet delete {certificate}` again, or add --force to delete the certificate and leave the challenge in place.',
  },
  'solver/wrong-answer': {
    message: '{what} returned {answer} for the challenge path of {identifier}',
    blame: 'config',
    retry: 'later',
    hint: '{advice}',
  },
  'solver/frontend-silent': {
    message: 'the proxy at {frontend} did not answer: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check that the proxy is running and that this machine can connect to it, or remove it from the solver’s `frontends`.',
  },
  'solver/not-ready': {
    message: '{solver} was not ready for {identifier} after {seconds} s: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The CA was not asked.',
  },
} as const satisfies Record<string, ErrorEntry>;
