import type { ErrorEntry } from '../error-entry.ts';

/** Accounts: exit 2. */
export const accounts = {
  'account/several': {
    message: 'there is more than one account{which}: {accounts}',
    blame: 'config',
    retry: 'never',
    hint: 'Choose one: give its issuer, and its name with --account.',
  },
  'account/not-found': {
    message: 'this store has no account{which}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/not-open': {
    message: 'the account {account} is not open at the CA yet',
    blame: 'config',
    retry: 'never',
    hint: 'Issue a certificate with this account to open it. If no certificate uses the account, remove it with `certfleet account remove`.',
  },
  'account/stays': {
    message: 'the account {account} was not removed: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/changed': {
    message: 'another process has just replaced the key of the account {url}, or canceled the replacement',
    blame: 'config',
    retry: 'later',
    hint: 'Check the account with `certfleet account list`. If its key still needs to be replaced, run the command again.',
  },
  'account/rolling': {
    message: '{certificate} {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'The proxies answer challenges with the thumbprint of the account key, and some of them may already have the new one. No order was sent.',
  },
} as const satisfies Record<string, ErrorEntry>;
