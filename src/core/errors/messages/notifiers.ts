import type { ErrorEntry } from '../error-entry.ts';

/** Alarms that could not be sent: exit 5. `{notifier}` is the name in `alarms:` with the type: `ops (slack)`. */
export const notifiers = {
  'notify/refused': {
    message: '{notifier} refused the message: {reason}',
    blame: 'config',
    retry: 'later',
    hint: '{advice} `certfleet alarms test {name}` sends a test message.',
  },
  'notify/unreachable': {
    message: '{notifier} could not be reached: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'Check the address, the network and the proxy settings. `certfleet alarms test {name}` sends a test message.',
  },
  'notify/unknown': {
    message: '{notifier} did not say whether it accepted the message: {reason}',
    blame: 'network',
    retry: 'later',
    hint: 'The message may have arrived. Check the network; `certfleet alarms test {name}` sends a test message.',
  },
  'notify/failed': {
    message: '{notifier} failed: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'The service has a problem, or a proxy in between answered in its place. `certfleet alarms test {name}` sends a test message.',
  },
  'notify/limited': {
    message: '{notifier} accepts no more messages at the moment: {reason}',
    blame: 'provider',
    retry: 'later',
    hint: 'Find out what else sends messages with the same address or token. certfleet sends the alarm again later.',
  },
} as const satisfies Record<string, ErrorEntry>;
