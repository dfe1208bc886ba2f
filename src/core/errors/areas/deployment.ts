import type { ErrorEntry } from '../error-entry.ts';

/** Deployment: exit 6. */
export const deployment = {
  'deploy/target-failed': {
    message: 'deploying {certificate} to {target} failed: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The target keeps what it had. `certfleet renew` tries it again.',
  },
  'deploy/nodes-missing': {
    message: '{missing} of {total} nodes of {target} lack {certificate}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Nodes that are not named have it. `certfleet renew` tries only these again.',
  },
  'deploy/unsafe-folder': {
    message: 'deploying {certificate} to {target} was refused: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Private keys go only into folders of root or of the user that runs certfleet, and through no links of others. Mend the folder; `certfleet renew` tries it again.',
  },
  'deploy/newer-there': {
    message:
      'deploying {certificate} to {target} was refused: certbot has renewed it, and its version in {path} is newer (valid from {from})',
    blame: 'config',
    retry: 'later',
    hint: 'Take over the newer version with `certfleet import certbot {root} --in-place`, and stop certbot, so that only one of them renews.',
  },
  'deploy/config-test-failed': {
    message: '{target}: the configuration test failed after {certificate} was written: {output}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous files were put back. Fix the configuration; `certfleet renew` tries again.',
  },
  'deploy/too-slow': {
    message: 'deploying {certificate} to {target} took longer than {seconds} s',
    blame: 'config',
    retry: 'later',
    hint: 'Find out why the target hangs, or allow it more time with `deployDeadline` in the configuration.',
  },
  'deploy/other-node': {
    message: '{target} does not have {certificate} yet: the delivery to it was interrupted on another node',
    blame: 'config',
    retry: 'later',
    hint: 'A sweep delivers only to targets that all nodes share. `certfleet renew` on that node delivers to the others.',
  },
  'deploy/no-answer': {
    message: 'nothing answers at {endpoint}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Start the server, or correct the endpoint; `certfleet renew` checks it again.',
  },
  'deploy/still-old': {
    message: '{endpoint} does not serve the current certificate of {certificate} yet (served at {served})',
    blame: 'config',
    retry: 'later',
    hint: 'Check that a target of this certificate is the server behind this endpoint; `certfleet renew` activates it and checks again.',
  },
  'deploy/handshake-failed': {
    message: '{endpoint} no longer completes a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The previous version was put back. `certfleet renew` tries the new one again after a day.',
  },
  'deploy/no-handshake': {
    message: '{endpoint} does not complete a TLS handshake: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{why}. Check that a TLS server listens there and accepts the certificate; `certfleet renew` checks it again.',
  },
} as const satisfies Record<string, ErrorEntry>;
