import type { ErrorCode } from '../../core/errors/error-table.ts';
import { exitCodeOfError } from '../../core/errors/errors.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Hop } from '../../core/request-path/hop.ts';

/** The meaning of each exit code. docs/reference/exit-codes.md is generated from it. */
export const exitMeanings = {
  0: 'done, or nothing was due',
  1: 'a bug in certfleet',
  2: 'wrong usage or configuration (identifiers, flags, certfleet.yaml, credentials)',
  3: 'the preflight proved that the CA would refuse, so the CA was not asked',
  4: 'the CA refused, failed or could not be reached',
  5: 'DNS, the load balancer or the solver failed, so the challenge could not be answered, or refused to remove it; or an alarm could not be sent',
  6: 'issued, but a deployment is pending; `certfleet renew` tries it again',
  7: 'the store cannot be used, or another process must finish first: one that works on the certificate, or a rollover of its account',
  8: 'done, but the interval of `renew --next-run` is too long for the lifetime of a certificate',
  9: 'done, but the output could not be written (a full disk)',
  130: 'stopped by SIGINT (Ctrl-C), except `run`, which ends with 0; unfinished work was cleaned up or journalled',
  143: 'stopped by SIGTERM, except `run`; unfinished work was cleaned up or journalled',
} as const;

export type ExitCode = keyof typeof exitMeanings;

/**
 * The order in which codes take precedence if the certificates of one run ended differently: first what stops
 * everything (a bug, the store), then what a person must fix, then what may pass by itself. A pending deployment comes
 * after these, because its certificate exists, and a schedule that is too slow comes last, because nothing is wrong
 * yet.
 */
export const exitPrecedence: readonly ExitCode[] = [1, 7, 2, 4, 5, 3, 6, 8, 0];

/**
 * Returns the exit code of a run, from its worst outcome, its leftovers outside the store, and refused hooks. A pending
 * deployment is 6, whatever its error's own code is.
 */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  const codes = new Set<number>();
  for (const outcome of outcomes) {
    const { left = [], refusedHooks = [] } = outcome;
    codes.add(outcome.result === 'failed' ? outcome.error.exitCode : outcome.result === 'pending' ? 6 : 0);
    for (const { code } of left) codes.add(exitCodeOfError(code));
    for (const { code } of refusedHooks) codes.add(exitCodeOfError(code));
  }
  return exitPrecedence.find((code) => codes.has(code)) ?? 0;
}

/** Returns the exit code of `doctor`, from the worst broken hop. */
export function exitCodeOfHops(hops: readonly Pick<Hop, 'state' | 'code'>[]): number {
  const broken = hops.filter(({ state }) => state === 'broken');
  const codes = new Set<number>(broken.map(({ code }) => (code === undefined ? ofSolvers : exitCodeOfError(code))));
  return exitPrecedence.find((one) => codes.has(one)) ?? 0;
}

/** The exit code if something could not be removed because of an error without a code: the same as for a solver. */
const ofSolvers = 5;

/** Returns the exit code of a sweep, from the worst of its failures. */
export function exitCodeOfSweep(failed: readonly { readonly code?: ErrorCode }[]): number {
  const codes = new Set<number>(failed.map(({ code }) => (code === undefined ? ofSolvers : exitCodeOfError(code))));
  return exitPrecedence.find((one) => codes.has(one)) ?? 0;
}
