import type { ErrorEntry } from '../error-entry.ts';
import { homepage } from '../version.ts';

/** Network, processes, output and bugs. */
export const program = {
  'network/failed': {
    message: '{method} {url}: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the network and the proxy settings.',
  },
  'network/too-large': {
    message: '{method} {url}: the response is larger than {limit} bytes',
    blame: 'network',
    retry: 'later',
    hint: 'Check that no proxy or captive portal is responding in place of the server.',
  },
  'network/unhealthy': {
    message: '`certfleet run` is not well: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Its log says more.',
  },
  'network/not-running': {
    message: 'no `certfleet run` answers at the socket {socket}: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Start `certfleet run`. Only its user and root may open the socket.',
  },
  'process/failed': {
    message: '`{command}` could not be started: {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Check that the program is installed and that this user can run it.',
  },
  'process/timeout': {
    message: '`{command}` did not finish within {seconds} s and was stopped',
    blame: 'config',
    retry: 'later',
    hint: 'Run it by hand to see what it is waiting for. certfleet runs it without a terminal and with only a few environment variables.',
  },
  'output/lost': {
    message: 'the output could not be written: {reason}',
    blame: 'config',
    retry: 'never',
    hint: 'The command itself has finished its work. Free some disk space, or send the output elsewhere.',
  },
  'bug/unexpected': {
    message: 'something went wrong inside certfleet: {reason}',
    blame: 'bug',
    retry: 'later',
    hint: `Please report it at ${homepage}/issues with the output of \`--json\`. Nothing in the store is lost.`,
  },
} as const satisfies Record<string, ErrorEntry>;
