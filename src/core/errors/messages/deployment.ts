import type { ErrorEntry } from '../error-entry.ts';

/** Deployment: exit 6. */
export const deployment = {
  'deploy/target-failed': {
    message: 'deploying {certificate} to {target} failed: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The target keeps its previous certificate, if it had one. `certfleet renew` tries again.',
  },
  'deploy/nodes-missing': {
    message: '{certificate} is missing on {missing} of the {total} nodes of {target}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The other nodes have it. `certfleet renew` tries the missing nodes again.',
  },
  'deploy/unsafe-folder': {
    message: 'certfleet refused to deploy {certificate} to {target}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'certfleet writes private keys only to folders that belong to root or to its own user, and does not follow links of other users. Fix the folder; `certfleet renew` tries again.',
  },
  'deploy/newer-there': {
    message:
      'certfleet refused to deploy {certificate} to {target}: certbot has renewed it, and the version in {path} is newer (valid from {from})',
    blame: 'config',
    retry: 'later',
    hint: 'Take over the newer version with `certfleet import certbot {root} --in-place`, and stop certbot, so that only one of the two renews the certificate.',
  },
  'deploy/config-test-failed': {
    message: '{target}: the configuration test failed after {certificate} was written: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous files were restored. Fix the configuration; `certfleet renew` tries again.',
  },
  'deploy/too-slow': {
    message: 'deploying {certificate} to {target} took longer than {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Find out why the target hangs, or allow more time with `deployDeadline` in the configuration.',
  },
  'deploy/settling': {
    message: '{certificate} is still being rolled out at {target}: {detail}',
    blame: 'network',
    retry: 'later',
    hint: 'You need not do anything. `certfleet renew` looks again, and reports a failure if the roll-out has not ended by {until}.',
  },
  'deploy/not-settled': {
    message: '{target} has not finished the roll-out of {certificate}, which should have ended by {until}: {detail}',
    blame: 'network',
    retry: 'later',
    hint: 'See in the console of the target what it is waiting for. `certfleet renew` looks again, and delivers again once the roll-out has ended.',
  },
  'deploy/places-missing': {
    message: '{certificate} is missing at {missing} of the {total} places of {target}: {places}',
    blame: 'config',
    retry: 'later',
    hint: 'Correct the cause at each place that is named. The other places are not affected, and `certfleet renew` tries only the missing ones again.',
  },
  'deploy/other-node': {
    message: '{target} does not have {certificate} yet: its delivery was interrupted on another node',
    blame: 'config',
    retry: 'later',
    hint: 'A sweep delivers only to targets that all nodes share. For the other targets, run `certfleet renew` on that node.',
  },
  'deploy/no-answer': {
    message: 'nothing answers at {endpoint}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Start the server, or correct the endpoint; `certfleet renew` checks it again.',
  },
  'deploy/still-old': {
    message: '{endpoint} does not serve the current certificate of {certificate} yet; it serves {served}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that a target of this certificate is the server behind this endpoint. `certfleet renew` activates the certificate again and repeats the check.',
  },
  'deploy/drifted': {
    message: '{endpoint} no longer serves the current certificate of {certificate}; it serves {served}',
    blame: 'config',
    retry: 'later',
    hint: 'Something has put another certificate there since it was delivered. `certfleet renew` looks at each target, and delivers to those that lack it. If it comes back, find out what else writes to the target.',
  },
  'deploy/foreign': {
    message:
      '{endpoint} no longer serves the current certificate of {certificate}, but another one that is valid for the name: {served}',
    blame: 'config',
    retry: 'later',
    hint: 'certfleet replaces it only at targets that lack the current version. If it is meant to be there, remove the endpoint from the certificate; if not, find out which server behind the endpoint has it, and who installed it.',
  },
  'deploy/handshake-failed': {
    message: '{endpoint} no longer completes a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous version was restored. `certfleet renew` tries the new one again after a day.',
  },
  'deploy/no-handshake': {
    message: '{endpoint} does not complete a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{why}. Check that a TLS server listens there and accepts the certificate; `certfleet renew` checks it again.',
  },
} as const satisfies Record<string, ErrorEntry>;
