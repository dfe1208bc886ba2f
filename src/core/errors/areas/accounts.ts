import type { ErrorEntry } from '../error-entry.ts';

/** Accounts: exit 2. */
export const accounts = {
  'account/several': {
    message: 'there are several accounts{which}: {accounts}',
    blame: 'config',
    retry: 'never',
    hint: 'Name one with its issuer and --account.',
  },
  'account/not-found': {
    message: 'there is no account{which} in this store',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/not-open': {
    message: 'the CA has not opened the account {account} yet',
    blame: 'config',
    retry: 'never',
    hint: 'Issue a certificate with it; that opens it. If no certificate uses it, `certfleet account remove` removes it.',
  },
  'account/stays': {
    message: 'the account {account} is not removed: {reason}',
    blame: 'config',
    retry: 'never',
    hint: '{advice}',
  },
  'account/changed': {
    message: 'another process has just replaced the key of {url}, or given that up',
    blame: 'config',
    retry: 'later',
    hint: 'Look at it with `certfleet account list`, and run the command again if you want another key.',
  },
  'account/rolling': {
    message: '{certificate} {reason}',
    blame: 'config',
    retry: 'later',
    hint: 'Its proxies answer with the thumbprint of the account’s key, and some may have that of the new one already. Nothing was ordered.',
  },
} as const satisfies Record<string, ErrorEntry>;
