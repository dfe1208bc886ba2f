import type { ErrorEntry } from '../error-entry.ts';

/** The schedule of `renew`: exit 8. */
export const schedule = {
  'schedule/too-slow': {
    message:
      'a run every {interval} cannot keep {certificate} valid: its lifetime of {lifetime} is not more than twice that interval',
    blame: 'config',
    retry: 'never',
    hint: 'Run `renew` at least every {longest} (with `--next-run {flag}`), or better once an hour without --next-run.',
  },
} as const satisfies Record<string, ErrorEntry>;
