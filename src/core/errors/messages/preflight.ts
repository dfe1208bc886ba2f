import type { ErrorEntry } from '../error-entry.ts';

/** The preflight: exit 3. */
export const preflight = {
  'preflight/no': {
    message: '{finding}; the CA was not asked',
    blame: 'config',
    retry: 'later',
    hint: '{advice} If the CA can see what this machine cannot, run `certfleet issue {certificate} --ignore-preflight`; for a new certificate, repeat your command with --ignore-preflight.',
  },
  'preflight/cannot-tell': {
    message: '{finding}, and three validations failed in the last hour; the CA was not asked',
    blame: 'network',
    retry: 'later',
    hint: 'Fix the problem named above, or wait an hour and run `certfleet issue {certificate}`.',
  },
  'preflight/hides-wildcard': {
    message:
      '{identifier} exists only through the wildcard record {wildcard}: a TXT record below it would hide its address (RFC 4592)',
    blame: 'config',
    retry: 'later',
    hint: 'Add a record for {identifier} itself, use HTTP-01, or request {wildcard} instead.',
  },
} as const satisfies Record<string, ErrorEntry>;
